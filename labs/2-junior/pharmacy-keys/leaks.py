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
    # TODO: look into every file below every entry, and into what is packed in it
    raise NotImplementedError


if __name__ == "__main__":
    for canary, entry in find(sys.argv[1], sys.stdin.read().splitlines()):
        print(f"{entry}: {canary}")
