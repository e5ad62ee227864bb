"""Time as the cloud sees it: real time, plus the hours that a judge lets pass at once.

Limit: only the front door lives by it; dates inside the engine's answers stay real.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Clock:
    """Real time and the jumps made so far, as (real moment, seconds); `watchers` hear of each."""

    real: Callable[[], float] = time.time
    jumps: list[tuple[float, float]] = field(default_factory=list)
    watchers: list[Callable[[], None]] = field(default_factory=list)
    ahead: float = 0.0  # the sum of the jumps: a queue asks for the time once for each message

    def now(self) -> float:
        """Return the cloud's time."""
        return self.real() + self.ahead

    def advance(self, seconds: float) -> None:
        """Let time pass: what was signed or issued before grows older, what comes after not."""
        self.jumps.append((self.real(), seconds))
        self.ahead += seconds
        for told in self.watchers:
            told()

    def age(self, moment: float) -> float:
        """Return how old something is that was stamped at a real `moment`."""
        skipped = sum(seconds for when, seconds in self.jumps if when >= moment)
        return self.real() - moment + skipped
