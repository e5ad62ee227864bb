"""The other way round: not the evidence is decoded, the canaries are encoded.

A text has three encodings in base64, one for each distance of its beginning from a multiple of
three, and their first and last characters also depend on the neighbours. Containers still have to
be opened, and so has base64 that holds one, or more base64.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import sys
import tarfile
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ALPHABET = [*"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "-+", "_/"]

RUN = re.compile(rb"[A-Za-z0-9+/]{16,}={0,2}")


def find(folder: str, canaries: list[str]) -> list[list[str]]:
    shapes = {canary: shape(canary) for canary in canaries}
    found = set()
    for path in Path(folder).rglob("*"):
        if not path.is_file():
            continue
        entry = path.relative_to(folder).parts[0]
        for plain in layers(path.read_bytes()):
            found |= {(canary, entry) for canary in canaries if shapes[canary].search(plain)}
    return sorted([canary, entry] for canary, entry in found)


def shape(canary: str) -> re.Pattern[bytes]:
    """Everything that a canary can look like."""
    escaped = json.dumps(canary)[1:-1]
    upper = re.sub(r"(?<=\\u)....", lambda code: code[0].upper(), escaped)
    deeper = [escaped.replace("\\", "\\" * count) for count in (2, 4)]
    texts = {text.encode() for text in (canary, escaped, upper, *deeper)}
    ways = [re.escape(text) for text in texts]
    ways += [encoded(text, before).encode() for text in texts for before in range(3)]
    return re.compile(b"|".join(ways))


def encoded(text: bytes, before: int) -> str:
    """Its base64 after so many unknown bytes: six bits a character, unknown ones as dots."""
    bits = "." * 8 * before + "".join(f"{byte:08b}" for byte in text)
    bits += "." * (-len(bits) % 6)
    groups = [bits[i : i + 6] for i in range(0, len(bits), 6)]
    return "".join(letters(group) for group in groups if group != "......")


@cache
def letters(group: str) -> str:
    """The characters of both alphabets that may stand for these bits."""
    fits = (letter for i, letter in enumerate(ALPHABET) if re.fullmatch(group, f"{i:06b}"))
    return "[" + re.sub("-", r"\\-", "".join(fits)) + "]"


def layers(data: bytes) -> Iterator[bytes]:
    yield data
    if not data:
        return  # gzip unpacks nothing to nothing, for ever
    for run in RUN.findall(data):
        inner = base64.b64decode(run[: len(run) // 4 * 4])
        if inner.startswith(b"\x1f\x8b") or RUN.fullmatch(inner):
            yield from layers(inner)
    for opener in (gzip.decompress, zlib.decompress):
        try:
            yield from layers(opener(data))
        except (OSError, EOFError, zlib.error):
            continue
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for member in archive:
                if file := archive.extractfile(member):
                    yield from layers(file.read())
    except (tarfile.TarError, EOFError):
        return


if __name__ == "__main__":
    for canary, entry in find(sys.argv[1], sys.stdin.read().split("\n")):
        print(f"{entry}: {canary}")
