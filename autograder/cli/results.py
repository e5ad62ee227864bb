"""Commands that read what was graded: report, feedback, similar, export. They grade nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autograder.cli import grading
from autograder.cli.grading import CLASS, FOLDER, GRADEBOOK
from autograder.cli.groups import ensure
from autograder.errors import UsageError

if TYPE_CHECKING:
    from autograder.gradebook import Gradebook
    from autograder.manifest import Course, Lab
    from autograder.policy import Cohort
    from autograder.sidebyside import Pair
    from autograder.similar import Print
    from autograder.verdict import LabResult

RATINGS = click.option(
    "--ratings", type=FOLDER, metavar="CSV",
    help="Levels of written answers: lab, learner, question, grader, level, comment.",
)  # fmt: skip
LAB = click.option("--lab", "lab_id", metavar="LAB", help="Only this lab.")
OUT = click.option("--out", type=FOLDER, help="Where it goes; the gradebook's folder otherwise.")
SIMILAR = "similar.csv"


class Class:
    """A class's gradebook, opened for reading, with its rules applied."""

    def __init__(self, folder: Path, address: str | None) -> None:
        from autograder.manifest import load_course
        from autograder.policy import RULES

        self.course: Course = load_course()
        self.place = grading.graded(folder)
        self.rules: Cohort = grading.read_rules(None, folder, self.course) or RULES
        self.book: Gradebook = grading.open_book(address, self.place, self.course, must=True)

    def __enter__(self) -> Class:
        return self

    def __exit__(self, *error: Any) -> None:
        self.book.__exit__(None, None, None)

    def results(self, lab: str = "") -> Iterator[LabResult]:
        """Yield the results that count, each under the learner's present id."""
        from msgspec.structs import replace

        for one in self.book.results(self.rules, lab):
            yield replace(one, learner=self.rules.alias.get(one.learner, one.learner))

    def grades(self) -> Iterator[Any]:
        """Yield every learner's grade in every lab, policy and changes by hand applied."""
        from autograder.standing import grades

        labs = self.book.labs()
        for record in self.book.records(self.rules.alias):
            yield from grades(self.rules, record, labs)

    def final(self) -> dict[tuple[str, str], float]:
        """Return the points that count, of (lab, learner), where there are any."""
        return {(g.lab, g.learner): g.final for g in self.grades() if g.final is not None}


@click.command()
@CLASS
@GRADEBOOK
@RATINGS
@OUT
def report(folder: Path, address: str | None, ratings: Path | None, out: Path | None) -> None:
    """Write the report of a class, and the tables behind it as CSV.

    Pairs that `ladder similar` found and two graders' levels stand in it where there are any.
    """
    from autograder.desk import write_whole
    from autograder.exports import FILES, behind
    from autograder.report import of_tallies
    from autograder.tally import tallies

    ensure(["ml"])
    with Class(folder, address) as one:
        place = _made(out or one.place)
        found = tallies(one.results(), one.final())
        page = of_tallies(found, _pairs(place), _ratings(ratings), one.course.titles(), FILES)
        for name, text in {"report.html": page, **behind(found)}.items():
            write_whole(place / name, text.encode())
            click.echo(str(place / name))


@click.command()
@CLASS
@GRADEBOOK
@LAB
@click.option("--learner", help="Only this one's.")
@RATINGS
@OUT
def feedback(
    folder: Path,
    address: str | None,
    lab_id: str | None,
    learner: str | None,
    ratings: Path | None,
    out: Path | None,
) -> None:
    """Write a page for each learner and lab: what the judge saw, and where to look next."""
    from autograder.desk import write_whole
    from autograder.feedback import page, place
    from autograder.ratings import by_learner

    with Class(folder, address) as one:
        lab = one.course.lab(lab_id).id if lab_id else ""
        target, final, given = _made(out or one.place / "feedback"), one.final(), _ratings(ratings)
        levels = by_learner(given)
        count = left = 0
        for result in one.results(lab):
            if learner not in (None, result.learner):
                continue
            try:
                path = target / place(result.learner, result.lab)
                known = one.course.lab(result.lab)
            except UsageError as error:
                left += 1
                click.echo(f"left out: {error}", err=True)
                continue
            key = result.lab, result.learner
            text = page(known, result, final.get(key), levels.get(key, ()))
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, text.encode())
            count += 1
    if not count and not left:
        raise UsageError("there is no result of that", learner or lab, "./ladder grade FOLDER")
    click.echo(f"{count} pages  ->  {target}")
    raise SystemExit(1 if left else 0)


