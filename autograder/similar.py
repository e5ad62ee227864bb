"""Which submissions are alike: their texts compared with copydetect's fingerprints. Accuses nobody.

Reads strangers' text and runs none of it. A notebook counts as the code of its cells; lines of the
starter and of files that were given count for nothing. Being alike says nothing of why.
"""

from __future__ import annotations

import io
import math
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from autograder.errors import LadderError
from autograder.handout import written
from autograder.manifest import Lab
from autograder.sheet import split
from autograder.sidebyside import Pair
from autograder.starter import cut
from autograder.submission import Submission, code

NOISE = 25  # filtered characters: what is alike in fewer is taken for chance
SAMPLE = 4  # one fingerprint in four is enough to find the nearest texts
THRESHOLD = 0.5  # of the smaller text; docs/instructors/similar.md shows where this comes from
OWN = 150  # filtered characters of one's own below which there is nothing to compare
MAX_TEXT, MAX_LINE = 200_000, 2_000  # characters of one submission, of one of its lines
MAX_CPU = 5.0  # seconds for one submission
NEIGHBOURS = 5  # compared exactly for each submission; the nearest by shared fingerprints
SOLUTION = "(the solution)"


class TooSlow(LadderError):
    """A text that took too long to read."""


@dataclass(frozen=True, eq=False)
class Print:
    """The fingerprints of one text, the starter's left out; the text is made again when needed.

    marks: a sample of the fingerprints, 64-bit integers. own: filtered characters that are not the
    starter's. fault: why it is not compared, "" when it is.
    """

    name: str
    make: Callable[[], str]
    known: frozenset[int] = frozenset()
    marks: Any = None
    own: int = 0
    fault: str = ""


# ---------------------------------------------------------------- texts


def text_of(lab: Lab, submission: Submission) -> str:
    """Return the code of a submission as one text: files by name, a notebook's cells in order."""
    parts = []
    for name in sorted(submission.files):
        if name.endswith(".ipynb"):
            cells = code(submission.cells(name)) if name == lab.file.main else []
            parts.append("\n".join(map(_commented, cells)))
        elif name.endswith(".py"):
            parts.append(submission.files[name].decode("utf-8", "replace"))
    return clipped("\n".join(parts))


def _commented(cell: str) -> str:
    """Return a cell as Python: magics and shell lines become comments."""
    return "\n".join(f"# {x}" if x.lstrip()[:1] in "%!" else x for x in cell.splitlines()) + "\n"


def clipped(text: str) -> str:
    """Return a text within our bounds, so that no stranger's text keeps us busy."""
    lines = (line[:MAX_LINE] for line in text[:MAX_TEXT].splitlines())
    return "\n".join(lines).replace("\0", "")


def solution_text(lab: Lab, texts: Mapping[str, str]) -> str:
    """Return texts of a solution as `text_of` would: lab.py without its Markdown."""
    parts = []
    for name in sorted(texts):
        if name == "lab.py" and lab.notebook:
            cells = [source for kind, source in split(texts[name]) if kind == "code"]
            parts.append("\n".join(map(_commented, cells)))
        elif name.endswith(".py"):
            parts.append(texts[name])
    return clipped("\n".join(parts))


def starter_text(lab: Lab) -> str:
    """Return what everybody is handed: the starter, and the files that are given with it."""
    texts = {name: cut(text, name.endswith(".py")) for name, text in written(lab).items()}
    given = [p for p in sorted(lab.folder.glob("*.py")) if p.name not in ("checks.py", *texts)]
    return "\n".join([solution_text(lab, texts), *(p.read_text("utf-8") for p in given)])


# ---------------------------------------------------------------- fingerprints


@contextmanager
def cpu_limit(seconds: float) -> Iterator[None]:
    """Raise TooSlow when the block uses more CPU; a regular expression that runs away stops too.

    By a signal of the process's own CPU clock, so only in the main thread; elsewhere no limit.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise TooSlow(f"took more than {seconds:g} CPU-seconds to read")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def boilerplate(text: str) -> frozenset[int]:
    """Return every fingerprint of a text that counts for nothing."""
    return frozenset(map(int, _marks(text).hashes)) if text.strip() else frozenset()


def _marks(text: str) -> Any:
    """Return all fingerprints: a choice of them would depend on the run, as Python's hashes do."""
    from copydetect import CodeFingerprint

    return CodeFingerprint("text.py", NOISE, 1, language="python", fp=io.StringIO(text))


