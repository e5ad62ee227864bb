"""Notebooks are made from percent scripts: cells, ids and nbgrader's marks are always the same."""

import json

import nbformat
import pytest

from autograder.errors import ManifestError
from autograder.grade import load_lab
from autograder.handout import handed_in, handout, written
from autograder.sheet import join, notebook, sheet, split
from autograder.submission import code

POINTS = {"adds_up": 3.0, "smoke": 0.0}
SCRIPT = """# %% [markdown]
# # Title

# %%
import numpy as np

# %%
# %matplotlib inline
total = 1


# %%
def add(a, b):
    ### BEGIN SOLUTION: add them
    return a + b
    ### END SOLUTION


# %%
# %check adds_up
"""


def cells(text):
    """Return the cells of a notebook by id, after asking nbformat whether it is one."""
    found = json.loads(text)
    nbformat.validate(found)
    return {cell["id"]: cell for cell in found["cells"]}


def mark(cell):
    return cell["metadata"].get("nbgrader")


def test_cells_are_marked_for_nbgrader():
    found = cells(notebook(SCRIPT, POINTS))
    assert list(found)[1] == "extension"
    assert list(found)[3:] == ["given-total", "code-add", "adds_up"]
    answer, grade = mark(found["code-add"]), mark(found["adds_up"])
    assert (answer["solution"], answer["grade"], answer["locked"]) == (True, False, False)
    assert (grade["solution"], grade["grade"], grade["locked"]) == (False, True, True)
    assert grade["points"] == 3
    assert "raise NotImplementedError" in "".join(found["code-add"]["source"])
    assert "".join(found["given-total"]["source"]).startswith("%matplotlib inline")
    assert all(mark(c)["schema_version"] == 3 for c in found.values() if mark(c))
    assert all(mark(c)["locked"] for n, c in found.items() if n.startswith("given"))


def test_the_extension_comes_before_all_code_and_once():
    found = [c for c in cells(notebook(SCRIPT, POINTS)).values() if c["cell_type"] == "code"]
    assert found[0]["source"] == ["%load_ext autograder"]
    again = notebook(SCRIPT.replace("import numpy as np", "# %load_ext autograder"), POINTS)
    assert again.count("%load_ext") == 1


def test_the_same_text_gives_the_same_bytes_and_ids_survive_edits_elsewhere():
    assert notebook(SCRIPT, POINTS) == notebook(SCRIPT, POINTS)
    edited = SCRIPT.replace("# # Title", "# # Another title").replace(
        "import numpy as np", "import os"
    )
    before, after = (set(cells(notebook(text, POINTS))) for text in (SCRIPT, edited))
    assert {"code-add", "adds_up", "given-total"} <= before & after


def test_two_cells_of_a_name_get_two_ids():
    twice = SCRIPT.replace("# %%\n# %matplotlib", "# %%\ntotal = 0\n\n# %%\n# %matplotlib")
    assert {"given-total", "given-total-2"} <= set(cells(notebook(twice, POINTS)))


def test_the_instructors_notebook_keeps_the_solution_and_its_marks():
    source = notebook(SCRIPT, POINTS, solved=True)
    assert "return a + b" in source
    assert "### BEGIN SOLUTION" in source


@pytest.mark.parametrize(
    ("cell", "what"),
    [
        ("# %check nobody", "names no check"),
        ("# %check adds_up\nx = 1", "stands alone"),
        ("# %check adds_up\n\n# %%\n# %check adds_up", "two grade cells"),
    ],
)
def test_grade_cells_that_cannot_be_are_refused(cell, what):
    with pytest.raises(ManifestError, match=what):
        notebook(SCRIPT.replace("# %check adds_up", cell), POINTS)


def test_questions_become_manual_cells(course):
    lab = course.labs["sum-up"]
    found = cells(notebook(SCRIPT, POINTS, lab.file.question))
    answer = mark(found["unweighed"])
    assert (answer["grade"], answer["solution"], answer["locked"]) == (True, True, False)
    assert answer["points"] == 3
    assert mark(found["ask-unweighed"])["locked"]


def test_a_project_has_a_sheet_of_brief_and_checks(course):
    lab = course.labs["port-call"]
    checks = load_lab(lab).checks
    text = sheet(
        "# Brief\n\nDo it.\n\n## Part B\n\nMore.", {n: c.claim for n, c in checks.items()},
        {n: c.points for n, c in checks.items()}, (),
    )  # fmt: skip
    found = cells(text)
    assert [n for n, c in found.items() if (mark(c) or {}).get("grade")] == list(checks)
    assert "(2 points)" in text


def test_scripts_survive_being_split_and_joined():
    assert split(join(split(SCRIPT))) == split(SCRIPT)


def test_a_solution_can_be_handed_in(course):
    lab = course.labs["sum-up"]
    files = handed_in(lab, written(lab), {n: c.points for n, c in load_lab(lab).checks.items()})
    lines = code(json.loads(files["lab.ipynb"])["cells"])
    assert any("np.nansum" in line for line in lines)
    assert not any("%check" in line for line in lines)


def test_the_handout_holds_no_solution(course):
    for lab in course.labs.values():
        for path, body in handout(lab, load_lab(lab).checks).items():
            assert b"BEGIN SOLUTION" not in body, path
            assert b"nansum" not in body, path
    assert (course.root / "labs/2-junior/port-call/berths.json").read_text() == "{}\n"
    assert (course.root / "labs/2-junior/port-call/ledger.py").read_text().startswith('"""Sorts')
