"""Which request meets which fault: the script `faults.toml`, and its play. Injects nothing.

    seed = 7
    [[rule]]
    name = "busy"
    fault = "throttle"      # error, throttle, latency, drop, expired
    service = "s3"
    operation = ["PutObject", "UploadPart"]
    chance = 0.2

A rule counts the requests that it matches; whether the n-th of them is struck depends on the seed,
the rule's name and n, never on time or threads. Limit: one plan counts on its own; two seams with
the same plan do not know of each other.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from math import log
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from infra.cloud.asked import Asked
from infra.cloud.records import Record, RecordError, parse

Patterns = str | tuple[str, ...]
Count = Annotated[int, Meta(ge=1)]
Millis = Annotated[float, Meta(ge=0)]
Status = Annotated[int, Meta(ge=400, le=599)]
Pair = Annotated[tuple[Millis, Millis], Meta(description="two numbers")]
WAITS = ("ms", "uniform", "lognormal")
ONLY = {
    "when": {"drop"}, "code": {"error", "throttle", "expired"},
    "status": {"error", "throttle", "expired"}, "retry_after": {"error", "throttle"},
    **{key: {"latency"} for key in WAITS},
}


class Rule(Record, frozen=True):
    """One kind of fault, whom it meets and how often. Times of waits are milliseconds.

    `uniform` is [least, most], `lognormal` is [median, sigma of the logarithm]. `between` is
    [from, to] in seconds since the plan was switched on. `when` is the moment of a drop: before the
    engine sees the request, after its work but before the answer, or in the answer's body.
    """

    fault: Literal["error", "throttle", "latency", "drop", "expired"]
    name: str = ""
    cloud: Patterns = "*"
    service: Patterns = "*"
    operation: Patterns = "*"
    method: Patterns = "*"
    prefix: str = ""
    every: Count | None = None
    chance: Annotated[float, Meta(ge=0, le=1)] | None = None
    first: Count | None = None
    between: Pair | None = None
    when: Literal["before", "after", "body"] | None = None
    code: str | None = None
    status: Status | None = None
    retry_after: Annotated[int, Meta(ge=0)] | None = None
    ms: Millis | None = None
    uniform: Pair | None = None
    lognormal: Pair | None = None

    def matches(self, asked: Asked, seconds: float) -> bool:
        """Whether this rule speaks of a request that came so long after the switch."""
        if self.between is not None and not self.between[0] <= seconds < self.between[1]:
            return False
        return asked.key.startswith(self.prefix) and all(
            _fits(pattern, value)
            for pattern, value in (
                (self.cloud, asked.cloud), (self.service, asked.service),
                (self.operation, asked.operation), (self.method, asked.method),
            )
        )

    def strikes(self, seed: int, ordinal: int) -> bool:
        """Whether the request that this rule counted as `ordinal` (from 1) is struck."""
        if self.first is not None and ordinal > self.first:
            return False
        if self.every is not None and ordinal % self.every:
            return False
        return self.chance is None or self._draw(seed, ordinal, "chance").random() < self.chance

    def wait(self, seed: int, ordinal: int) -> float:
        """Return how many milliseconds the request waits."""
        draw = self._draw(seed, ordinal, "wait")
        if self.uniform is not None:
            return draw.uniform(*self.uniform)
        if self.lognormal is not None:
            median, sigma = self.lognormal
            return draw.lognormvariate(log(median), sigma) if median else 0.0
        return self.ms or 0.0

    def _draw(self, seed: int, ordinal: int, what: str) -> random.Random:
        return random.Random(f"{seed}/{self.name}/{ordinal}/{what}")


def _fits(pattern: Patterns, value: str) -> bool:
    words = (pattern,) if isinstance(pattern, str) else pattern
    return any(fnmatchcase(value.lower(), word.lower()) for word in words)


class Plan(Record, frozen=True):
    """A script of faults. Rules are asked in order; the first fault that strikes ends a request.

    Latency does not end it: the wait is added, and the next rules are asked.
    """

    rule: tuple[Rule, ...] = ()
    seed: int = 0


def load(source: Plan | Path | str) -> Plan:
    """Return a plan from a file or TOML text. Raises RecordError, which says what is wrong."""
    if isinstance(source, Plan):
        return _named(source, "plan")
    if isinstance(source, Path):
        try:
            return load_text(source.read_text(encoding="utf-8"), str(source))
        except (OSError, UnicodeDecodeError) as error:
            raise RecordError(f"{source} cannot be read: {error}") from None
    return load_text(source, "plan")


def load_text(text: str, place: str) -> Plan:
    """Return a plan from TOML text; `place` names it in errors. Raises RecordError."""
    return _named(parse(text, Plan, place), place)


def _named(plan: Plan, place: str) -> Plan:
    """Check what types cannot; give every rule its name."""
    rules = []
    for number, rule in enumerate(plan.rule):
        where = f"{place}: rule[{number}]"
        _check(rule, where)
        rules.append(msgspec.structs.replace(rule, name=rule.name or f"rule {number + 1}"))
    twice = [name for name, count in Counter(rule.name for rule in rules).items() if count > 1]
    if twice:
        raise RecordError(f"{place}: two rules are named {twice[0]!r}: draws go by a rule's name.")
    return msgspec.structs.replace(plan, rule=tuple(rules))


def _check(rule: Rule, where: str) -> None:
    for key, kinds in ONLY.items():
        if getattr(rule, key) is not None and rule.fault not in kinds:
            raise RecordError(
                f"{where}: {key!r} goes with {' or '.join(sorted(kinds))}, not with {rule.fault!r}."
            )
    waits = [key for key in WAITS if getattr(rule, key) is not None]
    if rule.fault == "latency" and len(waits) != 1:
        raise RecordError(f"{where}: give one of {', '.join(WAITS)} in milliseconds.")
    for key in ("uniform", "between"):
        pair = getattr(rule, key)
        if pair is not None and pair[0] > pair[1]:
            raise RecordError(f"{where}: {key!r} goes from the smaller number to the larger.")


@dataclass(frozen=True)
class Strike:
    """A rule that strikes a request: the how many-th that it matched, and the wait it adds."""

    rule: Rule
    ordinal: int
    ms: float = 0.0


@dataclass
class Play:
    """A plan in use: counts what each rule has matched. Safe from any thread."""

    plan: Plan
    counts: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def meet(self, asked: Asked, seconds: float) -> Sequence[Strike]:
        """Return what strikes a request: waits, then at most one fault that ends it."""
        found: list[Strike] = []
        with self.lock:
            for rule in self.plan.rule:
                if not rule.matches(asked, seconds):
                    continue
                ordinal = self.counts[rule.name] = self.counts.get(rule.name, 0) + 1
                if not rule.strikes(self.plan.seed, ordinal):
                    continue
                if rule.fault != "latency":
                    return [*found, Strike(rule, ordinal)]
                found.append(Strike(rule, ordinal, rule.wait(self.plan.seed, ordinal)))
        return found
