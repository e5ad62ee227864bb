"""LocalStack on the desk: a process of ours holds the lock and runs localstack-core as its child.

The child ends with it. Limit: what LocalStack holds lives in memory and ends with `down`.
"""

from __future__ import annotations

import ctypes
import http.client
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from infra.cloud import sigv4
from infra.cloud.desk import DeskError, Folder, Running, listen
from infra.cloud.localstack import KEYS, REGION
from infra.cloud.locked import python

PATIENCE = 180.0  # seconds until a start is given up; a cold disk needs some
SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}
NOWHERE = "http://127.0.0.1:9"  # the discard port: nobody listens
PR_SET_PDEATHSIG = 1
LAUNCHER = Path(__file__).with_name("loopback.py")


def serve(
    folder: Folder, venv: Path, port: int, *, exact: bool, ready: Callable[[Running], None]
) -> None:
    """Run LocalStack until a signal ends it; SIGHUP starts it afresh and empty.

    Raises DeskError when it does not start.
    """
    with folder.hold():
        with listen(port, exact=exact) as free:
            number = free.getsockname()[1]
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        generation = 0
        try:
            while _one_life(folder, venv, number, generation, ready):
                generation += 1
        finally:
            (folder.path / "state.json").unlink(missing_ok=True)
            sweep(folder)


def _one_life(
    folder: Folder, venv: Path, port: int, generation: int, ready: Callable[[Running], None]
) -> bool:
    """Run one LocalStack; return whether another one shall follow."""
    sweep(folder)
    with _child(folder, venv, port) as child:
        url = f"http://127.0.0.1:{port}"
        state = Running(os.getpid(), url, "", "", REGION, generation, time.time())
        _wait_until_well(state, child, folder.path / "log")
        folder.write("state.json", json.dumps(asdict(state)))
        ready(state)
        while True:
            number = signal.sigwait(SIGNALS)
            if number in {signal.SIGTERM, signal.SIGINT}:
                return False
            if number == signal.SIGHUP or child.poll() is not None:
                return True


@contextmanager
def _child(folder: Folder, venv: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    home = _home(folder)
    home.mkdir(parents=True, exist_ok=True)
    with (folder.path / "log").open("ab") as log:
        child = subprocess.Popen(
            [str(python(venv)), "-P", str(LAUNCHER)],
            cwd=home, env=variables(folder, port), stdin=subprocess.DEVNULL, stdout=log,
            stderr=log, start_new_session=True, preexec_fn=_die_with_me,
        )  # fmt: skip
    try:
        yield child
    finally:
        _end(child)


def variables(folder: Folder, port: int) -> dict[str, str]:
    """Return LocalStack's whole environment.

    It sends no events, asks no name server and fetches nothing: whatever leaves by http or https,
    its installers among it, is led to a port on which nobody listens.
    """
    home = str(_home(folder))
    found = {
        "PATH": "/usr/bin:/bin", "HOME": home, "TMPDIR": home, "FILESYSTEM_ROOT": home,
        "GATEWAY_LISTEN": f"127.0.0.1:{port}", "LOCALSTACK_HOST": f"localhost:{port}",
        "OVERRIDE_IN_DOCKER": "0", "DISABLE_EVENTS": "1", "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DNS_ADDRESS": "0", "NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost",
    }
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        found |= {name: NOWHERE, name.lower(): NOWHERE}
    return found


def _home(folder: Folder) -> Path:
    return folder.path.resolve() / "localstack"


def _die_with_me() -> None:
    """In the child: end when this process ends, however it ends; heed signals again."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the child: asked first, then made to."""
    child.terminate()
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def sweep(folder: Folder) -> None:
    """Kill what an earlier LocalStack of this folder has started, and remove what it wrote."""
    mark = f"FILESYSTEM_ROOT={_home(folder)}".encode()
    for pid in _processes():
        try:
            mine = mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            if mine and pid != os.getpid():
                os.kill(pid, signal.SIGKILL)
        except OSError:
            continue  # another user's, or gone
    shutil.rmtree(_home(folder), ignore_errors=True)


def _processes() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []


def _wait_until_well(state: Running, child: subprocess.Popen[bytes], log: Path) -> None:
    """Call it until a call works. Raises DeskError."""
    end, wrong = time.monotonic() + PATIENCE, ""
    while time.monotonic() < end and child.poll() is None:
        try:
            works(state)
        except DeskError as error:
            wrong = str(error)
            time.sleep(0.2)
        else:
            return
    raise DeskError(
        f"LocalStack did not start ({wrong or 'it ended'}); see {log}", "./ladder cloud up"
    )


def works(state: Running) -> None:
    """Ask who we are, then put, get and delete an object; raise DeskError if any of it fails."""
    bucket = f"/ladder-pulse-{secrets.token_hex(4)}"
    place = b"<CreateBucketConfiguration><LocationConstraint>%s</LocationConstraint></Create" \
        b"BucketConfiguration>" % REGION.encode()  # fmt: skip
    form = {"content-type": "application/x-www-form-urlencoded"}
    calls: tuple[tuple[str, str, str, bytes, dict[str, str], bytes], ...] = (
        ("sts", "POST", "/", b"Action=GetCallerIdentity&Version=2011-06-15", form, b"<Account>"),
        ("s3", "PUT", bucket, place, {}, b""),
        ("s3", "PUT", f"{bucket}/k", b"pulse", {}, b""),
        ("s3", "GET", f"{bucket}/k", b"", {}, b"pulse"),
        ("s3", "DELETE", f"{bucket}/k", b"", {}, b""),
        ("s3", "DELETE", bucket, b"", {}, b""),
    )
    for service, method, path, body, headers, wanted in calls:
        status, answer = _call(state, service, method, path, body, headers)
        if status >= 300 or wanted not in answer:
            raise DeskError(
                f"LocalStack at {state.http} answered {status} to {service} {method}",
                "./ladder cloud reset --on localstack",
            )


def _call(
    state: Running, service: str, method: str, path: str, body: bytes, headers: dict[str, str]
) -> tuple[int, bytes]:
    host = state.http.removeprefix("http://")
    message = sigv4.Message(method, path, [], {"host": host, **headers}, body)
    signed = sigv4.sign(message, *KEYS, state.region, service, time.time())
    connection = http.client.HTTPConnection(host, timeout=30)
    try:
        connection.request(method, path, body or None, signed)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise DeskError(
            f"LocalStack at {state.http} does not answer: {error}",
            "./ladder cloud down --on localstack",
        ) from None
    finally:
        connection.close()


def main() -> None:
    """Serve in the background: one line of JSON on standard output, then silence."""
    path, venv, port = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])

    def ready(state: Running) -> None:
        if state.generation == 0:
            print(json.dumps(asdict(state)), flush=True)
            with open(os.devnull, "w") as nothing:
                os.dup2(nothing.fileno(), 1)

    try:
        serve(Folder(path), venv, port, exact=False, ready=ready)
    except DeskError as error:
        print(json.dumps({"error": str(error), "then": error.then, "code": error.code}))
        raise SystemExit(error.code) from None


if __name__ == "__main__":
    main()
