"""One `ladder grade` over a folder, as root or as an ordinary user. Judges nothing.

The user is nobody (65534), in a mount namespace where this Python is shown though it may lie under
a closed home: an ordinary user would have a Python of theirs.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
REFUSED = re.compile(r"(refused|ungraded): ")
LADDER = "import sys; sys.path.insert(0, {root!r}); from autograder.cli.main import main; main()"
BECOME = """
import os, sys, tempfile
from pathlib import Path
sys.path.append(sys.argv[1])
from autograder.sandbox import linux, root

linux.unshare(linux.NEWNS)
linux.mount("none", "/", "none", linux.REC | linux.PRIVATE)
for path in root.interpreter():
    closed = [above for above in (*reversed(path.parents), path) if not above.stat().st_mode & 1]
    if closed:
        with tempfile.TemporaryDirectory() as place:
            linux.bind(str(path), place, 0)
            linux.mount("home", str(closed[0]), "tmpfs", 0, "mode=755")
            path.mkdir(parents=True)
            linux.bind(place, str(path), 0)
            linux.call("umount2", place.encode(), linux.DETACH)
os.setgroups([])
os.setresgid(int(sys.argv[2]), int(sys.argv[2]), int(sys.argv[2]))
os.setresuid(int(sys.argv[2]), int(sys.argv[2]), int(sys.argv[2]))
os.execv(sys.argv[3], sys.argv[3:])
"""


@dataclass
class Done:
    """One run: its exit code, results by learner, refusals as text, CPU seconds."""

    code: int
    out: str
    err: str
    cpu: float
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)


def grade(user: str, course: Path, place: Path, *more: str) -> Done:
    """Grade place/submitted with place/cohort.toml into place/out, as `root` or as `user`."""
    paths = ("submitted", "--cohort", "cohort.toml", "--out", "out")
    words = [word if word.startswith("-") else str(place / word) for word in paths]
    done = ladder(user, course, place, "grade", *words, *more)
    for line in done.out.splitlines():
        if line.startswith("{"):
            one = json.loads(line)
            done.results[one["learner"]] = one
    done.refused = [line for line in done.err.splitlines() if REFUSED.match(line)]
    return done


def hand_out(user: str, course: Path, place: Path) -> list[Done]:
    """Write what people get of the graded class: a page for each learner, a table."""
    out = place / "out"
    book = ("--class", str(place), "--gradebook", str(out / "gradebook.db"))
    return [
        ladder(user, course, place, "feedback", *book, "--out", str(out)),
        ladder(user, course, place, "export", *book, "--out", str(out / "all.csv")),
    ]


def ladder(user: str, course: Path, place: Path, *words: str) -> Done:
    """Run one command of the command line to its end."""
    command = [sys.executable, "-c", LADDER.format(root=str(ROOT)), *words]
    if user == "user" and not os.geteuid():
        command = [sys.executable, "-c", BECOME, str(ROOT), str(NOBODY), *command]
    env = {
        "PATH": os.defpath, "HOME": str(place / "home"),
        "TMPDIR": str(place / "tmp"), "SECRET_OF_THE_GRADER": "canary-of-the-environment",
        "MPLCONFIGDIR": str(place / "cache"), "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8",
    }  # fmt: skip
    before = spent()
    done = subprocess.run(
        command, cwd=course, env=env, capture_output=True, stdin=subprocess.DEVNULL, check=False
    )
    out, err = (said.decode(errors="replace") for said in (done.stdout, done.stderr))
    return Done(done.returncode, out, err, spent() - before)


def spent() -> float:
    """Return the CPU seconds of all children that have been waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def users() -> Sequence[str]:
    """Return as whom attacks can be graded here."""
    return ("root", "user") if not os.geteuid() else ("user",)
