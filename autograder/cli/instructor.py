"""The instructor's commands: grade, course, demo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from msgspec.structs import replace

from autograder.cli import away, context, grading
from autograder.cli.grading import FOLDER
from autograder.cli.groups import ensure
from autograder.errors import UsageError


@click.command()
@click.argument("path")
@click.option("--lab", "lab_id", metavar="LAB", help="For which lab, when names do not say.")
@click.option("--learner", help="Only this one's.")
@click.option("--out", metavar="PLACE", help="Where gradebook.db, grades.csv and report.html go.")
@click.option(
    "--cohort", "cohort_file", type=FOLDER, help="cohort.toml, when it is not above PATH."
)
@grading.GRADEBOOK
@grading.WORKERS
@click.option("--shard", metavar="I/N", help="Only the I-th of N parts; result files go to OUT.")
@click.option("--again", is_flag=True, help="Judge what is graded already, too.")
@click.option("--alias", multiple=True, metavar="OLD=NEW", help="A learner who has a new id.")
@away.SCHEDULER
@away.CERTIFICATES
@grading.UNSAFE
@click.option("--json", "as_json", is_flag=True, help="Print one JSON result per line.")
def grade(path: str, lab_id: str | None, learner: str | None, **given: Any) -> None:
    """Grade submissions: a file, a folder or zip of them, or nbgrader's submitted/ tree.

    PATH and PLACE may be URLs, such as s3://our-class/submitted.

    What is graded already is not graded again. Stopped at any time, the same line goes on where
    it stopped.
    """
    from autograder.channel import find, renamed, unpacked
    from autograder.manifest import load_course
    from autograder.policy import RULES, aliases

    course = load_course()
    with (
        away.places(path, given["out"]) as (there, near, given["out"]),
        unpacked(course, there) as place,
    ):
        rules = grading.read_rules(given["cohort_file"], near, course)
        alias = aliases(given["alias"], rules or RULES)
        found = find(course, place, course.lab(lab_id) if lab_id else None)
        found = [f for f in renamed(found, alias) if learner in (None, f.learner)]
        raise SystemExit(_grade(course, there, found, replace(rules or RULES, alias=alias), given))


def _grade(course: Any, path: Path, found: list[Any], rules: Any, given: dict[str, Any]) -> int:
    """Grade what was found; return the exit code."""
    from autograder.cohort import Plan, shard

    if given["shard"]:
        found = shard(found, *_numbers(given["shard"]))
    for lab in {f.lab.id: f.lab for f in found}.values():
        context.install_needs(lab)
    mode, layers = away.walls(given)
    secret = rules.key
    plan = Plan(secret, mode, layers, given["workers"], tuple(context.binds()))
    if not secret and not given["as_json"]:
        click.echo("No cohort.toml here: this is a self-check on public data, not a grade.")
    out = _out(given["out"], path)
    if given["shard"]:
        return _into_files(course, found, plan, out, given)
    return _into_book(course, path, found, plan, out, rules, given)


def _into_files(course: Any, found: list[Any], plan: Any, out: Path, given: dict[str, Any]) -> int:
    """Grade a shard: a file for each result, no gradebook."""
    from autograder.cohort import unjudged
    from autograder.ledger import Ledger
    from autograder.summary import Summary

    ledger, summary = Ledger(out / "results", course.file.title), Summary(len(found))

    def known(_: Any, key: Any) -> None:
        summary.known += 1

    def keep(one: Any, result: Any) -> Any:
        ledger.write(result, one.time)
        return result

    todo = found if given["again"] else unjudged(found, plan, ledger.knows, known)
    grading.run(away.judged(course, todo, plan, given), summary, keep, given["as_json"])
    _say(summary, out / "results", given["as_json"])
    return summary.code


def _into_book(
    course: Any, path: Path, found: list[Any], plan: Any, out: Path, rules: Any,
    given: dict[str, Any],
) -> int:  # fmt: skip
    """Grade into the gradebook, then write table and report."""
    from autograder.cohort import unjudged
    from autograder.summary import Summary

    summary = Summary(len(found))
    with (
        grading.open_book(given["address"], out, course) as book,
        grading.formgrader(path) as form,
    ):
        book.claim()
        known = grading.recall(book, form, given["as_json"], summary)
        todo = found if given["again"] else unjudged(found, plan, book.knows, known)
        keep = grading.keeper(book, form)
        grading.run(away.judged(course, todo, plan, given), summary, keep, given["as_json"])
        todo.clear()  # what a large class takes up is room for the tables
        found.clear()
        grading.write_tables(book, rules, out, course)
    _say(summary, out, given["as_json"])
    return summary.code


def _say(summary: Any, out: Path, as_json: bool) -> None:
    if not as_json:
        first, *rest = summary.lines()
        click.echo("\n".join(["", f"{first}  ->  {out}", *rest]))


def _numbers(text: str) -> tuple[int, int]:
    number, mark, of = text.partition("/")
    if not (mark and number.isdecimal() and of.isdecimal()):
        raise UsageError(f"{text!r} is no shard", "--shard", "--shard 1/8 to --shard 8/8")
    return int(number), int(of)


def _out(out: Path | None, path: Path) -> Path:
    folder = out or (path if path.is_dir() else path.parent).parent / "graded"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"cannot be made: {error.strerror}", str(folder), "./ladder grade PATH --out FOLDER"
        ) from None
    return folder


@click.group()
def course() -> None:
    """Build a course for nbgrader, or publish the learners' edition."""


