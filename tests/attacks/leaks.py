"""Searches what people are given for what a graded run must not show, or must not run."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path

import numpy as np

from autograder.grade import load_lab
from autograder.manifest import Course
from autograder.seeds import grading_seeds

WORD = re.compile(rb"[0-9a-zA-Z]{10,}")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
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


def commands(text: str) -> list[str]:
    """Return the characters that a terminal would obey."""
    return [f"told the terminal {found!r}" for found in sorted(set(CONTROL.findall(text)))]


def active(path: Path) -> list[str]:
    """Return what would run in a page, or be computed in a table, when somebody opens it."""
    if path.suffix == ".html":
        page = Page()
        page.feed(path.read_text())
        return [f"{path.name}: {what}" for what in page.found]
    if path.suffix == ".csv":
        return [f"{path.name}: the cell {cell!r}" for cell in _formulas(path)]
    return []


def _formulas(path: Path) -> Iterator[str]:
    with path.open(newline="") as file:
        for row in csv.reader(file):
            yield from (c for c in row if c.startswith(FORMULA) and not _is_number(c))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


class Page(HTMLParser):
    """Collects scripts, handlers and addresses that run or fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one element."""
        if tag in ("script", "iframe", "object", "embed", "base", "form"):
            self.found.append(f"a <{tag}>")
        for name, value in attrs:
            runs = name.startswith("on")
            fetches = name in ("src", "href", "action") and _foreign(value or "")
            self.found += [f"{tag} {name}={value!r}"] if runs or fetches else []


def _foreign(address: str) -> bool:
    return ":" in address.split("/")[0] and not address.startswith(("data:image/", "https:"))
