"""What labs use in a real account: an expected bill, and their files with the run's names.

Limit: a day's work, rounded up; who leaves a loop running pays for the loop.
"""

from __future__ import annotations

import json
import tomllib
from copy import deepcopy
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.cloud.desk import DeskError
from infra.deploy.runs import Run

if TYPE_CHECKING:
    from infra.cloud.bill import Bill

MONTH = 730  # hours, as price lists count them


@cache
def table() -> dict[str, Any]:
    """Return labs.toml."""
    return tomllib.loads((Path(__file__).parent / "labs.toml").read_text())


def expected(lab: str, hours: int, region: str) -> Bill:
    """Return the bill of a day's work on a lab whose playground stands for so many hours."""
    from infra.cloud import bill
    from infra.cloud.usage import Usage

    row = table()[lab]
    share = Decimal(hours) / MONTH
    held = [Usage(s, item, Decimal(n) * share, unit, lab) for s, item, n, unit in row["hold"]]
    used = [Usage(s, item, n, unit, lab) for s, item, n, unit in row["use"]]
    return bill.compute((), (), [*held, *used], hours, region, lab=lab)


def renamed(path: Path, run: Run) -> dict[str, Any]:
    """Return a lab's file with names that belong to the run. Raises DeskError."""
    rows = {row["file"]: row["names"] for row in table().values() if "file" in row}
    if path.name not in rows:
        raise DeskError(f"no lab has a {path.name} with names", f"one of {', '.join(rows)}", code=2)
    try:
        found = deepcopy(json.loads(path.read_text()))
        for place, text in rows[path.name].items():
            *outer, last = place.split(".")
            inner = found
            for key in outer:
                inner = inner[key]
            inner[last] = text.format(
                account=run.account, region=run.region, prefix=run.prefix, role=run.role_arn
            )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DeskError(
            f"{path} is not the lab's file: {error!r}",
            "./ladder reset LAB lays it out anew", code=2,
        ) from None
    return dict(found)
