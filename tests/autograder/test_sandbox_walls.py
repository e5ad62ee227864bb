"""Attacks from inside a box: what it reads, sees, reaches, writes and calls."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from autograder.sandbox import Box, Launcher, Limits

ROOT = Path(__file__).parents[2]
NAMESPACES = ["A", "B"] if os.geteuid() == 0 else ["B"]
LIMITS = Limits(cpu=20, processes=20, disk=8 << 20, wall=120)


@pytest.fixture(scope="module", params=NAMESPACES)
def launcher(request: pytest.FixtureRequest) -> Iterator[Launcher]:
    os.environ["GRADING_SECRET"] = "must not be seen"
    with Launcher("exec", mode=request.param) as started:
        yield started


@pytest.fixture(scope="module")
def landlocked() -> Iterator[Launcher]:
    with Launcher("exec", mode="C") as started:
        yield started


@pytest.fixture
def box(launcher: Launcher) -> Iterator[Box]:
    with launcher.open({}, LIMITS) as opened:
        yield opened


def inside(box: Box, code: str, *args: object) -> Any:
    """Run code in the box and return the one JSON value that it prints."""
    code = f"import ctypes, errno, json, os, signal, socket, sys\n{code}"
    pid = box.run([sys.executable, "-c", code, *map(str, args)])
    assert box.wait(pid, 60) == 0, box.output(pid).decode()
    return json.loads(box.output(pid))


READ = """
def tried(path):
    try:
        return os.listdir(path) if os.path.isdir(path) else open(path).read()
    except OSError as error:
        return None
print(json.dumps([tried(path) for path in sys.argv[1:]]))
"""


def test_no_file_of_the_host_is_there(box: Box, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("found")
    for path in (tmp_path, secret):
        path.chmod(0o777)
    hidden = [secret, ROOT / "solutions", ROOT / "tests", ROOT / ".git", ROOT / "work"]
    system = ["/etc/shadow", "/etc/ssh", "/var/log", "/sys/kernel", "/home", "/proc/1/environ"]
    assert inside(box, READ, *hidden, *system) == [None] * (len(hidden) + len(system))


def test_of_the_repository_only_the_packages_are_there(box: Box) -> None:
    (names,) = inside(box, READ, ROOT)
    assert set(names) <= {"autograder", "labs", ".venv"}


def test_the_python_works_wherever_it_lives(box: Box) -> None:
    code = "import numpy, autograder; print(json.dumps(int(numpy.arange(4).sum())))"
    assert inside(box, f"sys.path.append({str(ROOT)!r})\n{code}") == 6


def test_a_landlocked_box_reads_and_writes_only_its_own(
    landlocked: Launcher, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("found")
    with landlocked.open({"mine": b"1"}, LIMITS) as box:
        code = READ + "open('new', 'w').write('1')"
        assert inside(box, code, secret, ROOT / "pyproject.toml", "mine") == [None, None, "1"]
        assert box.glob("*") == ["mine", "new"]
        with pytest.raises(AssertionError, match="PermissionError"):
            inside(box, "open(sys.argv[1], 'w')", tmp_path / "out")


def test_no_process_of_the_host_is_seen(box: Box, launcher: Launcher) -> None:
    code = "print(json.dumps([os.getpid(), [p for p in os.listdir('/proc') if p.isdigit()]]))"
    with launcher.open({}, LIMITS) as other:
        other.run(["sleep", "60"])
        own, seen = inside(box, code)
    assert set(seen) - {"1"} == {str(own)}  # of pid 1 nothing but its being there


def test_the_network_is_its_own_loopback(box: Box) -> None:
    with socket.create_server(("127.0.0.1", 0)) as host:
        code = """
with socket.socket() as s:
    answer = s.connect_ex(("127.0.0.1", int(sys.argv[1])))
with socket.socket() as s:
    away = s.connect_ex(("192.0.2.1", 80))
print(json.dumps([answer, away, [name for _, name in socket.if_nameindex()]]))
"""
        assert inside(box, code, host.getsockname()[1]) == [
            errno.ECONNREFUSED,
            errno.ENETUNREACH,
            ["lo"],
        ]


def test_abstract_sockets_of_the_host_are_out_of_reach(box: Box) -> None:
    name = f"\0ladder-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as host:
        host.bind(name)
        host.listen()
        code = "print(json.dumps(socket.socket(socket.AF_UNIX).connect_ex('\\0' + sys.argv[1])))"
        assert inside(box, code, name[1:]) == errno.ECONNREFUSED


def test_nothing_outside_its_folders_can_be_written(box: Box) -> None:
    code = """
def writes(folder):
    try:
        open(os.path.join(folder, "x"), "w").close()
    except OSError as error:
        return error.errno
    return 0
print(json.dumps([writes(folder) for folder in sys.argv[1:]]))
"""
    closed = ["/", "/usr/bin", "/etc", "/dev", sys.prefix, ROOT / "autograder", "/proc"]
    assert all(inside(box, code, *closed))
    assert not any(inside(box, code, "/desk", "/tmp", "/dev/shm"))


CALLS = """
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *args):
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(numbers[name]), *[ctypes.c_long(a) for a in args])
    return errno.errorcode.get(ctypes.get_errno(), result)
