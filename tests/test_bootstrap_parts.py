"""tests/run.py: no part is green by silence; and the command line's own manners."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import click
import pytest

from autograder.cli import groups, install, main
from autograder.errors import LadderError, UsageError
from tests import run
from tests.conftest import ROOT


def part(script: str, *packages: str) -> run.Part:
    """Return a part that runs a line of shell."""
    return run.Part("trial", "a trial", ("sh", "-c", script), packages)


@pytest.mark.parametrize(
    ("script", "verdict", "why"),
    [
        ("exit 0", "passed", ""),
        ("echo wrong; exit 1", "failed", "exit code 1"),
        ("kill -9 $$", "failed", "exit code -9"),
        ("echo no terraform here; exit 77", "not run", "no terraform here"),
    ],
)
def test_a_part_ends_as_its_command_does(script: str, verdict: str, why: str) -> None:
    outcome = run.run(part(script), [])
    assert (outcome.verdict, outcome.why) == (verdict, why)


def test_a_part_that_lacks_a_package_is_not_run() -> None:
    outcome = run.run(part("exit 0", "chromium"), ["chromium"])
    assert (outcome.verdict, outcome.why) == ("not run", "chromium not installed")


def test_a_part_whose_file_is_missing_is_not_run() -> None:
    absent = run.Part("trial", "a trial", (sys.executable, "tests/absent.py"))
    assert run.run(absent, []).why == "no tests/absent.py"


def test_the_last_line_is_for_machines() -> None:
    ends = [run.run(part(script), []) for script in ("exit 0", "exit 1", "echo why; exit 77")]
    assert run.table(ends).splitlines()[-1] == "1 passed, 1 failed, 1 skipped"
    assert run.table(ends[:1]).splitlines()[-1] == "1 passed, 0 failed"


def test_cpu_seconds_are_those_of_the_part() -> None:
    busy = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"
    assert run.run(part(busy), []).cpu > run.run(part("exit 0"), []).cpu


def test_an_unknown_part_is_answered(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run.main(["pytset"])
    assert ended.value.code == 2
    assert "Did you mean 'pytest'?" in capsys.readouterr().err


def test_slow_parts_run_only_when_asked(tmp_path: Path) -> None:
    known = run.parts(tmp_path)
    assert not any(p.slow for p in run.choose(known, [], everything=False))
    assert run.choose(known, [], everything=True) == known
    assert [p.name for p in run.choose(known, ["bench"], everything=False)] == ["bench"]


def test_system_packages_are_a_line_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    line = run.install(["bubblewrap", "git"])
    assert line == "sudo apt-get install --no-install-recommends -y bubblewrap git"
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert "your system's package manager: git" in run.install(["git"])


def test_an_other_name_of_a_package_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: name if name == "google-chrome" else None)
    assert run.lacking(["chromium", "nodejs"]) == ["nodejs"]


# ---------------------------------------------------------------- pins and groups


def normal(name: str) -> str:
    """Return a package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_installed_package_is_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = dict(line.split("#")[0].strip().split("==") for line in lines if "==" in line)
    pinned = {normal(name): version for name, version in pins.items()}
    wrong = []
    ours = sysconfig.get_paths()["purelib"]  # not what a library carries inside itself
    for found in importlib.metadata.distributions(path=[ours]):
        name, version = normal(found.metadata["Name"]), found.version.split("+")[0]
        if name != "cloud-ai-ladder" and pinned.get(name) != version:
            wrong.append(f"{name} {version}: pinned {pinned.get(name)}")
    assert not wrong


def test_installed_packages_suit_each_other() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_each_group_is_an_extra_with_a_size_and_a_sentence() -> None:
    extras = importlib.metadata.metadata("cloud-ai-ladder").get_all("Provides-Extra")
    declared = install.declared()
    assert set(declared) == {"base", *(extras or ())}
    assert all(group["mb"] > 0 and group["text"] for group in declared.values())


def test_ensure_does_nothing_for_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "missing", lambda names: [])
    monkeypatch.setattr(install, "install", lambda names: pytest.fail("installed"))
    groups.ensure(["torch"])


def test_ensure_refuses_a_group_nobody_declared() -> None:
    with pytest.raises(UsageError, match="no group 'jax'"):
        groups.ensure(["jax"])


# ---------------------------------------------------------------- the command line's manners


def ladder(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Run the command line; return its exit code."""
    monkeypatch.setattr(sys, "argv", ["ladder", *words])
    with pytest.raises(SystemExit) as ended:
        main.main()
    return int(ended.value.code or 0)


def test_a_near_miss_is_answered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ladder(monkeypatch, "chek") == 2
    assert "check" in capsys.readouterr().err


def test_our_errors_say_what_where_and_what_next(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def trial() -> None:
        raise UsageError("no lab 'late'", where="labs/course.toml", next="ladder list")

    monkeypatch.setitem(main.cli.commands, "trial", trial)
    assert ladder(monkeypatch, "trial") == 2
    assert capsys.readouterr().err.splitlines() == [
        "labs/course.toml: no lab 'late'",
        "  -> ladder list",
    ]


def test_our_own_fault_is_exit_code_3(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def trial() -> None:
        raise LadderError("the disk is on fire")

    monkeypatch.setitem(main.cli.commands, "trial", trial)
    assert ladder(monkeypatch, "trial") == 3


def test_a_command_that_cannot_be_loaded_takes_no_other_down(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    point = importlib.metadata.EntryPoint("trial", "nowhere:trial", main.GROUP)
    monkeypatch.setitem(main.cli.commands, "trial", main._load(point))
    assert ladder(monkeypatch, "trial", "--some", "thing") == 3
    assert "No module named 'nowhere'" in capsys.readouterr().err
    assert ladder(monkeypatch, "--help") == 0
