"""The floor: forks of a parent that has the libraries. No sandbox, no judge, no report.

    python floor.py each SUBMITTED     a fork for each check, which runs it on its seeds
    python floor.py once SUBMITTED     one fork a submission, one seed: the classic

The checks, their order and their seeds are ours; the first seed that does not pass ends a check,
as it does in a graded run. Prints a JSON line a submission.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

from submissions import LAB

from autograder.check import Check, parameters
from autograder.grade import BUILT_IN, LoadedLab, load_lab
from autograder.manifest import load_course
from autograder.seeds import grading_seeds

COURSE = Path(__file__).parent / "course"


class TooLong(BaseException):
    """A check's fork used more CPU than a check may."""


def names_of(path: Path) -> dict[str, Any]:
    """Run a notebook's cells in one namespace; a failing cell stops nothing."""
    names: dict[str, Any] = {}
    for cell in json.loads(path.read_text())["cells"]:
        if cell["cell_type"] == "code":
            try:
                exec(compile("".join(cell["source"]), "cell", "exec"), names)
            except Exception:
                continue
    return names


def passes(loaded: LoadedLab, check: Check, names: Mapping[str, Any], seed: int) -> bool:
    """Run one check in this process, on the learner's own functions."""
    made: dict[str, Any] = {"work": SimpleNamespace(**names)}

    def make(name: str) -> Any:
        if name not in made and name in BUILT_IN:
            made[name] = BUILT_IN[name](None, seed)  # type: ignore[arg-type]  # seed and rng
        elif name not in made:
            function = loaded.fixtures[name]
            made[name] = function(**{n: make(n) for n in parameters(function)})
        return made[name]

    try:
        check.call(*(make(name) for name in check.needs))
    except (Exception, TooLong):
        return False
    return True


def limited(seconds: float, work: Callable[[], float]) -> float:
    """Run a function that may use so much CPU."""

    def stop(*_: object) -> NoReturn:
        raise TooLong

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        return work()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def forked(work: Callable[[], float]) -> float:
    """Run a function in a fork and return what it returned; 0 when it died."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(write, str(work()).encode())
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(pid, 0)
    with os.fdopen(read) as stream:
        return float(stream.read() or 0)


def grade(loaded: LoadedLab, path: Path, seeds: Mapping[str, Sequence[int]], each: bool) -> float:
    """Grade one submission in this process and return its points."""
    names, total = names_of(path), 0.0
    may = loaded.limits.cpu / 4
    for check in loaded.checks.values():
        chosen = seeds[check.name] if each else seeds[check.name][:1]
        score = partial(limited, may, partial(points, loaded, check, names, chosen))
        total += forked(score) if each else score()
    return total


def points(
    loaded: LoadedLab, check: Check, names: Mapping[str, Any], seeds: Sequence[int]
) -> float:
    """Return what a check gives; the first seed that does not pass ends it."""
    return check.points * all(passes(loaded, check, names, seed) for seed in seeds)


def used() -> float:
    """Return the CPU seconds of all children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main(how: str, submitted: Path, secret: bytes) -> None:
    """Grade all submissions, one after the other."""
    warnings.simplefilter("ignore")
    lab = load_course(COURSE).lab(LAB)
    for name in lab.imports():
        importlib.import_module(name)
    loaded = load_lab(lab)
    for path in sorted(submitted.glob(f"*/{LAB}/lab.ipynb")):
        learner, before = path.parts[-3], used()
        seeds = grading_seeds(secret, lab.id, lab.version, learner, list(loaded.checks))
        score = forked(lambda p=path, s=seeds: grade(loaded, p, s, how == "each"))
        line = {"learner": learner, "points": score, "cpu": round(used() - before, 4)}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), bytes.fromhex(sys.argv[3]))
