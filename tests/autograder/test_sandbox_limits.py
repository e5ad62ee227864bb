"""Attacks on the supervisor's sums: everything over a limit dies, nothing outlives its box."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from autograder.sandbox import Box, Launcher, Limits, cores

MODES = [*("A" if os.geteuid() == 0 else ""), "B", "C", "D"]
LIMITS = Limits(cpu=20, processes=30, disk=8 << 20, output=64 << 10, wall=120)
MEMORY = 128 << 20


@pytest.fixture(scope="module", params=MODES)
def launcher(request: pytest.FixtureRequest) -> Iterator[Launcher]:
    with Launcher("exec", mode=request.param) as started:
        yield started


@pytest.fixture
def box(launcher: Launcher) -> Iterator[Box]:
    with launcher.open({}, LIMITS) as opened:
        yield opened


def start(box: Box, code: str, *args: object) -> int:
    code = f"import json, os, resource, signal, subprocess, sys, time\n{code}"
    return box.run([sys.executable, "-S", "-c", code, *map(str, args)])


def finish(box: Box, code: str, *args: object) -> tuple[int | None, str]:
    pid = start(box, code, *args)
    return box.wait(pid, 60), box.output(pid).decode()


@pytest.fixture
def mark() -> Iterator[str]:
    """A word that names processes on the host; none with it may be left."""
    word = f"ladder-{uuid.uuid4().hex}"
    yield word
    assert left(word) == 0


def named(word: str) -> int:
    """Count the host's processes whose command has this word."""
    count = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                count += word.encode() in (entry / "cmdline").read_bytes()
    return count


def left(word: str) -> int:
    """Count again until there is none; give up after many looks."""
    for _ in range(100):
        if not named(word):
            return 0
        time.sleep(0.1)
    return named(word)


def test_cpu_is_summed_over_all_processes(launcher: Launcher) -> None:
    """Four children pass together a limit that none of them passes."""
    with launcher.open({}, replace(LIMITS, cpu=0.6)) as box:
        code = """
for _ in range(4):
    if os.fork() == 0:
        while time.process_time() < 0.4: pass
        os._exit(0)
while True:
    try:
        os.wait()
    except ChildProcessError:
        break
"""
        code, _ = finish(box, code)
        usage = box.usage()
    assert code == -signal.SIGKILL
    assert usage.killed == "cpu"
    assert 0.6 <= usage.cpu < 1.6


def test_cpu_of_orphans_is_counted(box: Box) -> None:
    """What a process used is in the sum though its parent never waited for it."""
    code = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while time.process_time() < 0.3: pass
        open("done", "w").close()
    os._exit(0)
os.wait()
while not os.path.exists("done"): time.sleep(0.02)
"""
    assert finish(box, code)[0] == 0
    assert box.usage().cpu >= 0.3


def test_cpu_of_children_that_nobody_waits_for_is_counted(launcher: Launcher) -> None:
    """Who ignores SIGCHLD makes the kernel forget them; a control group, which root has, does not
    forget."""
    with launcher.open({}, LIMITS) as box:
        code = """
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for number in range(20):
    if os.fork() == 0:
        begun = time.process_time()
        while time.process_time() < begun + 0.015: pass
        open(str(number), "w").close()
        os._exit(0)
    while not os.path.exists(str(number)): time.sleep(0.005)
"""
        assert finish(box, code)[0] == 0
        usage = box.usage()
    assert usage.cpu >= 0.3 or os.geteuid()


def test_a_memory_hog_is_killed(launcher: Launcher) -> None:
    with launcher.open({}, replace(LIMITS, memory=MEMORY)) as box:
        code, _ = finish(box, "hog = [b'x' * (1 << 20) for _ in range(1 << 10)]; time.sleep(60)")
        usage = box.usage()
    assert (code, usage.killed) == (-signal.SIGKILL, "memory")
    assert usage.peak > MEMORY


def test_memory_is_summed_over_all_processes(launcher: Launcher) -> None:
    """Six hogs of a quarter each; none is over the limit alone."""
    with launcher.open({}, replace(LIMITS, memory=MEMORY)) as box:
        code = f"""
