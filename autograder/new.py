"""`ladder new`: from nothing to a small lab that is complete and green. Overwrites nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from autograder.errors import UsageError, suggest
from autograder.manifest import Course

SKELETON = Path(__file__).with_name("skeleton")
NAME = re.compile(r"[a-z]+(?:-[a-z]+)*")
SKILL = 'counting = "Count what is there, and what should be"\n'


def new(course: Course, place: str, project: bool = False, rung: str = "") -> list[Path]:
    """Lay out a lab at STAGE/LAB and enter it in course.toml; return the files written.

    Raises UsageError for a stage or rung that is not there and a name that is taken or unfit.
    """
    stage, _, name = place.partition("/")
    _refuse(course, stage, name)
    manifest = course.root / "labs" / "course.toml"
    entered = entry(manifest.read_text(encoding="utf-8"), course, stage, name, rung)
    made = dict(_files(course.root, stage, name, project))
    for path in made:
        if path.exists():
            raise UsageError("is there already", str(path), "choose another name")
    for path, text in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    manifest.write_text(entered, encoding="utf-8")
    return [*made, manifest]


def _refuse(course: Course, stage: str, name: str) -> None:
    stages = [one.folder for one in course.file.stage]
    if stage not in stages:
        raise UsageError(
            f"there is no stage {stage!r}.{suggest(stage, stages)}",
            next="./ladder new 2-junior/NAME",
        )
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name for a lab: lower case words with dashes, no digits",
            next=f"./ladder new {stage}/what-is-built",
        )
    if name in course.labs:
        raise UsageError(f"{name!r} exists already", str(course.labs[name].folder))


def _files(root: Path, stage: str, name: str, project: bool) -> Iterator[tuple[Path, str]]:
    title = name.replace("-", " ").capitalize()
    file = "depots.py" if project else "lab.py"
    words = {
        "title": title, "file": file, "main": file if project else "lab.ipynb",
        "ai": "tutor" if stage[0] in "12" else "free",
    }  # fmt: skip
    lab, solution = root / "labs" / stage / name, root / "solutions" / stage / name
    for one in ("lab.toml", "README.md", "checks.py", "conftest.py"):
        yield lab / one, _filled(one, words)
    code = _filled("lab.py", words)
    code = as_module(code, title) if project else code
    yield solution / file, code
    yield solution / "alternatives" / "counter" / file, _by_counter(code)
    yield solution / "mistakes.toml", _filled("mistakes.toml", words)
    yield root / "docs" / stage / f"{name}.md", _filled("lesson.md", words)


def _filled(name: str, words: dict[str, str]) -> str:
    text = (SKELETON / f"{name}.txt").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: words[found[1]], text)


def as_module(text: str, title: str) -> str:
    """Return a notebook's functions as a module: cells, grade cells and given code left out."""
    body = text[text.index("def ") :]
    kept = [line for line in body.splitlines() if not line.startswith("# %")]
    code = re.sub(r"\n{3,}", "\n\n\n", "\n".join(kept)).strip()
    return f'"""{title}: counts scans by depot. Knows no file."""\n\n\n{code}\n'


def _by_counter(text: str) -> str:
    """Return the solution with another way of counting."""
    begin = text.index("    found = dict.fromkeys")
    end = text.index("    return found\n") + len("    return found\n")
    other = "    return {depot: scans.count(depot) for depot in depots}\n"
    return text[:begin] + other + text[end:]


def entry(text: str, course: Course, stage: str, name: str, rung: str = "") -> str:
    """Return course.toml with a lab entered in a rung, the stage's last by default."""
    rungs = next(s.rung for s in course.file.stage if s.folder == stage)
    chosen = next((r for r in rungs if r.id == rung), None) if rung else rungs[-1]
    if chosen is None:
        raise UsageError(f"{stage} has no rung {rung!r}.{suggest(rung, [r.id for r in rungs])}")
    pattern = re.compile(rf'^id = "{re.escape(chosen.id)}"$.*?^labs = \[(.*?)\]', re.M | re.S)
    found = pattern.search(text)
    if found is None:
        raise UsageError(
            f"course.toml has no line `labs = [...]` in rung {chosen.id!r}", next="write it by hand"
        )
    before = found[1].rstrip().rstrip(",")
    inside = f'{before}, "{name}"' if before.strip() else f'"{name}"'
    text = text[: found.start(1)] + inside + text[found.end(1) :]
    if "counting" not in course.file.skills:
        text = re.sub(r"^\[skills\]\n", lambda m: m[0] + SKILL, text, count=1, flags=re.M)
    return text
