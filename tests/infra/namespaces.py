"""Run a function in a process without a network but its own loopback, where the kernel allows it.

    python -m tests.infra.namespaces SCRIPT   runs SCRIPT there, with every connection watched
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import runpy
import socket
import struct
import sys

NEW_NET, NEW_USER = 0x40000000, 0x10000000
UP = 0x1
SET_FLAGS = 0x8914


def leave() -> bool:
    """Enter a network namespace of our own with loopback up; False where that is refused."""
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    if libc.unshare(NEW_NET) != 0:
        if libc.unshare(NEW_USER | NEW_NET) != 0:
            return False
        _keep_names(user, group)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        fcntl.ioctl(probe, SET_FLAGS, struct.pack("16sh14x", b"lo", UP))
    return True


def _keep_names(user: int, group: int) -> None:
    """Be who we were in the new user namespace: who has no name there can make no other."""
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"),
                       ("gid_map", f"{group} {group} 1")):  # fmt: skip
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def watch(event: str, arguments: tuple[object, ...]) -> None:
    """Stop the program at any connection or look-up that leaves this machine."""
    if event == "socket.connect":
        address = arguments[1]
        away = isinstance(address, tuple) and not str(address[0]).startswith(("127.", "::1"))
    elif event in {"socket.getaddrinfo", "socket.gethostbyname"}:
        away = arguments[0] not in {"127.0.0.1", "localhost", "::1", None}
    else:
        return
    if away:
        print(f"OUTGOING {event} {arguments}", flush=True)
        os._exit(97)


def main() -> None:
    """Run a script without a network."""
    print("alone" if leave() else "watched", flush=True)
    sys.addaudithook(watch)
    script = sys.argv[1]
    sys.argv = sys.argv[1:]
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main()
