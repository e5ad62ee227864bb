"""Submissions and results by path, or by URL of whatever fsspec knows, such as s3://.

`fetched` gives a local copy, `stored` puts a folder there, `mirrored` does both. Grades nothing;
whose credentials and which endpoint are used, the environment says.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from autograder.errors import LadderError, SubmissionError, UsageError

MAX_BYTES = 100 * (64 << 20)  # as for the zip of a class
MAX_OBJECTS = 500_000
MAX_PART = 255  # bytes of one part of a path: no file system of ours takes more
AT_ONCE = 64  # objects under way
TIMES = ("LastModified", "mtime", "last_modified", "updated", "created")  # as file systems call it
Stamps = dict[str, tuple[object, ...]]


def is_url(place: str | Path) -> bool:
    """Tell whether a place is a URL, not a path."""
    return "://" in str(place)


@contextmanager
def fetched(place: str | Path, most: int = MAX_BYTES) -> Iterator[Path]:
    """Give a local path: the path itself, or a private copy that is gone after the block.

    Copies keep the name and the time of each object: names say whose work it is, times what is
    late. Raises SubmissionError for keys that lead out of the folder and for more than `most`
    bytes, UsageError for what cannot be read.
    """
    if (path := local(place)) is not None:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="ladder-storage-") as folder:
        yield _fetch(str(place), Path(folder), most)


def local(place: str | Path) -> Path | None:
    """Return the path of a path or a file:// URL; None for a URL of anything else."""
    if not is_url(place):
        return Path(place)
    parts = urlsplit(str(place))
    return Path(unquote(parts.path)) if parts.scheme in ("file", "local") else None


def stored(folder: Path, place: str | Path) -> int:
    """Put the files of a folder below a place, as many times as you like; return what was put.

    What is there with the same bytes is left alone; nothing is deleted. Raises UsageError.
    """
    url = str(place)
    with _told(url):
        system, root = _opened(url)
        there = dict(_walk(system, root))
        files = {p.relative_to(folder).as_posix(): p for p in sorted(folder.rglob("*")) if _file(p)}
        new = {n: p for n, p in files.items() if not _same(p, there.get(n))}
        for some in _batches(sorted(new)):
            for name in some if local(place) else ():
                Path(root, name).parent.mkdir(parents=True, exist_ok=True)
            system.put([str(new[n]) for n in some], [f"{root}/{n}" for n in some])
        return len(new)


@contextmanager
def mirrored(place: str | Path) -> Iterator[Path]:
    """Give a folder with what is at a place, and store it there after the block, however it ends.

    When that cannot be, or when somebody else has written there meanwhile, the folder stays and
    UsageError says where it is.
    """
    if (path := local(place)) is not None:
        yield path
        return
    url, folder = str(place), Path(tempfile.mkdtemp(prefix="ladder-graded-"))
    try:
        before = _stamps(url)
        copy = _fetch(url, folder, MAX_BYTES) if before else folder / "graded"
    except BaseException:
        shutil.rmtree(folder)
        raise
    copy.mkdir(exist_ok=True)
    try:
        yield copy
    finally:
        _put_back(copy, url, before)
        shutil.rmtree(folder)


def _put_back(copy: Path, url: str, before: Stamps) -> None:
    try:
        if _stamps(url) != before:
            raise UsageError("somebody else has written there meanwhile", url)
        stored(copy, url)
    except LadderError as error:
        raise UsageError(
            f"the results are not stored: {error.what}",
            url,
            f"they are in {copy}; look at both, then store them yourself",
        ) from error


def _stamps(url: str) -> Stamps:
    """Return what tells whether the objects at a URL are still the same; empty: none is there."""
    with _told(url):
        return {
            name: (info.get("size"), info.get("ETag"), _time(info))
            for name, info in _walk(*_opened(url))
        }


# ---------------------------------------------------------------- fetching


def _fetch(url: str, folder: Path, most: int) -> Path:
    """Copy what is at a URL into a folder; return the path of the copy."""
    with _told(url):
        system, root = _opened(url)
        top = folder / (_refuse_name(PurePosixPath(root).name or "submitted", url))
        alone = system.isfile(root)
        infos = {"": system.info(root)} if alone else dict(_walk(system, root))
        if not infos:
            raise UsageError("there is nothing", url)
        _refuse(infos, url, most)
        if not alone:
            top.mkdir()
        _download(system, infos, top, url, most)
    return top


