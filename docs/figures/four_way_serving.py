"""Draw the pictures of the lesson four-way-serving and write its table, by worked.py's numbers.

python docs/figures/four_way_serving.py
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

LESSON = Path(__file__).parents[1] / "2-junior/four-way-serving"
STYLE = {
    "svg.hashsalt": "serving",
    "svg.fonttype": "none",
    "font.size": 11,
    "figure.facecolor": "#fbfaf7",
    "axes.facecolor": "#fbfaf7",
}
RIGHT, TWICE, LOST = "#1f6f9f", "#c77b1e", "#b5472f"
COLOURS = {"service": "#1f6f9f", "function": "#b5472f", "worker": "#5b7f3a", "batch": "#7a5c99"}


def worked() -> ModuleType:
    """Return the lesson's code as a module."""
    spec = importlib.util.spec_from_file_location("worked_serving", LESSON / "worked.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # a dataclass looks itself up there
    spec.loader.exec_module(module)
    return module


def lane(axes: Axes, code: ModuleType, name: str) -> None:
    """One worker: the places kept too many or too few, by when its four predecessors died."""
    off = [code.killed(code.WAYS[name], calls) - code.DUE for calls in code.DEATHS]
    for x, places in enumerate(off):
        colour = TWICE if places > 0 else LOST if places < 0 else RIGHT
        axes.bar(x, places or 4, bottom=0 if places else -2, color=colour, width=0.62)
        text = f"{places:+d}" if places else "right"
        axes.text(x, max(places, 0) + 12, text, ha="center", color=colour, weight="bold")
    axes.axhline(0, color="#555", linewidth=0.8)
    axes.set(ylim=(-105, 190), yticks=[])
    axes.set_title(name, loc="left", fontsize=11)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)


def tallies(code: ModuleType) -> Figure:
    """Four workers under one another."""
    figure = Figure((6.2, 6.4), layout="constrained")
    lanes = figure.subplots(len(code.WAYS), 1, sharex=True)
    for axes, name in zip(lanes, code.WAYS, strict=True):
        lane(axes, code, name)
    words = ["nobody\ndies", *(f"after\n{n} call{'s' * (n > 1)}" for n in range(1, 5))]
    lanes[-1].set_xticks(range(len(words)), words)
    figure.supylabel("places kept too many (up), too few (down)", fontsize=10)
    return figure


def bills(code: ModuleType) -> Figure:
    """What a month costs in each form, by volume."""
    figure = Figure((6.2, 5.0), layout="constrained")
    axes = figure.subplots()
    volumes = np.geomspace(3e5, 1e9, 600)
    lines = {
        "function": [code.function(v) for v in volumes],
        "worker": [code.worker(v) for v in volumes],
        "batch": [code.batch(v) for v in volumes],
    }
    for name, costs in lines.items():
        axes.plot(volumes, costs, color=COLOURS[name], linewidth=2)
    for peak, style in ((1.3, "-"), (6, ":")):
        costs = [code.service(v, peak) for v in volumes]
        axes.plot(volumes, costs, style, color=COLOURS["service"], linewidth=2)
    cross = 2 * code.MACHINE / code.CALL
    axes.plot(cross, 2 * code.MACHINE, "o", color="#222", zorder=5)
    axes.text(cross * 1.1, 2 * code.MACHINE * 0.62, f"{cross / 1e6:.0f} million", color="#222")
    axes.text(3.4e5, 190, "service, peak 1.3 times the mean", color=COLOURS["service"])
    axes.text(4e5, 620, "service, peak 6 times the mean", color=COLOURS["service"])
    axes.text(1.1e6, 7.2, "function", color=COLOURS["function"], rotation=33)
    axes.text(3.4e5, 26, "worker, 4 bursts a day", color=COLOURS["worker"], fontsize=10)
    axes.text(1.2e6, 0.85, "batch, once a night", color=COLOURS["batch"], fontsize=10)
    axes.set(xscale="log", yscale="log", xlabel="requests a month", ylabel="dollars a month")
    axes.set(ylim=(0.4, 8000), xlim=(3e5, 1e9))
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure


def draw(folder: Path) -> list[Path]:
    """Write pictures and table into `folder` and return their paths."""
    code = worked()
    with mpl.rc_context(STYLE):
        tallies(code).savefig(folder / "tallies.svg", metadata={"Date": None})
        bills(code).savefig(folder / "bills.svg", metadata={"Date": None})
    (folder / "tallies.txt").write_text(code.table(), encoding="utf-8")
    return [folder / name for name in ("tallies.svg", "bills.svg", "tallies.txt")]


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else LESSON)