numbers = json.loads(sys.argv[1])
print(json.dumps({name: call(name, *args) for name, args in json.loads(sys.argv[2]).items()}))
"""


def test_the_kernels_less_travelled_doors_are_shut(box: Box) -> None:
    """Each call is harmless by its arguments where it would be let through."""
    from autograder.sandbox import seccomp

    index = seccomp.MACHINES[os.uname().machine][0]
    table = {**seccomp.DENIED, **seccomp.ABSENT, "clone": seccomp.CLONE}
    numbers = {name: pair[index] for name, pair in table.items() if pair[index] is not None}
    denied = {name: (0, 0, 0, 0, 0) for name in seccomp.DENIED if name in numbers}
    denied |= {"ptrace": (0x4206, 1, 0, 0, 0), "unshare": (0x10000000,), "setns": (0, 0)}
    got = inside(box, CALLS, json.dumps(numbers), json.dumps(denied))
    assert got == dict.fromkeys(denied, "EPERM")
    absent = dict.fromkeys(seccomp.ABSENT, (0, 0))
    assert set(inside(box, CALLS, json.dumps(numbers), json.dumps(absent)).values()) == {"ENOSYS"}
    for flag in (0x10000000, 0x20000000, 0x40000000, 0x00020000):
        clone = {"clone": (flag | signal.SIGCHLD, 0, 0, 0, 0)}
        assert inside(box, CALLS, json.dumps(numbers), json.dumps(clone)) == {"clone": "EPERM"}


def test_only_local_and_ip_sockets_can_be_made(box: Box) -> None:
    code = """
def make(family, kind, protocol):
    try:
        socket.socket(family, kind, protocol).close()
    except OSError as error:
        return errno.errorcode[error.errno]
print(json.dumps([make(*map(int, triple.split())) for triple in sys.argv[1:]]))
"""
    got = inside(box, code, "1 1 0", "2 1 0", "10 2 0", "16 3 0", "16 3 9", "17 3 0", "38 5 0")
    assert got == [None] * 4 + ["EAFNOSUPPORT"] * 3


def test_it_holds_no_privilege(box: Box) -> None:
    code = """
rows = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines())
print(json.dumps([rows[k].strip() for k in ("CapEff", "CapPrm", "CapBnd", "NoNewPrivs", "Seccomp")]
    + [os.getuid(), os.getgroups()]))
"""
    *state, uid, groups = inside(box, code)
    assert state == ["0" * 16, "0" * 16, "0" * 16, "1", "2"]
    assert uid != 0
    assert groups in ([], [65534])  # a user namespace shows a group that it cannot name


def test_the_environment_is_ours_alone(box: Box) -> None:
    names = set(inside(box, "print(json.dumps(dict(os.environ)))"))
    assert "GRADING_SECRET" not in names
    assert names <= {
        "ARROW_DEFAULT_MEMORY_POOL", "DO_NOT_TRACK", "GOGC", "HOME", "LANG", "LC_CTYPE",
        "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PATH",
        "PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED", "PYTHONNOUSERSITE", "TMPDIR", "TZ",
    }  # fmt: skip


def test_no_file_of_the_supervisor_stays_open(box: Box) -> None:
    code = (
        "print(json.dumps([fd for fd in range(3, 4096) if os.path.exists(f'/proc/self/fd/{fd}')]))"
    )
    assert inside(box, code) == []


def test_the_supervisor_cannot_be_hurt(box: Box) -> None:
    """Every signal, ptrace, its memory, its limits, and a signal to everybody."""
    code = """
import resource
def tried(act, *args):
    try:
        act(*args)
    except (OSError, ValueError) as error:
        return True
    return False
for number in range(1, 65):
    tried(os.kill, 1, number)
print(json.dumps([tried(open, "/proc/1/mem"), tried(open, "/proc/1/fd/0"),
    tried(resource.prlimit, 1, resource.RLIMIT_NOFILE, (0, 0))]), flush=True)
assert os.getpid() < 1000, "not in a namespace"
signal.signal(signal.SIGTERM, signal.SIG_IGN)
tried(os.kill, -1, signal.SIGTERM)
"""
    assert inside(box, code) == [True, True, True]
    assert inside(box, "print(1)") == 1
    assert box.usage().killed is None


def test_every_slot_has_its_own_user() -> None:
    """Also that of another launcher, as somebody else's would be. Java fails without a name."""
    if os.geteuid():
        return  # only root can give them
    with ExitStack() as stack:
        launchers = [stack.enter_context(Launcher("exec", mode="A")) for _ in range(2)]
        boxes = [stack.enter_context(one.open({}, LIMITS)) for one in launchers * 2]
        who = "import pwd; print(json.dumps(pwd.getpwuid(os.getuid())[:6]))"
        seen = [inside(box, who) for box in boxes]
    assert len({uid for _, _, uid, *_ in seen} - {0}) == 4
    assert {(name, home) for name, *_, home in seen} == {("learner", "/scratch")}


def test_boxes_share_no_file(launcher: Launcher, box: Box) -> None:
    write = "for f in ('/desk/a', '/tmp/a', '/dev/shm/a'): open(f, 'w').close()\nprint(1)"
    look = "print(json.dumps([os.listdir(f) for f in ('/desk', '/tmp', '/dev/shm')]))"
    inside(box, write)
    with launcher.open({}, LIMITS) as other:
        assert inside(other, look) == [[], [], []]


def test_binds_are_there_and_read_only(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("heavy")
    tmp_path.chmod(0o755)
    with (
        Launcher("exec", mode=NAMESPACES[0], binds=[tmp_path]) as launcher,
        launcher.open({}, LIMITS) as box,
    ):
        assert inside(box, READ, tmp_path / "data") == ["heavy"]
        with pytest.raises(AssertionError, match="Read-only"):
            inside(box, "open(sys.argv[1], 'w')", tmp_path / "new")
