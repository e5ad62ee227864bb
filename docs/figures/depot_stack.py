"""Draw the pictures of the lesson depot-stack; what they show is worked.py's.

python docs/figures/depot_stack.py
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import matplotlib as mpl
from matplotlib.figure import Figure

LESSON = Path(__file__).parents[1] / "2-junior/depot-stack"
STYLE = {
    "svg.hashsalt": "depot-stack",
    "svg.fonttype": "none",
    "font.size": 10,
    "figure.facecolor": "#fbfaf7",
    "axes.facecolor": "#fbfaf7",
}
SEES, BLIND, GONE, STAYS = "#1f6f9f", "#e3ddd1", "#b9b2a4", "#1f6f9f"


def worked() -> ModuleType:
    """Return the lesson's code as a module."""
    spec = importlib.util.spec_from_file_location("worked_stack", LESSON / "worked.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def looks(code: ModuleType) -> Figure:
    """Who sees which meddling: a square for each, filled where it is seen."""
    found = code.seen()
    figure = Figure(figsize=(5.2, 3.9), layout="constrained")
    axes = figure.subplots()
    ways = list(code.LOOKS)
    for row, (_, by) in enumerate(found.items()):
        for column, way in enumerate(ways):
            axes.barh(-row, 0.86, left=column - 0.43, height=0.8,
                      color=SEES if by[way] else BLIND)
            axes.text(column, -row, "seen" if by[way] else "–", ha="center", va="center",
                      color="white" if by[way] else "#6b665c",
                      weight="bold" if by[way] else "normal")  # fmt: skip
    axes.set_yticks([-row for row in range(len(found))], list(found))
    axes.set_xticks(range(len(ways)), [way.replace(" ", "\n", 1) for way in ways])
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.set_xlim(-0.5, len(ways) - 0.5)
    for side in axes.spines.values():
        side.set_visible(False)
    return figure


def ends(code: ModuleType) -> Figure:
    """What a destroy takes in which round, and what it leaves, without and with one more edge."""
    figure = Figure(figsize=(5.2, 5.6), layout="constrained")
    rows = figure.subplots(2, 1)
    for axes, (title, needs) in zip(rows, (
        ("as it comes", code.NEEDS), ("the bucket built on its key", code.hung(code.NEEDS)),
    ), strict=True):  # fmt: skip
        gone = code.destroy(needs, {"bucket", "table"})
        left = sorted(set(needs) - set(gone))
        columns = [(f"round {turn}", sorted(n for n, t in gone.items() if t == turn), GONE)
                   for turn in sorted(set(gone.values()))] + [("left", left, STAYS)]  # fmt: skip
        for column, (_, names, colour) in enumerate(columns):
            for row, name in enumerate(names):
                loud = name == "key"
                axes.barh(-row, 0.92, left=column - 0.46, height=0.82, color=colour,
                          edgecolor="#b5472f" if loud else "none", linewidth=2.4 if loud else 0)
                axes.text(column, -row, name, ha="center", va="center", fontsize=9,
                          color="white" if colour == STAYS else "#2b2924",
                          weight="bold" if loud else "normal")  # fmt: skip
        axes.set_xticks(range(len(columns)), [head for head, *_ in columns])
        axes.xaxis.tick_top()
        axes.set_yticks([])
        axes.tick_params(length=0)
        axes.set_xlim(-0.5, 2.5)
        axes.set_ylim(-6.6, 0.6)
        axes.set_title(f"{title}: {len(gone)} gone, {len(left)} left", loc="left", fontsize=10.5,
                       weight="bold")  # fmt: skip
        for side in axes.spines.values():
            side.set_visible(False)
    return figure


def draw(folder: Path = LESSON) -> list[Path]:
    """Write both pictures and return their paths."""
    code, made = worked(), []
    with mpl.rc_context(STYLE):
        for name, make in (("looks.svg", looks), ("destroy.svg", ends)):
            path = folder / name
            make(code).savefig(path, metadata={"Date": None, "Creator": None})
            path.write_text("\n".join(row.rstrip() for row in path.read_text().splitlines()) + "\n")
            made.append(path)
    return made


if __name__ == "__main__":
    for path in draw():
        print(path)
