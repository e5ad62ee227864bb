"""Find known secrets in a folder of evidence, however they were packed.

    python leaks.py FOLDER < canaries.txt

Opens gzip, tar, zlib (the loose objects of git), base64 and the escapes of JSON, one inside the
other. Finds what it is told to look for and nothing else; does not open git's pack files.
"""

from __future__ import annotations

import base64
import gzip
import io
import re
import sys
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path


def find(folder: str, canaries: list[str]) -> list[list[str]]:
    """Pairs of a canary and the entry of `folder` that holds it, each pair once, sorted."""
    ### BEGIN SOLUTION: look into every file below every entry, and into what is packed in it
    found = set()
    for entry in Path(folder).iterdir():
        for file in files(entry):
            for content in unpacked(file.read_bytes()):
                found |= {(canary, entry.name) for canary in canaries if canary.encode() in content}
    return sorted(map(list, found))


DEPTH = 6  # a tar.gz in an image, base64 in its file, JSON in that, and two to spare
BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{12,}")
ESCAPES = re.compile(rb"(?:\\+u[0-9a-fA-F]{4})+")  # in JSON in JSON with two backslashes


def files(entry: Path) -> list[Path]:
    """The file itself, or all files below the folder, hidden ones too."""
    return [path for path in (entry, *entry.rglob("*")) if path.is_file()]


def unpacked(data: bytes, depth: int = DEPTH) -> Iterator[bytes]:
    """The bytes as they are, and whatever they turn out to contain."""
    yield data
    if depth:
        for inner in opened(data):
            yield from unpacked(inner, depth - 1)


def opened(data: bytes) -> Iterable[bytes]:
    """One layer taken off. What claims a format and breaks it is read as text."""
    try:
        if data.startswith(b"\x1f\x8b"):
            return [gzip.decompress(data)]
        if data.startswith(b"\x78"):
            return [zlib.decompress(data)]
        if data[257:262] == b"ustar":
            return members(data)
    except (OSError, EOFError, zlib.error, tarfile.TarError):
        pass
    return decoded(data)


def members(data: bytes) -> list[bytes]:
    """The files of a tar archive. Of an image each layer counts: a later one deletes nothing."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        held = [archive.extractfile(member) for member in archive if member.isfile()]
        return [file.read() for file in held if file]


def decoded(data: bytes) -> Iterator[bytes]:
    """What base64 and JSON's escapes stand for. Text may be glued to the front of base64."""
    if ESCAPES.search(data):
        yield ESCAPES.sub(spelled, data)
    for run in BASE64.findall(data):
        plain = run.translate(bytes.maketrans(b"-_", b"+/"))
        for start in range(4):
            whole = plain[start : start + (len(plain) - start) // 4 * 4]
            rest = plain[start + len(whole) :]
            yield base64.b64decode(whole + (rest + b"==")[:4] if len(rest) > 1 else whole)


def spelled(escapes: re.Match[bytes]) -> bytes:
    """The letters of a row of escapes, which are UTF-16: some letters take two."""
    units = bytes.fromhex(re.sub(rb"\\+u", b"", escapes[0]).decode())
    return units.decode("utf-16-be", "replace").encode()


### END SOLUTION


if __name__ == "__main__":
    for canary, entry in find(sys.argv[1], sys.stdin.read().splitlines()):
        print(f"{entry}: {canary}")
