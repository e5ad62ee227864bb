"""The learner's seam: one background process between your programs and the cloud on your desk.

    python -m infra.cloud.faultdesk STATE PORT '[["aws", "", "127.0.0.1", 4566]]'

Its plan is a file in the cloud's state folder: written, it is followed from the next request on;
removed, everything passes. Limit: it ends with the cloud, killed or not; plain HTTP only.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from infra.cloud.desk import DeskError, Folder, Running, listen
from infra.cloud.faultplan import Plan, load, load_text
from infra.cloud.faults import Front, Injected, Seam, line, serve
from infra.cloud.records import RecordError

ROOT = Path(__file__).resolve().parents[2]
PORT = 4576
PLAN, LOG = "plan.toml", "log.jsonl"
Behind = tuple[str, str, str, int]  # cloud, service, host, port


def folder_of(cloud: Folder) -> Folder:
    """Return where the seam of a cloud keeps its files."""
    return Folder(cloud.path / "faults")


@dataclass(frozen=True)
class Standing:
    """A running seam: its addresses by cloud or cloud/service, and its plan; None lets all pass."""

    pid: int
    urls: dict[str, str]
    plan: Plan | None


def standing(cloud: Folder) -> Standing | None:
    """Return the seam that runs in front of a cloud, or None."""
    folder = folder_of(cloud)
    found = folder.read("state.json") if folder.holder() else None
    if not isinstance(found, dict):
        return None
    with contextlib.suppress(RecordError):
        return Standing(found["pid"], found["urls"], load(folder.path / PLAN))
    return Standing(found["pid"], found["urls"], None)


def variables(cloud: Folder) -> dict[str, str]:
    """Return the variables that lead SDKs through the seam; none where no seam runs."""
    from infra.cloud import neighbours

    found = standing(cloud)
    if found is None:
        return {}
    beside: dict[str, dict[str, str]] = {}
    for front, url in found.urls.items():
        kind, _, service = front.partition("/")
        if service:
            beside.setdefault(kind, {})[service] = url
    own = {"AWS_ENDPOINT_URL": found.urls["aws"]}
    return own | neighbours.environment(cloud, beside)


def behind(running: Running) -> list[Behind]:
    """Return what a seam stands before: every cloud that is up."""
    found = [("aws", "", *_address(running.http))]
    for kind, urls in running.beside.items():
        found += [(kind, service, *_address(url)) for service, url in urls.items()]
    return found


def _address(url: str) -> tuple[str, int]:
    host, _, port = url.removeprefix("http://").partition(":")
    return host, int(port)


def switch_on(cloud: Folder, script: Path, running: Running) -> Standing:
    """Follow a script, starting the seam where none runs.

    Raises RecordError for a script that says what cannot be; then nothing has changed.
    """
    text = _text(script)
    plan = load_text(text, str(script))
    found, clouds = standing(cloud), behind(running)
    if found is not None and set(found.urls) != {name(one) for one in clouds}:
        raise DeskError(
            "the seam stands before other clouds than are up now", "./ladder cloud down", code=2
        )
    folder_of(cloud).write(PLAN, text)
    return replace(found or _start(cloud, clouds), plan=plan)


def _text(script: Path) -> str:
    try:
        return script.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"{script} cannot be read: {error}") from None


def switch_off(cloud: Folder) -> bool:
    """Let everything pass; return whether a plan was followed."""
    followed = standing(cloud)
    (folder_of(cloud).path / PLAN).unlink(missing_ok=True)
    return followed is not None and followed.plan is not None


def injected(cloud: Folder) -> list[dict[str, Any]]:
    """Return every fault since the seam began; a last line that was cut off is left out."""
    try:
        lines = (folder_of(cloud).path / LOG).read_text().splitlines(keepends=True)
    except OSError:
        return []
    return [json.loads(one) for one in lines if one.endswith("\n")]


def name(one: Behind) -> str:
    """Return how a front is called: its cloud, and its service where there is more than one."""
    return "/".join(filter(None, one[:2]))


def _start(cloud: Folder, clouds: Sequence[Behind]) -> Standing:
    """Start the background process and wait for its one line. Raises DeskError."""
    folder = folder_of(cloud)
    with (folder.path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "infra.cloud.faultdesk", str(cloud.path.resolve()), str(PORT),
             json.dumps(clouds)],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
            start_new_session=True, text=True,
        )
    assert process.stdout is not None
    with process.stdout as output:
        said = output.readline()
    process.returncode = 0  # nobody's child from here on: it ends with the cloud
    found = standing(cloud)
    if not said or found is None:
        raise DeskError(
            f"the seam did not start; see {folder.path / 'log'}", "./ladder cloud status"
        )
    return found


class Switch:
    """Keeps a seam at the plan that stands in a file; one `stat` a request."""

    def __init__(self, seam: Seam, path: Path) -> None:
        self.seam, self.path = seam, path
        self.seen: tuple[int, ...] | None = None
        self.lock = threading.Lock()

    def follow(self) -> None:
        """Take the file's plan where the file is another than before."""
        with self.lock:
            try:
                status = self.path.stat()
                now: tuple[int, ...] | None = (status.st_mtime_ns, status.st_ino, status.st_size)
            except OSError:
                now = None
            if now == self.seen:
                return
            self.seen = now
            try:
                self.seam.switch(None if now is None else self.path)
            except RecordError as error:  # edited by hand: what was followed goes on
                print(error, file=sys.stderr, flush=True)


def run(cloud: Folder, port: int, clouds: Sequence[Behind]) -> None:
    """Serve until the cloud ends."""
    folder = folder_of(cloud)
    with folder.hold(), ExitStack() as stack:
        log = stack.enter_context((folder.path / LOG).open("w", encoding="utf-8"))
        fronts = []
        for kind, service, host, upstream in clouds:
            listener = stack.enter_context(listen(port))
            port = listener.getsockname()[1] + 1
            fronts.append(Front(kind, (host, upstream), listener, service))

        def keep(one: Injected) -> None:
            log.write(line(one) + "\n")
            log.flush()

        seam = Seam(keep=keep)
        switch = Switch(seam, folder.path / PLAN)
        stack.enter_context(serve(seam, fronts, switch.follow))
        folder.write("state.json", json.dumps({"pid": os.getpid(), "urls": seam.urls}))
        print("up", flush=True)
        _until_the_end_of(cloud)
        (folder.path / "state.json").unlink(missing_ok=True)


def _until_the_end_of(cloud: Folder) -> None:
    """Wait for the lock that the cloud's process holds as long as it lives."""
    with (cloud.path / "lock").open("r+") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)


if __name__ == "__main__":
    state, first, fronts = sys.argv[1:]
    run(Folder(Path(state)), int(first), [tuple(one) for one in json.loads(fronts)])
