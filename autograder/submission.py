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
MAX_NAME, MAX_DEEP, MAX_NAMES = 200, 16, 100_000  # bytes of a path, its parts, bytes of all paths
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
    """Return a cell's text; what is no text is left out."""
    text = cell.get("source", "")
    return "".join(
        line for line in (text if isinstance(text, list) else [text]) if type(line) is str
    )


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
    try:
        return _collect(lab, learner, _walk(folder), time, str(folder))
    except (OSError, RecursionError) as error:
        why = f"this folder cannot be read: {type(error).__name__}"
        raise SubmissionError(why, str(folder), "hand in the lab's files only") from None


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
    except SubmissionError:
        raise
    except Exception as error:  # zipfile and its decompressors raise anything on damaged bytes
        why = f"this zip cannot be read: {type(error).__name__}"
        raise SubmissionError(why, where, "pack it again") from None


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
    total = names = 0
    for name, data in found:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\0" in name:
            raise SubmissionError(f"{name!r} leads out of the folder", where, "hand in plain files")
        if not wanted(lab, name):
            continue
        if not _plain(name, path):
            raise SubmissionError(f"{name[:60]!r} is no plain name", where, "give it a short one")
        if name.casefold() in folded:
            raise SubmissionError(f"{name!r} is there twice", where, "hand in each file once")
        folded.add(name.casefold())
        files[name] = data
        total += len(data)
        names += len(name.encode())
        if len(files) > MAX_FILES or total > MAX_TOTAL or names > MAX_NAMES:
            raise SubmissionError(
                "the files together are too large", where, "hand in the lab's files only"
            )
    if lab.file.main not in files:
        raise SubmissionError(f"{lab.file.main} is missing", where, f"hand in {lab.file.main}")
    return Submission(lab.id, learner, files, time, where)


def _plain(name: str, path: PurePosixPath) -> bool:
    """Tell whether a name is one that any file system and every message of ours can hold."""
    short = name.isprintable() and len(name.encode()) <= MAX_NAME
    return short and len(path.parts) <= MAX_DEEP and path.as_posix() == name


def refuse_unplaceable(files: Mapping[str, bytes], disk: int, most: int, where: str) -> None:
    """Raise SubmissionError for files that a folder of `disk` bytes, `most` entries cannot hold."""
    folders = {str(above) for name in files for above in PurePosixPath(name).parents}
    both = sorted(folders & set(files))
    if both:
        raise SubmissionError(f"{both[0]!r} is a file and a folder", where, "rename one of them")
    size = sum(len(data) + 4096 for data in files.values())
    if size > disk or len(files) + len(folders) > most:
        raise SubmissionError(
            "the files do not fit into the lab's folder", where, "hand in the lab's files only"
        )
