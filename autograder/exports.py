"""Grades in other programs' formats: a plain table, Canvas, the figures behind the report.

Rows in, texts out. Applies no policy and changes nothing in the program that reads them.

Canvas. What its gradebook exports and imports was looked up where it is read: Canvas' own
lib/gradebook_importer.rb (github.com/instructure/canvas-lms, commit 00b222d). Universities document
the same columns: teaching.resources.osu.edu, "Import CSV File for Carmen Grades";
nemogb-dev.github.io/nemogb-r/articles/detailed-canvas-export-info.html.
- the first row begins with Student, ID, then SIS User ID and SIS Login ID (or SIS Login ID alone),
  then Integration ID and Root Account where there are any, then Section;
- an assignment's column is "Title (123)", 123 its id in Canvas; a title that Canvas does not know
  is offered as a new assignment;
- the row whose first cell contains "Points Possible" holds no learner; where it says "(read only)"
  Canvas calculates the column itself;
- a learner is found by ID, else by SIS User ID, else by SIS Login ID, else by name.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import UsageError
from autograder.spreadsheet import written
from autograder.tally import Tally
from autograder.verdict import Verdict

INFO = ("Student", "ID", "SIS User ID", "SIS Login ID", "Integration ID", "Root Account", "Section")
KEYS = ("SIS Login ID", "SIS User ID", "ID", "Student")  # how a learner's id is looked up
MAX_ROSTER = 64 << 20
ASSIGNMENT = re.compile(r"(.*?)\s*\((\d+)\)\s*")


@dataclass(frozen=True)
class Score:
    """One learner's points in one lab; points None: not graded yet."""

    lab: str
    learner: str
    points: float | None
    possible: float


@dataclass(frozen=True)
class Roster:
    """A gradebook as Canvas exported it: its columns, its learners' rows, its points possible."""

    columns: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]
    possible: Mapping[str, str]
    path: str = ""

    def info(self) -> list[str]:
        """Return the columns about the learner, in Canvas' order."""
        return [name for name in INFO if name in self.columns]

    def column(self, names: Iterable[str]) -> str:
        """Return the assignment's column that has one of these titles; "" for none."""
        wanted = {name.casefold() for name in names}
        found = []
        for column in self.columns:
            match = ASSIGNMENT.fullmatch(column)
            if match and match[1].casefold() in wanted:
                found.append(column)
        if len(found) > 1:
            raise UsageError(f"two columns for one lab: {', '.join(found)}", self.path)
        return found[0] if found else ""

    def read_only(self, column: str) -> bool:
        """Tell whether Canvas calculates a column itself."""
        return "read only" in self.possible.get(column, "")


def read_roster(path: Path) -> Roster:
    """Read an export of Canvas' gradebook. Raises UsageError for what is none."""
    try:
        if path.stat().st_size > MAX_ROSTER:
            raise UsageError(f"larger than {MAX_ROSTER >> 20} MB", str(path))
        body = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot be read as text: {error}", str(path)) from None
    first = body.partition("\n")[0]
    # Canvas writes semicolons where the language of the instructor's account asks for them
    mark = ";" if first.count(";") > first.count(",") else ","
    try:
        table = [row for row in csv.reader(io.StringIO(body, newline=""), delimiter=mark) if row]
    except csv.Error as error:
        raise UsageError(f"no CSV: {error}", str(path)) from None
    return _roster(table, str(path))


def _roster(table: Sequence[Sequence[str]], path: str) -> Roster:
    columns = tuple(name.strip() for name in table[0]) if table else ()
    if columns[:2] != ("Student", "ID") or "Section" not in columns:
        raise UsageError(
            "no export of Canvas' gradebook: it must begin with Student, ID and have Section",
            path,
            "in Canvas: Grades, Export, Export Entire Gradebook",
        )
    rows: list[Mapping[str, str]] = []
    possible: Mapping[str, str] = {}
    for cells in table[1:]:
        row = dict(zip(columns, (c.strip() for c in cells), strict=False))
        if "Points Possible" in row["Student"]:
            possible = row
        elif row.get("ID") or row.get("SIS Login ID") or row.get("SIS User ID"):
            rows.append(row)
    return Roster(columns, tuple(rows), possible, path)


@dataclass(frozen=True)
class Export:
    """A file for Canvas, and the learners with grades whom the roster does not know."""

    text: str
    strangers: tuple[str, ...] = ()


