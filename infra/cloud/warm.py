"""Loads services of the cloud in a process that will fork clouds, one real call of each.

A fork that may read no file then has what it needs. Limit: starts no thread, opens no socket.
"""

from __future__ import annotations

import gc
from collections.abc import Collection

from infra.cloud import dynamodb, engine, registry, rounds, sns, sqs, surroundings
from infra.cloud.door import Door
from infra.cloud.keys import RootKey


@surroundings.apart()
def services(wanted: Collection[str]) -> None:
    """Ask each wanted service once, mend what is mended, and set the memory aside.

    wanted: boto3's names, of those in `rounds.CALLS`. RuntimeError: one of them does not work.
    """
    from botocore.exceptions import ClientError

    engine.ready()
    for mend in (dynamodb.mend, sqs.mend, sns.mend):
        mend()
    door = Door(RootKey())
    for service, call, arguments in rounds.CALLS:
        if service not in wanted or rounds.signed(service) not in registry.SERVICES:
            continue
        try:
            getattr(door.inside.own_client(service), call)(**arguments)
        except ClientError as error:  # a refusal has been through all of it, too
            if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                raise RuntimeError(f"the engine does not work: {service}: {error}") from None
    gc.collect()
    gc.freeze()
