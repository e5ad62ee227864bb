"""The decorators of checks.py and conftest.py. Declares; running is the judge's."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeVar, cast

from autograder.errors import ManifestError, suggest

SOURCES = ("returned", "cloud", "kernel", "wire", "artifact")
BUILT_IN = (
    "work", "pristine", "seed", "rng", "learner", "desk_seed", "solution", "graded", "papers",
)  # fmt: skip

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Check:
    """One check as declared. `needs` names the fixtures it takes, in order."""

    name: str
    claim: str
    points: float
    observes: str
    after: tuple[str, ...]
    must: bool
    needs: tuple[str, ...]
    call: Callable[..., None]


def check(
    *,
    points: float = 0,
    observes: str = "",
    after: str | tuple[str, ...] = (),
    must: bool = False,
) -> Callable[[F], F]:
    """Declare a check: its points, what it observes, what must pass before, if a gate needs it.

    Raises ManifestError for a pointed check without a source, an unknown source or no claim.
    """

    def declare(function: F) -> F:
        claim = inspect.cleandoc(function.__doc__ or "").split("\n\n")[0].replace("\n", " ")
        place = f"{function.__module__}.{function.__name__}"
        if not claim:
            raise ManifestError("a check needs a docstring: its claim", place)
        if observes and observes not in SOURCES:
            raise ManifestError(
                f"observes={observes!r} is none of {SOURCES}.{suggest(observes, SOURCES)}",
                place,
            )
        if points and not observes:
            raise ManifestError("a check with points must say what it observes", place)
        before = (after,) if isinstance(after, str) else tuple(after)
        function.__ladder_check__ = Check(  # type: ignore[attr-defined]
            function.__name__, claim, points, observes, before, must, parameters(function), function
        )
        return function

    return declare


def fixture(function: F) -> F:
    """Declare a fixture: a function of other fixtures by name, or a generator that yields once.

    Under pytest it becomes a pytest fixture as well; the judge needs no pytest.
    """
    registry: dict[str, Any] = function.__globals__.setdefault("__ladder_fixtures__", {})
    registry[function.__name__] = function
    if "pytest" not in sys.modules:
        return function
    import pytest

    wrapped: Any = pytest.fixture(function)
    return cast(F, wrapped)


def given(path: str) -> Callable[[F], F]:
    """Mark a fixture whose value for the desk seed is the learner's file `path`.

    A path that ends in "/" is a folder: the value is a dict of file names. Stands above @fixture.
    """

    def mark(function: F) -> F:
        inner = getattr(function, "_get_wrapped_function", lambda: function)()
        inner.__globals__.setdefault("__ladder_given__", {})[inner.__name__] = path
        return function

    return mark


def parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of the fixtures a check or fixture takes."""
    return tuple(inspect.signature(function).parameters)


def checks_of(module: ModuleType) -> dict[str, Check]:
    """Return the checks of a module in the order they are written.

    Raises ManifestError for an `after` that names no earlier check.
    """
    found: dict[str, Check] = {}
    for value in vars(module).values():
        declared = getattr(value, "__ladder_check__", None)
        if not isinstance(declared, Check):
            continue
        for name in declared.after:
            if name not in found:
                raise ManifestError(
                    f"after={name!r} names no earlier check.{suggest(name, found)}", declared.name
                )
        found[declared.name] = declared
    return found


def fixtures_of(module: ModuleType) -> dict[str, Callable[..., Any]]:
    """Return the fixtures of a conftest module by name."""
    return dict(vars(module).get("__ladder_fixtures__", {}))


def given_of(module: ModuleType) -> dict[str, str]:
    """Return the desk files of a conftest module: fixture name -> path."""
    return dict(vars(module).get("__ladder_given__", {}))
