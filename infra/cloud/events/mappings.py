"""Event source mappings: which function hears of which queue or stream, and how.

Limit: SQS, Kinesis and DynamoDB streams; tumbling windows and parallel batches of one shard are
not there.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from infra.cloud import dispatch, state, sts, verdicts
from infra.cloud.calls import Call, Need
from infra.cloud.dispatch import ACCOUNT
from infra.cloud.errors import Answer, AwsError
from infra.cloud.events import patterns
from infra.cloud.island import plain

if TYPE_CHECKING:
    from infra.cloud.inside import Inside
    from infra.cloud.lambdas.functions import Version

RIGHTS = {
    "sqs": ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
    "kinesis": ("kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:DescribeStream"),
    "dynamodb": (
        "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:DescribeStream",
    ),
}
DEFAULTS: dict[str, dict[str, Any]] = {
    "sqs": {"BatchSize": 10, "MaximumBatchingWindowInSeconds": 0, "FunctionResponseTypes": []},
    "kinesis": {
        "BatchSize": 100, "MaximumBatchingWindowInSeconds": 0, "MaximumRetryAttempts": -1,
        "MaximumRecordAgeInSeconds": -1, "BisectBatchOnFunctionError": False,
        "FunctionResponseTypes": [], "DestinationConfig": {"OnFailure": {}},
    },
}
DEFAULTS["dynamodb"] = dict(DEFAULTS["kinesis"])
SETTINGS = (
    "BatchSize", "MaximumBatchingWindowInSeconds", "FunctionResponseTypes", "FilterCriteria",
    "MaximumRetryAttempts", "MaximumRecordAgeInSeconds", "BisectBatchOnFunctionError",
    "DestinationConfig", "StartingPosition", "StartingPositionTimestamp", "ScalingConfig",
)
_LIMITS = {
    "MaximumBatchingWindowInSeconds": (0, 300), "MaximumRetryAttempts": (-1, 10000),
    "MaximumRecordAgeInSeconds": (-1, 604800),
}


@dataclass
class Shard:
    """How far a stream's shard has been read, and what is left of a batch that failed."""

    after: str = ""
    left: deque[tuple[list[dict[str, Any]], int]] = field(default_factory=deque)
    pauses: int = 0
    resumes: float = 0.0


@dataclass
class Mapping:
    """One mapping, its settings as the API writes them, and where its reader stands."""

    id: str
    source: str
    region: str
    function: str
    settings: dict[str, Any]
    enabled: bool = True
    changed: float = 0.0
    working: bool = False
    again: bool = False
    alarm: float = 0.0
    result: str = "No records processed"
    shards: dict[str, Shard] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def kind(self) -> str:
        """The service that the events come from."""
        return self.source.split(":")[2]

    @property
    def size(self) -> int:
        """How many records an event may hold."""
        return int(self.settings["BatchSize"])

    @property
    def partly(self) -> bool:
        """Whether the function tells which records failed."""
        return "ReportBatchItemFailures" in (self.settings.get("FunctionResponseTypes") or [])

    def wants(self, record: dict[str, Any]) -> bool:
        """Whether a record passes the filters."""
        filters = (self.settings.get("FilterCriteria") or {}).get("Filters") or []
        return not filters or any(
            patterns.matches(json.loads(one.get("Pattern") or "{}"), record) for one in filters
        )

    def version(self) -> Version:
        """Return the function's version that is meant. AwsError: it has gone."""
        from infra.cloud.lambdas import functions

        return functions.find(self.region, self.function)

    def told(self) -> dict[str, Any]:
        """Return the mapping as the API describes it."""
        return {
            "UUID": self.id, "EventSourceArn": self.source, "FunctionArn": self.function,
            "EventSourceMappingArn": arn(self.region, self.id), "LastModified": self.changed,
            "State": "Enabled" if self.enabled else "Disabled",
            "StateTransitionReason": "USER_INITIATED", "LastProcessingResult": self.result,
            **self.settings,
        }


def arn(region: str, name: str) -> str:
    """Return the ARN of a mapping."""
    return f"arn:aws:lambda:{region}:{ACCOUNT}:event-source-mapping:{name}"


def known(inside: Inside) -> dict[str, Mapping]:
    """Return the mappings of a cloud by id."""
    found: dict[str, Mapping] = inside.store("mappings", dict)
    return found


def revive(inside: Inside, held: dict[str, Mapping] | None) -> None:
    """Take the mappings of a kept cloud over; each looks at its source once."""
    found = known(inside)
    found.update(held or {})
    for one in found.values():
        one.working, one.again, one.alarm = False, False, 0.0
        if one.enabled:
            read(inside, one)


def needs(call: Call, action: str) -> list[Need]:
    """Return what a call about mappings must be allowed to do."""
    name = call.params.get("UUID")
    return [Need(action, arn(call.region, str(name)) if name else "*")]


def stirred(inside: Inside, source: str) -> None:
    """Tell the mappings of a queue or stream that there may be something to read."""
    for one in list(known(inside).values()):
        if one.source == source and one.enabled:
            read(inside, one)


def read(inside: Inside, one: Mapping) -> None:
    """Let a mapping read soon, as often as it takes and never twice at once."""
    with one.lock:
        if one.working:
            one.again = True
            return
        one.working = True
    inside.agenda.soon(lambda: _work(inside, one))


def later(inside: Inside, one: Mapping, moment: float) -> None:
    """Let a mapping read when the clock has reached a moment."""
    if inside.clock.now() < one.alarm <= moment:
        return
    one.alarm = moment
    inside.agenda.at(moment, lambda: read(inside, one))


