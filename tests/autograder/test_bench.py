"""The bench: its table, its comparison of scores, and a floor that scores as our judge does."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[1] / "bench"
sys.path.insert(0, str(BENCH))

import run as bench  # noqa: E402  they import each other by name, as `python tests/bench/run.py` does
from assignment import EXERCISES, POSSIBLE, STUDENTS, answer  # noqa: E402
from graders import Floor, Ladder, confined  # noqa: E402
from measure import Failed, Run  # noqa: E402
from measure import run as measured  # noqa: E402

sys.path.remove(str(BENCH))
RIGHT, WRONG, HALF = "s01-right", "s09-wrong", "s29-partial"
EXPECTED = {RIGHT: 23.0, WRONG: 0.0, HALF: 10.0}


class Made:
    """A grader whose runs cost `start` and `each`, and that gives everybody the same points."""

    what = "nothing"

    def __init__(self, name: str, start: float, each: float, points: float = 10.0) -> None:
        self.name, self.start, self.each, self.points = name, start, each, points

    def grade(self, learners):
        """Grade nobody."""
        cost = self.start + self.each * len(learners)
        return Run(cost, 0, "", dict.fromkeys(learners, self.points))


def ways(ours: float, floor: float, peer: float) -> dict[str, bench.Way]:
    """Return ways that have had their three turns."""
    made = {
        "ladder": bench.Way(Made("ours", 3.0, ours)),
        "each": bench.Way(Made("floor", 3.0, floor)),
        "nbgrader": bench.Way(Made("peer", 3.0, peer, 11.0), split=True),
        "otter": bench.Way(Made("slow", 3.0, peer), bench.ENDING[::5], split=True, ends=False),
    }
    bench.measure(list(made.values()), 3)
    return made


@pytest.mark.parametrize("how", ["each", "once"])
def test_floor_scores_as_expected(how, tmp_path):
    assert Floor(tmp_path, how).grade(list(EXPECTED)).points == EXPECTED


def test_judge_scores_as_expected(tmp_path):
    done = Ladder(tmp_path).grade(list(EXPECTED))
    assert done.points == EXPECTED
    assert done.cpu > 0


@pytest.mark.parametrize("split", [False, True])
def test_startup_and_the_rest_are_told_apart(split):
    way = bench.Way(Made("ours", 3.0, 0.25), split=split)
    bench.measure([way], 3)
    assert way.figures() == pytest.approx({"startup": 3.0, "further": 0.25, "mean": 3 / 29 + 0.25})


def test_table_has_a_row_for_each_grader_and_a_cell_for_each_column():
    found = bench.report(ways(0.2, 0.15, 9.0), 3, [0.5, 1.5])
    assert [row[0] for row in found["rows"]] == ["ours", "floor", "peer", "slow"]
    assert {len(row) for row in found["rows"]} == {len(found["columns"])}
    assert all(isinstance(cell, str) for row in found["rows"] for cell in row)
    assert found["rows"][3][5] == "not given"
    assert found["figures"]["ladder"]["loop"] == pytest.approx(3.2)


def test_goals_are_judged_on_everything_included():
    found = bench.ratios({n: w.figures() for n, w in ways(0.2, 0.15, 9.0).items()})
    assert found == {"times the floor": 1.2, "less than nbgrader": 30.0}
    assert bench.missed(found) == []
    assert len(bench.missed({"times the floor": 2.5, "less than nbgrader": 19.0})) == 2


def test_other_points_are_named():
    made = ways(0.2, 0.15, 9.0)
    said = bench.wrong(made, {"times the floor": 1.0})
    assert len(said) == len(STUDENTS)
    assert said[0] == "s00-loop: peer gives other points than ours"


def test_grader_that_changes_its_mind_is_refused():
    way = bench.Way(Made("ours", 3.0, 0.2))
    way.turn(0, 1)
    way.grader.points = 9.0
    with pytest.raises(Failed, match="changed its mind"):
        way.turn(0, 1)


@pytest.mark.parametrize(("mode", "epoch"), [("D", "x"), ("A", "desk")])
def test_run_without_sandbox_or_secret_does_not_count(mode, epoch):
    with pytest.raises(Failed, match="not graded in a sandbox"):
        confined({"learner": "ann", "mode": mode, "epoch": epoch, "checks": []})


def test_failed_command_says_its_last_line(tmp_path):
    with pytest.raises(Failed, match="no luck"):
        measured([sys.executable, "-c", "raise SystemExit('no luck')"], tmp_path)


def test_children_of_children_are_counted(tmp_path):
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    deep = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])"
    assert measured([sys.executable, "-c", deep], tmp_path).cpu >= 0.3


def test_variants_answer_every_exercise():
    assert len(STUDENTS) == 30
    assert POSSIBLE == 23
    for variant in set(STUDENTS.values()):
        assert all(f"def {e.name}(" in answer(e, variant) for e in EXERCISES)
