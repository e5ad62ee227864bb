"""`ladder`: finds the command that was asked for and runs it. Knows no command itself.

Commands are entry points of the group `ladder.commands`, so that packages which must not import
each other meet here. Exit codes: 0 passed, 1 not yet, 2 used wrongly, 3 our fault.
"""

from __future__ import annotations

from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import NoReturn

import click

from autograder.errors import LadderError

GROUP = "ladder.commands"


class Commands(click.Group):
    """Loads a command when it is asked for, not before."""

    @cached_property
    def installed(self) -> dict[str, EntryPoint]:
        """The entry points by name; looked up once, it reads every package's metadata."""
        return {point.name: point for point in entry_points(group=GROUP)}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands that are installed."""
        return sorted({*self.commands, *self.installed})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, loaded; None when there is none of this name."""
        if cmd_name not in self.commands:
            point = self.installed.get(cmd_name)
            if point is None:
                return None
            self.commands[cmd_name] = _load(point)
        return self.commands[cmd_name]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a near miss is answered with what was probably meant."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            raise click.exceptions.NoSuchCommand(
                name, possibilities=self.list_commands(ctx), ctx=ctx
            )
        return super().resolve_command(ctx, args)


def _load(point: EntryPoint) -> click.Command:
    try:
        command = point.load()
    except (ImportError, AttributeError) as error:
        return _broken(point.name, f"{point.value}: {error}")
    if not isinstance(command, click.Command):
        return _broken(point.name, f"{point.value} is no command")
    command.name = point.name
    return command


def _broken(name: str, why: str) -> click.Command:
    """Return a command that says why it cannot run: one broken part must not take all down."""

    @click.command(
        name,
        short_help="(cannot be loaded)",
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )
    def broken() -> NoReturn:
        raise LadderError(
            f"the command {name!r} cannot be loaded: {why}",
            next="run ./ladder up once: it mends the installation",
        )

    return broken


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cloud-ai-ladder", prog_name="ladder")
def cli() -> None:
    """Cloud AI Ladder: labs that are real work, and a judge.

    Begin with: ./ladder up
    """


def say(error: LadderError) -> None:
    """Print what happened, where, and what to type next."""
    first, *rest = str(error).splitlines() or ["something went wrong"]
    click.secho(first, fg="red", err=True)
    for line in rest:
        click.echo(line, err=True)


def main() -> NoReturn:
    """Run the command line and leave with its exit code."""
    try:
        code = cli.main(prog_name="./ladder", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("Stopped.", err=True)
        raise SystemExit(130) from None
    except click.ClickException as error:
        error.show()
        raise SystemExit(error.exit_code) from None
    except LadderError as error:
        say(error)
        raise SystemExit(error.exit_code) from None
    raise SystemExit(code if isinstance(code, int) else 0)
