"""Draw the pictures of the lesson storage-port; the numbers are worked.py's.

python docs/figures/storage_port.py
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import matplotlib as mpl
from matplotlib.figure import Figure

LESSON = Path(__file__).parents[1] / "2-junior/storage-port"
STYLE = {
    "svg.hashsalt": "storage-port",
    "svg.fonttype": "none",
    "font.size": 10,
    "figure.facecolor": "#fbfaf7",
    "axes.facecolor": "#fbfaf7",
}
COLOURS = {"one": "#1f6f9f", "both": "#b5472f", "none": "#c77b1e"}
MEANING = {
    "one": "one winner, and both know",
    "both": "both were told that they won",
    "none": "the winner was told that it lost",
}


def worked() -> ModuleType:
    """Return the lesson's code as a module."""
    spec = importlib.util.spec_from_file_location("worked_port", LESSON / "worked.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # a dataclass looks itself up there
    spec.loader.exec_module(module)
    return module


def writers(code: ModuleType) -> Figure:
    """Of six orders, how many end well: each way, with all answers and with one lost."""
    figure = Figure(figsize=(5.2, 3.9), layout="constrained")
    axes = figure.subplots()
    names = []
    for place, (name, way) in enumerate(code.WAYS.items()):
        for lost in (False, True):
            y = -(place * 2.6 + lost)
            found, left = code.outcomes(way, lost), 0
            for kind, colour in COLOURS.items():
                if found[kind]:
                    axes.barh(y, found[kind], left=left, height=0.8, color=colour)
                    axes.text(
                        left + found[kind] / 2, y, str(found[kind]), ha="center", va="center",
                        color="white", weight="bold",
                    )  # fmt: skip
                left += found[kind]
            names.append((y, f"{name}\n" if not lost else "", "answer lost" if lost else ""))
    axes.set_yticks([y for y, *_ in names], [(a or b).strip() for _, a, b in names])
    axes.set_xlim(0, 6)
    axes.set_xlabel("of the six orders of two writers' steps")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    for kind, colour in COLOURS.items():
        axes.barh(0, 0, color=colour, label=MEANING[kind])
    figure.legend(loc="outside upper left", frameon=False, ncols=1)
    return figure


def storms(code: ModuleType) -> Figure:
    """What arrives at the store, 20 ms by 20 ms, under three policies."""
    figure = Figure(figsize=(5.2, 4.6), layout="constrained")
    for number, (name, pause) in enumerate(code.POLICIES.items(), 1):
        axes = figure.add_subplot(3, 1, number)
        arrivals = code.storm(pause)
        axes.bar([20 * n for n in range(len(arrivals))], arrivals, width=18, color=COLOURS["one"])
        axes.axhline(20, color=COLOURS["both"], linewidth=1.2)
        axes.set_xlim(0, 760)
        axes.set_ylim(0, 430 if max(arrivals) > 120 else 130)
        axes.set_title(
            f"{name}: {code.served(arrivals)} of 400 served", loc="left", fontsize=10
        )
        axes.set_ylabel("requests")
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        if number < 3:
            axes.tick_params(labelbottom=False)
        else:
            axes.set_xlabel("ms after everybody failed at once")
    return figure


def draw(folder: Path = LESSON) -> list[Path]:
    """Write both pictures and return their paths."""
    code, made = worked(), []
    with mpl.rc_context(STYLE):
        for name, make in (("writers.svg", writers), ("storm.svg", storms)):
            path = folder / name
            make(code).savefig(path, metadata={"Date": None, "Creator": None})
            path.write_text("\n".join(row.rstrip() for row in path.read_text().splitlines()) + "\n")
            made.append(path)
    return made


if __name__ == "__main__":
    for path in draw():
        print(path)
