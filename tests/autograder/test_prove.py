"""A proof holds for a lab that is right, and names what does not hold in one that is not."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import msgspec
import pytest
from click.testing import CliRunner

from autograder import evidence
from autograder.cli import author
from autograder.cli.author import prove as command
from autograder.errors import UsageError
from autograder.manifest import MistakeFile, load_course
from autograder.prove import journal, killing, lying, open_rig, prove, repeated, spot_check, trial
from autograder.prove.answers import caught, solutions, starter
from autograder.rig import Rig, Task
from autograder.verdict import Verdict

CHECKS = "labs/1-foundations/sum-up/checks.py"
MISTAKES = "solutions/1-foundations/sum-up/mistakes.toml"
KNOWN = evidence.Proof(
    key="", engine=1, mode="A", wrong=(), points=9, checks=5, seeds=5, alternatives=1, mistakes=7,
    mistake_seeds=3, lazy=5, lazy_share=0, liars=4, liar_share=0, mutants=36, killed=36,
    survivors=(), cpu=1,
)  # fmt: skip


def opened(course, name, work):
    """Do something with a trial of a lab as it is now; return the trial and what came out."""
    lab = load_course(course.root).labs[name]
    with open_rig(lab) as rig:
        one = trial(lab, rig)
        return one, work(one)


def test_a_right_lab_holds(course):
    one, proof = opened(course, "sum-up", lambda one: prove(one, budget=0, sample=20))
    assert one.wrong == []
    assert proof.holds
    assert (proof.points, proof.seeds, proof.alternatives, proof.mistakes) == (9, 5, 1, 7)
    assert proof.killed >= 0.9 * proof.mutants > 15
    assert (proof.lazy, proof.lazy_share) == (5, 0)
    assert proof.liars > 4
    assert proof.cpu > 0
    table = evidence.Table(labs={"sum-up": proof})
    assert evidence.current(table, one.lab)
    (course.root / MISTAKES).write_text((course.root / MISTAKES).read_text() + "\n")
    assert not evidence.current(table, one.lab)


def test_a_check_that_believes_everything_is_found_in_every_way(course, edit):
    edit(CHECKS, "assert np.array_equal(found, known[:count])", "assert found is not None or True")
    one, proof = opened(course, "sum-up", lambda one: prove(one, budget=0, sample=12))
    wrong = "\n".join(one.wrong)
    assert not proof.holds
    assert "mistake 'gives the lightest first' is not caught by heaviest_first" in wrong
    assert "lazy answer 'empty' earns 2 of 9 points: heaviest_first" in wrong
    assert "echo for lab.py-heaviest earns what it does not deserve: heaviest_first" in wrong
    assert any(s.line for s in proof.survivors)


def test_a_project_lab_is_judged_with_its_programs(course):
    def work(one):
        starter(one)
        solutions(one, 2)
        caught(one, 2, 1)

    one, _ = opened(course, "port-call", work)
    assert one.wrong == []


def test_mistakes_that_fail_other_checks_than_named_are_told(course, edit):
    edit(MISTAKES, 'fails = ["over_the_limit"]', 'fails = ["adds_up"]')
    edit(MISTAKES, 'fails = ["opens", "adds_up"]', 'fails = ["adds_up"]')
    one, _ = opened(course, "sum-up", lambda one: caught(one, 3, 1))
    wrong = "\n".join(one.wrong)
    assert "is not caught by adds_up and also fails over_the_limit" in wrong
    assert "'gives the sum as a text' also fails opens" in wrong
    assert "no mistake fails opens" in wrong


@pytest.mark.parametrize(("seeds", "full"), [(3, 1), (4, 1), (4, 2), (3, 3)])
def test_a_mistake_meets_each_seed_once(course, monkeypatch, seeds, full):
    """The named checks on all of them, the others on the first few."""
    judged, judge = [], Rig._judge
    monkeypatch.setattr(Rig, "_judge", lambda rig, task: judged.append(task) or judge(rig, task))
    one, _ = opened(course, "sum-up", lambda one: caught(one, seeds, full))
    assert one.wrong == []
    for mistake in one.mistakes.mistake:
        own = [task for task in judged if task.name == mistake.say]
        for name in one.points:
            met = [
                (task.learner, number)
                for task in own
                for number in range(task.skip, task.skip + task.seeds)
                if not task.only or name in task.only
            ]
            assert len(met) == len(set(met)) == (seeds if name in mistake.fails else full)


def test_a_solution_that_fails_on_some_seeds_is_told(course, edit):
    edit(
        CHECKS, "def over_the_limit(work, weights, limit)", "def over_the_limit(work, seed, limit)"
    )
    edit(CHECKS, "found = work.over(weights, limit)", "found = np.zeros(seed % 3)")
    edit(CHECKS, "np.flatnonzero(weights > limit)", "np.zeros(0)")
    one, _ = opened(course, "sum-up", lambda one: solutions(one, 5))
    assert any(w.startswith("the solution does not pass over_the_limit: failed") for w in one.wrong)


def test_a_starter_that_earns_is_found(course, edit):
    edit("solutions/1-foundations/sum-up/lab.py", "    ### BEGIN SOLUTION: compare", "    #")
    text = (course.root / "solutions/1-foundations/sum-up/lab.py").read_text()
    head, _, tail = text.partition("weights > limit)\n")
    tail = tail.replace("    ### END SOLUTION\n", "", 1)
    (course.root / "solutions/1-foundations/sum-up/lab.py").write_text(
        head + "weights > limit)\n" + tail
    )
    one, _ = opened(course, "sum-up", starter)
    assert one.wrong == ["the starter earns 2 points: over_the_limit"]


def test_a_spot_check_agrees_or_says_where_it_does_not(course, edit):
    one, _ = opened(course, "sum-up", lambda one: spot_check(one, KNOWN, "commit"))
    assert one.wrong == []
    edit(CHECKS, "np.flatnonzero(weights > limit)", "found")
    edit(CHECKS, "abs(work.total(weights) - expected) < 1e-6", "work.total(weights) or True")
    edit(CHECKS, "np.array_equal(found, known[:count])", "True")
    edit(CHECKS, "abs(work.report(weights) - known.mean()) < 1e-6", "True")
    one, _ = opened(course, "sum-up", lambda one: spot_check(one, KNOWN, "commit"))
    assert any("survives now, killed before" in w for w in one.wrong)


def test_verdicts_that_change_from_run_to_run_are_found(course, edit):
    edit(CHECKS, "np.flatnonzero(weights > limit)),", "__import__('os').getpid() % 2 < 0),")
    edit(CHECKS, "assert np.array_equal(found, __import__('os').getpid() % 2 < 0)",
         "assert __import__('os').getpid() % 2")  # fmt: skip
    one, _ = opened(course, "sum-up", lambda one: repeated(one, 3))
    assert any("ends differently" in w for w in one.wrong)


def test_the_command_writes_the_table_and_then_only_spot_checks(course, monkeypatch):
    monkeypatch.chdir(course.root)
    monkeypatch.setattr("autograder.prove.prove.__defaults__", (0, 4))
    first = CliRunner().invoke(command, ["sum-up"])
    assert first.exit_code == 0, first.output
    assert "the whole proof" in first.output
    assert evidence.read(course.root).labs["sum-up"].holds
    monkeypatch.setattr("autograder.prove.prove", None)
    second = CliRunner().invoke(command, ["sum-up", "--json"])
    assert second.exit_code == 0
    assert json.loads(second.output) == {"sum-up": []}


def test_labs_that_are_known_are_spot_checked_side_by_side(course, monkeypatch):
    monkeypatch.chdir(course.root)
    meeting, told = threading.Barrier(2, timeout=60), {"sum-up": [], "port-call": ["it is wrong"]}
    monkeypatch.setattr(author, "_known", lambda lab: KNOWN)
    monkeypatch.setattr(
        author, "_spot", lambda lab, known: meeting.wait() < 2 and (told[lab.id], ["  looked at"])
    )
    done = CliRunner().invoke(command, ["sum-up", "port-call"])
    assert done.exit_code == 1
    assert "sum-up: known, a spot check\n  looked at\n" in done.output
    assert done.output.endswith("sum-up: holds\nport-call: does not hold\n  - it is wrong\n")


PROVES = """
from autograder import prove
prove.prove.__defaults__ = (0, 4)
from autograder.cli.author import prove as command
command(["sum-up"])
"""


def test_a_proof_that_was_killed_goes_on_and_finds_the_same(course, edit, monkeypatch):
    monkeypatch.chdir(course.root)
    monkeypatch.setattr("autograder.prove.prove.__defaults__", (0, 4))
    kept = course.root / "work" / ".state" / "prove" / "sum-up.jsonl"
    run = [sys.executable, "-c", PROVES]
    child = subprocess.Popen(run, stdout=subprocess.DEVNULL, start_new_session=True)
    until = time.monotonic() + 120
    while not kept.exists() or kept.read_bytes().count(b"\n") < 9:
        assert child.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    known = kept.read_bytes().count(b"\n") - 1
    kept.write_bytes(kept.read_bytes()[:-20])  # the last line as a kill may leave it
    judged, judge = [], Rig._judge
    monkeypatch.setattr(Rig, "_judge", lambda rig, task: judged.append(task) or judge(rig, task))
    done = CliRunner().invoke(command, ["sum-up"])
    assert f"going on after {known} submissions" in done.output
    resumed, afresh = evidence.read(course.root).labs["sum-up"], len(judged)
    assert resumed.holds
    assert not kept.exists()
    done = CliRunner().invoke(command, ["sum-up", "--all"])
    again = evidence.read(course.root).labs["sum-up"]
    assert len(judged) - afresh >= afresh + known
    assert msgspec.structs.replace(again, cpu=resumed.cpu) == resumed


def test_lies_are_judged_more_at_a_time_than_cores(course, monkeypatch):
    """All lazy answers meet: what is to earn nothing mostly keeps its checks waiting."""
    meeting, judge = threading.Barrier(5, timeout=120), Rig._judge
    monkeypatch.setattr(Rig, "_judge", lambda rig, task: meeting.wait() < 5 and judge(rig, task))
    one, (share, count) = opened(course, "sum-up", lying.lazies)
    assert (one.wrong, share, count) == ([], 0, 5)


def test_a_proof_goes_on_after_its_mistakes_were_changed(course, edit, monkeypatch):
    """The wrong mistake is judged anew, what liars recorded, and mutants (and the solution, for
    them) where the checks' order is another, which hangs on CPU seconds; nothing else."""
    monkeypatch.chdir(course.root)
    monkeypatch.setattr("autograder.prove.prove.__defaults__", (0, 4))
    judged, judge = [], Rig._judge
    monkeypatch.setattr(Rig, "_judge", lambda rig, task: judged.append(task) or judge(rig, task))
    edit(MISTAKES, "weights >= limit", "np.greater(weights, limit)")
    done = CliRunner().invoke(command, ["sum-up"])
    assert done.exit_code == 1
    assert "is not caught by" in done.output
    before = len(judged)
    edit(MISTAKES, "np.greater(weights, limit)", "weights >= limit")
    done = CliRunner().invoke(command, ["sum-up"])
    assert done.exit_code == 0, done.output
    again = {task.name for task in judged[before:]} - {"in order"}
    assert {name for name in again if "lab.py-" not in name and "  ->  " not in name} == {
        "sends back what is exactly at the limit"
    }
    assert not (course.root / "work" / ".state" / "prove" / "sum-up.jsonl").exists()


