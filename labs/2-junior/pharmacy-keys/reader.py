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
        # TODO: what does a reader keep between two reads?
        raise NotImplementedError

    def read(self, number: str) -> dict[str, Any]:
        """The prescription with this number."""
        # TODO: read with the credential at hand, and know when it has had its day
        raise NotImplementedError
