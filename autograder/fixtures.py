"""Makes what a check takes: the built-in fixtures, the lab's own, and the data of a desk.

Each is made once for one check on one seed and torn down in reverse. Decides no verdict.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from autograder.check import parameters
from autograder.judge import Work
from autograder.manifest import Lab
from autograder.papers import Papers
from autograder.submission import wanted

if TYPE_CHECKING:
    from autograder.grade import Bench

BUILT_IN: dict[str, Callable[[Bench, int], Any]] = {
    "work": lambda bench, _: bench.work(),
    "pristine": lambda bench, _: _pristine(bench),
    "seed": lambda _, seed: seed,
    "rng": lambda _, seed: _generator(seed),
    "learner": lambda bench, _: bench.submission.learner,
    "desk_seed": lambda bench, _: bench.desk_seed,
    "solution": lambda bench, _: bench.loaded.lab.solution,
    "graded": lambda bench, _: bench.sealed,
    "papers": lambda bench, _: Papers(bench.submission.files),
}


def _generator(seed: int) -> Any:
    import numpy as np

    return np.random.Generator(np.random.PCG64DXSM(seed))


def _pristine(bench: Bench) -> Work:
    """Return a `work` on the lab's own starter files, in another sandbox."""
    return bench.opened({**handed(bench.loaded.lab, all_of_it=True), **bench.desk})


def handed(lab: Lab, all_of_it: bool = False) -> dict[str, bytes]:
    """Return the files a lab hands to its learner; those they write only with `all_of_it`."""
    kept = {"lab.toml", "README.md", "checks.py", "conftest.py", "lab.ipynb"} - {lab.file.main}
    return {
        name: path.read_bytes()
        for path in sorted(lab.folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
        if (name := path.relative_to(lab.folder).as_posix()) not in kept
        if all_of_it or not wanted(lab, name)
    }


@contextmanager
def fixtures(bench: Bench, seed: int) -> Iterator[Callable[[str], Any]]:
    """Give a function that makes fixtures by name, each once; tear them down in reverse."""
    made: dict[str, Any] = {}
    with ExitStack() as stack:

        def make(name: str) -> Any:
            if name not in made:
                made[name] = _make(bench, seed, name, make, stack)
            return made[name]

        yield make


def _make(bench: Bench, seed: int, name: str, make: Callable[[str], Any], stack: ExitStack) -> Any:
    if name in BUILT_IN:
        value = BUILT_IN[name](bench, seed)
        if isinstance(value, Work):
            stack.callback(value.close)
        return value
    function = bench.loaded.fixtures[name]
    value = function(**{n: make(n) for n in parameters(function)})
    if not hasattr(value, "__next__"):
        return value
    made = next(value)
    stack.callback(next, value, None)
    return made


def desk_files(bench: Bench) -> dict[str, bytes]:
    """Return the data a learner is given, made from the desk's public seed."""
    files: dict[str, bytes] = {}
    with fixtures(bench, bench.desk_seed) as make:
        for name, path in bench.loaded.given.items():
            files |= _as_files(path, make(name))
    return files


def _as_files(path: str, value: Any) -> dict[str, bytes]:
    if path.endswith("/"):
        return {k: v for name, one in value.items() for k, v in _as_files(path + name, one).items()}
    if isinstance(value, bytes | str):
        return {path: value if isinstance(value, bytes) else value.encode()}
    if hasattr(value, "to_csv"):
        return {path: value.to_csv(index=False).encode()}
    return {path: json.dumps(value, indent=1).encode()}
