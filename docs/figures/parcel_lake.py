"""Draw the pictures of the lesson parcel-lake; what they show is worked.py's.

python docs/figures/parcel_lake.py
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import matplotlib as mpl
from matplotlib.figure import Figure

LESSON = Path(__file__).parents[1] / "2-junior/parcel-lake"
STYLE = {
    "svg.hashsalt": "parcel-lake",
    "svg.fonttype": "none",
    "font.size": 10,
    "figure.facecolor": "#fbfaf7",
    "axes.facecolor": "#fbfaf7",
}
COLOURS = {"operations": "#1f6f9f", "claims": "#b5472f", "finance": "#8a8271"}
CALM, LOUD = "#1f6f9f", "#b5472f"


def worked() -> ModuleType:
    """Return the lesson's code as a module."""
    spec = importlib.util.spec_from_file_location("worked_lake", LESSON / "worked.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def bare(axes: object) -> None:
    """Take the frame away."""
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)  # type: ignore[attr-defined]
    axes.tick_params(axis="y", length=0)  # type: ignore[attr-defined]


def prices(code: ModuleType) -> Figure:
    """What a thousand of each question cost in each layout, on a scale of powers of ten."""
    found = code.asked()
    figure = Figure(figsize=(5.2, 5.4), layout="constrained")
    axes = figure.subplots()
    for row, by in enumerate(found.values()):
        for turn, (who, (_, _, dollars)) in enumerate(by.items()):
            y = -row * 4 - turn
            axes.barh(y, 1000 * dollars, height=0.86, color=COLOURS[who],
                      label=who if not row else None)
            axes.text(1000 * dollars * 1.12, y, f"${1000 * dollars:,.2f}", va="center", fontsize=9)
    axes.set_xscale("log")
    axes.set_xlim(0.02, 400)
    axes.set_xticks([0.1, 1, 10, 100], ["$0.10", "$1", "$10", "$100"])
    axes.set_yticks([-row * 4 - 1 for row in range(len(found))], list(found))
    axes.set_title("a question asked a thousand times costs", loc="left", fontsize=10.5)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    bare(axes)
    return figure


def loads(code: ModuleType) -> Figure:
    """Records by task, three ways through one shuffle."""
    found = code.shuffles()
    figure = Figure(figsize=(5.2, 5.6), layout="constrained")
    rows = figure.subplots(len(found), 1, sharex=True)
    for axes, (title, counts) in zip(rows, found.items(), strict=True):
        most = max(counts)
        axes.bar(range(1, len(counts) + 1), counts,
                 color=[LOUD if n == most and n > sum(counts) / 4 else CALM for n in counts])
        share = f"{sum(counts):,} records, {most / sum(counts):.0%} of them in one task"
        axes.set_title(f"{title.replace(chr(10), ' ')}\n{share}", loc="left", fontsize=9.5)
        axes.set_ylim(0, 8_000)
        axes.set_yticks([0, 4_000, 8_000], ["0", "4,000", "8,000"])
        bare(axes)
    rows[-1].set_xticks(range(1, 9), [str(n) for n in range(1, 9)])
    rows[-1].set_xlabel("task")
    return figure


def draw(folder: Path = LESSON) -> list[Path]:
    """Write both pictures and return their paths."""
    code, made = worked(), []
    with mpl.rc_context(STYLE):
        for name, make in (("prices.svg", prices), ("tasks.svg", loads)):
            path = folder / name
            make(code).savefig(path, metadata={"Date": None, "Creator": None})
            path.write_text("\n".join(row.rstrip() for row in path.read_text().splitlines()) + "\n")
            made.append(path)
    return made


if __name__ == "__main__":
    for path in draw():
        print(path)
