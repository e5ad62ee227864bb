"""The locked virtual environment of LocalStack: every file of it is known by its hash.

Limit: Linux and macOS with Python 3.11. pip decides where packages come from, as the user told it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from infra.cloud.localstack import VERSION

HERE = Path(__file__).parent
LOCKS = ("build.txt", "requirements.txt")  # the first builds what the second has no wheel of
PYTHON = (3, 11)
MB = 490  # measured on Linux x86-64


class EnvironmentFault(Exception):
    """What went wrong, and what to type next."""

    def __init__(self, what: str, then: str = "") -> None:
        super().__init__(what)
        self.then = then


def python(venv: Path) -> Path:
    """Return the environment's Python, whether or not it is there."""
    return venv / "bin" / "python"


def ready(venv: Path) -> bool:
    """Tell whether the environment is whole, from today's lock, and stands where it was made."""
    try:
        return (venv / "locked").read_text() == _mark(venv)
    except OSError:
        return False


def install(venv: Path, say: Callable[[str], None]) -> None:
    """Make the environment unless it is ready; `say` is told the size first.

    A second run waits for the first; what a killed one left is made anew. Raises EnvironmentFault.
    """
    if ready(venv):
        return
    interpreter = find_python()
    venv.parent.mkdir(parents=True, exist_ok=True)
    with _alone(venv.parent, say):
        if not ready(venv):
            _install(venv, interpreter, say)


def find_python() -> str:
    """Return a Python of the one version that this LocalStack runs on. Raises EnvironmentFault."""
    wanted = ".".join(map(str, PYTHON))
    if sys.version_info[:2] == PYTHON:
        return sys.executable
    found = shutil.which(f"python{wanted}")
    # A version manager leaves commands that only complain; they are none.
    if found and not subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode:
        return found
    raise EnvironmentFault(
        f"LocalStack {VERSION} runs on Python {wanted} only, and there is none beside this "
        f"{sys.version_info.major}.{sys.version_info.minor}",
        f"install python{wanted}, or use the embedded cloud: ladder cloud up",
    )


def _install(venv: Path, interpreter: str, say: Callable[[str], None]) -> None:
    free = shutil.disk_usage(venv.parent).free // 10**6
    say(f"Installing LocalStack {VERSION} into {venv}, once: about {MB} MB ({free} MB are free).")
    if free < MB:
        raise EnvironmentFault(f"{free} MB are too few", f"df -h {venv.parent}")
    shutil.rmtree(venv, ignore_errors=True)
    log = venv.parent / "install.log"
    with log.open("w") as words:
        _run([interpreter, "-m", "venv", "--without-pip", str(venv)], words, log)
        for lock in LOCKS:
            _run(_pip(venv, lock), words, log)
    draft = venv / "locked.draft"
    draft.write_text(_mark(venv))
    draft.replace(venv / "locked")
    say("Installed.")


def _pip(venv: Path, lock: str) -> list[str]:
    return [
        sys.executable, "-m", "pip", "--python", str(python(venv)), "install", "--no-input",
        "--disable-pip-version-check", "--progress-bar", "off", "--require-hashes",
        "--no-build-isolation", "-r", str(HERE / lock),
    ]  # fmt: skip


def _run(command: list[str], words: object, log: Path) -> None:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=words, stderr=words, check=False  # type: ignore[call-overload]
    )
    if done.returncode:
        last = [line for line in log.read_text(errors="replace").splitlines() if line.strip()][-4:]
        told = "\n".join(f"    {line.strip()[:200]}" for line in last)
        raise EnvironmentFault(
            f"LocalStack could not be installed. The last words of {log}:\n{told}",
            "check the network and pip's settings (python -m pip config list), then run this "
            "again; the embedded cloud needs neither: ladder cloud up",
        )


def _mark(venv: Path) -> str:
    digest = hashlib.sha256()
    for lock in LOCKS:
        digest.update((HERE / lock).read_bytes())
    return f"{digest.hexdigest()}\n{venv.resolve()}\n"


@contextlib.contextmanager
def _alone(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the folder itself: the kernel lets go of it whatever happens to this process."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("LocalStack is being installed by another process: waiting for it.")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
