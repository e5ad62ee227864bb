"""Whether a desk's cloud keeps its state over restarts, and where. `infra.cloud.snapshot` does it.

Limit: one state for each folder; the clouds beside the embedded one keep nothing.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from infra.cloud.process import CloudError

if TYPE_CHECKING:
    from infra.cloud.desk import Folder
    from infra.cloud.fixtures import Cloud

MARK, FILE = "keep", "kept.bin"
ANEW = "anew"  # in the mark: what was kept is not to be taken up


def chosen(folder: Folder) -> bool:
    """Whether the cloud that is up, or was last, keeps its state."""
    return (folder.path / MARK).exists()


def choose(folder: Folder, keep: bool) -> bool:
    """Let the next cloud keep its state, or not; return whether one lies there unused."""
    if not keep:
        (folder.path / MARK).unlink(missing_ok=True)
    elif not chosen(folder):
        folder.write(MARK, "")
    return not keep and (folder.path / FILE).exists()


def follow(folder: Folder, cloud: Cloud) -> None:
    """Have a cloud take its state up and keep it, if it shall. Raises DeskError."""
    from infra.cloud.desk import DeskError

    if not chosen(folder):
        return
    if (folder.path / MARK).read_text() == ANEW:
        (folder.path / FILE).unlink(missing_ok=True)
        folder.write(MARK, "")
    try:
        cloud.keep(str(folder.path / FILE))
    except CloudError as error:
        raise DeskError(
            f"the state in {folder.path / FILE} cannot be taken up: {error}",
            f"./ladder cloud up without --keep, or move {FILE} away",
        ) from None


def finish(folder: Folder, cloud: Cloud) -> None:
    """Save what has changed last; a cloud that has gone has saved what it could."""
    if chosen(folder) and cloud.alive():
        try:
            cloud.keep(str(folder.path / FILE))
        except CloudError as error:
            print(f"the last changes were not kept: {error}", file=sys.stderr)


def forget(folder: Folder) -> None:
    """Let the next cloud begin anew."""
    if chosen(folder):
        folder.write(MARK, ANEW)
