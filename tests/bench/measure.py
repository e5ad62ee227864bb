"""Runs a command and takes the CPU seconds of its whole process tree. Knows no grader."""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# One thread each, so that CPU seconds do not depend on the number of cores.
QUIET = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "PYTHONHASHSEED": "0",
}


@dataclass(frozen=True)
class Run:
    """One command: what it cost, what it said, and the points of each learner."""

    cpu: float
    exit: int
    output: str
    points: Mapping[str, float]


class Failed(Exception):
    """A grader did not run: its last lines."""


def run(command: Sequence[str | Path], cwd: Path, fine: Sequence[int] = (0,)) -> Run:
    """Run a command to its end. Raises Failed for an exit code that is not `fine`."""
    path = f"{Path(command[0]).parent}{os.pathsep}{os.environ['PATH']}"  # its own tools first
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            [str(word) for word in command], cwd=cwd, env={**os.environ, **QUIET, "PATH": path},
            stdin=subprocess.DEVNULL, stdout=out, stderr=err,
        )  # fmt: skip
        # Children that were waited for are in their parent's figures, down to the last one.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
    if process.returncode not in fine:
        last = "\n".join((texts[0] + texts[1]).strip().splitlines()[-12:])
        raise Failed(f"{' '.join(map(str, command))}: exit {process.returncode}\n{last}")
    return Run(usage.ru_utime + usage.ru_stime, process.returncode, texts[0], {})


def machine() -> str:
    """Return the processor and the number of cores."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        found = (x for x in info.read_text().splitlines() if x.startswith("model name"))
        model = next(found, f":{model}").partition(":")[2].strip()
    return f"{os.cpu_count()} cores of {model}"
