"""Verdicts and results, and their bounds-checked JSON. Knows neither files nor the terminal."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec

from autograder.errors import GraderError

ENGINE = 1
"""Raised whenever a verdict could change for the same lab and the same submission."""

MAX_RESULT = 16 << 20

KEY = ("lab", "learner", "submission", "version", "engine", "epoch", "tier", "mode", "layers")
"""What could change a verdict (DESIGN 8): two results of one key are one result."""


class Verdict(StrEnum):
    """How one check ended. `ungraded` is the grader's fault and never a score."""

    PASSED = "passed"
    FAILED = "failed"
    TODO = "todo"
    BLOCKED = "blocked"
    SKIPPED = "skipped"
    CRASHED = "crashed"
    UNGRADED = "ungraded"


WORST_FIRST = (
    Verdict.UNGRADED, Verdict.CRASHED, Verdict.FAILED, Verdict.TODO, Verdict.BLOCKED,
    Verdict.SKIPPED, Verdict.PASSED,
)  # fmt: skip


def worst(verdicts: list[Verdict]) -> Verdict:
    """Return the verdict of a check from those of its seeds: the worst of them."""
    return min(verdicts, key=WORST_FIRST.index)


class Moment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that a check did to a program, or saw of it.

    kind: started, signalled, ended, or replaced (the machine; program 0). at: seconds since the
    first moment; 0 throughout a grading run.
    """

    kind: Literal["started", "signalled", "ended", "replaced"]
    program: Annotated[int, msgspec.Meta(ge=0)]
    text: str = ""
    at: Annotated[float, msgspec.Meta(ge=0)] = 0.0


class CheckResult(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One check of one submission. `cpu` is in seconds, judge and learner together."""

    name: str
    claim: str
    points: float
    verdict: Verdict
    message: str = ""
    observes: str = ""
    must: bool = False
    after: tuple[str, ...] = ()
    seeds: tuple[Verdict, ...] = ()
    cpu: float = 0.0
    detail: str = ""
    timeline: tuple[Moment, ...] = ()

    @property
    def earned(self) -> float:
        """Points for this check: all or nothing."""
        return self.points if self.verdict is Verdict.PASSED else 0.0


class LabResult(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One lab of one submission, with everything a result is keyed by (DESIGN 8)."""

    lab: str
    version: str
    learner: str
    submission: str
    epoch: str
    mode: str
    checks: tuple[CheckResult, ...]
    engine: int = ENGINE
    tier: str = "cpu"
    layers: tuple[str, ...] = ()
    cpu: float = 0.0
    peak: int = 0
    killed: str = ""
    outputs: tuple[str, ...] = ()

    @property
    def points(self) -> float:
        """Points earned."""
        return sum(check.earned for check in self.checks)

    @property
    def possible(self) -> float:
        """Points possible; nothing the learner's code does changes them."""
        return sum(check.points for check in self.checks)

    @property
    def passed(self) -> bool:
        """Whether the lab counts: every `must` check and at least 80 % of the points."""
        musts = all(c.verdict is Verdict.PASSED for c in self.checks if c.must)
        return musts and self.points >= 0.8 * self.possible

    @property
    def ungraded(self) -> bool:
        """Whether the grader failed on any check, so that there is no grade yet."""
        return any(c.verdict is Verdict.UNGRADED for c in self.checks)

    @property
    def key(self) -> dict[str, Any]:
        """What this result is keyed by; layers as one text."""
        return {k: getattr(self, k) for k in KEY} | {"layers": "+".join(self.layers)}

    def to_json(self) -> bytes:
        """Encode as one line of JSON."""
        return msgspec.json.encode(self)

    @classmethod
    def from_json(cls, text: bytes) -> LabResult:
        """Decode; raise GraderError for anything that is no result."""
        if len(text) > MAX_RESULT:
            raise GraderError(f"a result of {len(text)} bytes is too large")
        try:
            return msgspec.json.decode(text, type=cls)
        except msgspec.DecodeError as error:
            raise GraderError(f"not a result: {error}") from error