def _own_marks(text: str, known: frozenset[int]) -> Any:
    """Return a text's fingerprints without the known ones.

    copydetect's own way of leaving out boilerplate takes fingerprints for unique, which they are
    not; so it is done here.
    """
    from copydetect.utils import get_token_coverage

    marks = _marks(text)
    marks.hash_idx = {h: at for h, at in marks.hash_idx.items() if int(h) not in known}
    marks.hashes = set(marks.hash_idx)
    marks.token_coverage = get_token_coverage(marks.hash_idx, NOISE, len(marks.filtered_code))
    return marks


def printed(name: str, make: Callable[[], str], known: frozenset[int] = frozenset()) -> Print:
    """Return the fingerprints of a text without those of `known`. Never raises for what it reads.

    make: gives the text; called again when the text is compared with a neighbour.
    """
    import numpy as np

    try:
        with cpu_limit(MAX_CPU):
            text = make()
            if len(text.strip()) < NOISE:
                return Print(name, make, fault="there is hardly any code in it")
            marks = _own_marks(text, known)
    except LadderError as error:
        return Print(name, make, fault=error.what)
    except Exception as error:  # a lexer may raise anything on hostile text
        return Print(name, make, fault=f"cannot be read as code: {type(error).__name__}")
    own = int(marks.token_coverage)
    fault = "hardly anything in it is not the starter's" if own < OWN else ""
    found = np.fromiter((int(h) for h in marks.hashes if h % SAMPLE == 0), dtype=np.int64)
    return Print(name, make, known, found, own, fault)


@lru_cache(maxsize=16)
def _whole(one: Print) -> Any:
    """Return all that is known of a text's fingerprints, with their places in it."""
    return _own_marks(one.make(), one.known)


# ---------------------------------------------------------------- comparing


def compare(one: Print, other: Print) -> Pair:
    """Compare two texts. `share` is of the smaller: what was copied into much more shows too."""
    from copydetect.detector import compare_files

    _, (of_one, of_other), parts = compare_files(_whole(one), _whole(other))
    shares = [min(1.0, float(s)) for s in (of_one, of_other)]
    places = tuple(
        tuple((int(a), int(b)) for a, b in zip(*p, strict=True)) if len(p) else () for p in parts
    )
    smaller = shares[0] if one.own <= other.own else shares[1]
    return Pair(smaller, one.name, other.name, shares[0], shares[1], places)


def near(
    prints: Sequence[Print], least: float = 0.0, count: int = NEIGHBOURS
) -> set[tuple[int, int]]:
    """Return pairs of places worth comparing exactly: each text's nearest by shared fingerprints.

    least: the share of the smaller one's fingerprints that both must have.

    Costs the sum over fingerprints of how many texts have it, squared; not all pairs' comparison.
    """
    import numpy as np

    holders: dict[int, list[int]] = {}
    for place, one in enumerate(prints):
        for mark in one.marks.tolist():
            holders.setdefault(mark, []).append(place)
    rows = {mark: np.array(places) for mark, places in holders.items() if len(places) > 1}
    sizes = np.array([max(len(one.marks), 1) for one in prints])
    found: set[tuple[int, int]] = set()
    for place, one in enumerate(prints):
        shared = [rows[mark] for mark in one.marks.tolist() if mark in rows]
        if not shared:
            continue
        counts = np.bincount(np.concatenate(shared), minlength=len(prints)).astype(float)
        counts[place] = 0
        share = counts / np.minimum(sizes, sizes[place])
        best = np.argsort(-share, kind="stable")[:count]
        found |= {(min(place, int(b)), max(place, int(b))) for b in best if share[b] > least}
    return found


def pairs(prints: Sequence[Print], threshold: float = THRESHOLD) -> list[Pair]:
    """Return the pairs of texts that are alike, the most alike first."""
    able = [one for one in prints if not one.fault]
    found = [compare(able[a], able[b]) for a, b in sorted(near(able, threshold / 2))]
    return sorted((p for p in found if p.share >= threshold), reverse=True)


def beside(prints: Iterable[Print], one: Print, threshold: float = THRESHOLD) -> list[Pair]:
    """Return the texts that are alike one given text, the most alike first."""
    found = [compare(p, one) for p in prints if not p.fault]
    return sorted((p for p in found if p.share >= threshold), reverse=True)


def upper_bound(seen: int, of: int) -> float:
    """Return an upper bound of a rate, with 95 % confidence, by Clopper and Pearson's interval.

    For nothing seen it is 1 - 0.05^(1/n), about 3/n.
    """
    low, high = seen / of if of else 0.0, 1.0
    for _ in range(60):
        rate = (low + high) / 2
        tail = sum(
            math.comb(of, k) * rate**k * (1 - rate) ** (of - k) for k in range(seen + 1)
        )  # fmt: skip
        low, high = (rate, high) if tail > 0.05 else (low, rate)
    return high
