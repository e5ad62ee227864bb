"""Every lab's solution, checked as a learner checks it: by `./ladder check` on a desk.

A desk shares its machine's folders and ports, a graded run does not: `ladder prove` judges graded
runs. `./ladder test desks` runs it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.grade import load_lab
from autograder.handout import handed_in, written
from autograder.manifest import load_course

LADDER = Path(sys.executable).with_name("ladder")
COURSE = load_course()


@pytest.mark.parametrize("name", COURSE.labs)
def test_a_solution_passes_on_a_desk(name: str, tmp_path: Path) -> None:
    lab = COURSE.lab(name)
    work = {**os.environ, "LADDER_WORK": str(tmp_path)}

    def ladder(*words: str) -> subprocess.CompletedProcess[str]:
        command = [str(LADDER), *words]
        return subprocess.run(
            command, cwd=lab.course.root, env=work, text=True, capture_output=True, check=False
        )

    started = ladder("start", lab.id, "--as", "ann")
    assert started.returncode == 0, started.stderr
    points = {c.name: c.points for c in load_lab(lab).checks.values()}
    for path, body in handed_in(lab, written(lab), points).items():
        (tmp_path / lab.id / path).write_bytes(body)
    checked = ladder("check", lab.id, "--json")
    assert checked.stdout, checked.stderr
    left = {
        check["name"]: (check["verdict"], check["message"])
        for check in json.loads(checked.stdout)["checks"]
        if check["verdict"] not in ("passed", "skipped")
    }
    assert not left
