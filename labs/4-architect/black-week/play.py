"""Play a plan in your fifty futures: what was kept, what it costs, and a picture of one week.

    python play.py plan.json               before the news
    python play.py replan.json --news      after it, and which lines differ from plan.json
    python play.py plan.json --of 10       the first ten futures only
    python play.py plan.json --week 3      future number 3 as week.svg

The judge's futures are others, drawn by the same hand.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import week


def read(name: str) -> Any:
    """A JSON document of this folder."""
    return json.loads(Path(name).read_text(encoding="utf-8"))


def line(values: list[float], top: float, left: int) -> str:
    """The points of a curve, 720 wide and 120 high."""
    high = max(values) or 1.0
    pairs = zip(range(len(values)), values, strict=True)
    step = 720 / max(1, len(values) - 1)
    return " ".join(f"{left + n * step:.1f},{top + 120 - 120 * v / high:.1f}" for n, v in pairs)


def hourly(answered: list[tuple[float, float]]) -> list[float]:
    """The slowest of the answered tours of each hour, in minutes."""
    hours = [0.0] * 168
    for since, took in answered:
        hour = min(167, int(since // week.HOUR))
        hours[hour] = max(hours[hour], took / 60)
    return hours


def picture(outcome: week.Outcome) -> str:
    """Queue, latency and spend over the week, one above the other."""
    curves = {
        "orders waiting": [float(n) for _, n, _ in outcome.series],
        "slowest tour of the hour, minutes": hourly(outcome.answered),
        "spend per hour": [spend for _, _, spend in outcome.series],
    }
    parts = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 520" font-size="13">']
    for place, (name, values) in enumerate(curves.items()):
        top = 30 + 165 * place
        parts.append(f'<text x="20" y="{top - 8}">{name}, at most {max(values):.4g}</text>')
        parts.append(f'<polyline fill="none" stroke="#1f6f9f" points="{line(values, top, 20)}"/>')
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    """Read, play, print."""
    shown = argparse.RawTextHelpFormatter
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=shown)
    asked.add_argument("plan")
    asked.add_argument("--news", action="store_true", help="in the world after the news")
    asked.add_argument("--of", type=int, default=50, help="how many futures")
    asked.add_argument("--week", type=int, help="draw this future into week.svg and stop")
    told = asked.parse_args()
    world, futures = read("news.json" if told.news else "world.json"), read("futures.json")
    if not 1 <= told.of <= len(futures) or not 0 <= (told.week or 0) < len(futures):
        asked.error(f"there are {len(futures)} futures, the first is 0")
    try:
        plan = read(told.plan)
    except (OSError, ValueError) as error:  # a JSONDecodeError names line and column
        asked.error(f"{told.plan} cannot be read: {error}")
    if wrong := week.faults(world, plan):
        raise SystemExit("\n".join(wrong))
    if told.week is not None:
        one = week.played(world, plan, futures[told.week], series=True)
        Path("week.svg").write_text(picture(one), encoding="utf-8")
        return
    kept, cost, played = 0, 0.0, futures[: told.of]
    print("future  kept   p99 min  slots in time   lost    retries   cost")
    for number, future in enumerate(played):
        one = week.played(world, plan, future)
        good = week.promised(world, one)
        kept, cost = kept + good, cost + one.cost
        share = one.slots_within(world["promise"]["slot_seconds"])
        print(
            f"{number:>6}  {'yes' if good else 'NO':<5} {one.p99 / 60:>7.1f} {share:>13.1%}"
            f" {one.lost:>9.2%} {one.retries:>8} {one.cost:>8.0f}"
        )
    print(f"kept in {kept} of {len(played)}, {cost / len(played):.0f} a week")
    if told.news:
        print("lines changed:", *week.changes(read("plan.json"), plan), sep="\n  ")


if __name__ == "__main__":
    main()
