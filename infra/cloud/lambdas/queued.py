"""Asynchronous invocations: accepted at once, tried up to three times, then told to who wants it.

A function's error is tried again after one minute and after two more, a throttled event a second
later and then ever more slowly, all by the cloud's clock. Limit: in memory; event ages are the
only other end of an event.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from infra.cloud.errors import AwsError
from infra.cloud.events.delivery import Actor, Target, attempt
from infra.cloud.lambdas import functions, invocations
from infra.cloud.lambdas.invocations import Outcome

if TYPE_CHECKING:
    from infra.cloud.inside import Inside

RETRIES = 2
OLDEST = 6 * 3600
PAUSES = (60.0, 120.0)
SLOWEST = 300.0


@dataclass
class Event:
    """One accepted event."""

    region: str
    name: str
    qualifier: str
    body: Any
    accepted: float
    context: Any = None
    failures: int = 0
    turned_away: int = 0
    outcome: Outcome | None = field(default=None)


def accept(inside: Inside, event: Event) -> None:
    """Queue an event for its function."""
    inside.agenda.soon(lambda: _work(inside, event))


def _work(inside: Inside, event: Event) -> None:
    """Run an event once, then see what follows."""
    try:
        with inside.door.lock:
            version = functions.find(event.region, event.name, event.qualifier)
    except AwsError:
        return  # the function was deleted meanwhile
    settings = functions.settings(version.kept)
    now = inside.clock.now()
    if now - event.accepted > int(settings.get("MaximumEventAgeInSeconds", OLDEST)):
        _give_up(inside, event, version.kept, settings, "EventAgeExceeded")
        return
    try:
        outcome = invocations.runtime(inside).invoke(version, event.body, event.context)
    except AwsError:
        event.turned_away += 1
        _again(inside, event, min(2.0 ** (event.turned_away - 1), SLOWEST))
        return
    event.outcome = outcome
    if not outcome.error:
        _tell(inside, event, version.kept, settings, "OnSuccess", "Success")
        return
    event.failures += 1
    if event.failures > int(settings.get("MaximumRetryAttempts", RETRIES)):
        _give_up(inside, event, version.kept, settings, "RetriesExhausted")
    else:
        _again(inside, event, PAUSES[min(event.failures, len(PAUSES)) - 1])


def _again(inside: Inside, event: Event, seconds: float) -> None:
    inside.agenda.at(inside.clock.now() + seconds, lambda: _work(inside, event))


def _give_up(
    inside: Inside, event: Event, kept: Any, settings: dict[str, Any], condition: str
) -> None:
    """Send a failed event to the dead-letter queue and to the destination, whichever is set."""
    queue = functions.dead_letters(kept)
    if queue:
        outcome = event.outcome
        words = {
            "RequestID": outcome.request_id if outcome else "", "ErrorCode": "200",
            "ErrorMessage": _message(outcome),
        }
        attributes = {
            k: {"DataType": "Number" if k == "ErrorCode" else "String", "StringValue": v or "-"}
            for k, v in words.items()
        }
        target = Target(queue, attributes=attributes)
        attempt(inside, _actor(kept), target, json.dumps(event.body))
    _tell(inside, event, kept, settings, "OnFailure", condition)


def _message(outcome: Outcome | None) -> str:
    if outcome is None:
        return ""
    told = json.loads(outcome.payload)
    return str(told.get("errorMessage", "")) if isinstance(told, dict) else ""


def _actor(kept: Any) -> Actor:
    return Actor("lambda.amazonaws.com", kept.function_arn, kept.role)


def _tell(
    inside: Inside, event: Event, kept: Any, settings: dict[str, Any], which: str, condition: str
) -> None:
    """Tell the destination what became of an event."""
    place = settings.get("DestinationConfig", {}).get(which, {}).get("Destination", "")
    if not place:
        return
    moment = datetime.fromtimestamp(inside.clock.now(), UTC)
    outcome, tries = event.outcome, event.failures + (which == "OnSuccess")
    record: dict[str, Any] = {
        "version": "1.0", "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "requestContext": {
            "requestId": outcome.request_id if outcome else "",
            "functionArn": f"{functions.arn(event.region, kept.function_name)}:{kept.version}",
            "condition": condition, "approximateInvokeCount": tries,
        },
        "requestPayload": event.body,
    }
    if outcome is not None:
        record["responseContext"] = {"statusCode": 200, "executedVersion": outcome.version}
        if outcome.error:
            record["responseContext"]["functionError"] = outcome.error
        record["responsePayload"] = json.loads(outcome.payload)
    body = json.dumps(record if place.split(":")[2] != "events" else {
        "source": "lambda", "detail-type": f"Lambda Function Invocation Result - {_end(which)}",
        "detail": record, "resources": [kept.function_arn],
    })
    attempt(inside, _actor(kept), Target(place), body)


def _end(which: str) -> str:
    return "Success" if which == "OnSuccess" else "Failure"
