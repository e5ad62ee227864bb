"""What an instructor does with grades: merge, regrade, why, mark. Parses, calls, prints."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autograder.cli import away, context, grading
from autograder.cli.grading import CLASS, FOLDER, GRADEBOOK
from autograder.errors import GraderError, UsageError, suggest

if TYPE_CHECKING:
    from autograder.gradebook import Gradebook
    from autograder.manifest import Course, Lab
    from autograder.policy import Cohort


@click.command()
@click.argument("folders", nargs=-1, required=True, type=FOLDER, metavar="DIR...")
@click.option("--into", "address", required=True, help="The gradebook: a file or a URL.")
@click.option("--cohort", "cohort_file", type=FOLDER, help="cohort.toml, when it is elsewhere.")
def merge(folders: tuple[Path, ...], address: str, cohort_file: Path | None) -> None:
    """Put the result files of shards into a gradebook. Twice is the same as once.

    Files of another course or of another secret are refused before anything is written.
    """
    from autograder.ledger import files
    from autograder.manifest import load_course
    from autograder.policy import RULES

    course = load_course()
    out = folders[0] if "://" in address else Path(address).absolute().parent
    rules = grading.read_rules(cohort_file, out, course)
    with grading.open_book(address, out, course) as book:
        book.claim()
        paths = [path for folder in folders for path in files(folder)]
        expected = rules.key if rules else None
        good, broken = _looked_at(paths, course, book, expected)
        held = _merged(good, book)
        grading.write_tables(book, rules or RULES, out, course)
    click.echo(f"{len(good)} results, {len(broken)} files refused  ->  {out}")
    if held:
        click.echo(f"{held} would be lower than before and are on hold: ./ladder regrade --help")
    raise SystemExit(int(bool(broken)))


def _looked_at(
    paths: list[Path], course: Course, book: Gradebook, secret: bytes | None
) -> tuple[list[Path], list[Path]]:
    """Return the files that may be merged and those that are none of ours. Raises UsageError."""
    from autograder.ledger import read_sheet, refuse_stranger
    from autograder.seeds import epoch

    epochs = {epoch(secret)} if secret else set(book.epochs())
    good, broken = [], []
    for path in paths:
        try:
            sheet = read_sheet(path, course.labs)
        except GraderError as error:
            click.echo(f"refused: {error}", err=True)
            broken.append(path)
            continue
        epochs = epochs or {sheet.result.epoch}
        refuse_stranger(sheet, course.file.title, epochs, path)
        good.append(path)
    return good, broken


def _merged(paths: list[Path], book: Gradebook) -> int:
    """Write the results of files; return how many are on hold."""
    from autograder.ledger import read_sheet

    held = 0
    for path in paths:
        sheet = read_sheet(path)
        held += book.write(sheet.result, sheet.submitted, sheet.graded).held
    return held


@click.command()
@click.argument("labs", nargs=-1, metavar="[LAB]...")
@click.option("--all", "everything", is_flag=True, help="Every lab of the class.")
@CLASS
@click.option("--check", metavar="NAME", default="", help="Only where this check did not pass.")
@click.option("--lower", is_flag=True, help="Let grades fall, too.")
@click.option("--yes", is_flag=True, help="Write without asking.")
@GRADEBOOK
@grading.WORKERS
@away.SCHEDULER
@away.CERTIFICATES
@grading.UNSAFE
def regrade(labs: tuple[str, ...], everything: bool, folder: Path, **given: Any) -> None:
    """Judge again what a fixed check or a new engine may change.

    Shows whose grade would change and by how much, and asks before anything is written. A grade
    that would fall is kept unless --lower. Points given by hand stay.
    """
    from autograder.manifest import load_course

    if bool(labs) == everything:
        raise UsageError("which lab?", "regrade", "./ladder regrade LAB, or ./ladder regrade --all")
    course = load_course()
    chosen = [course.lab(name) for name in labs] or list(course.labs.values())
    _refuse_check(chosen, given["check"])
    rules = grading.read_rules(None, folder, course)
    if rules is None:
        raise UsageError("there is no cohort.toml here", str(folder), "--class FOLDER")
    out = grading.graded(folder)
    with (
        grading.open_book(given["address"], out, course, must=True) as book,
        grading.formgrader(grading.submissions(folder)) as form,
    ):
        book.claim()
        raise SystemExit(_regrade(course, chosen, folder, rules, book, form, given))


def _refuse_check(labs: list[Lab], name: str) -> None:
    from autograder.grade import load_lab

    for lab in labs if name else []:
        checks = load_lab(lab).checks
        if name not in checks:
            raise UsageError(
                f"{lab.id} has no check {name!r}.{suggest(name, checks)}", "--check",
                f"./ladder show {lab.id}",
            )  # fmt: skip


def _regrade(
    course: Course, labs: list[Lab], folder: Path, rules: Cohort, book: Gradebook, form: Any,
    given: dict[str, Any],
) -> int:  # fmt: skip
    """Search, judge, show, ask, write; return the exit code."""
    from autograder import regrade as work
    from autograder.channel import find, renamed
    from autograder.cohort import Plan, key
    from autograder.gradebook import standing
    from autograder.ledger import Ledger

    mode, layers = away.walls(given)
    plan = Plan(rules.key, mode, layers, given["workers"], tuple(context.binds()))
    versions = {lab.id: lab.version for lab in labs}
    place = grading.submissions(folder)
    found = [f for f in renamed(find(course, place), rules.alias) if f.lab.id in versions]
    seen = work.search(
        found, book, lambda f: key(plan, versions[f.lab.id], f.read()), standing, given["check"]
    )
    ledger = Ledger(grading.graded(folder) / "regrade", course.file.title)
    faults = _judged(course, plan, seen.touched, ledger, given)
    changes = list(work.shifts(seen.touched, ledger, book))
    _show(seen, changes, given["lower"])
    if not _agreed(changes, given):
        click.echo("Nothing was written.")
        return 1
    _write(seen.touched, ledger, book, form, given["lower"])
    grading.write_tables(book, rules, grading.graded(folder), course)
    return 3 if faults else 0


def _judged(
    course: Course, plan: Any, touched: list[Any], ledger: Any, given: dict[str, Any]
) -> int:
    """Judge what is not in the ledger yet; return how many are ungraded."""
    from autograder.summary import Summary

    todo = [one.found for one in touched if not one.held and not ledger.knows(one.key)]
    for lab in {f.lab.id: f.lab for f in todo}.values():
        context.install_needs(lab)

    def keep(found: Any, result: Any) -> Any:
        ledger.write(result, found.time)
        return result

    summary = Summary(len(todo))
    grading.run(away.judged(course, todo, plan, given), summary, keep, False)
    return summary.ungraded


def _show(seen: Any, changes: list[Any], lower: bool) -> None:
    """Say who would change and by how much."""
    for error in seen.unread:
        click.echo(f"refused: {error}", err=True)
    moved = [one for one in changes if one.by]
    for one in sorted(moved, key=lambda s: (s.touched.found.lab.id, s.by)):
        found, kept = one.touched.found, one.by < 0 and not lower
        note = "  kept: add --lower to let it fall" if kept else ""
        click.echo(
            f"  {found.lab.id} {found.learner:<20} {one.touched.before:g} -> {one.after:g}  "
            f"{one.by:+g}{note}"
        )
    up, down = sum(s.by > 0 for s in moved), sum(s.by < 0 for s in moved)
    click.echo(
        f"{len(seen.touched)} judged again: {up} higher, {down} lower, "
        f"{len(changes) - len(moved)} the same. {seen.current} were up to date"
        + (f", {seen.passed_over} had passed the check" if seen.passed_over else "")
        + (f", {seen.new} were never graded: ./ladder grade" if seen.new else "")
        + "."
    )


def _agreed(changes: list[Any], given: dict[str, Any]) -> bool:
    if not any(one.by for one in changes) or given["yes"]:
        return True
    if not context.terminal():
        click.echo("To write this: the same with --yes")
        return False
    return click.confirm("Write this?")


def _write(touched: list[Any], ledger: Any, book: Gradebook, form: Any, lower: bool) -> None:
    """Write what was judged again, each in a transaction of its own."""
    from autograder import regrade as work

    for one, sheet in work.sheets(touched, ledger):
        change = book.write(sheet.result, sheet.submitted, lower=lower)
        ledger.drop(one.key)
        grading.show(form, one.found, sheet.result if not change.held else None)
    for one in touched:
        if one.held and lower:
            book.release(one.key)
            grading.show(form, one.found, book.result(one.key))


@click.command()
@click.argument("learner")
@click.argument("lab")
@CLASS
@GRADEBOOK
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a program.")
def why(learner: str, lab: str, folder: Path, address: str | None, as_json: bool) -> None:
    """Show how a grade came about: work, versions, verdicts, lateness, changes by hand."""
    import msgspec

    from autograder.account import account, told
    from autograder.manifest import load_course
    from autograder.policy import RULES

    course = load_course()
    lab = course.lab(lab).id
    rules = grading.read_rules(None, folder, course) or RULES
    learner = rules.alias.get(learner, learner)
    with grading.open_book(address, grading.graded(folder), course, must=True) as book:
        found = account(book, rules, learner, lab)
        if found is None:
            names = [record.learner for record in book.records(rules.alias, lab)]
            raise UsageError(
                f"nothing of {learner!r} for {lab}.{suggest(learner, names)}", book.place
            )
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        click.echo("\n".join(told(found)))


@click.command()
@click.argument("learner")
@click.argument("lab")
@click.argument("points", type=float, required=False)
@click.option("--withdraw", is_flag=True, help="The judge's points count again.")
@click.option("--by", required=True, help="Who decides this.")
@click.option("--because", required=True, help="Why; is shown by ./ladder why.")
@CLASS
@GRADEBOOK
def mark(
    learner: str, lab: str, points: float | None, withdraw: bool, by: str, because: str,
    folder: Path, address: str | None,
) -> None:  # fmt: skip
    """Give points by hand. Each entry stays, with name, time and reason; the last one counts.

    The points stand for those that the judge gave; what lateness costs comes off as before.
    """
    from autograder.manifest import load_course
    from autograder.policy import RULES
    from autograder.standing import Mark

    course = load_course()
    lab = course.lab(lab).id
    if (points is None) != withdraw:
        raise UsageError("points, or --withdraw: one of the two", "mark", "./ladder mark --help")
    rules = grading.read_rules(None, folder, course) or RULES
    learner = rules.alias.get(learner, learner)
    out = grading.graded(folder)
    with grading.open_book(address, out, course, must=True) as book:
        _refuse_mark(book, rules, learner, lab, points, (by, because))
        book.mark(Mark(lab, learner, points, by, because, time.time()))
        grading.write_tables(book, rules, out, course)
    click.echo(f"Noted. To see it: ./ladder why {learner} {lab}")


def _refuse_mark(
    book: Gradebook, rules: Cohort, learner: str, lab: str, points: float | None,
    words: tuple[str, ...],
) -> None:  # fmt: skip
    """Raise UsageError for a mark that would stand for nothing or cannot be read later."""
    record = next(book.records(rules.alias, lab, learner), None)
    attempts = record.attempts.get(lab, []) if record is not None else []
    if not attempts:
        names = [r.learner for r in book.records(rules.alias, lab)]
        raise UsageError(f"nothing of {learner!r} for {lab}.{suggest(learner, names)}", book.place)
    most = max(attempt.possible for attempt in attempts)
    if points is not None and not 0 <= points <= most:
        raise UsageError(f"{points:g} is not between 0 and {most:g}", f"{lab} {learner}")
    if not all(word.strip() and word.isprintable() for word in words):
        raise UsageError("--by and --because are words on one line", "mark")
