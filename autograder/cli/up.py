"""`ladder up`: the course site, JupyterLab on the learner's desk and the embedded cloud.

It serves and watches; it grades nothing. The cloud is another package's command, run as a process.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from types import FrameType

import click

from autograder.cli import groups
from autograder.cli.install import ROOT
from autograder.cli.services import House, Service, free_port
from autograder.errors import LadderError, UsageError

BIN = Path(sys.executable).parent
DESK = ROOT / "work"
STATE = DESK / ".state"
SITE = STATE / "site"


@click.command()
@click.option("--site-port", default=8000, show_default=True, help="Port of the course site.")
@click.option("--lab-port", default=8888, show_default=True, help="Port of JupyterLab.")
@click.option("--cloud-port", default=4566, show_default=True, help="Port of the embedded cloud.")
@click.option("--no-browser", is_flag=True, help="Open no browser.")
@click.option("--check", is_flag=True, help="Start, ask each as a client would, stop.")
def up(site_port: int, lab_port: int, cloud_port: int, no_browser: bool, check: bool) -> None:
    """Serve the course, JupyterLab and the cloud until Ctrl-C."""
    groups.ensure(["light"])
    STATE.mkdir(parents=True, exist_ok=True)
    look = not (check or no_browser) and _has_screen()
    alone = contextlib.nullcontext() if check else _alone()  # a check disturbs nobody
    with alone, _terminated_as_interrupted(), House(STATE / ("check" if check else "up")) as house:
        try:
            ports = _ports(site_port, lab_port, cloud_port)
            build_site()
            wrong = _open(house, [_cloud(ports[2]), _site(ports[0])])
            cloud = {} if "cloud" in wrong else _cloud_variables()
            wrong += _open(house, [_lab(ports[1], look, cloud)])
            if check:
                raise SystemExit(1 if wrong else 0)
            house.start(_warm())
            _welcome(ports[0], look)
            _watch(house)
        except KeyboardInterrupt:
            click.echo("\nStopping.")
    click.echo("Stopped: nothing is left running.")


def _ports(*wanted: int) -> list[int]:
    taken: set[int] = set()
    given = []
    for port in wanted:
        free = free_port(port, taken)
        if free != port:
            click.echo(f"Port {port} is taken: using {free}.")
        given.append(free)
    return given


def _open(house: House, services: list[Service]) -> list[str]:
    """Start all, then ask each; return the names of those that do not work."""
    wrong = []
    for service in services:
        if service.command:
            house.start(service)
    for service in services:
        problem = house.wait(service) if service.command else service.absent
        if problem:
            wrong.append(service.name)
            house.forget(service.name)
            click.echo(f"  {service.name:6} does not work: {problem}", err=True)
        else:
            click.echo(f"  {service.name:6} {service.address}")
    return wrong


def _watch(house: House) -> None:
    """Wait for Ctrl-C; say it when a service ends before."""
    while house.running:
        for name in list(house.running):
            ended = house.ended(name)
            if ended:
                click.echo(f"{name}: {ended}", err=True)
                house.forget(name)
        time.sleep(0.5)


def _welcome(port: int, look: bool) -> None:
    first = _first_lab()
    if first:
        click.echo(f"\nNext, in another terminal:  ./ladder start {first}")
    click.echo("Ctrl-C stops everything.")
    if look:
        webbrowser.open(f"http://127.0.0.1:{port}/")


def _first_lab() -> str:
    """Return the first lab of the course that is not on the desk yet."""
    course = tomllib.loads((ROOT / "labs" / "course.toml").read_text())
    for stage in course.get("stage", []):
        for rung in stage.get("rung", []):
            for lab in rung.get("labs", []):
                if not any(DESK.glob(f"**/{lab}")):
                    return str(lab)
    return ""


# ---------------------------------------------------------------- the three


def _site(port: int) -> Service:
    address = f"http://127.0.0.1:{port}/"
    home = SITE / "index.html"

    def probe() -> str:
        status, body = _get(address)
        same = home.exists() and body == home.read_bytes()
        return "" if status == 200 and same else f"{address} answered {status or 'nothing'}"

    server = [sys.executable, "-I", "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    return Service("site", address, [*server, "--directory", str(SITE)], probe, ROOT)


def _lab(port: int, look: bool, cloud: dict[str, str]) -> Service:
    token = secrets.token_urlsafe(24)
    address = f"http://127.0.0.1:{port}/lab?token={token}"

    def probe() -> str:
        """The page opens with the token, the desk is what it shows, and strangers stay out."""
        status, page = _get(address)
        if status != 200 or b"jupyter-config-data" not in page:
            return f"JupyterLab answered {status or 'nothing'}"
        status, listing = _get(f"http://127.0.0.1:{port}/api/contents?token={token}")
        if status != 200 or json.loads(listing).get("type") != "directory":
            return f"its list of files answered {status}"
        stranger, _ = _get(f"http://127.0.0.1:{port}/api/contents")
        return "" if stranger == 403 else "it lets in who has no token"

    command = [str(BIN / "jupyter-lab"), f"--ServerApp.port={port}", "--ServerApp.ip=127.0.0.1"]
    command += [f"--ServerApp.root_dir={DESK}"]
    command += ["--no-browser"] * (not look) + ["--allow-root"] * (os.geteuid() == 0)
    env = {
        **cloud,
        "JUPYTER_TOKEN": token,  # not on the command line, which every user of a machine can read
        "JUPYTER_CONFIG_PATH": str(Path(__file__).parent / "jupyter"),
        "JUPYTER_PLATFORM_DIRS": "1",
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }
    return Service("lab", address, command, probe, DESK, env)


def _cloud(port: int) -> Service:
    address = f"http://127.0.0.1:{port}"
    if not entry_points(group="ladder.commands", name="cloud"):
        return Service("cloud", address, [], lambda: "", ROOT, absent="this edition has none")
    ladder = str(BIN / "ladder")
    code, said = _ask(ladder, "cloud", "env", "--json")
    if code == 0:  # `ladder cloud up` was typed before: it is used and, at the end, left alone
        running = json.loads(said)["AWS_ENDPOINT_URL"]
        code, said = _ask(ladder, "cloud", "status")
        return Service("cloud", running, [], lambda: "", ROOT, absent=said if code else "")

    def probe() -> str:
        if not _get(address)[0]:
            return "nothing listens yet"
        code, said = _ask(ladder, "cloud", "status")
        return said if code else ""

    command = [ladder, "cloud", "up", "--foreground", "--port", str(port)]
    return Service("cloud", address, command, probe, ROOT)


def _warm() -> Service:
    """Keep imports warm for `ladder check`; it works without, so nobody waits for it."""
    return Service("warm", "", [sys.executable, "-m", "autograder.warm"], lambda: "", ROOT)


def _cloud_variables() -> dict[str, str]:
    """Return the standard variables with which notebooks reach the cloud."""
    code, said = _ask(str(BIN / "ladder"), "cloud", "env", "--json")
    return {} if code else {str(name): str(value) for name, value in json.loads(said).items()}


def _ask(*command: str) -> tuple[int, str]:
    """Run a command to its end; return its exit code and what it said."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout + done.stderr).strip()


