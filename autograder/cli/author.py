"""The author's commands: sync, lint, prove, new, bench. Parses, calls one function, prints."""

from __future__ import annotations

import click

from autograder.errors import UsageError

LABS = click.argument("labs", nargs=-1, metavar="[LAB]...")
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program.")


@click.command()
@click.option("--check", "only_check", is_flag=True, help="Write nothing; exit 1 on drift.")
def sync(only_check: bool) -> None:
    """Write what is generated: starters, notebooks, cards, reference, navigation."""
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
            f"{len(changed)} generated files are not what their sources say.\n  -> ladder sync"
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
        context = click.Context(
            command, parent, info_name=name.split()[-1], max_content_width=80, terminal_width=80
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
    """Check labs and lessons against the rules of docs/reference/lint.md."""
    import json

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


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def bench(arguments: tuple[str, ...]) -> None:
    """Measure what grading costs, beside nbgrader and Otter."""
    import subprocess
    import sys

    from autograder.manifest import find_root

    root = find_root()
    runner = root / "tests" / "bench" / "run.py"
    if not runner.is_file():
        raise UsageError("this edition has no bench", str(runner), "ladder --help")
    command = [sys.executable, str(runner), *arguments]
    raise SystemExit(subprocess.run(command, cwd=root, check=False).returncode)
