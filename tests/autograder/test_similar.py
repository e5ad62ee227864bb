"""Texts that are alike are found, independent ones are not, hostile ones break nothing."""

import ast
import json
import random
import re
import time
from itertools import combinations

import pytest

from autograder import similar
from autograder.handout import alternatives, handout, written
from autograder.manifest import load_course
from autograder.sidebyside import Pair, marked, page
from autograder.submission import Submission
from tests.autograder.test_report import offline


def function(number: int, words: str) -> str:
    """A function of about ten lines that differs by more than its names."""
    draw = random.Random(f"{words}{number}")
    lines = [f"def {words}_{number}(rows, limit):", f'    """Do {words}."""']
    for _ in range(9):
        kind = draw.randrange(5)
        a, b = draw.choice(words), draw.randrange(100)
        lines += {
            0: [f"    for {a} in rows:", f"        limit += {a} * {b}"],
            1: [f"    if limit > {b}:", f"        return rows[{b}:]"],
            2: [f"    rows = sorted(rows, key=lambda r: r[{b}] - limit)"],
            3: [f"    {a} = {{key: value for key, value in rows if value != {b}}}"],
            4: [f"    while limit < {b}:", f"        limit = limit * 2 + len(rows[:{b}])"],
        }[kind]
    return "\n".join([*lines, "    return rows", ""])


def text(words: str, count: int = 6) -> str:
    return "\n".join(function(number, words) for number in range(count))


def printed(name, body, known=frozenset()):
    return similar.printed(name, lambda: body, known)


def found(*texts, **more):
    prints = [printed(name, body) for name, body in texts]
    return {(p.one, p.other): p.share for p in similar.pairs(prints, **more)}


def renamed(body: str) -> str:
    """The same code under other names, without comments, laid out anew."""
    names = {n.id for n in ast.walk(ast.parse(body)) if isinstance(n, ast.Name)}
    for number, name in enumerate(sorted(names - {"sorted", "len"})):
        body = re.sub(rf"\b{name}\b", f"other_{number}", body)
    return ast.unparse(ast.parse(body))


def test_a_copy_under_other_names_is_found():
    one = text("parcel")
    assert found(("ada", one), ("bo", renamed(one)))["ada", "bo"] > 0.9


def test_a_copied_part_is_found_in_more_text():
    assert found(("ada", text("parcel", 3)), ("bo", text("harbour") + text("parcel", 3)))


def test_independent_texts_are_no_pair():
    assert not found(("ada", text("parcel")), ("bo", text("harbour")), ("cy", text("voyage")))


def test_what_everybody_was_handed_counts_for_nothing():
    starter = text("starter", 12)
    known = similar.boilerplate(starter)
    prints = [printed(n, starter + text(n), known) for n in ("parcel", "harbour")]
    assert not similar.pairs(prints)
    (only,) = [printed("nothing", starter + "\nx = 1\n", known)]
    assert only.fault == "hardly anything in it is not the starter's"


