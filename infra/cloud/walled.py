"""Starts the keeper of a program, behind the walls of a mode: what it is told, what it sees.

Limit: paths and commands only; `kept` talks with the keeper.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from infra.cloud.broker import Program
from infra.cloud.keeper import walls

PATH = "/usr/local/bin:/usr/bin:/bin"
_INFRA = Path(__file__).resolve().parents[1]
_CODE = "import sys; sys.path[:0] = [{!r}]; from infra.cloud.keeper.main import main; main({})"


def has_bubblewrap() -> bool:
    """Whether bubblewrap is installed."""
    return shutil.which("bwrap", path=PATH) is not None


def order(
    mode: str, program: Program, env: Mapping[str, str], cloud_port: int
) -> dict[str, Any]:
    """Return what a keeper is told."""
    return {
        "mode": mode, "walled": mode != "plain", "argv": list(program.argv), "env": dict(env),
        "folders": [(k, f.path, f.writable) for k, f in sorted(program.folders.items())],
        "shown": visible([*interpreter(), *program.shown]), "cpu_seconds": program.cpu_seconds,
        "memory_mb": program.memory_mb, "cwd": program.cwd, "cloud_port": cloud_port,
    }


def spawn(
    mode: str, told: Mapping[str, Any], wire: socket.socket, output: int
) -> subprocess.Popen[bytes]:
    """Start a keeper; it reads its order from the wire."""
    infra = "/run/ladder" if mode == "bubblewrap" else str(_INFRA.parent)
    python = [sys.executable, "-I", "-S", "-c", _CODE.format(infra, wire.fileno())]
    command = [*_bubblewrap(told), *python] if mode == "bubblewrap" else python
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env={"PATH": PATH},
        pass_fds=[wire.fileno()], start_new_session=True, cwd="/",
    )


def _bubblewrap(told: Mapping[str, Any]) -> list[str]:
    """Return bubblewrap's command for the walls that `keeper.walls` builds without it."""
    words = [
        str(shutil.which("bwrap", path=PATH)), "--unshare-all", "--unshare-user", "--uid", "0",
        "--gid", "0", "--cap-drop", "ALL", "--clearenv", "--setenv", "PATH", PATH,
        "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--dir", "/etc",
    ]
    for path in (*walls.SYSTEM, *told["shown"], *(f"/etc/{name}" for name in walls.ETC)):
        if os.path.islink(path):
            words += ["--symlink", os.readlink(path), path]
        elif os.path.exists(path):
            words += ["--ro-bind", path, path]
    words += ["--ro-bind", str(_INFRA), "/run/ladder/infra"]
    for inside, path, writable in told["folders"]:
        words += ["--bind" if writable else "--ro-bind", path, inside]
    return [*words, "--chdir", "/", "--"]


def interpreter() -> list[str]:
    """Return the folders of this Python: its environment, its base, those it links through."""
    found, step = [Path(sys.prefix), Path(sys.base_prefix)], Path(sys.executable)
    found.append(step.parent.parent)
    while step.is_symlink():
        step = step.parent / os.readlink(step)
        found.append(step.parent.parent)
    return [str(path) for path in found if path != Path("/")]


def visible(paths: Iterable[str]) -> list[str]:
    """Return the paths to show besides the system's: parents first, none below another."""
    wanted = sorted({str(p) for path in map(Path, paths) for p in (path, path.resolve())})
    shown: list[str] = list(walls.SYSTEM)
    for path in wanted:
        if os.path.exists(path) and not any(path == s or path.startswith(s + "/") for s in shown):
            shown.append(path)
    return shown[len(walls.SYSTEM):]
