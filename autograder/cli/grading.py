"""What the commands that grade share: class, rules, gradebook, the lines of a run and its tables.

Every result is where it belongs before its line is printed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autograder.cli import context
from autograder.cli.groups import ensure
from autograder.errors import GraderError, LadderError, SubmissionError, UsageError, suggest

if TYPE_CHECKING:
    from autograder.channel import Found
    from autograder.gradebook import Gradebook
    from autograder.manifest import Course
    from autograder.policy import Cohort
    from autograder.summary import Summary
    from autograder.verdict import LabResult

FOLDER = click.Path(path_type=Path)
CLASS = click.option(
    "--class", "folder", type=FOLDER, default=Path(), help="The class's folder; this one otherwise."
)
GRADEBOOK = click.option(
    "--gradebook", "address", help="A file, or postgresql+psycopg://USER@HOST/DATABASE."
)
WORKERS = click.option(
    "--workers", default=0, help="How many submissions at a time; 0: one for each core."
)
UNSAFE = click.option(
    "--without-sandbox", is_flag=True, help="Run learners' code unconfined; is stamped."
)


def sandbox_mode(without: bool) -> tuple[str, tuple[str, ...]]:
    """Return this machine's sandbox mode. Raises UsageError when it cannot hold others' work."""
    from autograder.sandbox import detect

    if without:
        return "D", ()
    layers = detect()
    if layers.mode not in "AB":
        why = "; ".join(f"{m.layer}: {m.why} ({m.remedy})" for m in layers.missing)
        raise UsageError(
            f"this machine cannot confine others' code: {why}",
            "sandbox",
            "mend that, or add --without-sandbox for code that you trust",
        )
    return layers.mode, tuple(name for name, holds in layers.have.items() if holds)


def read_rules(file: Path | None, near: Path, course: Course) -> Cohort | None:
    """Return the class's rules; None when it has no cohort.toml. Raises UsageError."""
    from autograder.policy import find_cohort, read_cohort

    path = file or find_cohort(near)
    if path is None:
        return None
    cohort = read_cohort(path)
    for lab in (*cohort.due, *(lab for labs in cohort.extension.values() for lab in labs)):
        if lab not in course.labs:
            near_miss = suggest(lab, course.labs)
            raise UsageError(f"there is no lab {lab!r}.{near_miss}", str(path), "./ladder list")
    return cohort


def open_book(
    address: str | None, out: Path, course: Course | None, must: bool = False
) -> Gradebook:
    """Open the gradebook at an address, or the one in `out`."""
    from autograder.gradebook import Gradebook

    if address and "://" in address:
        ensure(["postgres"] if address.startswith("postgresql") else [])
        return Gradebook(address, course.file.title if course else "", must=must)
    path = Path(address) if address else out / "gradebook.db"
    return Gradebook(path, course.file.title if course else "", must=must)


def submissions(folder: Path) -> Path:
    """Return where a class's folder keeps what was handed in."""
    return folder / "submitted" if (folder / "submitted").is_dir() else folder


def graded(folder: Path) -> Path:
    """Return where a class's results are: in graded/, or in the folder that `--out` has named."""
    below = folder / "graded"
    named = (folder / "gradebook.db").is_file() and not (below / "gradebook.db").is_file()
    return folder if named else below


@contextmanager
def formgrader(path: Path) -> Iterator[Any]:
    """Give the nbgrader course that submissions lie in, None otherwise; nbgrader is loaded late."""
    for folder in path.resolve().parents:
        if (folder / "nbgrader_config.py").is_file() and (folder / "source").is_dir():
            ensure(["nbgrader"])
            from autograder.formgrade import Formgrader

            with Formgrader(folder) as form:
                yield form
            return
    yield None


def run(
    outcomes: Any,
    summary: Summary,
    keep: Callable[[Found, LabResult], LabResult],
    as_json: bool,
) -> None:
    """Keep each outcome of a generator, then show it. `keep` returns the result that stands."""
    with closing(outcomes):  # whatever stops this, stops judge and zygote as well
        for found, end in outcomes:
            _kept(found, end, summary, keep, as_json)


