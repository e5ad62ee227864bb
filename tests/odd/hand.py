"""Puts odd submissions into a class's folder and remembers what should become of each."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LAB, PROJECT = "sum-up", "port-call"
GROUPS = ("What a notebook says", "Who wrote it", "How it is packed", "Where it lies, whose it is")


@dataclass
class Hand:
    """What a case hands in. `answers`: a notebook worth 7 of 9 points, as JupyterLab saves it.

    root: the class's folder. download: what a platform gave for one lab, whose names do not say it.
    """

    root: Path
    download: Path
    slug: str
    answers: dict[str, Any]
    project: dict[str, bytes]
    paths: list[Path] = field(default_factory=list)

    @property
    def book(self) -> dict[str, Any]:
        """A copy of the answers, to be changed."""
        return copy.deepcopy(self.answers)

    @property
    def plain(self) -> bytes:
        """The answers as they are."""
        return dump(self.answers)

    def put(self, body: bytes, ending: str = ".ipynb", name: str = "") -> Path:
        """Hand in one file, named after the lab unless it has a name."""
        path = self.root / (name or f"{LAB}-{self.slug}{ending}")
        path.write_bytes(body)
        self.paths.append(path)
        return path

    def lay(self, lab: str = LAB, learner: str = "", **files: bytes) -> Path:
        """Hand in a folder, LEARNER/LAB/, of files; in their names `__` stands for a point."""
        path = self.root / (learner or self.slug) / lab
        path.mkdir(parents=True)
        for name, body in files.items():
            (path / name.replace("__", ".")).write_bytes(body)
        self.paths.append(path)
        return path


Put = Callable[[Hand], object]


@dataclass(frozen=True)
class Case:
    """One odd submission. points: what it is worth; why: of what the refusal speaks."""

    group: str
    title: str
    put: Put
    points: float | None
    why: str
    slug: str


CASES: list[Case] = []


def graded(group: int, title: str, points: float = 7) -> Callable[[Put], Put]:
    """Register what is graded, and for how many points."""
    return _register(group, title, points, "")


def refused(group: int, title: str, why: str) -> Callable[[Put], Put]:
    """Register what is refused; `why` is part of the sentence."""
    return _register(group, title, None, why)


def _register(group: int, title: str, points: float | None, why: str) -> Callable[[Put], Put]:
    def add(put: Put) -> Put:
        slug = f"c{len(CASES):03}"
        CASES.append(Case(GROUPS[group], title, put, points, why, slug))
        return put

    return add


def dump(book: object) -> bytes:
    """Return a notebook's bytes as JupyterLab writes them."""
    return json.dumps(book, indent=1, ensure_ascii=False).encode()


def code(*lines: str, **more: Any) -> dict[str, Any]:
    """Return a code cell."""
    source = [f"{line}\n" for line in lines]
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    return {**cell, "source": source, **more}


def answers(book: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the code cells that a learner wrote."""
    for cell in book["cells"]:
        if cell["cell_type"] == "code" and cell["metadata"].get("nbgrader", {}).get("solution"):
            yield cell
