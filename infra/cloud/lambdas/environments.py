"""Execution environments: a function's code in a sandbox, started once and then used again.

The broker runs `bootstrap`; events and answers go over one connection. An environment serves one
event at a time; a second one at the same moment gets a second environment. Limit: Python 3 by this
program's own interpreter and packages, whatever 3.x a function names.
"""

from __future__ import annotations

import contextlib
import encodings.cp437  # noqa: F401  (zipfile's: a graded cloud can load nothing later)
import io
import json
import shutil
import socket
import struct
import sys
import tempfile
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.cloud.broker import BrokerError, Folder, Program
from infra.cloud.lambdas import bootstrap
from infra.cloud.lambdas.functions import Version, variables
from infra.cloud.surroundings import full

if TYPE_CHECKING:
    from infra.cloud.broker import Broker, Running

_LENGTH = struct.Struct(">I")
LONGEST = 16 << 20  # of one message: six MiB of text, escaped
LOAD_SECONDS = 60.0  # AWS gives ten; these machines may be busy with something else
LARGEST_CODE = 250 << 20
MOST_LOG = 1 << 20  # bytes kept of one event's log
# Read here: the process of a graded cloud can read no files of ours later.
LOOP = Path(bootstrap.__file__).read_text()
CPU_SECONDS = 3600.0  # of one environment; then a new one takes its place


class Ended(Exception):
    """The environment ended or went past its time; `late` tells which."""

    def __init__(self, late: bool) -> None:
        super().__init__("late" if late else "ended")
        self.late = late


@dataclass
class Done:
    """What became of one event."""

    payload: bytes
    failed: bool
    log: str


@dataclass
class Environment:
    """One sandbox with a loaded function."""

    version: Version
    folder: Path
    running: Running
    stream: str
    opened: float
    stamp: tuple[Any, ...]  # of the version when it started: the engine changes its own record
    wire: socket.socket | None = None
    events: int = 0
    load_seconds: float = 0.0
    lines: list[str] = field(default_factory=list)
    size: int = 0

    def load(self) -> None:
        """Wait until the code is loaded. Ended: it was not, `lines` tell more."""
        started = time.monotonic()
        self.wire = self._connection(started + LOAD_SECONDS)
        self._until("loaded", started + LOAD_SECONDS)
        self.load_seconds = time.monotonic() - started

    def handle(self, event: Any, request_id: str, context: Any) -> Done:
        """Let the function answer one event. Ended: it took too long or its process died."""
        seconds = float(self.version.kept.timeout)
        self.events += 1
        self._send({
            "event": event, "request_id": request_id, "seconds": seconds,
            "arn": self.version.arn, "client_context": context,
        })
        message = self._until("", time.monotonic() + seconds)
        if "failed" in message and message["failed"] is not None:
            return Done(json.dumps(message["failed"]).encode(), True, self.take_log())
        return Done(str(message.get("result", "null")).encode(), False, self.take_log())

    def take_log(self) -> str:
        """Return what was printed since the last time."""
        text = "".join(self.lines)
        self.lines, self.size = [], 0
        return text

    def peak_mb(self) -> int:
        """Return the largest memory so far in MiB, as whole as AWS reports it."""
        return max(1, round(self.running.usage().peak_mb))

    def alive(self) -> bool:
        """Whether its process runs."""
        return self.running.poll() is None

    def close(self) -> None:
        """End it and remove its files."""
        if self.wire is not None:
            self.wire.close()
        self.running.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _connection(self, until: float) -> socket.socket:
        while True:
            try:
                return self.running.connect()
            except OSError:
                if not self.alive():
                    raise Ended(False) from None
                if time.monotonic() > until:
                    raise Ended(True) from None
                time.sleep(0.005)

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self.wire is not None
        data = json.dumps(message).encode()
        try:
            self.wire.settimeout(LOAD_SECONDS)
            self.wire.sendall(_LENGTH.pack(len(data)) + data)
        except OSError:
            raise Ended(False) from None

    def _until(self, wanted: str, until: float) -> dict[str, Any]:
        """Collect the log until the message comes that is none of it."""
        while True:
            message = self._message(until)
            if "log" in message:
                self._note(str(message["log"]))
            elif not wanted or wanted in message:
                return message

    def _note(self, text: str) -> None:
        self.size += len(text)
        if self.size <= MOST_LOG:
            self.lines.append(text)

    def _message(self, until: float) -> dict[str, Any]:
        (size,) = _LENGTH.unpack(self._exactly(_LENGTH.size, until))
        if size > LONGEST:
            raise Ended(False)
        try:
            message = json.loads(self._exactly(size, until))
        except (ValueError, RecursionError):
            raise Ended(False) from None
        if not isinstance(message, dict):
            raise Ended(False)
        return message

    def _exactly(self, size: int, until: float) -> bytes:
        assert self.wire is not None
        parts = bytearray()
        while len(parts) < size:
            left = until - time.monotonic()
            if left <= 0:
                raise Ended(True)
            self.wire.settimeout(left)
            try:
                piece = self.wire.recv(min(size - len(parts), 1 << 20))
            except TimeoutError:
                raise Ended(True) from None
            except OSError:
                raise Ended(False) from None
            if not piece:
                raise Ended(False)
            parts += piece
        return bytes(parts)


