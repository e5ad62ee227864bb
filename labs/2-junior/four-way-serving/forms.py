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
    # TODO: price the four forms, strike out those too slow, find where two lines cross
    raise NotImplementedError
