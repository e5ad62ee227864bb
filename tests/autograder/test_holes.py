"""Ways round the judge that were once open: each is tried again, on real processes and channels."""

from __future__ import annotations

import pytest
from bench_course import judge, make_lab, notebook

from autograder.sandbox import Launcher
from autograder.verdict import Verdict

TOTAL = '''
@check(points=2, observes="returned")
def adds(work, rng):
    """The sum is right."""
    numbers = rng.integers(0, 9, 500)
    assert np.all(work.total(numbers) == np.full(500, numbers.sum())), "what is the sum?"
'''
RIGHT = "def total(x): return int(x.sum())"
FORGE = """
import json, os, struct, sys, time
from autograder.wire import send
def worker():
    frame = sys._getframe()
    while type(frame.f_locals.get("self")).__name__ != "Worker":
        frame = frame.f_back
    return frame.f_locals["self"]
def number():
    frame = sys._getframe()
    while "header" not in frame.f_locals:
        frame = frame.f_back
    return frame.f_locals["header"]["id"]
def say(value, *buffers):
    send(worker().conn, {"reply": "value", "value": value, "id": number()}, buffers)
    time.sleep(0.2)
    os._exit(0)
"""


@pytest.fixture(scope="module")
def boxes():
    """One zygote for all tests: each submission is a fork of it."""
    with Launcher("fork", ["autograder.cells", "numpy", "pandas"], "D") as one:
        yield one


@pytest.fixture
def judged(boxes, tmp_path):
    """Judge cells against TOTAL; return the result."""

    def run(*cells: str, checks: str = TOTAL, **options):
        make_lab(tmp_path, checks)
        return judge(boxes, tmp_path, {"lab.ipynb": notebook(*cells)}, **options)

    return run


SPIES = {
    "an error of the wire": "from autograder.errors import WireError\ndef total(x): raise WireError(f'CANARY {x.tolist()}')",
    "a length of a frame": FORGE
    + "def total(x): worker().conn.sendall(struct.pack('<4sIQ', b'LDR1', 0, 424242 << 40)); os._exit(0)",
}


@pytest.mark.parametrize("name", SPIES)
def test_an_answer_that_cannot_be_read_tells_no_input(judged, name):
    result = judged(SPIES[name])
    assert result.checks[0].message == "what came back cannot be read"
    assert "CANARY" not in result.to_json().decode()


def test_on_desk_data_an_answer_that_cannot_be_read_is_explained(judged):
    result = judged(SPIES["an error of the wire"], sealed=False)
    assert "CANARY" in result.checks[0].message