def test_a_journal_of_another_lab_grader_or_cloud_is_not_believed(course, edit, tmp_path):
    with open_rig(course.lab("sum-up")) as rig:
        one = trial(course.lab("sum-up"), rig)
        rig.journal = journal(one.lab, rig, tmp_path)
        starter(one)
        left = (tmp_path / "sum-up.jsonl").read_bytes()
        assert len(journal(one.lab, rig, tmp_path)) == 1
        assert not journal(one.lab, rig, tmp_path, afresh=True)
        (tmp_path / "sum-up.jsonl").write_bytes(left)
        rig.journal.path = tmp_path / "sum-up.jsonl" / "no folder"
        solutions(one, 2)  # nothing can be kept: the proof goes on
        assert one.wrong == []
        edit(CHECKS, "np.flatnonzero(weights > limit)", "found")
        assert not journal(one.lab, rig, tmp_path)


def test_a_draft_is_named_and_not_proven_unasked(course, monkeypatch):
    path = course.root / "labs" / "course.toml"
    path.write_text('drafts = ["sum-up", "port-call"]\n' + path.read_text())
    monkeypatch.chdir(course.root)
    done = CliRunner().invoke(command, [])
    assert done.exit_code == 77
    assert "sum-up: a draft, not proven" in done.output
    path.write_text(path.read_text().replace('drafts = ["sum-up"', 'drafts = ["sum-upp"'))
    with pytest.raises(UsageError, match="Did you mean 'sum-up'"):
        load_course(course.root)


