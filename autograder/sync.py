"""Writes what is generated: starters, notebooks, cards, reference pages, navigation.

Plans first and compares; nothing is written that is the same already. Judges no content: lint does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autograder import evidence, pages
from autograder.check import Check
from autograder.errors import ManifestError
from autograder.grade import load_lab
from autograder.handout import handout, read
from autograder.manifest import Course, Lab

NAV = re.compile(r"(  # nav: begin\n).*?(  # nav: end)", re.DOTALL)
CARDS = re.compile(r"(<!-- cards: begin -->\n).*?(<!-- cards: end -->)", re.DOTALL)

MEASURED = {
    "bench": "What grading costs",
    "attacks": "What attacks on the grader got",
    "odd": "What odd submissions get",
}

# Further tables that tests keep: page of docs/reference/ -> title, file of results.
TABLES = {
    "cloud-iam": ("Policies in the embedded cloud", "tests/infra/iam_cases/results.json"),
    "cloud-speed": ("What the embedded cloud costs", "tests/bench/cloud.json"),
    "cloud-sql": ("Athena's SQL, case by case", "tests/infra/sql_cases/results.json"),
}

CONTRACT = "tests/infra/contract/table.json"

Plan = dict[Path, bytes]
Checks = Mapping[str, Mapping[str, Check]]


def plan(course: Course, helps: Mapping[str, str], reference: Mapping[str, str] = {}) -> Plan:
    """Return every generated file and its bytes.

    helps: --help of each command. reference: further pages of docs/reference/ by file name.
    """
    checks = {lab.id: load_lab(lab).checks for lab in course.labs.values()}
    made = plan_labs(course, checks) | _pages(course, checks, helps)
    folder = course.root / "docs" / "reference"
    made |= {folder / name: text.encode() for name, text in reference.items()}
    return made | _hand_written(course, checks, set(made))


def plan_labs(course: Course, checks: Checks | None = None) -> Plan:
    """Return the starter files and notebooks of all labs."""
    made: Plan = {}
    for lab in course.labs.values():
        made |= handout(lab, checks[lab.id] if checks else load_lab(lab).checks)
    return made


def _pages(course: Course, checks: Checks, helps: Mapping[str, str]) -> Plan:
    docs, labs = course.root / "docs", course.labs.values()
    proofs = evidence.read(course.root).labs
    made = {
        f"labs/{lab.id}.md": pages.card(lab, checks[lab.id], _lesson(lab).is_file()) for lab in labs
    }
    made["labs/index.md"] = pages.labs_index((lab, checks[lab.id]) for lab in labs)
    made["reference/cli.md"] = pages.commands(helps)
    made["reference/roles.md"] = pages.roles(labs, {n: p.holds for n, p in proofs.items()})
    made["reference/prove.md"] = pages.proofs(proofs)
    kept = {name: (title, f"tests/{name}/results.json") for name, title in MEASURED.items()}
    for name, (title, source) in (kept | TABLES).items():
        made[f"reference/{name}.md"] = pages.measured(title, source, _data(course.root / source))
    made["reference/cloud-contract.md"] = pages.contract(CONTRACT, _data(course.root / CONTRACT))
    return {docs / name: text.encode() for name, text in made.items()}


def _data(path: Path) -> Any:
    return json.loads(read(path)) if path.is_file() else None


def _lesson(lab: Lab) -> Path:
    return lab.course.root / "docs" / lab.stage / f"{lab.id}.md"


def _hand_written(course: Course, checks: Checks, made: set[Path]) -> Plan:
    """Return the hand-written files of which a part between two marks is generated."""
    found: Plan = {}
    labs = {n: (one, checks[n], _lesson(one).is_file()) for n, one in course.labs.items()}
    for stage in course.file.stage:
        page = course.root / "docs" / stage.folder / "index.md"
        if page.is_file():
            found[page] = _between(page, CARDS, f"\n{pages.stage_cards(stage, labs)}\n")
    settings = course.root / "mkdocs.yml"
    if settings.is_file():
        found[settings] = _between(settings, NAV, nav(course, made))
    return found


def _between(path: Path, marks: re.Pattern[str], text: str) -> bytes:
    old = read(path)
    new, count = marks.subn(lambda m: m[1] + text + m[2], old)
    if count != 1:
        raise ManifestError("the two marks of the generated part are not there", str(path))
    return new.encode()


def nav(course: Course, made: set[Path]) -> str:
    """Return the lines of mkdocs.yml's navigation. made: pages about to be written."""
    docs = course.root / "docs"
    there = {
        p.relative_to(docs).as_posix()
        for p in [*docs.rglob("*.md"), *made]
        if p.is_relative_to(docs)
    }
    there = {page for page in there if page.endswith(".md")}
    lines = ["  - The course: index.md"]
    for stage in course.file.stage:
        names = [f"{stage.folder}/{lab}.md" for rung in stage.rung for lab in rung.labs]
        lines += _part(stage.title, [f"{stage.folder}/index.md", *names], there)
    measured = ["reference/prove.md", *(f"reference/{name}.md" for name in MEASURED)]
    cards = ["labs/index.md", *(f"labs/{lab}.md" for lab in course.labs)]
    lines += _part("Grading", ["grading.md", *measured], there)
    lines += _part("For instructors", _folder("instructors", there), there)
    reference = [page for page in _folder("reference", there) if page not in measured]
    lines += _part(
        "Reference", [*reference[:1], *cards, *reference[1:], *_folder("decisions", there)], there
    )
    return "".join(f"{line}\n" for line in lines)


def _part(title: str, names: list[str], there: set[str]) -> list[str]:
    kept = [f"      - {name}" for name in names if name in there]
    return [f"  - {title}:", *kept] if kept else []


def _folder(name: str, there: set[str]) -> list[str]:
    """Return the pages of a folder, its index first."""
    found = sorted(page for page in there if page.startswith(f"{name}/"))
    return sorted(found, key=lambda page: page != f"{name}/index.md")


def drift(course: Course, planned: Plan) -> list[Path]:
    """Return the files that differ from what they are generated from, and those left over."""
    changed = [p for p, body in planned.items() if not p.is_file() or p.read_bytes() != body]
    return sorted(changed) + left_over(course, planned)


def left_over(course: Course, planned: Plan) -> list[Path]:
    """Return cards of labs that are no more."""
    cards = (course.root / "docs" / "labs").glob("*.md")
    return sorted(card for card in cards if card not in planned)


def write(course: Course, planned: Plan) -> list[Path]:
    """Write what differs, delete what is left over; return the paths."""
    changed = drift(course, planned)
    for path in changed:
        if path in planned:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(planned[path])
        else:
            path.unlink()
    return changed
