"""Two training jobs in alternating blocks on one device: the tokens a second of each.

A job is a module with `train(seed, device, size, steps, log)`; what lies between two evaluations is
a block, since an evaluation's number has to arrive on the host. Decides nothing.
"""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any

Clock = Callable[[], float]


@dataclass
class Watch:
    """Stands where a job expects its log: keeps the rows, and when the evaluations came."""

    clock: Clock = time.perf_counter
    rows: list[tuple[int, float]] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)
    evaluations: list[float] = field(default_factory=list)
    between: Callable[[], None] = lambda: None

    def row(self, step: int, loss: float, norm: float) -> None:
        """Keep a row of the log."""
        self.rows.append((step, loss))

    def evaluation(self, step: int, loss: float) -> None:
        """Keep an evaluation, and the moment."""
        self.moments.append(self.clock())
        self.evaluations.append(loss)
        if len(self.moments) == 1:
            self.between()


@dataclass(frozen=True)
class Block:
    """One block of one job: the part after its first evaluation, which warms it up."""

    job: str
    steps: int
    seconds: float
    losses: tuple[float, ...]
    held_out: float
    weights: str


@dataclass(frozen=True)
class Asked:
    """What both jobs are asked to do."""

    device: Any
    size: Any
    steps: int
    seed: int


def block(name: str, module: Any, asked: Asked, clock: Clock = time.perf_counter,
          recorder: AbstractContextManager[Any] | None = None) -> Block:  # fmt: skip
    """Let a job take 2 x steps with an evaluation after each half; time the second half."""
    module.EVAL_EVERY, module.LOG_EVERY = asked.steps, 1
    recorder = recorder or nullcontext()
    watch = Watch(clock, between=lambda: recorder.__enter__())
    weights = module.train(asked.seed, asked.device, asked.size, 2 * asked.steps, watch)
    recorder.__exit__(None, None, None)
    if len(watch.moments) != 2:
        raise ValueError(f"{name}: {len(watch.moments)} evaluations instead of 2")
    seconds = watch.moments[1] - watch.moments[0]
    losses = tuple(loss for _, loss in watch.rows)
    return Block(name, asked.steps, seconds, losses, watch.evaluations[-1], digest(weights))


def digest(weights: dict[str, Any]) -> str:
    """Return a hash of the weights that a block ended with."""
    found = hashlib.sha256()
    for name in sorted(weights):
        found.update(name.encode() + weights[name].detach().cpu().float().numpy().tobytes())
    return found.hexdigest()


def alternate(jobs: Sequence[str], count: int) -> Iterator[str]:
    """Yield whose turn it is: every job once, `count` times, each round in the other order."""
    for number in range(count):
        yield from jobs if number % 2 == 0 else reversed(jobs)


def rate(blocks: Sequence[Block], job: str, tokens_a_step: int) -> float:
    """Return the tokens a second of a job: the median of its blocks."""
    found = [one.steps * tokens_a_step / one.seconds for one in blocks if one.job == job]
    return statistics.median(found)


def plain(blocks: Sequence[Block]) -> list[dict[str, Any]]:
    """Return blocks as data."""
    return [asdict(one) for one in blocks]
