"""The unique ids of what IAM keeps: AIDA... a user, AGPA... a group, as IAM's reference has them.

Roles have theirs (AROA...) from the engine already; their second part tells the account, too.
"""

from __future__ import annotations

from typing import Any

from moto.iam import models as engine
from moto.iam.utils import generate_access_key_id_from_account_id as number

_models: Any = engine


def _begin(kind: Any, prefix: str) -> None:
    """Have each new one of a kind carry an id that begins so."""
    make = kind.__init__

    def made(self: Any, *values: Any, **named: Any) -> None:
        make(self, *values, **named)
        self.id = number(self.account_id, prefix, 21)

    kind.__init__ = made


_begin(_models.User, "AIDA")
_begin(_models.Group, "AGPA")
_begin(_models.InstanceProfile, "AIPA")
_begin(_models.ManagedPolicy, "ANPA")
