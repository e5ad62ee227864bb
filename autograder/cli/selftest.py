"""`ladder test`: runs the parts of tests/run.py. Tests the course, not the learner."""

from __future__ import annotations

import subprocess
import sys

import click

from autograder.cli.install import ROOT
from autograder.errors import UsageError


@click.command()
@click.option("--all", "everything", is_flag=True, help="Add the slow parts.")
@click.option("--list", "names", is_flag=True, help="Name the parts and stop.")
@click.option("--as-is", is_flag=True, help="Install no system package: what lacks one is not run.")
@click.argument("parts", nargs=-1, metavar="[PART]...")
def test(everything: bool, names: bool, as_is: bool, parts: tuple[str, ...]) -> None:
    """Prove what the course claims: every check of ours, part by part."""
    runner = ROOT / "tests" / "run.py"
    if not runner.exists():
        raise UsageError(
            "this is a learner's edition: it has no tests of its own",
            where=str(ROOT),
            next="./ladder check LAB",
        )
    flags = ["--all"] * everything + ["--list"] * names + ["--as-is"] * as_is
    command = [sys.executable, str(runner), *flags, *parts]
    raise SystemExit(subprocess.run(command, cwd=ROOT, check=False).returncode)
