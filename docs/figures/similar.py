"""Measure how alike independent solutions and disguised copies are: picture and table of the page.

python docs/figures/similar.py [FOLDER]

Independent are the solution and each alternative of a lab, in the files that both wrote anew.
Copies are the solution, disguised in ways that take a learner minutes.
"""

from __future__ import annotations

import ast
import csv
import random
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from autograder import similar
from autograder.handout import alternatives, written
from autograder.manifest import Lab, load_course
from autograder.measures import spread

PAGE = Path(__file__).parents[1] / "instructors" / "similar"
STYLE = {
    "svg.hashsalt": "similar", "svg.fonttype": "none", "font.size": 9,
    "figure.facecolor": "#fbfaf7", "axes.facecolor": "#fbfaf7", "axes.spines.top": False,
    "axes.spines.right": False, "axes.spines.left": False,
}  # fmt: skip
COLOURS = ("#1f6f9f", "#b5472f")
SEED = 7
Texts = Mapping[str, str]


@dataclass(frozen=True)
class Case:
    """One pair of texts of one lab: what it is, and the share they have in common."""

    kind: str
    lab: str
    which: str
    share: float


def independent(lab: Lab, known: frozenset[int]) -> Iterator[Case]:
    """Compare solutions in the files that both wrote anew; none where there is no such file."""
    own = written(lab)
    every = {"the solution": own} | alternatives(lab)
    for one, other in combinations(every, 2):
        texts = (own, every[one], every[other])
        apart = 2 if every[one] is own else 3  # versions there are of a file that both wrote anew
        files = [n for n in own if len({t[n] for t in texts}) == apart]
        share = compared(lab, *({n: every[who][n] for n in files} for who in (one, other)), known)
        if share is not None:
            yield Case("independent", lab.id, f"{one}, {other}", share)


def compared(lab: Lab, one: Texts, other: Texts, known: frozenset[int]) -> float | None:
    """Return the share that two texts have in common; None when there is too little to compare."""
    prints = [
        similar.printed(name, lambda texts=texts: similar.solution_text(lab, texts), known)
        for name, texts in (("one", one), ("other", other))
    ]
    return None if any(p.fault for p in prints) else similar.compare(*prints).share


# ---------------------------------------------------------------- disguises


def whole(text: str) -> str:
    """Change nothing."""
    return text


def tidied(text: str) -> str:
    """Lay out anew, without comments and docstrings."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        documented = isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module)
        if documented and len(node.body) > 1 and ast.get_docstring(node, False) is not None:
            del node.body[0]
    return ast.unparse(tree)


def renamed(text: str) -> str:
    """Give every name that is assigned another one."""
    text = tidied(text)
    names = {
        n.id for n in ast.walk(ast.parse(text))
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }  # fmt: skip
    for number, name in enumerate(sorted(names)):
        text = re.sub(rf"(?<![.\w]){re.escape(name)}(?![\w(])", f"thing_{number}", text)
    return text


def shuffled(text: str) -> str:
    """Put functions and classes into another order, under other names."""
    tree = ast.parse(renamed(text))
    random.Random(SEED).shuffle(tree.body)
    return ast.unparse(tree)


def padded(text: str) -> str:
    """Put a line that does nothing after every third one, as well."""
    tree = ast.parse(shuffled(text))
    for node in ast.walk(tree):
        for name in ("body", "orelse"):
            body = getattr(node, name, None)
            if isinstance(body, list) and len(body) > 2:
                extra = ast.parse("_ = len(str(1 + 1))").body
                setattr(node, name, [x for n, s in enumerate(body)
                                     for x in ([s, *extra] if n % 3 == 2 else [s])])  # fmt: skip
    return ast.unparse(ast.fix_missing_locations(tree))


DISGUISES: dict[str, Callable[[str], str]] = {
    "a copy": whole, "laid out anew": tidied, "and renamed": renamed, "and reordered": shuffled,
    "and padded": padded,
}  # fmt: skip


def copies(lab: Lab, known: frozenset[int]) -> Iterator[Case]:
    """Compare the solution with itself in disguise."""
    own = {n: t for n, t in written(lab).items() if n.endswith(".py")}
    plain = {"text.py": similar.solution_text(lab, own)}
    for kind, disguise in DISGUISES.items():
        share = compared(lab, plain, {"text.py": disguise(plain["text.py"])}, known)
        if share is not None:
            yield Case(kind, lab.id, "the solution", share)


def halves(lab: Lab, known: frozenset[int]) -> Iterator[Case]:
    """Compare an alternative with itself and half of the solution's statements besides."""
    own = ast.parse(similar.solution_text(lab, written(lab)))
    for name, texts in alternatives(lab).items():
        other = similar.solution_text(lab, {n: t for n, t in texts.items() if t != written(lab)[n]})
        half = ast.unparse(ast.Module(own.body[::2], []))
        share = compared(lab, {"a.py": similar.solution_text(lab, written(lab))},
                         {"a.py": f"{other}\n{half}"}, known)  # fmt: skip
        if share is not None:
            yield Case("half of it, in other work", lab.id, name, share)


