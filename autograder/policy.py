"""cohort.toml: the secret and the rules of one class. Reads and makes it; applies nothing.

It lives in the instructor's own course folder, outside the repository, and only they may read it.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

import msgspec

from autograder.errors import UsageError
from autograder.manifest import read

NAME = "cohort.toml"


class Cohort(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One class. `secret` is hexadecimal, 64 characters or more."""

    secret: str
    title: str = ""

    @property
    def key(self) -> bytes:
        """The secret as bytes."""
        return bytes.fromhex(self.secret)


def find_cohort(path: Path) -> Path | None:
    """Return the nearest cohort.toml in a folder or above it."""
    for folder in (path.resolve(), *path.resolve().parents):
        if (folder / NAME).is_file():
            return folder / NAME
    return None


def read_cohort(path: Path) -> Cohort:
    """Read cohort.toml. Raises UsageError when others may read it or the secret is too short."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise UsageError(
            f"others may read the secret (mode {mode:o})", str(path), f"chmod 600 {path}"
        )
    cohort = read(path, Cohort)
    try:
        short = len(cohort.key) < 32
    except ValueError:
        short = True
    if short:
        raise UsageError(
            "the secret is not 64 hexadecimal characters", str(path), "ladder course build DIR"
        )
    return cohort


def make_cohort(folder: Path, title: str = "") -> Path:
    """Write a cohort.toml with a new secret, unless there is one. Returns its path."""
    path = folder / NAME
    if not path.exists():
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w") as file:
            file.write("# The secret decides the data that submissions are graded on. Keep it.\n")
            file.write(f'title = "{title}"\nsecret = "{secrets.token_hex(32)}"\n')
    return path
