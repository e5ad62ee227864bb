"""What a cloud would have cost on AWS: state over hours, calls and usage, by list prices.

    found = bill.of(cloud, hours=24, lab="my-lab")       a cloud of a check, without its judge
    found.total, found.by("service"), found.unpriced

`compute` is pure. Sums are exact; who prints rounds. Limit: list prices of the first step, before
tax and free tiers; what has no price on file is listed without one, never as nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

from infra.cloud.log import LoggedCall
from infra.cloud.sheets import HOME, NONE, Item, Meter, Sheet, load
from infra.cloud.units import MONTH, UnitError, convert, held
from infra.cloud.usage import Usage

if TYPE_CHECKING:
    from infra.cloud.fixtures import Cloud

DIGITS = 60  # enough for bytes over 2^40 and 730 hours: what prints is never an artefact
NO_PRICE = "no price known"
SUFFIX = len("-AbCdEf")  # what Secrets Manager adds to a name


@dataclass(frozen=True)
class Line:
    """One item of one resource: how much of it, in the sheet's unit, and dollars.

    `kind` is held, calls or used; `cost` is None where no price is known, and `note` says why.
    """

    service: str
    item: str
    text: str
    kind: str
    resource: str
    region: str
    amount: Decimal
    unit: str
    tags: Mapping[str, str] = field(default_factory=dict)
    price: Decimal | None = None
    per: Decimal = Decimal(1)
    cost: Decimal | None = None
    note: str = ""


@dataclass(frozen=True)
class Bill:
    """The lines of a bill, for so many hours of what was held."""

    lines: tuple[Line, ...]
    hours: Decimal
    region: str
    lab: str = ""
    free: bool = False

    @property
    def total(self) -> Decimal:
        """Dollars, of everything that has a price."""
        return _sum(self.lines)

    @property
    def unpriced(self) -> tuple[Line, ...]:
        """What was used and has no price on file."""
        return tuple(line for line in self.lines if line.cost is None)

    @property
    def items(self) -> tuple[Line, ...]:
        """The lines of all resources together: one an item and note."""
        found: dict[object, Line] = {}
        with localcontext(prec=DIGITS):
            for line in self.lines:
                key = (line.service, line.item, line.region, line.unit, line.note)
                before = found.get(key)
                found[key] = line if before is None else replace(
                    before, amount=before.amount + line.amount, resource="", tags={},
                    cost=None if line.cost is None else (before.cost or 0) + line.cost,
                )
        return tuple(found.values())

    def by(self, what: str, tag: str = "") -> dict[str, Decimal]:
        """Return dollars by service, lab or tag (all tags, or the values of one), dearest first."""
        groups: dict[str, list[Line]] = {}
        for line in self.lines:
            groups.setdefault(self.group(line, what, tag), []).append(line)
        sums = {name: _sum(lines) for name, lines in groups.items()}
        return dict(sorted(sums.items(), key=lambda pair: (-pair[1], pair[0])))

    def group(self, line: Line, what: str, tag: str = "") -> str:
        """Return the group of a line."""
        if what == "service":
            return line.service
        if what == "lab":
            return line.tags.get("lab", self.lab) or "(no lab)"
        if tag:
            return line.tags.get(tag, "(untagged)")
        return ", ".join(f"{k}={v}" for k, v in sorted(line.tags.items())) or "(untagged)"


def money(amount: Decimal) -> str:
    """Return dollars with the digits that say something, for print: $1.40, $0.000021."""
    if 0 < amount < Decimal("0.0000005"):
        return "<$0.000001"
    places = 2 if amount == 0 or amount >= Decimal("0.1") else 6
    return f"${amount:,.{places}f}"


def _sum(lines: Iterable[Line]) -> Decimal:
    with localcontext(prec=DIGITS):
        return sum((line.cost for line in lines if line.cost is not None), Decimal(0))


def of(
    cloud: Cloud, hours: Decimal | int | str = MONTH, *, lab: str = "", free: bool = False,
    inside: bool = False,
) -> Bill:
    """Return the bill of a private cloud; the calls of its root key, the judge's, are left out."""
    return compute(
        cloud.holdings, cloud.log, cloud.usage_records, hours, cloud.region, lab=lab, free=free,
        inside=inside,
    )


def compute(
    holdings: Sequence[Usage], calls: Sequence[LoggedCall], usages: Sequence[Usage],
    hours: Decimal | int | str = MONTH, region: str = HOME, *, lab: str = "", free: bool = False,
    inside: bool = False, sheets: Mapping[str, Sheet] | None = None,
) -> Bill:
    """Return the bill of what was held for `hours`, of calls, and of usage.

    `free` takes off what is free to everybody each month; `inside` says that callers ran in the
    same region of AWS, so that answers were no transfer to the internet.
    """
    known = load() if sheets is None else sheets
    span = Decimal(str(hours))
    if not span.is_finite() or span < 0:
        raise ValueError(f"{hours} is no number of hours: give a number from 0 up")
    owners = _owners(holdings)
    with localcontext(prec=DIGITS):
        lines = [
            *(_line(one, "held", known, region, span) for one in holdings if one.exact),
            *(_line(one, "calls", known, region) for one in _metered(calls, known, inside)),
            *(_line(one, "used", known, region) for one in usages),
        ]
        merged = _merge([_tagged(line, owners, region) for line in lines])
        priced = [_priced(line, known, region) for line in merged]
        if free:
            priced = _less_free(priced, known)
    return Bill(tuple(priced), span, region, lab, free)


