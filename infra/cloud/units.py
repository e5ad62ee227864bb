"""Units of a bill: which may stand for which. Exact; knows no price.

A gigabyte of storage or transfer has 2^30 bytes, as AWS counts; a month has 730 hours.
"""

from __future__ import annotations

from decimal import Decimal

MONTH = Decimal(730)
_SIZES: dict[str, tuple[str, Decimal]] = {
    "byte": ("byte", Decimal(1)), "KB": ("byte", Decimal(2**10)), "MB": ("byte", Decimal(2**20)),
    "GB": ("byte", Decimal(2**30)), "TB": ("byte", Decimal(2**40)),
    "second": ("second", Decimal(1)), "minute": ("second", Decimal(60)),
    "hour": ("second", Decimal(3600)),
    "DPU-second": ("DPU", Decimal(1)), "DPU-hour": ("DPU", Decimal(3600)),
    "GB-second": ("memory", Decimal(1)), "MB-second": ("memory", 1 / Decimal(1024)),
}


class UnitError(ValueError):
    """Two units that do not measure the same thing."""


def convert(amount: Decimal, unit: str, into: str) -> Decimal:
    """Return an amount in another unit. Raises UnitError."""
    if unit == into:
        return amount
    kind, size = _SIZES.get(unit, (unit, Decimal(1)))
    wanted, step = _SIZES.get(into, (into, Decimal(1)))
    if kind != wanted:
        raise UnitError(f"{unit} is no kind of {into}")
    return amount * size / step


def held(amount: Decimal, unit: str, into: str, hours: Decimal) -> Decimal:
    """Return what holding an amount for so many hours comes to, in a unit such as GB-month or hour.

    Raises UnitError.
    """
    if into == "hour":
        return amount * hours
    if not into.endswith("-month"):
        raise UnitError(f"{into} does not measure what is held")
    return convert(amount, unit, into.removesuffix("-month")) * hours / MONTH
