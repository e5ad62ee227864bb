# ruff: noqa: E501  (a hostile line reads best on one line)
"""The judge against notebooks that lie, break the wire or stop: real processes, real verdicts."""

from __future__ import annotations

import pytest
from bench_course import judge, make_lab, notebook

from autograder.sandbox import Launcher
from autograder.verdict import Verdict

TOTAL = '''
@check(points=2, observes="returned")
def adds(work, rng):
    """The sum is right."""
    numbers = rng.integers(0, 9, 50)
    assert work.total(numbers) == numbers.sum(), "what is the sum?"

@check(points=1, observes="returned", after="adds")
def follows(work):
    """Comes after the sum."""
    assert work.total(np.array([1, 2])) == 3, "again?"
'''
RIGHT = "def total(x): return int(x.sum())"


@pytest.fixture(scope="module")
def boxes():
    """One zygote for all tests: each submission is a fork of it."""
    with Launcher(
        "fork", ["autograder.cells", "numpy", "pandas", "sklearn.linear_model"], "D"
    ) as one:
        yield one


@pytest.fixture
def verdicts(boxes, tmp_path):
    """Judge cells against TOTAL; return the verdicts and the result."""

    def run(*cells: str, checks: str = TOTAL, **options):
        make_lab(tmp_path, checks)
        result = judge(boxes, tmp_path, {"lab.ipynb": notebook(*cells)}, **options)
        return [c.verdict for c in result.checks], result

    return run


def test_right_work_passes_on_every_seed(verdicts):
    found, result = verdicts(RIGHT)
    assert found == [Verdict.PASSED, Verdict.PASSED]
    assert result.checks[0].seeds == (Verdict.PASSED, Verdict.PASSED)
    assert (result.points, result.possible, result.passed) == (3, 3, True)


def test_wrong_work_fails_and_blocks_what_comes_after(verdicts):
    found, result = verdicts("def total(x): return -1")
    assert found == [Verdict.FAILED, Verdict.BLOCKED]
    assert result.checks[0].message == "what is the sum?"
    assert len(result.checks[0].seeds) == 1


def test_an_open_gap_is_todo(verdicts):
    assert verdicts("def total(x): raise NotImplementedError")[0][0] is Verdict.TODO


def test_an_open_cell_above_a_missing_name_is_todo(verdicts):
    assert verdicts("raise NotImplementedError\ntotal = 1")[0][0] is Verdict.TODO


def test_an_exception_crashes_the_check_and_names_its_kind(verdicts):
    found, result = verdicts("def total(x): return {}['secret input']")
    assert found[0] is Verdict.CRASHED
    assert result.checks[0].message == "your code raised KeyError"
    assert result.checks[0].detail == ""


def test_a_desk_run_says_where_it_happened(verdicts):
    _, result = verdicts("x = 1\ndef total(x):\n    return {}['a']", sealed=False)
    assert "cell 1, line 3" in result.checks[0].detail


def test_a_failing_cell_stops_only_what_depends_on_it(verdicts):
    assert verdicts("1 / 0", RIGHT, "y = undefined")[0] == [Verdict.PASSED, Verdict.PASSED]


def test_cells_run_as_in_a_notebook(verdicts):
    cells = (
        "import asyncio\nawait asyncio.sleep(0)\n%pwd\n!echo hello",
        RIGHT,
        "total(__import__('numpy').ones(2))",
    )
    found, result = verdicts(*cells)
    assert found == [Verdict.PASSED, Verdict.PASSED]
    assert "hello" in result.outputs[0]
    assert '"text/plain": "2"' in result.outputs[2]


ENDS = {
    "exit": "def total(x): raise SystemExit(0)",
    "os._exit": "import os\ndef total(x): os._exit(0)",
    "at the top": "import os; os._exit(0)",
    "interrupt": "def total(x): raise KeyboardInterrupt",
    "kill": "import os\ndef total(x): os.kill(os.getpid(), 9)",
    "recursion": "def total(x): return total(x)",
    "deep": "def total(x):\n    v = []\n    for _ in range(200): v = [v]\n    return v",
    "bad str": "class E(Exception):\n    def __str__(self): raise ValueError\ndef total(x): raise E",
}


@pytest.mark.parametrize("name", ENDS)
def test_whatever_ends_the_process_ends_in_a_verdict(verdicts, name):
    found, result = verdicts(ENDS[name])
    assert found[0] in (Verdict.CRASHED, Verdict.FAILED), result.checks[0]
    assert result.points == 0


def test_an_endless_loop_ends_by_cpu_and_leaves_the_other_checks_alone(verdicts):
    checks = TOTAL.replace('after="adds"', "")
    found, result = verdicts(
        "def total(x):\n    while len(x) > 2: pass\n    return int(x.sum())", checks=checks
    )
    assert found == [Verdict.CRASHED, Verdict.PASSED]
    endless, short = (one.cpu for one in result.checks)
    assert 0.5 < endless <= result.cpu
    assert short < endless / 4