def _owners(holdings: Iterable[Usage]) -> dict[str, Usage]:
    """Return what is held by resource; a secret also by its ARN without the drawn suffix."""
    found = {}
    for one in holdings:
        found[one.resource] = one
        if one.service == "secretsmanager":
            found[one.resource[:-SUFFIX]] = one
    return found


# --- how much ------------------------------------------------------------------------------


def _metered(
    calls: Iterable[LoggedCall], sheets: Mapping[str, Sheet], inside: bool
) -> Iterable[Usage]:
    """Yield what calls count as; one of the root key or without a key costs nothing here."""
    for call in calls:
        if not call.principal or call.principal.endswith(":root") or call.status >= 500:
            continue
        sheet = sheets.get(call.service)
        if sheet is None:
            yield Usage(call.service, "calls", 1, "request", resource(call))
            continue
        done: set[str] = set()
        for meter in sheet.meter:
            if meter.counts in done or not meter.matches(call.operation, call.resource):
                continue
            done.add(meter.counts)
            item = sheet.item.get(meter.item)
            unasked = call.status >= 400 and not meter.errors
            if unasked or meter.item == NONE or (inside and item is not None and item.outside):
                continue
            yield _count(call, meter)


def _count(call: LoggedCall, meter: Meter) -> Usage:
    sizes = {"received": call.received, "sent": call.bytes}
    amount, unit = sizes.get(meter.counts, 1), "byte"
    if meter.counts == "calls":
        unit = "request"
        if meter.chunk is not None:
            amount = max(1, -(-sizes[meter.of] // meter.chunk))
    return Usage(call.service, meter.item, amount, unit, resource(call), time=call.time)


def resource(call: LoggedCall) -> str:
    """Return whose bill a call is on: an object's call is its bucket's."""
    return call.resource.partition("/")[0] if call.service == "s3" else call.resource


def _line(
    one: Usage, kind: str, sheets: Mapping[str, Sheet], region: str, hours: Decimal | None = None
) -> Line:
    """Return an amount in the unit of its price, without the price."""
    item = _item(one.service, one.item, sheets)
    unit, amount, note = one.unit, one.exact, ""
    if item is not None:
        try:
            unit = item.unit
            amount = (
                convert(one.exact, one.unit, unit) if hours is None
                else held(one.exact, one.unit, unit, hours)
            )
        except UnitError as error:
            unit, note = one.unit, f"{NO_PRICE}: {error}"
    text = item.text if item is not None and item.text else one.item
    return Line(
        one.service, one.item, text, kind, one.resource, one.region, amount, unit, one.tags,
        note=note,
    )


def _item(service: str, name: str, sheets: Mapping[str, Sheet]) -> Item | None:
    sheet = sheets.get(service)
    return sheet.item.get(name) if sheet is not None else None


def _tagged(line: Line, owners: Mapping[str, Usage], region: str) -> Line:
    """Return a line with the tags and the region of its resource, where it brings none."""
    owner = owners.get(line.resource)
    tags = line.tags or (owner.tags if owner is not None else {})
    where = line.region or (owner.region if owner is not None else "") or region
    return replace(line, tags=tags, region=where)


def _merge(lines: Iterable[Line]) -> list[Line]:
    """Add up what has the same price, resource and tags."""
    found: dict[object, Line] = {}
    for line in lines:
        key = (line.service, line.item, line.kind, line.resource, line.region, line.unit,
               tuple(sorted(line.tags.items())))
        before = found.get(key)
        amount = line.amount if before is None else before.amount + line.amount
        found[key] = replace(line, amount=amount)
    return sorted(found.values(), key=lambda one: (one.service, one.kind, one.item, one.resource))


# --- how dear ------------------------------------------------------------------------------


def _priced(line: Line, sheets: Mapping[str, Sheet], region: str) -> Line:
    item = _item(line.service, line.item, sheets)
    if item is None or line.note:
        return replace(line, note=line.note or NO_PRICE)
    where = line.region if line.region in item.price else HOME
    price = item.price.get(where)
    if price is None:
        return replace(line, note=NO_PRICE)
    notes = [] if where == line.region else [f"price of {where}"]
    if item.first is not None and line.amount > item.first:
        notes.append(f"less beyond {item.first} {item.unit}")
    cost = line.amount * price / item.per
    return replace(line, price=price, per=item.per, cost=cost, note="; ".join(notes))


def _less_free(lines: Iterable[Line], sheets: Mapping[str, Sheet]) -> list[Line]:
    """Take off each item's free amount of a month, from its lines in order."""
    left: dict[tuple[str, str], Decimal] = {}
    found = []
    for line in lines:
        item, key = _item(line.service, line.item, sheets), (line.service, line.item)
        if item is None or item.free is None or line.price is None:
            found.append(line)
            continue
        taken = min(line.amount, left.setdefault(key, item.free))
        left[key] -= taken
        note = "; ".join(filter(None, [line.note, f"{item.free:f} {item.unit} a month free"]))
        cost = (line.amount - taken) * line.price / line.per
        found.append(replace(line, cost=cost, note=note))
    return found
