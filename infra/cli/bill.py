"""`ladder cloud bill`: what your cloud would have cost. Parses and prints; prices nothing."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infra.cli.problems import NotUp, Problem, UsedWrongly, problem

if TYPE_CHECKING:
    from infra.cloud.bill import Bill, Line
    from infra.cloud.desk import Folder


@click.command()
@click.option("--hours", default="730", show_default=True, help="How long things are kept.")
@click.option("--region", default="", help="Whose prices; the cloud's own unless told.")
@click.option(
    "--by", "what", type=click.Choice(["service", "tag", "lab"]), default="service",
    show_default=True, help="What the sums are of.",
)
@click.option("--tag", default="", help="With --by tag: the values of this tag.")
@click.option("--lab", default="", help="The lab of what has no tag `lab`.")
@click.option("--free-tier", is_flag=True, help="Take off what is free to everybody each month.")
@click.option("--inside", is_flag=True, help="Your programs run in the region: no transfer out.")
@click.option("--json", "as_json", is_flag=True, help="Print every line as JSON.")
@click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw it too, as SVG."
)
@click.pass_obj
def bill(
    folder: Folder, hours: str, region: str, what: str, tag: str, lab: str, free_tier: bool,
    inside: bool, as_json: bool, plot: Path | None,
) -> None:
    """What the cloud on your desk would have cost on AWS, by list prices."""
    found = _bill(folder, _hours(hours), region, lab, free_tier, inside)
    if as_json:
        click.echo(json.dumps([_data(line) for line in found.lines], indent=2))
    else:
        _print(found, what, tag)
    if plot is not None:
        _plot(found, what, tag, plot)


def _hours(text: str) -> Decimal:
    try:
        hours = Decimal(text)
    except InvalidOperation:
        hours = Decimal("NaN")
    if not hours.is_finite() or hours < 0:
        raise UsedWrongly(f"--hours {text} is no number of hours", "./ladder cloud bill --hours 24")
    return hours


def _bill(
    folder: Folder, hours: Decimal, region: str, lab: str, free: bool, inside: bool
) -> Bill:
    from infra.cloud import log, usage
    from infra.cloud.bill import compute
    from infra.cloud.desk import DeskError, ledger

    running = folder.running()
    if running is None:
        raise NotUp("No cloud is up.", "./ladder cloud up")
    try:
        told = ledger(folder, running)
    except DeskError as error:
        raise problem(error) from None
    held = usage.loads(told["held"])
    if region:
        held = [_elsewhere(one, region) for one in held]
    return compute(
        held, log.loads(told["calls"]), usage.loads(told["used"]), hours,
        region or running.region, lab=lab, free=free, inside=inside,
    )


def _elsewhere(one: Any, region: str) -> Any:
    from dataclasses import replace

    return replace(one, region=region)


def _print(found: Bill, what: str, tag: str) -> None:
    from infra.cloud.bill import money

    rows = [("service", "item", "amount", "dollars each", "cost", "")]
    rows += [_row(line) for line in found.items]
    widths = [max(len(row[n]) for row in rows) for n in range(5)]
    for row in rows:
        cells = [row[0].ljust(widths[0]), row[1].ljust(widths[1])]
        cells += [row[n].rjust(widths[n]) for n in (2, 3, 4)]
        click.echo("  ".join([*cells, row[5]]).rstrip())
    click.echo(f"\nby {what if not tag else f'tag {tag}'}")
    for name, cost in found.by(what, tag).items():
        click.echo(f"{money(cost):>14}  {name}")
    click.echo(f"{money(found.total):>14}  in all, {_said(found)}")
    if found.unpriced:
        click.echo("?: no price on file, so it is in no sum.")
    _sources(found)


def _said(found: Bill) -> str:
    free = "less the free tier" if found.free else "free tiers not taken off"
    return f"{found.hours:f} hours, {found.region}, {free}, before tax"


def _row(line: Line) -> tuple[str, str, str, str, str, str]:
    from infra.cloud.bill import money

    amount = f"{line.amount:.6g}" if line.amount else "0"
    price = ""
    if line.price is not None:
        price = f"{line.price:f}" + (f" / {line.per:f}" if line.per != 1 else "")
    cost = money(line.cost) if line.cost is not None else "?"
    return line.service, line.text, f"{_plain(amount)} {line.unit}", price, cost, line.note


def _plain(amount: str) -> str:
    return f"{Decimal(amount):f}"


def _sources(found: Bill) -> None:
    from infra.cloud import sheets

    known = sheets.load()
    for service in sorted({line.service for line in found.lines if line.cost is not None}):
        sheet = known[service]
        where = found.region if found.region in sheet.quoted else sheets.HOME
        if where in sheet.quoted:
            click.echo(f"{service}: {sheet.source}, {where}, as quoted: {sheet.quoted[where]}")


def _data(line: Line) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        key: f"{value:f}" if isinstance(value, Decimal) else value
        for key, value in asdict(line).items()
    }


def _plot(found: Bill, what: str, tag: str, path: Path) -> None:
    try:
        from infra.cloud.billplot import draw

        text = draw(found, what, tag)
    except ImportError:
        raise Problem("drawing needs matplotlib, of the group ml", "./ladder up") from None
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsedWrongly(f"{path} cannot be written: {error.strerror}") from None
    click.echo(f"drawn     {path}", err=True)
