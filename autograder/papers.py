"""Answers that are data: JSON files of a submission, read by the judge itself.

Such a lab has no process of the learner's, and a check of it needs no sandbox. What is read is
bounded first and believed in nothing; whether it makes sense, a check decides. Runs nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from autograder.errors import LearnerError

MOST = 64 << 10  # bytes of one document
DEEPEST = 32


class Papers:
    """The documents that were handed in, by their names."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def json(self, name: str, most: int = MOST) -> Any:
        """Return a JSON document as data. Raises LearnerError, whose text only a desk shows.

        A document that still is what the starter handed out, {} or [], counts as open.
        """
        found = parse(name, self.bytes(name, most))
        if found in ({}, []):
            raise LearnerError("NotImplementedError", "nothing is written yet", name)
        return found

    def bytes(self, name: str, most: int = MOST) -> bytes:
        """Return a file's bytes. Raises LearnerError for one that is missing or too long."""
        data = self._files.get(name)
        if data is None:
            raise LearnerError("FileNotFoundError", "was not handed in", name)
        if len(data) > most:
            raise LearnerError("ValueError", f"is longer than {most} bytes", name)
        return data


def parse(name: str, data: bytes) -> Any:
    """Parse strictly: UTF-8, finite numbers, no key twice, no deep nesting. Raises LearnerError."""
    try:
        found = json.loads(
            data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_finite,
            parse_float=_finite,
        )  # fmt: skip
        _shallow(found)
        json.dumps(found, ensure_ascii=False).encode()  # halves of surrogate pairs
    except json.JSONDecodeError as error:
        where = f"{name}, line {error.lineno}"
        raise LearnerError("ValueError", f"not JSON: {error.msg}", where) from None
    except UnicodeError:
        raise LearnerError("UnicodeError", "not UTF-8", name) from None
    except RecursionError:
        raise LearnerError("ValueError", "is nested too deeply", name) from None
    except ValueError as error:
        raise LearnerError("ValueError", str(error)[:200], name) from None
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has the same key twice")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is no number of JSON")
    return number


def _shallow(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for one in level for inner in _inside(one)]
    if level:
        raise RecursionError


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
