"""A class at once: every core, one fault at a time, and no more memory than one needs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from bench_course import make_lab, notebook

from autograder import cohort
from autograder.channel import find
from autograder.cohort import Plan, Station, judge_all, shard, unjudged
from autograder.errors import GraderError, UsageError
from autograder.manifest import load_course
from autograder.verdict import Verdict

CHECKS = '''
@check(points=2, observes="returned")
def adds(work):
    """Two numbers are added."""
    assert work.add(2, 3) == 5, "what is the sum?"
'''
NB = notebook("def add(a, b):\n    return a + b\n")
PLAN = Plan(b"x" * 32, "D", workers=2)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    path = tmp_path_factory.mktemp("cohort")
    make_lab(path, CHECKS)
    return load_course(path)


@pytest.fixture
def found(course, tmp_path):
    for number in range(8):
        (tmp_path / f"probe-l{number}.ipynb").write_bytes(NB)
    return find(course, tmp_path)


def points(ends) -> dict[str, float]:
    return {one.learner: end.points for one, end in ends if not isinstance(end, Exception)}


def kill(process) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("which", ["court", "launcher"])
def test_a_killed_judge_or_zygote_costs_nobody_a_grade(course, found, monkeypatch, which):
    stations: list[Station] = []
    opened = Station.open

    def noted(self):
        both = opened(self)
        if self not in stations:
            stations.append(self)
        return both

    monkeypatch.setattr(Station, "open", noted)
    ends = {}
    for one, end in judge_all(course, found, PLAN):
        ends[one.learner] = end
        if len(ends) == 2:
            kill(getattr(stations[0], which).process)
    assert {name: end.points for name, end in ends.items()} == {f"l{n}": 2 for n in range(8)}


def test_a_judge_that_dies_twice_leaves_the_work_ungraded(course, found, monkeypatch):
    tried = []
    judged = cohort.Court.judge

    def dies(self, job, boxes, *more):
        if job.submission.learner != "l3":
            return judged(self, job, boxes, *more)
        tried.append(threading.active_count())
        return self.ungraded(job, "killed")

    monkeypatch.setattr(cohort.Court, "judge", dies)
    ends = {one.learner: end for one, end in judge_all(course, found[:5], PLAN)}
    assert ends["l3"].ungraded
    assert all(c.verdict is Verdict.UNGRADED for c in ends["l3"].checks)
    assert len(tried) == 2, "once more, and not more often"
    assert list(ends)[-1] == "l3", "alone, after the others"
    assert sum(end.points for end in ends.values()) == 8


def test_a_lab_whose_judge_does_not_start_stops_no_other_lab(course, found, monkeypatch):
    def broken(self):
        raise GraderError("the judge did not start", self.lab.id)

    monkeypatch.setattr(Station, "open", broken)
    ends = list(judge_all(course, found, PLAN))
    assert len(ends) == 8
    assert all(isinstance(end, GraderError) for _, end in ends)


def test_whoever_stops_listening_leaves_nothing_running(course, found):
    before = _children()
    ends = judge_all(course, found, PLAN)
    next(ends)
    assert _children() - before
    ends.close()
    assert not _children() - before


def _children() -> set[str]:
    names = [name for name in os.listdir("/proc") if name.isdigit()]
    return {name for name in names if _parent(name) == os.getpid()}


def _parent(pid: str) -> int:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return int(file.read().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def test_shards_are_a_partition_and_stay_the_same(found):
    parts = [shard(found, number, 3) for number in (1, 2, 3)]
    assert sorted(f.learner for part in parts for f in part) == sorted(f.learner for f in found)
    assert [shard(found[:4], n, 3) for n in (1, 2, 3)] == [
        [f for f in part if f in found[:4]] for part in parts
    ], "who else hands in does not matter"
    for number, of in ((0, 3), (4, 3), (1, 0)):
        with pytest.raises(UsageError, match="no shard"):
            shard(found, number, of)


def test_what_is_judged_is_not_judged_again(course, found, tmp_path):
    (tmp_path / "probe-l0.ipynb").write_text("not a notebook")
    ends = dict(judge_all(course, found[:3], PLAN))
    keys = [end.key for end in ends.values() if not isinstance(end, Exception)]
    known: list[str] = []
    todo = unjudged(found, PLAN, keys.__contains__, lambda one, key: known.append(one.learner))
    assert known == ["l1", "l2"]
    assert [f.learner for f in todo] == ["l0", "l3", "l4", "l5", "l6", "l7"]
    (tmp_path / "probe-l1.ipynb").write_bytes(notebook("def add(a, b):\n    return 5\n"))
    assert "l1" in [f.learner for f in unjudged(found, PLAN, keys.__contains__)], "other work"
    other = Plan(b"y" * 32, "D")
    assert len(unjudged(found, other, keys.__contains__)) == 8, "another secret, other seeds"


def test_memory_does_not_grow_with_the_class():
    """A tenth of what tests/bench/memory.py measures, with the same bound."""
    bench = Path(__file__).resolve().parents[1] / "bench" / "memory.py"
    done = subprocess.run(
        [sys.executable, bench, "100", "1000"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_run_that_is_killed_goes_on_where_it_stopped():
    """Four kills; `python tests/bench/kills.py` does twenty."""
    bench = Path(__file__).resolve().parents[1] / "bench" / "kills.py"
    done = subprocess.run([sys.executable, bench, "4"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the same gradebook" in done.stdout
