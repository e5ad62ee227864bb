"""The desk's images: a file in the cloud's folder that says which name is which folder.

Limit: names and paths; what is in a folder is its owner's, and read when a container starts.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from infra.cloud.sagemaker.images import check_name

if TYPE_CHECKING:
    from infra.cloud.desk import Folder

FILE = "images.json"


def images(folder: Folder) -> dict[str, str]:
    """Return the images of a desk by name."""
    found = folder.read(FILE)
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def add(folder: Folder, name: str, path: Path) -> str:
    """Make a folder known as an image; return what it is. ValueError says what is wrong with it."""
    check_name(name)
    what = inspect(path)
    folder.write(FILE, json.dumps({**images(folder), name: str(path.resolve())}, indent=1))
    return what


def remove(folder: Folder, name: str) -> bool:
    """Forget an image; tell whether it was known. Its folder stays."""
    found = images(folder)
    known = found.pop(name, None) is not None
    if known:
        folder.write(FILE, json.dumps(found, indent=1))
    return known


def inspect(path: Path) -> str:
    """Return what kind of image a folder is. ValueError says why it is none."""
    if not path.is_dir():
        raise ValueError(f"{path} is not a folder")
    if (path / "pyvenv.cfg").is_file():
        return "a Python environment"
    programs = [path / name for name in ("train", "serve") if (path / name).is_file()]
    if not programs:
        raise ValueError(
            f"{path} has no program `train` or `serve`, and is no Python environment (pyvenv.cfg)"
        )
    for program in programs:
        if not os.access(program, os.X_OK):
            raise ValueError(f"{program} cannot be executed: chmod +x {program}")
    return " and ".join(program.name for program in programs)
