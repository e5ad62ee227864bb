"""The shape of the house: who may import whom, how long a module is, what help costs."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.conftest import ROOT

# From the ground up. A module may import what stands before it; on floor 4, what is below only.
FLOORS = (
    ("errors", "verdict", "starter"),
    (
        "seeds", "check", "manifest", "policy", "standing", "summary", "wire", "values", "outgoing",
        "incoming", "papers", "archive", "notebook", "submission", "naming", "sheet",
        "evidence", "handout", "pages", "documents", "mutants", "lies", "plain", "preprocessors",
        "measures", "tally", "ratings", "webpage", "sidebyside", "charts", "strip", "spreadsheet",
    ),
    ("sandbox", "cells", "rehearsal", "worker", "lines", "timeline", "rooms", "lent", "judge"),
    (
        "desk", "fixtures", "grade", "chambers", "court", "rig", "course", "bundle", "channel",
        "ledger", "farmhand", "scheduler", "storage",
    ),
    (
        "cohort", "gradebook", "regrade", "account", "report", "feedback", "exports",
        "sync", "lint", "prove", "new", "similar", "path",
        "pytest_plugin", "formgrade", "demo", "warm", "farm",
    ),
    ("cli", "magic"),
)  # fmt: skip
STRANGERS = 4  # one job each: they meet in cli only
LATE = {
    ("values", "outgoing"): "an array met among values; numpy is imported only then",
    ("values", "incoming"): "the same, on the way in",
}

LIBRARY = {
    "autograder": {"infra", "larkmoor"},
    "infra": {"autograder", "larkmoor"},
    "larkmoor": {"autograder", "infra"},
}
FOLDERS = {"autograder": "autograder", "infra": "infra", "larkmoor": "labs/larkmoor"}
DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base"}
HEAVY = {
    "IPython", "azure", "boto3", "botocore", "cosmic_ray", "cryptography", "dask", "distributed",
    "fsspec", "gcp_storage_emulator", "jupytext", "matplotlib", "moto", "nbformat", "nbgrader",
    "numpy", "pandas", "pytest", "rich", "s3fs", "scipy", "sklearn", "torch",
}  # fmt: skip


def modules(package: str) -> list[Path]:
    """Return the modules of one of our packages."""
    return sorted((ROOT / FOLDERS[package]).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Yield the dotted names that a module imports, also inside functions, not for types only."""
    tree = ast.parse(path.read_text())
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = ".".join(filter(None, [path.parent.name * (node.level == 1), node.module]))
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def place(module: str) -> tuple[int, int]:
    """Return the floor of a module of autograder and where it stands there."""
    for number, names in enumerate(FLOORS):
        if module in names:
            return number, names.index(module)
    raise AssertionError(f"{module} stands on no floor: give it its place in FLOORS")


def own(path: Path) -> str:
    """Return the name under which the floors know a file of autograder."""
    return path.relative_to(ROOT / "autograder").parts[0].removesuffix(".py")


def used(path: Path) -> set[str]:
    """Return the modules of autograder that a file imports, itself apart."""
    dotted = [name.split(".") for name in imports(path) if name.startswith("autograder.")]
    names = {parts[1] for parts in dotted} - {own(path)}
    return {name for name in names if any((ROOT / "autograder").glob(f"{name}*"))}


AUTOGRADER = [path for path in modules("autograder") if own(path) not in ("__init__", "__main__")]


@pytest.mark.parametrize("path", AUTOGRADER, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_down(path: Path) -> None:
    here = place(own(path))
    for module in used(path):
        there = place(module)
        if (own(path), module) not in LATE:
            assert there < here, f"{own(path)} imports {module}, which stands above it"
            strangers = there[0] == here[0] == STRANGERS
            assert not strangers, f"{own(path)} and {module} have one job each"


@pytest.mark.parametrize("package", sorted(LIBRARY))
def test_packages_do_not_know_each_other(package: str) -> None:
    for path in modules(package):
        known = {name.split(".")[0] for name in imports(path)}
        assert not known & LIBRARY[package], f"{path} knows {known & LIBRARY[package]}"


def test_the_world_needs_numpy_and_pandas_only() -> None:
    allowed = {"numpy", "pandas", "larkmoor", *sys.stdlib_module_names}
    for path in modules("larkmoor"):
        assert not {name.split(".")[0] for name in imports(path)} - allowed, path


@pytest.mark.parametrize("package", sorted(FOLDERS))
def test_modules_are_one_idea_each(package: str) -> None:
    long = {str(p): len(p.read_text().splitlines()) for p in modules(package)}
    assert not {name: lines for name, lines in long.items() if lines > 350}


@pytest.mark.parametrize("package", sorted(FOLDERS))
def test_every_module_tells_its_job(package: str) -> None:
    for path in modules(package):
        assert ast.get_docstring(ast.parse(path.read_text())), f"{path} has no docstring"


def test_there_is_no_drawer_for_leftovers() -> None:
    for package in FOLDERS:
        for path in modules(package):
            words = {*path.stem.split("_"), path.parent.name}
            assert not words & DRAWERS, f"{path} is named after no job"


# ---------------------------------------------------------------- the command line

COMMANDS = sorted(entry_points(group="ladder.commands"), key=lambda point: point.name)


@pytest.mark.parametrize("point", COMMANDS, ids=lambda point: point.name)
def test_each_command_loads_and_says_what_it_does(point: object) -> None:
    import click

    command = point.load()  # type: ignore[attr-defined]
    assert isinstance(command, click.Command)
    assert command.get_short_help_str(), "no first line of help"


def test_installed_commands_are_those_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = project["entry-points"]["ladder.commands"]
    assert {point.name: point.value for point in COMMANDS} == declared


def test_help_imports_nothing_heavy() -> None:
    said = (
        "import sys; from autograder.cli.main import cli\n"
        "try: cli.main(['--help'], prog_name='ladder')\n"
        "except SystemExit: print('loaded:', *{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.rsplit("loaded:", 1)[1].split())
    assert "cannot be loaded" not in done.stdout
    assert not loaded & HEAVY


def test_each_command_is_in_the_reference() -> None:
    reference = (ROOT / "docs" / "reference" / "cli.md").read_text()
    missing = [point.name for point in COMMANDS if f"ladder {point.name}" not in reference]
    assert not missing, "run ladder sync"