for _ in range(6):
    if os.fork() == 0:
        hog = b"x" * {MEMORY // 4}
        time.sleep(60)
time.sleep(60)
"""
        code, _ = finish(box, code)
        assert box.usage().killed == "memory"
    assert code == -signal.SIGKILL


def test_shared_pages_are_counted_once(launcher: Launcher) -> None:
    """Ten forks of one large parent stay below a limit that their sizes added up would pass."""
    with launcher.open({}, replace(LIMITS, memory=MEMORY)) as box:
        code = f"""
large = b"x" * {MEMORY // 3}
for _ in range(10):
    if os.fork() == 0:
        time.sleep(0.4)
        os._exit(0)
for _ in range(10): os.wait()
"""
        assert finish(box, code)[0] == 0
        assert box.usage().killed is None


def test_shared_memory_is_counted(launcher: Launcher) -> None:
    with launcher.open({}, replace(LIMITS, memory=MEMORY)) as box:
        code = f"""
import mmap
hog = mmap.mmap(-1, {2 * MEMORY})
for at in range(0, len(hog), 4096): hog[at] = 1
time.sleep(60)
"""
        finish(box, code)
        assert box.usage().killed == "memory"


def test_a_fork_bomb_is_killed(launcher: Launcher, mark: str) -> None:
    with launcher.open({}, replace(LIMITS, processes=12)) as box:
        pid = start(box, "for _ in range(5): os.fork()\ntime.sleep(60)", mark)
        assert box.wait(pid, 60) == -signal.SIGKILL
        assert box.usage().killed == "processes"
        assert left(mark) == 0  # while the box is still open


def test_threads_are_not_processes(launcher: Launcher) -> None:
    """A JVM is one process of forty threads and of more address space than memory."""
    with launcher.open({}, replace(LIMITS, processes=4, memory=MEMORY)) as box:
        code = """
import mmap, threading
reserved = mmap.mmap(-1, 8 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=mmap.PROT_READ)
threads = [threading.Thread(target=time.sleep, args=(0.2,)) for _ in range(60)]
for t in threads: t.start()
for t in threads: t.join()
print(json.dumps(resource.getrlimit(resource.RLIMIT_AS)))
"""
        code, output = finish(box, code)
        assert code == 0, output
        assert json.loads(output) == [resource.RLIM_INFINITY] * 2
        assert box.usage().killed is None


def test_a_flood_of_output_is_cut_and_stopped(box: Box) -> None:
    code, output = finish(box, "for _ in range(1 << 10): sys.stdout.write('x' * (1 << 20))")
    assert code != 0
    assert box.usage().killed == "output"
    assert output == "x" * LIMITS.output


def test_long_output_is_cut_and_harmless(box: Box) -> None:
    code, output = finish(box, "print('x' * (1 << 20)); print('end', file=open('end', 'w'))")
    assert (code, len(output), box.read("end")) == (0, LIMITS.output, b"end\n")


def test_a_full_disk_is_the_boxes_own(launcher: Launcher) -> None:
    with launcher.open({}, LIMITS) as box:
        code = """
try:
    for number in range(64):
        with open(f"part{number}", "wb") as file: file.write(b"x" * (1 << 20))
except OSError as error:
    print(error.errno)
else:
    time.sleep(60)
"""
        _, output = finish(box, code)
        usage = box.usage()
        assert output == "28\n" if launcher.mode in "AB" else usage.killed == "disk"
        assert len(box.glob("part*")) <= (LIMITS.disk >> 20) + 1 or launcher.mode in "CD"


def test_many_files_are_a_full_disk(launcher: Launcher) -> None:
    with launcher.open({}, replace(LIMITS, files=100)) as box:
        code = "for number in range(1000): open(str(number), 'w').close()\ntime.sleep(60)"
        code, _ = finish(box, code)
        assert code == 1 if launcher.mode in "AB" else box.usage().killed == "files"


def test_sleepers_end_with_the_backstop(launcher: Launcher, mark: str) -> None:
    with launcher.open({}, replace(LIMITS, wall=0.5)) as box:
        pid = start(box, "time.sleep(600)", mark)
        assert box.wait(pid, 60) == -signal.SIGKILL
        assert box.usage().killed == "wall"


DAEMON = """
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        if os.fork() == 0:
            os.setsid()
            os.write(1, b"sleeps")
            time.sleep(600)
        os._exit(0)
"""


def test_daemons_die_with_their_box(launcher: Launcher, mark: str) -> None:
    with launcher.open({}, LIMITS) as box:
        pid = start(box, DAEMON, mark)
        assert box.wait(pid, 60) == 0
        for _ in range(200):
            if box.output(pid).count(b"sleeps") == 3:
                break
            time.sleep(0.05)
        assert named(mark) == 3


def test_orphans_leave_no_zombies(box: Box, mark: str) -> None:
    """A zombie has no command left, but the short name that it gave itself."""
    code = """
import ctypes
ctypes.CDLL(None).prctl(15, sys.argv[1].encode(), 0, 0, 0)
for _ in range(20):
    if os.fork() == 0:
        os.fork()
        os._exit(0)
    os.wait()
"""
    name = mark[-15:]
    assert finish(box, code, name) == (0, "")
    for _ in range(100):
        rows = [stat for stat in map(stat_of, Path("/proc").iterdir()) if f"({name})" in stat]
        if not rows:
            break
        time.sleep(0.05)
    assert rows == []


def stat_of(entry: Path) -> str:
    try:
        return (entry / "stat").read_text() if entry.name.isdigit() else ""
    except OSError:
        return ""


GRADER = """
import sys, time
from autograder.sandbox import Launcher, Limits
with Launcher(sys.argv[1], mode=sys.argv[2]) as launcher:
    box = launcher.open({}, Limits())
    code = (
        "import os, time; os.fork(); os.setsid() if os.fork() == 0 else 0; "
        "print(1, flush=True); time.sleep(600)"
    )
    pid = box.run([sys.executable, "-S", "-c", code, sys.argv[3]])
    while box.output(pid).count(b"1") < 4: time.sleep(0.02)
    print("ready", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize(("kind", "mode"), [("fork", MODES[0]), *(("exec", m) for m in MODES)])
def test_nothing_survives_a_killed_grader(kind: str, mode: str, mark: str, tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    env = {**os.environ, "PYTHONPATH": root, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", GRADER, kind, mode, mark]
    grader = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root, env=env)
    with grader:
        assert grader.stdout is not None
        assert grader.stdout.readline() == b"ready\n"
        assert named(mark) == 5  # the grader and four inside
        grader.kill()
    assert left(mark) == 0
    for _ in range(100):
        if not any(tmp_path.iterdir()):
            break
        time.sleep(0.05)
    assert list(tmp_path.iterdir()) == []


def test_a_program_dies_with_its_supervisor(box: Box) -> None:
    code = """
import ctypes
number = ctypes.c_int()
ctypes.CDLL(None).prctl(2, ctypes.byref(number), 0, 0, 0)
print(number.value)
"""
    assert finish(box, code) == (0, f"{int(signal.SIGKILL)}\n")


def test_cores_are_those_that_one_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    assert cores() == 1
