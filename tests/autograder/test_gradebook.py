"""The gradebook: what stands, what is held, who may write, and a disk that is full."""

from __future__ import annotations

import csv
import multiprocessing
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from autograder.errors import GraderError, UsageError
from autograder.gradebook import Gradebook, write_csv
from autograder.policy import RULES, Cohort
from autograder.standing import Mark
from autograder.verdict import CheckResult, LabResult, Verdict

P, F, U = Verdict.PASSED, Verdict.FAILED, Verdict.UNGRADED


def result(*verdicts: Verdict, **more: object) -> LabResult:
    """Return a result of checks worth two points each."""
    checks = tuple(
        CheckResult(name=f"c{n}", claim="It adds.", points=2, verdict=v)
        for n, v in enumerate(verdicts)
    )
    given = {"lab": "probe", "version": "1", "learner": "ann", "submission": "s", "epoch": "e"}
    return LabResult(**{**given, "mode": "A", **more}, checks=checks)


@pytest.fixture
def book(tmp_path):
    with Gradebook(tmp_path / "gradebook.db", "Course") as one:
        yield one


def points(book: Gradebook, rules: Cohort = RULES) -> dict[str, float]:
    return {r.learner: r.points for r in book.results(rules)}


def only_row(book: Gradebook, folder: Path) -> dict[str, str]:
    write_csv(folder / "g.csv", book.records(), RULES)
    (row,) = csv.DictReader((folder / "g.csv").read_text().splitlines())
    return row


def test_the_same_result_twice_is_one_row(book):
    for _ in range(3):
        book.write(result(P), submitted=5.0)
    assert len(list(book.rows("probe"))) == 1
    assert points(book) == {"ann": 2}


def test_a_newer_attempt_is_not_hidden_by_an_older_grading(book):
    book.write(result(P, P, submission="old"), submitted=100.0, graded=50.0)
    book.write(result(F, P, submission="new"), submitted=200.0, graded=10.0)
    assert points(book) == {"ann": 2}


def test_work_handed_in_again_counts_as_the_newest(book):
    book.write(result(P, P, submission="first"), submitted=100.0)
    book.write(result(F, P, submission="second"), submitted=200.0)
    book.attempted("probe", "ann", "first", 300.0)
    assert points(book) == {"ann": 4}


def test_a_lower_grade_waits_until_somebody_says_so(book):
    book.write(result(P, P))
    change = book.write(result(F, P, version="2"))
    assert (change.before, change.after, change.held) == (4, 4, True)
    assert points(book) == {"ann": 4}
    assert book.knows(result(version="2").key), "what is on hold need not be judged again"
    book.release(result(version="2").key)
    assert points(book) == {"ann": 2}
    assert book.write(result(P, P, version="3")).after == 4


def test_a_self_check_never_stands_above_a_grade(book):
    book.write(result(P, P, epoch="desk"))
    assert not book.write(result(F, P)).held, "a self-check is no grade that could fall"
    book.write(result(P, P, epoch="desk", version="2"))
    assert points(book) == {"ann": 2}


def test_a_fault_of_ours_is_no_score(book, tmp_path):
    book.write(result(U))
    assert not book.knows(result().key)
    row = only_row(book, tmp_path)
    assert (row["raw"], row["final"], row["ungraded"]) == ("", "", "True")
    book.write(result(P), submitted=0.0)
    book.write(result(U, submission="t"), submitted=9.0)
    row = only_row(book, tmp_path)
    assert (row["raw"], row["attempt"], row["ungraded"]) == ("2.0", "1", "True")


@pytest.mark.parametrize("learner", ["=cmd()", " =cmd()", "＝cmd()", "+1"])
def test_a_formula_is_defused(book, tmp_path, learner):
    book.write(result(P, learner=learner))
    write_csv(tmp_path / "g.csv", book.records(), RULES)
    assert f"'{learner}" in (tmp_path / "g.csv").read_text()


def test_a_renamed_learner_keeps_what_they_earned(book):
    book.write(result(P, P, learner="old", submission="a"), submitted=1.0)
    book.write(result(F, P, learner="new", submission="b"), submitted=2.0)
    book.write(result(P, learner="zoe"), submitted=2.0)
    alias = {"old": "new", "gone": "here"}
    book.write(result(P, learner="gone"), submitted=2.0)
    found = {r.learner: len(r.attempts["probe"]) for r in book.records(alias)}
    assert found == {"new": 2, "zoe": 1, "here": 1}
    (one,) = book.records(alias, learner="here")
    assert len(one.attempts["probe"]) == 1


def test_names_in_any_script_are_sorted_alike(book):
    names = ["Ærø", "ann", "Zoe", "eve", "李", "Bob"]
    for name in names:
        book.write(result(P, learner=name))
        book.mark(Mark("probe", name, 1.0, "me", "why", 1.0))
    assert [r.learner for r in book.records()] == sorted(names)
    assert all(r.marks for r in book.records())


def test_marks_by_hand_are_only_ever_added(book, tmp_path):
    book.write(result(P))
    for number in (1.0, None, 1.5):
        book.mark(Mark("probe", "ann", number, "kim", "reread", 7.0))
    assert [m.points for m in book.marks("ann", "probe")] == [1.0, None, 1.5]
    other = sqlite3.connect(tmp_path / "gradebook.db")
    for line in ("UPDATE mark SET points = 9", "DELETE FROM mark"):
        with pytest.raises(sqlite3.IntegrityError, match="only ever added"):
            other.execute(line)
    other.close()


