"""What goes wrong at the command line: a sentence, what to type next, an exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from infra.cloud.desk import DeskError


class Problem(click.ClickException):
    """What happened, and what to type next: our fault."""

    exit_code = 3

    def __init__(self, what: str, then: str = "") -> None:
        super().__init__(what + (f"\n  -> {then}" if then else ""))


class NotUp(Problem):
    """There is no cloud yet."""

    exit_code = 1


class UsedWrongly(Problem):
    """What was asked for cannot be."""

    exit_code = 2


def problem(error: DeskError) -> Problem:
    """Return the desk's error as click knows errors."""
    kind = UsedWrongly if error.code == 2 else Problem
    return kind(str(error), error.then)
