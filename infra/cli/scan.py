"""`ladder cloud scan`: what cfn-lint and Checkov say of templates. Parses and prints."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from infra.cli import background
from infra.cli.problems import Problem, UsedWrongly

TOOLS = ("cfn-lint", "checkov")
TEMPLATES = {".yaml", ".yml", ".json", ".template"}
CODE = {*TEMPLATES, ".tf"}
Row = tuple[str, int, str, str, str]  # file, line, rule, what it is about, words


def venv() -> Path:
    """Return where Checkov's environment is, or will be."""
    return background.ROOT / "work" / ".state" / "checkov" / "venv"


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--only", type=click.Choice(TOOLS), help="Ask one of the two.")
def scan(path: Path, only: str | None) -> None:
    """Read templates of CloudFormation and Terraform: is it valid, is it safe?

    cfn-lint reads a CloudFormation template; Checkov reads that, .tf files and folders. It is
    installed when first asked for (270 MB). Exit code 1: they found something.
    """
    _check(path, only)
    rows: list[Row] = []
    if only != "checkov" and path.suffix in TEMPLATES and path.is_file():
        rows += _linted(path)
    if only != "cfn-lint":
        rows += _scanned(path)
    for line in _lines(rows):
        click.echo(line)
    click.echo(f"Remarks: {len(rows)}." if rows else "No remarks.")
    sys.exit(bool(rows))


def _check(path: Path, only: str | None) -> None:
    again = "./ladder cloud scan template.yaml, or the folder of your .tf files"
    if not path.exists():
        raise UsedWrongly(f"There is no {path}.", again)
    if path.is_file() and path.suffix not in CODE:
        raise UsedWrongly(f"{path} is no template: they end in {', '.join(sorted(CODE))}.", again)
    if path.is_dir() and not any(one.suffix in CODE for one in path.rglob("*")):
        raise UsedWrongly(f"{path} holds no template.", again)
    if only == "cfn-lint" and (path.is_dir() or path.suffix == ".tf"):
        raise UsedWrongly(
            "cfn-lint reads one CloudFormation template.", "./ladder cloud scan PATH --only checkov"
        )


def _linted(path: Path) -> Iterator[Row]:
    from infra.cloud import formation

    try:
        for one in formation.lint(path.resolve()):
            yield path.name, one.line, one.rule, one.level.lower(), one.text
    except formation.LintError as error:
        raise Problem(f"cfn-lint failed: {error}", "./ladder cloud doctor") from None


def _scanned(path: Path) -> Iterator[Row]:
    from infra.cloud import checkov
    from infra.cloud.locked import EnvironmentFault

    try:
        checkov.ENVIRONMENT.install(venv(), click.echo)
        for one in checkov.scan(path.resolve(), venv()):
            yield one.file, one.first, one.rule, one.resource, one.text
    except EnvironmentFault as fault:
        raise Problem(str(fault), fault.then) from None
    except checkov.ScanError as error:
        raise Problem(
            f"Checkov failed: {error}", f"./ladder cloud scan {path} --only cfn-lint"
        ) from None


def _lines(rows: Iterable[Row]) -> Iterator[str]:
    for file, line, rule, about, text in sorted(rows):
        yield f"{file}:{line}: {rule} ({about}) {text}"
