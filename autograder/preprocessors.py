"""What an nbgrader course runs of ours: cutting solutions, and never running a learner's code.

nbgrader executes submissions as the instructor and reads scores out of their outputs. In a built
course its autograding, by button or by command, hands over to `ladder grade`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from nbgrader.converters import Autograde
from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import NbGraderPreprocessor

from autograder.starter import cut

RUN = "from autograder.cli.main import main; main()"


class CutSolutions(NbGraderPreprocessor):  # type: ignore[misc]
    """Replaces solution blocks by their TODO, as `ladder sync` does."""

    def preprocess_cell(self, cell: Any, resources: Any, index: int) -> tuple[Any, Any]:
        """Cut one cell."""
        if cell.cell_type == "code":
            cell.source = cut(cell.source + "\n").rstrip("\n")
        return cell, resources


class Refuse(NbGraderPreprocessor):  # type: ignore[misc]
    """Stops nbgrader before it would execute a submission."""

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Refuse, with the command to type."""
        raise NbGraderException(
            "this course is not graded by running notebooks here: type  ./ladder grade submitted"
        )


def replace_autograde(root: str) -> None:
    """Let nbgrader's Autograde, by button or command, call `ladder grade` at `root`."""

    def start(self: Any) -> None:
        place = self.coursedir
        submitted = Path(place.format_path(place.submitted_directory, ".", ".")).resolve()
        command = [sys.executable, "-c", RUN, "grade", str(submitted), "--lab", place.assignment_id]
        if place.student_id != "*":
            command += ["--learner", place.student_id]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        for line in (done.stdout + done.stderr).splitlines():
            self.log.info(line)
        if done.returncode not in (0, 1):
            raise NbGraderException(done.stderr.strip() or "./ladder grade failed")

    Autograde.start = start
