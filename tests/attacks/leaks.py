"""Searches what a learner is given for what a graded run must not show. Reads, judges nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from autograder.grade import load_lab
from autograder.manifest import Course
from autograder.seeds import grading_seeds

WORD = re.compile(rb"[0-9a-zA-Z]{10,}")
COUNT, LOW, HIGH = 20, 10**11, 10**12  # of the course's conftest.py


def canaries(course: Course, secret: bytes, learners: Mapping[str, str]) -> dict[bytes, str]:
    """Return everything that must not be shown, in the forms in which it could be: word to meaning.

    learners: the lab of each.
    """
    found = _forms(secret.hex(), "the secret")
    checks = {lab.id: list(load_lab(lab).checks) for lab in course.labs.values()}
    for learner, name in learners.items():
        lab = course.lab(name)
        seeds = grading_seeds(secret, lab.id, lab.version, learner, checks[name])
        for check, numbers in seeds.items():
            for seed in numbers:
                found |= _number(seed, f"a seed of {learner}, {check}")
                rng = np.random.Generator(np.random.PCG64DXSM(seed))
                for value in rng.integers(LOW, HIGH, COUNT).tolist():
                    found |= _number(value, f"an input of {learner}, {check}")
    return found


def _number(value: int, what: str) -> dict[bytes, str]:
    return _forms(str(value), what) | _forms(f"{value:x}", what)


def _forms(text: str, what: str) -> dict[bytes, str]:
    return {text.encode(): what, text[::-1].encode(): f"{what}, backwards"}


def leaks(folder: Path, texts: Iterable[str], found: Mapping[bytes, str]) -> list[str]:
    """Return what of `found` is in the files of a folder or in texts."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    bodies = [(str(path.relative_to(folder)), path.read_bytes()) for path in files]
    bodies += [("terminal", text.encode()) for text in texts]
    sizes = sorted({len(word) for word in found})
    return sorted(
        {
            f"{what} in {name}"
            for name, body in bodies
            for word in set(WORD.findall(body))
            for what in _inside(word, sizes, found)
        }
    )


def _inside(word: bytes, sizes: list[int], found: Mapping[bytes, str]) -> set[str]:
    """Return the canaries in a run of letters and digits, wherever they begin."""
    windows = (word[i : i + n] for n in sizes for i in range(len(word) - n + 1))
    return {found[w] for w in windows if w in found}
