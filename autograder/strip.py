"""Draws the timeline of a check: a bar for each program, a mark for each interruption.

An SVG in the colours of the page's style and the same in words behind it. Knows no verdicts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autograder.verdict import Moment
from autograder.webpage import escaped, folded

WIDTH, LEFT, RIGHT, ROW, TOP, FOOT = 360, 96, 70, 24, 8, 24  # units of the picture
STYLE = """
.strip svg { min-width: 18rem; max-width: 40rem; font: 12px system-ui, sans-serif; }
.strip text { fill: var(--ink); } .strip .bar { fill: var(--bar); }
.strip .soft { fill: var(--soft); } .strip .line { stroke: var(--line); }
.strip .cut { stroke: var(--second); stroke-width: 2; }
.strip .mark { fill: var(--second); }
"""


def words(one: Moment) -> str:
    """Return a moment in words."""
    who = f"program {one.program}"
    return {
        "started": f"{who}, {one.text}, is started",
        "signalled": f"{who} gets {one.text}",
        "ended": f"{who} has ended: {one.text}",
        "replaced": "the machine is replaced by a new one: every program is killed",
    }[one.kind]


def strip(moments: Sequence[Moment]) -> str:
    """Return the timeline as HTML: the picture, and the moments in words."""
    timed = any(m.at for m in moments)
    where = _places(moments, timed)
    rows = sorted({m.program for m in moments if m.program})
    height = TOP + ROW * len(rows) + FOOT
    inner = "".join(
        _row(moments, where, TOP + ROW * number, program) for number, program in enumerate(rows)
    )
    cuts = "".join(
        f'<path class="cut" stroke-dasharray="4 3" d="M{where[i]} {TOP - 4}V{height - FOOT + 2}"/>'
        for i, m in enumerate(moments)
        if m.kind == "replaced"
    )
    said = f"Timeline of {len(rows)} programs"
    picture = (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{said}"><title>{said}</title>'
        f"{inner}{cuts}{_axis(moments, height, timed)}</svg>"
    )
    listed = "".join(f"<li>{_when(m, timed)}{escaped(words(m))}</li>" for m in moments)
    return (
        f'<figure class="strip"><div class="wide" tabindex="0" role="group" aria-label="{said}">'
        f"{picture}</div></figure>{folded('In words', f'<ol>{listed}</ol>')}"
    )


def _places(moments: Sequence[Moment], timed: bool) -> Mapping[int, float]:
    """Return where each moment stands: by its time, or by its number where there is none."""
    last = (moments[-1].at if timed else len(moments) - 1) or 1
    room = WIDTH - LEFT - RIGHT
    return {i: round(LEFT + room * (m.at if timed else i) / last, 1) for i, m in enumerate(moments)}


def _row(moments: Sequence[Moment], where: Mapping[int, float], top: int, program: int) -> str:
    own = [(i, m) for i, m in enumerate(moments) if m.program == program]
    begin = where[own[0][0]]
    end, said = max(where.values()), ""
    for i, m in enumerate(moments):
        if m.kind == "replaced" and i > own[0][0]:
            end, said = where[i], ""
            break
        if m.kind == "ended" and m.program == program:
            end, said = where[i], m.text
            break
    middle = top + ROW // 2
    label = f"{program}  {own[0][1].text}"
    marks = "".join(_mark(where[i], middle, m.text) for i, m in own if m.kind == "signalled")
    return (
        f'<text x="0" y="{middle + 4}">{escaped(label[:15])}</text>'
        f'<rect class="bar" x="{begin}" y="{middle - 5}" width="{max(end - begin, 2):.1f}"'
        f' height="10" rx="2"/><text class="soft" x="{end + 5:.1f}" y="{middle + 4}">'
        f"{escaped(said)}</text>{marks}"
    )


def _mark(x: float, y: int, text: str) -> str:
    return (
        f'<path class="mark" d="M{x - 5} {y - 10}h10l-5 9z"><title>{escaped(text)}</title></path>'
    )


def _axis(moments: Sequence[Moment], height: int, timed: bool) -> str:
    y = height - FOOT + 6
    right = WIDTH - RIGHT
    ends = ("0 s", f"{moments[-1].at:.1f} s") if timed else ("first", "last")
    return (
        f'<path class="line" d="M{LEFT} {y}H{right}"/>'
        f'<text class="soft" x="{LEFT}" y="{y + 13}">{ends[0]}</text>'
        f'<text class="soft" x="{right}" y="{y + 13}" text-anchor="end">{ends[1]}</text>'
    )


def _when(one: Moment, timed: bool) -> str:
    return f"{one.at:.2f} s: " if timed else ""
