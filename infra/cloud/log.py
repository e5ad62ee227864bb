"""The call log: one record for every request that reached a listener, refused ones included.

Limit: in memory and capped; a flood drops the newest records and counts them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

LONGEST = 100_000
WIDEST = 1024


@dataclass(frozen=True)
class LoggedCall:
    """One call: what was asked of which resource, by whom, and what came of it.

    `action` is the IAM action ("s3:GetObject"), `operation` the API's ("HeadObject"); `received`
    and `bytes` are the body sizes in and out; `by` is "learner" or "judge" by listener; `time` is
    real, `virtual` what the cloud's clock said.
    """

    number: int
    time: float
    service: str
    operation: str
    action: str
    resource: str
    principal: str
    key_id: str
    status: int
    error: str
    received: int
    bytes: int
    tls: bool
    by: str
    presigned: bool = False
    virtual: float = 0.0
    detail: str = ""


@dataclass
class CallLog:
    """Records in order of arrival."""

    records: list[LoggedCall] = field(default_factory=list)
    dropped: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, resource: str, **fields: Any) -> None:
        """Number and keep a record while there is room."""
        with self.lock:
            if len(self.records) >= LONGEST:
                self.dropped += 1
                return
            number = len(self.records)
            self.records.append(LoggedCall(number, resource=resource[:WIDEST], **fields))

    def since(self, number: int) -> list[dict[str, object]]:
        """Return the records from the `number`th on, as data."""
        return [asdict(record) for record in self.records[number:]]


def loads(rows: Iterable[dict[str, object]]) -> list[LoggedCall]:
    """Return records from their data."""
    return [LoggedCall(**row) for row in rows]  # type: ignore[arg-type]
