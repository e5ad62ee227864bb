"""TOML as typed records: what is unknown or wrong is refused in one sentence, with a suggestion.

Limit: reads and checks types; what a file means is its reader's business.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


class RecordError(ValueError):
    """A file says something that cannot be; the sentence names the file and the place in it."""


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of a file; unknown keys are refused."""


def read(path: Path, kind: type[T]) -> T:
    """Read a file as a record. Raises RecordError."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RecordError(f"{path}: is not text") from None
    return parse(text, kind, str(path))


def parse(text: str, kind: type[T], place: str) -> T:
    """Read text as a record; `place` names it in errors. Raises RecordError."""
    try:
        return msgspec.convert(tomllib.loads(text), kind)
    except tomllib.TOMLDecodeError as error:
        raise RecordError(f"{place}: not TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise RecordError(f"{place}: {explain(str(error), kind)}") from None


def explain(said: str, kind: type[Any]) -> str:
    """Return a validation error with the place as one writes it, and the nearest known key."""
    what, _, where = said.partition(" - at `$")
    unknown = re.search(r"unknown field `([^`]+)`", what)
    place = where.rstrip("`").lstrip(".")
    hint = suggest(unknown[1], _keys(kind)) if unknown else ""
    return f"{what}{f' in {place}' if place else ''}.{hint}"


def suggest(word: str, known: Iterable[str]) -> str:
    """Return ' Did you mean X?' for a near miss, else ''."""
    near = get_close_matches(word, list(known), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def _keys(kind: type[Any]) -> set[str]:
    """Return every key that may stand anywhere in a record's tables."""
    found: set[str] = set()
    todo: list[Any] = [kind]
    while todo:
        one = todo.pop()
        if isinstance(one, type) and issubclass(one, msgspec.Struct):
            found |= set(one.__struct_fields__)
            todo += [f.type for f in msgspec.structs.fields(one)]
        todo += [a for a in getattr(one, "__args__", ()) if a is not ...]
    return found
