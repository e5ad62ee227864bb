"""labs/prove.json: what is known of each lab's grader, for which files. Proves nothing itself."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from autograder.errors import ManifestError
from autograder.manifest import Lab
from autograder.verdict import ENGINE

SKIPPED = ("__pycache__", ".ipynb_checkpoints")
NAMES = rb"[\w.]*(?:[ \t]+import[ \t]+(?:\([^)]*\)|[^\n;]*))?"
OUTSIDE = re.compile(rb"\blarkmoor\b" + NAMES)
INSIDE = re.compile(rb"(?:\bfrom[ \t]+\.|\blarkmoor\b)" + NAMES)


class Survivor(msgspec.Struct, frozen=True, kw_only=True):
    """A mutant that no check noticed, or one that an author declared to change nothing."""

    file: str
    line: int
    change: str
    reason: str = ""


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What `ladder prove` found for one lab. Shares are of the lab's points, 0 to 1."""

    key: str
    engine: int
    mode: str
    wrong: tuple[str, ...]
    points: float
    checks: int
    seeds: int
    alternatives: int
    mistakes: int
    mistake_seeds: int
    lazy: int
    lazy_share: float
    liars: int
    liar_share: float
    mutants: int
    killed: int
    survivors: tuple[Survivor, ...]
    cpu: float

    @property
    def holds(self) -> bool:
        """Whether everything that was promised of the grader was seen."""
        return not self.wrong


class Table(msgspec.Struct, kw_only=True):
    """The whole file."""

    labs: dict[str, Proof] = {}


def path(root: Path) -> Path:
    """Return where the table of a course is."""
    return root / "labs" / "prove.json"


def read(root: Path) -> Table:
    """Return the table, an empty one when there is none. Raises ManifestError."""
    try:
        return msgspec.json.decode(path(root).read_bytes(), type=Table)
    except FileNotFoundError:
        return Table()
    except msgspec.DecodeError as error:
        raise ManifestError(
            f"not a table of proofs: {error}", str(path(root)), "git checkout labs/prove.json"
        ) from None


def encode(table: Table) -> bytes:
    """Return the bytes of the table, labs by name."""
    ordered = Table(labs=dict(sorted(table.labs.items())))
    return msgspec.json.format(msgspec.json.encode(ordered), indent=1) + b"\n"


def current(table: Table, lab: Lab) -> bool:
    """Tell whether the table speaks of this lab as it is now."""
    known = table.labs.get(lab.id)
    return known is not None and known.engine == ENGINE and known.key == key(lab)


def key(lab: Lab, but: Sequence[Path] = ()) -> str:
    """Return a hash of what the lab's verdicts depend on: files, pins and its part of larkmoor.

    but: files of the lab that are left out.
    """
    digest = hashlib.sha256()
    root = lab.course.root
    parts = (*files(lab.folder), *files(lab.solution), *world(lab))
    for file in (one for one in parts if one not in but):
        digest.update(f"{file.relative_to(root)}\0".encode() + file.read_bytes() + b"\0")
    digest.update("\n".join(pins(lab)).encode())
    return digest.hexdigest()[:16]


def world(lab: Lab) -> list[Path]:
    """Return the files of larkmoor that the lab draws from: what it names, what that imports.

    A name is looked for in the text of every file, so that a script in a string counts too.
    """
    folder = lab.course.root / "labs" / "larkmoor"
    texts = {file: file.read_bytes() for file in files(folder)}
    modules = {file.stem: file for file in texts if file.suffix == ".py" and file.parent == folder}
    parts = (lab.folder, lab.solution)
    own = b"\0".join(file.read_bytes() for part in parts for file in files(part))
    wanted, found = {"__init__"} | _named(OUTSIDE, own), set[str]()
    while new := (wanted & modules.keys()) - found:
        found |= new
        wanted = set[str]().union(*(_named(INSIDE, texts[modules[name]]) for name in new))
    return [file for file in texts if file not in modules.values() or file.stem in found]


def _named(pattern: re.Pattern[bytes], text: bytes) -> set[str]:
    """Return the words of an import: of its module, and those that it imports."""
    return {word.decode() for found in pattern.findall(text) for word in re.findall(rb"\w+", found)}


def files(folder: Path) -> Iterator[Path]:
    """Return the files of a folder in order, without what Python and Jupyter leave behind."""
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not any(part in SKIPPED for part in file.parts):
            yield file


def pins(lab: Lab) -> list[str]:
    """Return the pins of what the lab names as needed; what those depend on is not followed."""
    root = lab.course.root
    if not (root / "constraints.txt").is_file() or not (root / "pyproject.toml").is_file():
        return []
    project: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    extras = project.get("optional-dependencies", {})
    named = ["numpy", "pandas", *(p for n in lab.needs() for p in extras.get(n.group, ()))]
    wanted = {_package(one) for one in named}
    lines = (root / "constraints.txt").read_text().splitlines()
    return [line.split()[0] for line in lines if line.split() and _package(line) in wanted]


def _package(line: str) -> str:
    return re.split(r"[\s\[=<>~!;#]", line.strip(), maxsplit=1)[0].lower().replace("_", "-")