def meeting(took, desks=1, **after):
    """Return a trial of checks that took so long, each with those it comes after."""
    checks = {name: SimpleNamespace(after=after.get(name, ())) for name in took}
    rig = SimpleNamespace(took=took, checks=checks, whole=20.0, each=lambda all, do: map(do, all))
    return SimpleNamespace(
        rig=rig, points=dict.fromkeys(took, 1), mistakes=MistakeFile(desks=desks), texts={},
        files=dict, sound=lambda *_: True, wrong=[],
    )  # fmt: skip


def test_a_mutant_meets_as_many_desks_as_the_lab_says():
    """Cheap checks first on each desk, all of them on a second seed at last; no endless loop."""
    one, judged = meeting({"slow": 9.0, "quick": 1.0}, desks=2), []
    passed = SimpleNamespace(checks=[SimpleNamespace(verdict=Verdict.PASSED)])
    one.rig.judge_one = lambda task: judged.append(task) or passed
    mutant = SimpleNamespace(file="lab.py", text="", change="", line=1)
    assert killing.killed_among(one, [mutant]) == [False]
    assert [(task.learner, task.skip, task.only) for task in judged] == [
        ("prover", 0, ("quick", "slow")), ("prover-1", 0, ("quick", "slow")),
        ("prover", 1, ("quick", "slow")),
    ]  # fmt: skip
    assert {(task.cpu, task.seeds, task.until_failure) for task in judged} == {(50.0, 1, True)}


