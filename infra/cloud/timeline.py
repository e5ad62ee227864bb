"""The lives of a job's machines as text and as SVG: what was done, injected and lost.

For the eyes of whoever debugs a failed night; no check reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from infra.cloud.spot import Life

WIDTH, LEFT, ROW = 640, 90, 26
GIVEN, AGAIN, DEATH, KEPT = "#1f6a48", "#ffcb1f", "#9a3412", "#3a3390"


def text(lives: Sequence[Life]) -> str:
    """Return one line for each machine."""
    return "\n".join(_line(number, life, done) for number, life, done in _with_done(lives))


def _with_done(lives: Sequence[Life]) -> Iterator[tuple[int, Life, int]]:
    """Yield each machine with its number and how far all before it had come."""
    done = 0
    for number, life in enumerate(lives, 1):
        yield number, life, done
        done = max(done, life.last or 0)


def _line(number: int, life: Life, done: int) -> str:
    if life.first is None or life.last is None:
        took = "asked for nothing"
    else:
        took = f"steps {life.first}-{life.last - 1}" if life.seen else f"none from {life.first}"
    parts = [f"machine {number}: {took}", _end(life)]
    if life.first is not None and life.first < done:
        parts.append(f"{done - life.first} repeated")
    if life.first is not None and life.first > done:
        parts.append(f"{life.first - done} SKIPPED")
    if not life.orderly:
        parts.append("NOT IN THE ORDER OF A CALM NIGHT")
    if life.waited:
        parts.append(f"stood still for {life.waited}")
    parts.append("checkpoints by " + (" ".join(str(s) for _, s in life.stored) or "none"))
    return ", ".join(parts)


def _end(life: Life) -> str:
    if life.exit is not None and life.exit >= 0:
        return f"ended with {life.exit}"
    told = ", ".join(life.told)
    return "killed" + (f" (told: {told})" if told else " without a word")


def svg(lives: Sequence[Life], steps: int) -> str:
    """Return a drawing: one row a machine, repeated steps apart, checkpoints and deaths marked."""
    scale = (WIDTH - LEFT - 20) / steps
    rows = "".join(_row(*one, scale) for one in _with_done(lives))
    height = ROW * len(lives) + 24
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="sans-serif" font-size="11"><title>The lives of {len(lives)} machines</title>'
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>{rows}</svg>\n'
    )


def _row(number: int, life: Life, done: int, scale: float) -> str:
    top = ROW * (number - 1) + 10
    first, last = life.first or 0, life.last or 0
    again = max(first, min(done, last))
    marks = [
        f'<text x="8" y="{top + 11}">machine {number}</text>',
        _bar(first, again, top, scale, AGAIN),
        _bar(again, last, top, scale, GIVEN),
        *(_dot(step, top, scale) for _, step in life.stored),
    ]
    if life.exit is None or life.exit < 0:
        x = LEFT + last * scale
        path = f"M{x - 4:.1f} {top + 3}l8 8m0 -8l-8 8"
        marks.append(f'<path d="{path}" stroke="{DEATH}" stroke-width="2.5" fill="none"/>')
    return "".join(marks)


def _bar(start: int, end: int, top: int, scale: float, colour: str) -> str:
    x, width = LEFT + start * scale, (end - start) * scale
    return f'<rect x="{x:.1f}" y="{top}" width="{width:.1f}" height="14" fill="{colour}"/>'


def _dot(step: int, top: int, scale: float) -> str:
    return f'<circle cx="{LEFT + step * scale:.1f}" cy="{top + 18}" r="2.5" fill="{KEPT}"/>'
