"""A rotation as a loop: look at vault and database, do the one thing that is missing, look again.

No step knows which came before it. Whatever killed the last run, the next look decides.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from database import Credential, Database
from policies import Site


class Rotation:
    def __init__(self, site: Site, token: str) -> None:
        self.vault = boto3.client("secretsmanager")
        self.secret, self.token = site["secret"], token
        self.database = Database(**site["database"])

    def missing(self) -> Callable[[], Any] | None:
        """The next thing to do; nothing when all is done."""
        labels = self.labels()
        if self.token not in labels.values() and not self.exists():
            return self.store
        if self.token not in (labels.get("AWSPENDING"), labels["AWSCURRENT"]):
            return None  # a newer rotation has been here
        if not self.database.accepts(self.value(VersionId=self.token)):
            return self.change
        if labels["AWSCURRENT"] != self.token:
            return lambda: self.promote(labels["AWSCURRENT"])
        if "AWSPREVIOUS" in labels and self.database.accepts(
            self.value(VersionStage="AWSPREVIOUS")
        ):
            return self.forget
        return None

    def labels(self) -> dict[str, str]:
        """Which version carries each label."""
        stages = self.vault.describe_secret(SecretId=self.secret)["VersionIdsToStages"]
        return {label: version for version, carried in stages.items() for label in carried}

    def exists(self) -> bool:
        try:
            self.value(VersionId=self.token)
        except self.vault.exceptions.ResourceNotFoundException:
            return False
        return True

    def value(self, **which: str) -> Credential:
        answer = self.vault.get_secret_value(SecretId=self.secret, **which)
        return json.loads(answer["SecretString"])

    def store(self) -> None:
        drawn = self.vault.get_random_password(PasswordLength=40, ExcludePunctuation=True)
        fresh = self.value(VersionStage="AWSCURRENT") | {"password": drawn["RandomPassword"]}
        self.vault.put_secret_value(
            SecretId=self.secret,
            ClientRequestToken=self.token,
            SecretString=json.dumps(fresh),
            VersionStages=["AWSPENDING"],
        )

    def change(self) -> None:
        fresh = self.value(VersionId=self.token)
        self.database.change(self.value(VersionStage="AWSCURRENT"), fresh["password"])

    def promote(self, holder: str) -> None:
        self.vault.update_secret_version_stage(
            SecretId=self.secret,
            VersionStage="AWSCURRENT",
            MoveToVersionId=self.token,
            RemoveFromVersionId=holder,
        )

    def forget(self) -> None:
        self.database.forget_old(self.value(VersionId=self.token))


def rotate(site: Site, token: str) -> None:
    rotation = Rotation(site, token)
    while act := rotation.missing():
        act()


if __name__ == "__main__":
    rotate(json.loads(Path(sys.argv[1]).read_text()), sys.argv[2])
