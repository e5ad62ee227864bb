"""Azurite as a child process: installed from npm by hash, on unix sockets, with no way out.

Limit: needs node and npm on the system; keeps everything in memory; one account, two keys.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

from infra.cloud.process import CloudError

SOURCE = Path(__file__).parent / "azurite"
STATE = Path(__file__).resolve().parents[2] / "work" / ".state" / "npm"
OLDEST_NODE = 20
MEMORY = 1024  # MiB of blobs and messages
SERVICES = ("blob", "queue", "table")
STARTS_WITHIN = 60.0
_MAIN = Path("node_modules") / "azurite" / "dist" / "src" / "azurite.js"
_HOW = (
    f"the target azure needs Node.js {OLDEST_NODE} or newer with npm. Debian, Ubuntu:"
    " sudo apt-get install nodejs npm (or a newer one from https://nodejs.org);"
    " macOS: brew install node"
)


class Lacking(CloudError):
    """Something that the machine's owner has to install first."""


def present() -> str:
    """Return why the engine cannot run here, or ""; installing it is not tried."""
    try:
        _node()
    except CloudError as error:
        return str(error)
    return ""


def _node() -> str:
    """Return node's path; raise Lacking when it or npm is not there or too old."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        raise Lacking(f"no {'npm' if node else 'node'} found: {_HOW}")
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    major = told.stdout.strip().lstrip("v").partition(".")[0]
    if not major.isdigit() or int(major) < OLDEST_NODE:
        raise Lacking(f"{node} is version {told.stdout.strip() or 'unknown'}: {_HOW}")
    return node


def installed(state: Path = STATE) -> Path:
    """Return the engine's folder, installed once for each set of pins (61 MB, half a minute).

    Raises Lacking without node or npm, CloudError when npm fails.
    """
    _node()
    folder = _place(state)
    if (folder / "complete").exists():
        return folder
    state.mkdir(parents=True, exist_ok=True)
    with (state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            _install(folder)
    return folder


def is_installed(state: Path = STATE) -> bool:
    """Whether these pins are installed already."""
    return (_place(state) / "complete").exists()


def _place(state: Path) -> Path:
    pins = (SOURCE / "package-lock.json").read_bytes()
    return state / f"azurite-{hashlib.sha256(pins).hexdigest()[:12]}"


def _install(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)  # what an interrupted installation left
    shutil.copytree(SOURCE, folder)
    npm = shutil.which("npm") or "npm"
    done = subprocess.run(
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier",
         "--loglevel=error"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode or not (folder / _MAIN).is_file():
        said = (done.stderr or done.stdout).strip()[-600:]
        shutil.rmtree(folder, ignore_errors=True)
        raise CloudError(f"npm could not install Azurite; is there a network?\n{said}")
    (folder / "complete").touch()


def version() -> str:
    """Return Azurite's pinned version."""
    told = json.loads((SOURCE / "package.json").read_text())
    return str(told["dependencies"]["azurite"])


def start(
    folder: Path, sockets: Path, accounts: str, addresses: list[str]
) -> subprocess.Popen[bytes]:
    """Start Azurite and return once it listens; it ends with this process, whatever happens.

    sockets: an empty folder for its three sockets, which it removes at its end. accounts: as
    AZURITE_ACCOUNTS has them. addresses: host:port under which clients know the blob service.
    """
    environment = {
        "AZURITE_ACCOUNTS": accounts, "LADDER_SOCKETS": str(sockets),
        "LADDER_ADDRESSES": ",".join(addresses), "PATH": os.environ.get("PATH", ""),
    }
    process = subprocess.Popen(
        [_node(), "--require", str(SOURCE / "confine.js"), str(folder / _MAIN),
         "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--silent",
         "--disableProductStyleUrl", "--extentMemoryLimit", str(MEMORY)],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        env=environment, cwd=sockets,
        start_new_session=True,  # a terminal's Ctrl-C is for its parent
    )  # fmt: skip
    try:
        _await(process, sockets)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return process


def _await(process: subprocess.Popen[bytes], sockets: Path) -> None:
    end = time.monotonic() + STARTS_WITHIN
    while not all((sockets / name).exists() for name in SERVICES):
        if process.poll() is not None:
            assert process.stderr is not None
            said = process.stderr.read().decode(errors="replace").strip()[-600:]
            raise CloudError(f"Azurite ended before it could serve: {said}")
        if time.monotonic() > end:
            raise CloudError(f"Azurite did not start within {STARTS_WITHIN:g} s")
        time.sleep(0.02)