def test_figures_are_the_same_in_every_run():
    """Python's hashes differ from run to run: the shares must not."""
    import subprocess
    import sys

    script = (
        "from tests.autograder.test_similar import text, printed, similar\n"
        "one = printed('a', text('parcel') + text('river', 2))\n"
        "other = printed('b', text('river'))\n"
        "print(similar.compare(one, other).share, one.own)"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", script], env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(runs) == 1


def test_each_is_compared_with_its_nearest_only():
    texts = [(f"l{i}", text(f"word{'abcdefghijklmnopqrstuvwxyz'[i]}")) for i in range(20)]
    prints = [printed(*one) for one in [*texts, ("copy", texts[7][1])]]
    assert (7, 20) in similar.near(prints, least=0.25)
    assert len(similar.near(prints, count=2)) <= 2 * len(prints)


# ---------------------------------------------------------------- submissions


def notebook(*cells):
    made = [{"cell_type": "code", "source": cell, "metadata": {}} for cell in cells]
    return json.dumps({"nbformat": 4, "cells": made}).encode()


def test_a_notebook_counts_as_the_code_of_its_cells(tiny_course):
    lab = tiny_course.labs["sum-up"]
    body = notebook("%matplotlib inline\nx = 1", "!rm -rf /", "def f():\n    return 2")
    said = similar.text_of(lab, Submission(lab.id, "ada", {"lab.ipynb": body}))
    assert "# %matplotlib inline" in said
    assert "# !rm -rf /" in said
    assert ast.parse(said)
    prose = {"cell_type": "markdown", "source": "def prose(): pass", "metadata": {}}
    body = json.dumps({"nbformat": 4, "cells": [prose]}).encode()
    assert "prose" not in similar.text_of(lab, Submission(lab.id, "ada", {"lab.ipynb": body}))


HOSTILE = {
    "not a notebook": b"\x00\xff{",
    "not code": notebook("def (:::\n  \x00 '''"),
    "brackets": notebook("(" * 150_000),
    "one line": notebook("x=" + "1+" * 3_000_000),
    "quotes": notebook("'\\" * 90_000),
    "f-strings": notebook("f'{" * 60_000),
    "blanks": notebook(" " * 199_000 + "\n"),
    "indents": notebook("\n".join(" " * n + "if x:" for n in range(600))),
    "surrogates": notebook("x = '\ud800'" * 100),
    "cells of cells": json.dumps({"nbformat": 4, "cells": [{"cell_type": "code",
                                  "source": [["a"], {"b": 1}, 7]}]}).encode(),
    "nothing": notebook(),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_text_breaks_nothing(tiny_course, kind):
    lab = tiny_course.labs["sum-up"]
    bad = Submission(lab.id, "bad", {"lab.ipynb": HOSTILE[kind]})
    start = time.process_time()
    one = similar.printed("bad", lambda: similar.text_of(lab, bad))
    rest = [printed("ada", text("parcel")), printed("bo", text("parcel"))]
    pairs = similar.pairs([one, *rest])
    assert ("ada", "bo") in {(p.one, p.other) for p in pairs}
    assert time.process_time() - start < 4 * similar.MAX_CPU


def test_a_text_that_runs_away_is_stopped(monkeypatch):
    monkeypatch.setattr(similar, "MAX_CPU", 0.2)

    def runaway():
        re.match(r"(a+)+$", "a" * 40 + "b")
        raise AssertionError("it came to an end")

    assert "CPU-seconds" in similar.printed("slow", runaway).fault


def test_texts_are_clipped():
    assert len(similar.clipped("x" * 1_000_000)) == similar.MAX_LINE
    assert len(similar.clipped("x = 1\n" * 1_000_000)) <= similar.MAX_TEXT


# ---------------------------------------------------------------- the course's own solutions


def test_no_two_independent_solutions_of_the_course_are_a_pair():
    """Nor is a solution alike its starter, nor a starter alike anything."""
    course = load_course()
    too_small = []  # where the solution adds four lines to a file that is given, nothing is alike
    for lab in course.labs.values():
        known = similar.boilerplate(similar.starter_text(lab))
        own, others = written(lab), alternatives(lab)
        for name, other in others.items():
            new = {n: t for n, t in other.items() if t != own.get(n)}
            old = {n: t for n, t in own.items() if n in new}
            one, two = (
                printed(who, similar.solution_text(lab, texts), known)
                for who, texts in (("solution", old), (name, new))
            )
            if not any(n.endswith((".py", ".ipynb")) for n in new):  # of data, a template, a plan
                assert "any code" in one.fault
                continue
            if "not the starter's" in one.fault:
                too_small.append((lab.id, name))
                continue
            assert not one.fault
            assert not two.fault
            assert similar.compare(one, two).share < similar.THRESHOLD / 1.5, (lab.id, name)
    assert too_small == [("storage-port", "looks-first")]


def test_a_starter_handed_in_has_nothing_of_its_own(tiny_course):
    from autograder.grade import load_lab

    for lab in tiny_course.labs.values():
        made = handout(lab, load_lab(lab).checks)
        files = {path.name: body for path, body in made.items()}
        known = similar.boilerplate(similar.starter_text(lab))
        submission = Submission(lab.id, "ada", files)
        assert similar.printed("ada", lambda: similar.text_of(lab, submission), known).fault  # noqa: B023


# ---------------------------------------------------------------- the page


def test_the_page_shows_both_texts_and_accuses_nobody():
    wild = "<script>alert(1)</script>"
    pair = Pair(0.9, wild, "bo", 0.9, 0.8, (((0, 5), (3, 8)), ((0, 99),)))
    made = page([(wild, pair, f"x = 1\n{wild}", "y = 2")], 1, 0.5)
    said = offline(made).said.casefold()
    assert "worth reading side by side" in said
    assert "<script>alert(1)</script>" in said
    for word in ("cheat", "plagiar", "copied", "suspect", "guilt", "offen", "dishonest"):
        assert word not in said


def test_parts_are_marked_once():
    assert marked("abcdef", [(1, 3), (2, 4)]) == "a<mark>bc</mark><mark>d</mark>ef"
    assert marked("ab<", [(-3, 99)]) == "<mark>ab&lt;</mark>"
    assert marked("abc", list(combinations((1, 1, 0), 2))) == "abc"


def test_the_bound_of_a_rate_is_clopper_and_pearsons():
    from scipy.stats import binomtest

    for seen, of in ((0, 8), (2, 40)):
        exact = binomtest(seen, of).proportion_ci(0.90, "exact").high  # two-sided 90: one-sided 95
        assert similar.upper_bound(seen, of) == pytest.approx(exact, abs=1e-6)
    assert similar.upper_bound(3, 3) == pytest.approx(1)
