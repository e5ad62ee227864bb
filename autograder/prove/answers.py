"""Right answers earn everything, nothing earns nothing, each mistake fails what it names."""

from __future__ import annotations

from collections.abc import Sequence

from autograder.errors import ManifestError
from autograder.grade import load_lab
from autograder.handout import alternatives, handout
from autograder.manifest import Mistake
from autograder.prove.trial import Texts, Trial
from autograder.rig import Task
from autograder.submission import wanted
from autograder.verdict import LabResult, Verdict

FAILS = (Verdict.FAILED, Verdict.CRASHED)


def starter(one: Trial) -> None:
    """The starter earns nothing."""
    made = handout(one.lab, load_lab(one.lab).checks)
    names = {path.relative_to(one.lab.folder).as_posix(): body for path, body in made.items()}
    files = {name: body for name, body in names.items() if wanted(one.lab, name)}
    result = one.rig.judge([Task("starter", files)])[0]
    one.sound("starter", [result])
    if result.points:
        one.wrong.append(f"the starter earns {result.points:g} points: {earned(result)}")
    one.tell(f"starter: {result.points:g} of {result.possible:g}")


def solutions(one: Trial, seeds: int) -> None:
    """The solution and every alternative earn everything, on every seed."""
    named = {"the solution": one.texts}
    named |= {f"alternative {n}": texts for n, texts in alternatives(one.lab).items()}
    for name, texts in named.items():
        results = one.rig.judge(one.tasks(name, texts, seeds))
        lost = _lost(results)
        one.wrong += [f"{name} does not pass {check}: {why}" for check, why in lost.items()]
        one.tell(f"{name}: {'not ' * bool(lost)}everything on {seeds} seeds")


def _lost(results: Sequence[LabResult]) -> dict[str, str]:
    return {
        c.name: f"{c.verdict}, {c.message}"
        for result in results
        for c in result.checks
        if c.verdict is not Verdict.PASSED
    }


def earned(result: LabResult) -> str:
    return ", ".join(c.name for c in result.checks if c.earned)


def caught(one: Trial, seeds: int) -> None:
    """Each mistake fails exactly the checks that it names, and every check is failed by one."""
    made = [(m, swapped(one.texts, m)) for m in one.mistakes.mistake]
    tasks = [(m, t) for m, texts in made for t in one.tasks(m.say, texts, seeds)]
    results = one.rig.judge([task for _, task in tasks])
    for mistake, _ in made:
        own = [r for (m, _), r in zip(tasks, results, strict=True) if m is mistake]
        if one.sound(mistake.say, own):
            one.wrong += (
                dict.fromkeys(disagreement(mistake, result) for result in own) - {"": 0}.keys()
            )
    failed = {name for m in one.mistakes.mistake for name in m.fails}
    one.wrong += [f"no mistake fails {name}" for name in one.points if name not in failed]
    one.tell(f"{len(made)} mistakes on {seeds} seeds")


def swapped(texts: Texts, mistake: Mistake) -> dict[str, str]:
    """Return the solution with a mistake made in it. Raises ManifestError unless found once."""
    if mistake.put:
        return {**texts, mistake.file: mistake.put}
    old, new = mistake.swap
    text = texts.get(mistake.file, "")
    if text.count(old) != 1:
        raise ManifestError(
            f"its text is found {text.count(old)} times, not once", f"mistake {mistake.say!r}",
            f"ladder lint shows where: {mistake.file}",
        )  # fmt: skip
    return {**texts, mistake.file: text.replace(old, new)}


def disagreement(mistake: Mistake, result: LabResult) -> str:
    """Return how the checks that failed differ from those named; "" when they are the same."""
    ended = {c.name: c for c in result.checks}
    failed = {n for n, c in ended.items() if c.verdict in FAILS}
    late = {n for n in failed if len(ended[n].seeds) > 1}
    open_ones = {n for n, c in ended.items() if c.verdict is Verdict.TODO}
    parts = []
    if missed := set(mistake.fails) - failed:
        parts.append(f"is not caught by {', '.join(sorted(missed))}")
    if more := failed - set(mistake.fails):
        messages = "; ".join(f"{n} ({ended[n].message})" for n in sorted(more))
        parts.append(f"also fails {messages}")
    if late:
        parts.append(f"passes {', '.join(sorted(late))} on some seeds")
    if open_ones:
        parts.append(f"leaves {', '.join(sorted(open_ones))} still to do")
    return f"mistake {mistake.say!r} {' and '.join(parts)}" if parts else ""
