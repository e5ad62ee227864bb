"""Folders, zips and tars -> names and how to read each, bounded. Unpacks nothing, follows no link.

Nothing is opened before somebody wants it, so what nobody wants cannot be in the way.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from autograder.errors import SubmissionError

MAX_FILE = 16 << 20  # bytes of one file
MAX_RAW = 128 << 20  # bytes of an archive, and of a notebook with its outputs
MAX_ENTRIES = 20_000  # in a folder or archive, wanted or not
MAX_LEVELS = 64  # folders in folders
IGNORED = ("__pycache__", ".ipynb_checkpoints", "__MACOSX", ".git", ".venv", ".DS_Store")
PACK = "pack it again with your system's own zip"
ITSELF = "hand in the file itself"
ALONE = "hand in the lab's files only"

# How bytes begin -> what they are, and what their author can do. "" is read here.
KINDS = (
    (b"PK\x03\x04", "zip", ""),
    (b"PK\x05\x06", "zip", ""),
    (b"\x1f\x8b", "tar.gz", ""),
    (b"Rar!", "a RAR archive", "pack the files as a zip"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "pack the files as a zip"),
    (b"BZh", "a bzip2 archive", "pack the files as a zip"),
    (b"\xfd7zXZ", "an xz archive", "pack the files as a zip"),
    (b"%PDF", "a PDF", "hand in the notebook itself, not a print of it"),
    (b"<!doctype html", "a web page", "hand in the notebook itself, not an export of it"),
    (b"<html", "a web page", "hand in the notebook itself, not an export of it"),
    (b"\xd0\xcf\x11\xe0", "an Office document", "hand in the notebook itself"),
    (b"{\\rtf", "a text document", "hand in the notebook itself"),
    (b"\x89PNG", "a picture", "hand in the notebook itself"),
    (b"\xff\xd8\xff", "a picture", "hand in the notebook itself"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One file: its name with / between the parts, and `read(most)`.

    `read` returns its bytes, or raises SubmissionError when there are more than `most`, when it is
    a link, locked or damaged.
    """

    name: str
    read: Callable[[int], bytes]


def shown(name: object) -> str:
    """Return a name as a terminal can show it."""
    text = str(name)
    return text if text.isprintable() else ascii(text)


def kind(data: bytes) -> tuple[str, str]:
    """Tell what bytes are by how they begin: ("", "") for text; what to do, "" for what is read."""
    start = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    for begin, what, todo in KINDS:
        if data.startswith(begin) or start.lower().startswith(begin):
            return what, todo
    return "", ""


def of_bytes(name: str, data: bytes, where: str) -> list[Entry]:
    """Return the entries of an archive's bytes; other bytes are one entry, `name`.

    Raises SubmissionError for what can never be a submission.
    """
    what, todo = kind(data)
    if todo:
        raise SubmissionError(f"this is {what}", where, todo)
    if what == "zip":
        return of_zip(data, where)
    if what == "tar.gz":
        return of_tar(_unzipped(data, where), where)
    if name.lower().endswith((".zip", ".gz", ".tgz")):
        raise SubmissionError(
            "this zip cannot be read: it is empty or damaged", where, f"{PACK} and upload it again"
        )
    return [Entry(name, lambda most: bounded(data, most, name, where))]


def bounded(data: bytes, most: int, name: str, where: str) -> bytes:
    """Return bytes of which there are at most `most`. Raises SubmissionError."""
    if len(data) > most:
        size = f"{most >> 20} MB" if most >> 20 else f"{most} bytes"
        raise SubmissionError(
            f"{shown(name)} is too large: over {size}", where,
            "hand in less: clear a notebook's outputs, leave data out",
        )  # fmt: skip
    return data


def ignored(name: str) -> bool:
    """Tell what systems leave in folders: caches, checkpoints, resource forks."""
    return any(part in IGNORED or part.startswith("._") for part in name.split("/"))


# ---------------------------------------------------------------- files and folders


def of_folder(folder: Path) -> list[Entry]:
    """Return the files below a folder, in order. Raises SubmissionError."""
    where = shown(folder)
    return [
        Entry(unicodedata.normalize("NFC", name), _reader(folder / name, name, where))
        for name in _walk(folder, where)
    ]


def _reader(path: Path, name: str, where: str) -> Callable[[int], bytes]:
    return lambda most: read_file(path, most, name, where)


