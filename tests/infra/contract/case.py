"""Cases of the contract: what the real services do, tried on a target, with one of three outcomes.

    @case("blob", "a second put replaces the first", aws="PutObject", azure="Put Blob", ...)
    def overwrite(blobs): ...

A case raises `Differs` with what it saw, `Absent` where a target says that it does not have this;
whatever else goes wrong is a difference, too. Limit: a case sees one container of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

RIGHT = "right"


class Differs(Exception):
    """The target does something else than the real service."""


class Absent(Exception):
    """The target says that it does not do this."""


class Refused(Exception):
    """A service's error, as its own client tells it: status and code."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(f"{status} {code}: {message}"[:300])
        self.status = status
        self.code = code

    @property
    def short(self) -> str:
        """Status and code."""
        return f"{self.status} {self.code}".strip()


@dataclass(frozen=True)
class Case:
    """One thing that a real service does. `sources`: the page that says so, by family."""

    name: str
    kind: str
    claim: str
    run: Callable[[Any], None]
    sources: dict[str, str] = field(default_factory=dict)


CASES: list[Case] = []


def case(kind: str, claim: str, **sources: str) -> Callable[[Callable[[Any], None]], Any]:
    """Register a function as a case for the families whose pages are named."""

    def register(run: Callable[[Any], None]) -> Callable[[Any], None]:
        name = f"{kind}-{run.__name__.replace('_', '-')}"
        assert name not in {one.name for one in CASES}, name
        CASES.append(Case(name, kind, claim, run, sources))
        return run

    return register


def same(seen: object, wanted: object, what: str = "") -> None:
    """Raise Differs unless these are equal; `what` is what was looked at."""
    if seen != wanted:
        told = f"{what}: " if what else ""
        raise Differs(f"{told}{_short(seen)}; really {_short(wanted)}")


def refused(call: Callable[[], object], wanted: str) -> None:
    """Raise Differs unless a call is refused with this status and code.

    "403" alone leaves the code open.
    """
    try:
        call()
    except Refused as refusal:
        if str(refusal.status) != wanted:
            same(refusal.short, wanted)
    else:
        raise Differs(f"it is allowed; really {wanted}")


def outcome(one: Case, thing: Any) -> str:
    """Run a case; return "right", "differs: …" or "absent: …"."""
    try:
        one.run(thing)
    except Differs as difference:
        return f"differs: {difference}"
    except Absent as absence:
        return f"absent: {absence}"
    except Refused as refusal:
        said = f"{refusal.status} {refusal.code}"
        return f"absent: {said}" if refusal.status == 501 else f"differs: refused with {said}"
    except Exception as error:  # a client that cannot read the answer, for one
        return f"differs: {type(error).__name__}: {_short(str(error))}"
    return RIGHT


def _short(value: object) -> str:
    text = repr(value) if not isinstance(value, str) else value
    return text if len(text) <= 80 else f"{text[:60]}… ({len(text)} characters)"
