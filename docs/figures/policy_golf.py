"""Draw the pictures of the lesson policy-golf and write its table; the numbers are worked.py's.

python docs/figures/policy_golf.py
"""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

LESSON = Path(__file__).parents[1] / "3-senior/policy-golf"
STYLE = {
    "svg.hashsalt": "policy-golf",
    "svg.fonttype": "none",
    "font.size": 10,
    "figure.facecolor": "#fbfaf7",
    "axes.facecolor": "#fbfaf7",
}
INK, BAD, GOOD, PALE = "#33312c", "#b5472f", "#1f6f9f", "#d8d3c7"
PLACES = {  # of the map: column and row
    "cashier": (0, 7.6), "the drawer": (1.05, 7.6), "administrator": (2.3, 5.4),
    "its old self": (1.25, 6.2), "legacy runs as": (1.35, 4.4), "the fence, moved": (1.4, 2.8),
    "releaser": (0, 4.4), "resize runs as": (0, 6.6),
    "a new role": (0.3, 1.1), "the fence": (2.0, 1.1),
}  # fmt: skip


def worked() -> ModuleType:
    """Return the lesson's code as a module."""
    spec = importlib.util.spec_from_file_location("worked_golf", LESSON / "worked.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def card(code: ModuleType) -> Figure:
    """Strokes of each policy as a bar, next month's refused calls beside it."""
    figure = Figure((6.4, 4.1), layout="constrained")
    axes = figure.subplots()
    for place, (name, statements) in enumerate(code.PEOPLE.items()):
        strokes, refused = code.judge(*statements)
        axes.barh(-place, strokes, height=0.42, color=BAD if refused else GOOD)
        axes.text(0, -place + 0.3, name, va="bottom", color=INK)
        told = f"{strokes} strokes, next month "
        told += f"refused {refused} of {len(code.NEXT)}" if refused else "passes"
        wide = strokes > 120
        axes.text(
            strokes + (-4 if wide else 4), -place, told, va="center",
            ha="right" if wide else "left", color="white" if wide else BAD if refused else GOOD,
        )  # fmt: skip
    axes.set(xlim=(0, 255), ylim=(-len(code.PEOPLE) + 0.55, 0.85), yticks=[], xticks=[])
    for side in axes.spines.values():
        side.set_visible(False)
    return figure


def arrow(axes: Axes, one: str, other: str, right: str, up: bool) -> None:
    """One right: who becomes whom."""
    (x, y), (to_x, to_y) = PLACES[one], PLACES[other]
    colour = BAD if up else GOOD
    axes.annotate(
        "", (to_x, to_y), (x, y),
        arrowprops={"arrowstyle": "->", "color": colour, "shrinkA": 14, "shrinkB": 14, "lw": 1.4},
    )  # fmt: skip
    along = 0.75 if other == "resize runs as" else 0.5
    words = re.sub(r"^(\w+):", r"\1:\n", right)
    words = re.sub(r" (on|from before|lets all|that is) ", r"\n\1 ", words)
    axes.text(
        x + (to_x - x) * along, y + (to_y - y) * along, words, ha="center", va="center",
        fontsize=8.5, color=colour, linespacing=1.05,
        bbox={"facecolor": "#fbfaf7", "edgecolor": "none", "pad": 0.6},
    )  # fmt: skip


def paths(code: ModuleType) -> Figure:
    """The map of who can become whom; what leads to the administrator is red."""
    figure = Figure((5.8, 6.6), layout="constrained")
    axes = figure.subplots()
    for (one, other), right in code.EDGES.items():
        arrow(axes, one, other, right, "administrator" in code.reaches(other))
    for name, (x, y) in PLACES.items():
        up = "administrator" in code.reaches(name)
        axes.text(x, y, name, ha="center", va="center", weight="bold", color=INK,
                  bbox={"boxstyle": "round,pad=0.35", "facecolor": "white",
                        "edgecolor": BAD if up else GOOD})  # fmt: skip
    axes.set(xlim=(-0.35, 2.7), ylim=(0.7, 8.0), xticks=[], yticks=[])
    for side in axes.spines.values():
        side.set_visible(False)
    return figure


def draw(folder: Path) -> list[Path]:
    """Write pictures and table into `folder` and return their paths."""
    code, made = worked(), []
    with mpl.rc_context(STYLE):
        for name, make in (("card", card), ("paths", paths)):
            made.append(folder / f"{name}.svg")
            make(code).savefig(made[-1], metadata={"Date": None})
    made.append(folder / "card.txt")
    made[-1].write_text(code.table(), encoding="utf-8")
    return made


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else LESSON)