def test_a_gradebook_is_one_courses(book, tmp_path):
    book.write(result(P))
    with pytest.raises(UsageError, match="that of 'Course', not of 'Other'"):
        Gradebook(tmp_path / "gradebook.db", "Other")


def test_another_programs_database_is_left_alone(tmp_path):
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE student (id TEXT)")
        with pytest.raises(UsageError, match="another program's"):
            Gradebook(tmp_path / "other.db")
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("student",)]


def test_an_older_versions_gradebook_is_left_alone(tmp_path):
    other = sqlite3.connect(tmp_path / "old.db")
    other.execute("CREATE TABLE result (lab TEXT)")
    other.close()
    with pytest.raises(UsageError, match="another version's"):
        Gradebook(tmp_path / "old.db")


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("nonsense", "no address"),
        ("mysql+nothing://x/y", "no address"),
        ("postgresql+psycopg://nobody@127.0.0.1:1/none", "cannot be opened"),
    ],
)
def test_an_address_that_leads_nowhere_is_said(url, what):
    with pytest.raises(UsageError, match=what):
        Gradebook(url)


def test_what_is_no_database_is_said(tmp_path):
    (tmp_path / "notes.db").write_text("not a database, but long enough to look at" * 40)
    with pytest.raises(UsageError, match="cannot be opened"):
        Gradebook(tmp_path / "notes.db")
    with pytest.raises(UsageError, match="no gradebook here"):
        Gradebook(tmp_path / "none.db", must=True)


def _begin(path, gate, done):
    gate.wait()
    try:
        with Gradebook(path, "Course") as book:
            done.put(len(book.labs()))
    except Exception as error:
        done.put(repr(error))


def test_a_new_gradebook_may_begin_several_times_at_once(tmp_path):
    context = multiprocessing.get_context("fork")
    gate, done = context.Barrier(6), context.Queue()
    for turn in range(3):
        path = tmp_path / f"{turn}.db"
        workers = [context.Process(target=_begin, args=(path, gate, done)) for _ in range(6)]
        for one in workers:
            one.start()
        assert [done.get(timeout=60) for _ in workers] == [0] * 6
        for one in workers:
            one.join()


def test_a_second_writer_is_told_who_the_first_is(book, tmp_path):
    book.write(result(P))
    with Gradebook(tmp_path / "gradebook.db") as other:
        assert points(other) == {"ann": 2}, "anybody may read"
        with pytest.raises(UsageError, match=rf"process {os.getpid()}.* is writing"):
            other.write(result(P, P))
    book.__exit__(None, None, None)
    with Gradebook(tmp_path / "gradebook.db") as other:
        other.write(result(P, P, submission="t"), submitted=1.0)


def test_an_open_reader_does_not_stop_the_writer(book, tmp_path):
    book.write(result(P))
    other = sqlite3.connect(tmp_path / "gradebook.db", isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT * FROM result").fetchone()
    book.write(result(P, learner="bo"))
    other.close()
    assert len(points(book)) == 2


FILLS = """
import resource, sys, signal
from pathlib import Path
sys.path[:0] = [{tests!r}]
from test_gradebook import P, result
from autograder.errors import GraderError
from autograder.gradebook import Gradebook
import msgspec
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with Gradebook(Path({path!r})) as book:
    book.write(result(P))
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
    try:
        for n in range(100):
            big = msgspec.structs.replace(result(P, learner=f"l{{n}}"), outputs=("x" * 50_000,))
            book.write(big)
            print(n, flush=True)
    except GraderError as error:
        print(error)
"""


def mounts() -> bool:
    """Tell whether a small disk can be had here."""
    asked = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("disk", ["limited files", *(["a small disk"] if mounts() else [])])
def test_a_full_disk_loses_nothing_that_was_written(tmp_path, disk):
    path, keep = tmp_path / "small" / "gradebook.db", tmp_path / "kept"
    keep.mkdir()
    path.parent.mkdir()
    code = FILLS.format(tests=os.path.dirname(__file__), path=str(path))
    small = disk == "a small disk"
    (tmp_path / "fill.py").write_text(code.replace("600_000", "1 << 40") if small else code)
    script = f"{sys.executable} {tmp_path}/fill.py && cp {path}* {keep}"
    if small:
        script = f"mount -t tmpfs -o size=1m none {path.parent} && {script}"
    unshare = ["unshare", "-rm"] * small
    done = subprocess.run(
        [*unshare, "sh", "-c", script], capture_output=True, text=True, check=True
    )
    count = sum(line.isdigit() for line in done.stdout.splitlines())
    assert 0 < count < 100, done.stderr
    assert "the gradebook cannot be written" in done.stdout
    assert "goes on where it stopped" in done.stdout
    with Gradebook(keep / path.name, must=True) as book:
        assert len(points(book)) == count + 1
        book.write(result(P, learner="zoe"))


def test_an_error_that_is_no_ones_fault_is_ours(book, monkeypatch):
    import sqlalchemy as sa

    def lost(*_: object) -> None:
        raise sa.exc.OperationalError("x", {}, Exception("disk I/O error"))

    book.write(result(P))
    monkeypatch.setattr(book, "_once", lost)
    with pytest.raises(GraderError, match="disk I/O error") as caught:
        book.write(result(P, P))
    assert caught.value.exit_code == 3
