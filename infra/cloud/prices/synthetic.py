"""Writes the spot price trace: a random walk with stated parameters, not a record of any market.

    python -m infra.cloud.prices.synthetic

EC2 keeps 90 days of history and gives it to account holders only, so no recorded trace is shipped.
What is imitated: one price a zone, a few small changes a day, a level of about a third of the list
price, now and then an evening on which one zone runs short. Numbers are drawn as integers.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from infra.cloud.prices import on_demand

KIND, REGION, SEED = "g5.xlarge", "us-east-1", 20261101
START, DAYS, ZONES = datetime(2026, 10, 1, tzinfo=UTC), 31, "abc"
LEVELS = {"a": 33, "b": 36, "c": 40}  # percent of the list price
STEP = 3  # percent of the level, the largest single move
PULL = 8  # one part in PULL of the distance to the level is undone at each change
GAP = (2 * 3600, 8 * 3600)  # seconds between two changes
SHORTAGES = 2  # evenings a zone and month on which the price climbs
CLIMB = (140, 210)  # percent of the level on such an evening

HEADER = f"""\
# SYNTHETIC spot prices of {KIND} in {REGION}, Linux: drawn, not recorded. Made by
# `python -m infra.cloud.prices.synthetic` on 2026-11-21, seed {SEED}. Levels by zone,
# in percent of the list price: {LEVELS}.
# Moves of up to {STEP} % every {GAP[0] // 3600} to {GAP[1] // 3600} hours.
# On {SHORTAGES} evenings a zone it runs short: {CLIMB[0]} to {CLIMB[1]} % of the level.
zone,from_utc,dollars_per_hour
"""


def walk(zone: str) -> Iterator[tuple[datetime, int]]:
    """Yield the changes of one zone: when, and the price in hundredths of a cent."""
    draw = random.Random(f"{SEED} {zone}")
    level = round(on_demand(KIND, REGION) * 100 * LEVELS[zone])
    short = {draw.randrange(DAYS) for _ in range(SHORTAGES)}
    price, second = level, 0
    while second < DAYS * 86400:
        moment = START + timedelta(seconds=second)
        price += draw.randint(-level * STEP // 100, level * STEP // 100) + (level - price) // PULL
        evening = second // 86400 in short and moment.hour >= 17
        yield moment, price * draw.randint(*CLIMB) // 100 if evening else price
        second += draw.randint(*GAP)


def trace() -> str:
    """Return the whole file."""
    rows = ((moment, zone, price) for zone in ZONES for moment, price in walk(zone))
    lines = (f"{REGION}{z},{m:%Y-%m-%dT%H:%M:%SZ},{p / 10000:.4f}" for m, z, p in sorted(rows))
    return HEADER + "\n".join(lines) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name(f"spot-{KIND}-{REGION}.csv").write_text(trace())
