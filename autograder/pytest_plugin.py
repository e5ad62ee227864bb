"""Lets pytest run a lab's checks: IDE, -k, --pdb, diffs. Acts only on functions with a check.

The pytest process is the judge; the learner's code runs in another process, as everywhere. Run it
on the course's own file: pytest labs/STAGE/LAB/checks.py
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from autograder.check import Check
from autograder.errors import LearnerError

BENCH = pytest.StashKey[Any]()
RAN = pytest.StashKey[dict[str, bool]]()


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> Any:
    """Collect the checks.py of a lab when it is named."""
    if module_path.name == "checks.py" and (module_path.parent / "lab.toml").is_file():
        return Checks.from_parent(parent, path=module_path)
    return None


class Checks(pytest.Module):
    """A lab's checks.py: its checks are the tests, whatever their names."""

    def istestfunction(self, obj: object, name: str) -> bool:
        """Tell whether a function is a check."""
        return isinstance(getattr(obj, "__ladder_check__", None), Check)


def _check_of(item: pytest.Item) -> Check | None:
    found = getattr(getattr(item, "function", None), "__ladder_check__", None)
    return found if isinstance(found, Check) else None


def _bench(request: pytest.FixtureRequest) -> Any:
    """Return the bench of the lab whose check is running, loaded once a session."""
    from autograder.desk import Desk
    from autograder.fixtures import desk_files
    from autograder.grade import Bench, load_lab
    from autograder.manifest import load_course
    from autograder.sandbox import Launcher
    from autograder.seeds import desk_seed

    stash = request.session.stash
    if BENCH in stash:
        return stash[BENCH]
    folder = request.path.parent
    course = load_course(folder.parents[2])
    lab = course.lab(folder.name)
    submission = Desk(course).submission(lab)
    seed = desk_seed(course.file.title, lab.id, submission.learner)
    stack = ExitStack()
    request.session.config.add_cleanup(stack.close)
    kind: Any = lab.launcher
    boxes = stack.enter_context(Launcher(kind, lab.preloaded(), "D"))
    bench = Bench(load_lab(lab), submission, boxes, False, seed)
    bench.desk = desk_files(bench)
    if lab.launcher == "fork":
        bench.load()
        stack.callback(bench.close)
    stash[BENCH] = bench
    return bench


@pytest.fixture
def work(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The learner's work, in a process of its own."""
    bench = _bench(request)
    one = bench.work()
    yield one
    one.close()
    bench.part()


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The public seed of this desk."""
    return int(_bench(request).desk_seed)


@pytest.fixture
def desk_seed(seed: int) -> int:
    """The public seed of this desk."""
    return seed


@pytest.fixture
def rng(seed: int) -> Any:
    """A generator of this desk's seed."""
    from autograder.fixtures import BUILT_IN

    return BUILT_IN["rng"](None, seed)  # type: ignore[arg-type]


@pytest.fixture
def learner(request: pytest.FixtureRequest) -> str:
    """Who works here."""
    return str(_bench(request).submission.learner)


@pytest.fixture
def graded() -> bool:
    """A run through pytest is never graded."""
    return False


@pytest.fixture
def papers(request: pytest.FixtureRequest) -> Any:
    """The documents on this desk, read without a process of the learner's."""
    from autograder.papers import Papers

    return Papers(_bench(request).submission.files)


@pytest.fixture
def pristine(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The lab's own starter, in another sandbox."""
    from autograder.fixtures import BUILT_IN

    one = BUILT_IN["pristine"](_bench(request), 0)
    yield one
    one.close()


@pytest.fixture
def solution(request: pytest.FixtureRequest) -> Path:
    """The folder of the lab's solution."""
    return Path(_bench(request).loaded.lab.solution)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Block a check when one that it comes after ran and did not pass."""
    one = _check_of(item)
    if one is None:
        return
    ran = item.session.stash.setdefault(RAN, {})
    for name in one.after:
        if ran.get(name) is False:
            pytest.skip(f"blocked: waits for {name}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Remember how a check ended; say what a learner's exception was instead of our traceback."""
    report: pytest.TestReport = yield
    if _check_of(item) is None:
        return report
    if call.when == "call":
        item.session.stash.setdefault(RAN, {})[item.name] = report.passed
    if call.excinfo is not None and isinstance(call.excinfo.value, LearnerError):
        report.longrepr = str(call.excinfo.value)
    return report
