"""moto's interpreter of state machines, led by us: its clock, its threads, its calls of services.

It would sleep in real time, start threads that nobody counts and call a server on localhost. Here
it waits by the cloud's clock, counts as work only while it works, and calls through the front door
with the execution's role. Limit: loading it costs 0.9 CPU-s and 100 MB, once a process.
"""

from __future__ import annotations

import contextlib
import json
import sys
import types
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from infra.cloud import agenda, routes
from infra.cloud.dispatch import ACCOUNT
from infra.cloud.errors import AwsError
from infra.cloud.events import rules

if TYPE_CHECKING:
    from infra.cloud.inside import Inside

INTERPRETER = "moto.stepfunctions.parser"
LONGEST = 366 * 86400  # seconds that an execution may last, and its credentials with it
_cloud: list[Inside] = []


def follow(inside: Inside) -> None:
    """Let the interpreter work for this cloud. Not under a lock that a service's call needs."""
    if _cloud[:1] != [inside]:
        _cloud[:] = [inside]
    _load()


def backends() -> Any:
    """Return the interpreter's back ends by region; none before it was loaded."""
    models = sys.modules.get(f"{INTERPRETER}.models")
    return {} if models is None else models.stepfunctions_parser_backends[ACCOUNT]


@cache
def _load() -> None:
    import antlr4.LL1Analyzer  # noqa: F401
    from moto.core.config import default_user_config
    from moto.stepfunctions.parser import models  # noqa: F401  (loads every part of it)

    with contextlib.suppress(ImportError):
        import jsonata  # noqa: F401  (a graded cloud can load nothing later)
    config: Any = default_user_config
    config["stepfunctions"] = {"execute_state_machine": True}
    for name, module in list(sys.modules.items()):
        if name.startswith(INTERPRETER):
            _lead(module)
    _end()
    _latch()
    _shapes()
    _definitions()
    _sync_tasks()
    _jsonata()


def _lead(module: Any) -> None:
    """Replace what a module of the interpreter has of threads, time and clients."""
    import threading
    import time

    ours = types.SimpleNamespace(
        Thread=_thread, Event=_mark, Lock=threading.Lock, RLock=threading.RLock,
        Condition=threading.Condition,
    )
    known = vars(module)
    if known.get("threading") is threading:
        module.threading = ours
    if known.get("time") is time:
        module.time = types.SimpleNamespace(sleep=_sleep, time=_now)
    if known.get("Thread") is threading.Thread:
        module.Thread = _thread
    if known.get("Event") is threading.Event:
        module.Event = _mark
    if "boto_client_for" in known:
        module.boto_client_for = _client
    if "TMP_THREADS" in known:
        module.TMP_THREADS = _Forgetful()
    if module.__name__.endswith("state_task_service_callback"):
        module.time = types.SimpleNamespace(sleep=_until_something_ends, time=_now)


class _Forgetful(list[Any]):
    """The interpreter keeps every thread for ever; nobody looks at them."""

    def append(self, _: Any) -> None:
        """Keep nothing."""


def _thread(*, target: Any, args: tuple[Any, ...] = (), **_: Any) -> agenda.Thread:
    return agenda.Thread(_cloud[0].agenda, target, args)


def _mark() -> agenda.Mark:
    return agenda.Mark(_cloud[0].agenda)


def _sleep(seconds: float) -> None:
    _cloud[0].agenda.sleep(seconds)


def _now() -> float:
    return _cloud[0].clock.now()


def _progress() -> list[agenda.Mark]:
    found: list[agenda.Mark] = _cloud[0].store("executions' ends", lambda: [_mark()])
    return found


def _until_something_ends(seconds: float) -> None:
    """Wait for the next end of any execution, at most so long: a parent waits for its child."""
    _progress()[0].wait(seconds)


def _client(region: str, service: str, state_credentials: Any = None) -> Any:
    """Return a client with the execution's role; kept for the next state."""
    inside, role = _cloud[0], state_credentials.role_arn
    kept: dict[tuple[str, str], Any] = inside.store("states' clients", dict)
    if (service, role) not in kept:
        try:
            client = inside.client(
                service, role, "states", LONGEST, parameter_validation=False,
                inject_host_prefix=False,
            )
        except LookupError as error:
            raise RuntimeError(f"The role cannot be assumed: {error}") from None
        client.meta.events.register("after-call.*.*", _plain)
        kept[service, role] = client
    return kept[service, role]


def _plain(parsed: Any, **_: Any) -> None:
    """Write the dates of an answer as text: an execution's data is JSON."""
    items = parsed.items() if isinstance(parsed, dict) else enumerate(parsed)
    for name, value in list(items):
        if isinstance(value, datetime):
            parsed[name] = value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        elif isinstance(value, dict | list):
            _plain(value)


# --- what happens at the end of an execution ----------------------------------------------------


def _end() -> None:
    """Tell who waits, and the default event bus, how an execution ended."""
    from moto.stepfunctions.parser.backend import execution as engine

    place: Any = engine.BaseExecutionWorkerCommunication
    first = place.terminated

    def terminated(self: Any) -> None:
        try:
            first(self)
        finally:
            ended(self.execution)

    place.terminated = terminated


def ended(execution: Any) -> None:
    """Announce an execution that has ended."""
    inside = _cloud[0]
    announce(inside, execution)
    with inside.agenda.turn:
        marks = _progress()
        before, marks[0] = marks[0], _mark()
    before.set()


