"""What a grader does with a box: files, programs, workers, ports, a second client."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.errors import GraderError, LearnerError
from autograder.sandbox import Box, Launcher, Limits

MODES = [*("A" if os.geteuid() == 0 else ""), "B", "C", "D"]
LIMITS = Limits(cpu=20, processes=20, wall=120)
ECHO = """
import os, socket, sys

def serve(fd):
    with socket.socket(fileno=fd) as sock:
        print("serving", os.environ.get("LEVEL"))
        while asked := sock.recv(100):
            sock.sendall(repr(eval(asked)).encode())
"""


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package with a worker that evaluates what it is sent."""
    folder = tmp_path_factory.mktemp("packages")
    for above in (folder, folder.parent, folder.parent.parent):
        above.chmod(above.stat().st_mode | 0o055)
    (folder / "echo_worker").mkdir()
    (folder / "echo_worker" / "__init__.py").write_text(ECHO)
    return folder / "echo_worker"


@pytest.fixture(scope="module", params=MODES)
def launcher(request: pytest.FixtureRequest, echo: Path) -> Iterator[Launcher]:
    with Launcher("exec", mode=request.param, binds=[echo], worker="echo_worker:serve") as started:
        yield started


@pytest.fixture
def box(launcher: Launcher) -> Iterator[Box]:
    with launcher.open({"data/numbers.csv": b"1,2\n"}, LIMITS, {"LEVEL": "box"}) as opened:
        yield opened


def sh(box: Box, line: str) -> tuple[int | None, bytes]:
    pid = box.run(["/bin/sh", "-c", line])
    return box.wait(pid, 60), box.output(pid)


def test_files_go_in_and_come_out(box: Box) -> None:
    assert sh(box, "cat data/numbers.csv; mkdir out; echo done > out/answer") == (0, b"1,2\n")
    assert box.read("out/answer") == b"done\n"
    assert box.glob("**/*") == ["data/numbers.csv", "out/answer"]
    assert box.glob("out/*") == ["out/answer"]
    box.write("out/answer", b"other")
    assert sh(box, "cat out/answer; echo mine >> out/answer") == (0, b"other")
    box.remove("out/answer")
    assert box.glob("out/*") == []


