"""Installs groups of dependencies into .venv: says the size first, mends what an earlier run left.

`ladder` runs this file with the Python that it found, when nothing is installed yet; so it needs
the standard library only. It passes no index address: pip's own settings are the user's.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
MARKS = VENV / ".ladder"
LOG = VENV / ".ladder" / "pip.log"
PINS = ("pyproject.toml", "constraints.txt")

# What pip says, and what it means for the one who typed the command. The first that fits counts.
MEANINGS = (
    (
        ("No space left on device", "Errno 28", "Disk quota exceeded", "File too large"),
        "The disk is full, here or in the folder for temporary files. Free some space (or set "
        "TMPDIR to a folder on a larger disk), then run the same command again: it goes on where "
        "it stopped.   df -h . ${TMPDIR:-/tmp}",
    ),
    (
        ("CERTIFICATE_VERIFY_FAILED", "SSLError"),
        "The package index was reached, but its certificate is not trusted here; behind a company "
        "proxy that is usual. Tell pip about the proxy's certificate, then run the same command "
        "again:   export PIP_CERT=/path/to/company-ca.pem",
    ),
    (
        (
            "NewConnectionError", "NameResolutionError", "Temporary failure in name resolution",
            "Network is unreachable", "ConnectTimeout", "Connection refused", "Read timed out",
            "ProxyError", "Max retries exceeded",
        ),
        "No package index can be reached. Check the connection (behind a proxy or a mirror: what "
        "pip is told), then run the same command again; what was downloaded is kept.   "
        ".venv/bin/python -m pip config list",
    ),
    (
        ("No matching distribution found", "Could not find a version", "ResolutionImpossible"),
        "The package index that pip is told to use does not have what this course pins. See which "
        "one that is, and allow one that mirrors PyPI; then run the same command again.   "
        ".venv/bin/python -m pip config list",
    ),
    (
        ("Permission denied", "Read-only file system"),
        "This folder cannot be written to. Make it yours, then run the same command again.   "
        'sudo chown -R "$(id -un)" .',
    ),
)


class Fault(Exception):
    """An installation that did not work: one paragraph that ends in the command that mends it."""


def declared() -> dict[str, dict[str, Any]]:
    """Return the groups of pyproject.toml, in the order in which they are installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups: dict[str, dict[str, Any]] = project["tool"]["ladder"]["groups"]
    return groups


def sets() -> dict[str, list[str]]:
    """Return what `ladder` may ask for: each group, the light ones, all."""
    groups = declared()
    light = [name for name, group in groups.items() if group.get("light")]
    return {**{name: [name] for name in groups}, "light": light, "all": list(groups)}


def pins() -> bytes:
    """Return the text that decides what is installed."""
    return b"".join((ROOT / name).read_bytes() for name in PINS)


def missing(names: Iterable[str]) -> list[str]:
    """Return the groups of `names` (groups or sets) that are not installed from today's pins."""
    known = sets()
    wanted = {group for name in names for group in known[name]}
    have = _marked() if _current() else set()
    return [group for group in declared() if group in wanted and group not in have]


def install(names: Sequence[str]) -> None:
    """Install what is missing of `names`. One run at a time; a second one waits for the first."""
    with _locked() as lock:
        groups = missing(names)
        if not groups:
            return
        try:
            _install(groups, lock)
        except OSError as error:
            raise Fault(_meaning(os.strerror(error.errno or errno.EIO), str(error))) from error


def _install(groups: list[str], lock: int) -> None:
    fresh = not _venv_works()
    if not (fresh or _current()):
        groups = [group for group in declared() if group in {*groups, *_marked()}]
    _announce(groups, fresh)
    if fresh:
        _make_venv()
    _sweep()
    MARKS.mkdir(exist_ok=True)
    if not _current():
        (MARKS / "pins").unlink(missing_ok=True)
    pip = _Pip(lock)
    pip.install("pip and setuptools", "pip", "setuptools")  # no network where the pins are met
    if "torch" in groups:
        _say_torch(pip)
        pip.install("torch", "torch")  # before what depends on it
    # "base" is no extra: it is what the project itself depends on.
    extras = ",".join(group for group in groups if group != "base")
    project = f"{ROOT}[{extras}]" if extras else str(ROOT)
    pip.install(", ".join(groups), "--no-build-isolation", "-e", project)
    _mark(groups)
    print("Installed.", flush=True)


