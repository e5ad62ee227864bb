"""A run: one playground from `up` to `down`, its names and its tag. Written before it is made.

Limit: holds names and numbers, no credentials.
"""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import asdict, dataclass

from infra.cloud.desk import DeskError, Folder
from infra.deploy.account import Caller

TAG = "cloud-ai-ladder"
FILE = "run.json"


@dataclass(frozen=True)
class Run:
    """One playground. `limit` is its budget in dollars a month, `started` in seconds since 1970."""

    id: str
    account: str
    region: str
    profile: str
    endpoint: str
    limit: str
    mail: str
    started: float

    @property
    def prefix(self) -> str:
        """How every name of this run begins."""
        return f"ladder-{self.id}"

    @property
    def path(self) -> str:
        """The IAM path of what `up` makes."""
        return f"/{TAG}/{self.id}/"

    @property
    def bucket(self) -> str:
        """The bucket that `up` makes."""
        return f"{self.prefix}-training"

    @property
    def role(self) -> str:
        """The name of the role that the desk puts on."""
        return f"{self.prefix}-desk"

    @property
    def role_arn(self) -> str:
        """The ARN of that role."""
        return f"arn:aws:iam::{self.account}:role{self.path}{self.role}"

    @property
    def tags(self) -> list[dict[str, str]]:
        """The tag of every resource, as most services take it."""
        return [{"Key": TAG, "Value": self.id}]


def read(folder: Folder) -> Run | None:
    """Return the run of this desk, or None."""
    try:
        return Run(**folder.read(FILE))
    except TypeError:
        return None


def draft(caller: Caller, limit: str, mail: str) -> Run:
    """Return a new run, which nobody has written down."""
    return Run(
        secrets.token_hex(4), caller.account, caller.region, caller.profile, caller.endpoint,
        limit, mail, time.time(),
    )  # fmt: skip


def keep(folder: Folder, run: Run) -> None:
    """Write a run down: whatever is killed from here on, `down` knows what to look for."""
    folder.write(FILE, json.dumps(asdict(run)))


def same(run: Run, caller: Caller) -> None:
    """Raise DeskError unless the caller is in the run's account and region."""
    if (run.account, run.region) != (caller.account, caller.region):
        raise DeskError(
            f"the run {run.id} is in account {run.account}, {run.region}; this is "
            f"{caller.account}, {caller.region}",
            f"--profile {run.profile} --region {run.region}", code=2,
        )  # fmt: skip


def forget(folder: Folder) -> None:
    """Remove what the desk knows of its run."""
    for name in (FILE, "config"):
        (folder.path / name).unlink(missing_ok=True)
