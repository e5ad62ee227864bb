"""Draw the pictures of the lesson late-parcels and write its table; the numbers are worked.py's.

python docs/figures/late_parcels.py
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

LESSON = Path(__file__).parents[1] / "1-foundations/late-parcels"
STYLE = {
    "svg.hashsalt": "late-parcels",
    "svg.fonttype": "none",
    "font.size": 9,
    "figure.facecolor": "#fbfaf7",
    "axes.facecolor": "#fbfaf7",
    "axes.spines.top": False,
    "axes.spines.right": False,
}
COLOURS = ("#b5472f", "#1f6f9f")
SEED = 7


def worked() -> ModuleType:
    """Return the lesson's code as a module."""
    spec = importlib.util.spec_from_file_location("worked", LESSON / "worked.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def promise(table: pd.DataFrame) -> Figure:
    """Bars: what two hold-outs promise for two models, and the truth; the yardsticks as strokes."""
    figure = Figure((8, 3.6), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(table.columns))
    for shift, name, colour in zip((-0.2, 0.2), table.index, COLOURS, strict=False):
        bars = axes.bar(places + shift, table.loc[name], 0.38, color=colour, label=name)
        axes.bar_label(bars, fmt="%.2f", label_type="center", color="white")
    for name, dash in (("rule of thumb", "--"), ("perfect knowledge", ":")):
        heights = table.loc[name]
        axes.hlines(heights, places - 0.45, places + 0.45, color="#222", linestyle=dash, label=name)
    axes.set_xticks(places, table.columns)
    axes.set(ylabel="euros a parcel", ylim=(0, 1.6))
    figure.legend(loc="outside upper center", frameon=False, ncols=4)
    return figure


def lines(costs: dict[str, float], cross: float) -> Figure:
    """Two straight lines, keep and move, over the risk; where they cross, the decision changes."""
    figure = Figure((8, 2.6), layout="constrained")
    axes = figure.subplots()
    for what, colour in zip(("keep", "move"), COLOURS, strict=True):
        ends = [costs[f"{what}_ontime"], costs[f"{what}_late"]]
        axes.plot([0, 1], ends, color=colour, label=what)
        axes.text(
            0.9,
            np.interp(0.9, [0, 1], ends) + (0.25 if what == "move" else -0.75),
            what,
            color=colour,
        )
    axes.axvline(cross, color="#444", linewidth=0.9, linestyle="--")
    axes.text(cross + 0.01, 5, f"from {cross:.2f} moving is cheaper", fontsize=8)
    axes.set(xlabel="risk of being late", ylabel="expected euros", xlim=(0, 1), ylim=(0, 6.6))
    return figure


def draw(folder: Path) -> pd.DataFrame:
    """Write pictures and table into `folder`; return the table."""
    code = worked()
    table = code.promises(SEED)
    with mpl.rc_context(STYLE):
        pictures = {"promise": promise(table)}
        pictures["lines"] = lines(code.COSTS, code.threshold(code.COSTS))
        for name, figure in pictures.items():
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
    return table.round(4)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else LESSON
    draw(target).to_csv(target / "promise.csv")
