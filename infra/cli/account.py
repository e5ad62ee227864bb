"""`ladder cloud … --on aws`: parses, asks and prints; `infra.deploy` works."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infra.cli import shell
from infra.cli.problems import NotUp, Problem, UsedWrongly
from infra.cloud.desk import DeskError, Folder

if TYPE_CHECKING:
    from infra.deploy.account import Caller, Reach
    from infra.deploy.runs import Run
    from infra.deploy.sweep import Left

ON = "--on aws"
DAY = 24  # hours
# What an emulated cloud's `env` may have left in the shell.
CLEAR = (
    "AWS_ENDPOINT_URL AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
)


def folder(state: Folder) -> Folder:
    """Return the folder of the desk's run, beside the embedded cloud's state."""
    return Folder(state.path / "aws")


def up(
    state: Folder, *, profile: str, region: str, account: str, yes: bool, budget: str, mail: str,
    dry_run: bool, **others: Any,
) -> None:
    """Show everything, ask, then make the playground or finish making it."""
    from infra.deploy import playground, runs, session

    if others.get("foreground"):
        raise UsedWrongly("--foreground is for clouds that run here, not for aws")
    known = runs.read(folder(state))
    reach, caller = _look(profile or (known.profile if known else _default()), region, known)
    if known is not None:
        runs.same(known, caller)
        if budget and _limit(budget) != known.limit:
            said = f"this run's budget is {known.limit} USD"
            raise UsedWrongly(said, f"./ladder cloud down {ON}")
    run = known or runs.draft(caller, _limit(budget), _mail(mail))
    _show(caller, run, playground.plan(run))
    if dry_run:
        click.echo("Nothing was created.")
        return
    _confirm(caller, account, yes, "create this")
    runs.keep(folder(state), run)
    for step in playground.make(reach, caller, run):
        click.echo(f"done      {step}")
    session.config(folder(state), run)
    click.echo(f'next      eval "$(./ladder cloud env {ON})"; afterwards: ./ladder cloud down {ON}')


def _default() -> str:
    """Return the profile to use: AWS_PROFILE, unless it is the desk's own."""
    from infra.deploy import PROFILE
    from infra.deploy.account import own_settings

    own_settings()
    name = os.environ.get("AWS_PROFILE", "default")
    return "default" if name == PROFILE else name


def _look(profile: str, region: str, known: Run | None) -> tuple[Reach, Caller]:
    from infra.deploy import account

    account.own_settings()
    return account.look(profile, region or (known.region if known else ""))


def _limit(text: str) -> str:
    """Return the budget's limit in dollars, as AWS writes it. Raises UsedWrongly."""
    try:
        limit = Decimal(text)
    except InvalidOperation:
        limit = Decimal(0)
    if not limit.is_finite() or limit <= 0:
        raise UsedWrongly(
            "without a budget nothing is created: say from how many dollars a month on AWS shall "
            "write to you", f"./ladder cloud up {ON} --budget 5 --mail YOU@EXAMPLE.COM",
        )  # fmt: skip
    return f"{limit:f}"


def _mail(text: str) -> str:
    if "@" not in text:
        raise UsedWrongly(
            "a budget that tells nobody is none", f"./ladder cloud up {ON} --mail YOU@EXAMPLE.COM"
        )
    return text


def _show(caller: Caller, run: Run, plan: Sequence[str]) -> None:
    click.echo(f"account   {caller.account}{f'   at {caller.endpoint}' * bool(caller.endpoint)}")
    click.echo(f"as        {caller.arn}   (profile {caller.profile})")
    click.echo(f"region    {caller.region}")
    click.echo(f"tag       cloud-ai-ladder={run.id}")
    for line in plan:
        click.echo(f"creates   {line}")
    _expect(run)


def _expect(run: Run) -> None:
    """Print what a day at each lab is expected to cost."""
    from infra.deploy import labs

    for lab in labs.table():
        bill = labs.expected(lab, DAY, run.region)
        parts = ", ".join(f"{name} {cost:.3f}" for name, cost in bill.by("service").items())
        click.echo(f"costs     {lab}: {bill.total:.2f} USD for {DAY} hours ({parts})")
        for line in bill.unpriced:
            click.echo(f"          not counted: {line.amount} {line.service} {line.item}")
    click.echo("          list prices before tax; one key or secret left behind goes on costing")


def _confirm(caller: Caller, account: str, yes: bool, what: str) -> None:
    """Let the account's number be typed, or given. Raises UsedWrongly."""
    if account and account != caller.account:
        raise UsedWrongly(
            f"--account {account} is not where this goes: the profile {caller.profile!r} leads to "
            f"{caller.account}", "--profile with the right one",
        )  # fmt: skip
    if yes and not account:
        raise UsedWrongly("--yes needs to know for which account", f"--account {caller.account}")
    if yes:
        return
    typed = click.prompt(f"To {what}, type the account's number", default="", show_default=False)
    if typed.strip() != caller.account:
        raise UsedWrongly("that is not the number: nothing was done", "the same command again")


