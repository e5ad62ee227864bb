"""The learner's commands: list, start, check, hint, show, reset, submit, progress."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from autograder.cli import context
from autograder.errors import UsageError, suggest

LAB = click.argument("lab", required=False)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program.")


def _print_json(value: Any) -> None:
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value)).decode())


@click.command("list")
@JSON
def list_labs(as_json: bool) -> None:
    """Show the labs by stage and rung, with state and time."""
    course, desk = context.course_and_desk()
    labs = desk.state().labs
    if as_json:
        _print_json([{"lab": lab.id, "stage": lab.stage, "title": lab.file.title,
                      "minutes": lab.file.minutes, "state": _state(labs.get(lab.id))}
                     for lab in course.labs.values()])  # fmt: skip
        return
    for stage in course.file.stage:
        click.secho(f"\n{stage.title}", bold=True)
        for rung in stage.rung:
            for name in rung.labs:
                lab = course.labs[name]
                minutes = lab.file.minutes
                hours = f"{minutes.p50 / 60:.1f}-{minutes.p80 / 60:.1f} h"
                note = "" if minutes.measured else " (estimate)"
                click.echo(
                    f"  {name:<22} {lab.file.title:<44} {hours}{note}  "
                    f"{_state(labs.get(name))}{', a draft' * lab.draft}"
                )
    click.echo("\nNext: ./ladder start LAB")


def _state(attempt: Any) -> str:
    if attempt is None or not attempt.started:
        return "new"
    if attempt.passed:
        return f"passed {attempt.points:g}/{attempt.possible:g}"
    if not attempt.verdicts:
        return "started"
    green = sum(verdict == "passed" for verdict in attempt.verdicts.values())
    return f"{green} green check{'s' * (green != 1)}"


@click.command()
@click.argument("lab")
@click.option("--as", "learner", metavar="ID", default="", help="Your id; decides your data.")
def start(lab: str, learner: str) -> None:
    """Lay a lab out on your desk: its files and your own data."""
    course, desk = context.course_and_desk()
    one = course.lab(lab)
    context.install_needs(one)
    context.say_what_is_lacking(one)
    learner = desk.take(learner)
    written = desk.start(one, given_data(one, learner))
    where = desk.path(one)
    click.echo(f"{one.file.title}  ->  {where}")
    for name in written:
        click.echo(f"  {name}")
    if not written:
        click.echo("  everything was there already; nothing was changed")
    click.echo(f"\nRead {where / 'README.md'}, then: ./ladder check {one.id}")


def given_data(lab: Any, learner: str) -> dict[str, bytes]:
    """Return the data that a learner is given in a lab."""
    from autograder.fixtures import desk_files
    from autograder.grade import Bench, load_lab
    from autograder.seeds import desk_seed
    from autograder.submission import Submission

    seed = desk_seed(lab.course.file.title, lab.id, learner)
    boxes: Any = None
    return desk_files(Bench(load_lab(lab), Submission(lab.id, learner, {}), boxes, False, seed))


@click.command()
@LAB
@click.argument("name", metavar="[CHECK]", required=False)
@click.option("--folder", type=click.Path(path_type=Path), help="Your work, when not on the desk.")
@JSON
def check(lab: str | None, name: str | None, folder: Path | None, as_json: bool) -> None:
    """Check a lab, or one check of it, on your own data. Exit 0: passed, 1: not yet."""
    course, desk = context.course_and_desk()
    one = context.lab_or_current(course, desk, lab)
    desk.elsewhere = folder
    context.install_needs(one)
    context.say_what_is_lacking(one)
    result = self_check(one, desk, name, quiet=as_json)
    if as_json:
        click.echo(result.to_json().decode())
    else:
        click.echo(f"\n{context.sum_line(result, len(_names(one)))}")
        _next_step(one, result)
    raise SystemExit(
        3 if result.ungraded else int(any(c.verdict != "passed" for c in result.checks))
    )


def self_check(lab: Any, desk: Any, name: str | None, quiet: bool) -> Any:
    """Run checks on what stands on the desk and remember the verdicts."""
    from autograder.court import Job
    from autograder.seeds import desk_seed
    from autograder.warm import judge

    submission = desk.submission(lab)
    seed = desk_seed(lab.course.file.title, lab.id, submission.learner)
    checks = _names(lab)
    if name is not None and name not in checks:
        raise UsageError(
            f"{lab.id} has no check {name!r}.{suggest(name, checks)}",
            next=f"./ladder show {lab.id}",
        )
    job = Job(submission, {c: [seed] for c in checks}, seed, False, only=(name,) if name else ())

    def tell(result: Any) -> None:
        if not quiet:
            click.echo("\n".join(context.check_lines(result)))

    result = judge(lab, job, tell) or _judge_here(lab, job, tell)
    desk.remember(result, whole=len(result.checks) == len(checks))
    return result


def _names(lab: Any) -> list[str]:
    """Return the names of a lab's checks without importing what they import."""
    import ast

    tree = ast.parse((lab.folder / "checks.py").read_text(encoding="utf-8"))
    found = [n for n in tree.body if isinstance(n, ast.FunctionDef)]
    marks = {n.name: [ast.unparse(d) for d in n.decorator_list] for n in found}
    return [name for name, all_of in marks.items() if any(m.startswith("check") for m in all_of)]


