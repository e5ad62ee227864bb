"""`ladder prove`: shows that a lab's grader is right, or names what does not hold. Prints nothing.

Everything runs on the graded path: the judge in its own process, the best sandbox of this machine,
secret seeds. What cannot be told apart by any check is listed; nothing is left out silently.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from autograder.evidence import Proof, key
from autograder.handout import alternatives
from autograder.manifest import Lab, Mistake
from autograder.mutants import SAMPLE, mutants
from autograder.prove.answers import (
    caught,
    disagreement,
    solution_again,
    solutions,
    starter,
    swapped,
)
from autograder.prove.journal import Journal, Resumed, journal
from autograder.prove.killing import killed_among, mutated, sample_seed
from autograder.prove.lying import lazies, liars
from autograder.prove.trial import Trial, trial
from autograder.rig import Task
from autograder.verdict import ENGINE

__all__ = ["Journal", "Trial", "journal", "open_rig", "prove", "repeated", "spot_check", "trial"]

CPU_BUDGET = 600.0  # CPU seconds for the seeds of the solutions, half as many for the mistakes
SOLUTION_SEEDS, MISTAKE_SEEDS, LIES_ALONE = (5, 50), (3, 20), (6, 24)


def prove(one: Trial, budget: float = CPU_BUDGET, sample: int = SAMPLE) -> Proof:
    """Prove one lab wholly and return what was found.

    budget: CPU seconds that seeds may take. sample: how many mutants are tried.
    """
    cost = _solution_cost(one)
    seeds = _clamp(budget / cost / (1 + len(alternatives(one.lab))), SOLUTION_SEEDS)
    count = max(1, len(one.mistakes.mistake))
    full = _clamp(budget / 2 / cost / count, (2, MISTAKE_SEEDS[1]))
    mistake_seeds = max(full, MISTAKE_SEEDS[0])
    alone = _clamp(budget / 2 / cost / 6, LIES_ALONE)
    starter(one)
    solutions(one, seeds)
    caught(one, mistake_seeds, full)
    lazy_share, lazy_count = lazies(one)
    liar_share, liar_count = liars(one, alone)
    tried, killed, survivors = mutated(one, sample)
    return Proof(
        key=key(one.lab), engine=ENGINE, mode=one.rig.mode, wrong=tuple(one.wrong),
        points=one.total, checks=len(one.points), seeds=seeds,
        alternatives=len(alternatives(one.lab)), mistakes=len(one.mistakes.mistake),
        mistake_seeds=mistake_seeds, lazy=lazy_count, lazy_share=lazy_share, liars=liar_count,
        liar_share=liar_share, mutants=tried, killed=killed, survivors=tuple(survivors),
        cpu=round(one.rig.cpu, 1),
    )  # fmt: skip


def _clamp(value: float, bounds: tuple[int, int]) -> int:
    return max(bounds[0], min(bounds[1], int(value)))


def _solution_cost(one: Trial) -> float:
    """Return the CPU seconds of one seed of the solution."""
    result = one.rig.judge([Task("solution", one.files(one.texts))])[0]
    return max(result.cpu, 0.05) / 2


def spot_check(one: Trial, known: Proof, commit: str) -> None:
    """See whether a known proof still agrees: solution, starter, one mistake and two mutants.

    Each on one seed; which of those that the solution was proven on, the commit draws.
    """
    draw = random.Random(commit)
    number = draw.randrange(known.seeds)
    steps: list[Callable[[], None]] = [lambda: starter(one, 1), lambda: solution_again(one, number)]
    if one.mistakes.mistake:
        steps.append(partial(_again, one, draw.choice(one.mistakes.mistake)))
    with ThreadPoolExecutor() as side:
        for step in [side.submit(step) for step in steps]:
            step.result()
    made = mutants(one.texts, sample_seed(one))
    chosen = draw.sample(made, min(2, len(made)))
    lived = {(s.file, s.line, s.change) for s in known.survivors}
    for mutant, dead in zip(chosen, killed_among(one, chosen), strict=True):
        if dead == ((mutant.file, mutant.line, mutant.change) in lived):
            state = "killed now, survived before" if dead else "survives now, killed before"
            one.blame(f"mutant {mutant.file}:{mutant.line} ({mutant.change}): {state}")
    one.tell("spot-checked against the table")


def _again(one: Trial, mistake: Mistake) -> None:
    own = one.rig.judge([one.task(mistake.say, swapped(one.texts, mistake), 0)])
    if text := disagreement(mistake, own[0]):
        one.blame(text)


def repeated(one: Trial, times: int) -> None:
    """Judge everything `times` over on the same seeds: every verdict must be the same."""
    named = {"the solution": one.texts}
    named |= {f"alternative {n}": texts for n, texts in alternatives(one.lab).items()}
    named |= {f"mistake {m.say!r}": swapped(one.texts, m) for m in one.mistakes.mistake}
    for name, texts in named.items():
        results = one.rig.judge([Task(name, one.files(texts))] * times)
        ends = {tuple((c.name, c.verdict) for c in r.checks) for r in results}
        if len(ends) > 1:
            names = {c for end in ends for c in end if any(c not in other for other in ends)}
            one.blame(f"{name} ends differently: {sorted(f'{n} {v}' for n, v in names)}")
        one.tell(f"{name}: {len(ends)} outcome{'s' * (len(ends) > 1)} in {times} runs")


def open_rig(lab: Lab, binds: Sequence[Path] = ()) -> Resumed:
    """Return a rig in the best sandbox of this machine."""
    from autograder.sandbox import detect

    layers = detect()
    return Resumed(lab, layers.mode, [n for n, holds in layers.have.items() if holds], binds)
