"""Finds the submissions of a class where the channel left them. Judges nothing.

Who sent a submission and for which lab is what the channel says: the folder, the file's name, the
collection. A slip inside that says otherwise is refused with both ids.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from autograder.errors import SubmissionError, UsageError
from autograder.manifest import Course, Lab
from autograder.submission import (
    MAX_FILE,
    MAX_TOTAL,
    SLIP,
    Submission,
    members,
    read_folder,
    read_zip,
)

MAX_CLASS = 100 * MAX_TOTAL
MAX_ID = 150


@dataclass(frozen=True, slots=True)
class Found:
    """One submission as the channel delivered it, not read yet.

    time: seconds since the epoch. formerly: ids that the learner had before, which a slip may name.
    """

    lab: Lab
    learner: str
    path: Path
    time: float
    member: str = ""
    formerly: tuple[str, ...] = ()

    def read(self) -> Submission:
        """Read it. Raises SubmissionError with a sentence its author can act on."""
        _refuse_name(self.learner, self.path)
        if self.path.is_symlink():
            raise SubmissionError("this is a link", str(self.path), "hand in plain files")
        if self.path.is_dir():
            submission = read_folder(self.lab, self.path, self.learner, self.time)
            slip = self.path / SLIP
            note = slip.read_bytes() if slip.is_file() and not slip.is_symlink() else b""
        elif self.path.suffix == ".ipynb":
            if self.path.stat().st_size > MAX_FILE:
                raise SubmissionError(
                    f"larger than {MAX_FILE >> 20} MB", str(self.path), "clear the outputs"
                )
            files = {self.lab.file.main: self.path.read_bytes()}
            submission, note = (
                Submission(self.lab.id, self.learner, files, self.time, str(self.path)),
                b"",
            )
        else:
            data = self.path.read_bytes()
            submission = read_zip(self.lab, data, self.learner, self.time, str(self.path))
            note = _slip_of(self.path)
        self._agree(note)
        return submission

    def _agree(self, note: bytes) -> None:
        try:
            slip = msgspec.json.decode(note) if note else {}
        except (msgspec.DecodeError, RecursionError):
            slip = {}
        for key, ours in (("learner", self.learner), ("lab", self.lab.id)):
            theirs = slip.get(key, ours) if isinstance(slip, dict) else ours
            if theirs != ours and not (key == "learner" and theirs in self.formerly):
                raise SubmissionError(
                    f"came from {key} {ours!r}, but its slip says {theirs!r}",
                    str(self.path),
                    "hand in your own work under your own id",
                )


def _refuse_name(learner: str, path: Path) -> None:
    """Raise SubmissionError for an id that is no name of one folder, or cannot be written down."""
    if not learner.isprintable() or not learner.strip(". ") or len(learner.encode()) > MAX_ID:
        raise SubmissionError(
            f"{learner!r} is no learner's id", str(path), "rename the file or folder"
        )


def _slip_of(path: Path) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive, archive.open(SLIP) as stream:
            return stream.read(10_000)
    except (KeyError, zipfile.BadZipFile, OSError, RuntimeError):
        return b""


def _stop(why: UsageError) -> None:
    raise why


def find(
    course: Course,
    path: Path,
    lab: Lab | None = None,
    skip: Callable[[UsageError], None] = _stop,
) -> list[Found]:
    """Find submissions: one file, a folder of files or folders, or nbgrader's submitted/ tree.

    `skip` is told of what lies in a folder and names no lab; without it, that is raised.

    Raises UsageError when there are none, or when it cannot be told for which lab a file is.
    """
    if not path.exists():
        raise UsageError("there is no such file or folder", str(path))
    skipped: list[UsageError] = []
    found = list(_find(course, path, lab, skipped.append))
    for why in skipped:
        skip(why)
    if not found:
        raise UsageError("no submissions here", str(path), "ladder grade FOLDER --lab LAB")
    return sorted(found, key=lambda f: (f.lab.id, f.learner))


def renamed(found: list[Found], alias: Mapping[str, str]) -> list[Found]:
    """Return submissions under their learners' present ids. `alias`: former id to present id."""
    former: dict[str, tuple[str, ...]] = {}
    for old, new in alias.items():
        former[new] = (*former.get(new, ()), old)
    return [
        replace(f, learner=now, formerly=former[now])
        if (now := alias.get(f.learner, f.learner)) in former
        else f
        for f in found
    ]


@contextmanager
def unpacked(course: Course, path: Path) -> Iterator[Path]:
    """Give a folder of submissions: the path itself, or what a zip of a class holds.

    A zip named LAB-LEARNER is that learner's alone, whatever names it holds.

    Raises SubmissionError for a member that leads out of the folder and for what is too large.
    """
    own = any(path.name.startswith(f"{lab}-") for lab in course.labs)
    if path.suffix != ".zip" or own or not _holds_a_class(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="ladder-class-") as folder:
        with zipfile.ZipFile(path) as archive:
            for name, body in members(archive, str(path), MAX_CLASS):
                place = Path(folder, name)
                if ".." in place.parts or not place.is_relative_to(folder):
                    raise SubmissionError(f"{name!r} leads out of the folder", str(path))
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(body)
        yield Path(folder)


def _holds_a_class(path: Path) -> bool:
    """Tell a zip of submissions from one submission, which has a slip or plain files."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [n for n in archive.namelist() if not n.startswith("__MACOSX")]
    except (zipfile.BadZipFile, OSError):
        return False
    return SLIP not in names and any(n.endswith(".zip") or n.count("/") >= 1 for n in names)


def _find(
    course: Course, path: Path, lab: Lab | None, skip: Callable[[UsageError], None]
) -> Iterator[Found]:
    if path.is_file():
        yield _one(course, path, lab)
        return
    for entry in sorted(path.iterdir()):
        if entry.name.startswith(".") or entry.is_symlink():
            continue
        inner = [d for d in entry.iterdir() if d.name in course.labs] if entry.is_dir() else []
        wanted = [d for d in inner if lab is None or d.name == lab.id]
        if inner:  # nbgrader's tree: LEARNER/ASSIGNMENT/files
            yield from (_at(course.labs[d.name], entry.name, d) for d in wanted)
        elif entry.is_dir() or entry.suffix in (".zip", ".ipynb"):
            try:
                yield _one(course, entry, lab)
            except UsageError as why:
                skip(why)


def _one(course: Course, path: Path, lab: Lab | None) -> Found:
    """Tell lab and learner of one file or folder: LAB-LEARNER, or LEARNER when the lab is known."""
    name = path.name if path.is_dir() else path.stem
    for known in course.labs.values():
        if name.startswith(f"{known.id}-") and (lab is None or lab is known):
            return _at(known, name.removeprefix(f"{known.id}-"), path)
    if lab is None:
        raise UsageError("for which lab is this?", str(path), f"ladder grade {path} --lab LAB")
    return _at(lab, name, path)


def _at(lab: Lab, learner: str, path: Path) -> Found:
    stamp = path / "timestamp.txt"
    return Found(
        lab, learner, path, stamp.stat().st_mtime if stamp.is_file() else path.lstat().st_mtime
    )
