"""Draw the pictures of Larkmoor's world for `docs/reference/larkmoor.md`; it computes nothing else.

python docs/figures/larkmoor_world.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import larkmoor
import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLOURS = {"ferry": "#1f6f9f", "hills": "#5b8c2a", "city": "#b5472f", "branch": "#8a5fb0"}
STYLE = {
    "svg.hashsalt": "larkmoor",
    "svg.fonttype": "none",
    "font.size": 9,
    "figure.facecolor": "#fbfaf7",
    "axes.facecolor": "#fbfaf7",
    "axes.spines.top": False,
    "axes.spines.right": False,
}
SEED, PARCELS = 7, 200_000


def year(parcels: pd.DataFrame) -> Figure:
    """Four views of one year: volume, lateness by month, weather, hours."""
    figure = Figure((9, 5.4), layout="constrained")
    volume, months, sky, hours = figure.subplots(2, 2).ravel()
    by_day = parcels.groupby(parcels["accepted"].dt.dayofyear).size()
    volume.plot(by_day.index, by_day.to_numpy(), color="#444", linewidth=0.6)
    volume.set(title="Parcels accepted a day", xlabel="day of 2025", ylim=(0, None))
    late = parcels.groupby(parcels["accepted"].dt.month)["late"].mean() * 100
    months.bar(late.index, late.to_numpy(), color="#b5472f")
    months.set(title="Late parcels, percent by month", xlabel="month of 2025")
    skies = larkmoor.weather(SEED).query("region == 'Westfell' and date < '2026'")
    for name, colour in (("temp_c", "#b5472f"), ("wind_ms", "#1f6f9f"), ("snow_cm", "#777777")):
        sky.plot(np.arange(len(skies)), skies[name], color=colour, linewidth=0.8, label=name)
    sky.set(title="Weather in Westfell", xlabel="day of 2025")
    sky.legend(frameon=False, ncols=3, fontsize=8)
    by_hour = parcels.groupby(parcels["accepted"].dt.hour).size() / len(parcels) * 100
    hours.bar(by_hour.index, by_hour.to_numpy(), color="#444")
    hours.set(title="Hour of acceptance, percent of parcels", xlabel="hour")
    return figure


def causes(parcels: pd.DataFrame) -> Figure:
    """Late share by depot, and against the four causes that have a depot kind of their own."""
    figure = Figure((9, 7), layout="constrained")
    board = figure.subplot_mosaic(
        [["depots", "depots"], ["wind_ms", "snow_cm"], ["load_pct", "hour"]]
    )
    shares = (
        parcels.groupby(["kind", "depot"], sort=False)["late"]
        .mean()
        .mul(100)
        .sort_values()
        .reset_index()
    )
    board["depots"].bar(shares["depot"], shares["late"], color=shares["kind"].map(COLOURS))
    board["depots"].tick_params(axis="x", rotation=60, labelsize=7)
    board["depots"].set(
        title="Late parcels, percent by depot: the average says nothing about the cause"
    )
    titles = {
        "wind_ms": "wind, m/s",
        "snow_cm": "snow, cm",
        "load_pct": "load, % of capacity",
        "hour": "hour",
    }
    edges = {
        "wind_ms": range(0, 22, 2),
        "snow_cm": range(0, 44, 4),
        "load_pct": range(60, 150, 6),
        "hour": range(6, 22),
    }
    for name, title in titles.items():
        _lines(board[name], parcels, name, list(edges[name]))
        board[name].set(title=f"Late, percent, by {title}", ylim=(0, 90))
    board["wind_ms"].legend(frameon=False)
    return figure


def _lines(axes: Axes, parcels: pd.DataFrame, name: str, edges: list[int]) -> None:
    for kind, group in parcels.groupby("kind"):
        bins = pd.cut(group[name], edges, right=False)
        rates = group.groupby(bins, observed=True)["late"].agg(["mean", "size"]).query("size > 80")
        axes.plot(
            [b.left for b in rates.index],
            rates["mean"] * 100,
            color=COLOURS[kind],
            label=kind,
            marker=".",
        )


def draw(folder: Path) -> list[Path]:
    """Write all figures into `folder` and return their paths."""
    parcels = larkmoor.parcels(SEED, PARCELS)
    parcels["kind"] = parcels["depot"].map(larkmoor.depots().set_index("depot")["kind"])
    parcels["hour"] = parcels["accepted"].dt.hour
    paths = []
    with mpl.rc_context(STYLE):
        for make in (year, causes):
            paths.append(folder / f"larkmoor-{make.__name__}.svg")
            make(parcels).savefig(paths[-1], metadata={"Date": None})
    return paths


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "reference")
