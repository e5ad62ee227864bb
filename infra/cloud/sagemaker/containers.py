"""A container of an image: its folders below /opt/ml, its environment, its role's credentials.

The role's credentials are in the environment, valid for twelve hours. Limit: memory goes by the
kind of machine, CPU and disks do not.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.cloud.broker import Broker, Folder, Program, Running
from infra.cloud.errors import AwsError
from infra.cloud.inside import Inside
from infra.cloud.sagemaker.images import PROGRAM, TOOLKIT, Image

ML = "/opt/ml"
_HOURS = 12
_SYSTEM = "/usr/local/bin:/usr/bin:/bin"
# MiB of memory by size, for the families whose sizes have the same share of CPU and memory.
_SIZES = {"medium": 4, "large": 8, "xlarge": 16, "2xlarge": 32, "4xlarge": 64}
_SHARES = {"c": 0.5, "r": 2.0}


def memory(kind: str) -> int:
    """Return a machine's memory in MiB, as near as its name tells."""
    _, family, size = [*kind.split("."), "", ""][:3]
    share = _SHARES.get(family[:1], 1.0)
    return int(_SIZES.get(size, 128) * share * 1024)


def broker(inside: Inside, what: str) -> Broker:
    """Return what runs programs here; a cloud that runs none says so."""
    if inside.broker is None:
        raise AwsError(
            "NotImplemented",
            f"This cloud runs no programs, so SageMaker's {what} has nothing to run on.", 501,
        )
    found: Broker = inside.broker
    return found


@dataclass
class Container:
    """One container: a folder of its own that is /opt/ml inside, and the program when it runs."""

    inside: Inside
    image: Image
    role: str
    kind: str
    folder: str = ""
    running: Running | None = None
    port: int = 0

    def __post_init__(self) -> None:
        self.broker = broker(self.inside, "containers")
        self.folder = tempfile.mkdtemp(prefix="ml-", dir=self.broker.folder or None)

    def make(self, *paths: str) -> None:
        """Make folders below /opt/ml."""
        for path in paths:
            os.makedirs(self.path(path), exist_ok=True)

    def path(self, *parts: str) -> str:
        """Return where a path below /opt/ml lies on this machine."""
        return os.path.join(self.folder, *parts)

    def sees(self, *parts: str) -> str:
        """Return where the program sees a path below /opt/ml."""
        return "/".join([self.broker.place(ML, self.folder), *parts])

    def write(self, path: str, data: Any) -> None:
        """Write a JSON file below /opt/ml."""
        Path(self.path(path)).write_text(json.dumps(data))

    def start(
        self, argv: Sequence[str], env: Mapping[str, str], cpu_seconds: float, port: int = 0
    ) -> Running:
        """Start the container's program."""
        folders = self.image.folders() | {ML: Folder(self.folder, writable=True)}
        place = {inside: self.broker.place(inside, one.path) for inside, one in folders.items()}
        system = f"{os.path.dirname(sys.executable)}:{_SYSTEM}"
        path = self.image.path_variable(place[PROGRAM], place[TOOLKIT], system)
        self.port = port
        self.running = self.broker.start(Program(
            argv, {**self._credentials(), "PATH": path, "PYTHONUNBUFFERED": "1", **env}, folders,
            cpu_seconds, memory(self.kind), port or None, place[PROGRAM], self.image.shown(),
        ))
        return self.running

    def _credentials(self) -> dict[str, str]:
        with self.inside.door.lock:
            made = self.inside.session(self.role, "SageMaker", _HOURS * 3600)
        return {
            "AWS_ACCESS_KEY_ID": made["key_id"], "AWS_SECRET_ACCESS_KEY": made["secret"],
            "AWS_SESSION_TOKEN": made["token"], "AWS_REGION": self.inside.region,
            "AWS_DEFAULT_REGION": self.inside.region,
        }

    def close(self) -> None:
        """End the program and remove the folder."""
        if self.running is not None:
            self.running.close()
        shutil.rmtree(self.folder, ignore_errors=True)
