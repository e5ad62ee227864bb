"""Finds the submissions of a class where the channel left them. Judges nothing.

Who sent a submission and for which lab is what the channel says: the folder, the file's name, the
collection. A slip inside that says otherwise is refused with both ids.
"""

from __future__ import annotations

import json
import os
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from autograder.archive import ignored, shown, unreadable
from autograder.bundle import NOTE, unpacked
from autograder.errors import SubmissionError, UsageError, suggest
from autograder.manifest import Course, Lab
from autograder.naming import Name, is_taken, said, stem
from autograder.submission import Submission, read

__all__ = ["Found", "find", "renamed", "unpacked"]

MAX_ID = 150  # bytes
JOINERS = dict.fromkeys(map(ord, "\u200c\u200d"))  # invisible, and part of names and emoji


@dataclass(frozen=True, slots=True)
class Found:
    """One submission as the channel delivered it, not read yet.

    time: seconds since the epoch. formerly: ids that the learner had before, which a slip may name.
    number: by which the channel tells learners of one name apart. why: why it cannot be read.
    """

    lab: Lab
    learner: str
    path: Path
    time: float
    formerly: tuple[str, ...] = ()
    number: str = ""
    why: SubmissionError | None = None

    def read(self) -> Submission:
        """Read it. Raises SubmissionError with a sentence its author can act on."""
        if self.why is not None:
            raise SubmissionError(*self.why.args)
        _refuse_name(self.learner, self.path)
        submission = read(self.lab, self.path, self.learner, self.time)
        self._agree(submission.slip)
        return submission

    def _agree(self, note: bytes) -> None:
        try:
            slip = msgspec.json.decode(note) if note else {}
        except (msgspec.DecodeError, RecursionError):
            slip = {}
        for key, ours in (("learner", self.learner), ("lab", self.lab.id)):
            theirs = slip.get(key, ours) if isinstance(slip, dict) else ours
            if isinstance(theirs, str):
                theirs = unicodedata.normalize("NFC", theirs)
            if theirs != ours and not (key == "learner" and theirs in self.formerly):
                raise SubmissionError(
                    f"came from {key} {ours!r}, but its slip says {theirs!r}",
                    shown(self.path),
                    "hand in your own work under your own id",
                )


def _refuse_name(learner: str, path: Path) -> None:
    """Raise SubmissionError for an id that is no name of one folder, or cannot be written down."""
    plain = learner.translate(JOINERS).isprintable() and learner.strip(". ") and "/" not in learner
    if not plain or len(learner.encode("utf-8", "replace")) > MAX_ID:
        raise SubmissionError(
            f"{shown(learner[:60])} is no learner's id",
            shown(path),
            "rename the file or folder: at most 150 bytes, nothing that cannot be seen",
        )


def find(course: Course, path: Path, lab: Lab | None = None) -> list[Found]:
    """Find submissions: one file, a folder of files or folders, or nbgrader's submitted/ tree.

    What lies in a folder and belongs to no known lab, or cannot be read, is found as well; reading
    it says why it is refused.

    Raises UsageError when there are none, or when it cannot be told for which lab they are.
    """
    if not os.path.lexists(path):
        raise UsageError("there is no such file or folder", shown(path))
    lost: list[tuple[Path, UsageError]] = []
    found = list(_find(course, path, lab, lambda entry, why: lost.append((entry, why))))
    if not found and lost:
        raise lost[0][1]
    found = _noted(course, path, found)
    if not found:
        raise UsageError("no submissions here", shown(path), "./ladder grade FOLDER --lab LAB")
    found += [_lost(course, found[0].lab, entry, why) for entry, why in lost]
    return sorted(_namesakes(found), key=lambda f: (f.lab.id, f.learner, f.time))


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


Skip = Callable[[Path, UsageError], None]


def _find(course: Course, path: Path, lab: Lab | None, skip: Skip) -> Iterator[Found]:
    if not path.is_dir() or _is_one(course, path):
        yield _one(course, path, lab)
        return
    try:
        entries = sorted(path.iterdir())
    except OSError as error:
        raise unreadable(error, "", shown(path)) from None
    for entry in entries:
        try:
            yield from _of_entry(course, entry, lab)
        except UsageError as why:
            skip(entry, why)


def _is_one(course: Course, path: Path) -> bool:
    """Tell a submission from a folder of them: it is named LAB-LEARNER and holds the lab's file."""
    lab = course.labs.get(said(path.resolve().name, course.labs).lab)
    return lab is not None and (path / lab.file.main).is_file()


