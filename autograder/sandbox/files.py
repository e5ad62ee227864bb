"""Reads and writes inside a folder whose every name the learner chose. Opens only plain files.

Each component is opened by its parent's descriptor without following links, so that nothing
swapped in meanwhile leads outside; links are resolved here, inside the folder.
"""

from __future__ import annotations

import errno
import fnmatch
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

LINKS, DEEP = 8, 100  # links followed in one path, folders walked below each other
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def refuse(path: str, why: str) -> OSError:
    return OSError(errno.EPERM, why, path)


def parts_of(path: str) -> list[str]:
    if path.startswith("/") or "\0" in path:
        raise refuse(path, "not a path inside the folder")
    return [part for part in path.split("/") if part not in ("", ".")]


@contextmanager
def parent(
    root: str, path: str, *, make: bool = False, links: bool = True
) -> Iterator[tuple[int, str]]:
    """Yield the folder's descriptor and the last name, links resolved inside `root`."""
    with ExitStack() as stack:
        yield walk(stack, root, path, make, links)


def walk(stack: ExitStack, root: str, path: str, make: bool, links: bool) -> tuple[int, str]:
    """Descend one component at a time, holding every folder on the way."""
    trail = [os.open(root, FOLDER)]
    stack.callback(shut, trail)
    todo, left = parts_of(path), LINKS
    while todo:
        name = todo.pop(0)
        if name == "..":
            if len(trail) == 1:
                raise refuse(path, "leads outside the folder")
            os.close(trail.pop())
        elif (target := link(trail[-1], name)) is not None and (todo or links):
            left -= 1
            if left < 0:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            todo = parts_of(target) + todo
        elif todo:
            trail.append(step(trail[-1], name, make))
        else:
            return trail[-1], name
    return trail[-1], "."


def shut(trail: list[int]) -> None:
    for fd in trail:
        os.close(fd)


def link(folder: int, name: str) -> str | None:
    try:
        return os.readlink(name, dir_fd=folder)
    except OSError:
        return None


def step(folder: int, name: str, make: bool) -> int:
    """Open a subfolder, making it when asked."""
    try:
        return os.open(name, FOLDER, dir_fd=folder)
    except FileNotFoundError:
        if not make:
            raise
    os.mkdir(name, 0o755, dir_fd=folder)
    own(name, folder)
    return os.open(name, FOLDER, dir_fd=folder)


def own(name: str, folder: int) -> None:
    """Give what we made to the owner of the folder it is in: the learner."""
    info = os.fstat(folder)
    if info.st_uid != os.geteuid():
        os.chown(name, info.st_uid, info.st_gid, dir_fd=folder, follow_symlinks=False)


def read(root: str, path: str, limit: int) -> bytes:
    """Return a plain file's bytes; EFBIG when it is longer than `limit`."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with parent(root, path) as (folder, name):
        fd = os.open(name, flags, dir_fd=folder)
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode):
            raise refuse(path, "not a plain file")
        if info.st_size > limit:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), path)
        with open(fd, "rb", closefd=False) as file:
            return file.read(limit)
    finally:
        os.close(fd)


def write(root: str, path: str, body: bytes) -> None:
    """Replace a file whole, by a rename, so that no learner's link or pipe is written to."""
    with parent(root, path, make=True) as (folder, name):
        draft = f".{name}.new"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with suppress(FileNotFoundError):
            os.unlink(draft, dir_fd=folder)
        with os.fdopen(os.open(draft, flags, 0o644, dir_fd=folder), "wb") as file:
            file.write(body)
        own(draft, folder)
        os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)


def remove(root: str, path: str) -> None:
    """Unlink a file, a link or an empty folder."""
    with parent(root, path, links=False) as (folder, name):
        try:
            os.unlink(name, dir_fd=folder)
        except (IsADirectoryError, PermissionError):
            os.rmdir(name, dir_fd=folder)


def empty(root: str) -> None:
    """Remove everything in a folder, following no link."""
    with os.scandir(root) as entries:
        found = [(entry.path, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for path, folder in found:
        if folder:
            erase(path)
        else:
            os.unlink(path)


def glob(root: str, pattern: str, most: int = 100_000) -> list[str]:
    """Return the files and links whose path matches, sorted; `*` crosses no slash, `**` does.

    What lies deeper than a hundred folders is not found.
    """
    found: list[str] = []
    for folder, names, files, _ in os.fwalk(root, follow_symlinks=False):
        inside = os.path.relpath(folder, root)
        if inside.count("/") >= DEEP:
            names.clear()
        found += [os.path.normpath(os.path.join(inside, name)) for name in files]
        if len(found) > most:
            raise OSError(errno.E2BIG, "too many files", root)
    return sorted(path for path in found if matches(path.split("/"), parts_of(pattern)))


def matches(path: list[str], pattern: list[str]) -> bool:
    if not pattern:
        return not path
    if pattern[0] == "**":
        return matches(path, pattern[1:]) or (bool(path) and matches(path[1:], pattern))
    return (
        bool(path) and fnmatch.fnmatchcase(path[0], pattern[0]) and matches(path[1:], pattern[1:])
    )


def size(root: str) -> tuple[int, int]:
    """Return bytes and number of entries, for boxes whose disk has no limit of its own."""
    total = count = 0
    with suppress(OSError):
        for folder, folders, files, fd in os.fwalk(root, follow_symlinks=False):
            if folder.count("/") >= DEEP:
                folders.clear()
            count += len(folders) + len(files)
            for name in files:
                with suppress(OSError):
                    total += os.stat(name, dir_fd=fd, follow_symlinks=False).st_blocks * 512
    return total, count


def erase(root: str) -> None:
    """Remove a folder and all in it, however deep."""
    try:
        shutil.rmtree(root, ignore_errors=True)
    except RecursionError:
        subprocess.run(["rm", "-rf", "--", root], check=False)
