"""Draws the pictures of the report with matplotlib, as SVG to stand in a page. Counts nothing.

Colours are names of the page's style, so that one drawing serves light and dark; texts stay texts.
Without matplotlib every drawing is "", and the page shows the table behind it.
"""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from html import escape
from importlib.util import find_spec
from typing import Any, ParamSpec

from autograder.plain import text

# matplotlib needs colours; each of these becomes the variable of the page's style after it
COLOURS = {
    "ink": "#010101", "soft": "#010102", "line": "#010103", "bar": "#010104", "page": "#010105",
    "second": "#010106", "gorse": "#010107", "passed": "#020201", "failed": "#020202",
    "crashed": "#020203", "todo": "#020204", "blocked": "#020205", "skipped": "#020206",
    "ungraded": "#020207",
}  # fmt: skip
STYLE: Any = {
    "svg.fonttype": "none", "svg.hashsalt": "ladder", "font.size": 10, "text.parse_math": False,
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": COLOURS["soft"],
    "axes.labelcolor": COLOURS["ink"], "text.color": COLOURS["ink"], "xtick.color": COLOURS["soft"],
    "ytick.color": COLOURS["soft"], "xtick.labelcolor": COLOURS["ink"],
    "ytick.labelcolor": COLOURS["ink"], "grid.color": COLOURS["line"], "axes.axisbelow": True,
    "patch.edgecolor": "none", "hatch.color": COLOURS["page"],
}  # fmt: skip
SIGN = {"passed": "✓", "failed": "✗", "crashed": "!", "todo": "·", "blocked": "–", "skipped": "–",
        "ungraded": "?"}  # fmt: skip
FAINT = ("blocked", "skipped")  # nothing was said of the learner here
WIDTH = 8.2
P = ParamSpec("P")


def drawn(draw: Callable[P, tuple[Any, str]]) -> Callable[P, str]:
    """Turn a function that returns a figure and what it says into one that returns its SVG."""

    @wraps(draw)
    def made(*args: P.args, **kwargs: P.kwargs) -> str:
        if find_spec("matplotlib") is None:
            return ""
        import matplotlib as mpl

        with mpl.rc_context(STYLE), warnings.catch_warnings():
            # names in scripts that matplotlib's own font lacks: the reader's browser has them
            warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
            warnings.filterwarnings("ignore", "Matplotlib currently does not support", UserWarning)
            figure, said = draw(*args, **kwargs)
            out = io.StringIO()
            figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
        return inline(out.getvalue(), said, draw.__name__)

    return made


def inline(svg: str, said: str, name: str) -> str:
    """Return an SVG file as an element of a page: title, style's colours, ids of its own."""
    own = f"{name}-{hashlib.sha256((said + svg).encode()).hexdigest()[:8]}-"
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r"\s*\n\s*", "\n", body)
    box = re.search(r'viewBox="([^"]*)"', body)
    body = body[body.index(">") + 1 :]
    for word, colour in COLOURS.items():
        body = body.replace(colour, f"var(--{word})")
    body = re.sub(r'(?<=[\s"])id="', f'id="{own}', body)
    body = body.replace("url(#", f"url(#{own}").replace('href="#', f'href="#{own}')
    body = re.sub(r" font-family: [^;\"]*;?", "", body)
    body = re.sub(r"(font: (?:\d+ )?[\d.]+px) [^;\"]*", r"\1 system-ui, sans-serif", body)
    body = re.sub(r' transform="rotate\(-0 [^"]*"', "", body)
    title = escape(text(said), quote=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        f' viewBox="{box[1] if box else "0 0 1 1"}" role="img" aria-label="{title}">'
        f"<title>{title}</title>{body}"
    )


def cut(name: str, most: int = 30) -> str:
    """Return a name short enough for a label."""
    plain = " ".join(text(name).replace("_", " ").split())
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"


def _figure(height: float, columns: int = 1, **kwargs: Any) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure((WIDTH, height), layout="constrained")
    return figure, figure.subplots(1, columns, **kwargs)