LIES = {
    "equal to all": "class L:\n    def __eq__(self, o): return True\n    __hash__ = None\ndef total(x): return L()",
    "int that lies": "class L(int):\n    def __eq__(self, o): return True\n    __hash__ = int.__hash__\ndef total(x): return L(1)",
    "array protocol": "class L:\n    def __array__(self, *a, **k): raise SystemExit\n    def __len__(self): return 5\ndef total(x): return L()",
    "class lie": "class L:\n    @property\n    def __class__(self): return int\ndef total(x): return L()",
    "endless len": "class L(list):\n    def __len__(self): return 10**18\n    def __iter__(self): raise MemoryError\ndef total(x): return L([1])",
    "shadowed builtins": "import builtins\nbuiltins.sum = builtins.len = builtins.isinstance = lambda *a: True\ndef total(x): return True",
    "patched numpy": "import numpy as np\nnp.ndarray_sum = np.sum\nnp.sum = np.testing.assert_allclose = np.allclose = lambda *a, **k: True\ndef total(x): return np.sum(1)",
    "patched judge": "import autograder.judge, autograder.grade, autograder.verdict\nautograder.grade._once = lambda *a: ('passed', '', '')\ndef total(x): return 0",
    "no asserts": "import ast, sys\nsys.flags\nclass T(ast.NodeTransformer):\n    def visit_Assert(self, n): return None\nget_ipython().ast_transformers.append(T())\ndef total(x): return 0",
    "plugin": "open('conftest.py', 'w').write('raise SystemExit')\nopen('sitecustomize.py', 'w').write('raise SystemExit')\ndef total(x): return 0",
}


@pytest.mark.parametrize("name", LIES)
def test_lies_earn_nothing(verdicts, name):
    found, result = verdicts(LIES[name])
    assert result.points == 0, result.checks
    assert found[0] in (Verdict.FAILED, Verdict.CRASHED)


FORGERIES = {
    "speaks early": "send(conn, {'reply': 'value', 'value': 225, 'id': 2})",
    "no frame": "conn.sendall(b'PASSED' * 100)",
    "endless frame": "conn.sendall(b'LDR1' + (10**6).to_bytes(4, 'little') + bytes(8))\n    conn.close()",
    "huge frame": "conn.sendall(b'LDR1' + bytes(4) + (1 << 62).to_bytes(8, 'little'))",
    "wrong id": "send(conn, {'reply': 'value', 'value': 1, 'id': 99})",
    "unknown kind": "send(conn, {'reply': 'passed', 'id': 1})",
    "two replies": "[send(conn, {'reply': 'value', 'value': 1, 'id': 1}) for _ in range(2)]",
    "closed pipe": "conn.close()",
}
FORGE = """
import gc, socket
from autograder.wire import send
def total(x):
    conn = [o for o in gc.get_objects() if isinstance(o, socket.socket) and o.fileno() >= 0][-1]
    {}
    return 0
"""


@pytest.mark.parametrize("name", FORGERIES)
def test_forged_replies_earn_nothing(verdicts, name):
    _, result = verdicts(FORGE.format(FORGERIES[name]))
    assert result.points == 0
    assert result.checks[0].verdict in (Verdict.FAILED, Verdict.CRASHED)


def test_a_gigabyte_of_print_is_cut(verdicts):
    found, result = verdicts("for _ in range(1000): print('x' * 10**6)", RIGHT)
    assert found == [Verdict.PASSED, Verdict.PASSED]
    assert len("".join(result.outputs)) < 200_000


def test_grading_inputs_appear_nowhere(verdicts):
    spy = "import sys\ndef total(x):\n    print('INPUT', x.tolist()); print(x, file=sys.stderr)\n    raise ValueError(f'CANARY {x.tolist()}')"
    _, result = verdicts(spy)
    text = result.to_json().decode()
    assert "CANARY" not in text
    assert "INPUT" not in text


def test_no_state_passes_between_checks(verdicts):
    checks = TOTAL.replace('after="adds"', "")
    cell = "seen = []\ndef total(x):\n    seen.append(1)\n    return int(x.sum()) if len(seen) <= 2 else -1"
    assert verdicts(cell, checks=checks)[0] == [Verdict.PASSED, Verdict.PASSED]


PIDS = '''
@check(points=1, observes="returned")
def first(work):
    """Says where it runs."""
    assert False, f"{work.loaded()} {work.here()}"

@check(points=1, observes="returned")
def second(work):
    """Says where it runs."""
    assert False, f"{work.loaded()} {work.here()}"

@check(points=1, observes="returned")
def third(work):
    """Says where it runs."""
    assert False, f"{work.loaded()} {work.here()}"
'''


def test_each_check_has_a_fork_and_the_last_one_what_they_were_forked_from(verdicts):
    cell = "import os\npid = os.getpid()\ndef loaded(): return pid\ndef here(): return os.getpid()"
    result = verdicts(cell, checks=PIDS)[1]
    where = [tuple(map(int, c.message.split())) for c in result.checks]
    loaded = {one for one, _ in where}
    assert len(loaded) == 1
    assert len({here for _, here in where}) == 3
    assert where[-1][1] in loaded


