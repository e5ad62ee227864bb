"""Grades a folder. Has never heard of a cloud.

The names that labs use: `check`, `fixture` and `given` declare, `take` reads the first items
of an opaque answer, `LearnerError` is what a learner's exception becomes on the judge's side,
`NotHere` is what a fixture raises where the machine lacks a tool.
"""

from autograder.check import check, fixture, given
from autograder.errors import LearnerError, NotHere
from autograder.wire import take

__all__ = ["LearnerError", "NotHere", "check", "fixture", "given", "take"]


def load_ipython_extension(shell: object) -> None:
    """Make `%check NAME` work after `%load_ext autograder`."""
    from autograder.magic import load_ipython_extension as load

    load(shell)
