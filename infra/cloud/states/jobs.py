"""Tasks that wait for a job (.sync) and that moto's interpreter only starts: SageMaker, Athena.

Limit: training, processing and transform jobs, and queries; stopping an execution does not stop
its job.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

LOOK = 0.05  # real seconds between two looks at a job


@dataclass(frozen=True)
class Job:
    """How to ask about a job: the call, what names it, where its state is, how it may end."""

    describe: str
    names: str
    state: tuple[str, ...]
    done: frozenset[str]
    failed: frozenset[str]


def _sagemaker(kind: str, names: str) -> Job:
    return Job(
        f"describe_{kind}_job", names, (f"{kind.title()}JobStatus",), frozenset({"Completed"}),
        frozenset({"Failed", "Stopped"}),
    )


SERVICES: Mapping[str, Mapping[str, Job]] = {
    "sagemaker": {
        "create_training_job": _sagemaker("training", "TrainingJobName"),
        "create_processing_job": _sagemaker("processing", "ProcessingJobName"),
        "create_transform_job": _sagemaker("transform", "TransformJobName"),
    },
    "athena": {
        "start_query_execution": Job(
            "get_query_execution", "QueryExecutionId", ("QueryExecution", "Status", "State"),
            frozenset({"SUCCEEDED"}), frozenset({"FAILED", "CANCELLED"}),
        ),
    },
}


def task(service: str) -> Any:
    """Return a fresh task state of a service, as the interpreter wants one."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
        state_task_service_callback as engine,
    )
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import (
        ResourceCondition,
    )

    class Task(engine.StateTaskServiceCallback):
        """A task that starts a job and, with .sync, waits for its end."""

        def __init__(self) -> None:
            patterns: Any = {ResourceCondition.Sync, ResourceCondition.WaitForTaskToken}
            super().__init__(supported_integration_patterns=patterns)

        def _eval_service_task(
            self, env: Any, resource_runtime_part: Any, normalised_parameters: dict[str, Any],
            state_credentials: Any,
        ) -> None:
            client = _client(self, state_credentials)
            answer = getattr(client, self._get_boto_service_action())(**normalised_parameters)
            answer.pop("ResponseMetadata", None)
            env.stack.append(answer)

        def _build_sync_resolver(
            self, env: Any, resource_runtime_part: Any, normalised_parameters: dict[str, Any],
            state_credentials: Any,
        ) -> Callable[[], Any]:
            started = env.stack.pop()
            client = _client(self, state_credentials)
            job = SERVICES[service][self._get_boto_service_action()]
            name = started.get(job.names) or normalised_parameters[job.names]
            return lambda: _result(self, env, client, job, name)

        def _from_error(self, env: Any, ex: Exception) -> Any:
            from botocore.exceptions import ClientError

            if not isinstance(ex, ClientError):
                return super()._from_error(env=env, ex=ex)
            told = ex.response["Error"]
            return _event(self, env, _title(service) + "." + told["Code"], told["Message"])

    return Task()


def _client(task: Any, credentials: Any) -> Any:
    from infra.cloud.states import engine

    return engine._client("", task._get_boto_service_name(), credentials)


def _title(service: str) -> str:
    return {"sagemaker": "SageMaker", "athena": "Athena"}[service]


def _result(task: Any, env: Any, client: Any, job: Job, name: str) -> Any:
    """Wait for the end of a job; return what is told of it, or raise that it failed."""
    from moto.stepfunctions.parser.asl.component.common.error_name import failure_event
    from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

    while env.is_running():
        told = getattr(client, job.describe)(**{job.names: name})
        told.pop("ResponseMetadata", None)
        state: Any = told
        for step in job.state:
            state = state[step]
        if state in job.done:
            return told
        if state in job.failed:
            event = _event(task, env, "States.TaskFailed", to_json_str(told))
            raise failure_event.FailureEventException(event)
        time.sleep(LOOK)
    return None


def _event(task: Any, env: Any, error: str, cause: str) -> Any:
    from moto.stepfunctions.parser.api import HistoryEventType, TaskFailedEventDetails
    from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import (
        CustomErrorName,
    )
    from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
        FailureEvent,
    )
    from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import (
        StatesErrorName,
    )
    from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import (
        StatesErrorNameType,
    )
    from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

    failed = error == "States.TaskFailed"
    details: Any = EventDetails  # a TypedDict that demands every kind of event at once
    return FailureEvent(
        env=env,
        error_name=StatesErrorName(typ=StatesErrorNameType.StatesTaskFailed) if failed
        else CustomErrorName(error),
        event_type=HistoryEventType.TaskFailed,
        event_details=details(taskFailedEventDetails=TaskFailedEventDetails(
            error=error, cause=cause, resource=task._get_sfn_resource(),
            resourceType=task._get_sfn_resource_type(),
        )),
    )
