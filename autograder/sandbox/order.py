"""What the zygote and the supervisor are told: one box, one programme to start. Plain data only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from autograder.sandbox.limits import Limits


@dataclass(frozen=True)
class Order:
    """One box: how it is closed in, who lives in it, what it may use."""

    mode: str
    desk: str
    tmp: str
    limits: Limits = field(default_factory=Limits)
    env: Mapping[str, str] = field(default_factory=dict)
    uid: int | None = None
    worker: str = "autograder.worker:serve"
    path: Sequence[str] = ()
    shown: Sequence[str] = ()
    fork: bool = False

    @property
    def own_pids(self) -> bool:
        return self.mode in "AB"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Order:
        return cls(**{**data, "limits": Limits(**data["limits"])})
