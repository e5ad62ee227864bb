"""The author's commands: sync, lint, prove, new, bench. Parses, calls one function, prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from autograder.cli import context, groups
from autograder.errors import UsageError

if TYPE_CHECKING:
    from autograder.evidence import Proof
    from autograder.manifest import Lab

LABS = click.argument("labs", nargs=-1, metavar="[LAB]...")
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program.")


@click.command()
@click.option("--check", "only_check", is_flag=True, help="Write nothing; exit 1 on drift.")
def sync(only_check: bool) -> None:
    """Write what is generated: starters, notebooks, pages."""
    from autograder import sync as work
    from autograder.lint import page
    from autograder.manifest import load_course

    course = load_course()
    planned = work.plan(course, helps(), {"lint.md": page()})
    changed = work.drift(course, planned) if only_check else work.write(course, planned)
    for path in changed:
        click.echo(f"{'drifted' if only_check else 'wrote'}  {path.relative_to(course.root)}")
    if only_check and changed:
        click.echo(
            f"{len(changed)} generated files are not what their sources say.\n  -> ./ladder sync"
        )
        raise SystemExit(1)
    click.echo(f"{len(planned)} generated files match their sources.")


def helps() -> dict[str, str]:
    """Return --help of every command, by its full name, as it looks 80 columns wide."""
    from autograder.cli.main import cli

    found: dict[str, str] = {}
    todo: list[tuple[str, click.Command, click.Context | None]] = [("ladder", cli, None)]
    while todo:
        name, command, parent = todo.pop(0)
        shown = name.split()[-1] if parent else f"./{name}"
        context = click.Context(
            command, parent, info_name=shown, max_content_width=80, terminal_width=80
        )
        found[name] = command.get_help(context)
        if isinstance(command, click.Group):
            for one in command.list_commands(context):
                inner = command.get_command(context, one)
                if inner is not None and not inner.hidden:
                    todo.append((f"{name} {one}", inner, context))
    return dict(sorted(found.items()))


@click.command()
@LABS
@JSON
def lint(labs: tuple[str, ...], as_json: bool) -> None:
    """Check labs and lessons against the rules.

    Each rule has its reason in docs/reference/lint.md. Exit 1 when one is broken.
    """
    from autograder import lint as work
    from autograder.manifest import load_course

    course = load_course()
    chosen = [course.lab(name) for name in labs] or list(course.labs.values())
    found = [one for lab in chosen for one in work.lint(lab)]
    if as_json:
        click.echo(json.dumps([one.as_dict() for one in found], indent=1))
    else:
        for one in found:
            click.echo(one.text(course.root))
        click.echo(f"{len(found)} remarks on {len(chosen)} labs, {len(work.RULES)} rules.")
    raise SystemExit(int(bool(found)))


TOGETHER = 2  # labs that are spot-checked at a time: in each, one thing waits for another
NOT_RUN = 77  # what tests/run.py takes for "not run"


@click.command()
@LABS
@click.option("--all", "everything", is_flag=True, help="Ignore what is known already.")
@click.option("--repeat", type=click.IntRange(2), help="Judge everything N times: same verdicts?")
@JSON
def prove(labs: tuple[str, ...], everything: bool, repeat: int | None, as_json: bool) -> None:
    """Show that the graders are right, or what does not hold.

    Proves wholly what is new or changed and spot-checks the rest; what is found goes to
    labs/prove.json. Drafts of course.toml are proven when they are named. A whole proof that was
    cut off goes on where it stopped, and so does one after its mistakes were changed. Exit 1
    when something does not hold.
    """
    from concurrent.futures import ThreadPoolExecutor

    from autograder.manifest import load_course

    course = load_course()
    chosen = [course.lab(name) for name in labs]
    if not chosen:
        chosen = [lab for lab in course.labs.values() if not lab.draft]
        _name_drafts([lab for lab in course.labs.values() if lab.draft], as_json)
        if not chosen:
            click.echo("every lab is a draft: nothing was proven")
            raise SystemExit(NOT_RUN)
    groups.ensure(["dev"])  # what makes the mutants, found missing at once and not after an hour
    known = {}
    for lab in chosen:
        _ready(lab)
        if not (everything or repeat) and (proof := _known(lab)) is not None:
            known[lab] = proof
    dearest = sorted(known, key=lambda lab: -known[lab].cpu)
    found: dict[str, list[str]] = {}
    with ThreadPoolExecutor(TOGETHER) as side:
        done = side.map(lambda lab: _spot(lab, known[lab]), dearest)
        for lab, (bad, told) in zip(dearest, done, strict=True):
            found[lab.id] = bad
            if not as_json:
                click.echo("\n".join((f"{lab.id}: known, a spot check", *told)))
    for lab in chosen:
        if lab.id not in found:
            found[lab.id] = _prove(lab, everything, repeat, as_json)
    wrong = {lab.id: found[lab.id] for lab in chosen}
    if as_json:
        click.echo(json.dumps(wrong, indent=1))
    for name, bad in wrong.items():
        if not as_json:
            click.secho(f"{name}: {'holds' if not bad else 'does not hold'}", bold=True)
            click.echo("".join(f"  - {one}\n" for one in bad), nl=False)
    raise SystemExit(int(any(wrong.values())))


def _name_drafts(drafts: list[Lab], quiet: bool) -> None:
    for lab in drafts:
        if not quiet:
            click.echo(f"{lab.id}: a draft, not proven (./ladder prove {lab.id})")


def _ready(lab: Lab) -> None:
    if not (lab.solution / "mistakes.toml").is_file():
        raise UsageError("there is no solution to prove with", str(lab.solution), "./ladder lint")
    context.install_needs(lab)


def _known(lab: Lab) -> Proof | None:
    """Return the proof of the lab as it is; None where there is none that holds."""
    from autograder import evidence

    table = evidence.read(lab.course.root)
    proof = table.labs.get(lab.id) if evidence.current(table, lab) else None
    return proof if proof is not None and proof.holds else None


def _spot(lab: Lab, known: Proof) -> tuple[list[str], list[str]]:
    """Check one lab against what is known; return what does not hold, and what to tell."""
    from autograder import prove as work

    told: list[str] = []
    with work.open_rig(lab, context.binds()) as rig:
        one = work.trial(lab, rig, lambda text: told.append(f"  {text}"))
        work.spot_check(one, known, _commit(lab))
    return one.wrong, told


def _prove(lab: Lab, everything: bool, repeat: int | None, quiet: bool) -> list[str]:
    """Prove one lab wholly, or judge all of it a few times; return what does not hold."""
    from autograder import prove as work
    from autograder.desk import Desk

    if not quiet:
        click.echo(f"{lab.id}: {f'everything {repeat} times' if repeat else 'the whole proof'}")

    def tell(text: str) -> None:
        if not quiet:
            click.echo(f"  {text}")

    with work.open_rig(lab, context.binds()) as rig:
        one = work.trial(lab, rig, tell)
        if repeat:
            work.repeated(one, repeat)
        else:
            folder = Desk(lab.course).private / "prove"
            rig.journal = begun = work.journal(lab, rig, folder, afresh=everything)
            if begun:
                tell(f"going on after {len(begun)} submissions of the last proof (--all: anew)")
            _keep(lab, work.prove(one))
            if not one.wrong:
                begun.end()
    return one.wrong


def _commit(lab: Lab) -> str:
    """Return what decides the spot check: the commit, so that every change draws another one."""
    import subprocess

    command = ["git", "rev-parse", "HEAD"]
    done = subprocess.run(command, cwd=lab.course.root, capture_output=True, text=True, check=False)
    return done.stdout.strip() or lab.version


def _keep(lab: Lab, proof: Proof) -> None:
    """Write what was found into the table as it is now; another process may have added to it."""
    from autograder import evidence
    from autograder.desk import write_whole

    table = evidence.read(lab.course.root)
    table.labs[lab.id] = proof
    write_whole(evidence.path(lab.course.root), evidence.encode(table))


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def bench(arguments: tuple[str, ...]) -> None:
    """Measure what grading costs, beside nbgrader and Otter; --cloud: the emulated clouds."""
    import subprocess
    import sys

    from autograder.manifest import find_root

    root = find_root()
    runner = root / "tests" / "bench" / "run.py"
    if not runner.is_file():
        raise UsageError("this edition has no bench", str(runner), "ladder --help")
    command = [sys.executable, str(runner), *arguments]
    raise SystemExit(subprocess.run(command, cwd=root, check=False).returncode)


@click.command()
@click.argument("place", metavar="STAGE/LAB")
@click.option("--project", is_flag=True, help="A project lab; otherwise a notebook.")
@click.option("--rung", default="", metavar="ID", help="Where in the stage; otherwise its last.")
def new(place: str, project: bool, rung: str) -> None:
    """Lay out a small lab that is complete and green."""
    from autograder import new as work
    from autograder import sync as syncing
    from autograder.lint import page
    from autograder.manifest import load_course

    course = load_course()
    made = work.new(course, place, project, rung)
    course = load_course(course.root)
    made += syncing.write(course, syncing.plan(course, helps(), {"lint.md": page()}))
    for path in dict.fromkeys(made):
        click.echo(f"wrote  {path.relative_to(course.root)}")
    name = place.partition("/")[2]
    click.echo(f"\nReplace it piece by piece and keep it green:\n  ./ladder lint {name}")
    click.echo(f"  ./ladder sync\n  ./ladder prove {name}")