@drawn
def distribution(shares: Sequence[float], bound: float) -> tuple[Any, str]:
    """Bars: learners by share of the points, 0 to 1; a line where a lab counts as passed."""
    bins = [0] * 10
    for share in shares:
        bins[min(int(share * 10 + 1e-9), 9)] += 1
    figure, axes = _figure(2.7)
    bars = axes.bar([10 * i + 5 for i in range(10)], bins, 8.6, color=COLOURS["bar"])
    axes.bar_label(bars, [str(n) if n else "" for n in bins], padding=2)
    axes.axvline(100 * bound, color=COLOURS["second"], linestyle="--", linewidth=1.2)
    axes.annotate(f"passed from {bound:.0%}", (100 * bound, 1.02), ha="right", va="bottom",
                  xycoords=("data", "axes fraction"), color=COLOURS["second"],
                  fontsize=9)  # fmt: skip
    above = 1.15 * max(1, *bins)  # room for a bar's label below that of the line
    axes.set(xlabel="% of the points", ylabel="learners", xlim=(0, 101), ylim=(0, above))
    axes.set_xticks(range(0, 101, 10))
    axes.yaxis.get_major_locator().set_params(integer=True)
    said = ", ".join(f"{10 * i} to {10 * i + 10} %: {n}" for i, n in enumerate(bins) if n)
    return figure, f"Bars of learners by share of the points. {said}"


@drawn
def checks(
    names: Sequence[str],
    ends: Sequence[Mapping[str, int]],
    order: Sequence[str],
    apart: Sequence[float | None],
) -> tuple[Any, str]:
    """Left: how each check ended, in % of the learners. Right: how well it tells learners apart."""
    figure, (left, right) = _figure(
        0.9 + 0.36 * len(names), 2, sharey=True, width_ratios=(3, 2), squeeze=True
    )
    places = range(len(names))
    start = [0.0] * len(names)
    order = [v for v in order if any(e.get(v) for e in ends)]
    for verdict in order:
        width = [100 * e.get(verdict, 0) / max(sum(e.values()), 1) for e in ends]
        bars = left.barh(places, width, 0.72, left=start, color=COLOURS[verdict], label=verdict,
                         alpha=1 if verdict == "passed" else 0.75)  # fmt: skip
        shown = [f"{w:.0f}" if w >= 9 else "" for w in width]
        left.bar_label(bars, shown, label_type="center", color=COLOURS["page"], fontsize=9)
        start = [a + b for a, b in zip(start, width, strict=True)]
    left.set_yticks(places, [cut(n) for n in names])
    left.invert_yaxis()
    left.set(xlabel="% of the learners", xlim=(0, 100))
    left.tick_params(axis="y", length=0)
    _apart(right, places, apart)
    figure.legend(loc="outside upper left", frameon=False, ncols=len(order), fontsize=9,
                  handlelength=1, columnspacing=1.2)  # fmt: skip
    said = "; ".join(
        f"{n}: {100 * e.get('passed', 0) / max(sum(e.values()), 1):.0f} % passed"
        for n, e in zip(names, ends, strict=True)
    )
    return figure, f"Bars: how each check ended. {said}"


def _apart(axes: Any, places: range, apart: Sequence[float | None]) -> None:
    axes.axvline(0, color=COLOURS["soft"], linewidth=1)
    for place, value in zip(places, apart, strict=True):
        if value is None:
            axes.annotate("undefined", (0, place), (6, 0), textcoords="offset points", va="center",
                          fontsize=9, color=COLOURS["soft"])  # fmt: skip
            continue
        colour = COLOURS["bar"] if value >= 0.2 else COLOURS["second"]
        axes.hlines(place, min(0, value), max(0, value), color=colour, linewidth=2)
        axes.plot([value], [place], "o", color=colour, markersize=7, clip_on=False)
    axes.set(xlabel="tells learners apart (point-biserial)", xlim=(-1, 1))
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")


@drawn
def times(names: Sequence[str], spreads: Sequence[Sequence[float]]) -> tuple[Any, str]:
    """Boxes of CPU-seconds: 5, 25, 50, 75 and 95 % points of each check."""
    figure, axes = _figure(0.8 + 0.34 * len(names))
    for place, (low, first, middle, third, high) in enumerate(spreads):
        axes.hlines(place, low, high, color=COLOURS["soft"], linewidth=1.5)
        axes.barh(place, third - first, 0.5, left=first, color=COLOURS["bar"], alpha=0.55)
        axes.vlines(middle, place - 0.3, place + 0.3, color=COLOURS["ink"], linewidth=2)
    axes.set_yticks(range(len(names)), [cut(n) for n in names])
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.set(xlabel="CPU-seconds of one submission")
    axes.set_xlim(left=0)
    axes.grid(axis="x")
    said = "; ".join(f"{n}: median {s[2]:.2f}" for n, s in zip(names, spreads, strict=True))
    return figure, f"CPU-seconds of each check. {said}"


