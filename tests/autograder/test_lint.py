"""Each rule speaks when it should, is silent when it should, and stands in the reference."""

import shutil

import pytest
from click.testing import CliRunner

from autograder import lint as lints
from autograder.cli.author import lint as command
from autograder.manifest import load_course

NOTEBOOK, PROJECT = "1-foundations/sum-up", "2-junior/port-call"
CHECKS, LAB = f"labs/{NOTEBOOK}/checks.py", f"labs/{NOTEBOOK}/lab.toml"
LESSON = f"docs/{NOTEBOOK}.md"
OVER = (
    'assert np.array_equal(found, np.flatnonzero(weights > limit)), "is the limit itself too much?"'
)


def rules(course, lab="sum-up"):
    """Return the names of the rules that a lab breaks now."""
    return {one.rule for one in lints.lint(load_course(course.root).labs[lab])}


def test_the_tiny_course_keeps_every_rule(tiny_course):
    assert [one for lab in tiny_course.labs.values() for one in lints.lint(lab)] == []


@pytest.mark.parametrize(
    ("rule", "path", "old", "new"),
    [
        ("loads", CHECKS, "from autograder import check", "from autograder import chek"),
        ("number-of-checks", CHECKS, ", must=True", ""),
        ("number-of-checks", CHECKS, "points=3", "points=-3"),
        ("hints", LAB, 'adds_up = ["What', 'add_up = ["What'),
        ("hints", LAB, '"Look at total.", ', ""),
        ("rows", LAB, 'check = "heaviest_first"', 'check = "nobody"'),
        ("rows", LAB, 'mark = "model"', 'mark = "modelled"'),
        ("questions", LAB, "level = 3", "level = 4"),
        ("questions", LAB, 'id = "unweighed"', 'id = "adds_up"'),
        ("minutes", LAB, "p50 = 20, p80 = 40", "p50 = 50, p80 = 40"),
        ("minutes", LAB, "ends on heaviest_first", "ends somewhere"),
        ("manifest", LAB, 'ai = "tutor"', 'ai = "free"'),
        ("manifest", LAB, 'skills = ["adding"]', "skills = []"),
        ("message", CHECKS, ', "is the limit itself too much?"', ""),
        ("message", CHECKS, "is the limit itself", "is the\\nlimit itself"),
        ("fixed-message", CHECKS, '"is the limit itself', 'f"{limit}: is the limit itself'),
        ("fixed-message", CHECKS, '"is the limit itself too much?"', "str(found)"),
        ("wall-clock", CHECKS, OVER, 'import time; assert time.time() < 1, "fast?"'),
        (
            "wall-clock", CHECKS, OVER,
            'import time; t = time.perf_counter(); u = t - 1; assert u < 1, "fast?"',
        ),
        ("source-text", CHECKS, OVER, 'work.read("lab.ipynb")'),
        ("seeded", CHECKS, OVER, "np.random.random()"),
        ("seeded", CHECKS, "import numpy as np", "import numpy as np\nfrom random import random"),
        ("no-belittling", CHECKS, "is the limit itself", "is the limit just"),
        ("no-belittling", LAB, "Look at over.", "Simply look at over."),
        ("no-belittling", LESSON, "Seven words", "Just words"),
        ("claims", CHECKS, "heaviest first, as many as asked for.", "heaviest first"),
        ("brief", f"labs/{NOTEBOOK}/README.md", "# Sum up", "# Add up"),
        ("brief", f"labs/{NOTEBOOK}/README.md", "## B.", "[this](../../x)\n\n## B."),
        ("lesson", LESSON, "Azure", "Other"),
        ("lesson", LESSON, "![The idea](idea.svg)", "The idea."),
        ("lesson", LESSON, "Seven words of text", "Two"),
        ("retrieval", LESSON, "5. Five?\n", ""),
        ("retrieval", LESSON, "## Five questions", "## Five more"),
        ("after-passing", LESSON, "## After the lab", "## More"),
        ("mistakes", f"solutions/{NOTEBOOK}/mistakes.toml", "weights > limit", "weights < limit"),
        ("mistakes", f"solutions/{NOTEBOOK}/mistakes.toml", '["over_the_limit"]', '["opens"]'),
        ("gaps", f"solutions/{NOTEBOOK}/lab.py", "SOLUTION", "THE ANSWER"),
    ],
)  # fmt: skip
def test_a_broken_rule_is_named(course, edit, rule, path, old, new):
    edit(path, old, new)
    assert rule in rules(course)


def test_a_message_may_show_what_the_check_itself_wrote(course, edit):
    edit(CHECKS, '"which are the heaviest, and', 'f"{count}: which are the heaviest, and')
    assert rules(course) == set()


def test_a_reason_beside_the_line_excuses_it(course, edit):
    edit(CHECKS, "weights > limit)), ", "weights > limit)), str(limit) or ")
    assert rules(course) == {"fixed-message"}
    line = "  # lint: fixed-message because the limit is told in the brief\n"
    edit(CHECKS, 'too much?"\n', f'too much?"{line}')
    assert rules(course) == set()


def test_a_file_that_nobody_wrote_is_refused(course):
    (course.root / "labs" / PROJECT / "notes.txt").write_text("x")
    assert rules(course, "port-call") == {"nothing-else"}


def test_a_file_named_like_a_standard_module_is_refused(course):
    folder = course.root / "solutions" / PROJECT
    (folder / "queue.py").write_text("x = 1\n")
    assert "shadowed" in rules(course, "port-call")


def test_alternatives_hold_only_what_differs(course):
    folder = course.root / "solutions" / PROJECT
    shutil.copy(folder / "watch.py", folder / "alternatives" / "one-pass")
    assert rules(course, "port-call") == {"alternatives"}
    shutil.rmtree(folder / "alternatives")
    assert rules(course, "port-call") == {"alternatives"}


def test_a_missing_lesson_is_one_remark(course):
    (course.root / LESSON).unlink()
    assert rules(course) == {"lesson"}


def test_a_remark_ends_in_the_page_that_explains_it(course, monkeypatch):
    (course.root / LESSON).unlink()
    monkeypatch.chdir(course.root)
    run = CliRunner().invoke(command, [])
    assert run.exit_code == 1
    assert (
        "docs/1-foundations/sum-up.md: the lesson is missing\n  -> docs/reference/lint.md#lesson"
        in (run.output)
    )
    assert CliRunner().invoke(command, ["port-call"]).exit_code == 0


def test_every_rule_has_a_sentence_and_a_reason():
    page = lints.page()
    for name, function in lints.RULES.items():
        assert f"## {name} {{ #{name} }}" in page
        assert len((function.__doc__ or "").strip().split("\n\n")) >= 2, name
