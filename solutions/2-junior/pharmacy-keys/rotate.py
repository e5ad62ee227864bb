"""Give the database a new password: the four steps of Secrets Manager, each safe to repeat.

    python rotate.py site.json TOKEN

TOKEN names one rotation and becomes the id of the secret's new version. Killed at any moment and
started again with the same token, it carries on; overtaken by a newer one, it does nothing. One
rotation of a secret at a time.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from database import Credential, Database
from policies import Site


def rotate(site: Site, token: str) -> None:
    """Carry the rotation called `token` to its end, wherever it stands."""
    ### BEGIN SOLUTION: the four steps, each of which may have happened already
    rotation = Rotation(site["secret"], token, Database(**site["database"]))
    if rotation.is_past():
        return
    rotation.create_secret()
    rotation.set_secret()
    rotation.test_secret()
    rotation.finish_secret()


@dataclass
class Rotation:
    """One rotation. Remembers nothing: vault and database know how far it has come."""

    secret: str
    token: str
    database: Database
    vault: Any = field(default_factory=lambda: boto3.client("secretsmanager"))

    def is_past(self) -> bool:
        """Has a newer rotation taken both labels away? Then a late retry has nothing to do."""
        labels = self.versions().get(self.token, ["AWSPENDING"])
        return not {"AWSPENDING", "AWSCURRENT"} & set(labels)

    def create_secret(self) -> None:
        """Have a next credential, stored as AWSPENDING before anything else learns of it."""
        if self.token in self.versions():
            return
        password = self.vault.get_random_password(PasswordLength=32, ExcludePunctuation=True)
        pending = self.current() | {"password": password["RandomPassword"]}
        self.vault.put_secret_value(
            SecretId=self.secret,
            ClientRequestToken=self.token,
            SecretString=json.dumps(pending),
            VersionStages=["AWSPENDING"],
        )

    def set_secret(self) -> None:
        """Have the database accept it beside the present one."""
        pending = self.pending()
        if not self.database.accepts(pending):  # a second change would push out the present one
            self.database.change(self.current(), pending["password"])

    def test_secret(self) -> None:
        """Go no further with a credential that does not work."""
        if not self.database.accepts(self.pending()):
            raise RuntimeError("the database refuses the pending credential")

    def finish_secret(self) -> None:
        """Make it everybody's, and only then take the old one away."""
        holder = next(v for v, stages in self.versions().items() if "AWSCURRENT" in stages)
        if holder != self.token:
            self.vault.update_secret_version_stage(
                SecretId=self.secret,
                VersionStage="AWSCURRENT",
                MoveToVersionId=self.token,
                RemoveFromVersionId=holder,
            )
        self.database.forget_old(self.pending())

    def versions(self) -> dict[str, list[str]]:
        """The secret's versions and the labels that each carries."""
        description = self.vault.describe_secret(SecretId=self.secret)
        return description.get("VersionIdsToStages", {})

    def current(self) -> Credential:
        """What the readers are given now."""
        return self._value(VersionStage="AWSCURRENT")

    def pending(self) -> Credential:
        """What this rotation will give them. Asked for by id: the label may have moved."""
        return self._value(VersionId=self.token)

    def _value(self, **which: str) -> Credential:
        answer = self.vault.get_secret_value(SecretId=self.secret, **which)
        return json.loads(answer["SecretString"])


### END SOLUTION


if __name__ == "__main__":
    rotate(json.loads(Path(sys.argv[1]).read_text()), sys.argv[2])
