"""EventBridge rules: events and schedules reach their targets, as the input says.

The engine keeps buses, rules and targets. Limit: no archives' replays, API destinations or pipes;
a target that cannot be reached is tried once, then its dead-letter queue gets the event.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from infra.cloud import dispatch
from infra.cloud.calls import Call
from infra.cloud.dispatch import ACCOUNT
from infra.cloud.errors import Answer, AwsError
from infra.cloud.events import patterns, schedules
from infra.cloud.events.delivery import Actor, Target, send
from infra.cloud.island import forward, plain

if TYPE_CHECKING:
    from infra.cloud.inside import Inside

SERVICE = "events.amazonaws.com"
_PLACE = re.compile(r"<([A-Za-z0-9_.-]+)>")
_STEP = re.compile(r"\.([A-Za-z0-9_@-]+)|\[(\d+)\]|\['([^']+)'\]")


# --- events -------------------------------------------------------------------------------------


def emit(
    inside: Inside, region: str, source: str, kind: str, detail: Mapping[str, Any],
    resources: list[str],
) -> None:
    """Put an event of a service of this cloud on the default bus. Under the door's lock."""
    event = envelope(inside, region, source, kind, detail, resources)
    for rule in list(dispatch.backend("events", region).event_buses["default"].rules.values()):
        offer(inside, rule, event)


def envelope(
    inside: Inside, region: str, source: str, kind: str, detail: Mapping[str, Any],
    resources: list[str], moment: float | None = None,
) -> dict[str, Any]:
    """Return an event as EventBridge passes it on."""
    when = inside.clock.now() if moment is None else moment
    return {
        "version": "0", "id": str(uuid.uuid4()), "detail-type": kind, "source": source,
        "account": ACCOUNT, "time": stamp(when), "region": region, "resources": resources,
        "detail": dict(detail),
    }


def stamp(moment: float) -> str:
    """Return a moment as events write it."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def offer(inside: Inside, rule: Any, event: Mapping[str, Any]) -> None:
    """Give an event to a rule: what matches goes to every target."""
    text = rule.event_pattern.dump()
    if rule.state != "ENABLED" or not text or not patterns.matches(json.loads(text), event):
        return
    for target in list(rule.targets):
        _to(inside, rule, target, event)


def given(inside: Inside, rule: Any, event: Mapping[str, Any]) -> None:
    """Give a rule an event that came by PutEvents, in the engine's words."""
    clean = {k: v for k, v in event.items() if k != "ingestion-time"}
    moment = clean["time"]
    clean["time"] = stamp(float(moment) if isinstance(moment, int | float) else _moment(moment))
    offer(inside, rule, clean)


def _moment(text: Any) -> float:
    if isinstance(text, datetime):
        return text.timestamp()
    try:
        return float(text)
    except ValueError:
        return datetime.fromisoformat(str(text)).timestamp()


def _to(inside: Inside, rule: Any, target: Mapping[str, Any], event: Mapping[str, Any]) -> None:
    kind = target["Arn"].split(":")[2]
    role = target.get("RoleArn") or (
        rule.role_arn if kind in {"states", "kinesis", "events", "ecs", "firehose"} else ""
    )
    place = Target(
        target["Arn"], (target.get("DeadLetterConfig") or {}).get("Arn", ""),
        (target.get("SqsParameters") or {}).get("MessageGroupId", ""),
        str(_partition(target, event)),
    )
    send(inside, Actor(SERVICE, rule.arn, role or ""), place, words(rule, target, event))


def _partition(target: Mapping[str, Any], event: Mapping[str, Any]) -> Any:
    path = (target.get("KinesisParameters") or {}).get("PartitionKeyPath")
    return at(event, path) if path else event["id"]


