"""`ladder cloud faults`: switches, shows and lists faults. Parses and prints; the seam works."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infra.cli.problems import NotUp, UsedWrongly, problem

if TYPE_CHECKING:
    from infra.cloud.desk import Folder, Running
    from infra.cloud.faultplan import Rule


@click.group()
def faults() -> None:
    """Faults between your programs and the cloud: errors, waits, lost connections."""


@faults.command()
@click.argument("script", metavar="FILE", type=click.Path(path_type=Path))
@click.pass_obj
def on(folder: Folder, script: Path) -> None:
    """Inject the faults of a script, from the next request on."""
    from infra.cloud import faultdesk
    from infra.cloud.desk import DeskError
    from infra.cloud.records import RecordError

    before = faultdesk.standing(folder)
    try:
        seam = faultdesk.switch_on(folder, script, _running(folder))
    except RecordError as error:
        raise UsedWrongly(str(error), "./ladder cloud faults on FILE") from None
    except DeskError as error:
        raise problem(error) from None
    assert seam.plan is not None
    click.echo(f"Faults are on: {len(seam.plan.rule)} rules, seed {seam.plan.seed}.")
    if before is None:
        for name, url in seam.urls.items():
            click.echo(f"{name:14}{url}")
        click.echo('next      eval "$(./ladder cloud env)"')


@faults.command()
@click.pass_obj
def off(folder: Folder) -> None:
    """Let every request pass; addresses stay as they are."""
    from infra.cloud import faultdesk

    followed = faultdesk.switch_off(folder)
    click.echo("Faults are off." if followed else "No faults were on.")


@faults.command()
@click.pass_obj
def status(folder: Folder) -> None:
    """Say which rules are followed, and how often each has struck."""
    from infra.cloud import faultdesk

    seam = faultdesk.standing(folder)
    if seam is None:
        raise NotUp("There is no seam: nothing is injected.", "./ladder cloud faults on FILE")
    for name, url in seam.urls.items():
        click.echo(f"{name:14}{url}")
    if seam.plan is None:
        click.echo("Faults are off: everything passes.")
        return
    struck = Counter(one["rule"] for one in faultdesk.injected(folder))
    click.echo(f"Faults are on, seed {seam.plan.seed}.")
    for rule in seam.plan.rule:
        click.echo(f"{struck[rule.name]:6} x {rule.name:24}{_speaks_of(rule)}")


@faults.command()
@click.option("--json", "as_json", is_flag=True, help="One line of JSON a fault.")
@click.option("--last", default=20, show_default=True, help="So many; 0 for all.")
@click.pass_obj
def log(folder: Folder, as_json: bool, last: int) -> None:
    """List what was injected since the seam began, old ones first."""
    from infra.cloud import faultdesk

    for one in faultdesk.injected(folder)[-last:]:
        click.echo(json.dumps(one) if as_json else _line(one))


def _line(one: dict[str, Any]) -> str:
    import time

    moment = time.strftime("%H:%M:%S", time.localtime(one["time"]))
    what = f"waits {one['ms']:.0f} ms" if one["fault"] == "latency" else one["fault"]
    told = f"{one['when']} {one['code']}".strip()
    asked = f"{one['service']}:{one['operation'] or one['method']} {one['key']}".strip()
    return f"{moment}  {one['rule']} #{one['ordinal']}  {f'{what} {told}'.strip()}  {asked}"


def _speaks_of(rule: Rule) -> str:
    """Return a rule in one line, without what it leaves open."""
    import msgspec

    given = {
        key: value for key, value in msgspec.structs.asdict(rule).items()
        if key not in {"fault", "name"} and value not in ("*", "", None)
    }
    words = [f"{key}={_text(value)}" for key, value in given.items()]
    return " ".join([rule.fault, *words])


def _text(value: Any) -> str:
    return ",".join(str(one) for one in value) if isinstance(value, tuple) else str(value)


def _running(folder: Folder) -> Running:
    found = folder.running()
    if found is None:
        raise NotUp("No cloud is up.", "./ladder cloud up")
    return found
