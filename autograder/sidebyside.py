"""Two texts beside each other with what they have in common marked. Judges nobody.

Texts and places in, HTML out; what stands in the texts is a stranger's and is escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from autograder.webpage import escaped, folded
from autograder.webpage import page as whole

MOST = 40  # pairs shown with their texts
MAX_SHOWN = 40_000  # characters of one text
COLUMNS = ("lab", "learner", "beside", "share", "of_learner", "of_beside")
STYLE = """
.texts { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; } .texts > div { min-width: 0; }
@media (max-width: 50rem) { .texts { grid-template-columns: 1fr; } }
header > *, main { max-width: 90rem; } pre { max-height: 70vh; overflow: auto; }
"""
WHAT = (
    "<p>These texts have much in common; the starter's lines and files that were given count for"
    " nothing. The figure is the share of the smaller text that the other one has too, with names,"
    " comments and layout left out. It says that two texts are alike, not why. People explain"
    " things to each other, read the same page, and some tasks leave little choice; the solutions"
    " of this course are public. Read both, and the learners' explanations, before you ask"
    " anybody.</p>"
)


@dataclass(frozen=True, order=True)
class Pair:
    """Two texts that have much in common. Shares are 0 to 1 of each one's own characters.

    parts: places of the common passages in the first and the second text, as (begin, end).
    """

    share: float
    one: str
    other: str
    of_one: float = field(compare=False)
    of_other: float = field(compare=False)
    parts: tuple[tuple[tuple[int, int], ...], ...] = field(compare=False, default=((), ()))


def row(lab: str, pair: Pair) -> tuple[str, ...]:
    """Return a pair as a row of similar.csv."""
    return (
        lab, pair.one, pair.other, f"{pair.share:.3f}", f"{pair.of_one:.0%}", f"{pair.of_other:.0%}"
    )  # fmt: skip


def page(shown: Sequence[tuple[str, Pair, str, str]], total: int, least: float) -> str:
    """Return the page of pairs: title of the lab, pair, and the two texts of each."""
    head = f"<h1>Worth reading side by side</h1><p>{total} pairs from {least:.0%} on</p>"
    body = "".join(_pair(number, *one) for number, one in enumerate(shown, 1))
    more = f"<p>And {total - len(shown)} more in similar.csv.</p>" if total > len(shown) else ""
    none = "" if total else "<p>No two texts are that much alike.</p>"
    return whole("Worth reading side by side", head, WHAT + none + body + more, STYLE)


def _pair(number: int, title: str, pair: Pair, one: str, other: str) -> str:
    texts = "".join(
        f'<div><h3>{escaped(name)}</h3><pre tabindex="0" role="group"'
        f' aria-label="Pair {number}: text of {escaped(name)}">{marked(text, parts)}</pre></div>'
        for name, text, parts in (
            (pair.one, one, pair.parts[0]),
            (pair.other, other, pair.parts[1]),
        )
    )
    return (
        f"<h2>{pair.share:.0%}: {escaped(pair.one)} and {escaped(pair.other)}</h2>"
        f"<p>{escaped(title)}. In common: {pair.of_one:.0%} of the first, {pair.of_other:.0%} of"
        f" the second.</p>{folded('The two texts', f'<div class=texts>{texts}</div>', number <= 3)}"
    )


def marked(text: str, parts: Sequence[tuple[int, int]]) -> str:
    """Return a text as HTML with the parts marked; parts that overlap become one."""
    out, at = [], 0
    for begin, end in sorted(parts):
        begin, end = max(begin, at), min(end, len(text), MAX_SHOWN)
        if begin < end:
            out += [escaped(text[at:begin]), f"<mark>{escaped(text[begin:end])}</mark>"]
            at = end
    return "".join([*out, escaped(text[at:MAX_SHOWN])])