def _ratings(path: Path | None) -> list[Any]:
    from autograder.ratings import read_ratings

    return read_ratings(path) if path else []


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _pairs(folder: Path) -> list[dict[str, str]]:
    """Return what `ladder similar` wrote into a folder; nothing where it did not."""
    import csv

    path = folder / SIMILAR
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@click.command()
@click.argument("path", type=FOLDER)
@click.option("--lab", "lab_id", metavar="LAB", help="For which lab, when names do not say.")
@click.option("--threshold", type=click.FloatRange(0, 1), help="The share from which on; 0.5.")
@click.option("--out", type=FOLDER, help="Where similar.csv and similar.html go.")
def similar(path: Path, lab_id: str | None, threshold: float | None, out: Path | None) -> None:
    """Find submissions that are worth reading side by side. Says that, and nothing more.

    Compares them with each other and with the published solution; the starter's lines count for
    nothing. Reads their text and runs none of it.
    """
    from autograder.channel import find, unpacked
    from autograder.manifest import load_course
    from autograder.plain import text
    from autograder.similar import THRESHOLD

    ensure(["ml", "similar"])
    course = load_course()
    least = THRESHOLD if threshold is None else threshold
    path = grading.submissions(path)
    target = _made(out or grading.graded((path if path.is_dir() else path.parent).resolve().parent))
    rows: list[tuple[Lab, Pair]] = []
    prints: dict[tuple[str, str], Print] = {}
    with unpacked(course, path) as place:
        found = find(course, place, course.lab(lab_id) if lab_id else None)
        for lab in {f.lab.id: f.lab for f in found}.values():
            mine, pairs = _compared(lab, [f for f in found if f.lab is lab], least)
            prints |= {(lab.id, p.name): p for p in mine}
            rows += [(lab, pair) for pair in pairs]
        _write_pairs(target, rows, prints, least)
    left = [(lab, p) for (lab, _), p in prints.items() if p.fault]
    for name, one in left:
        click.echo(text(f"not compared: {name} {one.name}: {one.fault}"))
    for lab, pair in rows:
        click.echo(text(f"{pair.share:4.0%}  {lab.id}  {pair.one}  {pair.other}"))
    said = "worth reading side by side" if rows else "none to read side by side"
    click.echo(f"\n{len(found) - len(left)} compared, {len(rows)} pairs {said}  ->  {target}")


def _text(lab: Lab, one: Any) -> str:
    from autograder.similar import text_of

    return text_of(lab, one.read())


def _compared(lab: Lab, found: Sequence[Any], least: float) -> tuple[list[Print], list[Pair]]:
    """Compare the submissions of a lab with each other and with its solution."""
    from autograder import similar as work
    from autograder.handout import written

    known = work.boilerplate(work.starter_text(lab))
    prints = [work.printed(one.learner, partial(_text, lab, one), known) for one in found]
    pairs = work.pairs(prints, least)
    if lab.solution.is_dir():  # a learners' edition has none
        text = work.solution_text(lab, written(lab))
        own = work.printed(work.SOLUTION, lambda: text, known)
        pairs += [] if own.fault else work.beside(prints, own, least)
        prints.append(own)
    return prints, pairs


def _write_pairs(
    target: Path, rows: Sequence[tuple[Lab, Pair]], prints: Mapping[tuple[str, str], Print],
    least: float,
) -> None:  # fmt: skip
    from autograder.desk import write_whole
    from autograder.sidebyside import COLUMNS, MOST, page, row
    from autograder.spreadsheet import written

    table = written(COLUMNS, [row(lab.id, pair) for lab, pair in rows])
    write_whole(target / SIMILAR, table.encode())
    shown = [
        (lab.file.title, pair, prints[lab.id, pair.one].make(), prints[lab.id, pair.other].make())
        for lab, pair in rows[:MOST]
    ]
    write_whole(target / "similar.html", page(shown, len(rows), least).encode())


@click.command()
@CLASS
@GRADEBOOK
@LAB
@click.option("--csv", "kind", flag_value="csv", default=True, help="A row a learner. The default.")
@click.option("--canvas", "kind", flag_value="canvas", help="For Grades, Import in Canvas.")
@click.option("--roster", type=FOLDER, metavar="CSV", help="Canvas' own export: brings the ids.")
@click.option("--out", type=FOLDER, metavar="FILE", help="Where it goes; printed otherwise.")
def export(
    folder: Path,
    address: str | None,
    lab_id: str | None,
    kind: str,
    roster: Path | None,
    out: Path | None,
) -> None:
    """Write the grades as a table for another program: policy and changes by hand applied."""
    from autograder import plain
    from autograder.desk import write_whole
    from autograder.exports import Score, canvas, read_roster, table

    if roster and kind != "canvas":
        raise UsageError(
            "a roster is for Canvas", "--roster", "./ladder export --canvas --roster F"
        )
    known = read_roster(roster) if roster else None
    with Class(folder, address) as one:
        lab = one.course.lab(lab_id).id if lab_id else ""
        scores = [
            Score(g.lab, g.learner, g.final, g.possible)
            for g in one.grades()
            if lab in ("", g.lab) and not g.dropped
        ]
        titles = one.course.titles()
    if not scores:
        raise UsageError("there are no grades of that", lab, "./ladder grade FOLDER")
    strangers: tuple[str, ...] = ()
    if kind == "canvas":
        made = canvas(scores, titles, known)
        text, strangers = made.text, made.strangers
    else:
        text = table(scores)
    if out:
        write_whole(out, text.encode())
        click.echo(f"{len({s.learner for s in scores}) - len(strangers)} learners  ->  {out}")
    else:
        click.echo(text, nl=False)
    for name in strangers:
        click.echo(plain.text(f"not in the roster, left out: {name}"), err=True)
    raise SystemExit(1 if strangers else 0)
