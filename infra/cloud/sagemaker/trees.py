"""Folders that a program writes while we read them: files and nothing else, no link is followed.

Limit: a file that grows while it is read is taken as it was at one moment of it.
"""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


@dataclass(frozen=True)
class Found:
    """A file below a folder: its path there, what tells one state of it from another, its mode."""

    path: str
    stamp: tuple[int, int]
    mode: int


def files(folder: str) -> Iterator[Found]:
    """Yield the plain files below a folder, by path."""
    for place, folders, names, handle in os.fwalk(folder, follow_symlinks=False):
        folders.sort()
        for name in sorted(names):
            try:
                about = os.stat(name, dir_fd=handle, follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISREG(about.st_mode):
                path = os.path.relpath(os.path.join(place, name), folder)
                yield Found(path, (about.st_mtime_ns, about.st_size), about.st_mode & 0o777)


def read(folder: str, path: str, most: int = -1) -> bytes:
    """Return a file below a folder, or its beginning. OSError for a link on the way."""
    handles = [os.open(folder, os.O_RDONLY | os.O_DIRECTORY)]
    try:
        *above, name = Path(path).parts
        for part in above:
            way = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
            handles.append(os.open(part, way, dir_fd=handles[-1]))
        with os.fdopen(os.open(name, _FLAGS, dir_fd=handles[-1]), "rb") as file:
            return file.read(most)
    finally:
        for handle in handles:
            os.close(handle)


def write(folder: str, path: str, data: bytes) -> None:
    """Write a file below a folder. ValueError for a path that leads out of it."""
    target = Path(os.path.normpath(os.path.join(folder, path)))
    if Path(folder) not in target.parents:
        raise ValueError(f"{path!r} leads out of the folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)


def pack(folder: str) -> bytes:
    """Return the files of a folder as tar.gz; b"" when there are none."""
    packed, count = io.BytesIO(), 0
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as archive:
        for one in files(folder):
            data = read(folder, one.path)
            entry = tarfile.TarInfo(one.path)
            entry.size, entry.mode, entry.mtime = len(data), one.mode, one.stamp[0] // 10**9
            archive.addfile(entry, io.BytesIO(data))
            count += 1
    return packed.getvalue() if count else b""


def unpack(data: bytes, folder: str) -> None:
    """Put the files of a tar.gz below a folder. ValueError when it is none or leads out of it."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:*") as archive:
            archive.extractall(folder, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ValueError(f"not an archive that can be unpacked: {error}") from None
