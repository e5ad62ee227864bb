"""A starter is cut from its solution: what is marked goes, all else stays byte for byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.errors import ManifestError
from autograder.starter import cut

SOLVED = '''def sign(key):
    """Sign."""
    ### BEGIN SOLUTION: sign the key
    expires = 1
    return key + expires
    ### END SOLUTION


rest = 1
'''


def test_a_block_becomes_its_todo_and_raises():
    assert cut(SOLVED) == (
        'def sign(key):\n    """Sign."""\n    # TODO: sign the key\n'
        "    raise NotImplementedError\n\n\nrest = 1\n"
    )


@pytest.mark.parametrize(
    ("text", "begin"),
    [
        ("/// BEGIN SOLUTION: here\nx\n/// END SOLUTION\n", "// TODO: here\n"),
        ("-- BEGIN SOLUTION: here\nx\n-- END SOLUTION\n", "-- TODO: here\n"),
        ("<!-- BEGIN SOLUTION: here -->\nx\n<!-- END SOLUTION -->\n", "<!-- TODO: here -->\n"),
    ],
)
def test_other_languages_get_only_the_todo(text, begin):
    assert cut(text, python=False) == begin


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("### BEGIN SOLUTION: x\n", "never closed"),
        ("### END SOLUTION\n", "without a BEGIN"),
        ("### BEGIN SOLUTION\n### END SOLUTION\n", "needs a text"),
        ("### BEGIN SOLUTION: a\n### BEGIN SOLUTION: b\n", "opens inside"),
    ],
)
def test_marks_that_do_not_match_are_refused_with_their_line(text, what):
    with pytest.raises(ManifestError, match=what) as refused:
        cut(text)
    assert refused.value.where.startswith("line ")


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r")))
def test_a_text_without_marks_is_handed_out_as_it_is(text):
    if "SOLUTION" not in text:
        assert cut(text) == text
