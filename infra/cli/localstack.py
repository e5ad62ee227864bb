"""`ladder cloud … --on localstack`: parses and prints; `infra.cloud.localstack` works."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infra.cli import background, rails, shell
from infra.cli.problems import NotUp, Problem, UsedWrongly
from infra.cloud.desk import Folder, Running

if TYPE_CHECKING:
    from infra.cloud.capabilities import Clients

ON = "--on localstack"
PATIENCE = 200.0


def venv() -> Path:
    """Return where LocalStack's environment is, or will be."""
    return background.ROOT / "work" / ".state" / "localstack" / "venv"


def folder(state: Folder) -> Folder:
    """Return the folder of LocalStack's state, beside that of the embedded cloud."""
    return Folder(state.path / "localstack")


def up(state: Folder, *, port: int, foreground: bool, **asked: Any) -> None:
    """Install LocalStack if need be, and start it."""
    from infra.cloud.localstack import server

    rails.none("localstack", asked)
    here = folder(state)
    running = here.running()
    if running is not None and not foreground:
        server.works(running)
        click.echo(f"LocalStack is already up at {running.http}.")
        return
    _install()
    if foreground:
        server.serve(here, venv(), port, exact=True, ready=lambda found: _tell(found, port))
    else:
        words = [str(here.path.resolve()), str(venv()), str(port)]
        again = f"./ladder cloud up {ON}"
        _tell(background.start(here, "infra.cloud.localstack.server", words, again), port)


def _install() -> None:
    from infra.cloud.localstack import ENVIRONMENT
    from infra.cloud.locked import EnvironmentFault

    try:
        ENVIRONMENT.install(venv(), click.echo)
    except EnvironmentFault as fault:
        raise Problem(str(fault), fault.then) from None


def _tell(running: Running, wanted: int) -> None:
    from infra.cloud.capabilities import table

    port = int(running.http.rpartition(":")[2])
    if port != wanted:
        click.echo(f"Port {wanted} is taken: LocalStack uses {port}.")
    lacks = [name for name, targets in table().items() if "localstack" not in targets]
    click.echo(f"cloud     LocalStack in host mode, {running.http}")
    click.echo(f"not here  {', '.join(lacks)}")
    click.echo(f'next      eval "$(./ladder cloud env {ON})"')


def down(state: Folder, **asked: Any) -> None:
    """Stop it; what it held and wrote is gone."""
    from infra.cloud.localstack import server

    rails.none("localstack", asked)
    here = folder(state)
    pid = here.holder()
    if pid and not background.end(here, pid):
        raise Problem(f"process {pid} does not end", f"kill -9 {pid}")
    server.sweep(here)
    click.echo("LocalStack is down." if pid else "No LocalStack is up.")


def status(state: Folder) -> None:
    """Say where it answers, after real calls."""
    from infra.cloud.localstack import VERSION, server

    found = running(state)
    server.works(found)
    click.echo(f"up        LocalStack {VERSION}, {found.http}")
    click.echo(f"identity  any key, account 000000000000, region {found.region}")


def reset(state: Folder) -> None:
    """Start it anew, empty; its address stays."""
    before = running(state)
    os.kill(before.pid, signal.SIGHUP)

    def renewed() -> bool:
        now = folder(state).running()
        return now is not None and now.generation > before.generation

    if not background.until(renewed, PATIENCE):
        raise Problem("LocalStack did not start again", f"./ladder cloud down {ON}")
    click.echo("LocalStack is empty; its address is as before.")


def env(state: Folder, *, as_json: bool, https: bool) -> None:
    """Print the variables that lead SDKs there."""
    from infra.cloud.localstack import KEYS

    found = running(state)
    if https:
        raise UsedWrongly(
            "LocalStack's certificate is signed by nobody here",
            "./ladder cloud env --on localstack",
        )
    there = {
        "AWS_ENDPOINT_URL": found.http, "AWS_ACCESS_KEY_ID": KEYS[0],
        "AWS_SECRET_ACCESS_KEY": KEYS[1], "AWS_REGION": found.region,
        "AWS_DEFAULT_REGION": found.region, "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip
    shell.export(there, as_json, ["AWS_CA_BUNDLE AWS_SESSION_TOKEN AWS_PROFILE"])


def doctor(state: Folder) -> None:
    """Try what LocalStack has by real calls, then say what its image would need."""
    from infra.cloud.capabilities import probe, table
    from infra.cloud.localstack import image

    reach, sick = clients(running(state)), 0
    for name, targets in table().items():
        here = "localstack" in targets
        wrong = probe(name, reach) if here else ""
        sick += bool(wrong)
        click.echo(f"{'FAIL' if wrong else 'ok' if here else '--':5}{name:28}{wrong}".rstrip())
    looked = image.report()
    for what, found, wanting in looked:
        click.echo(f"image {what:16}{found or wanting}")
    click.echo(image.advice(looked))
    if sick:
        raise Problem(f"{sick} probes failed", f"./ladder cloud reset {ON}")


def clients(found: Running, patience: float = 60.0) -> Clients:
    """Return a maker of boto3 clients of it; `patience`: seconds until an answer is given up."""
    from infra.cloud.clients import client
    from infra.cloud.localstack import KEYS

    def make(service: str, key_id: str = "", secret: str = "") -> Any:
        keys = (key_id or KEYS[0], secret or KEYS[1], "")
        return client(service, found.http, *keys, found.region, read_timeout=patience)

    return make


def running(state: Folder) -> Running:
    """Return the LocalStack that runs. Raises NotUp."""
    found = folder(state).running()
    if found is None:
        raise NotUp("No LocalStack is up.", f"./ladder cloud up {ON}")
    return found

