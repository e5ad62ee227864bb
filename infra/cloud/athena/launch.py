"""Starts the process of a query, answers its questions with the caller's rights, ends it.

Limit: a process of our own code in a folder of its own, not a program of a learner's: the broker
runs those.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CPU_SECONDS = 120
MEMORY_MB = 512
LONGEST_LINE = 64 << 20
Answer = Callable[[dict[str, Any]], Any]


class Ended(Exception):
    """The process ended without an outcome; `signal` is the one that ended it, or 0."""

    def __init__(self, number: int, said: str) -> None:
        super().__init__(said)
        self.signal = number


@dataclass
class Box:
    """The folder of a query: `in` for objects, `out` for what it writes."""

    root: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="athena-")))

    def __post_init__(self) -> None:
        self.path.mkdir(mode=0o755)
        (self.path / "in").mkdir(mode=0o755)
        (self.path / "out").mkdir()
        (self.path / "out").chmod(0o777)  # the outer folder keeps everybody else out

    @property
    def path(self) -> Path:
        """What the query's process sees as its world."""
        return self.root / "box"

    def place(self, name: str) -> Path:
        """Return where an object goes. ValueError: no plain name."""
        return self.path / "in" / _plain(name)

    def written(self, name: str) -> bytes:
        """Return what the process wrote; links are not followed."""
        handle = os.open(self.path / "out" / _plain(name), os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(handle, "rb") as file:
            return file.read()

    def remove(self) -> None:
        """Delete it all."""
        shutil.rmtree(self.root, ignore_errors=True)


def _plain(name: str) -> str:
    if not name.replace(".", "").isalnum() or name.startswith("."):
        raise ValueError(f"{name!r} is no name of a file here")
    return name


class Worker:
    """A running process of one query."""

    def __init__(self, box: Box) -> None:
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the process)
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-m", "infra.cloud.athena.worker", str(box.path),
             str(CPU_SECONDS), str(MEMORY_MB)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, cwd=box.path,
            env={"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}, start_new_session=True,
        )

    def serve(self, job: dict[str, Any], answer: Answer) -> dict[str, Any]:
        """Give the process its job, answer what it asks, return its outcome. Ended: it has none."""
        self._say(job)
        while True:
            message = self._hear()
            if "done" in message:
                return message
            self._say(answer(message))

    def _say(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(message, default=str).encode() + b"\n")
            self.process.stdin.flush()
        except OSError:
            raise self._ended() from None

    def _hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        try:
            line = self.process.stdout.readline(LONGEST_LINE)
            found = json.loads(line) if line.endswith(b"\n") else None
        except (OSError, ValueError):
            found = None
        if not isinstance(found, dict):
            raise self._ended()
        return found

    def _ended(self) -> Ended:
        self.process.kill()
        code = self.process.wait()
        self.errors.seek(0)
        return Ended(-code if code < 0 else 0, self.errors.read()[-2000:].decode(errors="replace"))

    def kill(self) -> None:
        """End it and all it started, now."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()

    def close(self) -> None:
        """Leave nothing of it behind."""
        self.kill()
        for stream in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()
        self.process.wait()
        self.errors.close()
