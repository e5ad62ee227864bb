"""Options of the guard rails before a real account. Parses only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from infra.cli.problems import UsedWrongly

Command = Callable[..., Any]
_PROFILE = click.option(
    "--profile", default="", metavar="NAME",
    help="With --on aws: a profile of the AWS CLI.  [default: AWS_PROFILE]",
)
_REGION = click.option(
    "--region", default="", metavar="NAME", help="With --on aws: the profile's, unless given."
)
_ACCOUNT = click.option(
    "--account", default="", metavar="NUMBER", help="With --on aws: the account that you mean."
)
_YES = click.option("--yes", is_flag=True, help="With --on aws and --account: do not ask.")
_BUDGET = click.option(
    "--budget", default="", metavar="USD",
    help="With --on aws: write to me from so many dollars a month on.",
)
_MAIL = click.option("--mail", default="", metavar="ADDRESS", help="With --on aws: write here.")
_DRY_RUN = click.option(
    "--dry-run", is_flag=True, help="With --on aws: show what it would make and cost; make nothing."
)
_RUN = click.option(
    "--run", "run_id", default="", metavar="ID", help="With --on aws: a run of another desk."
)


def _all(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    def wrap(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return wrap


BEFORE_UP = _all(_PROFILE, _REGION, _ACCOUNT, _YES, _BUDGET, _MAIL, _DRY_RUN)
BEFORE_DOWN = _all(_PROFILE, _REGION, _ACCOUNT, _YES, _RUN)


def none(target: str, given: Mapping[str, Any]) -> None:
    """Refuse an option that means nothing to this target. Raises UsedWrongly."""
    for name, value in given.items():
        if value:
            option = "--" + name.removesuffix("_id").replace("_", "-")
            raise UsedWrongly(f"{option} goes with --on aws, not with {target}")
