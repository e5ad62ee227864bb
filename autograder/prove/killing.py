"""Nine in ten mutants of the solution are killed by a check."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from autograder.evidence import Survivor
from autograder.mutants import SAMPLE, Mutant, mutants
from autograder.prove.answers import FINE
from autograder.prove.trial import Trial
from autograder.rig import LEARNER, Task

KILLED = 0.90


def mutated(one: Trial, sample: int = SAMPLE) -> tuple[int, int, list[Survivor]]:
    """Nine in ten mutants are killed. Returns how many were tried, killed, and who survived."""
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
    """
    rounds = [Round(one, *these) for these in _rounds(one)]

    def dead(mutant: Mutant) -> bool:
        files = one.files({**one.texts, mutant.file: mutant.text})
        for these in rounds:
            task = replace(these.task(mutant.change, files), until_failure=True, cpu=these.limit())
            result = one.rig.judge_one(task)
            if not one.sound(f"mutant {mutant.file}:{mutant.line}", [result]):
                return False
            if any(c.verdict not in FINE for c in result.checks):
                return True
        return False

    return list(one.rig.each(made, dead))


class Round:
    """Some checks, which mutants meet on a seed of a learner's."""

    def __init__(self, one: Trial, learner: str, only: tuple[str, ...], skip: int) -> None:
        self.one, self.learner, self.only, self.skip = one, learner, only, skip
        self.lock, self.took = threading.Lock(), 0.0

    def task(self, name: str, files: Mapping[str, bytes]) -> Task:
        """Return a submission to be judged by these checks alone."""
        return Task(name, files, self.learner, seeds=1, skip=self.skip, only=self.only)

    def limit(self) -> float:
        """Return the CPU seconds that a mutant may take: most of those over it never end.

        What the solution takes for the same checks decides, judged once: checks share what was
        done for one of them, so what each took in other company does not add up to it.
        """
        if not self.only:
            return 10 + 4 * self.one.rig.whole
        with self.lock:
            self.took = self.took or self._solution()
        return 10 + 4 * self.took

    def _solution(self) -> float:
        files = self.one.files(self.one.texts)
        result = self.one.rig.judge_one(self.task("the solution", files))
        lost = [c.name for c in result.checks if c.verdict not in FINE]
        if self.one.sound("the solution", [result]) and lost:
            self.one.blame(f"the solution, judged by {', '.join(self.only)} alone, fails {lost[0]}")
        return result.cpu


def _rounds(one: Trial) -> Iterator[tuple[str, tuple[str, ...], int]]:
    """Yield learners with groups of checks, cheapest first; then all again on another seed.

    What a check costs includes those it comes after: they are judged with it. A group is in the
    order of the checks, so that a proof that goes on knows it again.
    """
    took, groups, judged = one.rig.took, list[list[str]](), set[str]()
    needed = {name: _needed(one, name) for name in one.points}

    def cost(names: set[str]) -> float:
        return sum(took.get(name, 0.0) for name in names)

    total = cost(set(needed))
    bounds = [0.1 * total, 0.35 * total, total]
    for name in sorted(needed, key=lambda n: cost(needed[n])):
        judged |= needed[name]
        while len(groups) < len(bounds) and (not groups or cost(judged) > bounds[len(groups) - 1]):
            groups.append([])
        groups[-1].append(name)
    learners = [LEARNER, *(f"{LEARNER}-{n}" for n in range(1, one.mistakes.desks))]
    for learner in learners:
        for group in filter(None, groups):
            yield learner, tuple(name for name in needed if name in group), 0
    yield learners[0], (), 1


def _needed(one: Trial, name: str) -> set[str]:
    """Return a check and those it comes after, at any remove."""
    return {name}.union(*(_needed(one, before) for before in one.rig.checks[name].after))
