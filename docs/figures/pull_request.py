"""Draw the pictures of the lesson pull-request; the numbers are worked.py's and the lab's.

python docs/figures/pull_request.py
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

ROOT = Path(__file__).parents[2]
LESSON = ROOT / "docs/3-senior/pull-request"
LAB = ROOT / "labs/3-senior/pull-request/conftest.py"
STYLE = {
    "svg.hashsalt": "pull-request",
    "svg.fonttype": "none",
    "font.size": 10,
    "figure.facecolor": "#fbfaf7",
    "axes.facecolor": "#fbfaf7",
    "axes.spines.top": False,
    "axes.spines.right": False,
}
GREEN, RED, LINE = "#8fb8cc", "#b5472f", "#3a3390"
DRAWS = 400


def loaded(path: Path, name: str) -> ModuleType:
    """Return a file as a module."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def tables(worked: ModuleType) -> Figure:
    """Two tables of squares: where hasty tests are red, and where careful ones are."""
    figure = Figure((7, 4.6), layout="constrained")
    both = zip(figure.subplots(2, 1), (worked.HASTY, worked.CAREFUL), strict=True)
    for axes, tests in both:
        rows = worked.matrix(tests)
        for y, (name, cells) in enumerate(rows.items()):
            own = list(worked.WORLDS).index(name.partition("_")[2])
            for x, red in enumerate(cells):
                box = Rectangle((x, -y), 0.94, 0.9, color=RED if red else GREEN, lw=0)
                axes.add_patch(box)
                wrong = red != (x == own)
                word = ("red" if red else "green") + ("!" if wrong else "")
                axes.text(
                    x + 0.47, 0.45 - y, word, ha="center", va="center",
                    color="white" if red else "black", weight="bold" if wrong else "normal",
                )  # fmt: skip
        axes.set_xlim(0, len(worked.WORLDS))
        axes.set_ylim(1 - len(rows), 0.95)
        axes.set_yticks([0.45 - y for y in range(len(rows))], [n.replace("_", " ") for n in rows])
        axes.set_xticks([x + 0.47 for x in range(len(worked.WORLDS))], list(worked.WORLDS))
        axes.tick_params(length=0)
        for side in axes.spines.values():
            side.set_visible(False)
    return figure


def outcomes(worked: ModuleType, lab: ModuleType) -> dict[str, list[float]]:
    """Return what five ways of reviewing score on 400 pull requests of the lab."""
    found: dict[str, list[float]] = {}
    severity = {key: slot.severity for key, slot in lab.SLOTS.items()}
    for seed in range(DRAWS):
        pull = lab.drawn(np.random.default_rng(seed), good=False)
        said_of: dict[str, set[str]] = {"fix": set(), "wrong": set(), "nit": set()}
        for row in pull.remarks:
            said_of[pull.triage[row["id"]]].add(pull.at(row["file"][:-3], row["line"]))
        bugs = {key: severity[key] for key in pull.bugs}
        looks = {key: severity[key] for key in sorted(said_of["wrong"] - set(bugs))}
        others = {key: severity[key] for key in severity if key not in {*bugs, *looks}}
        said = [key for key in bugs if key in said_of["fix"]]
        for way, value in worked.ways(bugs, said, looks, others).items():
            found.setdefault(way, []).append(value)
    return found


def strips(values: dict[str, list[float]]) -> Figure:
    """Dots: one for each pull request and way; the line is what has to be reached."""
    figure = Figure((7, 4.2), layout="constrained")
    axes = figure.subplots()
    spread = np.random.default_rng(1).uniform(-0.22, 0.22, DRAWS)
    for y, (way, scores) in enumerate(reversed(values.items())):
        axes.plot(scores, y + spread, ".", color=LINE, ms=4, alpha=0.4, mew=0, rasterized=True)
        axes.text(0.2, y + 0.3, way, ha="left", va="bottom")
    axes.axvline(0.75, color=RED, lw=1)
    axes.text(0.745, len(values) - 0.12, "wanted: 0.75", color=RED, ha="right", va="bottom")
    axes.set_xlim(0.2, 1.01)
    axes.set_ylim(-0.5, len(values) + 0.15)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("F1 weighted by severity, 400 pull requests each")
    return figure


def draw(folder: Path) -> None:
    """Write the pictures."""
    worked, lab = loaded(LESSON / "worked.py", "worked"), loaded(LAB, "pull_request_lab")
    with mpl.rc_context(STYLE):
        for name, figure in (("worlds", tables(worked)), ("ways", strips(outcomes(worked, lab)))):
            figure.savefig(folder / f"{name}.svg", dpi=200, metadata={"Date": None})


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else LESSON)
