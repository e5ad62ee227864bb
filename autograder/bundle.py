"""A zip of a class -> a folder of submissions. Reads none of them.

A member that cannot be unpacked is noted and left out, so that it stops nobody else's.
"""

from __future__ import annotations

import errno
import json
import os
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from autograder.archive import MAX_RAW, ignored, member_name, members, shown
from autograder.errors import SubmissionError, UsageError
from autograder.manifest import Course
from autograder.naming import said, stem
from autograder.submission import MAX_TOTAL, SLIP

MAX_CLASS = 100 * MAX_TOTAL
NOTE = ".refused.json"  # beside the submissions: what could not be unpacked, and why
UNPLACEABLE = (errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.EINVAL)


@contextmanager
def unpacked(course: Course, path: Path) -> Iterator[Path]:
    """Give a folder of submissions: the path itself, or what a zip of a class holds.

    A zip named LAB-LEARNER is that learner's alone, whatever names it holds.

    Raises UsageError when a class is too large.
    """
    own = any(path.name.startswith(f"{lab}-") for lab in course.labs)
    top = None if own or path.suffix.lower() != ".zip" else class_top(course, path)
    if top is None:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="ladder-class-") as folder:
        with zipfile.ZipFile(path) as archive:
            refused = _unpack(archive, path, Path(folder))
        place = Path(folder, top)
        below = {n.removeprefix(top): why for n, why in refused.items() if n.startswith(top)}
        place.mkdir(exist_ok=True)
        (place / NOTE).write_text(json.dumps(below))
        yield place


def _unpack(archive: zipfile.ZipFile, path: Path, folder: Path) -> dict[str, list[str]]:
    """Write a zip's members below a folder; return why some could not be, by name."""
    refused: dict[str, list[str]] = {}
    times = {member_name(info): _seconds(info) for info in archive.infolist()}
    newest: dict[Path, float] = {}
    total = 0
    for entry in members(archive, shown(path)):
        try:
            data = entry.read(MAX_RAW)
            place = _write(folder, entry.name, data, times[entry.name])
        except SubmissionError as why:
            refused[entry.name.replace("..", "__").lstrip("/")] = [why.what, why.next]
            continue
        for above in place.relative_to(folder).parents:
            newest[above] = max(newest.get(above, 0.0), times[entry.name])
        total += len(data)
        if total > MAX_CLASS:
            raise UsageError("the class is too large", shown(path), "unpack it yourself")
    for above in sorted(newest, key=lambda p: -len(p.parts)):
        os.utime(folder / above, (newest[above], newest[above]))
    return refused


def _write(folder: Path, name: str, data: bytes, seconds: float) -> Path:
    """Write one member below a folder. Raises SubmissionError for a name that cannot be."""
    place = Path(folder, name)
    if ".." in place.parts or not place.is_relative_to(folder) or "\0" in name:
        raise SubmissionError(f"{shown(name)} leads out of the folder", "", "pack it again")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():
            raise SubmissionError(f"{shown(name)} is there twice", "", "hand in each file once")
        place.write_bytes(data)
    except OSError as error:
        if error.errno not in UNPLACEABLE:
            raise
        text = f"{shown(name)[:80]} cannot be unpacked: {error.strerror}"
        raise SubmissionError(text, "", "give it another name") from None
    os.utime(place, (seconds, seconds))
    return place


def _seconds(info: zipfile.ZipInfo) -> float:
    """Return when a member was written; a zip tells local time, as `unzip` takes it too."""
    try:
        return time.mktime((*info.date_time, 0, 0, -1))
    except (ValueError, OverflowError):
        return 0.0


def class_top(course: Course, path: Path) -> str | None:
    """Return the folder of a zip in which a class lies, "" for its root, or None.

    A zip that is one learner's has a slip, or the lab's files at its root or in one folder.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [member_name(info) for info in archive.infolist()]
    except (zipfile.BadZipFile, OSError, ValueError):
        return None
    names = [n for n in names if not ignored(n) and not n.endswith("/")]
    heads = {name.partition("/")[0] for name in names if "/" in name}
    single = len(heads) == 1 and all("/" in name for name in names)
    tops = ["", f"{next(iter(heads))}/"] if single else [""]
    return next((top for top in tops if _is_class(course, names, top)), None)


def _is_class(course: Course, names: Sequence[str], top: str) -> bool:
    paths = [name.removeprefix(top).split("/") for name in names]
    mains = {lab.file.main for lab in course.labs.values()}
    if any(len(parts) == 1 and parts[0] in (*mains, SLIP) for parts in paths):
        return False
    if any(len(parts) > 2 and parts[1] in course.labs for parts in paths):  # LEARNER/LAB/
        return True
    if any(len(p) == 3 and p[0] in course.labs and p[2] in mains for p in paths):  # LAB/LEARNER/
        return True
    named = [said(stem(parts[0]), course.labs) for parts in paths]
    if any((one.lab and one.learner) or one.number for one in named):
        return True
    packed = {parts[0] for parts in paths if len(parts) == 1 and parts[0].endswith(".zip")}
    folders = {parts[0] for parts in paths if len(parts) == 2 and parts[1] in mains}
    return len(packed | folders) > 1
