"""What a workload costs a month in each form, and which form it should have. Pure arithmetic.

The rules stand in the brief; prices are dollars, from the dated price sheets of the course.
"""

from __future__ import annotations

import math
from typing import Any

HOURS = 730  # a month, as AWS counts it
DAYS = 365 / 12
FULL = 4 * 0.6  # requests that a machine answers at once, on the average
FORMS = ("service", "worker", "batch", "function")


def quote(workload: dict[str, Any], prices: dict[str, float]) -> dict[str, Any]:
    """Return `form`, the cheapest that is quick enough; `monthly`, dollars of each form or None
    where it is too slow; `break_even`, the monthly volume from which the service is cheaper than
    the function, or None.
    """
    ### BEGIN SOLUTION: price the four forms, strike out those too slow, find where two lines cross
    monthly = {
        form: cost(workload, prices) if patience(workload, form) else None
        for form, cost in COSTS.items()
    }
    possible = {form: cost for form, cost in monthly.items() if cost is not None}
    form = min(possible, key=lambda one: possible[one])
    return {"form": form, "monthly": monthly, "break_even": break_even(workload, prices)}


def patience(workload: dict[str, Any], form: str) -> bool:
    """Return whether the form answers within the time that the workload has."""
    least = {
        "service": workload["ms"] / 1000,
        "worker": 600,
        "batch": 86_400,
        "function": workload["cold_s"] + workload["ms"] / 1000,
    }
    return bool(least[form] <= workload["answer_within_s"])


def machine_hours(workload: dict[str, Any]) -> float:
    """Return the hours of one machine that the month's work takes."""
    return float(workload["per_month"] * workload["ms"] / 3_600_000 / FULL)


def machines(workload: dict[str, Any], volume: float) -> int:
    """Return how many machines the peak of such a month needs; two, so that one can be replaced."""
    peak = workload["peak_per_second"] * volume / workload["per_month"]
    return max(2, math.ceil(peak * workload["ms"] / 1000 / FULL))


def service(workload: dict[str, Any], prices: dict[str, float]) -> float:
    """Machines for the peak, all month."""
    return machines(workload, workload["per_month"]) * HOURS * prices["machine_hour"]


def worker(workload: dict[str, Any], prices: dict[str, float]) -> float:
    """Machines while there is work, eight minutes around each burst, three requests a message."""
    hours = machine_hours(workload) + workload["bursts_per_day"] * DAYS * 480 / 3600
    queue = 3 * workload["per_month"] * prices["sqs_million"] / 1e6
    return hours * prices["machine_hour"] + queue


def batch(workload: dict[str, Any], prices: dict[str, float]) -> float:
    """Machines once a day, four minutes to start, a file in and out for each thousand."""
    hours = machine_hours(workload) + DAYS * 240 / 3600
    files = workload["per_month"] / 1000
    return hours * prices["machine_hour"] + files * (
        prices["s3_put_thousand"] + prices["s3_get_thousand"]
    ) / 1000


def per_call(workload: dict[str, Any], prices: dict[str, float]) -> float:
    """Return what one call of the function costs; its time is rounded up to milliseconds."""
    seconds = math.ceil(workload["ms"]) / 1000
    return (
        prices["lambda_million"] / 1e6
        + seconds * workload["memory_mb"] / 1024 * prices["lambda_gb_second"]
    )


def function(workload: dict[str, Any], prices: dict[str, float]) -> float:
    """Calls and what they use."""
    return float(workload["per_month"] * per_call(workload, prices))


COSTS = {"service": service, "worker": worker, "batch": batch, "function": function}


def break_even(workload: dict[str, Any], prices: dict[str, float]) -> int | None:
    """Return the volume from which so many machines cost less than the calls they take over."""
    machine, call = HOURS * prices["machine_hour"], per_call(workload, prices)
    share = workload["peak_per_second"] / workload["per_month"] * workload["ms"] / 1000 / FULL
    if machine * share > call:
        return None  # a full machine costs more than its calls would, and so do a hundred
    return math.ceil(2 * machine / call)
    ### END SOLUTION
