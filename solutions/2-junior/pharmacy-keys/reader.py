"""The depot's screen: reads prescriptions from the database with the secret of the day.

Holds a credential in memory for as long as it works. Writes nothing anywhere.
"""

from __future__ import annotations

import json
from typing import Any

import boto3
from database import Credential, Database, Refused
from policies import Site


class Reader:
    """Reads prescriptions, also while the password changes under it."""

    def __init__(self, site: Site) -> None:
        self.database = Database(**site["database"])
        self.secret: str = site["secret"]
        ### BEGIN SOLUTION: what does a reader keep between two reads?
        self.vault = boto3.client("secretsmanager")
        self.credential = self.fetch()
        ### END SOLUTION

    def read(self, number: str) -> dict[str, Any]:
        """The prescription with this number."""
        ### BEGIN SOLUTION: read with the credential at hand, and know when it has had its day
        try:
            return self.database.read(self.credential, number)
        except Refused:
            self.credential = self.fetch()
            return self.database.read(self.credential, number)

    def fetch(self) -> Credential:
        """The credential that is AWSCURRENT at this moment."""
        answer = self.vault.get_secret_value(SecretId=self.secret)
        return json.loads(answer["SecretString"])

    ### END SOLUTION
