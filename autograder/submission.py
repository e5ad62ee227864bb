"""file, folder, zip, nbgrader tree -> Submission, or a refusal that its author can act on.

Reads bytes and names only: who sent it and when comes from the channel. Runs nothing.
"""

from __future__ import annotations

import hashlib
import io
import json
import stat
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

from autograder.errors import SubmissionError
from autograder.manifest import Lab

MAX_FILE = 16 << 20
MAX_TOTAL = 64 << 20
MAX_FILES = 2_000
SLIP = ".slip.json"
IGNORED = ("__pycache__", ".ipynb_checkpoints", "__MACOSX", ".git", ".venv", ".DS_Store")


@dataclass(frozen=True)
class Submission:
    """What one learner handed in for one lab: paths to bytes, nothing else.

    time: seconds since the epoch, as the channel says; 0 when it does not.
    """

    lab: str
    learner: str
    files: Mapping[str, bytes]
    time: float = 0.0
    path: str = ""

    @property
    def hash(self) -> str:
        """A hash of what was handed in."""
        digest = hashlib.sha256()
        for name in sorted(self.files):
            digest.update(f"{name}\0{len(self.files[name])}\0".encode("utf-8", "surrogatepass"))
            digest.update(self.files[name])
        return digest.hexdigest()

    def cells(self, name: str) -> list[dict[str, Any]]:
        """Return the cells of a notebook. Raises SubmissionError."""
        if name not in self.files:
            raise SubmissionError(f"{name} is missing", self.path, f"hand in {name}")
        return read_cells(self.files[name], f"{self.path or self.learner}: {name}")


def read_cells(data: bytes, where: str) -> list[dict[str, Any]]:
    """Return the cells of a notebook's bytes. Raises SubmissionError for anything else."""
    try:
        notebook = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise SubmissionError(
            "this is not a notebook: it is not JSON",
            where,
            "save it in JupyterLab and hand it in again",
        ) from None
    if not isinstance(notebook, dict) or notebook.get("nbformat") != 4:
        raise SubmissionError(
            "this notebook is not in format 4", where, "open and save it in JupyterLab"
        )
    cells = notebook.get("cells")
    if not isinstance(cells, list) or not all(isinstance(c, dict) for c in cells):
        raise SubmissionError(
            "this notebook has no cells", where, "start again from the lab's notebook"
        )
    return cells


def source(cell: Mapping[str, Any]) -> str:
    """Return a cell's text."""
    text = cell.get("source", "")
    return "".join(map(str, text)) if isinstance(text, list) else str(text)


def code(cells: list[dict[str, Any]]) -> list[str]:
    """Return what is to be run: code cells without grade cells and without our own magics."""
    out = []
    for cell in cells:
        lines = source(cell).splitlines(keepends=True)
        kept = [
            line
            for line in lines
            if not line.lstrip().startswith(("%check", "%load_ext autograder"))
        ]
        if cell.get("cell_type") == "code":
            out.append("" if _graded(cell) else "".join(kept))
    return out


def _graded(cell: Mapping[str, Any]) -> bool:
    metadata = cell.get("metadata")
    mark = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return isinstance(mark, dict) and bool(mark.get("grade")) and not mark.get("solution")


def wanted(lab: Lab, path: str) -> bool:
    """Tell whether a path is one that the learner of this lab writes."""
    return any(fnmatch(path, pattern) for pattern in lab.file.writes)


def read_folder(lab: Lab, folder: Path, learner: str, time: float = 0.0) -> Submission:
    """Read a folder as a submission. Raises SubmissionError for links and for what is too large."""
    return _collect(lab, learner, _walk(folder), time, str(folder))


def _walk(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if any(part in IGNORED for part in path.relative_to(folder).parts):
            continue
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            continue
        if not stat.S_ISREG(mode):
            raise SubmissionError(f"{name} is not a plain file", str(folder), "hand in plain files")
        if path.stat().st_size > MAX_FILE:
            raise SubmissionError(
                f"{name} is larger than {MAX_FILE >> 20} MB", str(folder), "leave it out"
            )
        yield name, path.read_bytes()


def read_zip(lab: Lab, data: bytes, learner: str, time: float = 0.0, where: str = "") -> Submission:
    """Read a zip as a submission, without unpacking it to disk. Raises SubmissionError."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _collect(lab, learner, list(members(archive, where)), time, where)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise SubmissionError(f"this zip cannot be read: {error}", where, "pack it again") from None


def members(
    archive: zipfile.ZipFile, where: str, most: int = MAX_TOTAL
) -> Iterator[tuple[str, bytes]]:
    """Yield the plain files of a zip by name, at most `most` bytes. Raises SubmissionError."""
    entries = [e for e in archive.infolist() if not e.is_dir()]
    if len(entries) > MAX_FILES:
        raise SubmissionError(
            f"{len(entries)} files are too many", where, "hand in the lab's files only"
        )
    total = 0
    for entry in entries:
        name = entry.filename.replace("\\", "/")
        if any(part in IGNORED or part.startswith("._") for part in name.split("/")):
            continue
        with archive.open(entry) as stream:
            data = stream.read(MAX_FILE + 1)
        total += len(data)
        if len(data) > MAX_FILE or total > most:
            raise SubmissionError(f"{name} is too large when unpacked", where, "leave it out")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise SubmissionError(f"{name} is a link", where, "hand in plain files")
        yield name, data


def _collect(lab: Lab, learner: str, found: Any, time: float, where: str) -> Submission:
    files: dict[str, bytes] = {}
    folded: set[str] = set()
    for name, data in found:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\0" in name:
            raise SubmissionError(f"{name!r} leads out of the folder", where, "hand in plain files")
        if not wanted(lab, name):
            continue
        if name.casefold() in folded:
            raise SubmissionError(f"{name!r} is there twice", where, "hand in each file once")
        folded.add(name.casefold())
        files[name] = data
    if len(files) > MAX_FILES or sum(map(len, files.values())) > MAX_TOTAL:
        raise SubmissionError(
            "the files together are too large", where, "hand in the lab's files only"
        )
    if lab.file.main not in files:
        raise SubmissionError(f"{lab.file.main} is missing", where, f"hand in {lab.file.main}")
    return Submission(lab.id, learner, files, time, where)
