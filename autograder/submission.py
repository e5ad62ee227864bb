"""What was handed in -> Submission, or a refusal that its author can act on.

Reads bytes and names only: who sent it and when comes from the channel. Runs nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path, PurePosixPath

from autograder import archive, notebook
from autograder.archive import MAX_FILE, MAX_RAW, Entry, shown
from autograder.errors import SubmissionError, UsageError
from autograder.manifest import Lab
from autograder.notebook import Cell, code, read_cells, source

__all__ = [
    "MAX_FILE", "MAX_TOTAL", "SLIP", "Submission", "code", "read", "read_cells", "read_folder",
    "read_zip", "refuse_unplaceable", "source", "wanted",
]  # fmt: skip

MAX_TOTAL = 64 << 20
MAX_FILES = 2_000
MAX_NAME, MAX_DEEP, MAX_NAMES = 200, 16, 100_000  # bytes of a path, its parts, bytes of all paths
SLIP, MAX_SLIP = ".slip.json", 10_000
NOTEBOOKS = (".ipynb", ".ipynb.txt", ".ipynb.json")  # as browsers save them
ALONE = archive.ALONE


@dataclass(frozen=True)
class Submission:
    """What one learner handed in for one lab: paths to bytes, nothing else.

    time: seconds since the epoch, as the channel says; 0 when it does not. slip: what `submit`
    noted beside the files.
    """

    lab: str
    learner: str
    files: Mapping[str, bytes]
    time: float = 0.0
    path: str = ""
    slip: bytes = b""

    @property
    def hash(self) -> str:
        """A hash of what was handed in."""
        digest = hashlib.sha256()
        for name in sorted(self.files):
            digest.update(f"{name}\0{len(self.files[name])}\0".encode("utf-8", "surrogatepass"))
            digest.update(self.files[name])
        return digest.hexdigest()

    def cells(self, name: str) -> list[Cell]:
        """Return the cells of a notebook. Raises SubmissionError."""
        if name not in self.files:
            raise SubmissionError(f"{name} is missing", self.path, f"hand in {name}")
        return read_cells(self.files[name], f"{self.path or self.learner}: {name}")


def wanted(lab: Lab, path: str) -> bool:
    """Tell whether a path is one that the learner of this lab writes."""
    return any(fnmatch(path, pattern) for pattern in lab.file.writes)


def read(lab: Lab, path: Path, learner: str, time: float = 0.0) -> Submission:
    """Read a folder, an archive or a single file as a submission. Raises SubmissionError."""
    where = shown(path)
    if path.is_symlink():
        raise SubmissionError("this is a link", where, archive.ITSELF)
    if path.is_dir():
        return read_folder(lab, path, learner, time)
    data = archive.read_file(path, MAX_RAW, "this file", where)
    return _gather(lab, archive.of_bytes(path.name, data, where), Submission(
        lab.id, learner, {}, time, where))  # fmt: skip


def read_folder(lab: Lab, folder: Path, learner: str, time: float = 0.0) -> Submission:
    """Read a folder as a submission. Raises SubmissionError for links and for what is too large."""
    empty = Submission(lab.id, learner, {}, time, shown(folder))
    return _gather(lab, archive.of_folder(folder), empty)


def read_zip(lab: Lab, data: bytes, learner: str, time: float = 0.0, where: str = "") -> Submission:
    """Read a zip as a submission, without unpacking it to disk. Raises SubmissionError."""
    empty = Submission(lab.id, learner, {}, time, where)
    return _gather(lab, archive.of_zip(data, where), empty)


# ---------------------------------------------------------------- which file is which


def _gather(
    lab: Lab, entries: Sequence[Entry], empty: Submission, nested: bool = False
) -> Submission:
    """Return `empty` with the files of this lab among some entries."""
    where = empty.path
    for entry in entries:
        _refuse_way_out(entry.name, where)
    main = _main(lab, [entry.name for entry in entries], where)
    if main is None:
        packed = [e for e in entries if e.name.lower().endswith((".zip", ".tar.gz", ".tgz"))]
        if nested or len(packed) != 1:
            raise _missing(lab, entries, where)
        inner = archive.of_bytes(packed[0].name, packed[0].read(MAX_RAW), where)
        return _gather(lab, inner, empty, nested=True)
    top = main.removesuffix(lab.file.main) if _ends(main, lab.file.main) else _folder(main)
    _refuse_outside(lab, entries, top, where)
    files = _files(lab, entries, main, top, where)
    slip = next((e.read(MAX_SLIP) for e in entries if e.name == top + SLIP), b"")
    return replace(empty, files=files, slip=slip)


def _refuse_way_out(name: str, where: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise SubmissionError(
            f"{shown(name)} leads out of the folder", where, "pack the lab's folder again"
        )


def _refuse_outside(lab: Lab, entries: Sequence[Entry], top: str, where: str) -> None:
    """Raise SubmissionError when a part of the work lies beside the folder of the main file."""
    for entry in entries:
        beside = not entry.name.startswith(top) and entry.name != SLIP
        if beside and wanted(lab, entry.name):
            raise SubmissionError(
                f"{lab.file.main} lies in {shown(top)}, and {shown(entry.name)} outside", where,
                "put all files into one folder",
            )  # fmt: skip


def _main(lab: Lab, names: Sequence[str], where: str) -> str | None:
    """Return the name under which the lab's main file lies there; None when it is missing.

    It may lie in one folder around everything, and a notebook may have another name or be a script
    as long as there is only one.
    """
    main = lab.file.main
    if main in names:
        return main
    found = [name for name in names if _ends(name, main)]
    if not found and lab.notebook:
        found = [name for name in names if name.lower().endswith(NOTEBOOKS)]
        stem = main.removesuffix(".ipynb")
        found = found or [
            name for name in names if name.lower().endswith(".py")
            and (not wanted(lab, name) or PurePosixPath(name).stem == stem)
        ]  # fmt: skip
    elif not found and len(names) == 1 and _suffix(names[0]) == _suffix(main):
        found = list(names)
    if len(found) > 1:
        some = " and ".join(shown(name) for name in found[:3])
        raise SubmissionError(
            f"{len(found)} files could be {main}: {some}", where, f"hand in one of them, as {main}"
        )
    return found[0] if found else None


def _ends(name: str, main: str) -> bool:
    return f"/{name}".endswith(f"/{main}")


def _folder(name: str) -> str:
    return name[: name.rfind("/") + 1]


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _missing(lab: Lab, entries: Sequence[Entry], where: str) -> SubmissionError:
    main = lab.file.main
    there = ", ".join(shown(entry.name) for entry in entries[:3]) or "nothing"
    more = f" and {len(entries) - 3} more" if len(entries) > 3 else ""
    todo = f"hand in {main}"
    for entry in entries:
        if entry.name.lower().endswith(f"/{main}".lower()) or entry.name.lower() == main.lower():
            todo = f"name it {main}, in small and capital letters like that"
    return SubmissionError(f"{main} is missing; there is {there}{more}", where, todo)


# ---------------------------------------------------------------- what is in them


def _files(lab: Lab, entries: Iterable[Entry], main: str, top: str, where: str) -> dict[str, bytes]:
    """Read what the lab wants: the main file, and what lies beside it under a wanted name."""
    files: dict[str, bytes] = {}
    folded: set[str] = set()
    raw = names = 0
    for entry in entries:
        name = lab.file.main if entry.name == main else entry.name.removeprefix(top)
        if entry.name != main and not (entry.name.startswith(top) and wanted(lab, name)):
            continue
        _refuse_name(name, folded, where)
        data = entry.read(_most(entry.name, MAX_RAW - raw))
        raw += len(data)
        names += len(name.encode())
        files[name] = _tidy(lab, entry.name, name, data, where)
        total = sum(map(len, files.values()))
        if len(files) > MAX_FILES or total > MAX_TOTAL or names > MAX_NAMES:
            raise SubmissionError("the files together are too large", where, ALONE)
    return files


def _most(name: str, left: int) -> int:
    """Return how many bytes of a file are read: more of a notebook, whose outputs do not count."""
    return left if name.lower().endswith(".ipynb") else min(MAX_FILE, left)


def _refuse_name(name: str, folded: set[str], where: str) -> None:
    """Raise SubmissionError for a name that not every system can hold, or holds already."""
    path = PurePosixPath(name)
    short = name.isprintable() and len(name.encode()) <= MAX_NAME
    if not (short and len(path.parts) <= MAX_DEEP and path.as_posix() == name):
        raise SubmissionError(f"{name[:60]!r} is no plain name", where, "give it a short one")
    if name.casefold() in folded:
        raise SubmissionError(f"{name!r} is there twice", where, "hand in each file once")
    folded.add(name.casefold())


def _tidy(lab: Lab, packed: str, name: str, data: bytes, where: str) -> bytes:
    """Return a file as it is graded: a notebook in plain form, everything else as it is."""
    place = where if where.endswith(shown(packed)) else f"{where}: {shown(packed)}"
    if name == lab.file.main and lab.notebook:
        made = notebook.plain(data, _suffix(packed) == ".py", place)
        _refuse_other_labs(lab, read_cells(made, place), place)
        return made
    if len(data) > MAX_FILE:
        return notebook.plain(data, False, place)
    return data


def _refuse_other_labs(lab: Lab, cells: Sequence[Cell], where: str) -> None:
    """Raise SubmissionError for the notebook of another lab, told by its grade cells."""
    theirs = _checks(cells)
    if not theirs or theirs & _known(lab.folder):
        return
    for other in lab.course.labs.values():
        if theirs & _known(other.folder):
            raise SubmissionError(
                f"this is the notebook of {other.id}, not of {lab.id}", where,
                f"hand it in for {other.id}, and the one of {lab.id} here",
            )  # fmt: skip


@lru_cache(maxsize=256)
def _known(folder: Path) -> frozenset[str]:
    """Return the grade cells of the notebook that a lab hands out."""
    try:
        return frozenset(_checks(read_cells((folder / "lab.ipynb").read_bytes(), str(folder))))
    except (OSError, UsageError):
        return frozenset()


def _checks(cells: Sequence[Cell]) -> set[str]:
    marks = (cell["metadata"].get("nbgrader", {}) for cell in cells)
    return {str(mark.get("grade_id")) for mark in marks if mark.get("grade")} - {"None"}


def refuse_unplaceable(files: Mapping[str, bytes], disk: int, most: int, where: str) -> None:
    """Raise SubmissionError for files that a folder of `disk` bytes, `most` entries cannot hold."""
    folders = {str(above) for name in files for above in PurePosixPath(name).parents}
    both = sorted(folders & set(files))
    if both:
        raise SubmissionError(f"{both[0]!r} is a file and a folder", where, "rename one of them")
    size = sum(len(data) + 4096 for data in files.values())
    if size > disk or len(files) + len(folders) > most:
        raise SubmissionError("the files do not fit into the lab's folder", where, ALONE)
