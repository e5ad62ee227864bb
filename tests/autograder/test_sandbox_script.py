"""A Python file run in a fork that has its imports, and a box that becomes a new machine."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterator

import pytest

from autograder.sandbox import Box, Launcher, Limits

MODES = [*("A" if os.geteuid() == 0 else ""), "B", "C", "D"]
LIMITS = Limits(cpu=20, processes=20, wall=120)


KINDS = [(kind, mode) for kind in ("fork", "exec") for mode in MODES]


@pytest.fixture(scope="module", params=KINDS)
def box(request: pytest.FixtureRequest) -> Iterator[Box]:
    kind, mode = request.param
    with (
        Launcher(kind, ["decimal"], mode) as launcher,
        launcher.open({"other.py": b"NAME = 'other'\n"}, LIMITS) as opened,
    ):
        yield opened


def run(box: Box, text: str, *args: str) -> tuple[int | None, str]:
    """Run a program as `python main.py ARGS` and return exit code and output."""
    box.write("main.py", textwrap.dedent(text).encode())
    pid = box.run(["main.py", *args], {"LEVEL": "box"}, b"some input", python=[sys.executable])
    return box.wait(pid, 60), box.output(pid).decode()


def test_it_is_the_program_it_seems_to_be(box: Box) -> None:
    code, said = run(
        box,
        """
        import os, sys, other
        assert __file__ == os.path.abspath("main.py"), __file__
        assert sys.modules["__main__"].os is os
        print(__name__, sys.argv, other.NAME, os.environ["LEVEL"], sys.stdin.read())
        """,
        "--seed", "7",
    )  # fmt: skip
    assert code == 0, said
    assert said == "__main__ ['main.py', '--seed', '7'] other box some input\n"


@pytest.mark.parametrize(
    ("end", "code", "said"),
    [
        ("sys.exit()", 0, ""),
        ("sys.exit(75)", 75, ""),
        ("sys.exit('no bucket')", 1, "no bucket\n"),
        ("raise KeyError('x')", 1, "KeyError: 'x'\n"),
        ("os.abort()", -6, ""),
    ],
)
def test_it_ends_as_an_interpreter_does(box: Box, end: str, code: int, said: str) -> None:
    ended, output = run(box, f"import os, sys\n{end}\n")
    assert ended == code
    assert output.endswith(said)


def test_its_threads_and_exit_handlers_come_to_their_end(box: Box) -> None:
    _, said = run(
        box,
        """
        import atexit, sys, threading, time
        atexit.register(print, "handled")
        threading.Thread(target=lambda: (time.sleep(0.2), print("carried"))).start()
        sys.exit(0)
        """,
    )
    assert said == "carried\nhandled\n"


def test_renewed_it_is_another_machine(box: Box) -> None:
    listener = box.listen(0)
    box.write("left.txt", b"left")
    daemon = """
        import os, time
        open(os.path.join(os.environ["TMPDIR"], "kept"), "w").close()
        if not os.fork():
            os.setsid()
            if not os.fork():
                os.close(1); os.close(2)
                while True:
                    time.sleep(0.01)
                    open("alive", "w").close()
        """
    assert run(box, daemon)[0] == 0
    running = box.run(["/bin/sleep", "60"])
    box.renew({"fresh.txt": b"new"})
    assert box.glob("**") == ["fresh.txt"]
    assert box.wait(running, 10) == -9
    look = "import os; print(sorted(os.listdir('.')), os.listdir(os.environ['TMPDIR']))"
    code, said = run(box, look)
    assert (code, said) == (0, "['fresh.txt', 'main.py'] []\n")
    port = listener.getsockname()[1]
    assert run(box, f"import socket; socket.create_connection(('127.0.0.1', {port}))")[0] == 0
    listener.close()


def test_the_worker_outlives_a_renewal() -> None:
    with Launcher("exec", mode="D") as launcher, launcher.open({}, LIMITS) as box:
        box.load()
        worker = box.worker
        assert worker is not None
        box.renew({})
        assert box.wait(worker, 0.2) is None
