"""Programs that a cloud runs: kept in, counted, ended as a whole. Faults are caused."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from infra.cloud import workplace
from infra.cloud.broker import LONGEST_OUTPUT, Folder, Program
from infra.cloud.kept import Kept
from infra.cloud.workplace import Workplace

MODES = [mode for mode in workplace.MODES if workplace.works(mode)]
WALLED = [mode for mode in MODES if mode != "plain"]


@pytest.fixture(params=MODES)
def place(request: pytest.FixtureRequest) -> Workplace:
    """A broker of each kind that this machine allows."""
    return Workplace(forced=request.param)


@pytest.fixture(params=WALLED)
def walled(request: pytest.FixtureRequest) -> Workplace:
    """A broker with walls, of each kind that this machine allows."""
    return Workplace(forced=request.param)


def python(code: str, **more: object) -> Program:
    """A program of one line of Python."""
    return Program(("python", "-c", code), **more)  # type: ignore[arg-type]


def output(place: Workplace, code: str, **more: object) -> str:
    """What a program of one line wrote, which ended well."""
    with closing(place.start(python(code, **more))) as running:
        assert running.wait(60) == 0, running.output().decode()
        return running.output().decode()


def until(file: Path) -> str:
    """What somebody else writes into a file."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if file.exists() and file.read_text().endswith("\n"):
            return file.read_text().strip()
        time.sleep(0.02)
    raise AssertionError(f"{file} was never written")


def test_a_program_ends_with_its_code_and_its_words(place: Workplace) -> None:
    with closing(place.start(python("print('hello'); raise SystemExit(7)"))) as running:
        assert running.wait(60) == 7
        assert running.poll() == 7
        assert running.output() == b"hello\n"
        assert running.reason == ""
        assert running.usage().cpu > 0


def test_a_program_that_is_not_there_ends_with_127(place: Workplace) -> None:
    with closing(place.start(Program(("no-such-program",)))) as running:
        assert running.wait(60) == 127
        assert b"no-such-program" in running.output()


