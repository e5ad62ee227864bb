"""Draws a bill as SVG, on paper of its own: a bar a group, by what the dollars are for.

Limit: needs matplotlib, of the group `ml`; ImportError without it.
"""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

from infra.cloud.bill import Bill, Line, money

PAPER, INK, SOFT = "#fbfaf7", "#1d1626", "#544a5e"
# What dollars are for, in the order of the bar; colours that differ in lightness too.
KINDS = {
    "kept over time": "#4d1453", "requests": "#ffcb1f", "data moved or read": "#2f7f86",
    "machines and duration": "#c98bd0",
}
STYLE: Any = {
    "svg.fonttype": "none", "svg.hashsalt": "bill", "font.size": 10, "text.parse_math": False,
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": SOFT,
    "axes.labelcolor": INK, "text.color": INK, "xtick.color": SOFT, "ytick.color": SOFT,
    "xtick.labelcolor": INK, "ytick.labelcolor": INK, "axes.facecolor": PAPER,
    "figure.facecolor": PAPER, "savefig.facecolor": PAPER,
}


def kind(line: Line) -> str:
    """Return what a line's dollars are for."""
    if line.unit.endswith("-month"):
        return "kept over time"
    if line.unit in {"request", "transition"}:
        return "requests"
    return "data moved or read" if line.unit in {"GB", "TB"} else "machines and duration"


def draw(bill: Bill, what: str = "service", tag: str = "") -> str:
    """Return the bill as an SVG file's text, one bar a service, tag or lab, dearest first."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    groups = bill.by(what, tag)
    with mpl.rc_context(STYLE):
        figure = Figure((7.6, 1.7 + 0.34 * max(len(groups), 1)), layout="constrained")
        axes = figure.subplots()
        bars = _bars(axes, bill, list(groups), what, tag)
        axes.bar_label(bars, [money(one) for one in groups.values()], padding=4)
        axes.set_xlabel(f"dollars, {bill.hours:f} hours, list prices of {bill.region}")
        axes.set_title(f"What this would have cost on AWS: {money(bill.total)}", loc="left")
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _bars(axes: Any, bill: Bill, groups: list[str], what: str, tag: str) -> Any:
    """Draw the bars; return the pieces at their ends."""
    left = [0.0] * len(groups)
    for name, colour in KINDS.items():
        sums = dict.fromkeys(groups, Decimal(0))
        for line in bill.lines:
            if line.cost is not None and kind(line) == name:
                sums[bill.group(line, what, tag)] += line.cost
        widths = [float(one) for one in sums.values()]
        label = name if any(widths) else f"_{name}"  # a leading _ keeps it out of the legend
        last = axes.barh(groups, widths, left=left, height=0.62, color=colour, label=label)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    axes.invert_yaxis()
    axes.set_xlim(0, max(left, default=0.0) * 1.16 or 1)
    axes.tick_params(axis="y", length=0)
    if any(left):
        axes.figure.legend(loc="outside lower center", ncols=len(KINDS), frameon=False)
    return last
