"""The call log: one record for every request that reached a listener, refused ones included.

Limit: in memory and capped; a flood drops the newest records and counts them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

LONGEST = 200_000


@dataclass(frozen=True)
class LoggedCall:
    """One call: what was asked of which resource, by whom, and what came of it.

    `action` is the IAM action ("s3:GetObject"), `operation` the API's ("HeadObject"); `received`
    and `bytes` are the body sizes in and out; `by` is "learner" or "judge" by listener.
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
    detail: str = ""


@dataclass
class CallLog:
    """Records in order of arrival."""

    records: list[LoggedCall] = field(default_factory=list)
    dropped: int = 0

    def add(self, record: LoggedCall) -> None:
        """Keep a record while there is room."""
        if len(self.records) < LONGEST:
            self.records.append(record)
        else:
            self.dropped += 1

    def since(self, number: int) -> list[dict[str, object]]:
        """Return the records from the `number`th on, as data."""
        return [asdict(record) for record in self.records[number:]]


def loads(rows: Iterable[dict[str, object]]) -> list[LoggedCall]:
    """Return records from their data."""
    return [LoggedCall(**row) for row in rows]  # type: ignore[arg-type]
