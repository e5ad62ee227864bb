"""Tries to get out of a box and says what it managed. Run inside one, as a learner's program.

Imports nothing of ours; harmless where it succeeds: it reads, connects and writes only what the
detecting grader laid out for it.
"""

import ctypes
import json
import os
import signal
import socket
import sys
from collections.abc import Callable

SYSCALLS = {"x86_64": (425, 321, 101), "aarch64": (425, 280, 117)}


def managed(attempt: Callable[..., object], *args: object) -> bool:
    """Say whether an attempt worked."""
    try:
        return bool(attempt(*args))
    except OSError:
        return False


def read_file(path: str) -> str:
    with open(path) as file:
        return file.read()


def see_process(pid: int, command: str) -> bool:
    """See a process of the host: pids of our own namespace have other commands."""
    with open(f"/proc/{pid}/cmdline") as file:
        return file.read() == command


def reach_host(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), 2):
        return True


def write_outside(folder: str) -> bool:
    with open(os.path.join(folder, "written"), "w"):
        return True


def open_kernel() -> bool:
    """Use a call that the filter must refuse; each harmless by its arguments."""
    if sys.platform != "linux":
        return True
    libc = ctypes.CDLL(None, use_errno=True)
    user_namespace = libc.unshare(0x10000000) == 0
    io_uring, bpf, ptrace = SYSCALLS.get(os.uname().machine, SYSCALLS["x86_64"])
    refused = 1
    others = False
    for number, args in ((io_uring, (0, None)), (bpf, (0, None, 0)), (ptrace, (0x4200, 1, 0, 0))):
        ctypes.set_errno(0)
        libc.syscall(ctypes.c_long(number), *args)
        others |= ctypes.get_errno() != refused
    return user_namespace or others


def signal_supervisor() -> bool:
    os.kill(os.getppid(), 0)
    return True


def main() -> None:
    aim = json.loads(sys.argv[1])
    print(
        json.dumps(
            {
                "files": managed(read_file, aim["secret"]),
                "processes": managed(see_process, aim["pid"], aim["command"]),
                "network": managed(reach_host, aim["port"]),
                "writes": managed(write_outside, aim["folder"]),
                "kernel": managed(open_kernel),
                "uid": managed(signal_supervisor),
            }
        ),
        flush=True,
    )
    if aim["kill"]:
        os.kill(os.getppid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
