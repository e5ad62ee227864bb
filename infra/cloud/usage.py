"""What a bill needs and no call log tells: bytes scanned, seconds run. Prices nothing.

    door.usage.add(Usage("athena", "scanned", 52_428_800, "byte", resource=workgroup, tags=tags))
    cloud.use(Usage("sagemaker", "training ml.m5.large", 95, "second", resource=arn))   # a broker
    cloud.usage_records                                                    # what the bill reads

`service` and `item` name an entry of infra/cloud/prices/SERVICE.toml; `unit` is the entry's or one
of its kind: byte MB GB TB, second minute hour, request, GB-second. Storage and what else is held
need no record: the bill reads the state. Limit: in memory and capped, as the call log is.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

LONGEST = 100_000


@dataclass(frozen=True)
class Usage:
    """So much of one priced thing, used by one resource. A float counts as it prints.

    `time` is real, in seconds since the epoch. ValueError when the amount is no number from 0 up.
    """

    service: str
    item: str
    amount: Decimal | int | float | str
    unit: str
    resource: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    region: str = ""
    time: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        if not self.exact.is_finite() or self.exact < 0:
            raise ValueError(f"a usage of {self.amount!r} is no amount: give a number from 0 up")

    @property
    def exact(self) -> Decimal:
        """The amount as a bill computes with it."""
        try:
            return Decimal(str(self.amount))
        except InvalidOperation:
            return Decimal("NaN")


@dataclass
class UsageLog:
    """Records in order of arrival; safe from any thread."""

    records: list[Usage] = field(default_factory=list)
    dropped: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, used: Usage) -> None:
        """Keep a record while there is room."""
        with self.lock:
            if len(self.records) < LONGEST:
                self.records.append(used)
            else:
                self.dropped += 1


def dumps(records: Iterable[Usage]) -> list[dict[str, Any]]:
    """Return records as JSON knows data; amounts become text, so that they stay exact."""
    return [asdict(record) | {"amount": str(record.amount)} for record in records]


def loads(rows: Iterable[Mapping[str, Any]]) -> list[Usage]:
    """Return records from their data."""
    return [Usage(**row) for row in rows]