def _judge_here(lab: Any, job: Any, tell: Any) -> Any:
    """Judge in this process, which is not the learner's."""
    from autograder.grade import Bench, grade, load_lab

    with context.launcher(lab, "D") as boxes:
        bench = Bench(load_lab(lab), job.submission, boxes, False, job.desk_seed)
        return grade(bench, job.seeds, only=job.only, tell=tell)


def _next_step(lab: Any, result: Any) -> None:
    open_checks = [c for c in result.checks if c.verdict != "passed" and c.name in lab.file.hints]
    if open_checks:
        click.echo(f"Stuck? ./ladder hint {lab.id} {open_checks[0].name}")
    elif result.passed and len(result.checks) == len(_names(lab)):
        click.echo(f"To hand it in: ./ladder submit {lab.id}")


@click.command()
@LAB
@click.argument("name", metavar="[CHECK]", required=False)
def hint(lab: str | None, name: str | None) -> None:
    """Give one hint: the question first, a fragment last."""
    course, desk = context.course_and_desk()
    one = context.lab_or_current(course, desk, lab)
    hints = one.file.hints
    if name is None:
        verdicts = desk.state().labs[one.id].verdicts if one.id in desk.state().labs else {}
        name = next((c for c in hints if verdicts.get(c) != "passed"), None)
    if name is None:
        click.echo(f"Nothing is open in {one.id}.")
        return
    if name not in hints:
        near = suggest(name, hints)
        raise UsageError(f"no hints for {name!r}.{near}", one.id, f"./ladder show {one.id}")
    number, text = desk.next_hint(one, name)
    click.echo(f"{name}, hint {number} of {len(hints[name])}:\n\n  {text}")


@click.command()
@LAB
@JSON
def show(lab: str | None, as_json: bool) -> None:
    """Show a lab: its brief, its checks and where they stand."""
    from autograder.grade import load_lab

    course, desk = context.course_and_desk()
    one = context.lab_or_current(course, desk, lab)
    checks = load_lab(one).checks
    state = desk.state().labs.get(one.id)
    verdicts = state.verdicts if state else {}
    if as_json:
        _print_json(
            {
                "lab": one.id,
                "title": one.file.title,
                "folder": str(desk.path(one)),
                "checks": [_check_row(c, verdicts.get(c.name)) for c in checks.values()],
            }
        )
        return
    click.secho(one.file.title, bold=True)
    click.echo(one.file.pitch + "\n")
    for c in checks.values():
        mark, colour = context.MARK[verdicts[c.name]] if c.name in verdicts else (" ", "white")
        gate = "  must" if c.must else ""
        click.echo(f"{click.style(mark, fg=colour)} {c.name:<34} {c.points:g}{gate}\n    {c.claim}")
    folder = desk.path(one)
    click.echo(
        f"\n{folder / 'README.md'}" if folder.is_dir() else f"\nBegin with: ./ladder start {one.id}"
    )


def _check_row(one: Any, verdict: Any) -> dict[str, Any]:
    row = {key: getattr(one, key) for key in ("name", "claim", "points", "must", "after")}
    return {**row, "verdict": verdict or ""}


@click.command()
@LAB
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(lab: str | None, yes: bool) -> None:
    """Start a lab over. A copy of what you had is kept."""
    course, desk = context.course_and_desk()
    one = context.lab_or_current(course, desk, lab)
    if not desk.path(one).is_dir():  # what is broken in it does not matter: it will be new
        raise UsageError(f"{one.id} has not been started", next=f"./ladder start {one.id}")
    if not yes:
        click.confirm(f"Start {one.id} over? (a copy is kept)", abort=True)
    kept = desk.reset(one)
    desk.start(one, given_data(one, desk.learner()))
    click.echo(f"{desk.path(one)} is as new.\nWhat you had: {kept}")


@click.command()
@LAB
def submit(lab: str | None) -> None:
    """Write the one file to hand in: your work and a slip (hash, time, version)."""
    course, desk = context.course_and_desk()
    one = context.lab_or_current(course, desk, lab)
    path = desk.pack(one)
    click.echo(f"{path}\nHand in this file. What is inside is what stood on your desk now.")


@click.command()
@JSON
def progress(as_json: bool) -> None:
    """Show where you are on the ladder. On your own machine that is a diary, not evidence."""
    course, desk = context.course_and_desk()
    labs = desk.state().labs
    if as_json:
        _print_json(labs)
        return
    done = [n for n in course.labs if n in labs and labs[n].passed]
    for name, one in course.labs.items():
        click.echo(
            f"{'✓' if name in done else '·'} {name:<22} {_state(labs.get(name)):<16} {one.stage}"
        )
    click.echo(f"\n{len(done)} of {len(course.labs)} labs. A diary, not evidence.")
    left = [n for n in course.labs if n not in done]
    if left:
        click.echo(f"Next: ./ladder start {left[0]}")