def _kept(
    found: Found,
    end: LabResult | LadderError,
    summary: Summary,
    keep: Callable[[Found, LabResult], LabResult],
    as_json: bool,
) -> None:
    if not isinstance(end, LadderError):
        try:
            stands = keep(found, end)
            summary.held += stands is not end and not end.ungraded
        except UnkeptError as error:
            end = error.why
    summary.add(end)
    if isinstance(end, LadderError):
        theirs = "refused" if isinstance(end, SubmissionError) else "ungraded"
        click.echo(f"{theirs}: {end}", err=True)
    else:
        click.echo(end.to_json().decode() if as_json else line(end, summary))


class UnkeptError(Exception):
    """One result could not be shown where it belongs; the others can."""

    def __init__(self, why: LadderError) -> None:
        super().__init__(str(why))
        self.why = why


def keeper(book: Gradebook, form: Any) -> Callable[[Found, LabResult], LabResult]:
    """Return what writes a result into the gradebook, and what stands into nbgrader's."""

    def keep(found: Found, result: LabResult) -> LabResult:
        change = book.write(result, found.time)
        stands = (book.stands(result.key) or result) if change.held else result
        show(form, found, stands)
        return stands

    return keep


def show(form: Any, found: Found, result: LabResult | None) -> None:
    """Write a result where nbgrader expects it. Raises UnkeptError."""
    if form is not None and result is not None:
        try:
            form.write(found.lab, found.read(), result)
        except LadderError as error:
            raise UnkeptError(error) from error


def recall(
    book: Gradebook, form: Any, as_json: bool, summary: Summary
) -> Callable[[Found, Mapping[str, Any]], None]:
    """Return what is done about a submission that is graded already: note it, mend nbgrader's."""

    def known(found: Found, key: Mapping[str, Any]) -> None:
        summary.known += 1
        book.attempted(found.lab.id, found.learner, key["submission"], found.time)
        try:
            show(form, found, book.stands(key) if form is not None else None)
        except UnkeptError as error:
            summary.ungraded += 1
            click.echo(f"ungraded: {error.why}", err=True)
        if as_json:
            click.echo(book.result(key).to_json().decode())

    return known


def line(result: LabResult, summary: Summary) -> str:
    """Return one line about a result, with how much is left."""
    marks = "".join(
        click.style(context.MARK[c.verdict][0], fg=context.MARK[c.verdict][1])
        for c in result.checks
    )
    todo, done = summary.total - summary.known, summary.done
    eta = f"  {span(summary.left)} left" if 1 < done < todo else ""
    score = f"{result.points:g}/{result.possible:g}"
    return f"[{done}/{todo}] {result.lab} {result.learner:<20} {score:>8}  {marks}{eta}"


def span(seconds: float) -> str:
    """Return a stretch of time in words as short as a terminal's."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def write_tables(book: Gradebook, rules: Cohort, out: Path, course: Course) -> None:
    """Write grades.csv and report.html, policy applied, from streams. Raises GraderError."""
    try:
        _write_tables(book, rules, out, course.titles())
    except OSError as error:
        raise GraderError(
            f"table and report cannot be written: {error.strerror}",
            str(out),
            "the grades are in the gradebook: mend that and type the same again",
        ) from error


def _write_tables(book: Gradebook, given: Cohort, out: Path, titles: dict[str, str]) -> None:
    from autograder.desk import write_whole
    from autograder.gradebook import write_csv
    from autograder.report import page
    from autograder.standing import grades

    labs = book.labs()
    write_csv(out / "grades.csv", book.records(given.alias), given, labs)
    final = {
        (g.lab, g.learner): g.final
        for record in book.records(given.alias)
        for g in grades(given, record, labs)
        if g.final is not None
    }
    write_whole(out / "report.html", page(book.results(given), final, titles=titles).encode())