def _walk(system: Any, root: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield name, relative to the root, and description of everything below it but folders."""
    try:
        found = system.find(root, detail=True)
    except FileNotFoundError:
        return
    for path, info in found.items():
        name = path.removeprefix(root.rstrip("/") + "/")
        marker = name.endswith("/") and not info.get("size")
        if path != root and not marker and info.get("type") != "directory":
            yield name, info


def _download(
    system: Any, infos: Mapping[str, Mapping[str, Any]], top: Path, url: str, most: int
) -> None:
    total = 0
    for some in _batches(sorted(infos)):
        places = [top / name for name in some]
        for place in places:
            place.parent.mkdir(parents=True, exist_ok=True)
        system.get([infos[n]["name"] for n in some], [str(place) for place in places])
        total += sum(place.stat().st_size for place in places)
        if total > most:
            raise _too_large(total, url, most)
        for name, place in zip(some, places, strict=True):
            os.utime(place, (_time(infos[name]),) * 2)
    if top.is_dir():
        _date(top)


def _date(folder: Path) -> float:
    """Give a folder the time of the latest file in it, and return that."""
    times = [_date(p) if p.is_dir() else p.stat().st_mtime for p in folder.iterdir()]
    os.utime(folder, (max(times),) * 2)
    return max(times)


def _time(info: Mapping[str, Any]) -> float:
    """Return when an object was written, in seconds since the epoch; 0 when that is not said."""
    said = next((info[name] for name in TIMES if info.get(name)), 0.0)
    if isinstance(said, str):
        said = datetime.fromisoformat(said)
    if isinstance(said, datetime):
        return said.replace(tzinfo=said.tzinfo or UTC).timestamp()
    return float(said)


def _refuse(infos: Mapping[str, Mapping[str, Any]], url: str, most: int) -> None:
    """Raise SubmissionError for what cannot be laid out below one folder, or is too much."""
    if len(infos) > MAX_OBJECTS:
        raise SubmissionError(f"{len(infos)} objects are too many", url, "grade them in parts")
    total = sum(info.get("size") or 0 for info in infos.values())
    if total > most:
        raise _too_large(total, url, most)
    for name, info in infos.items():
        if name:
            _refuse_name(name, url)
        if info.get("type", "file") != "file" or info.get("islink"):
            raise SubmissionError(f"{name!r} is not a plain object", url, "hand in plain files")
    folders = {str(above) for name in infos for above in PurePosixPath(name).parents}
    both = sorted(folders & set(infos) - {""})
    if both:
        raise SubmissionError(f"{both[0]!r} is an object and a folder", url, "rename one of them")


def _refuse_name(name: str, url: str) -> str:
    """Return a key that stays below its folder as it is written; raise SubmissionError for others.

    `a//b` and `./a` are other keys than the path that they would become.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or path.as_posix() != name or "\0" in name:
        raise SubmissionError(f"{name!r} leads out of the folder", url, "rename the object")
    if any(len(part.encode("utf-8", "surrogatepass")) > MAX_PART for part in path.parts):
        raise SubmissionError(f"{name[:60]!r} is too long a name", url, "give it a short one")
    return name


def _too_large(total: int, url: str, most: int) -> SubmissionError:
    return SubmissionError(
        f"{total >> 20} MB are more than {most >> 20} MB", url, "grade the class in parts"
    )


# ---------------------------------------------------------------- file systems


def _opened(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, knowing nothing from before, and the path in it."""
    import fsspec

    try:
        system, root = fsspec.core.url_to_fs(url)
    except (
        ValueError,
        ImportError,
    ) as error:  # fsspec says which package to install
        raise UsageError(str(error), url, "see docs/instructors/dask.md") from error
    system.invalidate_cache()
    return system, root


@contextmanager
def _told(url: str) -> Iterator[None]:
    """Turn what file systems and clouds raise, which is anything, into UsageError."""
    try:
        yield
    except LadderError:
        raise
    except FileNotFoundError:
        raise UsageError("there is nothing", url) from None
    except Exception as error:
        why = f"{type(error).__name__}: {error}"[:500]
        raise UsageError(why, url, "check the URL, the endpoint and the credentials") from error


def _file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _same(path: Path, info: Mapping[str, Any] | None) -> bool:
    """Tell whether an object has the bytes of a file, as far as its description says."""
    if info is None or info.get("size") != path.stat().st_size:
        return False
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    return str(info.get("ETag", "")).strip('"') == digest.hexdigest()


def _batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), AT_ONCE):
        yield names[start : start + AT_ONCE]