def announce(inside: Inside, execution: Any) -> None:
    """Put an event about a standard execution's status on the default bus."""
    if str(getattr(execution.sm_type, "value", execution.sm_type)) == "EXPRESS":
        return
    told = execution.to_describe_output()
    detail = {
        name: told.get(name) for name in (
            "executionArn", "stateMachineArn", "name", "input", "output", "error", "cause",
        )
    }
    detail["status"] = str(getattr(told["status"], "value", told["status"]))
    for name in ("startDate", "stopDate"):
        moment = told.get(name)
        detail[name] = int(1000 * moment.timestamp()) if moment is not None else None
    with inside.door.lock, contextlib.suppress(KeyError):
        rules.emit(
            inside, execution.region_name, "aws.states", "Step Functions Execution Status Change",
            detail, [execution.exec_arn],
        )


# --- mends --------------------------------------------------------------------------------------


def _latch() -> None:
    """Who waits for branches waits as everybody else does here."""
    from moto.stepfunctions.parser.asl.eval import count_down_latch as engine

    class Latch:
        def __init__(self, num: int) -> None:
            self.left, self.mark = num, _mark()
            if num <= 0:
                self.mark.set()

        def count_down(self) -> None:
            with self.mark.agenda.turn:
                self.left -= 1
            if self.left <= 0:
                self.mark.set()

        def wait(self) -> None:
            self.mark.wait()

    for module in list(sys.modules.values()):
        if vars(module).get("CountDownLatch") is engine.CountDownLatch and module is not engine:
            module.CountDownLatch = Latch  # type: ignore[attr-defined]


def _shapes() -> None:
    """Turn names and values into what the SDK wants, and back: moto has left that out."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
        state_task_service as engine,
    )

    place: Any = engine.StateTaskService

    def asked(self: Any, parameters: dict[str, Any], *names: Any, **named: Any) -> None:
        found = _operation(self, *names, **named)
        if found is not None and found.input_shape is not None:
            self._to_boto_request(parameters, found.input_shape)

    def told(self: Any, response: Any, *names: Any, **named: Any) -> None:
        found = _operation(self, *names, **named)
        if found is not None and found.output_shape is not None:
            self._from_boto_response(response, found.output_shape)

    place._normalise_parameters, place._normalise_response = asked, told


def _operation(
    task: Any, boto_service_name: str | None = None, service_action_name: str | None = None
) -> Any:
    """Return botocore's model of the operation that a task calls; None: it has none."""
    from botocore.exceptions import UnknownServiceError

    wanted = task._get_boto_service_action(service_action_name)
    try:
        model = routes.model(task._get_boto_service_name(boto_service_name))
    except UnknownServiceError:
        return None
    name = _methods(model).get(wanted)
    return model.operation_model(name) if name else None


def _methods(model: Any) -> dict[str, str]:
    from botocore import xform_name

    return {xform_name(name): name for name in model.operation_names}


def _definitions() -> None:
    """Say which error a bad definition is: moto's has no code. Its lexer prints; ours does not."""
    from antlr4.error.ErrorListener import ConsoleErrorListener
    from moto.stepfunctions.parser import models
    from moto.stepfunctions.parser.api import InvalidDefinition

    place: Any = models.StepFunctionsParserBackend
    first = place._validate_definition

    def check(definition: str) -> None:
        try:
            first(definition=definition)
        except InvalidDefinition as error:
            raise AwsError(
                "InvalidDefinition", f"Invalid State Machine Definition: '{error.message}'"
            ) from None

    place._validate_definition = staticmethod(check)
    listener: Any = ConsoleErrorListener
    listener.syntaxError = lambda *_: None


def _sync_tasks() -> None:
    """Give the interpreter jobs that it does not know how to wait for."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_task import state_task_factory

    from infra.cloud.states import jobs

    place: Any = state_task_factory
    first = place.state_task_service_for

    def service_for(service_name: str) -> Any:
        return jobs.task(service_name) if service_name in jobs.SERVICES else first(service_name)

    place.state_task_service_for = service_for


def _jsonata() -> None:
    """Evaluate JSONata in Python: the interpreter wants a Java machine for it."""
    from moto.stepfunctions.parser.asl.jsonata import jsonata as engine

    place: Any = engine
    place._eval_jsonata = evaluate
    first = engine.encode_jsonata_variable_declarations

    def declared(bindings: dict[str, Any]) -> str:
        return "".join(f"{name}:={json.dumps(value)};" for name, value in bindings.items())

    for module in list(sys.modules.values()):
        if vars(module).get("encode_jsonata_variable_declarations") is first:
            module.encode_jsonata_variable_declarations = declared  # type: ignore[attr-defined]


def evaluate(expression: str) -> Any:
    """Return the value of a JSONata expression. The engine's own error: it cannot be evaluated."""
    from moto.stepfunctions.parser.asl.jsonata.jsonata import JSONataException

    try:
        from jsonata import Jsonata
    except ImportError:
        raise JSONataException(
            "UNKNOWN", "JSONata needs the group compute: ./ladder up compute, then start anew"
        ) from None
    try:
        return json.loads(json.dumps(Jsonata(expression).evaluate(None)))
    except Exception as error:  # whatever the library raises is an error of the expression
        raise JSONataException("UNKNOWN", str(error)) from None


def region_arn(region: str, kind: str, name: str) -> str:
    """Return the ARN of a state machine, an execution or an activity."""
    return f"arn:aws:states:{region}:{ACCOUNT}:{kind}:{name}"
