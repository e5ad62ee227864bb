"""Right answers earn everything, nothing earns nothing, each mistake fails what it names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from autograder.errors import ManifestError
from autograder.grade import load_lab
from autograder.handout import alternatives, handout
from autograder.manifest import Mistake
from autograder.prove.trial import Texts, Trial
from autograder.rig import Task
from autograder.submission import wanted
from autograder.verdict import LabResult, Verdict

FAILS = (Verdict.FAILED, Verdict.CRASHED)
FINE = (Verdict.PASSED, Verdict.SKIPPED)  # skipped: not run on this machine, whatever the answer


def starter(one: Trial, seeds: int = 2) -> None:
    """The starter earns nothing."""
    made = handout(one.lab, load_lab(one.lab).checks)
    names = {path.relative_to(one.lab.folder).as_posix(): body for path, body in made.items()}
    files = {name: body for name, body in names.items() if wanted(one.lab, name)}
    result = one.rig.judge([Task("starter", files, seeds=seeds)])[0]
    one.sound("starter", [result])
    if result.points:
        one.blame(f"the starter earns {result.points:g} points: {earned(result)}")
    one.tell(f"starter: {result.points:g} of {result.possible:g}")


def solutions(one: Trial, seeds: int) -> None:
    """The solution and every alternative earn everything."""
    named = {"the solution": one.texts}
    named |= {f"alternative {n}": texts for n, texts in alternatives(one.lab).items()}
    for name, texts in named.items():
        _everything(one, name, one.tasks(name, texts, seeds), f"{seeds} seeds")


def solution_again(one: Trial, number: int) -> None:
    """The solution earns everything on a seed on which it did, by its number."""
    name = "the solution"
    _everything(one, name, [one.task(name, one.texts, number)], f"seed {number}")


def _everything(one: Trial, name: str, tasks: Sequence[Task], on: str) -> None:
    lost = _lost(one.rig.judge(tasks))
    one.tell(f"{name}: {'not ' * bool(lost)}everything on {on}")
    for check, why in lost.items():
        one.blame(f"{name} does not pass {check}: {why}")


def _lost(results: Sequence[LabResult]) -> dict[str, str]:
    return {
        c.name: f"{c.verdict}, {c.message}"
        for result in results
        for c in result.checks
        if c.verdict not in FINE
    }


def earned(result: LabResult) -> str:
    return ", ".join(c.name for c in result.checks if c.earned)


def caught(one: Trial, seeds: int, full: int) -> None:
    """Each mistake fails exactly the checks that it names, and every check is failed by one.

    All checks are judged on `full` seeds, the named ones on `seeds`: they must fail on each.
    """
    made = {m.say: (m, _tasks_of(one, m, seeds, full)) for m in one.mistakes.mistake}
    every = [task for _, tasks in made.values() for task in tasks]
    results = one.rig.each(every, one.rig.judge_one)
    for mistake, tasks in made.values():
        own = [next(results) for _ in tasks]
        if one.sound(mistake.say, own):
            found = dict.fromkeys(disagreement(mistake, result) for result in own)
            for text in filter(None, found):
                one.blame(text)
    failed = {name for m in one.mistakes.mistake for name in m.fails}
    for name in one.points:
        if name not in failed:
            one.blame(f"no mistake fails {name}")
    one.tell(f"{len(made)} mistakes: all checks on {full} seeds, the named ones on {seeds}")


def _tasks_of(one: Trial, mistake: Mistake, seeds: int, full: int) -> list[Task]:
    tasks = one.tasks(mistake.say, swapped(one.texts, mistake), seeds)
    wide = (full + 1) // 2  # submissions of two seeds each
    first = [replace(t, seeds=min(t.seeds, full - 2 * n)) for n, t in enumerate(tasks[:wide])]
    named = tuple(name for name in one.points if name in mistake.fails)
    rest = [replace(t, only=named) for t in tasks[full // 2 :]]
    if full % 2:  # the first seed of that submission has been judged
        rest[0] = replace(rest[0], skip=1, seeds=rest[0].seeds - 1)
    return first + [task for task in rest if task.seeds]


def swapped(texts: Texts, mistake: Mistake) -> dict[str, str]:
    """Return the solution with a mistake made in it. Raises ManifestError unless found once."""
    if mistake.put:
        return {**texts, mistake.file: mistake.put}
    old, new = mistake.swap
    text = texts.get(mistake.file, "")
    if text.count(old) != 1:
        raise ManifestError(
            f"its text is found {text.count(old)} times, not once", f"mistake {mistake.say!r}",
            f"./ladder lint shows where: {mistake.file}",
        )  # fmt: skip
    return {**texts, mistake.file: text.replace(old, new)}


def disagreement(mistake: Mistake, result: LabResult) -> str:
    """Return how the checks that failed differ from those named; "" when they are the same."""
    ended = {c.name: c for c in result.checks}
    failed = {n for n, c in ended.items() if c.verdict in FAILS}
    late = {n for n in failed if len(ended[n].seeds) > 1}
    open_ones = {n for n, c in ended.items() if c.verdict is Verdict.TODO}
    parts = []
    skipped = {n for n, c in ended.items() if c.verdict is Verdict.SKIPPED}
    if missed := set(mistake.fails) - failed - skipped:
        parts.append(f"is not caught by {', '.join(sorted(missed))}")
    if more := failed - set(mistake.fails):
        messages = "; ".join(f"{n} ({ended[n].message})" for n in sorted(more))
        parts.append(f"also fails {messages}")
    if late:
        parts.append(f"passes {', '.join(sorted(late))} on some seeds")
    if open_ones:
        parts.append(f"leaves {', '.join(sorted(open_ones))} still to do")
    return f"mistake {mistake.say!r} {' and '.join(parts)}" if parts else ""