@course.command()
@click.argument("folder", type=FOLDER)
@click.option("--name", default="", help="The course id; the folder's name otherwise.")
@click.option("--lab", "labs", multiple=True, metavar="LAB", help="Only these labs.")
def build(folder: Path, name: str, labs: tuple[str, ...]) -> None:
    """Write a standard nbgrader course into FOLDER, with a new secret in cohort.toml."""
    from autograder.course import build as build_course
    from autograder.manifest import load_course

    ensure(["nbgrader"])
    for lab in build_course(load_course(), folder, name, labs):
        click.echo(f"  {lab}")
    click.echo(
        f"\n{folder} is an nbgrader course. The secret is in cohort.toml: keep it to yourself."
    )
    click.echo(f"When submissions are collected: ./ladder grade {folder / 'submitted'}")


@course.command()
@click.argument("folder", type=FOLDER)
def publish(folder: Path) -> None:
    """Write the learners' edition into FOLDER: no solutions, no tests, no proof table."""
    from autograder.course import publish as publish_course
    from autograder.manifest import load_course

    count = publish_course(load_course(), folder)
    click.echo(f"{count} files in {folder}. Try it: cd {folder} && ./ladder up")


@click.command()
@click.option("--size", default=30, show_default=True, help="How many learners.")
@click.option("--lab", "labs", multiple=True, metavar="LAB", help="Only these labs.")
@click.option("--out", type=FOLDER, help="Where the class goes; work/demo otherwise.")
@click.option("--no-browser", is_flag=True, help="Print where the report is, do not open it.")
@click.option("--without-sandbox", is_flag=True, help="The course's own code needs no walls.")
def demo(
    size: int, labs: tuple[str, ...], out: Path | None, no_browser: bool, without_sandbox: bool
) -> None:
    """Make a class of 30 from solutions and mistakes, grade it, open report and gradebook."""
    import shutil

    from autograder.channel import find
    from autograder.cli.install import missing
    from autograder.cohort import Plan
    from autograder.demo import make_class
    from autograder.manifest import load_course
    from autograder.policy import make_cohort, read_cohort

    one = load_course()
    folder = out or one.root / "work" / "demo"
    if folder.exists() and any(folder.iterdir()) and not (folder / "submitted").is_dir():
        raise UsageError("the folder is not empty", str(folder), "./ladder demo --out NEW-FOLDER")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # without a choice, the labs for which nothing has to be installed first
    light = [x for x in one.labs.values() if not missing([n.group for n in x.needs() if n.group])]
    chosen = [one.lab(name) for name in labs] or light
    for lab in chosen:
        context.install_needs(lab)
    for line in make_class(chosen, folder, size):
        click.echo(f"  {line}")
    mode, layers = grading.sandbox_mode(without_sandbox)
    rules = read_cohort(make_cohort(folder, "A class to look at"))
    found = find(one, folder / "submitted")
    plan = Plan(rules.key, mode, layers, 0, tuple(context.binds()))
    given = {"address": None, "again": False, "as_json": False}
    code = _into_book(one, folder, found, plan, folder, rules, given)
    click.echo(f"report:    {folder / 'report.html'}\ngradebook: {folder / 'grades.csv'}")
    if not no_browser:
        for name in ("report.html", "grades.csv"):
            click.launch(str(folder / name))
    raise SystemExit(code)
