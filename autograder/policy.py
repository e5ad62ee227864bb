"""cohort.toml: the secret and the rules of one class. Reads and makes it; applies nothing.

It lives in the instructor's own course folder, outside the repository, and only they may read it.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from autograder.errors import UsageError
from autograder.manifest import read

NAME = "cohort.toml"
Days = Annotated[float, msgspec.Meta(ge=0, le=366)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1000)]


class Attempts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which attempt counts: the last or the best of the first `most`; 0: of all."""

    counts: Literal["last", "best"] = "last"
    most: Count = 0


class Cohort(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One class. `secret` is hexadecimal, 64 characters or more.

    due: lab to time. late_days: whole days that a learner may be late, all labs together, for
    nothing. penalty: share of the points earned that each further day begun costs. extension:
    learner to lab to days. drops: how many of a learner's labs, the lowest, leave the total.
    alias: former id to present id.
    """

    secret: str
    title: str = ""
    late_days: Count = 0
    penalty: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    drops: Count = 0
    due: dict[str, datetime] = {}
    extension: dict[str, dict[str, Days]] = {}
    attempts: Attempts = Attempts()
    alias: dict[str, str] = {}

    @property
    def key(self) -> bytes:
        """The secret as bytes."""
        return bytes.fromhex(self.secret)

    def deadline(self, lab: str) -> float:
        """Return when a lab is due, in seconds since the epoch; 0 for never. No zone: UTC."""
        when = self.due.get(lab)
        if when is None:
            return 0.0
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


RULES = Cohort(secret="")
"""The rules of a class without cohort.toml: nothing is due, the last attempt counts."""


def find_cohort(path: Path) -> Path | None:
    """Return the nearest cohort.toml in a folder or above it."""
    for folder in (path.resolve(), *path.resolve().parents):
        if (folder / NAME).is_file():
            return folder / NAME
    return None


def read_cohort(path: Path) -> Cohort:
    """Read cohort.toml. Raises UsageError for what cannot be, and when others may read it."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        raise UsageError("there is no such file", str(path), "./ladder course build DIR") from None
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
            "the secret is not 64 hexadecimal characters", str(path), "./ladder course build DIR"
        )
    _refuse_alias(cohort.alias, str(path))
    return cohort


def _refuse_alias(alias: dict[str, str], where: str) -> None:
    """Raise UsageError for a present id that is itself a former one."""
    for old, new in alias.items():
        if new in alias:
            raise UsageError(
                f"alias {old!r} leads to {new!r}, which is a former id itself",
                where,
                f'write the present id: "{old}" = "{alias[new]}"',
            )


def aliases(given: tuple[str, ...], cohort: Cohort) -> dict[str, str]:
    """Return former ids to present ones: cohort.toml's and those typed as OLD=NEW."""
    alias = dict(cohort.alias)
    for text in given:
        old, mark, new = text.partition("=")
        if not (old and mark and new) or old == new:
            raise UsageError(f"{text!r} is no renaming", "--alias", "--alias old-id=new-id")
        alias[old] = new
    _refuse_alias(alias, "--alias")
    return alias


def make_cohort(folder: Path, title: str = "") -> Path:
    """Write a cohort.toml with a new secret, unless there is one. Returns its path."""
    path = folder / NAME
    if not path.exists():
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w") as file:
            file.write("# The secret decides the data that submissions are graded on. Keep it.\n")
            text = json.dumps(title, ensure_ascii=False)
            file.write(f'title = {text}\nsecret = "{secrets.token_hex(32)}"\n')
    return path
