"""CloudWatch alarms: judged at the end of each period by the cloud's clock, and told to others.

Limit: one metric by statistic or percentile; no metric math, anomaly bands or composite alarms:
those keep the state that SetAlarmState gives them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from infra.cloud import dispatch
from infra.cloud.dispatch import ACCOUNT
from infra.cloud.events import rules
from infra.cloud.events.delivery import Actor, Target, send

if TYPE_CHECKING:
    from infra.cloud.inside import Inside

OK, ALARM, UNKNOWN = "OK", "ALARM", "INSUFFICIENT_DATA"
SERVICE = "cloudwatch.amazonaws.com"
MORE = 2  # periods looked at beyond those that count, when some are empty
MOST_STEPS = 1000  # periods judged one by one after a jump of the clock
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": lambda a, b: a >= b,
    "GreaterThanThreshold": lambda a, b: a > b,
    "LessThanThreshold": lambda a, b: a < b,
    "LessThanOrEqualToThreshold": lambda a, b: a <= b,
}


def made(inside: Inside, alarm: Any) -> None:
    """A new alarm knows nothing; a changed one is judged anew. Sets its clock."""
    before = inside.store("alarm states", dict).get(alarm.alarm_arn)
    alarm.state_value = before or UNKNOWN
    rounds: dict[str, int] = inside.store("alarm rounds", dict)
    rounds[alarm.alarm_arn] = rounds.get(alarm.alarm_arn, 0) + 1
    if not alarm.rule and alarm.metric_name and alarm.comparison_operator in _COMPARE:
        _next(inside, alarm, inside.clock.now(), rounds[alarm.alarm_arn])


def revive(inside: Inside, _: Any) -> None:
    """Let all alarms go on in the state that they were in."""
    for backend in dispatch.regional("monitoring"):
        for alarm in backend.alarms.values():
            inside.store("alarm states", dict)[alarm.alarm_arn] = alarm.state_value
            made(inside, alarm)


def _next(inside: Inside, alarm: Any, after: float, number: int) -> None:
    period = int(alarm.period)
    behind = int((inside.clock.now() - after) // period)
    moment = (math.floor(after / period) + 1 + max(0, behind - MOST_STEPS)) * period
    inside.agenda.at(moment, lambda: _judge(inside, alarm, float(moment), number))


def _judge(inside: Inside, alarm: Any, moment: float, number: int) -> None:
    with inside.door.lock:
        region = alarm.region_name
        kept = dispatch.backend("monitoring", region).alarms.get(alarm.name)
        rounds: dict[str, int] = inside.store("alarm rounds", dict)
        if kept is not alarm or rounds.get(alarm.alarm_arn) != number:
            return
        points = datapoints(inside, alarm, moment)
        found = verdict(
            points, alarm.state_value, int(alarm.evaluation_periods),
            int(alarm.datapoints_to_alarm or alarm.evaluation_periods),
            alarm.treat_missing_data or "missing", _breach(alarm),
        )
        if found != alarm.state_value:
            reason, data = _reason(alarm, points, found, moment)
            changed(inside, alarm, found, reason, data, moment)
    _next(inside, alarm, moment, number)


def _breach(alarm: Any) -> Callable[[float], bool]:
    compare, threshold = _COMPARE[alarm.comparison_operator], float(alarm.threshold)
    return lambda value: compare(value, threshold)


def verdict(
    points: Sequence[float | None], state: str, periods: int, needed: int, missing: str,
    breach: Callable[[float], bool],
) -> str:
    """Return the state that follows from the datapoints of a range, the oldest first.

    Where enough of the range is there, the empty periods of it do not matter; where not, they are
    filled as `missing` says.
    """
    real = [breach(one) for one in points if one is not None][-periods:]
    bad, empty = sum(real), periods - len(real)
    if missing == "breaching":
        return ALARM if bad + empty >= needed else OK
    if missing == "notBreaching":
        return ALARM if bad >= needed else OK
    if bad >= needed:
        return ALARM
    if not all(real):
        return OK
    if missing == "ignore":
        return state
    return ALARM if bad else UNKNOWN


def datapoints(inside: Inside, alarm: Any, end: float) -> list[float | None]:
    """Return the statistic of each period of the evaluation range, the oldest first."""
    period = int(alarm.period)
    count = int(alarm.evaluation_periods) + MORE
    start = end - count * period
    buckets: list[list[Any]] = [[] for _ in range(count)]
    for datum in dispatch.backend("monitoring", alarm.region_name).metric_data:
        if not _of(alarm, datum):
            continue
        place = (_seconds(datum.timestamp) - start) / period
        if 0 <= place < count:
            buckets[int(place)].append(datum)
    return [_statistic(alarm, bucket) if bucket else None for bucket in buckets]


def _of(alarm: Any, datum: Any) -> bool:
    if datum.namespace != alarm.namespace or datum.name != alarm.metric_name:
        return False
    if alarm.unit and datum.unit and datum.unit != alarm.unit:
        return False
    wanted = {(one.name, one.value) for one in alarm.dimensions}
    return wanted == {(one.name, one.value) for one in datum.dimensions}


def _seconds(moment: Any) -> float:
    if isinstance(moment, datetime):
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if isinstance(moment, int | float):
        return float(moment)
    parsed = datetime.fromisoformat(str(moment))
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def _statistic(alarm: Any, data: Sequence[Any]) -> float:
    sets = [one for one in data if not hasattr(one, "value")]
    values = [float(one.value) for one in data if hasattr(one, "value")]
    if alarm.extended_statistic:
        ordered = sorted(values)
        share = float(alarm.extended_statistic.lstrip("p")) / 100
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
    count = len(values) + sum(float(one.sample_count) for one in sets)
    total = sum(values) + sum(float(one.sum) for one in sets)
    known = {
        "Sum": total, "SampleCount": count, "Average": total / count if count else 0.0,
        "Minimum": min([*values, *(float(one.min) for one in sets)]),
        "Maximum": max([*values, *(float(one.max) for one in sets)]),
    }
    return known[alarm.statistic]


def _reason(
    alarm: Any, points: Sequence[float | None], found: str, moment: float
) -> tuple[str, str]:
    recent = [one for one in points if one is not None][-int(alarm.evaluation_periods):]
    data = {
        "version": "1.0", "queryDate": rules.stamp(moment), "statistic": alarm.statistic,
        "period": int(alarm.period), "recentDatapoints": recent, "threshold": alarm.threshold,
    }
    if not recent:
        text = f"Insufficient Data: {alarm.evaluation_periods} datapoints were unknown."
        return text, json.dumps(data)
    crossed = "" if found == ALARM else "not "
    several = f"{len(recent)} datapoint{'s' if len(recent) > 1 else ''}"
    text = (
        f"Threshold Crossed: {several} {recent} {'were' if len(recent) > 1 else 'was'} {crossed}"
        f"{_named(alarm.comparison_operator)} the threshold ({alarm.threshold})."
    )
    return text, json.dumps(data)


def _named(operator: str) -> str:
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in operator).strip()
    return words.removesuffix(" threshold")


def changed(
    inside: Inside, alarm: Any, state: str, reason: str, data: str, moment: float
) -> None:
    """Put an alarm into a state and tell whom it concerns. Under the door's lock."""
    before = alarm.state_value
    alarm.update_state(reason, data, state)
    announce(inside, alarm, before, moment)


