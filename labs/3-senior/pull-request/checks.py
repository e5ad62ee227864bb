"""Checks of pull-request. What a review says is tried in packages where we know what is broken."""

from __future__ import annotations

from autograder import check

ENOUGH = 0.75
GUARDS = 3
ALONE = 8  # guards of an approval


@check(points=4, observes="artifact", must=True)
def finds_what_matters(review, pull, worlds, weighed):
    """What the review finds and shows outweighs what it misses and what it only fears."""
    hits = [one for one in review.findings if one.key in pull.bugs]
    shown = worlds.shown(hits)
    alarms = [one.severity for one in review.findings if one.key not in pull.bugs]
    value = weighed(shown, alarms, pull.bugs)
    assert value >= ENOUGH or weighed(shown, [], pull.bugs) < ENOUGH, (
        "enough is found, but there are false alarms. What would have shown you that it is right?"
    )
    assert value >= ENOUGH or len(shown) == len({one.key for one in hits}), (
        "a line is right, but what should show it does not. Is it red with that bug alone?"
    )
    assert pull.graver(shown) <= 1, (
        "two blockers are missed. Which functions has nobody spoken of, the assistant included?"
    )
    assert value >= ENOUGH, "too much is missed. Which functions have you not tried to break?"


@check(points=2, observes="artifact")
def evidence_is_red_and_green(review, pull, worlds, resting):
    """Each finding's evidence, and each guard, is red with that bug alone and green without any."""
    own = {one.key for one in review.findings}
    assert len([key for key in review.guards if key not in own]) >= GUARDS, (
        "three guards are wanted: tests of functions in which you found nothing"
    )
    trials = resting(review)
    assert len(trials) >= GUARDS, "no evidence belongs to a function of the package"
    assert len({evidence for _, evidence in trials}) == len(trials), (
        "one test stands for two functions. Which of them is it about?"
    )
    for key, evidence in trials:
        worlds.add(worlds.rewritten(key), evidence)
    for one in review.findings:
        worlds.add(pull.texts, one.evidence)
    worlds.add(pull.texts, *review.guards.values())
    worlds.add(pull.fixed(), *(evidence for _, evidence in trials))
    *ends, held, green = worlds.run()
    reds, here = ends[: len(trials)], ends[len(trials) :]
    assert green == 0, (
        "a test is not green on the code without bugs. What does it ask beyond the promise?"
    )
    assert all(end == 1 for end in here), (
        "what should show a finding is green on the pull request itself. Is anything wrong there?"
    )
    assert held == 0, (
        "a guard is red on the pull request itself. Do you vouch for what your own test refuses?"
    )
    assert all(end == 1 for end in reds), (
        "a test is not red when only its function is broken, in other words. What does it test?"
    )


@check(points=3, observes="artifact")
def each_test_is_about_one_bug(review, worlds, resting):
    """Evidence stays green where all the other bugs are, and on two rewritten packages."""
    trials = resting(review)
    assert len(trials) >= GUARDS, "no evidence belongs to a function of the package"
    places = [one.key for one in review.findings]
    assert all(places), (
        "a finding stands in no function. Is a promise broken there, or is it a matter of taste?"
    )
    assert len(set(places)) == len(places), (
        "two findings are about one function. Which of their tests tells Sam when it is mended?"
    )
    for key, evidence in trials:
        worlds.add(worlds.others(key), evidence)
    for texts in worlds.twice():
        worlds.add(texts, *(evidence for _, evidence in trials))
    *ends, first, second = worlds.run()
    assert all(end == 0 for end in ends), (
        "a test is red although its function is right. Which other function does it go through?"
    )
    assert first == second == 0, (
        "a test is red on a package that keeps every promise and is written differently"
    )


@check(points=2, observes="artifact", must=True, after="finds_what_matters")
def verdict_and_order(review, pull):
    """The verdict is right, and loss and leaks stand before everything else."""
    assert review.verdict in ("approve", "request changes"), (
        "the verdict is `approve` or `request changes`"
    )
    assert review.verdict == pull.verdict, (
        "the other verdict. What would happen tonight if this were merged, or if it were not?"
    )
    assert review.verdict != "approve" or len(review.guards) >= ALONE, (
        "an approval rests on eight guards. What else did you try, and how would Signe know?"
    )
    marks = [one.severity for one in review.findings]
    assert marks == sorted(marks, key=("blocker", "major", "minor").index), (
        "the findings are not in the order of their severity. What does Sam read first?"
    )
    called = pull.severities(review.findings)
    assert all(mark in ("blocker", also) for mark, truth, also in called if truth == "blocker"), (
        "a loss, a leak or a look into the future is not called a blocker"
    )
    assert all(mark != "blocker" for mark, truth, _ in called if truth == "minor"), (
        "a finding stops the merge that could wait for next week"
    )
    majors = [(mark, also) for mark, truth, also in called if truth == "major"]
    assert all(mark != "minor" or also == "minor" for mark, also in majors), (
        "what goes wrong on an ordinary night is called minor. Who will mend it, and when?"
    )
    assert [mark for mark, also in majors if also != "blocker"].count("blocker") <= 1, (
        "two findings stop the merge, and nothing is lost or seen by others. What would Sam drop?"
    )


@check(points=2, observes="artifact")
def triages_the_assistant(review, pull):
    """Ten of the assistant's twelve remarks are told apart: to fix, true but small, wrong."""
    assert set(review.triage) == set(pull.triage), "each of the twelve remarks needs an answer"
    words = set(review.triage.values())
    assert words <= {"fix", "nit", "wrong"}, "an answer is `fix`, `nit` or `wrong`"
    right = [key for key, truth in pull.triage.items() if review.triage[key] == truth]
    assert len(right) >= 10, (
        "fewer than ten of twelve. Have you tried each remark, as you would try your own?"
    )


@check(points=2, observes="artifact")
def reads_sams_commits(review, pull, worlds):
    """Of Sam's five commits, those that keep the promise are merged; your tests say so, too."""
    assert set(review.replies) == set(pull.answers), "each of Sam's five commits needs an answer"
    words = set(review.replies.values())
    assert words <= {"merge", "not yet"}, "an answer is `merge` or `not yet`"
    bad = [key for key, truth in pull.answers.items() if truth == "not yet"]
    assert all(review.replies[key] == "not yet" for key in bad), (
        "a commit is merged that breaks its promise. Which input did your test not try?"
    )
    assert review.replies == pull.answers, (
        "a commit is sent back that keeps its promise. Did you judge what it does, or its looks?"
    )
    green, red = worlds.narrow(review)
    assert not green, (
        "your own test is green with a commit that you send back. How would Sam know?"
    )
    assert not red, "your own test is red with a commit that you merge. What does it ask?"


@check(points=2, observes="artifact", after="finds_what_matters")
def comment_says_what_the_review_says(told):
    """The covering comment's verdict and numbers are those of the review, and it has no others."""
    said, due, words, first = told
    assert sorted(name for name, _ in said) == sorted(due), (
        "the comment has five facts, each once: verdict, findings, blockers, wrong remarks, missed"
    )
    assert dict(said) == due, "a fact of the comment is not what your own review says. Which one?"
    assert not any(mark.isdigit() for mark in words), "a number stands outside of the facts"
    assert 60 <= len(words.split()) <= 250, "the comment should have between 60 and 250 words"
    assert len(set(words.lower().split())) >= 40, (
        "the comment says few things often. What does Sam learn from it?"
    )
    assert first in words, (
        "the comment does not name the function of your first finding. Where does Sam begin?"
    )
