"""What a whole proof has judged, on disk: one that was cut off or does not hold goes on from it.

A line a submission, written when it is judged; a line that a kill cut in two is left out. What was
judged by other checks, another grader or in another emulated cloud is forgotten.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

import msgspec

from autograder import evidence
from autograder.manifest import Lab
from autograder.rig import Rig, Task
from autograder.verdict import ENGINE, LabResult

CODE = Path(__file__).parents[2]


class Line(msgspec.Struct, kw_only=True):
    """One judged submission: of which state of lab and grader, which task, how it ended."""

    of: str
    task: str
    result: LabResult


class Journal:
    """The results of one proof that does not hold yet."""

    def __init__(self, path: Path, of: str) -> None:
        self.path, self.of = path, of
        self.results = dict(self._lines())

    def __len__(self) -> int:
        """How many submissions need not be judged again."""
        return len(self.results)

    def add(self, task: Task, result: LabResult) -> None:
        """Keep a result. A disk that takes no line costs the line, never the proof."""
        line = Line(of=self.of, task=_name(task), result=result)
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab", buffering=0) as file:
                file.write(b"\n" + msgspec.json.encode(line))

    def get(self, task: Task) -> LabResult | None:
        """Return how a task ended; None if that is not known."""
        return self.results.get(_name(task))

    def end(self) -> None:
        """Forget everything."""
        self.results.clear()
        self.path.unlink(missing_ok=True)

    def _lines(self) -> list[tuple[str, LabResult]]:
        found = []
        with contextlib.suppress(FileNotFoundError):
            for text in self.path.read_bytes().splitlines():
                with contextlib.suppress(msgspec.DecodeError):
                    line = msgspec.json.decode(text, type=Line)
                    if line.of == self.of:
                        found.append((line.task, line.result))
        return found


class Resumed(Rig):
    """A rig that does not judge again what its journal has."""

    journal: Journal | None = None

    def _judge(self, task: Task) -> LabResult:
        known = None if self.journal is None else self.journal.get(task)
        if known is None:
            known = super()._judge(task)
            if self.journal is not None and not known.ungraded:
                self.journal.add(task, known)
            return known
        self._note(known)
        return known


def journal(lab: Lab, rig: Rig, folder: Path, *, afresh: bool = False) -> Journal:
    """Return what an earlier proof of just this lab left in a folder: mode and layers alike.

    Its mistakes may have changed: a task holds the files that it is about.
    afresh: what was left is thrown away, as for `--all`, which believes nothing.
    """
    of = evidence.key(lab, but=[lab.solution / "mistakes.toml"])
    digest = hashlib.sha256(repr((of, ENGINE, rig.mode, rig.layers)).encode())
    for package in ("autograder", "infra"):
        for file in evidence.files(CODE / package):
            digest.update(file.read_bytes())
    path = folder / f"{lab.id}.jsonl"
    begun = Journal(path, digest.hexdigest())
    if afresh or not begun:
        begun.end()
    return begun


def _name(task: Task) -> str:
    files = {name: hashlib.sha256(body).hexdigest() for name, body in task.files.items()}
    parts = (
        sorted(files.items()), task.learner, task.seeds, task.skip, task.only, task.until_failure,
        task.graded,
    )  # fmt: skip
    return hashlib.sha256(repr(parts).encode()).hexdigest()