def announce(inside: Inside, alarm: Any, before: str, moment: float) -> None:
    """Tell the alarm's actions and the default event bus of a new state."""
    inside.store("alarm states", dict)[alarm.alarm_arn] = alarm.state_value
    detail = {
        "alarmName": alarm.name, "state": {
            "value": alarm.state_value, "reason": alarm.state_reason,
            "reasonData": alarm.state_reason_data, "timestamp": rules.stamp(moment),
        }, "previousState": {"value": before},
    }
    rules.emit(
        inside, alarm.region_name, "aws.cloudwatch", "CloudWatch Alarm State Change", detail,
        [alarm.alarm_arn],
    )
    actions = {
        ALARM: alarm.alarm_actions, OK: alarm.ok_actions, UNKNOWN: alarm.insufficient_data_actions,
    }[alarm.state_value]
    for place in actions or () if alarm.actions_enabled else ():
        _act(inside, alarm, place, before, moment, detail)


def _act(
    inside: Inside, alarm: Any, place: str, before: str, moment: float, detail: dict[str, Any]
) -> None:
    if ":sns:" in place:
        subject = f'{alarm.state_value}: "{alarm.name}" in {alarm.region_name}'
        body = json.dumps(_message(alarm, before, moment))
        send(inside, Actor(SERVICE, alarm.alarm_arn), Target(place, subject=subject), body)
    elif ":lambda:" in place:
        actor = Actor("lambda.alarms.cloudwatch.amazonaws.com", alarm.alarm_arn)
        told = {
            "source": "aws.cloudwatch", "alarmArn": alarm.alarm_arn, "accountId": ACCOUNT,
            "time": rules.stamp(moment), "region": alarm.region_name, "alarmData": detail,
        }
        send(inside, actor, Target(place), json.dumps(told))


def _message(alarm: Any, before: str, moment: float) -> dict[str, Any]:
    return {
        "AlarmName": alarm.name, "AlarmDescription": alarm.description, "AWSAccountId": ACCOUNT,
        "NewStateValue": alarm.state_value, "NewStateReason": alarm.state_reason,
        "StateChangeTime": rules.stamp(moment), "Region": alarm.region_name,
        "AlarmArn": alarm.alarm_arn, "OldStateValue": before, "OKActions": alarm.ok_actions,
        "AlarmActions": alarm.alarm_actions,
        "InsufficientDataActions": alarm.insufficient_data_actions,
        "Trigger": {
            "MetricName": alarm.metric_name, "Namespace": alarm.namespace,
            "Statistic": str(alarm.statistic or alarm.extended_statistic).upper(),
            "Unit": alarm.unit, "Period": alarm.period, "Threshold": alarm.threshold,
            "EvaluationPeriods": alarm.evaluation_periods,
            "ComparisonOperator": alarm.comparison_operator,
            "TreatMissingData": alarm.treat_missing_data or "",
            "Dimensions": [{"name": d.name, "value": d.value} for d in alarm.dimensions],
        },
    }
