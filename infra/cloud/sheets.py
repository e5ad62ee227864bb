"""Price sheets: infra/cloud/prices/SERVICE.toml as typed records. Reads and checks; bills nothing.

A sheet is named after the service's name in signatures. Machines of EC2 come from on-demand.toml.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, field

from infra.cloud.prices import FOLDER
from infra.cloud.records import Record, RecordError, read

Positive = Annotated[int, Meta(ge=1)]
HOME = "us-east-1"  # the region that every page quotes
NONE = "none"


class Item(Record, frozen=True):
    """One priced thing: dollars for each `per` units, by region.

    `first`: the price holds up to so many units a month. `free`: so many a month are free to all.
    `outside`: it arises only for callers outside AWS.
    """

    unit: str
    price: dict[str, Decimal]
    text: str = ""
    per: Decimal = Decimal(1)
    first: Decimal | None = None
    free: Decimal | None = None
    outside: bool = False


class Meter(Record, frozen=True):
    """Which calls count as which item.

    Of the meters that count the same, the first that matches counts a call. An operation is a
    pattern, or pattern@resource. With `chunk`, calls count once for every so many bytes `of` the
    message received or sent. `errors`: refused calls count too.
    """

    item: str
    operations: tuple[str, ...]
    counts: Literal["calls", "received", "sent"] = "calls"
    chunk: Positive | None = None
    of: Literal["received", "sent"] = "received"
    errors: bool = False

    def matches(self, operation: str, resource: str) -> bool:
        """Whether a call is one of these."""
        return any(
            fnmatchcase(operation, name) and fnmatchcase(resource, where or "*")
            for name, _, where in (pattern.partition("@") for pattern in self.operations)
        )


class Sheet(Record, frozen=True):
    """The prices of one service, where they stand and by region when they were quoted."""

    title: str
    source: str
    quoted: dict[str, str] = field(default_factory=dict)
    item: dict[str, Item] = field(default_factory=dict)
    meter: tuple[Meter, ...] = ()


@cache
def load() -> Mapping[str, Sheet]:
    """Return every sheet by service. Raises RecordError for a sheet that says what cannot be."""
    names = [path for path in sorted(FOLDER.glob("*.toml")) if path.stem != "on-demand"]
    return {path.stem: check(read(path, Sheet), path) for path in names} | {"ec2": _machines()}


def check(sheet: Sheet, path: Path) -> Sheet:
    """Return a sheet; raise RecordError when a price has no date or is no price."""
    for name, item in sheet.item.items():
        undated = set(item.price) - set(sheet.quoted)
        if undated:
            raise RecordError(f"{path}: item.{name}: no date in quoted for {min(undated)}.")
        if item.per <= 0 or min(item.price.values(), default=Decimal(0)) < 0:
            raise RecordError(f"{path}: item.{name}: a price is a number from 0 up, per 1 or more.")
    return sheet


def _machines() -> Sheet:
    """Return the sheet of EC2's list prices, from the file that the labs read too."""
    text = (FOLDER / "on-demand.toml").read_text()
    date = text.partition("as quoted on ")[2][:10]
    prices = tomllib.loads(text, parse_float=Decimal)["prices"]
    items: dict[str, dict[str, Decimal]] = {}
    for region, kinds in prices.items():
        for kind, price in kinds.items():
            items.setdefault(kind, {})[region] = price
    return Sheet(
        title="Amazon EC2", source="aws.amazon.com/ec2/pricing/on-demand",
        quoted=dict.fromkeys(prices, date),
        item={kind: Item(unit="hour", price=found) for kind, found in items.items()},
        meter=(Meter(item=NONE, operations=("*",)),),
    )