def test_a_check_that_waits_for_a_dear_one_is_not_cheap():
    """What it took alone is little; a mutant would pay for the dear one before."""
    took = {"night": 60.0, "rerun": 0.5, "scala": 20.0, "board": 0.4, "scan": 1.0}
    one = meeting(took, rerun=("night",), board=("rerun",))
    assert killing._cheapest_first(one) == ("scan", "scala", "night", "rerun", "board")


def test_checks_are_judged_in_the_order_asked_for(course, edit):
    """Each after those it comes after; a check that needs another order says so."""
    edit(CHECKS, "    expected = float", "    np.seen = True\n    expected = float")
    edit(CHECKS, "    for count in", '    assert hasattr(np, "seen"), "too soon"\n    for count in')
    with open_rig(course.lab("sum-up")) as rig:
        one = trial(course.lab("sum-up"), rig)
        asked = ("survives_an_empty_day", "heaviest_first", "opens")
        result = rig.judge_one(Task("solution", one.files(one.texts), only=asked))
        assert [c.name for c in result.checks] == ["adds_up", *asked]
        assert {c.verdict for c in result.checks} == {Verdict.PASSED}
        rig.took = dict.fromkeys(one.points, 1.0) | {"heaviest_first": 0.5}
        killing._judged_in_order(one)
    assert one.wrong == [
        "judged by its cheapest checks first, the solution fails heaviest_first: too soon"
    ]


def test_what_a_check_starts_beside_itself_is_counted(course, edit):
    """A private cloud is a child of the judge's: its CPU is the check's and the submission's."""
    child = """    import os, time
    pid = os.fork()
    while not pid and time.process_time() < 0.5:
        pass
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
    expected = float"""
    edit(CHECKS, "    expected = float", child)
    with open_rig(course.lab("sum-up")) as rig:
        one = trial(course.lab("sum-up"), rig)
        result = rig.judge_one(Task("solution", one.files(one.texts), seeds=1, only=("adds_up",)))
    assert result.checks[0].verdict is Verdict.PASSED
    assert result.checks[0].cpu >= 0.4
    assert result.cpu >= result.checks[0].cpu


def test_a_box_with_less_than_a_check_may_take_judges_alike(course):
    """A mutant's box allows three seconds, a check of this lab a quarter of twenty."""
    lab = course.lab("sum-up")
    assert lab.file.limits.cpu == 20
    with open_rig(lab) as rig:
        one = trial(lab, rig)
        result = rig.judge_one(Task("solution", one.files(one.texts), seeds=1, cpu=3))
    assert result.points == result.possible


@pytest.mark.parametrize(("desks", "whose"), [(1, "prover"), (2, "prover-1")])
def test_a_liar_sees_one_desk_and_is_judged_on_another_where_each_has_its_own(desks, whose):
    asked = []
    rig = SimpleNamespace(
        judge_wrong=lambda tasks: asked.extend(tasks) or [SimpleNamespace(points=0)]
    )
    one = SimpleNamespace(
        rig=rig, mistakes=MistakeFile(desks=desks), total=4, files=dict, sound=lambda *_: True,
        tell=lambda _: None,
    )  # fmt: skip
    lying._all_lies(one, "liar", {"visible": {}}, lying._judged_as(one))
    assert [task.learner for task in asked] == [whose]
