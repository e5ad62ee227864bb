"""What a check did to the learner's programs, moment by moment: started, signalled, ended.

Notes what the judge does and sees; measures nothing else and decides no verdict.
"""

from __future__ import annotations

import signal
import time
from typing import Literal

from autograder.verdict import Moment

Kind = Literal["started", "signalled", "ended", "replaced"]
MOST = 60  # moments kept: a check that starts more programs than that tells of the first


class Timeline:
    """The moments of one check on one seed."""

    def __init__(self) -> None:
        self.moments: list[Moment] = []
        self._begin, self._programs = 0.0, 0

    def started(self, file: str) -> int:
        """Note that a program was started; return its number, from 1."""
        self._programs += 1
        self._note("started", self._programs, file)
        return self._programs

    def signalled(self, program: int, number: int) -> None:
        """Note a signal that the check sent."""
        self._note("signalled", program, _name(number))

    def replaced(self) -> None:
        """Note that the machine was replaced by a new one."""
        self._note("replaced", 0, "")

    def ended(self, program: int, status: int) -> None:
        """Note how a program ended. status: its exit code, negative for a signal."""
        self._note("ended", program, _name(-status) if status < 0 else f"exit code {status}")

    def told(self, sealed: bool) -> tuple[Moment, ...]:
        """Return the moments of a check that interrupted a program; of others, nothing.

        sealed: a grading run. Then only the judge's own deeds, in their order: times and exit
        codes are the learner's to choose, and could carry out what the run's data held.
        """
        if not any(m.kind in ("signalled", "replaced") for m in self.moments):
            return ()
        if not sealed:
            return tuple(self.moments)
        return tuple(
            Moment(kind=m.kind, program=m.program, text=m.text)
            for m in self.moments
            if m.kind != "ended"
        )

    def _note(self, kind: Kind, program: int, text: str) -> None:
        now = time.monotonic()
        self._begin = self._begin or now
        if len(self.moments) < MOST:
            at = round(now - self._begin, 2)
            self.moments.append(Moment(kind=kind, program=program, text=text, at=at))


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