def test_a_folder_is_copied(launcher: Launcher, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.py").write_bytes(b"\xff")
    (tmp_path / "link").symlink_to("/etc/passwd")
    with launcher.open(tmp_path, LIMITS) as box:
        assert box.glob("**") == ["sub/a.py"]
        assert box.read("sub/a.py") == b"\xff"


TRAPS = [
    "ln -s /etc/passwd {}",
    "ln -s ../../../../etc/passwd {}",
    "ln -s / r{0}; ln -s r{0}/etc/passwd {0}",
    "mkfifo {}",
    "mkdir {}",
    "ln -s {0} {0}",
    "ln -s /proc/self/environ {}",
]


def test_no_name_leads_a_read_astray(box: Box) -> None:
    names = [f"trap{number}" for number in range(len(TRAPS))]
    lines = [line.format(name) for line, name in zip(TRAPS, names, strict=True)]
    assert sh(box, "; ".join(lines))[0] == 0
    for name in names:
        with pytest.raises(OSError, match=r"inside|outside|plain|links|directory|device"):
            box.read(name)


def test_links_inside_are_followed(box: Box) -> None:
    sh(box, "mkdir v1; echo one > v1/w; ln -s v1 latest; ln -s ../latest/w v1/x")
    assert box.read("latest/w") == b"one\n"
    assert box.read("v1/x") == b"one\n"


def test_a_write_replaces_a_link_but_not_its_target(box: Box) -> None:
    sh(box, "echo kept > target; ln -s target name; mkfifo pipe; mkdir -p a; ln -s ../.. a/up")
    box.write("pipe", b"plain")
    assert box.read("pipe") == b"plain"
    with pytest.raises(PermissionError):
        box.write("a/up/up/outside", b"")
    with pytest.raises(PermissionError):
        box.write("../outside", b"")
    with pytest.raises(PermissionError):
        box.read("/etc/hostname")
    assert box.read("target") == b"kept\n"


def test_the_supervisor_survives_what_the_learner_calls_files(launcher: Launcher) -> None:
    """Names that are no text, and folders deeper than a walk goes."""
    code = """
import os
open(b"\\xff\\n", "w").close()
for _ in range(1200):
    os.mkdir("d")
    os.chdir("d")
"""
    with launcher.open({}, LIMITS) as box:
        pid = box.run([sys.executable, "-c", code])
        assert box.wait(pid, 60) == 0, box.output(pid)
        assert box.glob("**") == ["\udcff\n"]
        with pytest.raises(OSError, match="No such"):
            box.read("d/" * 1200 + "file")
        assert box.read("\udcff\n") == b""
        assert sh(box, "echo still here") == (0, b"still here\n")


def test_reads_are_capped(box: Box) -> None:
    sh(box, "head -c 5000 /dev/zero > big")
    assert len(box.read("big", 5000)) == 5000
    with pytest.raises(OSError, match="large"):
        box.read("big", 4999)
    with pytest.raises(FileNotFoundError):
        box.read("missing")


def test_programs_run_with_what_they_are_given(box: Box) -> None:
    code = "import os, sys; print(*map(os.environ.get, ('LEVEL', 'X')), os.getcwd()[-5:]); "
    code += "print(sys.stdin.read(9))"
    long = b"stdin... " * 100_000
    pid = box.run([sys.executable, "-c", code], {"X": "run"}, long, "data")
    assert (box.wait(pid, 60), box.output(pid)) == (0, b"box run /data\nstdin... \n")


def test_exits_and_signals_are_told(box: Box) -> None:
    assert sh(box, "exit 3")[0] == 3
    code, output = box.run(["no-such-program"]), b"FileNotFoundError"
    assert box.wait(code, 60) == 127
    assert output in box.output(code)
    pid = box.run(["sleep", "60"])
    assert box.wait(pid, 0.05) is None
    box.signal(pid, signal.SIGTERM)
    assert box.wait(pid, 60) == -signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        box.signal(pid, signal.SIGTERM)
    with pytest.raises(ProcessLookupError):
        box.signal(1, signal.SIGTERM)
    group = box.run(["/bin/sh", "-c", "sleep 60 & wait"])
    box.signal(group, signal.SIGKILL, group=True)
    assert box.wait(group, 60) == -signal.SIGKILL


def test_ports_are_inside(box: Box) -> None:
    with box.listen(0) as listener:
        listener.settimeout(60)
        code = "import socket, sys; here = ('127.0.0.1', int(sys.argv[1])); "
        code += "socket.create_connection(here).sendall(b'hi')"
        pid = box.run([sys.executable, "-c", code, str(listener.getsockname()[1])])
        with listener.accept()[0] as conn:
            assert conn.recv(2) == b"hi"
        assert box.wait(pid, 60) == 0
        with box.connect(listener.getsockname()[1]) as conn:
            assert conn.getpeername() == listener.getsockname()
    with pytest.raises(ConnectionRefusedError):
        box.connect(9)


def test_the_port_asked_for_is_had_in_a_network_of_its_own(launcher: Launcher) -> None:
    ports = set()
    for _ in range(2):
        with launcher.open({}, LIMITS) as box, box.listen(0) as listener:
            free = listener.getsockname()[1]
        with (
            launcher.open({}, LIMITS) as one,
            launcher.open({}, LIMITS) as two,
            one.listen(4566 if launcher.mode in "AB" else 0) as first,
            two.listen(4566 if launcher.mode in "AB" else free) as second,
        ):
            ports |= {first.getsockname()[1], second.getsockname()[1]}
    assert ports == {4566} or launcher.mode in "CD"


def test_another_process_can_use_the_box(box: Box) -> None:
    """As the judge does; its end is not the box's end."""
    shared = box.share()
    child = os.fork()
    if not child:
        judged = Box(shared)
        judged.write("from-judge", b"1")
        pid = judged.run(["/bin/sh", "-c", "exit 7"])
        os._exit(judged.wait(pid, 60) or 0)
    shared.close()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert box.read("from-judge") == b"1"
    assert sh(box, "echo still here") == (0, b"still here\n")


def test_any_client_can_end_what_runs(box: Box) -> None:
    pid = box.run(["/bin/sh", "-c", "echo begun > new; mv new file; sleep 60"])
    while "file" not in box.glob("*"):
        assert box.wait(pid, 0.02) is None
    with Box(box.share()) as judged:
        assert judged.close().killed is None
    assert box.wait(pid, 60) == -signal.SIGKILL
    assert box.read("file") == b"begun\n"
    assert box.close().cpu > 0


def test_a_client_that_is_cut_off_harms_nobody(box: Box) -> None:
    with box.share() as shared:
        shared.sendall(b'{"do": "read", "pa')
    assert sh(box, "echo still here") == (0, b"still here\n")


def test_a_worker_in_a_fresh_interpreter(box: Box) -> None:
    conn = box.load({"LEVEL": "worker"})
    conn.sendall(b"1 + 1")
    assert conn.recv(100) == b"2"
    conn.sendall(b"'numpy' in sys.modules")
    assert conn.recv(100) == b"False"
    conn.close()
    assert box.worker is not None
    assert box.wait(box.worker, 60) == 0
    assert box.output(box.worker) == b"serving worker\n"


@pytest.mark.parametrize("mode", MODES)
def test_a_worker_forked_from_what_is_imported(mode: str, echo: Path) -> None:
    with (
        Launcher("fork", ["numpy"], mode, [echo], "echo_worker:serve") as launcher,
        launcher.open({"a": b"1"}, LIMITS, {"LEVEL": "box"}) as box,
    ):
        assert launcher.threads == 1
        for asked, answer in (
            (b"'numpy' in sys.modules", b"True"),
            (b"open('a').read()", b"'1'"),
            (b"os.environ['PYTHONHASHSEED']", b"'0'"),
            (b"hash('ladder')", repr(hash_of("ladder")).encode()),
            (b"len(os.listdir('/proc/self/fd')) if os.path.exists('/proc/self/fd') else 5", b"5"),
        ):
            box.conn.sendall(asked)
            assert box.conn.recv(100) == answer
        box.conn.close()
        assert box.worker is not None
        assert box.wait(box.worker, 60) == 0
        assert box.output(box.worker) == b"serving box\n"


def hash_of(word: str) -> int:
    import subprocess

    code = f"print(hash({word!r}))"
    env = {**os.environ, "PYTHONHASHSEED": "0"}
    return int(subprocess.check_output([sys.executable, "-c", code], env=env))


def test_what_was_killed_stays_readable_and_starts_nothing(launcher: Launcher) -> None:
    with launcher.open({}, Limits(wall=0.3)) as box:
        pid = box.run(["/bin/sh", "-c", "echo before > file; echo said; sleep 60"])
        assert box.wait(pid, 60) == -signal.SIGKILL
        assert (box.read("file"), box.output(pid)) == (b"before\n", b"said\n")
        with pytest.raises(LearnerError, match="wall"):
            box.run(["true"])
        assert box.close().killed == "wall"
        assert box.close().killed == "wall"


def test_a_supervisor_that_is_gone_is_our_fault(launcher: Launcher) -> None:
    with launcher.open({}, LIMITS) as box:
        box.channel.sock.shutdown(socket.SHUT_RDWR)
        with pytest.raises(GraderError, match="supervisor"):
            box.run(["true"])


def test_what_cannot_be_imported_is_said() -> None:
    with (
        pytest.raises(GraderError, match="no_such_module"),
        Launcher("fork", ["no_such_module"], "D"),
    ):
        pass
