"""Locked environments: hashes for every file, the size first, nothing half made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from infra.cloud import checkov, localstack, locked
from infra.cloud.locked import EnvironmentFault, Locked

EACH = pytest.mark.parametrize(
    "one", [checkov.ENVIRONMENT, localstack.ENVIRONMENT], ids=lambda one: one.title
)


@EACH
def test_an_environment_elsewhere_or_of_another_lock_is_none(one: Locked, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    assert not one.ready(venv)
    venv.mkdir()
    (venv / "locked").write_text("another lock\n")
    assert not one.ready(venv)


@EACH
def test_pip_is_told_hashes_and_no_index(
    one: Locked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pip's own settings are the user's; a package of another hash is refused by pip."""
    asked: list[list[str]] = []
    monkeypatch.setattr(Locked, "_run", lambda self, command, words, log: asked.append(command))
    monkeypatch.setattr(Locked, "find_python", lambda self: "python")
    venv = tmp_path / "venv"
    venv.mkdir()
    said: list[str] = []
    monkeypatch.setattr(locked.shutil, "rmtree", lambda *a, **k: None)
    one.install(venv, said.append)
    assert f"{one.size} MB" in said[0]
    assert [c[-1].rpartition("/")[2] for c in asked[1:]] == list(one.locks)
    assert all("--require-hashes" in c for c in asked[1:])
    assert not any("index" in word for c in asked for word in c)
    assert one.ready(venv)


@EACH
def test_another_python_is_refused_in_one_sentence(one: Locked) -> None:
    other = replace(one, version=(3, 2))
    with pytest.raises(EnvironmentFault, match=r"Python 3\.2 only") as caught:
        other.find_python()
    assert "ladder cloud" in caught.value.then


@EACH
def test_a_full_disk_is_said_before_anything_is_made(one: Locked, tmp_path: Path) -> None:
    large = replace(one, size=10**9, version=None)
    with pytest.raises(EnvironmentFault, match="MB are too few"):
        large.install(tmp_path / "venv", lambda _: None)
    assert not (tmp_path / "venv").exists()


@EACH
def test_every_package_of_the_locks_has_a_hash(one: Locked) -> None:
    for lock in one.locks:
        text = (one.folder / lock).read_text().replace("\\\n", " ")
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        assert lines
        assert all("==" in line and "--hash=sha256:" in line for line in lines)


def test_the_locks_are_of_the_versions_that_are_told() -> None:
    for one, line in [
        (checkov, f"checkov=={checkov.VERSION} "),
        (localstack, f"localstack-core=={localstack.VERSION} "),
    ]:
        assert line in (one.ENVIRONMENT.folder / "requirements.txt").read_text()
