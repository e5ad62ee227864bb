"""What a program writes, sent to CloudWatch Logs line by line, and the figures found in it.

Limit: a line is cut at 4 KiB for figures and at 64 KiB for the log.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.cloud.inside import Inside

_LINE, _SEARCHED, _BATCH = 64 << 10, 4 << 10, 500


@dataclass
class Journal:
    """One log stream; `feed` takes the whole output so far, `seen` hears of each new line."""

    inside: Inside
    group: str
    stream: str
    seen: Callable[[str], None] = lambda _: None
    taken: int = 0
    begun: bool = False
    failed: bool = False
    _client: Any = field(default=None, repr=False)

    def feed(self, output: bytes, *, last: bool = False) -> None:
        """Send the lines that are new; with `last` also one that has no end."""
        new = output[self.taken:]
        end = len(new) if last else new.rfind(b"\n") + 1
        lines = [line[:_LINE].decode(errors="replace") for line in new[:end].splitlines()]
        self.taken += end
        self.write(lines)
        for line in lines:
            self.seen(line)

    def write(self, lines: Iterable[str]) -> None:
        """Send lines."""
        now = int(self.inside.clock.now() * 1000)
        events = [{"timestamp": now, "message": line} for line in lines if line]
        for start in range(0, len(events), _BATCH):
            self._put(events[start:start + _BATCH])

    def _put(self, events: list[dict[str, Any]]) -> None:
        if self._client is None:
            self._client = self.inside.own_client("logs")
        if not self.begun:
            self.begun = True
            for make, names in (
                ("create_log_group", {"logGroupName": self.group}),
                ("create_log_stream",
                 {"logGroupName": self.group, "logStreamName": self.stream}),
            ):
                with contextlib.suppress(self._client.exceptions.ResourceAlreadyExistsException):
                    getattr(self._client, make)(**names)
        self._client.put_log_events(
            logGroupName=self.group, logStreamName=self.stream, logEvents=events
        )


@dataclass
class Figures:
    """The metrics that expressions find in a log: the last value of each, and all to CloudWatch."""

    definitions: Iterable[Mapping[str, str]]
    last: dict[str, tuple[float, float]] = field(default_factory=dict)
    fresh: list[tuple[str, float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.patterns = [(one["Name"], re.compile(one["Regex"])) for one in self.definitions]

    def look(self, line: str, now: float) -> None:
        """Find the figures of a line."""
        for name, pattern in self.patterns:
            for match in pattern.finditer(line[:_SEARCHED]):
                with contextlib.suppress(ValueError, IndexError, TypeError):
                    value = float(match[1])
                    self.last[name] = (value, now)
                    self.fresh.append((name, value, now))

    def final(self) -> list[dict[str, Any]]:
        """Return what DescribeTrainingJob shows."""
        return [
            {"MetricName": name, "Value": value, "Timestamp": when}
            for name, (value, when) in self.last.items()
        ]

    def publish(self, inside: Inside, namespace: str, job: str) -> None:
        """Send what is new to CloudWatch."""
        new, self.fresh = self.fresh, []
        watch = inside.own_client("cloudwatch") if new else None
        dimensions = [{"Name": "TrainingJobName", "Value": job}]
        for start in range(0, len(new), 100):
            assert watch is not None
            watch.put_metric_data(Namespace=namespace, MetricData=[
                {"MetricName": name, "Value": value, "Timestamp": when, "Dimensions": dimensions}
                for name, value, when in new[start:start + 100]
            ])