SERVES = """
import queue, threading
asked, answered = queue.Queue(), queue.Queue()
def serve():
    while True:
        answered.put(int(asked.get().sum()))
threading.Thread(target=serve, daemon=True).start()
def total(x):
    asked.put(x)
    return answered.get(timeout=20)
"""


def test_work_that_starts_threads_gets_a_process_of_its_own_for_each_check(verdicts):
    assert verdicts(SERVES)[0] == [Verdict.PASSED, Verdict.PASSED]


HANDLES = '''
@check(points=1, observes="returned")
def fits(work, rng):
    """A model is asked through its handle."""
    x = rng.normal(size=(60, 2))
    model = work.train(x, x[:, 0] > 0)
    assert (model.predict(x) == (x[:, 0] > 0)).mean() > 0.8, "it predicts badly"

@check(points=1, observes="returned")
def yields(work):
    """An endless generator is read as far as was asked."""
    assert take(work.numbers(), 3) == [0, 1, 2], "the first three"

@check(points=1, observes="returned")
def sizes(work):
    """An answer of another form fails, it does not crash the grader."""
    assert work.frame().price.sum() == 3, "the sum"
'''


def test_opaque_answers_are_asked_through_handles(verdicts):
    cell = """
    from sklearn.linear_model import LogisticRegression
    import itertools
    def train(x, y): return LogisticRegression().fit(x, y)
    def numbers(): return itertools.count()
    def frame(): return 5
    """
    found, result = verdicts(cell, checks=HANDLES)
    assert found == [Verdict.PASSED, Verdict.PASSED, Verdict.FAILED]
    assert "expected form" in result.checks[2].message


def test_a_handle_cannot_be_believed(verdicts):
    checks = '''
    @check(points=1, observes="returned")
    def good(work):
        """The score is high."""
        assert work.model().score() > 0.5, "low"
        assert len(work.model()) == 3, "length"
    '''
    cell = "class M:\n    def score(self): return 1.0\n    def __len__(self): return 3\ndef model(): return M()"
    found, _ = verdicts(cell, checks=checks)
    assert found == [Verdict.CRASHED]


def test_a_fixture_that_fails_is_our_fault(boxes, tmp_path):
    make_lab(
        tmp_path,
        '@check(points=1, observes="returned")\ndef one(work, broken):\n    """One."""\n    assert work.f(broken), "no"\n',
        '@fixture\ndef broken(seed):\n    raise OSError(28, "No space left on device")\n',
    )
    result = judge(boxes, tmp_path, {"lab.ipynb": notebook("def f(x): return True")})
    assert result.checks[0].verdict is Verdict.UNGRADED
    assert result.ungraded
    assert result.points == 0


def test_fixtures_are_torn_down_in_reverse_and_given_data_is_on_the_desk(boxes, tmp_path):
    make_lab(
        tmp_path,
        '@check(points=1, observes="returned")\ndef one(work, outer):\n    """One."""\n    assert work.rows() == 3, "rows"\n    assert work.get("N") == 3, "N"\n',
        """
        import pathlib
        LOG = pathlib.Path(__file__).with_name("log")
        @fixture
        def inner(seed):
            yield 1
            LOG.write_text((LOG.read_text() if LOG.exists() else "") + "inner ")
        @fixture
        def outer(inner):
            yield 2
            LOG.write_text((LOG.read_text() if LOG.exists() else "") + "outer ")
        @given("rows.csv")
        @fixture
        def rows(rng):
            return pd.DataFrame({"a": rng.integers(0, 9, 3)})
        """,
    )
    cells = "import pandas as pd\ndef rows(): return len(pd.read_csv('rows.csv'))\nN = rows()"
    result = judge(boxes, tmp_path, {"lab.ipynb": notebook(cells)})
    assert result.points == 1, result.checks
    log = tmp_path / "labs" / "1-foundations" / "probe" / "log"
    assert log.read_text() == "outer inner " * 2


NO_TOOL = '''
from autograder import NotHere

@fixture
def tool():
    raise NotHere("no such tool on this machine")
'''
LACKING = '''
@check(points=%d)
def with_the_tool(tool, work):
    """The tool says so."""
    assert work.total(np.array([1])) == 1, "what does it say?"
'''


def test_what_a_machine_lacks_is_not_run_and_costs_nothing(boxes, tmp_path):
    make_lab(tmp_path, LACKING % 0, NO_TOOL)
    result = judge(boxes, tmp_path, {"lab.ipynb": notebook("def total(x): return -1")})
    assert result.checks[0].verdict is Verdict.SKIPPED
    assert result.checks[0].message == "no such tool on this machine"
    assert not result.ungraded


def test_a_check_with_points_must_not_hang_on_a_tool(boxes, tmp_path):
    pointed = LACKING.replace("points=%d", 'points=1, observes="returned"')
    make_lab(tmp_path, pointed, NO_TOOL)
    result = judge(boxes, tmp_path, {"lab.ipynb": notebook(RIGHT)})
    assert result.checks[0].verdict is Verdict.UNGRADED