def _of_entry(course: Course, entry: Path, lab: Lab | None) -> Iterator[Found]:
    """Yield what an entry of a folder holds. Raises UsageError when its lab is not known."""
    folder = entry.is_dir()
    if ignored(entry.name) or (not folder and entry.name.startswith(".")):
        return
    if entry.is_symlink():
        if folder or is_taken(entry.name, course.labs):
            raise SubmissionError(
                "this is a link", shown(entry), "put the file or folder itself here"
            )
        return
    if not folder:
        name = said(stem(entry.name), course.labs)
        if is_taken(entry.name, course.labs) and (not lab or name.lab in ("", lab.id)):
            yield _one(course, entry, lab)
        return
    inner = [known for known in _folders(entry) if known in course.labs]
    if inner:  # nbgrader's tree: LEARNER/ASSIGNMENT/files
        learner = unicodedata.normalize("NFC", entry.name)
        for known in inner:
            if lab is None or known == lab.id:
                yield _at(course.labs[known], Name(learner), entry / known)
    elif entry.name in course.labs:  # LAB/LEARNER/files
        if not lab or entry.name == lab.id:
            for one in sorted(entry.iterdir()):
                yield from _of_entry(course, one, course.labs[entry.name])
    elif not lab or said(entry.name, course.labs).lab in ("", lab.id):
        yield _one(course, entry, lab)


def _folders(entry: Path) -> list[str]:
    try:
        return sorted(inner.name for inner in os.scandir(entry) if inner.is_dir() or
                      inner.is_symlink())  # fmt: skip
    except OSError as error:
        raise unreadable(error, "", shown(entry)) from None


def _one(course: Course, path: Path, lab: Lab | None) -> Found:
    """Tell lab and learner of one file or folder by its name, or by `lab` when that is known."""
    name = said(path.name if path.is_dir() else stem(path.name), course.labs)
    if lab is None and not name.lab:
        raise SubmissionError(_which_lab(course, path), shown(path), "name it LAB-LEARNER, or type"
                              " `ladder grade FOLDER --lab LAB`")  # fmt: skip
    if lab is not None and name.lab not in ("", lab.id):
        raise UsageError(f"its name says that it is for {name.lab}, not for {lab.id}", shown(path))
    if not name.learner:  # LEARNER/LAB, named by itself
        name = replace(name, learner=path.resolve().parent.name)
    return _at(lab or course.labs[name.lab], name, path)


def _which_lab(course: Course, path: Path) -> str:
    """Return a sentence on a submission whose lab is not known."""
    inner = _folders(path) if path.is_dir() else []
    if len(inner) == 1:
        return f"there is no lab {shown(inner[0])!r}.{suggest(inner[0], course.labs)}"
    if path.is_dir() and not inner and not any(path.iterdir()):
        return "this folder is empty, and does not say for which lab it is"
    return "for which lab is this? Its name does not say"


def _at(lab: Lab, name: Name, path: Path) -> Found:
    seconds = name.time
    for place in (path, path / "timestamp.txt"):
        try:
            if place is path or place.is_file():
                seconds = name.time or place.lstat().st_mtime
        except OSError:  # what cannot be read is refused when it is read
            continue
    return Found(lab, name.learner, path, seconds, number=name.number)


def _lost(course: Course, fallback: Lab, path: Path, why: UsageError) -> Found:
    """Return what cannot be read, under the lab and learner that its name says."""
    name = said(path.name if path.is_dir() else stem(path.name), course.labs)
    refused = SubmissionError(why.what, why.where or shown(path), why.next)
    return replace(_at(course.labs.get(name.lab, fallback), name, path), why=refused)


def _noted(course: Course, path: Path, found: list[Found]) -> list[Found]:
    """Refuse the submissions of which a part could not be unpacked."""
    note = path / NOTE
    refused = json.loads(note.read_text()) if path.is_dir() and note.is_file() else {}
    fallback = found[0].lab if found else next(iter(course.labs.values()))
    for name, (what, todo) in refused.items():
        place = path / name
        why = SubmissionError(what, shown(name), todo)
        hit = [f for f in found if f.path == place or f.path in place.parents]
        for one in hit:
            found[found.index(one)] = replace(one, why=why)
        if not hit:
            found.append(_lost(course, fallback, path / (name.split("/")[0] or "?"), why))
    return found


def _namesakes(found: list[Found]) -> Iterator[Found]:
    """Refuse submissions under one name from people whom the channel tells apart."""
    numbers: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in found:
        numbers[one.lab.id, one.learner].add(one.number)
    for one in found:
        several = sorted(numbers[one.lab.id, one.learner])
        if len(several) > 1:
            yield replace(one, why=SubmissionError(
                f"{len(several)} people are called {one.learner!r} ({', '.join(several)})",
                shown(one.path), f"name each of theirs {one.lab.id}-ID",
            ))  # fmt: skip
        else:
            yield one
