"""`ladder cloud`: the embedded cloud on your desk. Parses and prints; `infra.cloud.desk` works."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from infra.cloud.desk import DeskError, Folder, Running

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / "work" / ".state" / "cloud"
PATIENCE = 120.0


class Problem(click.ClickException):
    """What happened, and what to type next: our fault."""

    exit_code = 3

    def __init__(self, what: str, then: str = "") -> None:
        super().__init__(what + (f"\n  -> {then}" if then else ""))


class NotUp(Problem):
    """There is no cloud yet."""

    exit_code = 1


class UsedWrongly(Problem):
    """What was asked for cannot be."""

    exit_code = 2


def problem(error: DeskError) -> Problem:
    """Return the desk's error as click knows errors."""
    kind = UsedWrongly if error.code == 2 else Problem
    return kind(str(error), error.then)


@click.group()
@click.option(
    "--state", type=click.Path(path_type=Path), default=STATE, hidden=True,
    help="Folder of the cloud's state.",
)
@click.pass_context
def cloud(context: click.Context, state: Path) -> None:
    """The embedded cloud: S3, IAM, STS, KMS, Secrets Manager; loopback only, no account."""
    from infra.cloud.desk import Folder

    context.obj = Folder(state)


@cloud.command()
@click.option("--port", default=4566, show_default=True, help="Port for http.")
@click.option("--foreground", is_flag=True, help="Stay until Ctrl-C; take no other port.")
@click.pass_obj
def up(folder: Folder, port: int, foreground: bool) -> None:
    """Start the cloud, or say where it already runs."""
    from infra.cloud.desk import DeskError, serve

    try:
        if foreground:
            serve(folder, port, exact=True, ready=lambda state: _tell(state, port))
            return
        running = folder.running()
        if running is not None:
            _check(folder, running)
            click.echo(f"The cloud is already up at {running.http}.")
            return
        _tell(_start(folder, port), port)
    except DeskError as error:
        raise problem(error) from None


def _tell(state: Running, wanted: int) -> None:
    port = int(state.http.rpartition(":")[2])
    if port != wanted:
        click.echo(f"Port {wanted} is taken: the cloud uses {port}.")
    click.echo(f"cloud     {state.http}   {state.https}   metadata {state.metadata}")
    click.echo('next      eval "$(ladder cloud env)"')


def _start(folder: Folder, port: int) -> Running:
    """Start the background process and wait for its one line."""
    from infra.cloud.desk import DeskError, Running

    folder.path.mkdir(parents=True, exist_ok=True)
    with (folder.path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "infra.cloud.desk", str(folder.path.resolve()), str(port)],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
            start_new_session=True, text=True,
        )
    assert process.stdout is not None
    with process.stdout as output:
        line = output.readline()
    # It is nobody's child from here on: it ends by `down`, not with this command.
    process.returncode = 0
    said = json.loads(line) if line else {}
    if "pid" in said:
        return Running(**said)
    if "error" in said:
        raise DeskError(said["error"], said["then"], said["code"])
    raise DeskError(f"the cloud did not start; see {folder.path / 'log'}", "ladder cloud up")


@cloud.command()
@click.pass_obj
def down(folder: Folder) -> None:
    """Stop the cloud; what it held is gone."""
    pid = folder.holder()
    if not pid:
        click.echo("No cloud is up.")
        return
    for number, seconds in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        if _until(lambda: not folder.holder(), seconds):
            click.echo("The cloud is down.")
            return
    raise Problem(f"process {pid} does not end", f"kill -9 {pid}")


@cloud.command()
@click.pass_obj
def status(folder: Folder) -> None:
    """Say where the cloud answers, after a real call with your keys."""
    running = _running(folder)
    _check(folder, running)
    click.echo(f"up        {running.http}   {running.https}   metadata {running.metadata}")
    click.echo(f"identity  user/desk, region {running.region}, CA {folder.ca}")


@cloud.command()
@click.pass_obj
def reset(folder: Folder) -> None:
    """Empty the cloud; addresses and keys stay."""
    before = _running(folder)
    os.kill(before.pid, signal.SIGHUP)

    def renewed() -> bool:
        now = folder.running()
        return now is not None and now.generation > before.generation

    if not _until(renewed, PATIENCE):
        raise Problem("the cloud did not start again", "ladder cloud down, then ladder cloud up")
    _check(folder, _running(folder))
    click.echo("The cloud is empty; addresses and keys are as before.")


@cloud.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON in place of shell lines.")
@click.option("--https", is_flag=True, help="Use TLS with the course CA.")
@click.pass_obj
def env(folder: Folder, as_json: bool, https: bool) -> None:
    """Print the variables that lead SDKs to the cloud."""
    from infra.cloud.desk import environment

    found = environment(folder, _running(folder), https=https)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for name, value in found.items():
        click.echo(f"export {name}={shlex.quote(value)}")
    if not https:
        # A CA bundle left from before breaks plain HTTP clients of an emulator.
        click.echo("unset AWS_CA_BUNDLE")
    click.echo("unset AWS_SESSION_TOKEN AWS_PROFILE")


@cloud.command()
@click.pass_obj
def doctor(folder: Folder) -> None:
    """Try every service with real calls."""
    from infra.cloud.doctor import examine

    sick = 0
    for finding in examine(folder, _running(folder)):
        sick += bool(finding.wrong)
        click.echo(f"{'FAIL' if finding.wrong else 'ok':5}{finding.service:16}{finding.did}")
        if finding.wrong:
            click.echo(f"     {finding.wrong}")
    if sick:
        raise Problem(f"{sick} probes failed", "ladder cloud reset")


def _running(folder: Folder) -> Running:
    found = folder.running()
    if found is None:
        raise NotUp("No cloud is up.", "ladder cloud up")
    return found


def _check(folder: Folder, running: Running) -> None:
    from infra.cloud.desk import DeskError, works

    try:
        works(folder, running)
    except DeskError as error:
        raise problem(error) from None


def _until(holds: Callable[[], bool], seconds: float) -> bool:
    """Ask twenty times a second until it holds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.05)
    return False
