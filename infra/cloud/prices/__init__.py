"""List prices and spot price traces, each file with its source and date. Computes no bill.

    on_demand("g5.xlarge", "us-east-1")      dollars an hour
    spot_history("g5.xlarge", "us-east-1")   changes, in the shape of describe_spot_price_history
"""

from __future__ import annotations

import csv
import tomllib
from functools import cache
from pathlib import Path
from typing import TypedDict

FOLDER = Path(__file__).parent


class Change(TypedDict):
    """One price change, with the names EC2's API gives them. Valid until the zone's next one."""

    AvailabilityZone: str
    InstanceType: str
    ProductDescription: str
    SpotPrice: str
    Timestamp: str


@cache
def _sheet() -> dict[str, dict[str, float]]:
    text = (FOLDER / "on-demand.toml").read_text()
    prices: dict[str, dict[str, float]] = tomllib.loads(text)["prices"]
    return prices


def on_demand(kind: str, region: str) -> float:
    """Return the list price of an instance type, dollars an hour, Linux. KeyError if unknown."""
    return _sheet()[region][kind]


def spot_history(kind: str, region: str) -> list[Change]:
    """Return all price changes on file, newest first, as the API does."""
    with (FOLDER / f"spot-{kind}-{region}.csv").open(newline="") as lines:
        rows = csv.DictReader(line for line in lines if not line.startswith("#"))
        changes = [_change(kind, row) for row in rows]
    return sorted(changes, key=lambda change: change["Timestamp"], reverse=True)


def _change(kind: str, row: dict[str, str]) -> Change:
    return Change(
        AvailabilityZone=row["zone"], InstanceType=kind, ProductDescription="Linux/UNIX",
        SpotPrice=row["dollars_per_hour"], Timestamp=row["from_utc"],
    )  # fmt: skip
