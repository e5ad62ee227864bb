"""Result files: one for each key, whole or not there, written by shards and merged from anywhere.

Knows no database. What is read may come from elsewhere: it is bounds-checked before it is used.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from autograder.channel import JOINERS, MAX_ID
from autograder.desk import write_whole
from autograder.errors import GraderError, UsageError
from autograder.verdict import MAX_RESULT, LabResult

FORMAT = 1
MAX_FILE = MAX_RESULT + 65_536
MAX_CHECKS, MAX_POINTS, MAX_WORD, MAX_TIME, MAX_LAYERS = 500, 10_000.0, 200, 1e10, 20


class Sheet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One result file: a result, whose course it is, when it was handed in and graded."""

    format: int
    course: str
    submitted: float
    graded: float
    result: LabResult


class Ledger:
    """A folder of result files of one course."""

    def __init__(self, folder: Path, course: str) -> None:
        self.folder, self.course = folder, course

    def path(self, key: Mapping[str, Any], ungraded: bool = False) -> Path:
        """Return where the result of a key lies."""
        text = msgspec.json.encode(sorted(key.items()))
        name = hashlib.sha256(text).hexdigest()[:40] + ("-ungraded" if ungraded else "")
        return self.folder / str(key["lab"]) / f"{name}.json"

    def knows(self, key: Mapping[str, Any]) -> bool:
        """Tell whether a key has been graded."""
        return self.path(key).is_file()

    def write(self, result: LabResult, submitted: float = 0.0) -> None:
        """Write one result; it is there whole, or as it was before. Raises GraderError."""
        sheet = Sheet(
            format=FORMAT, course=self.course, submitted=submitted, graded=time.time(),
            result=result,
        )  # fmt: skip
        place = self.path(result.key, result.ungraded)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            write_whole(place, msgspec.json.encode(sheet))
        except OSError as error:
            raise GraderError(
                f"a result cannot be written: {error.strerror}",
                str(place),
                "mend that and type the same again: it goes on where it stopped",
            ) from error
        if not result.ungraded:
            self.path(result.key, True).unlink(missing_ok=True)

    def read(self, key: Mapping[str, Any]) -> Sheet | None:
        """Return the sheet of a key that has been graded."""
        place = self.path(key)
        return read_sheet(place) if place.is_file() else None

    def drop(self, key: Mapping[str, Any]) -> None:
        """Remove the file of a key: it is in the gradebook now."""
        self.path(key).unlink(missing_ok=True)


def files(folder: Path) -> Iterator[Path]:
    """Yield the result files under a folder, by name; half-written ones are none."""
    if not folder.is_dir():
        raise UsageError("there is no such folder", str(folder), "name the OUT of each shard")
    for path in sorted(folder.rglob("*.json")):
        ours = path.parent.parent.name == "results"
        if ours and path.is_file() and not path.is_symlink():
            yield path


def read_sheet(path: Path, labs: Collection[str] = ()) -> Sheet:
    """Return a result file's sheet. Raises GraderError for anything else, and what is wrong."""
    with path.open("rb") as file:
        body = file.read(MAX_FILE + 1)
    if len(body) > MAX_FILE:
        raise GraderError(f"larger than {MAX_FILE >> 20} MB", str(path))
    try:
        sheet = msgspec.json.decode(body, type=Sheet)
    except (msgspec.DecodeError, RecursionError) as error:
        raise GraderError(f"no result file: {error}", str(path)) from None
    wrong = next(_wrong(sheet, labs), None)
    if wrong:
        raise GraderError(f"no result of ours: {wrong}", str(path))
    return sheet


def refuse_stranger(sheet: Sheet, course: str, epochs: Collection[str], where: Path) -> None:
    """Raise UsageError for a sheet of another course or of another secret."""
    for what, theirs, ours in (
        ("course", sheet.course, [course]),
        ("seed epoch", sheet.result.epoch, sorted(epochs)),
    ):
        if theirs not in ours:
            raise UsageError(
                f"this result is of {what} {theirs!r}, the gradebook of {', '.join(ours)!r}",
                str(where),
                "nothing was written: leave that folder out",
            )


def _wrong(sheet: Sheet, labs: Collection[str]) -> Iterator[str]:
    """Yield what no sheet of ours has."""
    result = sheet.result
    words = (result.lab, result.version, result.submission, result.epoch, result.tier, sheet.course)
    if sheet.format != FORMAT:
        yield f"format {sheet.format}"
    if labs and result.lab not in labs:
        yield f"there is no lab {result.lab[:40]!r}"
    if not all(word.isprintable() and len(word) <= MAX_WORD for word in (*words, *result.layers)):
        yield "a word is too long or not printable"
    learner = result.learner.translate(JOINERS)
    if not learner.isprintable() or not 0 < len(result.learner.encode()) <= MAX_ID:
        yield "the learner's id"
    if result.mode not in ("A", "B", "C", "D") or len(result.layers) > MAX_LAYERS:
        yield "the sandbox"
    if not 0 < result.engine < 1 << 31:
        yield "the engine"
    if not 0 < len(result.checks) <= MAX_CHECKS:
        yield f"{len(result.checks)} checks"
    if not all(_between(one.points, MAX_POINTS) for one in result.checks):
        yield "points out of bounds"
    times = (sheet.submitted, sheet.graded, result.cpu, *(one.cpu for one in result.checks))
    if not all(_between(one, MAX_TIME) for one in times):
        yield "a time out of bounds"


def _between(number: float, most: float) -> bool:
    return math.isfinite(number) and 0 <= number <= most
