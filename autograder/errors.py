"""The error tree, with hints. Knows neither files nor the terminal.

LadderError             what happened, where, and what to type next
├── UsageError          used wrongly: exit code 2
│   ├── ManifestError   course.toml, lab.toml, mistakes.toml or a check is wrong
│   └── SubmissionError a submission cannot be graded as it is
├── WireError           bytes that are no message of ours
├── LearnerError        the learner's code raised, stopped or answered nonsense
├── NotHere             this machine lacks what a check without points needs: it is not run
└── GraderError         our fault: exit code 3, never a score
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class LadderError(Exception):
    """What happened, where, and what to type next."""

    exit_code = 3

    def __init__(self, what: str, where: str = "", next: str = "") -> None:
        super().__init__(what, where, next)
        self.what, self.where, self.next = what, where, next

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        text = f"{place}{self.what}" + (f"\n  -> {self.next}" if self.next else "")
        # names in it may be a learner's: a terminal must not obey them
        return "".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text)


class UsageError(LadderError):
    """Used wrongly; nothing was changed."""

    exit_code = 2


class ManifestError(UsageError):
    """A file of the course says something that cannot be."""


class SubmissionError(UsageError):
    """A submission was refused; the sentence is one that its author can act on."""


class WireError(LadderError):
    """Bytes that are no message of ours. Closes the session."""


class NotHere(LadderError):
    """A fixture's word that this machine lacks a tool: checks that take it are skipped.

    For checks without points only: a grade does not hang on whose machine it was made.
    """


class GraderError(LadderError):
    """The grader's own fault: the check becomes `ungraded`, never a score."""


KINDS = (
    "ArithmeticError", "AssertionError", "AttributeError", "EOFError", "FileNotFoundError",
    "ImportError", "IndexError", "KeyError", "KeyboardInterrupt", "LookupError", "MemoryError",
    "ModuleNotFoundError", "NameError", "NotImplementedError", "OSError", "OverflowError",
    "PermissionError", "RecursionError", "RuntimeError", "StopIteration", "SyntaxError",
    "SystemExit", "TimeoutError", "TypeError", "UnicodeError", "ValueError", "ZeroDivisionError",
)  # fmt: skip


class LearnerError(LadderError):
    """The learner's code raised, stopped or answered something that cannot cross.

    kind: a name of `KINDS`, else "Exception"; "Stopped" when its process ended and "Answer" when
    what came back is no value of ours. text: what it said, shown on desk data only.
    """

    def __init__(self, kind: str, text: str = "", where: str = "") -> None:
        self.kind = kind if kind in (*KINDS, "Stopped", "Answer") else "Exception"
        self.text = text
        super().__init__(f"{self.kind}: {text}" if text else self.kind, where)


def suggest(word: str, known: Iterable[str]) -> str:
    """Return ' Did you mean X?' for a near miss, else ''."""
    near = get_close_matches(word, list(known), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