def test_nothing_of_our_environment_comes_along(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ours")
    said = output(place, "import json, os; print(json.dumps(dict(os.environ)))", env={"MY": "own"})
    assert json.loads(said).keys() == {
        "PATH", "LANG", "HOME", "PYTHONDONTWRITEBYTECODE", "AWS_EC2_METADATA_DISABLED", "MY",
    } | {"LC_CTYPE"} & json.loads(said).keys()


def test_folders_are_read_or_written_as_given(place: Workplace, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x").write_text("41")
    (tmp_path / "out").mkdir()
    folders = {
        "/opt/in": Folder(str(tmp_path / "in")), "/opt/out": Folder(str(tmp_path / "out"), True)
    }
    env = {k: place.place(f"/opt/{k}", str(tmp_path / k)) for k in ("in", "out")}
    code = "import os; e = os.environ; x = int(open(e['in'] + '/x').read())"
    code += "; open(e['out'] + '/y', 'w').write(str(x + 1))"
    output(place, code, folders=folders, env=env)
    assert (tmp_path / "out" / "y").read_text() == "42"


def test_walls_make_a_folder_read_only(walled: Workplace, tmp_path: Path) -> None:
    code = "open('/opt/in/y', 'w')"
    with closing(walled.start(python(code, folders={"/opt/in": Folder(str(tmp_path))}))) as running:
        assert running.wait(60) == 1
        assert b"Read-only file system" in running.output()


def test_walls_hide_the_desk_and_its_keys(walled: Workplace, tmp_path: Path) -> None:
    (tmp_path / "credentials.json").write_text("secret")
    here = json.dumps([str(tmp_path), str(Path(__file__)), os.path.expanduser("~/.bashrc")])
    said = output(walled, f"import os; print([os.path.exists(p) for p in {here}], os.getpid() < 9)")
    assert said == "[False, False, False] True\n"


def test_walls_leave_no_network_but_the_cloud(walled: Workplace) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as outside:
        code = "import socket, sys\ntry: socket.create_connection(('127.0.0.1', {}), 5)\n"
        code += "except OSError as error: print(error.errno)\n"
        code += "try: socket.create_connection(('192.0.2.1', 80), 5)\n"
        code += "except OSError as error: print(error.errno)"
        said = output(walled, code.format(outside.getsockname()[1]))
    assert said.split() == ["111", "101"]  # refused, unreachable


def test_walls_let_no_right_be_gained(walled: Workplace) -> None:
    wanted = ("NoNewPrivs", "CapEff", "CapBnd")
    code = f"print(*(l.split()[1] for l in open('/proc/self/status') if l.startswith({wanted!r})))"
    effective, bounding, no_new = output(walled, code).split()
    assert no_new == "1"
    assert int(bounding, 16) == 0
    assert int(effective, 16) == 0


def test_a_cloud_is_reached_where_it_always_is(place: Workplace) -> None:
    """A walled program's network is its own: the listener in it is handed out to the cloud."""
    with closing(socket.create_server(("127.0.0.1", 0))) as front:
        served: list[socket.socket] = []
        place.endpoint = f"http://127.0.0.1:{front.getsockname()[1]}"
        place.serve = served.append
        code = "import os, socket; h, p = os.environ['AWS_ENDPOINT_URL'][7:].split(':')"
        code += "; print(socket.create_connection((h, int(p)), 30).recv(9).decode())"
        with closing(place.start(python(code))) as running:
            listener = served[0] if place.mode != "plain" else front
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"pulse")
            assert running.wait(60) == 0
            assert running.output() == b"pulse\n"


def test_a_port_of_a_program_can_be_called(place: Workplace) -> None:
    port = place.port(8080)
    code = f"import socket; s = socket.create_server(('127.0.0.1', {port}))"
    code += "; print('up', flush=True); c, _ = s.accept(); c.sendall(b'pong'); c.close()"
    with closing(place.start(python(code, port=port))) as running:
        while b"up" not in running.output():
            assert running.poll() is None
            time.sleep(0.02)
        with running.connect() as connection:
            assert connection.recv(9) == b"pong"
        assert running.wait(60) == 0


def test_a_port_where_nobody_listens_refuses(place: Workplace) -> None:
    program = python("import time; time.sleep(60)", port=place.port(8080))
    with closing(place.start(program)) as running, pytest.raises(ConnectionRefusedError):
        running.connect()


DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in range(3): os.close(number)
        time.sleep(0.05)
        open(sys.argv[1], "w").write(f"{os.getpid()}\\n")
        while True: time.sleep(60)
    os._exit(0)
os.wait()
{then}
"""


def daemons(mark: str) -> list[int]:
    """The processes on this machine whose command carries a mark."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
                if mark.encode() in words and b"python" in words and int(entry.name) != os.getpid():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def start_daemon(place: Workplace, folder: Path, then: str) -> Kept:
    """A program that leaves a process of a session of its own behind."""
    file = f"{place.place('/opt/out', str(folder))}/pid-{folder.name}"
    words = ("python", "-c", DAEMON.replace("{then}", then), file)
    running = place.start(Program(words, folders={"/opt/out": Folder(str(folder), True)}))
    until(folder / f"pid-{folder.name}")
    return running


def test_a_daemon_ends_with_its_program(place: Workplace, tmp_path: Path) -> None:
    with closing(start_daemon(place, tmp_path, "time.sleep(0.5)")) as running:
        assert daemons(f"pid-{tmp_path.name}")
        assert running.wait(60) == 0
        assert daemons(f"pid-{tmp_path.name}") == []


def test_a_daemon_ends_when_its_program_is_killed(place: Workplace, tmp_path: Path) -> None:
    with closing(start_daemon(place, tmp_path, "time.sleep(60)")) as running:
        running.kill()
        assert running.poll() == -9
        assert daemons(f"pid-{tmp_path.name}") == []


def test_nothing_is_left_when_it_is_closed(place: Workplace, tmp_path: Path) -> None:
    running = start_daemon(place, tmp_path, "time.sleep(60)")
    running.close()
    running.close()
    assert daemons(f"pid-{tmp_path.name}") == []


HOLDER = """
import sys, time
from infra.cloud.broker import Folder, Program
from infra.cloud.workplace import Workplace
code, file, folder, mode = sys.argv[1:]
place = Workplace(forced=mode)
file = place.place("/opt/out", folder) + file
program = Program(("python", "-c", code, file), folders={"/opt/out": Folder(folder, True)})
kept = place.start(program)
time.sleep(60)
"""


def test_nothing_outlives_a_cloud_that_is_killed(place: Workplace, tmp_path: Path) -> None:
    mark = f"/pid-{tmp_path.name}"
    code = DAEMON.replace("{then}", "time.sleep(60)")
    words = [sys.executable, "-c", HOLDER, code, mark, str(tmp_path), place.mode]
    with subprocess.Popen(words) as holder:
        until(tmp_path / mark[1:])
        holder.send_signal(signal.SIGKILL)
    end = time.monotonic() + 60
    while daemons(mark) and time.monotonic() < end:
        time.sleep(0.02)
    assert daemons(mark) == []


def test_cpu_is_limited_for_the_tree(place: Workplace) -> None:
    code = "import os\nfor _ in range(2): os.fork()\nwhile True: pass"
    with closing(place.start(python(code, cpu_seconds=1.0))) as running:
        assert running.wait(60) == -9
        assert running.reason == "cpu"
        assert running.usage().cpu >= 1.0


def test_waiting_is_no_work(place: Workplace) -> None:
    with closing(place.start(python("import time; time.sleep(1.5)", cpu_seconds=1.0))) as running:
        assert running.wait(60) == 0


def test_memory_is_limited(place: Workplace) -> None:
    code = "x = b'x' * (200 << 20); import time; time.sleep(60)"
    with closing(place.start(python(code, memory_mb=100))) as running:
        assert running.wait(60) == -9
        assert running.reason == "memory"
        assert running.usage().peak_mb > 100


def test_a_short_moment_of_too_much_memory_is_seen(place: Workplace) -> None:
    with closing(place.start(python("x = b'x' * (200 << 20)", memory_mb=100))) as running:
        running.wait(60)
        assert running.reason == "memory"


def test_output_is_bounded_and_never_blocks(place: Workplace) -> None:
    code = f"import sys; sys.stdout.write('x' * {LONGEST_OUTPUT + (1 << 20)})"
    assert len(output(place, code)) == LONGEST_OUTPUT


def test_a_signal_reaches_the_program(place: Workplace) -> None:
    code = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(5))"
    code += "; print('up', flush=True); time.sleep(60)"
    with closing(place.start(python(code))) as running:
        while b"up" not in running.output():
            time.sleep(0.02)
        running.signal(signal.SIGTERM)
        assert running.wait(60) == 5
        running.signal(signal.SIGTERM)


def test_nothing_outlives_a_keeper_that_is_killed(place: Workplace, tmp_path: Path) -> None:
    mark = f"mark-{tmp_path.name}"
    program = Program(("python", "-c", "import time; print(1, flush=True); time.sleep(60)", mark))
    with closing(place.start(program)) as running:
        while not running.output():
            time.sleep(0.02)
        os.kill(running.keeper, signal.SIGKILL)
    assert running.poll() == -9
    end = time.monotonic() + 60
    while daemons(mark) and time.monotonic() < end:
        time.sleep(0.02)
    assert daemons(mark) == []