def _get(address: str) -> tuple[int, bytes]:
    """Ask for an address; (0, b"") when nothing answers. No proxy: it is this machine."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
    except OSError:
        return 0, b""


# ---------------------------------------------------------------- the site's files


def build_site() -> None:
    """Build the site when something that it shows has changed since."""
    stamp, now = STATE / "site.stamp", _site_state()
    if SITE.exists() and stamp.exists() and stamp.read_text() == now:
        return
    click.echo("Building the course site.")
    fresh = STATE / "site.new"
    command = [str(BIN / "mkdocs"), "build", "--quiet", "--site-dir", str(fresh)]
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    if built.returncode:
        last = (built.stdout + built.stderr).strip().splitlines()[-1:]
        raise LadderError(
            f"the course site cannot be built: {' '.join(last)}", next="git status docs mkdocs.yml"
        )
    shutil.rmtree(SITE, ignore_errors=True)
    fresh.rename(SITE)
    stamp.write_text(now)


def _site_state() -> str:
    """Return a hash of the names, sizes and times of what the site is made of."""
    sum = hashlib.sha256()
    for path in [ROOT / "mkdocs.yml", *sorted((ROOT / "docs").rglob("*"))]:
        at = path.stat()
        sum.update(f"{path.relative_to(ROOT)} {at.st_size} {at.st_mtime_ns}\n".encode())
    return sum.hexdigest()


# ---------------------------------------------------------------- this process


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Hold the state's folder itself: a lock that no crash can leave behind."""
    folder = os.open(STATE, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise UsageError(
            "./ladder up is running here already", where=str(ROOT), next="stop it with Ctrl-C first"
        ) from None
    finally:
        os.close(folder)


@contextlib.contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Stop as tidily when a terminal is closed or a service manager says so as on Ctrl-C."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signs = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    before = [signal.signal(sign, interrupt) for sign in signs]
    try:
        yield
    finally:
        for sign, handler in zip(signs, before, strict=True):
            signal.signal(sign, handler)


def _has_screen() -> bool:
    return sys.platform == "darwin" or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
