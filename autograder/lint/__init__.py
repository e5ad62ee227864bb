"""`ladder lint`: rules for authors, each with a name, a sentence and a reason. Runs no lab code.

A rule is a generator over a lab; its docstring is its page of the reference. A line of Python that
has a good reason to break a rule says so beside it: `# lint: RULE because ...`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder.manifest import Lab
from autograder.pages import head

PAGE = "docs/reference/lint.md"


@dataclass(frozen=True)
class Remark:
    """What an author should change: where, which rule, and in words."""

    path: Path
    line: int
    rule: str
    what: str

    def text(self, root: Path) -> str:
        """Return the remark as lines for a terminal, ending in the page that explains."""
        path = self.path.relative_to(root) if self.path.is_relative_to(root) else self.path
        place = f"{path}:{self.line}" if self.line else f"{path}"
        return f"{place}: {self.what}\n  -> {PAGE}#{self.rule}"

    def as_dict(self) -> dict[str, object]:
        """Return the remark for a program."""
        return {
            "path": str(self.path), "line": self.line, "rule": self.rule, "what": self.what,
        }  # fmt: skip


Found = Iterator[tuple[Path, int, str]]
RULES: dict[str, Callable[[Lab], Found]] = {}


def rule(name: str) -> Callable[[Callable[[Lab], Found]], Callable[[Lab], Found]]:
    """Register a rule under its name."""

    def register(function: Callable[[Lab], Found]) -> Callable[[Lab], Found]:
        RULES[name] = function
        return function

    return register


def lint(lab: Lab) -> list[Remark]:
    """Return every remark on a lab, by file."""
    _load()
    found = [
        Remark(path, line, name, what)
        for name, function in RULES.items()
        for path, line, what in function(lab)
    ]
    return sorted(found, key=lambda r: (r.path, r.line, r.rule))


def page() -> str:
    """Return the page of the reference: every rule with its reason."""
    _load()
    rules = (
        "\n`./ladder lint` holds every lab to these. A line of a lab's Python that has a good"
        " reason to break one says so beside it: `# lint: RULE because ...`. Keys that no manifest"
        " knows, checks without a claim and checks with points but without a source are refused"
        " earlier, when a lab is loaded.\n"
    )
    parts = [f"\n## {name} {{ #{name} }}\n\n{inspect.getdoc(f)}\n" for name, f in RULES.items()]
    return head("Rules for labs and lessons", "autograder/lint") + rules + "".join(parts)


def _load() -> None:
    """Import the modules that register their rules: those on manifests first."""
    from autograder.lint import manifests  # noqa: F401, I001
    from autograder.lint import code, texts  # noqa: F401
