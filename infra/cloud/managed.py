"""AWS's own managed policies, brought into the engine when a call first names one.

Limit: as of the engine's release. All 1,500 at once would cost every cloud 40 MB and a second.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from typing import Any

from infra.cloud import dispatch

PREFIX = "arn:aws:iam::aws:policy/"


@cache
def _data() -> dict[str, Any]:
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    found: dict[str, Any] = json.loads(aws_managed_policies_data)
    return found


def know(values: Iterable[Any]) -> None:
    """Make the policies known whose ARNs are among the values of a call's parameters."""
    for value in values:
        if isinstance(value, str) and value.startswith(PREFIX):
            _add(value.rpartition("/")[2])


def know_all() -> None:
    """Make all of them known, for a call that lists them."""
    for name in _data():
        _add(name)


def _add(name: str) -> None:
    from moto.iam.models import AWSManagedPolicy

    store = dispatch.backend("iam")
    data = _data().get(name)
    if data is None:
        return
    made = AWSManagedPolicy.from_data(name, dispatch.ACCOUNT, store.region_name, data)
    if made.arn not in store.managed_policies:
        store.managed_policies[made.arn] = made
        store.aws_managed_policies.append(made)
