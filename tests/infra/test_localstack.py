"""LocalStack without LocalStack: environment, process, image. on_localstack.py has the rest."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from infra.cli import cloud
from infra.cli import localstack as commands
from infra.cloud.desk import DeskError, Folder
from infra.cloud.localstack import ENVIRONMENT, image, server


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_what_its_children_leave_is_swept(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "localstack")
    left = subprocess.Popen(["sleep", "600"], env=server.variables(folder, 1))
    other = subprocess.Popen(["sleep", "600"], env=server.variables(Folder(tmp_path / "other"), 1))
    server.sweep(folder)
    assert left.wait(10) == -signal.SIGKILL
    assert other.poll() is None
    other.kill()
    other.wait()


def test_a_start_that_fails_says_where_to_look(tmp_path: Path) -> None:
    """An environment whose Python ends at once."""
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to("/bin/false")
    folder = Folder(tmp_path / "localstack")
    words = [str(folder.path), str(venv), str(free_port())]
    with pytest.raises(DeskError, match=r"see .*log"):
        commands.background.start(folder, "infra.cloud.localstack.server", words, "")
    assert folder.holder() == 0


# ---------------------------------------------------------------- installing


def test_without_an_index_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PIP_NO_INDEX", "PIP_ISOLATED"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setattr(commands, "venv", lambda: tmp_path / "venv")
    result = CliRunner().invoke(cloud, ["--state", str(tmp_path), "up", "--on", "localstack"])
    assert result.exit_code == 3
    assert "could not be installed" in result.output
    assert "ladder cloud up" in result.output
    assert not ENVIRONMENT.ready(tmp_path / "venv")


# ---------------------------------------------------------------- the image


def command(folder: Path, name: str, script: str) -> None:
    """Put a command on a PATH."""
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_the_image_is_found_and_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("LOCALSTACK_AUTH_TOKEN", raising=False)
    nothing = image.report()
    assert all(wanting for _, _, wanting in nothing)
    assert "token" in image.advice(nothing)
    command(tmp_path, "docker", "exit 1")
    command(tmp_path, "localstack", "echo 'LocalStack CLI 2026.8.2'")
    monkeypatch.setenv("LOCALSTACK_AUTH_TOKEN", "ls-secret")
    half: list[tuple[str, str, str]] = image.report()
    assert [bool(wanting) for _, _, wanting in half] == [True, False, False]
    command(tmp_path, "docker", "echo 28.2.2")
    whole: Any = image.report()
    assert "localstack start -d" in image.advice(whole)
    assert "ls-secret" not in repr(whole)
