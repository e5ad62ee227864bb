"""The instructor's commands: grade, course, demo."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from autograder.cli import context
from autograder.cli.groups import ensure
from autograder.errors import LadderError, SubmissionError, UsageError

FOLDER = click.Path(path_type=Path)


@click.command()
@click.argument("path", type=FOLDER)
@click.option("--lab", "lab_id", metavar="LAB", help="For which lab, when names do not say.")
@click.option("--learner", help="Only this one's.")
@click.option("--out", type=FOLDER, help="Where gradebook.db, grades.csv and report.html go.")
@click.option(
    "--cohort", "cohort_file", type=FOLDER, help="cohort.toml, when it is not above PATH."
)
@click.option("--workers", default=0, help="How many at a time; 0: one for each core.")
@click.option("--without-sandbox", is_flag=True, help="Run learners' code unconfined; is stamped.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON result per line.")
def grade(
    path: Path,
    lab_id: str | None,
    learner: str | None,
    out: Path | None,
    cohort_file: Path | None,
    workers: int,
    without_sandbox: bool,
    as_json: bool,
) -> None:
    """Grade submissions: a file, a folder or zip of them, or nbgrader's submitted/ tree."""
    from autograder.channel import find, unpacked
    from autograder.cohort import Plan, judge_all
    from autograder.manifest import load_course
    from autograder.policy import find_cohort, read_cohort

    course = load_course()
    stack = ExitStack()
    found = find(
        course, stack.enter_context(unpacked(course, path)), course.lab(lab_id) if lab_id else None
    )
    found = [f for f in found if learner in (None, f.learner)]
    for lab in {f.lab.id: f.lab for f in found}.values():
        context.install_needs(lab)
    cohort_path = cohort_file or find_cohort(path)
    secret = read_cohort(cohort_path).key if cohort_path else b""
    mode, layers = sandbox_mode(without_sandbox)
    plan = Plan(secret, mode, layers, workers, tuple(context.binds()))
    if not secret and not as_json:
        click.echo("No cohort.toml here: this is a self-check on public data, not a grade.")
    results = judge_all(course, found, plan)
    with stack:
        code = _report(results, len(found), _out(out, path), _course_of(path), as_json)
    raise SystemExit(code)


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
    click.echo(f"When submissions are collected: ladder grade {folder / 'submitted'}")


@course.command()
@click.argument("folder", type=FOLDER)
def publish(folder: Path) -> None:
    """Write the learners' edition into FOLDER: no solutions, no tests, no proof table."""
    from autograder.course import publish as publish_course
    from autograder.manifest import load_course

    count = publish_course(load_course(), folder)
    click.echo(f"{count} files in {folder}. Try it: cd {folder} && ./ladder up")


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


def _course_of(path: Path) -> Path | None:
    """Return the nbgrader course that submissions lie in; nbgrader is loaded only then."""
    for folder in path.resolve().parents:
        if (folder / "nbgrader_config.py").is_file() and (folder / "source").is_dir():
            ensure(["nbgrader"])
            return folder
    return None


def _out(out: Path | None, path: Path) -> Path:
    folder = out or (path if path.is_dir() else path.parent).parent / "graded"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _report(outcomes: Any, total: int, out: Path, course: Path | None, as_json: bool) -> int:
    """Write each result before it is shown, then table and report. Returns the exit code."""
    from autograder.gradebook import Gradebook

    start, refused, ours = time.monotonic(), 0, 0
    with ExitStack() as stack:
        book = stack.enter_context(Gradebook(out / "gradebook.db"))
        form = stack.enter_context(_formgrader(course)) if course else None
        for number, (found, result) in enumerate(outcomes, 1):
            if isinstance(result, LadderError):
                mine = not isinstance(result, SubmissionError)
                refused, ours = refused + (not mine), ours + mine
                click.echo(f"{'ungraded' if mine else 'refused'}: {result}", err=True)
                continue
            book.write(result, found.time)
            if form is not None:
                form.write(found.lab, found.read(), result)
            ours += result.ungraded
            click.echo(
                result.to_json().decode() if as_json else _line(result, number, total, start)
            )
        _write_tables(book, out)
    if not as_json:
        click.echo(f"\n{total - refused} graded, {refused} refused, {ours} ungraded  ->  {out}")
    return 3 if ours else 1 if refused else 0


def _formgrader(course: Path) -> Any:
    from autograder.formgrade import Formgrader

    return Formgrader(course)


def _line(result: Any, number: int, total: int, start: float) -> str:
    marks = "".join(
        click.style(context.MARK[c.verdict][0], fg=context.MARK[c.verdict][1])
        for c in result.checks
    )
    left = (time.monotonic() - start) / number * (total - number)
    eta = f"  {left:4.0f} s left" if number < total else ""
    score = f"{result.points:g}/{result.possible:g}"
    return f"[{number}/{total}] {result.lab} {result.learner:<20} {score:>8}  {marks}{eta}"


def _write_tables(book: Any, out: Path) -> None:
    from autograder.desk import write_whole
    from autograder.gradebook import write_csv
    from autograder.policy import RULES
    from autograder.report import page

    write_csv(out / "grades.csv", book.records(), RULES, book.labs())
    write_whole(out / "report.html", page(list(book.results())).encode())


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
    from autograder.cohort import Plan, judge_all
    from autograder.demo import make_class
    from autograder.manifest import load_course
    from autograder.policy import make_cohort, read_cohort

    one = load_course()
    folder = out or one.root / "work" / "demo"
    if folder.exists() and any(folder.iterdir()) and not (folder / "submitted").is_dir():
        raise UsageError("the folder is not empty", str(folder), "ladder demo --out NEW-FOLDER")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # without a choice, the labs for which nothing has to be installed first
    light = [x for x in one.labs.values() if not missing([n.group for n in x.needs() if n.group])]
    chosen = [one.lab(name) for name in labs] or light
    for lab in chosen:
        context.install_needs(lab)
    for line in make_class(chosen, folder, size):
        click.echo(f"  {line}")
    mode, layers = sandbox_mode(without_sandbox)
    secret = read_cohort(make_cohort(folder, "A class to look at")).key
    found = find(one, folder / "submitted")
    plan = Plan(secret, mode, layers, 0, tuple(context.binds()))
    code = _report(judge_all(one, found, plan), len(found), folder, None, False)
    click.echo(f"report:    {folder / 'report.html'}\ngradebook: {folder / 'grades.csv'}")
    if not no_browser:
        for name in ("report.html", "grades.csv"):
            click.launch(str(folder / name))
    raise SystemExit(code)