def cases() -> list[Case]:
    """Measure everything."""
    found: list[Case] = []
    for lab in load_course().labs.values():
        known = similar.boilerplate(similar.starter_text(lab))
        for measure in (independent, copies, halves):
            found += measure(lab, known)
    return found


# ---------------------------------------------------------------- picture and table


def kinds(found: list[Case]) -> dict[str, list[float]]:
    """Return the shares of each kind of pair."""
    by: dict[str, list[float]] = {}
    for one in found:
        by.setdefault(one.kind, []).append(one.share)
    return by


def picture(found: list[Case]) -> Figure:
    """Dots: each pair's share in common, a line for each kind; the threshold as a stroke."""
    by = kinds(found)
    figure = Figure((7.4, 0.7 + 0.34 * len(by)), layout="constrained")
    axes = figure.subplots()
    for place, (kind, shares) in enumerate(by.items()):
        colour = COLOURS[kind != "independent"]
        axes.hlines(place, 0, 100, color="#ddd6cc", linewidth=0.8)
        axes.plot([100 * s for s in shares], [place] * len(shares), "o", color=colour, alpha=0.7)
    axes.axvline(100 * similar.THRESHOLD, color="#222", linestyle="--", linewidth=1)
    axes.set_yticks(range(len(by)), list(by))
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.set(xlabel="% of the smaller text in common", xlim=(-2, 102))
    return figure


def table(found: list[Case]) -> str:
    """Return the table of the page, in Markdown."""
    lines = ["| Pairs | How many | Lowest | Median | Highest | From the threshold on |",
             "|---|---|---|---|---|---|"]  # fmt: skip
    for kind, shares in kinds(found).items():
        over = sum(s >= similar.THRESHOLD for s in shares)
        low, middle, high = min(shares), spread(shares)[2], max(shares)
        lines.append(
            f"| {kind} | {len(shares)} | {low:.0%} | {middle:.0%} | {high:.0%} |"
            f" {over} of {len(shares)} |"
        )
    shares = kinds(found)["independent"]
    over = sum(s >= similar.THRESHOLD for s in shares)
    bound = similar.upper_bound(over, len(shares))
    said = (
        f"\nOf {len(shares)} pairs of independent correct solutions, {over} reached the threshold"
        f" of {similar.THRESHOLD:.0%}. With so few pairs that says no more than that the rate is"
        f" below {bound:.0%} (95 % confidence, Clopper and Pearson's bound)."
    )
    return "\n".join([*lines, said]) + "\n"


def draw(folder: Path) -> list[Case]:
    """Write picture, table and pairs into a folder; return the pairs."""
    found = cases()
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        picture(found).savefig(folder / "pairs.svg", metadata={"Date": None})
    (folder / "table.txt").write_text(table(found), encoding="utf-8")
    with (folder / "pairs.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("kind", "lab", "which", "share"))
        writer.writerows((c.kind, c.lab, c.which, f"{c.share:.3f}") for c in found)
    return found


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE)
