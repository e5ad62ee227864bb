"""Draw the pictures of the lesson culprit-commit; the numbers are worked.py's.

python docs/figures/culprit_commit.py
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

LESSON = Path(__file__).parents[1] / "1-foundations/culprit-commit"
STYLE = {
    "svg.hashsalt": "culprit-commit",
    "svg.fonttype": "none",
    "font.size": 9,
    "figure.facecolor": "#fbfaf7",
    "axes.facecolor": "#fbfaf7",
    "axes.spines.top": False,
    "axes.spines.right": False,
}
GOOD, BAD, MUTE = "#8fb8cc", "#b5472f", "#fbfaf7"
COMMITS, SHARE = 256, 0.2


def worked() -> ModuleType:
    """Return the lesson's code as a module."""
    spec = importlib.util.spec_from_file_location("worked", LESSON / "worked.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def strip() -> Figure:
    """Bars: a history with two bad stretches, and where two searches begin and end."""
    christmas, culprit, release, head = (100, 168), 238, 207, 259
    broken = {*range(227, 235), 41, 42, 131, 190, 191, 245}
    figure = Figure((8, 2.4), layout="constrained")
    axes = figure.subplots()
    for place in range(head + 1):
        bad = christmas[0] <= place < christmas[1] or place >= culprit
        colour = MUTE if place in broken else BAD if bad else GOOD
        axes.add_patch(Rectangle((place, 0), 1, 1, color=colour, lw=0))
    told = (
        (0, head, 1.35, "from the first commit: ends at Christmas"),
        (release, head, -1.25, "from the last good release"),
    )
    for start, end, height, text in told:
        ends = {"arrowstyle": "|-|", "lw": 0.8}
        axes.annotate("", (start, height), (end, height), arrowprops=ends)
        axes.text((start + end) / 2, height + 0.18, text, ha="center", va="bottom")
    for place, text in ((christmas[0], "Christmas"), (culprit, "culprit")):
        axes.text(place, -0.12, text, ha="center", va="top")
    axes.set_xlim(-3, head + 3)
    axes.set_ylim(-1.6, 2.1)
    axes.set_xlabel("commit (right: blue, wrong: red, cannot be imported: white)")
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    return figure


def chances(module: ModuleType) -> Figure:
    """Lines: how often halving is right, against how often the test lies."""
    figure = Figure((8, 3.2), layout="constrained")
    axes = figure.subplots()
    shares = [n / 100 for n in range(41)]
    for times, style in ((1, "-"), (2, "--"), (3, "-."), (4, ":")):
        line = [100 * module.chance(COMMITS, share, times) for share in shares]
        axes.plot([100 * s for s in shares], line, style, color="#3a3390")
        word = "asked once" if times == 1 else f"up to {times} times"
        axes.annotate(word, (40, line[-1]), (4, 0), textcoords="offset points", va="center")
    axes.set_xlim(0, 47)
    axes.set_ylim(0, 103)
    axes.set_xlabel("runs of a good commit that fail, percent")
    axes.set_ylabel("searches that end\nat the culprit, percent")
    return figure


def draw(folder: Path) -> None:
    """Write the pictures."""
    with mpl.rc_context(STYLE):
        for name, figure in (("history", strip()), ("chance", chances(worked()))):
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None})


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else LESSON)
