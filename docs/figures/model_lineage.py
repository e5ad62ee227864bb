"""Draw the pictures of the lesson model-lineage and write its table, by worked.py's numbers.

python docs/figures/model_lineage.py
"""

from __future__ import annotations

import importlib.util
import itertools
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

LESSON = Path(__file__).parents[1] / "2-junior/model-lineage"
STYLE = {
    "svg.hashsalt": "lineage",
    "svg.fonttype": "none",
    "font.size": 11,
    "figure.facecolor": "#fbfaf7",
    "axes.facecolor": "#fbfaf7",
}
COLOURS = {4: "#8a8f98", 5: "#1f6f9f", 6: "#c77b1e"}
WRONG = "#b5472f"


def worked() -> ModuleType:
    """Return the lesson's code as a module."""
    spec = importlib.util.spec_from_file_location("worked_lineage", LESSON / "worked.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # a dataclass looks itself up there
    spec.loader.exec_module(module)
    return module


def runs(values: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Yield where equal values begin, how many there are, and the value."""
    begin = 0
    for value, group in itertools.groupby(values):
        number = len(list(group))
        yield begin, number, value
        begin += number


def lane(axes: Axes, versions: list[int], truth: list[int], row: int) -> None:
    """One lane: which version, minute by minute, and under it where that is wrong."""
    for begin, width, version in runs(versions):
        axes.barh(row, width, left=begin, height=0.5, color=COLOURS[version])
        if width > 12:
            axes.text(begin + width / 2, row, f"v{version}", ha="center", va="center",
                      color="white", weight="bold")  # fmt: skip
    for begin, width, wrong in runs([a != b for a, b in zip(versions, truth, strict=True)]):
        if wrong:
            axes.barh(row - 0.36, width, left=begin, height=0.12, color=WRONG)


def told(code: ModuleType, name: str, calls: int) -> tuple[list[int], list[int]]:
    """Return what a way tells of each minute, and what was live."""
    world = code.night(code.WAYS[name], calls)
    record = [(o["at"], o["version"]) for o in world.record if o.get("came true", True)]
    minutes = [code.NIGHT + timedelta(minutes=n) for n in range(code.MINUTES)]
    return (
        [code.newest([(code.NIGHT, 4), *record], minute) for minute in minutes],
        [code.newest(world.moves, minute) for minute in minutes],
    )


LANES = (
    ("note after moving", 1, "note after,\nmoved, then died"),
    ("note before moving", 1, "note before,\ndied, never moved"),
    ("note the wall clock", 2, "note the wall\nclock"),
    ("intent and outcome", 1, "intent, died,\nnever moved"),
    ("intent and outcome", 2, "intent, moved,\nthen died"),
)


def night(code: ModuleType) -> Figure:
    """What four ways tell of the night, under both clocks."""
    figure = Figure((6.2, 5.6), layout="constrained")
    axes = figure.subplots()
    for row, (name, calls, _) in enumerate(reversed(LANES)):
        lane(axes, *told(code, name, calls), row)
    axes.set_yticks(range(len(LANES)), [text for *_, text in reversed(LANES)])
    ticks = range(30, code.MINUTES, 30)
    times = [code.NIGHT + timedelta(minutes=n) for n in ticks]
    axes.set_xticks(list(ticks), [f"{one:%H:%M}" for one in times])
    axes.set_xlabel("UTC, 3 August")
    above = axes.secondary_xaxis("top")
    above.set_xticks(list(ticks), [f"{one.astimezone(code.COPENHAGEN):%H:%M}" for one in times])
    above.set_xlabel("Copenhagen: midnight comes at 22:00 UTC")
    axes.axvline(30, color="#222", linewidth=0.9, linestyle=":")
    axes.set(xlim=(0, code.MINUTES), ylim=(-0.6, len(LANES) - 0.4))
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    return figure


def clock(axes: Axes, code: ModuleType, day: datetime, wall: str, title: str) -> None:
    """One night of a changed clock: the wall's time over the time that passes."""
    minutes = [day + timedelta(minutes=n) for n in range(241)]
    walls = [one.astimezone(code.COPENHAGEN) for one in minutes]
    hours = [one.hour + one.minute / 60 for one in walls]
    jump = next(n for n in range(1, 241) if abs(hours[n] - hours[n - 1]) > 0.5)
    for part in (slice(0, jump), slice(jump, 241)):
        axes.plot([n / 60 for n in range(241)][part], hours[part], color=COLOURS[5], linewidth=3)
    asked = datetime.fromisoformat(wall)
    level = asked.hour + asked.minute / 60
    axes.axhline(level, color=WRONG, linewidth=1, linestyle="--")
    shown = code.turns(wall, "Europe/Copenhagen", minutes)
    for left, one in zip((True, False), shown, strict=False):
        axes.plot((one - day) / timedelta(hours=1), level, "o", color=WRONG, markersize=8)
        axes.annotate(f"{one:%H:%M} UTC", ((one - day) / timedelta(hours=1), level),
                      textcoords="offset points", xytext=(-6, 7) if left else (8, -17),
                      ha="right" if left else "left", color=WRONG)  # fmt: skip
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xticks(range(5), [f"{day + timedelta(hours=n):%H:%M}" for n in range(5)])
    axes.set_yticks(range(6), [f"{n:02}:00" for n in range(6)])
    axes.set(ylim=(0.4, 5.2), ylabel="clock in Copenhagen")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def clocks(code: ModuleType) -> Figure:
    """02:30 in October and in March."""
    figure = Figure((6.2, 6.4), layout="constrained")
    upper, lower = figure.subplots(2, 1)
    clock(upper, code, datetime(2026, 10, 24, 23, tzinfo=UTC), "2026-10-25T02:30",
          "25 October: 02:30 is shown twice")  # fmt: skip
    clock(lower, code, datetime(2026, 3, 28, 23, tzinfo=UTC), "2026-03-29T02:30",
          "29 March: 02:30 is never shown")  # fmt: skip
    lower.set_xlabel("UTC")
    return figure


def draw(folder: Path) -> list[Path]:
    """Write pictures and table into `folder` and return their paths."""
    code = worked()
    with mpl.rc_context(STYLE):
        night(code).savefig(folder / "night.svg", metadata={"Date": None})
        clocks(code).savefig(folder / "clocks.svg", metadata={"Date": None})
    (folder / "night.txt").write_text(code.table(), encoding="utf-8")
    return [folder / name for name in ("night.svg", "clocks.svg", "night.txt")]


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else LESSON)
