"""Play a plan in your fifty futures: what was kept, what it costs, and a picture of one week.

    python play.py plan.json               before the news
    python play.py replan.json --news      after it, and which lines differ from plan.json
    python play.py plan.json --of 10       the first ten futures only
    python play.py plan.json --week 3      future number 3 as week.svg

A `!` stands at what broke the promise. `check` plays these futures too; grading plays others, drawn
by the same hand.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import week

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def read(name: str) -> Any:
    """A JSON document of this folder."""
    return json.loads(Path(name).read_text(encoding="utf-8"))


def line(values: list[float], high: float, top: float, left: int) -> str:
    """The points of a curve, 720 wide and 120 high."""
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


def moment(seconds: float) -> str:
    """A day of the week and the time of day."""
    hour = int(seconds // week.HOUR)
    return f"{DAYS[hour // 24 % 7]} {hour % 24:02}:{int(seconds % week.HOUR) // 60:02}"


def troubles(draws: week.Draws) -> list[tuple[float, float, str]]:
    """What goes wrong in a future whatever the plan: from, to, what."""
    found = [(a, b, f"{week.REGIONS[region]} lacks a zone") for a, b, region, _ in draws.outages]
    found += [(a, b, "no spot") for a, b in draws.droughts]
    return sorted(found + [(a, b, "roads hang") for a, b, _ in draws.brownouts])


def band(since: float, until: float, top: float, left: int, colour: str) -> str:
    """Some hours of a curve's week, shaded."""
    x, wide = left + 720 * since / week.WEEK, 720 * (until - since) / week.WEEK
    return f'<rect x="{x:.1f}" y="{top}" width="{wide:.1f}" height="120" fill="{colour}"/>'


def picture(outcome: week.Outcome, draws: week.Draws, world: week.World) -> str:
    """Queue, latency and spend over the week, one above the other.

    Shaded: the campaign in yellow, what goes wrong in red. The dashes are the promised hour.
    """
    rush = world["campaign"]["starts"] * week.HOUR
    hour = world["promise"]["tour_seconds"] / 60
    curves = {
        "orders waiting": [float(n) for _, n, _ in outcome.series],
        "slowest tour of the hour, minutes": hourly(outcome.answered),
        f"{world['currency']} an hour": [spend for _, _, spend in outcome.series],
    }
    parts = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 520" font-size="13">']
    parts.append('<rect width="760" height="520" fill="white"/>')
    for place, (name, values) in enumerate(curves.items()):
        top = 30 + 165 * place
        high = max(*values, hour if place == 1 else 0) or 1.0
        until = rush + world["campaign"]["hours"] * week.HOUR
        parts.append(band(rush, until, top, 20, "#fbe7a8"))
        parts += [band(a, b, top, 20, "#f3c1bb") for a, b, _ in troubles(draws)]
        if place == 1:
            y = top + 120 - 120 * hour / high
            parts.append(f'<path d="M20 {y:.1f}h720" stroke="#777" stroke-dasharray="4 4"/>')
        parts.append(f'<text x="20" y="{top - 8}">{name}, at most {max(values):.4g}</text>')
        points = line(values, high, top, 20)
        parts.append(f'<polyline fill="none" stroke="#1f6f9f" points="{points}"/>')
        for number, day in enumerate(DAYS):
            parts.append(f'<text x="{20 + 720 * number / 7:.0f}" y="{top + 134}">{day}</text>')
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
        drawn = picture(one, week.Draws(world, futures[told.week]), world)
        Path("week.svg").write_text(drawn, encoding="utf-8")
        return
    kept, cost, played = 0, 0.0, futures[: told.of]
    print("future  kept   p99 min  slots in time   lost    retries   cost  what happened")
    promise = world["promise"]
    for number, future in enumerate(played):
        one = week.played(world, plan, future)
        good = week.promised(world, one)
        kept, cost = kept + good, cost + one.cost
        share = one.slots_within(promise["slot_seconds"])
        late, few, many = (
            "!" if wrong else " "
            for wrong in (one.p99 > promise["tour_seconds"], share < promise["slots"],
                          one.lost > promise["lost"])
        )  # fmt: skip
        what = "; ".join(
            f"{name} {moment(a)} to {moment(b)[4:]}"
            for a, b, name in troubles(week.Draws(world, future))
        )
        print(
            f"{number:>6}  {'yes' if good else 'NO':<5} {one.p99 / 60:>6.1f}{late} {share:>12.1%}"
            f"{few} {one.lost:>8.2%}{many} {one.retries:>8} {one.cost:>8.0f}  {what}"
        )
    mean = cost / len(played)
    print(f"kept in {kept} of {len(played)}, {mean:.0f} {world['currency']} a week")
    if told.news:
        print("lines changed:", *week.changes(read("plan.json"), plan), sep="\n  ")


if __name__ == "__main__":
    main()