@drawn
def heat_map(
    learners: Sequence[str], names: Sequence[str], verdicts: Sequence[Sequence[str]]
) -> tuple[Any, str]:
    """One cell for each learner and check, coloured and signed by the verdict."""
    figure, axes = _figure(1.7 + 0.215 * len(learners))
    for verdict in {v for row in verdicts for v in row if v}:
        cells = [
            (x, y) for y, row in enumerate(verdicts) for x, v in enumerate(row) if v == verdict
        ]
        _cells(axes, cells, COLOURS[verdict], 0.35 if verdict in FAINT else 0.9)
        for x, y in cells:
            axes.text(x + 0.5, y + 0.54, SIGN[verdict], ha="center", va="center", fontsize=8,
                      color=COLOURS["page" if verdict not in FAINT else "ink"])  # fmt: skip
    _grid(axes, [cut(n, 24) for n in learners], names)
    return figure, f"A map of verdicts: {len(learners)} learners by {len(names)} checks"


@drawn
def share_map(
    groups: Sequence[str], names: Sequence[str], shares: Sequence[Sequence[float]]
) -> tuple[Any, str]:
    """One cell for each group of learners and check, the darker the more of the group passed."""
    figure, axes = _figure(1.7 + 0.25 * len(groups))
    for level in range(11):
        cells = [(x, y) for y, row in enumerate(shares) for x, v in enumerate(row)
                 if round(10 * v) == level]  # fmt: skip
        _cells(axes, cells, COLOURS["passed"], 0.04 + 0.082 * level)
        for x, y in cells:
            axes.text(x + 0.5, y + 0.54, f"{100 * shares[y][x]:.0f}", ha="center", va="center",
                      fontsize=8, color=COLOURS["ink" if level < 6 else "page"])  # fmt: skip
    _grid(axes, groups, names)
    return figure, f"A map of the share that passed: {len(groups)} groups by {len(names)} checks"


def _cells(axes: Any, cells: Sequence[tuple[int, int]], colour: str, alpha: float) -> None:
    from matplotlib.collections import PolyCollection

    square = ((0.03, 0.05), (0.97, 0.05), (0.97, 0.95), (0.03, 0.95))
    corners = [[(x + right, y + down) for right, down in square] for x, y in cells]
    if corners:
        axes.add_collection(PolyCollection(corners, facecolors=colour, alpha=alpha))


def _grid(axes: Any, rows: Sequence[str], names: Sequence[str]) -> None:
    axes.set(xlim=(0, len(names)), ylim=(len(rows), 0))
    axes.set_xticks([i + 0.5 for i in range(len(names))], [cut(n) for n in names],
                    rotation=32, ha="left", rotation_mode="anchor")  # fmt: skip
    axes.set_yticks([i + 0.5 for i in range(len(rows))], rows)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


@drawn
def agreement(
    levels: Sequence[int], counts: Mapping[tuple[int, int], int], graders: tuple[str, str]
) -> tuple[Any, str]:
    """A square of levels: how often the first grader gave one and the second the other."""
    figure, axes = _figure(1.1 + 0.42 * len(levels))
    most = max(counts.values())
    for (one, other), count in counts.items():
        x, y = levels.index(other), levels.index(one)
        _cells(axes, [(x, y)], COLOURS["bar"], 0.15 + 0.85 * count / most)
        axes.text(x + 0.5, y + 0.54, str(count), ha="center", va="center",
                  color=COLOURS["page" if count > most / 2 else "ink"])  # fmt: skip
    axes.set(xlim=(0, len(levels)), ylim=(len(levels), 0), xlabel=f"level by {cut(graders[1])}",
             ylabel=f"level by {cut(graders[0])}")  # fmt: skip
    ticks = [i + 0.5 for i in range(len(levels))]
    axes.set_xticks(ticks, [str(n) for n in levels])
    axes.set_yticks(ticks, [str(n) for n in levels])
    axes.set_aspect("equal")
    axes.tick_params(length=0)
    return figure, f"Levels given by {graders[0]} and by {graders[1]}"
