"""Checks of culprit-commit. Nobody reads the scripts: they are run, on repositories of ours.
"""

from __future__ import annotations

from autograder import check

COMMITS = 14  # that a search may build and try


@check(points=3, observes="artifact", must=True)
def finds_the_commit(searches, history):
    """The search names the commit that made the promises wrong this time."""
    found = searches.on(history, "history")
    assert found.exit == 0, "find.py did not end with exit code 0"
    assert found.place >= 0, "culprit.txt does not hold the full hash of a commit, and only that"
    assert not history.commits[found.place].broken, (
        "that commit cannot be imported. What does it say of the promises?"
    )
    assert not 90 < found.place < 180, (
        "that commit belongs to Christmas. Which commit is the last at which promises were right?"
    )
    assert found.place != history.sound + 1, (
        "the first commit after a good release, as if each answer had been bad. Is your command"
        " found inside the repository, and which runs say nothing?"
    )
    assert found.place == history.culprit, "it happened at another commit. Which runs can be wrong?"
    assert found.seen, (
        "the right commit is named, but the package was never run at it, or never before it. What"
        " if its code reads well and promises otherwise?"
    )


@check(points=2, observes="cloud", after="finds_the_commit")
def works_on_a_fork_in_few_runs(searches, fork):
    """On a repository it has never seen it finds the culprit, building at most 14 commits."""
    found = searches.on(fork, "sweden")
    assert found.exit == 0, "on another repository find.py did not end with exit code 0"
    assert found.place == fork.culprit, "on another repository it names another commit"
    assert found.tried <= COMMITS, "more than 14 commits were built. How many does halving need?"
    assert found.asked <= 4 * COMMITS, (
        "the road service was asked more than 56 questions in all. When is asking again of no use?"
    )
    assert found.seen, "the culprit is named, but the package was never run there and before it"


@check(points=3, observes="returned", must=True)
def keeps_the_contract(work, shipments, table, contract_of):
    """The mended package promises what the contract says, for parcels nobody complained about."""
    eta = work.module("eta.promise")
    wrong = [p for p in shipments if eta.promise(p, table) != contract_of(p, table)]
    assert len(wrong) < len(shipments) // 2, "most promises differ from the contract"
    assert not wrong, "some promises differ from the contract. Which rule do they meet?"


@check(points=4, observes="artifact", must=True)
def tests_tell_right_from_wrong(trials):
    """The tests fail on 12 of 15 wrong packages, the learner's own too, and on no right one."""
    mutants, rewrites = trials.mutants(15, walks=4), trials.rewrites(3)
    codes = trials.run([*mutants, *rewrites])
    assert set(codes) <= {0, 1}, (
        "pytest cannot read test_promise.py beside one of the packages, or finds no test in it."
        " Does it run beside your own mended package, and what do you import besides promise?"
    )
    assert codes[15:] == [0, 0, 0], (
        "a test fails on a package that keeps the contract. Is each expected hour the contract's,"
        " and do you test promises only?"
    )
    assert codes[0] == 1, "the tests pass on the package with your culprit in it"
    caught = sum(code == 1 for code in codes[:15])
    assert caught >= 12, "fewer than 12 of 15 wrong packages are caught. Which rule has no test?"


@check(points=2, observes="artifact", after="keeps_the_contract")
def is_typed(typed):
    """The package passes mypy --strict, without Any and without type: ignore."""
    assert typed.wait() == 0, (
        "mypy --strict --disallow-any-explicit has remarks on eta/promise.py or on a caller with a"
        " parcel as in complaint.json, or is told not to look. And would it stop a caller whose"
        " weight is a list?"
    )