def _walk(folder: Path, where: str) -> Iterator[str]:
    """Yield the names below a folder without going through links, at most `MAX_LEVELS` deep."""
    todo, seen = [""], 0
    while todo:
        at = todo.pop()
        if at.count("/") > MAX_LEVELS:
            raise SubmissionError("its folders are too deep", where, ALONE)
        try:
            entries = sorted(islice(os.scandir(folder / at), MAX_ENTRIES), key=lambda e: e.name)
        except OSError as error:
            raise unreadable(error, at, where) from None
        seen += len(entries)
        if seen >= MAX_ENTRIES:
            raise SubmissionError(f"more than {MAX_ENTRIES} files are too many", where, ALONE)
        for entry in entries:
            if ignored(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                todo.append(f"{at}{entry.name}/")
            else:
                yield f"{at}{entry.name}"


def read_file(path: Path, most: int, name: str, where: str) -> bytes:
    """Return the bytes of a plain file, at most `most`, if it holds still. Raises SubmissionError.

    A pipe, a device or a link is never opened, and nothing is waited for.
    """
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            what = "a link" if path.is_symlink() else "no file: a pipe, a device or a socket"
            raise SubmissionError(f"{shown(name)} is {what}", where, ITSELF)
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as file:
            before = os.fstat(fd)
            data = bounded(file.read(most + 1), most, name, where)
            after = os.fstat(fd)
    except OSError as error:
        raise unreadable(error, name, where) from None
    if len(data) != after.st_size or before.st_mtime_ns != after.st_mtime_ns:
        raise SubmissionError(
            f"{shown(name)} changed while it was read", where, "grade again when it is all there"
        )
    return data


def unreadable(error: OSError, name: str, where: str) -> SubmissionError:
    """Return the refusal of what the system does not let us read."""
    what = f"{shown(name)} " if name else "it "
    if isinstance(error, PermissionError):
        return SubmissionError(f"{what}may not be read by you", where, f"chmod -R u+rX {where}")
    return SubmissionError(f"{what}cannot be read: {error.strerror}", where, ALONE)


# ---------------------------------------------------------------- archives


def of_zip(data: bytes, where: str) -> list[Entry]:
    """Return the files in a zip. Raises SubmissionError."""
    if data.count(b"PK\x01\x02") > MAX_ENTRIES:  # before a record is made of each
        raise SubmissionError(f"more than {MAX_ENTRIES} files are too many", where, ALONE)
    try:
        return list(members(zipfile.ZipFile(io.BytesIO(data)), where))
    except Exception:  # zipfile raises anything on damaged bytes
        raise damaged("this zip", where) from None


def members(archive: zipfile.ZipFile, where: str) -> Iterator[Entry]:
    """Yield the files of an open zip."""
    for info in archive.infolist():
        name = member_name(info)
        if not name.endswith("/") and not ignored(name):
            yield Entry(name, _member(archive, info, name, where))


def member_name(info: zipfile.ZipInfo) -> str:
    """Return a member's name: Windows' separators turned, its letters read as they were meant.

    Without the mark for UTF-8 a name is in UTF-8 all the same (macOS) or in a code page (Windows).
    """
    name = info.filename
    if not info.flag_bits & 0x800 and not name.isascii():
        raw = name.encode("cp437")
        name = raw.decode("cp850")
        with contextlib.suppress(UnicodeDecodeError):
            name = raw.decode("utf-8")
    return unicodedata.normalize("NFC", name.replace("\\", "/"))


def _member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, where: str
) -> Callable[[int], bytes]:
    mode = info.external_attr >> 16

    def read(most: int) -> bytes:
        if info.flag_bits & 1:
            raise SubmissionError(
                f"{shown(name)} is locked with a password", where, "pack it again without one"
            )
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            what = "a link" if stat.S_ISLNK(mode) else "no file"
            raise SubmissionError(f"{shown(name)} is {what}", where, ITSELF)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise SubmissionError(f"{shown(name)} is packed in an unusual way", where, PACK)
        try:
            with archive.open(info) as stream:
                data = stream.read(most + 1)
        except Exception:  # decompressors raise anything on damaged bytes
            raise damaged(shown(name), where) from None
        return bounded(data, most, name, where)

    return read


def of_tar(data: bytes, where: str) -> list[Entry]:
    """Return the files in a tar. Raises SubmissionError."""
    found: list[Entry] = []
    try:
        archive = tarfile.open(fileobj=io.BytesIO(data), mode="r:")  # noqa: SIM115  (kept open)
        for info in archive:
            name = unicodedata.normalize("NFC", info.name).removeprefix("./")
            if not info.isdir() and not ignored(name):
                found.append(Entry(name, _tar_member(archive, info, name, where)))
            if len(found) > MAX_ENTRIES:
                raise SubmissionError(f"more than {MAX_ENTRIES} files are too many", where, ALONE)
    except SubmissionError:
        raise
    except Exception:  # tarfile raises anything on damaged bytes
        raise damaged("this tar", where) from None
    return found


def _tar_member(
    archive: tarfile.TarFile, info: tarfile.TarInfo, name: str, where: str
) -> Callable[[int], bytes]:
    def read(most: int) -> bytes:
        if not info.isreg():
            what = "a link" if info.issym() or info.islnk() else "no file"
            raise SubmissionError(f"{shown(name)} is {what}", where, ITSELF)
        try:
            stream = archive.extractfile(info)
            data = stream.read(most + 1) if stream else b""
        except Exception:  # tarfile raises anything on damaged bytes
            raise damaged(shown(name), where) from None
        return bounded(data, most, name, where)

    return read


def _unzipped(data: bytes, where: str) -> bytes:
    """Return what a gzip holds, at most `MAX_RAW` bytes. Raises SubmissionError."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        out = unpacker.decompress(data, MAX_RAW + 1)
    except zlib.error:
        raise damaged("this tar.gz", where) from None
    if not unpacker.eof and len(out) <= MAX_RAW:
        raise SubmissionError("this tar.gz cannot be read: it ends too early", where, PACK)
    return bounded(out, MAX_RAW, "what is packed", where)


def damaged(what: str, where: str) -> SubmissionError:
    """Return the refusal of an archive that its reader stumbles over."""
    return SubmissionError(
        f"{what} cannot be read: it is damaged", where, f"{PACK} and upload it again"
    )
