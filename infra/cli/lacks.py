"""`ladder cloud lacks`: what the cloud at which a shell works has not, of what a lab asks for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from infra.cli.problems import UsedWrongly

if TYPE_CHECKING:
    from infra.cloud.desk import Folder

NAMES = {"localstack": "LocalStack in host mode", "aws": "a real account"}


@click.command()
@click.argument("capabilities", nargs=-1, metavar="[CAPABILITY]...")
@click.pass_obj
def lacks(folder: Folder, capabilities: tuple[str, ...]) -> None:
    """Say which capabilities (aws:s3 ...) your cloud has not; silent when it has all."""
    from infra.cloud.capabilities import missing

    try:
        absent = missing(capabilities, here(folder))
    except ValueError as error:
        raise UsedWrongly(str(error)) from None
    if absent:
        click.echo(
            f"Your cloud is {NAMES.get(here(folder), here(folder))}, which does not have "
            f"{', '.join(absent)}. What you try there will show you less; checks run on clouds of "
            "their own.\n  -> for the whole of it: ./ladder cloud up, then "
            'eval "$(./ladder cloud env)"', err=True,
        )  # fmt: skip


def here(folder: Folder) -> str:
    """Return the target to which this shell is led, or the one that is up; embedded otherwise."""
    from infra.cli import localstack
    from infra.deploy import PROFILE

    if os.environ.get("AWS_PROFILE") == PROFILE:
        return "aws"
    running = localstack.folder(folder).running()
    led = os.environ.get("AWS_ENDPOINT_URL")
    if running is None or (led and led != running.http):
        return "embedded"
    return "localstack" if led or folder.running() is None else "embedded"
