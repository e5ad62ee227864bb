"""What a lab hands out, and what counts as its solution: files in, bytes out. Writes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from autograder.check import Check
from autograder.errors import ManifestError
from autograder.evidence import files
from autograder.manifest import Lab
from autograder.sheet import notebook, sheet
from autograder.starter import cut
from autograder.submission import wanted

OURS = ("mistakes.toml", "lab.py")


def handout(lab: Lab, checks: Mapping[str, Check]) -> dict[Path, bytes]:
    """Return a lab's starter files and notebook by their paths."""
    made = {lab.folder / name: starter(lab, name, body) for name, body in solution_files(lab)}
    points = {c.name: c.points for c in checks.values()}
    if lab.notebook:
        text = read(lab.solution / "lab.py")
        page = notebook(text, points, lab.file.question)
        made[lab.folder / lab.file.main] = page.encode()
    else:
        claims = {c.name: c.claim for c in checks.values()}
        page = sheet(read(lab.folder / "README.md"), claims, points, lab.file.question)
        made[lab.folder / "lab.ipynb"] = page.encode()
    return made


def solution_files(lab: Lab) -> Iterator[tuple[str, bytes]]:
    """Return what of the solution has a counterpart in the lab: learner's files and given ones."""
    for file in files(lab.solution):
        name = file.relative_to(lab.solution).as_posix()
        if name not in OURS and not name.startswith("alternatives/"):
            yield name, file.read_bytes()


def starter(lab: Lab, name: str, body: bytes) -> bytes:
    """Return what a learner is handed for one file of the solution.

    JSON has no comments to mark a gap with, so a document that the learner writes starts empty.
    """
    if name.endswith(".json") and wanted(lab, name):
        return b"[]\n" if isinstance(json.loads(body), list) else b"{}\n"
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return body
    try:
        return cut(text, python=name.endswith(".py")).encode()
    except ManifestError as error:
        place = f"{lab.solution / name}, {error.where}"
        raise ManifestError(error.what, place, error.next) from None


def written(lab: Lab) -> dict[str, str]:
    """Return the texts of the solution that a learner would write; a notebook as its lab.py."""
    if lab.notebook:
        return {"lab.py": read(lab.solution / "lab.py")}
    return {name: body.decode() for name, body in solution_files(lab) if wanted(lab, name)}


def alternatives(lab: Lab) -> dict[str, dict[str, str]]:
    """Return each alternative solution whole: the solution's texts with those that differ."""
    found = {}
    for folder in sorted((lab.solution / "alternatives").glob("*")):
        if folder.is_dir():
            own = {f.relative_to(folder).as_posix(): f.read_text() for f in files(folder)}
            found[folder.name] = written(lab) | own
    return found


def handed_in(lab: Lab, texts: Mapping[str, str], points: Mapping[str, float]) -> dict[str, bytes]:
    """Return texts as a learner would hand them in: lab.py as the notebook it stands for."""
    out = {name: text.encode() for name, text in texts.items() if name != "lab.py"}
    if "lab.py" in texts and lab.notebook:
        page = notebook(texts["lab.py"], points, lab.file.question, solved=True)
        return out | {lab.file.main: page.encode()}
    return out | ({"lab.py": texts["lab.py"].encode()} if "lab.py" in texts else {})


def read(path: Path) -> str:
    """Return a text file. Raises ManifestError when it is missing."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ManifestError("the file is missing", str(path)) from None
