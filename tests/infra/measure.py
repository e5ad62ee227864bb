"""What one fresh private cloud costs, engine by engine: for docs/decisions/cloud-engines.md.

    python -m tests.infra.measure door          ours: moto in process, behind the front door
    python -m tests.infra.measure moto          moto[server] as it ships
    python -m tests.infra.measure alternate     both, in turn
    VENV/bin/python -m tests.infra.measure ministack    in a venv with ministack alone

A parent imports the engine and forks it; each child answers a real signed call, then S3 puts.
Limit: a raw client, so that boto3's own cost is not in the figures; CPU is the child's alone.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.cloud import sigv4

ROUNDS, PUTS = 10, 300
REGION = "us-east-1"
POLICY = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}  # fmt: skip


@dataclass
class Client:
    """One signed connection."""

    port: int
    key_id: str = "test"
    secret: str = "test"
    wire: http.client.HTTPConnection | None = None

    def call(self, method: str, path: str, body: bytes = b"", service: str = "s3") -> int:
        """Make a call and return its status."""
        self.wire = self.wire or http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        base = {"host": f"127.0.0.1:{self.port}"}
        if service == "iam":
            base["content-type"] = "application/x-www-form-urlencoded"
        key = self.key_id if len(self.key_id) >= 16 else self.key_id.upper().ljust(16, "0")
        message = sigv4.Message(method, path, [], base, body)
        headers = sigv4.sign(message, key, self.secret, REGION, service, time.time())
        headers["authorization"] = headers["authorization"].replace(key, self.key_id)
        self.wire.request(method, path, body, headers)
        answer = self.wire.getresponse()
        self.text = answer.read().decode(errors="replace")
        return answer.status

    def first(self) -> None:
        """Try until one real call has worked."""
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.call("GET", "/") == 200:
                    return
            self.wire = None
            time.sleep(0.002)


def cpu(pid: int) -> float:
    """Return a process's CPU seconds so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> tuple[float, float]:
    """Return MiB resident, and MiB that are this process's alone."""
    rows = dict(
        line.split(":")
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    )
    own = sum(int(rows[name].split()[0]) for name in ("Private_Clean", "Private_Dirty"))
    return int(rows["Rss"].split()[0]) / 1024, own / 1024


def forked(run: Callable[[int], None]) -> Callable[[], Any]:
    """Return a context that forks a server on a free port."""

    @contextlib.contextmanager
    def one() -> Iterator[tuple[int, Client]]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        pid = os.fork()
        if pid == 0:
            try:
                run(port)
            finally:
                os._exit(1)
        try:
            yield pid, Client(port)
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    return one


def moto() -> Callable[[], Any]:
    """moto[server]: werkzeug, one thread a connection, enforcement after three calls."""
    from moto import backends, settings
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        create_backend_app,
    )
    from werkzeug.serving import run_simple

    settings.INITIAL_NO_AUTH_ACTION_COUNT = float("inf")
    for service in ("s3", "iam", "sts"):
        backends.get_backend(service)
    app = DomainDispatcherApplication(create_backend_app)

    def run(port: int) -> None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.dup2(2, 1)
        run_simple("127.0.0.1", port, app, threaded=True)

    return forked(run)


def ministack() -> Callable[[], Any]:
    """MiniStack: its ASGI application under hypercorn, as its own main starts it."""
    os.environ.update(AUTH="true", BIND_HOST="127.0.0.1", LOG_LEVEL="ERROR")
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack import app

    def run(port: int) -> None:
        import asyncio

        os.environ["GATEWAY_PORT"] = str(port)
        config = Config()
        config.bind = [f"127.0.0.1:{port}"]
        config.errorlog = None
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.dup2(2, 1)
        asyncio.run(serve(app.app, config))

    return forked(run)


def door() -> Callable[[], Any]:
    """Our front door over moto in process."""
    import infra.cloud.engine  # noqa: F401
    from infra.cloud.fixtures import loopback, private_cloud

    @contextlib.contextmanager
    def one() -> Iterator[tuple[int, Client]]:
        with loopback() as listener, private_cloud(listener, region=REGION) as cloud:
            who = cloud.identity("user", [POLICY])
            port = listener.getsockname()[1]
            yield cloud._child.pid, Client(port, who.key_id, who.secret)

    return one


def alternate() -> None:
    """Put to ours and to moto's server in turn: the same machine, the same moment, for both."""
    with door()() as ours, moto()() as theirs:
        result: dict[str, Any] = {}
        spent: dict[str, list[float]] = {"door": [], "moto": []}
        begun = [cpu(ours[0]), cpu(theirs[0])]
        for _, client in (ours, theirs):
            client.first()
            assert client.call("PUT", "/bucket-one") == 200
        for number in range(2 * PUTS):
            for name, client in (("door", ours[1]), ("moto", theirs[1])):
                clock = time.perf_counter()
                assert client.call("PUT", f"/bucket-one/{number}", b"x" * 1024) == 200
                spent[name].append((time.perf_counter() - clock) * 1000)
        for name, pid, before in (("door", ours[0], begun[0]), ("moto", theirs[0], begun[1])):
            result[name] = {
                "put_ms": round(statistics.median(spent[name]), 1),
                "put_cpu_ms": round((cpu(pid) - before) / (2 * PUTS) * 1000, 2),
            }
        print(json.dumps(result))


def main() -> None:
    """Measure one engine and print a line of JSON."""
    name = sys.argv[1]
    if name == "alternate":
        alternate()
        return
    begun = time.process_time()
    start = {"door": door, "moto": moto, "ministack": ministack}[name]()
    result: dict[str, Any] = {
        "engine": name, "import_cpu": round(time.process_time() - begun, 2),
        "threads_after_import": threading.active_count(),
    }
    boots, cpus, rates, per_put = [], [], [], []
    for _ in range(ROUNDS):
        clock = time.perf_counter()
        with start() as (pid, client):
            client.first()
            boots.append(time.perf_counter() - clock)
            cpus.append(cpu(pid))
            result["rss_mb"], result["own_mb"] = (round(m, 1) for m in memory(pid))
            assert client.call("PUT", "/bucket-one") == 200, client.text
            clock, before = time.perf_counter(), cpu(pid)
            for number in range(PUTS):
                assert client.call("PUT", f"/bucket-one/{number}", b"x" * 1024) == 200
            rates.append(PUTS / (time.perf_counter() - clock))
            per_put.append((cpu(pid) - before) / PUTS * 1000)
    result |= {
        "boot_ms": round(statistics.median(boots) * 1000),
        "boot_ms_best": round(min(boots) * 1000),
        "boot_cpu_ms": round(statistics.median(cpus) * 1000),
        "puts_a_second": round(statistics.median(rates)),
        "puts_a_second_best": round(max(rates)),
        "put_cpu_ms": round(statistics.median(per_put), 2),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
