"""What remains of an invocation: lines in CloudWatch Logs, metrics, a record for the bill.

Log lines need the function's role to allow logs:PutLogEvents, as with AWS; without it they are
lost. Limit: log groups are made when they are missing and the role may; no JSON log format.
"""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from infra.cloud import dispatch, state, sts, verdicts
from infra.cloud.calls import Need
from infra.cloud.dispatch import ACCOUNT
from infra.cloud.events import metrics
from infra.cloud.lambdas import functions
from infra.cloud.usage import Usage

if TYPE_CHECKING:
    from infra.cloud.inside import Inside
    from infra.cloud.lambdas.functions import Version
    from infra.cloud.lambdas.invocations import Outcome

TAIL = 4096


def stream(version: Version, now: float) -> str:
    """Return the name of a log stream for a new environment."""
    day = datetime.fromtimestamp(now, UTC).strftime("%Y/%m/%d")
    return f"{day}/[{version.number}]{uuid.uuid4().hex}"


def group(kept: Any) -> str:
    """Return the log group of a function."""
    own = (functions.extras(kept).get("LoggingConfig") or {}).get("LogGroup")
    return str(own or f"/aws/lambda/{kept.function_name}")


def write(inside: Inside, version: Version, outcome: Outcome) -> None:
    """Write down one invocation; `outcome.log` becomes the whole log of it."""
    from infra.cloud.lambdas.invocations import billed_ms

    kept, billed = version.kept, billed_ms(outcome)
    outcome.log = _whole(kept, outcome, billed)
    outcome.stream = outcome.stream or stream(version, inside.clock.now())
    with inside.door.lock:
        _log(inside, version, outcome)
        failed = 1.0 if outcome.error else 0.0
        metrics.put(inside, kept.region, "AWS/Lambda", {"FunctionName": kept.function_name}, {
            "Invocations": 1.0, "Errors": failed, "Duration": round(1000 * outcome.seconds, 2),
        })
    size = Decimal(int(kept.memory_size)) / 1024 * billed / 1000
    mine = {"resource": version.kept.function_arn, "tags": dict(kept.tags), "region": kept.region}
    inside.usage.add(Usage("lambda", "requests", 1, "request", **mine))
    inside.usage.add(Usage("lambda", "duration", size, "GB-second", **mine))


def throttled(inside: Inside, kept: Any) -> None:
    """Count an event that was turned away."""
    metrics.later(inside, kept.region, "AWS/Lambda", {"FunctionName": kept.function_name}, {
        "Throttles": 1.0,
    })


def _whole(kept: Any, outcome: Outcome, billed: int) -> str:
    body = outcome.log if outcome.log.endswith("\n") or not outcome.log else f"{outcome.log}\n"
    load = outcome.load_seconds
    report = [
        f"REPORT RequestId: {outcome.request_id}", f"Duration: {1000 * outcome.seconds:.2f} ms",
        f"Billed Duration: {billed} ms", f"Memory Size: {kept.memory_size} MB",
        f"Max Memory Used: {min(outcome.peak_mb, int(kept.memory_size))} MB",
        *([f"Init Duration: {1000 * load:.2f} ms"] if load is not None else []),
        *(["Status: timeout"] if outcome.kind == "Sandbox.Timedout" else []),
        *(["Status: error", f"Error Type: {outcome.kind}"]
          if outcome.kind.startswith("Runtime.") else []),
    ]
    return (
        f"START RequestId: {outcome.request_id} Version: {outcome.version}\n{body}"
        f"END RequestId: {outcome.request_id}\n" + "\t".join(report) + "\n"
    )


def _log(inside: Inside, version: Version, outcome: Outcome) -> None:
    kept = version.kept
    role = state.role_by_arn(kept.role)
    name = group(kept)
    arn = f"arn:aws:logs:{kept.region}:{ACCOUNT}:log-group:{name}"
    if role is None:
        return
    backend = dispatch.backend("logs", kept.region)
    who = sts.role_principal(role, kept.function_name)
    if name not in backend.groups:
        if not verdicts.decide(who, Need("logs:CreateLogGroup", arn), {}).allowed:
            return
        backend.create_log_group(name, {})
    place = f"{arn}:log-stream:{outcome.stream}"
    for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
        if not verdicts.decide(who, Need(action, place), {}).allowed:
            return
    if outcome.stream not in backend.groups[name].streams:
        backend.create_log_stream(name, outcome.stream)
    now = int(1000 * time.time())
    lines = [{"timestamp": now, "message": f"{line}\n"} for line in outcome.log.splitlines()]
    backend.put_log_events(name, outcome.stream, lines)