def _announce(groups: list[str], fresh: bool) -> None:
    known = declared()
    need, free = sum(known[g]["mb"] for g in groups), shutil.disk_usage(ROOT).free // 10**6
    if fresh and need > free:
        raise Fault(
            f"Installing needs about {need} MB, and {free} MB are free on the disk of {ROOT}. "
            "Free some space, then run the same command again.   df -h ."
        )
    print(_occasion(fresh).format(size=f"about {need} MB ({free} MB are free)"))
    for group in groups:
        print(f"  {group:9} {known[group]['mb']:5} MB  {known[group]['text']}", flush=True)


def _occasion(fresh: bool) -> str:
    if fresh:
        return "Installing into .venv, once: {size}."
    if _current():
        return "Adding to .venv, once: {size}."
    if (MARKS / "pins").exists():
        return "The pins have changed; bringing .venv up to date. In all it holds {size}."
    return "An earlier installation was not finished; going on with it. In all: {size}."


def _say_torch(pip: _Pip) -> None:
    """Say it when this machine's index would bring the build with CUDA: that is gigabytes."""
    heavy = [name for name in pip.plan("torch") if name.startswith(("nvidia", "cuda", "triton"))]
    if heavy:
        print(
            f"  For this machine pip chooses PyTorch with CUDA: {len(heavy)} packages and several\n"
            "  gigabytes more. Without an NVIDIA card, stop (Ctrl-C) and give pip the index of\n"
            "  CPU builds that PyTorch's web page names: export PIP_EXTRA_INDEX_URL=ADDRESS",
            flush=True,
        )


