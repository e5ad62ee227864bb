"""Finds out which walls hold here, by attacking them in a throw-away box. Builds none.

What a kernel offers and what a container, AppArmor or an administrator leaves of it differ.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import socket
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from autograder.errors import GraderError
from autograder.sandbox import landlock
from autograder.sandbox.launcher import ROOT, Launcher
from autograder.sandbox.limits import Limits

VERSION = 1  # raise it when the walls or the attacks change
STATE = ROOT / "work" / ".state"
NEEDED = {
    "A": ("files", "processes", "network", "writes", "kernel", "supervisor", "uid"),
    "B": ("files", "processes", "network", "writes", "kernel", "supervisor"),
    "C": ("files", "writes", "kernel"),
    "D": (),
}
WHAT = {
    "files": "the learner's code can read files of this machine",
    "processes": "the learner's code can see this machine's processes",
    "network": "the learner's code can reach this machine's network",
    "writes": "the learner's code can write outside its folder",
    "kernel": "no filter on system calls",
    "supervisor": "the learner's code can stop its supervisor",
    "uid": "the learner's code runs as the grader's own user",
}


@dataclass(frozen=True)
class Missing:
    """A layer that does not hold, why, and what to type."""

    layer: str
    why: str
    remedy: str


@dataclass(frozen=True)
class Layers:
    """The best mode that works here and what an attack from inside it managed."""

    mode: str
    have: dict[str, bool]
    missing: list[Missing]

    @property
    def grades_others(self) -> bool:
        """Say whether other people's work may be graded without an explicit flag."""
        return self.mode in "AB"


def detect(refresh: bool = False, state: Path = STATE) -> Layers:
    """Return the layers that hold here, from the file in `state` when it is about this kernel."""
    file, key = state / f"layers-{os.geteuid()}.json", fingerprint()
    if not refresh and (known := remembered(file, key)) is not None:
        return known
    layers = find()
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps({"key": key, **asdict(layers)}))
        draft.replace(file)
    return layers


def fingerprint() -> list[str]:
    """Return what the answer depends on."""
    settings = [read_setting(path) for path in SETTINGS]
    return [str(VERSION), platform.release(), platform.machine(), sys.prefix, *settings]


def remembered(file: Path, key: list[str]) -> Layers | None:
    try:
        data = json.loads(file.read_text())
        if data["key"] != key:
            return None
        missing = [Missing(**row) for row in data["missing"]]
        return Layers(data["mode"], dict(data["have"]), missing)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def find() -> Layers:
    """Try the modes, best first; the first that keeps its promise is the answer."""
    failures: list[Missing] = []
    for mode in candidates():
        try:
            have = attack(mode)
        except (GraderError, OSError, ValueError) as error:
            why = str(error).strip().splitlines()[-1]
            failures.append(Missing(f"mode {mode}", f"it did not start: {why}", remedy(mode)))
            continue
        lost = [name for name in NEEDED[mode] if not have[name]]
        if not lost:
            open_doors = [
                Missing(name, WHAT[name], remedy(mode if mode == "B" else "B"))
                for name, held in have.items()
                if not held
            ]
            return Layers(mode, have, failures + open_doors)
        failures.append(Missing(f"mode {mode}", "; ".join(WHAT[x] for x in lost), remedy(mode)))
    raise GraderError("no box could be started", "sandbox", "\n".join(f.why for f in failures))


def candidates() -> list[str]:
    """Return the modes that are worth trying here."""
    if sys.platform != "linux":
        return ["D"]
    return [*("A" if os.geteuid() == 0 else ""), "B", *("C" if landlock.version() else ""), "D"]


def attack(mode: str) -> dict[str, bool]:
    """Open a throw-away box and return which walls held."""
    script = Path(__file__).with_name("attack.py").read_bytes()
    with tempfile.TemporaryDirectory() as place, socket.create_server(("127.0.0.1", 0)) as host:
        os.chmod(place, 0o777)  # our walls must hold it, not its owner
        secret = Path(place, "secret")
        secret.write_text("found")
        command = Path(f"/proc/{os.getpid()}/cmdline")
        aim = {
            "secret": str(secret),
            "folder": place,
            "port": host.getsockname()[1],
            "pid": os.getpid(),
            "command": command.read_text() if command.exists() else "",
        }
        with Launcher("exec", mode=mode) as launcher:
            return launch(launcher, script, aim)


def launch(launcher: Launcher, script: bytes, aim: dict[str, object]) -> dict[str, bool]:
    limits = Limits(cpu=20, processes=8, disk=1 << 20, wall=60)
    with launcher.open({"attack.py": script}, limits) as box:
        pid = box.run([sys.executable, "attack.py", json.dumps({**aim, "kill": False})])
        box.wait(pid, limits.wall)
        managed = json.loads(box.output(pid))
        pid = box.run([sys.executable, "attack.py", json.dumps({**aim, "kill": True})])
        try:
            box.wait(pid, limits.wall)
            box.usage()
            managed["supervisor"] = False
        except GraderError:
            managed["supervisor"] = True
    return {name: not worked for name, worked in managed.items()}


SETTINGS = (
    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
    "/proc/sys/kernel/unprivileged_userns_clone",
    "/proc/sys/user/max_user_namespaces",
)


def read_setting(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def remedy(mode: str) -> str:
    """Return what to type for this mode to work here."""
    if sys.platform != "linux":
        return "grade on Linux, in WSL2 or in a virtual machine"
    if mode == "C":
        return "use Linux 5.13 or later with `landlock` in the kernel's lsm= list"
    apparmor, clone, most = map(read_setting, SETTINGS)
    if mode == "B" and apparmor == "1":
        return "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
    if mode == "B" and clone == "0":
        return "sudo sysctl -w kernel.unprivileged_userns_clone=1"
    if mode == "B" and most == "0":
        return "sudo sysctl -w user.max_user_namespaces=10000"
    if in_container():
        return (
            "start this container with --cap-add SYS_ADMIN --security-opt seccomp=unconfined "
            "--security-opt apparmor=unconfined (a pod: securityContext.capabilities.add "
            "[SYS_ADMIN]), or grade in a virtual machine"
        )
    return "run the grader as root, or on a machine of its own"


def in_container() -> bool:
    marks = ("/.dockerenv", "/run/.containerenv", "/var/run/secrets/kubernetes.io")
    return "KUBERNETES_SERVICE_HOST" in os.environ or any(map(os.path.exists, marks))
