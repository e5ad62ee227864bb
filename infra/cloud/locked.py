"""A locked virtual environment for a tool that cannot share ours: every file is known by its hash.

    CHECKOV = Locked("Checkov 3.3.30", HERE, size=220)
    CHECKOV.install(venv, print)

Limit: Linux and macOS. pip decides where packages come from, as the user told it.
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
from dataclasses import dataclass
from pathlib import Path


class EnvironmentFault(Exception):
    """What went wrong, and what to type next."""

    def __init__(self, what: str, then: str = "") -> None:
        super().__init__(what)
        self.then = then


def python(venv: Path) -> Path:
    """Return an environment's Python, whether or not it is there."""
    return venv / "bin" / "python"


@dataclass(frozen=True)
class Locked:
    """A tool's locks in a folder, in the order in which pip reads them.

    `size`: MB on disk, measured on Linux x86-64. `version`: the one Python it runs on, None for
    ours. `instead`: what works without it, for errors.
    """

    title: str
    folder: Path
    size: int
    locks: tuple[str, ...] = ("requirements.txt",)
    version: tuple[int, int] | None = None
    instead: str = ""

    def ready(self, venv: Path) -> bool:
        """Tell whether the environment is whole, of these locks, and stands where it was made."""
        try:
            return (venv / "locked").read_text() == self._mark(venv)
        except OSError:
            return False

    def install(self, venv: Path, say: Callable[[str], None]) -> None:
        """Make the environment unless it is ready; `say` is told the size first.

        A second run waits for the first; what a killed one left is made anew. Raises
        EnvironmentFault.
        """
        if self.ready(venv):
            return
        interpreter = self.find_python()
        venv.parent.mkdir(parents=True, exist_ok=True)
        with self._alone(venv.parent, say):
            if not self.ready(venv):
                self._install(venv, interpreter, say)

    def find_python(self) -> str:
        """Return a Python that the tool runs on. Raises EnvironmentFault."""
        if self.version in {None, sys.version_info[:2]}:
            return sys.executable
        wanted = ".".join(map(str, self.version or ()))
        found = shutil.which(f"python{wanted}")
        # A version manager leaves commands that only complain; they are none.
        if found and not subprocess.run(
            [found, "-c", ""], capture_output=True, check=False
        ).returncode:
            return found
        raise EnvironmentFault(
            f"{self.title} runs on Python {wanted} only, and there is none beside this "
            f"{sys.version_info.major}.{sys.version_info.minor}",
            f"install python{wanted}, or {self.instead}",
        )

    def _install(self, venv: Path, interpreter: str, say: Callable[[str], None]) -> None:
        free = shutil.disk_usage(venv.parent).free // 10**6
        say(f"Installing {self.title} into {venv}, once: about {self.size} MB "
            f"({free} MB are free).")
        if free < self.size:
            raise EnvironmentFault(f"{free} MB are too few", f"df -h {venv.parent}")
        shutil.rmtree(venv, ignore_errors=True)
        log = venv.parent / "install.log"
        with log.open("w") as words:
            self._run([interpreter, "-m", "venv", "--without-pip", str(venv)], words, log)
            for lock in self.locks:
                self._run(self._pip(venv, lock), words, log)
        draft = venv / "locked.draft"
        draft.write_text(self._mark(venv))
        draft.replace(venv / "locked")
        say("Installed.")

    def _pip(self, venv: Path, lock: str) -> list[str]:
        return [
            sys.executable, "-m", "pip", "--python", str(python(venv)), "install", "--no-input",
            "--disable-pip-version-check", "--progress-bar", "off", "--require-hashes",
            "--no-build-isolation", "-r", str(self.folder / lock),
        ]  # fmt: skip

    def _run(self, command: list[str], words: object, log: Path) -> None:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=words, stderr=words, check=False  # type: ignore[call-overload]
        )
        if done.returncode:
            lines = log.read_text(errors="replace").splitlines()
            told = "\n".join(f"    {line.strip()[:200]}" for line in lines[-6:] if line.strip())
            raise EnvironmentFault(
                f"{self.title} could not be installed. The last words of {log}:\n{told}",
                "check the network and pip's settings (python -m pip config list), then run this "
                f"again; or {self.instead}",
            )

    def _mark(self, venv: Path) -> str:
        digest = hashlib.sha256()
        for lock in self.locks:
            digest.update((self.folder / lock).read_bytes())
        return f"{digest.hexdigest()}\n{venv.resolve()}\n"

    @contextlib.contextmanager
    def _alone(self, folder: Path, say: Callable[[str], None]) -> Iterator[None]:
        """Hold the folder itself: the kernel lets go of it whatever happens to this process."""
        handle = os.open(folder, os.O_RDONLY)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say(f"{self.title} is being installed by another process: waiting for it.")
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)
