"""The lazy five and the liars earn next to nothing."""

from __future__ import annotations

import ast
import base64
import random
from collections.abc import Mapping

from autograder import lies
from autograder.evidence import key
from autograder.prove.answers import earned
from autograder.prove.trial import Texts, Trial
from autograder.rig import LEARNER, Task
from autograder.verdict import Verdict

SHARE = 0.10


def lazies(one: Trial) -> tuple[float, int]:
    """The lazy five earn a tenth at most. Returns the best share and how many were tried."""
    made = {kind: lies.lazy(kind, one.texts) for kind in lies.LAZY}
    return _all_lies(one, "lazy answer", made)


def liars(one: Trial, alone: int) -> tuple[float, int]:
    """Liars earn a tenth at most in all.

    One alone, among right answers, gets no check that fails without its function.
    """
    seen = _visible(one)
    made = {kind: lies.liar(kind, one.texts, None, seen) for kind in lies.LIARS}
    share, count = _all_lies(one, "liar", made, _judged_as(one))
    return share, count + _lies_alone(one, seen, alone)


def _judged_as(one: Trial) -> str:
    """Return on whose desk a liar is judged: on his own, where grading brings other data.

    Where each learner's work itself is another (`desks` in mistakes.toml), what is right on a desk
    stays right there: a liar is judged on somebody else's, as whoever copies would be.
    """
    return LEARNER if one.mistakes.desks == 1 else f"{LEARNER}-1"


def _all_lies(
    one: Trial, what: str, made: Mapping[str, Texts], learner: str = LEARNER
) -> tuple[float, int]:
    tasks = [Task(name, one.files(texts), learner) for name, texts in made.items()]
    results = one.rig.judge_wrong(tasks)
    best = 0.0
    for name, result in zip(made, results, strict=True):
        if one.sound(f"{what} {name}", [result]) and result.points > SHARE * one.total:
            of = f"{result.points:g} of {one.total:g}"
            one.blame(f"{what} {name!r} earns {of} points: {earned(result)}")
        best = max(best, result.points / one.total)
    one.tell(f"{len(made)} kinds of {what}: {best:.0%} at best")
    return best, len(made)


def _visible(one: Trial) -> dict[str, str]:
    """Return what functions answered on a desk's data, of those whose answers hang on the data."""
    files = one.files(lies.recorder(one.texts))
    mine, others = one.rig.record(files, LEARNER), one.rig.record(files, "somebody else")
    return {n: base64.b64encode(b).decode() for n, b in mine.items() if others.get(n) != b}


def _asked(one: Trial) -> list[lies.Function]:
    """Return the functions that checks or fixtures call by their names.

    What only the solution itself calls is left out: the judge sees what becomes of its answer.
    """
    sources = [one.lab.folder / name for name in ("checks.py", "conftest.py")]
    nodes = [n for path in sources for n in ast.walk(ast.parse(path.read_bytes()))]
    words = {n.attr for n in nodes if isinstance(n, ast.Attribute)}
    found = [f for n, t in one.texts.items() if n.endswith(".py") for f in lies.surface(n, t)]
    return [f for f in found if f.name.rpartition(".")[2] in words]


def _lies_alone(one: Trial, seen: Mapping[str, str], count: int) -> int:
    """Put one liar at a time in the place of one function; return how many were tried."""
    functions = _asked(one)
    pairs = [(f, k) for f in functions for k in lies.LIARS if k != "visible" or f.key in seen]
    random.Random(key(one.lab)).shuffle(pairs)
    chosen = pairs[:count]
    own = {f.key: f for f, _ in chosen}
    stubs = one.rig.judge(
        [Task(f.key, one.files(lies.stubbed(one.texts, f)), seeds=1) for f in own.values()]
    )
    needed = {
        k: tuple(c.name for c in r.checks if c.points and c.verdict is not Verdict.PASSED)
        for k, r in zip(own, stubs, strict=True)
    }
    tasks = [
        Task(f"{k} for {f.key}", one.files(lies.liar(k, one.texts, [f], seen)),
             _judged_as(one), only=needed[f.key])
        for f, k in chosen
        if needed[f.key]
    ]  # fmt: skip
    for task, result in zip(tasks, one.rig.judge_wrong(tasks), strict=True):
        gained = [c.name for c in result.checks if c.earned and c.name in task.only]
        if one.sound(f"liar {task.name}", [result]) and gained:
            one.blame(
                f"liar {task.name} earns what it does not deserve: {', '.join(gained)}"
            )
    one.tell(f"{len(tasks)} liars alone among right answers")
    return len(tasks)
