"""Nine in ten mutants of the solution are killed by a check."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from autograder.evidence import Survivor
from autograder.mutants import SAMPLE, Mutant, mutants
from autograder.prove.answers import FINE
from autograder.prove.trial import Trial
from autograder.rig import LEARNER, Task

KILLED = 0.90


def mutated(one: Trial, sample: int = SAMPLE) -> tuple[int, int, list[Survivor]]:
    """Nine in ten mutants are killed. Returns how many were tried, killed, and who survived."""
    _judged_in_order(one)
    made = mutants(one.texts, sample_seed(one), sample)
    alive = [m for m, dead in zip(made, killed_among(one, made), strict=True) if not dead]
    survivors = [
        Survivor(file=m.file, line=m.line, change=m.change, reason=_why(one, m)) for m in alive
    ]
    counted = len(made) - sum(bool(s.reason) for s in survivors)
    killed = len(made) - len(alive)
    one.tell(f"{killed} of {counted} mutants killed")
    if counted and killed < KILLED * counted:
        one.blame(f"{killed} of {counted} mutants are killed: {KILLED:.0%} are wanted")
    if not made and len(one.mistakes.mistake) < 10:
        one.blame("nothing here can be mutated: 10 mistakes instead of 5 are wanted")
    return counted, killed, survivors


def sample_seed(one: Trial) -> str:
    return hashlib.sha256(repr(sorted(one.texts.items())).encode()).hexdigest()


def _why(one: Trial, mutant: Mutant) -> str:
    """Return why an author says that a survivor changes nothing; "" when nobody does."""
    lines = one.texts[mutant.file].splitlines()
    line = lines[mutant.line - 1] if mutant.line <= len(lines) else ""
    known = (s for s in one.mistakes.survivor if s.file == mutant.file)
    return next((s.reason for s in known if s.snippet in line or s.snippet in mutant.change), "")


def killed_among(one: Trial, made: Sequence[Mutant]) -> list[bool]:
    """Judge mutants until a check fails: the cheapest checks first, a second seed at last.

    Where learners get different work (`desks` in mistakes.toml), a mutant meets that of several.
    What takes ten CPU seconds and twice what the whole solution takes is an endless loop.
    """
    order, limit = _cheapest_first(one), 10 + 2 * one.rig.whole
    learners = [LEARNER, *(f"{LEARNER}-{n}" for n in range(1, one.mistakes.desks))]
    meets = [*((learner, 0) for learner in learners), (LEARNER, 1)]

    def dead(mutant: Mutant) -> bool:
        files = one.files({**one.texts, mutant.file: mutant.text})
        for learner, skip in meets:
            task = Task(
                mutant.change, files, learner, seeds=1, skip=skip, only=order, until_failure=True,
                cpu=limit,
            )  # fmt: skip
            result = one.rig.judge_one(task)
            if not one.sound(f"mutant {mutant.file}:{mutant.line}", [result]):
                return False
            if any(c.verdict not in FINE for c in result.checks):
                return True
        return False

    return list(one.rig.each(made, dead))


def _judged_in_order(one: Trial) -> None:
    """The solution earns everything in the order that mutants meet, too."""
    task = Task("in order", one.files(one.texts), seeds=1, only=_cheapest_first(one))
    result = one.rig.judge([task])[0]
    lost = [f"{c.name}: {c.message}" for c in result.checks if c.verdict not in FINE]
    if one.sound("the solution", [result]) and lost:
        one.blame(f"judged by its cheapest checks first, the solution fails {lost[0]}")


def _cheapest_first(one: Trial) -> tuple[str, ...]:
    """Return the checks by what they cost with those they come after, which are judged before."""
    took = one.rig.took

    def cost(name: str) -> float:
        return sum(took.get(needed, 0.0) for needed in _needed(one, name))

    return tuple(sorted(one.points, key=cost))


def _needed(one: Trial, name: str) -> set[str]:
    """Return a check and those it comes after, at any remove."""
    return {name}.union(*(_needed(one, before) for before in one.rig.checks[name].after))