def words(rule: Any, target: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    """Return what a target is sent: the event, a part of it, or a text made of it."""
    if target.get("Input"):
        return str(target["Input"])
    if target.get("InputPath"):
        return json.dumps(at(event, target["InputPath"]))
    transformer = target.get("InputTransformer")
    if transformer:
        return _filled(rule, transformer, event)
    return json.dumps(event)


def _filled(rule: Any, transformer: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    values = {k: at(event, p) for k, p in (transformer.get("InputPathsMap") or {}).items()}
    values |= {
        "aws.events.rule-arn": rule.arn, "aws.events.rule-name": rule.name,
        "aws.events.event.json": event, "aws.events.event.ingestion-time": event["time"],
    }
    template = transformer["InputTemplate"]

    def fill(match: re.Match[str]) -> str:
        value = values.get(match[1], "")
        quoted = template[:match.start()].replace('\\"', "").count('"') % 2
        if quoted:
            return value if isinstance(value, str) else json.dumps(value)
        return json.dumps(value)

    return _PLACE.sub(fill, template)


def at(event: Any, path: str) -> Any:
    """Return what a simple JSON path names; None where there is nothing."""
    found = event
    for name, number, quoted in _STEP.findall(path.removeprefix("$")):
        try:
            found = found[int(number)] if number else found[name or quoted]
        except (KeyError, IndexError, TypeError):
            return None
    return found


# --- the API, where the engine does not do ------------------------------------------------------


def put_rule(call: Call, inside: Inside) -> Answer:
    """PutRule: refuses what is no pattern or no schedule, and sets the clock for a schedule."""
    text, pattern = call.params.get("ScheduleExpression"), call.params.get("EventPattern")
    if pattern:
        patterns.check(pattern)
    if not text and not pattern:
        raise AwsError(
            "ValidationException",
            "Parameter(s) EventPattern or ScheduleExpression must be specified.",
        )
    if text:
        try:
            schedules.check(text)
        except ValueError:
            raise AwsError(
                "ValidationException", "Parameter ScheduleExpression is not valid."
            ) from None
    return forward(call)


def test_event_pattern(call: Call, inside: Inside) -> Answer:
    """TestEventPattern."""
    pattern = patterns.check(call.params.get("EventPattern"))
    try:
        event = json.loads(call.params.get("Event") or "")
    except ValueError:
        event = None
    needed = {"id", "account", "source", "time", "region", "resources", "detail-type"}
    if not isinstance(event, dict) or not needed <= set(event):
        raise AwsError("ValidationException", "Parameter Event is not valid.")
    return plain({"Result": patterns.matches(pattern, event)})


# --- schedules ----------------------------------------------------------------------------------


def arm(inside: Inside, rule: Any) -> None:
    """Set the clock for a rule's schedule, in place of what was set before."""
    rounds: dict[str, int] = inside.store("rule rounds", dict)
    rounds[rule.arn] = rounds.get(rule.arn, 0) + 1
    if rule.scheduled_expression and rule.state == "ENABLED":
        now = inside.clock.now()
        _next(inside, rule, now, now, rounds[rule.arn])


def revive(inside: Inside, _: Any) -> None:
    """Set the clocks of all rules again, counted from now."""
    for backend in dispatch.regional("events"):
        for bus in backend.event_buses.values():
            for rule in bus.rules.values():
                arm(inside, rule)


def _next(inside: Inside, rule: Any, after: float, begun: float, number: int) -> None:
    moment = schedules.following(rule.scheduled_expression, after, begun)
    if moment is not None:
        inside.agenda.at(moment, lambda: _ring(inside, rule, moment, begun, number))


def _ring(inside: Inside, rule: Any, moment: float, begun: float, number: int) -> None:
    """Fire a scheduled rule, unless it has changed since its clock was set."""
    rounds: dict[str, int] = inside.store("rule rounds", dict)
    with inside.door.lock:
        kept = dispatch.backend("events", rule.region_name).event_buses[rule.event_bus_name].rules
        if rounds.get(rule.arn) != number or kept.get(rule.name) is not rule:
            return
        event = envelope(
            inside, rule.region_name, "aws.events", "Scheduled Event", {}, [rule.arn], moment
        )
        for target in list(rule.targets):
            _to(inside, rule, target, event)
    _next(inside, rule, moment, begun, number)
