"""What several commands share: the course, the desk, the launcher of this machine, the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import Any

from autograder import strip
from autograder.cli.groups import ensure
from autograder.desk import Desk
from autograder.errors import UsageError
from autograder.manifest import Course, Lab, load_course
from autograder.verdict import CheckResult, LabResult, Verdict

MARK = {
    Verdict.PASSED: ("✓", "green"),
    Verdict.FAILED: ("✗", "red"),
    Verdict.CRASHED: ("✗", "red"),
    Verdict.TODO: ("·", "yellow"),
    Verdict.BLOCKED: ("·", "bright_black"),
    Verdict.SKIPPED: ("-", "bright_black"),
    Verdict.UNGRADED: ("!", "magenta"),
}


def course_and_desk() -> tuple[Course, Desk]:
    """Return the course one stands in and its desk."""
    course = load_course()
    return course, Desk(course)


def lab_or_current(course: Course, desk: Desk, name: str | None) -> Lab:
    """Return the lab that was named, else the one at hand. Raises UsageError."""
    lab = course.lab(name) if name else desk.current()
    if lab is None:
        raise UsageError("which lab? None has been started here", next="./ladder list")
    return lab


def install_needs(lab: Lab) -> None:
    """Install what a lab needs; its size is said first."""
    ensure([need.group for need in lab.needs() if need.group])


def say_what_is_lacking(lab: Lab) -> None:
    """Let whoever has them say which of a lab's capabilities the learner's desk lacks.

    Said, not refused: checks bring what they need.
    """
    for command, words in lab.capabilities().items():
        name, *rest = command.split()
        for point in entry_points(group="ladder.commands", name=name):
            point.load().main([*rest, *words], prog_name=f"./ladder {name}", standalone_mode=False)


@contextmanager
def launcher(lab: Lab, mode: str) -> Iterator[Any]:
    """Give a launcher for the learner's side of a lab."""
    from autograder.sandbox import Launcher

    kind: Any = lab.launcher
    with Launcher(kind, lab.preloaded(), mode, binds=[*binds(), *lab.shown()]) as one:
        yield one


def binds() -> list[Any]:
    """Return the folders of packages that labs may import, wherever they are installed."""
    from importlib.util import find_spec
    from pathlib import Path

    specs = [find_spec(name) for name in ("larkmoor",)]
    return [Path(spec.origin).parent for spec in specs if spec and spec.origin]


def terminal() -> bool:
    """Tell whether a person reads the output."""
    return sys.stdout.isatty()


def check_line(result: CheckResult) -> str:
    """Return one line about a check: mark, claim, points."""
    import click

    mark, colour = MARK[result.verdict]
    points = f"  {result.earned:g}/{result.points:g}" if result.points else ""
    return f"{click.style(mark, fg=colour)} {result.claim}{click.style(points, dim=True)}"


def check_lines(result: CheckResult) -> list[str]:
    """Return a check's line and, when it did not pass, what to look at."""
    import click

    lines = [check_line(result)]
    if result.verdict is not Verdict.PASSED and result.message:
        lines.append(f"    {result.verdict}: {result.message}")
    if result.detail:
        lines += [click.style(f"    {line}", dim=True) for line in result.detail.splitlines()[:12]]
    if result.verdict is not Verdict.PASSED:
        told = [f"{m.at:7.2f} s  {strip.words(m)}" for m in result.timeline]
        lines += [click.style(f"    {line}", dim=True) for line in told]
    return lines


def sum_line(result: LabResult, checks: int) -> str:
    """Return the last line about a lab that has so many checks, or about a part of them."""
    state = "passed" if result.passed else "not yet"
    if len(result.checks) < checks:
        return (
            f"{result.lab}: {result.points:g} of {result.possible:g} points in"
            f" {len(result.checks)} of {checks} checks"
        )
    return f"{result.lab}: {result.points:g} of {result.possible:g} points, {state}"
