"""Attacks that are no code but a file, a folder or an archive. Runs nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cases import Attack


@dataclass(frozen=True)
class Place:
    """Where a submission goes; `folder` does not exist yet."""

    folder: Path
    kind: str
    aim: dict[str, Any]
    mark: str


def attacks() -> list[Attack]:
    return []
