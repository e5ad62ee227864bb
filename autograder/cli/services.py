"""Starts, probes and stops what `ladder up` serves. Knows no grading; loopback only.

Each service has a process group of its own, so that Ctrl-C reaches `ladder up` alone and it stops
them in order. When `ladder up` itself is killed, a guard sees its pipe close and ends the groups.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from autograder.errors import LadderError

PATIENCE = 90.0  # seconds until a service that says nothing is given up; a slow disk needs some

# Reads "+group" and "-group" lines; at the end of the pipe it ends the groups that are left.
GUARD = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
groups = set()
for line in sys.stdin:
    (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
for sign in (signal.SIGTERM, signal.SIGKILL):
    for group in list(groups):
        try:
            os.killpg(group, sign)
        except OSError:
            groups.discard(group)
    if groups and sign == signal.SIGTERM:
        time.sleep(3)
"""


@dataclass
class Service:
    """One thing to serve: how to start it, and a request that shows that it works.

    probe returns "" when the service answered as it should, else what was wrong. Without a command
    the service cannot be started here, and `absent` says why.
    """

    name: str
    address: str
    command: Sequence[str]
    probe: Callable[[], str]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    absent: str = ""


class House:
    """The services that run; leaving it stops them all."""

    def __init__(self, logs: Path, patience: float = 10) -> None:
        self.logs, self.patience = logs, patience
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> House:
        self.logs.mkdir(parents=True, exist_ok=True)
        self.guard = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", GUARD],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self, service: Service) -> None:
        """Start a service; its output goes to a log."""
        with self.log(service.name).open("wb") as log:
            process = subprocess.Popen(
                service.command,
                cwd=service.cwd,
                env={**os.environ, **service.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.running[service.name] = process
        self._tell_guard("+", process.pid)

    def wait(self, service: Service) -> str:
        """Return "" as soon as the service answers as it should, else what is wrong."""
        end, wrong = time.monotonic() + PATIENCE, "no answer"
        while time.monotonic() < end:
            ended = self.ended(service.name)
            wrong = ended or service.probe()
            if ended or not wrong:
                break
            time.sleep(0.1)
        return wrong

    def ended(self, name: str) -> str:
        """Return how a service came to its end and its last words; "" while it runs."""
        code = self.running[name].poll()
        if code is None:
            return ""
        log = self.log(name)
        last = [line for line in log.read_text(errors="replace").splitlines() if line.strip()][-3:]
        said = "".join(f"\n    {line}" for line in last)
        return f"it stopped with exit code {code}; {log} ends with:{said}"

    def forget(self, name: str) -> None:
        """Stop watching a service that has ended by itself."""
        if name in self.running and self.running[name].poll() is not None:
            self._tell_guard("-", self.running.pop(name).pid)

    def log(self, name: str) -> Path:
        """Return the file that holds what a service says."""
        return self.logs / f"{name}.log"

    def stop(self) -> None:
        """End all services, last started first; those that do not go are killed."""
        for process in reversed(self.running.values()):
            _signal(process, signal.SIGTERM)
        end = time.monotonic() + self.patience
        for process in self.running.values():
            with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
                process.wait(max(0.1, end - time.monotonic()))
            _signal(process, signal.SIGKILL)
            process.wait()
            self._tell_guard("-", process.pid)
        self.running.clear()
        if self.guard.stdin:
            self.guard.stdin.close()
        self.guard.wait()

    def _tell_guard(self, sign: str, group: int) -> None:
        if self.guard.stdin:
            with contextlib.suppress(BrokenPipeError):
                self.guard.stdin.write(f"{sign}{group}\n".encode())
                self.guard.stdin.flush()


def _signal(process: subprocess.Popen[bytes], sign: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, sign)


def free_port(wanted: int, taken: set[int]) -> int:
    """Return `wanted`, or the next port of 127.0.0.1 that nobody listens on."""
    for port in range(wanted, min(wanted + 100, 65536)):
        if port not in taken and _is_free(port):
            taken.add(port)
            return port
    raise LadderError(
        f"ports {wanted} to {wanted + 99} are all taken", next="./ladder up --site-port 9000"
    )


def _is_free(port: int) -> bool:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
