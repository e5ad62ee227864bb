"""The root folder of a box: what is visible inside. An allow-list; what is not here does not exist.

Neither the repository's root nor any learner's folder is ever on it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from autograder.sandbox import linux
from autograder.sandbox.limits import DESK, SCRATCH

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64")
ETC = (
    "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "fonts", "mime.types", "R",
    "ssl/certs", "ssl/openssl.cnf", "java-17-openjdk", "java-21-openjdk", "localtime",
)  # fmt: skip
DEVICES = ("null", "zero", "full", "random", "urandom")
MACHINE = ("/proc/cpuinfo", "/proc/meminfo")
CPUS = ("/sys/devices/system/cpu", "/sys/devices/system/node")  # torch counts cores there
WRITTEN = {
    "passwd": "root:x:0:0::/:/bin/false\n",
    "group": "root:x:0:\n",
    "hosts": "127.0.0.1 localhost box\n::1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "resolv.conf": "",
}
LEARNER = {"passwd": "learner:x:{0}:{0}::/scratch:/bin/sh\n", "group": "learner:x:{0}:\n"}
PLACES = ("/mnt", "/media", "/srv", "/run", "/opt")  # to mount the new root on, for a moment


def interpreter() -> list[Path]:
    """Return the folders of this Python: the environment, its base, and those it links through."""
    found = [Path(sys.prefix), Path(sys.base_prefix)]
    step = Path(sys.executable)
    while True:
        found.append(step.parent.parent)
        if not step.is_symlink():
            break
        step = step.parent / os.readlink(step)
    return [path for path in found if path != Path("/")]


def visible(extra: Iterable[Path]) -> list[str]:
    """Return the folders to show, parents before children, none below another."""
    wanted = [*map(Path, SYSTEM), *interpreter(), *extra]
    paths = sorted({str(p) for path in wanted for p in (path, path.resolve()) if path.exists()})
    shown: list[str] = []
    for path in paths:
        if os.path.islink(path) or not any(path.startswith(above + "/") for above in shown):
            shown.append(path)
    return shown


def build(
    shown: Iterable[str], uids: Iterable[int], writable: Iterable[str] = (), *, proc: bool = True
) -> None:
    """Make a root of these folders, read-only, and move this mount namespace into it.

    uids: of all who will work in it; each is called learner, for Java fails on who has no name.
    proc: show the host's /proc, which a box's own will cover; else only what says how large
    the machine is.
    """
    shown = list(shown)
    place = next(p for p in PLACES if os.path.isdir(p) and not any(s.startswith(p) for s in shown))
    linux.mount("none", "/", "none", linux.REC | linux.PRIVATE)
    linux.mount("root", place, "tmpfs", linux.NOSUID | linux.NODEV, "size=4m,mode=755")
    for path in (*shown, *CPUS):
        show(place, path, linux.RDONLY | linux.NOSUID | linux.NODEV)
    for path in writable:
        show(place, path, linux.NOSUID | linux.NODEV)
    etc(place, uids)
    devices(place)
    for folder in (DESK, SCRATCH):
        os.mkdir(place + folder)
    for path in ("/proc",) if proc else MACHINE:
        show(place, path, linux.NOSUID | linux.NODEV | linux.NOEXEC)
    if not os.path.exists(place + "/tmp"):
        os.symlink(SCRATCH, place + "/tmp")
    if not os.path.lexists(place + "/opt"):  # containers' /opt/ml lies among a program's files
        os.symlink(DESK + "/opt", place + "/opt")
    linux.restrict_mount(place, linux.RDONLY)
    linux.pivot(place)


def show(place: str, path: str, flags: int) -> None:
    """Show one file or folder of the host at the same path; a link as a link."""
    target = place + path
    if not os.path.lexists(path) or os.path.lexists(target):
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.islink(path):
        os.symlink(os.readlink(path), target)
        return
    if os.path.isdir(path):
        os.mkdir(target)
    else:
        open(target, "w").close()
    linux.bind(path, target, flags)


def etc(place: str, uids: Iterable[int]) -> None:
    """Fill /etc: a few files of the host, and our own where the host's would tell of people."""
    os.makedirs(place + "/etc", exist_ok=True)
    for name in ETC:
        show(place, f"/etc/{name}", linux.RDONLY | linux.NOSUID | linux.NODEV)
    uids = list(uids)
    for name, text in WRITTEN.items():
        lines = (LEARNER.get(name, "").format(uid) for uid in uids)
        Path(f"{place}/etc/{name}").write_text(text + "".join(lines))


def devices(place: str) -> None:
    """Fill /dev: five devices, the usual links, room for shared memory."""
    os.makedirs(place + "/dev/shm")
    for name in DEVICES:
        show(place, f"/dev/{name}", linux.RDONLY | linux.NOSUID | linux.NOEXEC)
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        os.symlink(f"/proc/self/fd{target}", f"{place}/dev/{name}")
