"""Draw the picture of the lesson pharmacy-keys and write its table; the numbers are worked.py's.

python docs/figures/pharmacy_keys.py
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

LESSON = Path(__file__).parents[1] / "2-junior/pharmacy-keys"
STYLE = {
    "svg.hashsalt": "pharmacy",
    "svg.fonttype": "none",
    "font.size": 9,
    "figure.facecolor": "#fbfaf7",
    "axes.facecolor": "#fbfaf7",
}
OLD, NEW, REFUSED = "#1f6f9f", "#c77b1e", "#b5472f"


def worked() -> ModuleType:
    """Return the lesson's code as a module."""
    spec = importlib.util.spec_from_file_location("worked_rotation", LESSON / "worked.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # a dataclass looks itself up there
    spec.loader.exec_module(module)
    return module


def history(code: ModuleType, steps: list[Any]) -> list[Any]:
    """What the world looks like before the first run and after each kill."""
    world, seen = code.World(), [code.World()]
    for last in range(1, len(code.STEPS) + 1):
        for step in steps[:last]:
            step(world)
        seen.append(code.World(list(world.accepted), world.current))
    return seen


def lane(axes: Axes, name: str, seen: list[Any]) -> None:
    """One way to rotate: which password opens the database, which one readers are given."""
    for x, world in enumerate(seen):
        if not world.read():
            axes.axvspan(x, x + 1, color=REFUSED, alpha=0.16, linewidth=0)
            axes.text(x + 0.5, 2.62, "refused", ha="center", color=REFUSED, weight="bold")
        for y, word, colour in ((1.5, "old", OLD), (0.5, "new", NEW)):
            if word in world.accepted:
                axes.barh(y, 1, left=x, height=0.55, color=colour, alpha=0.75)
        y, colour = (1.5, OLD) if world.current == "old" else (0.5, NEW)
        axes.plot(x + 0.5, y, "o", color="white", markeredgecolor=colour, markersize=9)
    axes.set(xlim=(0, len(seen)), ylim=(0, 3), yticks=[1.5, 0.5], yticklabels=["old", "new"])
    axes.set_title(name, loc="left", fontsize=10)
    axes.tick_params(length=0)
    axes.set_xticks([])
    for side in axes.spines.values():
        side.set_visible(False)


def timeline(code: ModuleType) -> Figure:
    """The three ways under one another, killed after each step."""
    figure = Figure((8.6, 5.2), layout="constrained")
    lanes = figure.subplots(len(code.WAYS), 1, sharex=True)
    for axes, (name, steps) in zip(lanes, code.WAYS.items(), strict=True):
        lane(axes, name, history(code, steps))
    words = ["before", *(f"killed after\n{step}" for step in code.STEPS)]
    lanes[-1].set_xticks([x + 0.5 for x in range(len(words))], words)
    figure.supxlabel("bar: the database accepts this password      ring: AWSCURRENT", fontsize=9)
    return figure


def draw(folder: Path) -> list[Path]:
    """Write picture and table into `folder` and return their paths."""
    code = worked()
    with mpl.rc_context(STYLE):
        timeline(code).savefig(folder / "rotation.svg", metadata={"Date": None})
    (folder / "refusals.txt").write_text(code.table(), encoding="utf-8")
    return [folder / "rotation.svg", folder / "refusals.txt"]


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else LESSON)
