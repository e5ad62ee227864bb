"""Schedules: when is the next time that rate(...), cron(...) or at(...) names?

Cron as EventBridge writes it: six fields (minute hour day month weekday year), Sunday is 1, with
, - * / ? L W #. Limit: minutes at the finest; a flexible window counts as its beginning.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_RATE = re.compile(r"rate\((\d+) (minute|minutes|hour|hours|day|days)\)")
_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_CRON = re.compile(r"cron\((.+)\)")
_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}
_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS = {"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7}
_LAST_YEAR = 2199


@dataclass(frozen=True)
class Cron:
    """A cron expression, its fields as sets of numbers; `day` and `weekday` stay text."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    day: str
    months: frozenset[int]
    weekday: str
    years: frozenset[int]

    def days(self, year: int, month: int) -> list[int]:
        """Return the days of a month that are meant."""
        last = calendar.monthrange(year, month)[1]
        if self.weekday == "?":
            return _month_days(self.day, year, month, last)
        return _week_days(self.weekday, year, month, last)

    def dates(self, start: date) -> Iterator[date]:
        """Yield the dates that are meant, from a date on."""
        for year in range(start.year, _LAST_YEAR + 1):
            if year not in self.years:
                continue
            for month in sorted(self.months):
                if (year, month) >= (start.year, start.month):
                    found = (date(year, month, day) for day in self.days(year, month))
                    yield from (one for one in found if one >= start)


def following(text: str, after: float, begun: float, zone: str = "UTC") -> float | None:
    """Return the next moment of a schedule after a moment; None: there is none.

    `begun` is when the schedule was made: a rate counts from there. ValueError: bad expression.
    """
    if match := _RATE.fullmatch(text):
        seconds = _rate(match)
        done = max(0, int((after - begun) // seconds))
        return begun + (done + 1) * seconds
    where = _zone(zone)
    if match := _AT.fullmatch(text):
        moment = datetime.fromisoformat(match[1]).replace(tzinfo=where).timestamp()
        return moment if moment > after else None
    if match := _CRON.fullmatch(text):
        return _next(cron(match[1]), after, where)
    raise ValueError(f"{text} is neither rate(...), cron(...) nor at(...)")


def check(text: str, zone: str = "UTC", scheduler: bool = False) -> None:
    """ValueError when a text is no schedule.

    EventBridge Scheduler knows `at` besides, and takes a rate's unit in singular or plural; a rule
    of EventBridge wants rate(1 hour) and rate(2 hours).
    """
    if text.startswith("at(") and not scheduler:
        raise ValueError("at(...) belongs to EventBridge Scheduler")
    match = _RATE.fullmatch(text)
    if match and not scheduler and (int(match[1]) == 1) == match[2].endswith("s"):
        raise ValueError(f"{text}: one minute, two minutes")
    following(text, 0.0, 0.0, zone)


def _rate(match: re.Match[str]) -> int:
    count = int(match[1])
    if count < 1:
        raise ValueError(f"{match[0]}: a number from 1 up")
    return count * _SECONDS[match[2].rstrip("s")]


@cache
def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"there is no time zone {name}") from None


def _next(wanted: Cron, after: float, zone: tzinfo) -> float | None:
    start = datetime.fromtimestamp(after, zone)
    for day in wanted.dates(start.date()):
        for hour in wanted.hours:
            for minute in wanted.minutes:
                moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
                # An hour that a change of the clocks leaves out comes back as another one.
                real = moment.astimezone(UTC).astimezone(zone)
                if moment.timestamp() > after and real.hour == hour:
                    return moment.timestamp()
    return None


@cache
def cron(text: str) -> Cron:
    """Read a cron expression's fields. ValueError tells what is wrong."""
    fields = text.upper().split()
    if len(fields) != 6:
        raise ValueError(f"cron({text}) has {len(fields)} fields, not six")
    minute, hour, day, month, weekday, year = fields
    if (day == "?") == (weekday == "?"):
        raise ValueError(f"cron({text}): one of day-of-month and day-of-week is ?, the other not")
    wanted = Cron(
        tuple(sorted(_numbers(minute, 0, 59))), tuple(sorted(_numbers(hour, 0, 23))), day,
        frozenset(_numbers(month, 1, 12, _MONTHS)), weekday,
        frozenset(_numbers(year, 1970, _LAST_YEAR)),
    )
    wanted.days(2000, 1)  # a day that cannot be read is an error now
    return wanted


def _numbers(text: str, low: int, high: int, names: dict[str, int] | None = None) -> set[int]:
    """Return the numbers that a field names: lists, ranges, steps, names."""
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        if span in {"*", "?"}:
            start, stop = low, high
        else:
            start = _number(first, names)
            stop = _number(last, names) if dash else (high if step else start)
        if not low <= start <= high or not low <= stop <= high:
            raise ValueError(f"{part} is not within {low}-{high}")
        found |= set(range(start, stop + 1, int(step or 1)))
    return found


def _number(text: str, names: dict[str, int] | None) -> int:
    return names[text] if names and text in names else int(text)


def _month_days(text: str, year: int, month: int, last: int) -> list[int]:
    if text == "L":
        return [last]
    if text.endswith("W"):
        wanted = last if text == "LW" else min(int(text[:-1]), last)
        return [_nearest_weekday(year, month, wanted, last)]
    return sorted(day for day in _numbers(text, 1, 31) if day <= last)


def _nearest_weekday(year: int, month: int, day: int, last: int) -> int:
    weekday = date(year, month, day).weekday()
    if weekday == 5:
        return day - 1 if day > 1 else day + 2
    if weekday == 6:
        return day + 1 if day < last else day - 2
    return day


def _week_days(text: str, year: int, month: int, last: int) -> list[int]:
    def number(day: int) -> int:
        return (date(year, month, day) + timedelta(days=1)).weekday() + 1  # Sunday is 1

    days = range(1, last + 1)
    if "#" in text:
        name, _, which = text.partition("#")
        found = [day for day in days if number(day) == _number(name, _DAYS)]
        return found[int(which) - 1:int(which)]
    if text.endswith("L") and text != "L":
        return [day for day in days if number(day) == _number(text[:-1], _DAYS)][-1:]
    wanted = {7} if text == "L" else _numbers(text, 1, 7, _DAYS)
    return [day for day in days if number(day) in wanted]
