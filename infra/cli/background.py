"""Background processes of the desk: started, waited for, ended. Knows no cloud.

Limit: the process is nobody's child; the lock in its folder says whether it runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infra.cloud.desk import Folder, Running

ROOT = Path(__file__).resolve().parents[2]


def start(folder: Folder, module: str, words: Sequence[str], again: str) -> Running:
    """Start a module in the background and wait for its one line.

    `again` is what to type when it says nothing. Raises DeskError.
    """
    from infra.cloud.desk import DeskError, Running

    folder.path.mkdir(parents=True, exist_ok=True)
    with (folder.path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *words], cwd=ROOT, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=log, start_new_session=True, text=True,
        )
    assert process.stdout is not None
    with process.stdout as output:
        line = output.readline()
    # It is nobody's child from here on: it ends by `down`, not with this command.
    process.returncode = 0
    said = json.loads(line) if line else {}
    if "pid" in said:
        return Running(**said)
    if "error" in said:
        raise DeskError(said["error"], said["then"], said["code"])
    raise DeskError(f"the cloud did not start; see {folder.path / 'log'}", again)


def end(folder: Folder, pid: int) -> bool:
    """End the process that holds the lock: asked first, then made to; tell whether it has ended."""
    for number, seconds in ((signal.SIGTERM, 15.0), (signal.SIGKILL, 10.0)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        if until(lambda: not folder.holder(), seconds):
            return True
    return False


def until(holds: Callable[[], bool], seconds: float) -> bool:
    """Ask twenty times a second until it holds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.05)
    return False
