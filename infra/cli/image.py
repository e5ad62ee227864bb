"""`ladder cloud image`: which folders SageMaker runs as images. Parses and prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from infra.cli.problems import UsedWrongly

if TYPE_CHECKING:
    from infra.cloud.desk import Folder


@click.group()
def image() -> None:
    """Container images of the emulated SageMaker: folders and Python environments."""


@image.command()
@click.argument("name")
@click.argument("path", metavar="FOLDER", type=click.Path(path_type=Path))
@click.pass_obj
def add(folder: Folder, name: str, path: Path) -> None:
    """Make FOLDER, with an executable `train` or `serve`, or a Python environment, an image."""
    from infra.cloud.sagemaker import shelf

    try:
        what = shelf.add(folder, name, path)
    except ValueError as error:
        raise UsedWrongly(f"{error}.", "./ladder cloud image add NAME FOLDER") from None
    click.echo(f"{name} is {path.resolve()}: {what}.")


@image.command("list")
@click.pass_obj
def names(folder: Folder) -> None:
    """List the images."""
    from infra.cloud.sagemaker import shelf

    found = shelf.images(folder)
    for name, path in sorted(found.items()):
        click.echo(f"{name:24}{path}")
    if not found:
        click.echo("No image yet: ./ladder cloud image add NAME FOLDER")


@image.command()
@click.argument("name")
@click.pass_obj
def remove(folder: Folder, name: str) -> None:
    """Forget an image; its folder stays."""
    from infra.cloud.sagemaker import shelf

    if not shelf.remove(folder, name):
        raise UsedWrongly(f"There is no image {name!r}.", "./ladder cloud image list")
    click.echo(f"{name} is no image any more.")
