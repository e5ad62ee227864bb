"""`%check NAME` in a notebook. Saves nothing and judges nothing itself: it runs `ladder check`.

    %load_ext autograder
    %check splits_by_month

The judge is a process of its own, spawned clean and never forked from the kernel, so what a cell
did to this kernel cannot reach it. It reads the notebook from disk: save first.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

RUN = "from autograder.cli.main import main; main()"


class NotYet(Exception):
    """A check that did not pass; shown without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def check(line: str) -> None:
    """Run one check of this folder's lab, or all of them."""
    for name in unsaved(Path.cwd()):
        print(f"`{name}` as you ran it is not what is saved: save (Ctrl+S), then check again.")
    command = [sys.executable, "-c", RUN, "check", *_arguments(line)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    print(done.stdout.rstrip() or done.stderr.rstrip())
    if done.returncode:
        raise NotYet("not yet" if done.returncode == 1 else done.stderr.strip() or "see above")


def unsaved(here: Path) -> list[str]:
    """Return the first lines of definitions that ran in this kernel in another text than saved."""
    import json

    from IPython.core.getipython import get_ipython

    shell, path = get_ipython(), here / "lab.ipynb"
    history = getattr(shell, "history_manager", None)
    if history is None or not path.is_file():
        return []
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        saved = {_title(text): text for text in ("".join(cell["source"]) for cell in cells)}
    except (OSError, ValueError, KeyError, TypeError):
        return []
    ran = {_title(text): text for text in history.input_hist_raw}
    return [
        name
        for name, text in ran.items()
        if name and name in saved and text.strip() != saved[name].strip()
    ]


def _title(source: str) -> str:
    """Return the line by which a cell is known: its first definition."""
    return next((x for x in source.splitlines() if x.startswith(("def ", "class "))), "")


def _arguments(line: str) -> list[str]:
    from autograder.desk import Desk
    from autograder.errors import UsageError
    from autograder.manifest import load_course

    course = load_course()
    here = Path.cwd()
    if here.name in course.labs and here != Desk(course).path(course.labs[here.name]):
        return [here.name, *line.split(), "--folder", str(here)]  # fetched by the exchange
    lab = Desk(course).current()
    if lab is None:
        raise UsageError("no lab has been started here", next="./ladder start LAB")
    return [lab.id, *line.split()]


def load_ipython_extension(shell: Any) -> None:
    """Register the magic; lay out the lab's data in a folder that came without it."""
    shell.register_magic_function(check, "line", "check")
    _lay_data(Path.cwd())


def _lay_data(here: Path) -> None:
    from autograder.cli.learner import given_data
    from autograder.desk import Desk, write_whole
    from autograder.manifest import load_course

    course = load_course()
    if here.name not in course.labs:
        return
    for name, body in given_data(course.labs[here.name], Desk(course).learner()).items():
        if not (here / name).exists():
            (here / name).parent.mkdir(parents=True, exist_ok=True)
            write_whole(here / name, body)