def _work(inside: Inside, one: Mapping) -> None:
    from infra.cloud.events import queues, streams

    try:
        if one.enabled and one.id in known(inside):
            (queues if one.kind == "sqs" else streams).drain(inside, one)
    finally:
        with one.lock:
            one.working, repeat, one.again = False, one.again, False
        if repeat:
            read(inside, one)


# --- the API ------------------------------------------------------------------------------------


def create(call: Call, inside: Inside) -> Answer:
    """CreateEventSourceMapping."""
    from infra.cloud.lambdas import functions

    params, source = call.params, str(call.params.get("EventSourceArn") or "")
    kind = [*source.split(":"), "", "", ""][2]
    if kind not in RIGHTS:
        raise _invalid("Unrecognized event source, must be kinesis, dynamodb stream or sqs.")
    version = functions.find(call.region, params["FunctionName"])
    _present(kind, source)
    if any(o.source == source and o.function == version.arn for o in known(inside).values()):
        raise AwsError("ResourceConflictException", "The event source mapping exists already.", 409)
    if kind != "sqs" and "StartingPosition" not in params:
        raise _invalid("1 validation error detected: StartingPosition is needed for a stream.")
    _may_read(version, kind, source)
    settings = DEFAULTS[kind] | {k: params[k] for k in SETTINGS if k in params}
    _within(kind, source, settings)
    one = Mapping(
        str(uuid.uuid4()), source, call.region, version.arn, settings,
        bool(params.get("Enabled", True)), inside.clock.now(),
    )
    if kind != "sqs":
        from infra.cloud.events import streams

        streams.begin(one)
    known(inside)[one.id] = one
    read(inside, one)
    return plain(one.told() | {"State": "Creating"}, 202)


def _present(kind: str, source: str) -> None:
    from infra.cloud.events import streams

    region, name = source.split(":")[3], source.split(":", 5)[5]
    there = (
        name in dispatch.backend("sqs", region).queues if kind == "sqs"
        else streams.exists(kind, source)
    )
    if not there:
        raise _invalid(f"Error occurred while reading the event source: {source} does not exist.")


def _may_read(version: Version, kind: str, source: str) -> None:
    role = state.role_by_arn(version.kept.role)
    for action in RIGHTS[kind]:
        who = sts.role_principal(role, "check") if role is not None else None
        if who is None or not verdicts.decide(who, Need(action, source), {}).allowed:
            raise _invalid(
                "The provided execution role does not have permissions to call "
                f"{action.partition(':')[2]} on {kind.upper() if kind == 'sqs' else kind}"
            )


def _within(kind: str, source: str, settings: dict[str, Any]) -> None:
    most = 10 if source.endswith(".fifo") else 10000
    if not 1 <= int(settings["BatchSize"]) <= most:
        raise _invalid(f"BatchSize must be from 1 to {most}.")
    window = settings["MaximumBatchingWindowInSeconds"]
    if kind == "sqs" and settings["BatchSize"] > 10 and not window:
        raise _invalid(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is "
            "greater than 10"
        )
    for name, (low, high) in _LIMITS.items():
        if name in settings and not low <= int(settings[name]) <= high:
            raise _invalid(f"{name} must be from {low} to {high}.")
    for one in (settings.get("FilterCriteria") or {}).get("Filters") or []:
        patterns.check(one.get("Pattern") or "{}", "InvalidParameterValueException")


def _found(call: Call, inside: Inside) -> Mapping:
    one = known(inside).get(str(call.params.get("UUID")))
    if one is None:
        message = "The resource you requested does not exist."
        raise AwsError("ResourceNotFoundException", message, 404)
    return one


def get(call: Call, inside: Inside) -> Answer:
    """GetEventSourceMapping."""
    return plain(_found(call, inside).told())


def list_all(call: Call, inside: Inside) -> Answer:
    """ListEventSourceMappings, of a function or a source or all."""
    from infra.cloud.lambdas import functions

    found = list(known(inside).values())
    name, source = call.params.get("FunctionName"), call.params.get("EventSourceArn")
    if name:
        region, plain_name, given = functions.parts(name, call.region)
        found = [o for o in found if o.function == functions.arn(region, plain_name, given)]
    if source:
        found = [o for o in found if o.source == source]
    return plain({"EventSourceMappings": [one.told() for one in found]})


def update(call: Call, inside: Inside) -> Answer:
    """UpdateEventSourceMapping."""
    from infra.cloud.lambdas import functions

    one, params = _found(call, inside), call.params
    settings = one.settings | {k: params[k] for k in SETTINGS if k in params}
    _within(one.kind, one.source, settings)
    if params.get("FunctionName"):
        one.function = functions.find(call.region, params["FunctionName"]).arn
    one.settings, one.changed = settings, inside.clock.now()
    one.enabled = bool(params.get("Enabled", one.enabled))
    if one.enabled:
        read(inside, one)
    return plain(one.told() | {"State": "Updating"}, 202)


def delete(call: Call, inside: Inside) -> Answer:
    """DeleteEventSourceMapping."""
    one = _found(call, inside)
    del known(inside)[one.id]
    return plain(one.told() | {"State": "Deleting"}, 202)


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValueException", message)


WORK = {
    "CreateEventSourceMapping": create, "GetEventSourceMapping": get,
    "ListEventSourceMappings": list_all, "UpdateEventSourceMapping": update,
    "DeleteEventSourceMapping": delete,
}
OPERATIONS = frozenset(WORK)
