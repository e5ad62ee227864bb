"""Groups of dependencies that a lab or a command needs beyond the light ones."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from autograder.cli import install
from autograder.errors import UsageError


def ensure(groups: Sequence[str]) -> None:
    """Install the groups that are missing; say their size on this machine first."""
    known = install.sets()
    for group in groups:
        if group not in known:
            raise UsageError(f"no group {group!r} of dependencies", where="pyproject.toml")
    if not install.missing(groups):
        return
    try:
        install.install(groups)
    except install.Fault as fault:
        raise UsageError(str(fault)) from fault
    importlib.invalidate_caches()
