"""Variables, printed as a shell or a program reads them. Knows no cloud."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence

import click


def export(found: Mapping[str, str], as_json: bool, clear: Sequence[str]) -> None:
    """Print the variables, and the ones that would get in their way."""
    if as_json:
        click.echo(json.dumps(dict(found), indent=2))
        return
    for name, value in found.items():
        click.echo(f"export {name}={shlex.quote(value)}")
    for name in clear:
        click.echo(f"unset {name}")
