"""The floor: a fork of a parent that has the libraries. No isolation, no sandbox, no report.

    python floor.py each SUBMITTED     the same checks on the same two seeds, a fork for each
    python floor.py once SUBMITTED     one fork a submission, one seed: the classic

Prints a JSON line a submission: learner, points, CPU seconds of its fork and of what that forked.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from autograder.fixtures import BUILT_IN
from autograder.grade import load_lab
from autograder.manifest import load_course
from autograder.seeds import grading_seeds

HERE = Path(__file__).parent
SECRET = bytes(32)


def names_of(path: Path) -> dict[str, Any]:
    """Run a notebook's cells in one namespace; a failing cell stops nothing."""
    names: dict[str, Any] = {}
    for one in json.loads(path.read_text())["cells"]:
        if one["cell_type"] == "code":
            try:
                exec(compile("".join(one["source"]), "cell", "exec"), names)
            except Exception:
                continue
    return names


def passes(loaded: Any, check: Any, names: dict[str, Any], seed: int) -> bool:
    """Run one check in this process, on the learner's own functions."""
    made = {"work": SimpleNamespace(**names), "seed": seed, "rng": BUILT_IN["rng"](None, seed)}

    def make(name: str) -> Any:
        if name not in made:
            function = loaded.fixtures[name]
            made[name] = function(
                *(make(n) for n in function.__code__.co_varnames[: function.__code__.co_argcount])
            )
        return made[name]

    signal.setitimer(signal.ITIMER_PROF, 10)
    try:
        check.call(*(make(name) for name in check.needs))
    except BaseException:
        return False
    return True


def forked(work: Any) -> int:
    """Run a function in a fork and return its exit code."""
    pid = os.fork()
    if pid == 0:
        os._exit(int(not work()))
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def points(loaded: Any, path: Path, learner: str, each: bool) -> float:
    """Grade one submission in this process."""
    names = names_of(path)
    lab = loaded.lab
    seeds = grading_seeds(SECRET, lab.id, lab.version, learner, list(loaded.checks))
    total = 0.0
    for check in loaded.checks.values():
        run = [lambda s=seed, c=check: passes(loaded, c, names, s) for seed in seeds[check.name]]
        right = all(forked(one) == 0 for one in run) if each else run[0]()
        total += check.points * right
    return total


def main(how: str, submitted: Path) -> None:
    """Grade all submissions, one after the other."""
    loaded = load_lab(load_course(HERE / "course").lab("first-model"))
    __import__("sklearn.ensemble")
    __import__("sklearn.linear_model")
    for path in sorted(submitted.glob("*/*/lab.ipynb")):
        learner = path.parts[-3]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(write, str(points(loaded, path, learner, how == "each")).encode())
            os._exit(0)
        os.close(write)
        os.waitpid(pid, 0)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        score = float(os.read(read, 100) or b"0")
        os.close(read)
        print(json.dumps({"learner": learner, "points": score, "cpu": cpu}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