def down(
    state: Folder, *, profile: str, region: str, account: str, yes: bool, run_id: str
) -> None:
    """Destroy what the run has, and show that it is gone; otherwise list what is left."""
    from infra.deploy import runs, sweep

    known = runs.read(folder(state))
    if known is None and not run_id:
        click.echo("No playground is up.")
        return
    if known is None or (run_id and run_id != known.id):
        reach, caller = _look(profile or _default(), region, None)
        run = runs.Run(
            run_id, caller.account, caller.region, caller.profile, caller.endpoint, "0", "", 0.0
        )
    else:
        run = known
        reach, caller = _look(profile or run.profile, region, run)
        runs.same(run, caller)
    click.echo(f"account   {caller.account}   region {caller.region}   run {run.id}")
    _list(sweep.holds(reach, run)[0])
    _confirm(caller, account, yes, "destroy all of it")
    remains = sweep.down(reach, run, click.echo)
    if remains:
        _tell_left(remains, f"./ladder cloud down {ON}" + (f" --run {run_id}" if run_id else ""))
    if known is not None and run.id == known.id:
        runs.forget(folder(state))
    click.echo("Gone: every service was asked again and knows nothing of this run.")
    click.echo("A key waits seven days for its end and costs nothing; a bill may be a day late.")


def _list(found: Sequence[tuple[Any, str]]) -> None:
    for kind, name in found:
        click.echo(f"there     {kind.word} {name}")


def _tell_left(remains: Sequence[Left], again: str) -> None:
    for one in remains:
        click.echo(f"left      {one.what}: {one.why}")
    raise Problem(f"{len(remains)} things are left, or could not be looked for", again)


def status(state: Folder) -> None:
    """Say who we are, what is there, and whether the desk's role can be put on."""
    from infra.deploy import session, sweep

    run, reach, caller = _current(state)
    session.credentials(run)
    click.echo(f"up        account {caller.account}, region {caller.region}, run {run.id}")
    click.echo(f"identity  {run.role_arn}")
    _list(sweep.holds(reach, run)[0])
    click.echo(f"spent     {_spent(reach, run)}")


def _spent(reach: Reach, run: Run) -> str:
    from infra.deploy.account import ask

    try:
        found = ask(
            reach.client("budgets").describe_budget, AccountId=run.account, BudgetName=run.prefix
        )["Budget"]
    except DeskError as error:
        return f"unknown: {error}"
    spent = found.get("CalculatedSpend", {}).get("ActualSpend", {}).get("Amount")
    return f"{spent or 'not known yet'} of {run.limit} USD this month, the whole account"


def reset(state: Folder) -> None:
    """Destroy what labs have made; budget, role and an empty bucket stay."""
    from infra.deploy import playground, sweep

    run, reach, caller = _current(state)
    stays = {run.prefix, run.role}
    remains = sweep.down(reach, run, click.echo, keep=stays)
    if remains:
        _tell_left(remains, f"./ladder cloud reset {ON}")
    for step in playground.make(reach, caller, run):
        click.echo(f"done      {step}")


def env(state: Folder, *, as_json: bool, https: bool) -> None:
    """Print variables that name a profile: SDKs ask for the role's keys when they need them."""
    from infra.deploy import account, session

    run = _known(state)
    account.own_settings()
    clear = [*CLEAR]
    if os.environ.get("AWS_CA_BUNDLE", "") == str(state.ca):
        clear.append("AWS_CA_BUNDLE")
    shell.export(session.variables(folder(state), run), as_json, clear)


def doctor(state: Folder) -> None:
    """Try the playground with the rights of the desk."""
    from infra.deploy import examination

    run, reach, _ = _current(state)
    sick = 0
    for did, wrong in examination.examine(reach, run):
        sick += bool(wrong)
        click.echo(f"{'FAIL' if wrong else 'ok':5}{did}")
        if wrong:
            click.echo(f"     {wrong}")
    if sick:
        again = f"./ladder cloud up {ON}: it finishes what is missing"
        raise Problem(f"{sick} probes failed", again)


def names(state: Folder, path: Path) -> None:
    """Print a lab's file with the names of the playground."""
    from infra.deploy import labs

    click.echo(json.dumps(labs.renamed(path, _known(state)), indent=2))


def _known(state: Folder) -> Run:
    from infra.deploy import runs

    found = runs.read(folder(state))
    if found is None:
        raise NotUp("No playground is up.", f"./ladder cloud up {ON} --dry-run")
    return found


def _current(state: Folder) -> tuple[Run, Reach, Caller]:
    from infra.deploy import runs

    run = _known(state)
    reach, caller = _look(run.profile, "", run)
    runs.same(run, caller)
    return run, reach, caller
