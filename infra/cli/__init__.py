"""`ladder cloud`: the embedded cloud on your desk. Parses and prints; `infra.cloud.desk` works."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infra.cli import background, rails, shell
from infra.cli.bill import bill
from infra.cli.faults import faults
from infra.cli.image import image
from infra.cli.lacks import lacks
from infra.cli.problems import NotUp, Problem, UsedWrongly, problem
from infra.cli.scan import scan

if TYPE_CHECKING:
    from infra.cloud.desk import Folder, Running

TARGETS = {"localstack": "infra.cli.localstack", "aws": "infra.cli.account"}  # beside "embedded"
ON = click.option(
    "--on", "target", default="embedded", show_default=True,
    type=click.Choice(["embedded", *TARGETS]), help="Which cloud.",
)
STATE = background.ROOT / "work" / ".state" / "cloud"
PATIENCE = 120.0


def elsewhere(target: str, command: str, folder: Folder, **asked: object) -> None:
    """Have another target than the embedded one do its part of a command."""
    from infra.cloud.desk import DeskError

    try:
        getattr(import_module(TARGETS[target]), command)(folder, **asked)
    except DeskError as error:
        raise problem(error) from None


@click.group()
@click.option(
    "--state", type=click.Path(path_type=Path), default=STATE, hidden=True,
    help="Folder of the cloud's state.",
)
@click.pass_context
def cloud(context: click.Context, state: Path) -> None:
    """The embedded cloud: AWS, beside it Azure and Google Cloud; loopback only, no account."""
    from infra.cloud.desk import Folder

    context.obj = Folder(state)


@cloud.command()
@click.option("--port", default=4566, show_default=True, help="Port for http.")
@click.option("--foreground", is_flag=True, help="Stay until Ctrl-C; take no other port.")
@click.option("--with", "beside", default="", metavar="CLOUDS", help="Beside it: azure,gcp.")
@click.option("--keep", is_flag=True, help="Keep what it holds over restarts.")
@ON
@rails.BEFORE_UP
@click.pass_obj
def up(
    folder: Folder, /, port: int, foreground: bool, beside: str, keep: bool, target: str,
    **asked: Any,
) -> None:
    """Start the cloud, or say where it already runs."""
    if target != "embedded":
        if beside or keep:
            word = "--with" if beside else "--keep"
            raise UsedWrongly(f"{word} goes with the embedded cloud, not with {target}")
        elsewhere(target, "up", folder, port=port, foreground=foreground, **asked)
        return
    rails.none(target, asked)
    from infra.cloud import keeping, neighbours
    from infra.cloud.desk import DeskError, serve

    try:
        others = neighbours.chosen(beside)
        running = None if foreground else folder.running()
        if running is not None:
            _check(folder, running)
            _said_already(running, others)
            if keep and not keeping.chosen(folder):
                again = "./ladder cloud down, then ./ladder cloud up --keep"
                raise UsedWrongly("it was started without --keep", again)
            return
        neighbours.prepare(others, click.echo)
        if keeping.choose(folder, keep):
            click.echo("What was kept stays where it is: ./ladder cloud up --keep takes it up.")
        if foreground:
            tell = partial(_tell, wanted=port)
            serve(folder, port, exact=True, ready=tell, beside=others)
            return
        words = [str(folder.path.resolve()), str(port), *others]
        _tell(background.start(folder, "infra.cloud.desk", words, "./ladder cloud up"), port)
    except DeskError as error:
        raise problem(error) from None


def _said_already(running: Running, others: Sequence[str]) -> None:
    click.echo(f"The cloud is already up at {running.http}.")
    missing = [name for name in others if name not in running.beside]
    if missing:
        raise UsedWrongly(
            f"it was started without {' and '.join(missing)}",
            f"./ladder cloud down, then ./ladder cloud up --with {','.join(others)}",
        )


def _tell(state: Running, wanted: int) -> None:
    port = int(state.http.rpartition(":")[2])
    if port != wanted:
        click.echo(f"Port {wanted} is taken: the cloud uses {port}.")
    click.echo(f"cloud     {state.http}   {state.https}   metadata {state.metadata}")
    _tell_beside(state)
    click.echo('next      eval "$(./ladder cloud env)"')


def _tell_beside(state: Running) -> None:
    for name, services in state.beside.items():
        told = "   ".join(f"{service} {url}" for service, url in services.items())
        click.echo(f"{name:10}{told}")


@cloud.command()
@ON
@rails.BEFORE_DOWN
@click.pass_obj
def down(folder: Folder, /, target: str, **asked: Any) -> None:
    """Stop the cloud; what it held is gone, unless it was started with --keep."""
    if target != "embedded":
        elsewhere(target, "down", folder, **asked)
        return
    rails.none(target, asked)
    pid = folder.holder()
    if not pid:
        click.echo("No cloud is up.")
        return
    if not background.end(folder, pid):
        raise Problem(f"process {pid} does not end", f"kill -9 {pid}")
    click.echo("The cloud is down.")


@cloud.command()
@ON
@click.pass_obj
def status(folder: Folder, target: str) -> None:
    """Say where the cloud answers, after a real call with your keys."""
    if target != "embedded":
        elsewhere(target, "status", folder)
        return
    running = _running(folder)
    _check(folder, running)
    click.echo(f"up        {running.http}   {running.https}   metadata {running.metadata}")
    _tell_beside(running)
    click.echo(f"identity  user/desk, region {running.region}, CA {folder.ca}")


@cloud.command()
@ON
@click.pass_obj
def reset(folder: Folder, target: str) -> None:
    """Empty the cloud; addresses and keys stay."""
    if target != "embedded":
        elsewhere(target, "reset", folder)
        return
    before = _running(folder)
    os.kill(before.pid, signal.SIGHUP)

    def renewed() -> bool:
        now = folder.running()
        return now is not None and now.generation > before.generation

    if not background.until(renewed, PATIENCE):
        raise Problem(
            "the cloud did not start again", "./ladder cloud down, then ./ladder cloud up"
        )
    _check(folder, _running(folder))
    click.echo("The cloud is empty; addresses and keys are as before.")


@cloud.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON in place of shell lines.")
@click.option("--https", is_flag=True, help="Use TLS with the course CA.")
@ON
@click.pass_obj
def env(folder: Folder, as_json: bool, https: bool, target: str) -> None:
    """Print the variables that lead SDKs to the cloud."""
    if target != "embedded":
        elsewhere(target, "env", folder, as_json=as_json, https=https)
        return
    from infra.cloud import faultdesk
    from infra.cloud.desk import environment

    found = environment(folder, _running(folder), https=https)
    found |= {} if https else faultdesk.variables(folder)
    # A CA bundle left from before breaks plain HTTP clients of an emulator; an emulator's host
    # makes Google's clients send no credentials.
    clear = ["AWS_SESSION_TOKEN AWS_PROFILE", *([] if https else ["AWS_CA_BUNDLE"])]
    clear += ["STORAGE_EMULATOR_HOST"] if "API_ENDPOINT_OVERRIDE" in found else []
    shell.export(found, as_json, clear)


@cloud.command()
@ON
@click.pass_obj
def doctor(folder: Folder, target: str) -> None:
    """Try every service with real calls."""
    if target != "embedded":
        elsewhere(target, "doctor", folder)
        return
    from infra.cloud.doctor import examine

    sick = 0
    for finding in examine(folder, _running(folder)):
        sick += bool(finding.wrong)
        click.echo(f"{'FAIL' if finding.wrong else 'ok':5}{finding.service:25}{finding.did}")
        if finding.wrong:
            click.echo(f"     {finding.wrong}")
    if sick:
        raise Problem(f"{sick} probes failed", "./ladder cloud reset")


@cloud.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def names(folder: Folder, file: Path) -> None:
    """Print a lab's file (site.json) with names of your playground on aws."""
    elsewhere("aws", "names", folder, path=file)


def _running(folder: Folder) -> Running:
    found = folder.running()
    if found is None:
        raise NotUp("No cloud is up.", "./ladder cloud up")
    return found


def _check(folder: Folder, running: Running) -> None:
    from infra.cloud.desk import DeskError, works

    try:
        works(folder, running)
    except DeskError as error:
        raise problem(error) from None


cloud.add_command(faults)
cloud.add_command(bill)
cloud.add_command(image)
cloud.add_command(lacks)
cloud.add_command(scan)