def start(
    broker: Broker, version: Version, credentials: Mapping[str, str], region: str, stream: str,
    now: float,
) -> Environment:
    """Start an environment; its code loads while we go on. BrokerError: it cannot run here."""
    folder = Path(tempfile.mkdtemp(prefix="function-", dir=broker.folder or None))
    try:
        for name in ("task", "runtime", "tmp"):
            (folder / name).mkdir()
        stamp = version.stamp
        unpack(version.kept.code_bytes, folder / "task")
        (folder / "runtime" / "bootstrap.py").write_text(LOOP)
        program = _program(broker, version, folder, credentials, region, stream)
        return Environment(version, folder, broker.start(program), stream, now, stamp)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def unpack(code: bytes, folder: Path) -> None:
    """Unpack a package into a folder. BrokerError: it is none, or too large."""
    try:
        with zipfile.ZipFile(io.BytesIO(code)) as package:
            if sum(one.file_size for one in package.infolist()) > LARGEST_CODE:
                raise BrokerError("the unzipped code is larger than 250 MiB")
            package.extractall(folder)
    except OSError as error:
        if full(error):
            raise BrokerError("the disk of this cloud is full") from None
        raise BrokerError(f"the code is no zip package: {error}") from None
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise BrokerError(f"the code is no zip package: {error}") from None


def _program(
    broker: Broker, version: Version, folder: Path, credentials: Mapping[str, str], region: str,
    stream: str,
) -> Program:
    kept = version.kept
    places = {
        "/var/task": Folder(str(folder / "task")),
        "/var/runtime": Folder(str(folder / "runtime")),
        "/tmp": Folder(str(folder / "tmp"), writable=True),
    }
    inside = {name: broker.place(name, one.path) for name, one in places.items()}
    port = broker.port(9001)
    env = {
        **variables(kept),
        "AWS_ACCESS_KEY_ID": credentials["key_id"],
        "AWS_SECRET_ACCESS_KEY": credentials["secret"],
        "AWS_SESSION_TOKEN": credentials["token"],
        "AWS_REGION": region, "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{kept.run_time}",
        "AWS_LAMBDA_FUNCTION_NAME": kept.function_name,
        "AWS_LAMBDA_FUNCTION_VERSION": version.number,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(kept.memory_size),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{kept.function_name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "LAMBDA_TASK_ROOT": inside["/var/task"], "LAMBDA_RUNTIME_DIR": inside["/var/runtime"],
        "_HANDLER": kept.handler, "TMPDIR": inside["/tmp"], "HOME": inside["/tmp"],
        "LANG": "C.UTF-8", "TZ": ":UTC", "PYTHONDONTWRITEBYTECODE": "1", "LADDER_PORT": str(port),
        "PATH": "/usr/local/bin:/usr/bin:/bin",
    }
    argv = (sys.executable, "-u", f"{inside['/var/runtime']}/bootstrap.py")
    return Program(
        argv, env, places, CPU_SECONDS, int(kept.memory_size), port, inside["/var/task"], shown()
    )


def shown() -> tuple[str, ...]:
    """Return the folders that this interpreter and its packages live in."""
    return tuple(dict.fromkeys((sys.prefix, sys.base_prefix)))


def end(environments: list[Environment]) -> None:
    """Close environments; one that will not must not keep the others."""
    for one in environments:
        with contextlib.suppress(Exception):
            one.close()