def _venv_works() -> bool:
    """Tell whether .venv has a Python that runs, stands where it was made, and has pip."""
    if not _is_ours():
        return False  # moved or copied: its scripts point to the old place
    try:
        command = [str(VENV / "bin" / "python"), "-I", "-m", "pip", "--version"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _is_ours() -> bool:
    """Tell whether .venv was made for this folder, as far as it says."""
    home = MARKS / "home"
    return not home.exists() or home.read_text().rstrip("\n") == str(ROOT)


def _make_venv() -> None:
    if VENV.is_symlink() and not _is_ours():
        raise Fault(
            f".venv is a link to {VENV.resolve()}, the environment of another folder. It was left "
            "as it is. Remove the link, then run the same command again.   rm .venv"
        )
    # The real path, not the name python3: after an upgrade of the system the link then dangles,
    # which is seen, instead of leading to another Python, which is not.
    python = os.path.realpath(sys.executable)
    if Path(python).is_relative_to(VENV):
        python = sys.executable
    # In two steps: the first hides what ensurepip says when it fails.
    for command in (
        [python, "-m", "venv", "--clear", "--without-pip", str(VENV)],
        [str(VENV / "bin" / "python"), "-I", "-m", "ensurepip", "--default-pip"],
    ):
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            raise Fault(_meaning(made.stdout + made.stderr, f"{' '.join(command)} failed."))


def _sweep() -> None:
    """Remove what a killed pip leaves: half-written packages that look installed."""
    for folder in VENV.glob("lib/python*/site-packages"):
        torn = [info for info in folder.glob("*.dist-info") if not _whole(info)]
        for path in [*torn, *folder.glob("~*")]:
            shutil.rmtree(path, ignore_errors=True)


def _whole(info: Path) -> bool:
    """Tell whether pip came to its last step, in which RECORD names what pip itself wrote."""
    record = info / "RECORD"
    return record.exists() and "/INSTALLER," in record.read_text(errors="replace")


class _Pip:
    """pip of .venv, with the pins. Its output goes to a log, its progress to one line."""

    def __init__(self, lock: int) -> None:
        self.lock = lock
        self.env = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_USER": "0"}
        LOG.unlink(missing_ok=True)

    def install(self, what: str, *arguments: str) -> None:
        """Install, or raise the fault that pip's words mean."""
        with LOG.open("ab") as log:
            start = log.tell()
            # The lock goes with it: when this process is killed, the next waits for pip's end.
            pip = subprocess.Popen(
                self._command(*arguments), stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                env=self.env, pass_fds=[self.lock],
            )  # fmt: skip
            try:
                _follow(pip, what, start)
            except BaseException:
                pip.terminate()
                pip.wait()
                raise
        if pip.returncode:
            raise Fault(_meaning(_text(start), f"pip could not install {what}."))

    def plan(self, *arguments: str) -> list[str]:
        """Return the names that pip would install."""
        command = self._command("--dry-run", "--quiet", "--report", "-", *arguments)
        done = subprocess.run(command, capture_output=True, text=True, env=self.env, check=False)
        if done.returncode:
            raise Fault(_meaning(done.stderr, "pip could not plan the installation."))
        return [item["metadata"]["name"] for item in json.loads(done.stdout)["install"]]

    def _command(self, *arguments: str) -> list[str]:
        python = str(VENV / "bin" / "python")
        pinned = ["-c", str(ROOT / "constraints.txt")]
        return [python, "-I", "-m", "pip", "install", "--no-input", *pinned, *arguments]


def _follow(pip: subprocess.Popen[bytes], what: str, start: int) -> None:
    """Wait for pip; in a terminal, show what it is at."""
    terminal, line = sys.stdout.isatty(), ""
    while pip.poll() is None:
        time.sleep(0.2)
        latest = next((x for x in reversed(_text(start).splitlines()) if x.strip()), "")
        if terminal and latest != line:
            line = latest
            print(f"\r\033[K  {line.strip()[:76]}", end="", flush=True)
    if terminal:
        print("\r\033[K", end="", flush=True)


def _text(start: int) -> str:
    with LOG.open("rb") as log:
        log.seek(start)
        return log.read().decode(errors="replace")


def _meaning(text: str, otherwise: str) -> str:
    for signs, paragraph in MEANINGS:
        if any(sign in text for sign in signs):
            return paragraph
    last = [line for line in text.splitlines() if line.strip()][-4:]
    log = f"Everything is in {LOG}. " if LOG.exists() else ""
    return (
        f"{otherwise} Its last words:\n" + "\n".join(f"    {line.strip()}" for line in last) + "\n"
        f"{log}To begin anew:   rm -rf .venv && ./ladder up"
    )


def _current() -> bool:
    try:
        same = (MARKS / "home").read_text().rstrip("\n") == str(ROOT)
        return same and (MARKS / "pins").read_bytes() == pins()
    except OSError:
        return False


def _marked() -> set[str]:
    return {path.name for path in MARKS.iterdir()} if MARKS.is_dir() else set()


def _mark(groups: list[str]) -> None:
    """Note what is installed; `ladder` reads these files instead of asking pip."""
    (MARKS / "home").write_text(f"{ROOT}\n")
    (MARKS / "pins").write_bytes(pins())
    have = {*_marked(), *groups}
    for name, members in sets().items():
        if have.issuperset(members):
            (MARKS / name).touch()


@contextlib.contextmanager
def _locked() -> Iterator[int]:
    """Hold the folder itself: nothing is left behind, whatever happens to this process."""
    lock = os.open(ROOT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another ./ladder is installing here: waiting for it.", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError:
            pass  # a network file system without locks
        yield lock
    finally:
        os.close(lock)


def main(names: Sequence[str]) -> int:
    """Install; return the exit code. What is said goes to stderr: stdout is the command's."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            install(names)
    except Fault as fault:
        print(f"\n{fault}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped. Run the same command again: it goes on from here.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
