"""Which of your tests are red? On Sam's pull request, or with one of his commits on top.

    python again.py               the pull request as it is
    python again.py sam/1.py      the same with the first commit in place
"""

from __future__ import annotations

import importlib
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # ours needs none, and they cost

import pytest

FLAGS = ["-q", "-p", "no:cacheprovider", "--rootdir=.", "test_review.py"]
QUIET = ["--assert=plain", "--tb=no"]


class Reds:
    """Notes the tests that fail; a pytest plugin."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Note one."""
        if report.failed:
            self.names.add(report.nodeid.partition("::")[2].partition("[")[0])


def applied(commit: Path) -> str:
    """Put a commit of Sam's in place; return the function it changes, as `file.name`."""
    text = commit.read_text()
    found = re.match(r"# nightly/(\w+)\.py: (\w+)", text)
    assert found is not None, f"{commit} does not say what it changes"
    module = importlib.import_module(f"nightly.{found[1]}")
    exec(compile(text, str(commit), "exec"), vars(module))
    return f"{found[1]}.{found[2]}"


def red(commit: Path | None = None, quiet: bool = True) -> set[str]:
    """Return the names of the tests that fail, in a process of their own."""
    there, back = os.pipe()
    child = os.fork()
    if child == 0:
        if quiet:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if commit is not None:
            applied(commit)
        reds = Reds()
        pytest.main([*FLAGS, *(QUIET if quiet else [])], plugins=[reds])
        os.write(back, json.dumps(sorted(reds.names)).encode())
        sys.stdout.flush()
        os._exit(0)
    os.close(back)
    with os.fdopen(there) as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return set(json.loads(said))


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    red(Path(sys.argv[1]) if len(sys.argv) > 1 else None, quiet=False)