def canvas(
    scores: Iterable[Score], titles: Mapping[str, str], roster: Roster | None = None
) -> Export:
    """Return grades as Canvas imports them: a row for each learner, a column for each lab.

    titles: of labs, by id; an assignment of either name is filled in. With a roster every one of
    its learners has a row, with the ids, and a score that is in Canvas stays where we have none;
    learners it does not know are left out and named. Without one, a learner's id stands as name
    and as login, and Canvas will ask who is meant.
    """
    known = list(scores)
    labs = sorted({s.lab for s in known})
    possible = {s.lab: s.possible for s in known}
    points = {(s.learner, s.lab): s.points for s in known}
    if roster is None:
        return Export(_without(labs, possible, points))
    columns = {lab: roster.column((lab, titles.get(lab, lab))) for lab in labs}
    for lab, column in columns.items():
        if column and roster.read_only(column):
            raise UsageError(f"Canvas calculates {column!r} itself", roster.path, f"rename {lab}")
    people = _people(roster, {s.learner for s in known})
    head = [*roster.info(), *(columns[lab] or titles.get(lab, lab) for lab in labs)]
    rows: list[list[str | float | None]] = [_possible(head, labs, possible)]
    for row, learner in people:
        cells: list[str | float | None] = [row.get(name, "") for name in roster.info()]
        for lab in labs:
            ours = points.get((learner, lab)) if learner else None
            cells.append(_kept(row.get(columns[lab], "")) if ours is None else ours)
        rows.append(cells)
    met = {learner for _, learner in people}
    strangers = sorted({s.learner for s in known} - met)
    return Export(written(head, rows), tuple(strangers))


def _without(
    labs: Sequence[str], possible: Mapping[str, float],
    points: Mapping[tuple[str, str], float | None],
) -> str:  # fmt: skip
    head = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *labs]
    rows: list[list[str | float | None]] = [_possible(head, labs, possible)]
    for learner in sorted({name for name, _ in points}):
        scores = [points.get((learner, lab)) for lab in labs]
        rows.append([learner, "", "", learner, "", *scores])
    return written(head, rows)


def _possible(
    head: Sequence[str], labs: Sequence[str], possible: Mapping[str, float]
) -> list[str | float | None]:
    blanks = [""] * (len(head) - len(labs) - 1)
    return ["    Points Possible", *blanks, *(possible[lab] for lab in labs)]


def _kept(said: str) -> str | float:
    """Return a score as Canvas has it: a number, EX for excused, else nothing."""
    if said.upper() == "EX":
        return "EX"
    try:
        return float(said.replace(",", "."))
    except ValueError:
        return ""


def _people(roster: Roster, learners: set[str]) -> list[tuple[Mapping[str, str], str]]:
    """Return each row of a roster and the learner's id with us, "" for none.

    Raises UsageError where one id would fit two people.
    """
    exact = {name.casefold(): name for name in sorted(learners)}
    owner: dict[str, int] = {}
    for key in KEYS:
        for place, row in enumerate(roster.rows):
            name = row.get(key, "").casefold()
            if name not in exact:
                continue
            if owner.setdefault(name, place) != place and key != "Student":
                raise UsageError(f"{name!r} is the id of two people", roster.path)
    mine = {place: name for name, place in owner.items()}
    return [(row, exact[mine[n]] if n in mine else "") for n, row in enumerate(roster.rows)]


def table(scores: Iterable[Score]) -> str:
    """Return grades as CSV: a row for each learner, a column for each lab, and the sum."""
    known = list(scores)
    labs = sorted({s.lab for s in known})
    points = {(s.learner, s.lab): s.points for s in known}
    rows = []
    for learner in sorted({s.learner for s in known}):
        mine = [points.get((learner, lab)) for lab in labs]
        rows.append([learner, *mine, sum(p for p in mine if p is not None)])
    return written(["learner", *labs, "sum"], rows)


# ---------------------------------------------------------------- behind the report

FILES = {
    "learners.csv": "a line for each learner and lab",
    "verdicts.csv": "a line for each learner and check",
    "checks.csv": "a line for each check",
}


def behind(tallies: Sequence[Tally]) -> dict[str, str]:
    """Return the tables behind the report, by the names of `FILES`."""
    learners, verdicts, checks = list[list[str | float | None]](), [], []
    for one in tallies:
        for row in one.rows():
            learners.append([one.lab, row.learner, row.points, one.possible, row.final,
                             str(row.passed), str(row.ungraded), round(row.seconds, 3),
                             row.killed])  # fmt: skip
            for place, column in enumerate(one.columns):
                verdict = row.verdict(place)
                if verdict is not None:
                    verdicts.append([one.lab, row.learner, column.name, verdict.value,
                                     round(row.cpu[place], 3)])  # fmt: skip
        checks += [_check(one, place) for place in range(len(one.columns))]
    return {
        "learners.csv": written(LEARNERS, learners),
        "verdicts.csv": written(("lab", "learner", "check", "verdict", "cpu_s"), verdicts),
        "checks.csv": written(CHECKS, checks),
    }


LEARNERS = (
    "lab", "learner", "points", "possible", "final", "passed", "ungraded", "cpu_s", "stopped",
)  # fmt: skip
CHECKS = (
    "lab", "check", "claim", "points", "must", *(v.value for v in Verdict), "point_biserial",
    "learners_with_a_score",
)  # fmt: skip


def _check(one: Tally, place: int) -> list[str | float | None]:
    column, ends = one.columns[place], one.verdicts(place)
    return [
        one.lab, column.name, column.claim, column.points, str(column.must),
        *(ends[v] for v in Verdict), one.discrimination(place), sum(1 for _ in one.scored(place)),
    ]  # fmt: skip
