"""Import this in a process that forks clouds with every service: all engines loaded and warm.

Each service answers one call, by boto3 and through a door, so that a fork that may read no file
has what it needs. Limit: starts no thread, opens no socket; 5.4 CPU-s and 270 MB, once, which all
forks share. `infra.cloud.engine` alone does for whoever needs the five core services only.
"""

from __future__ import annotations

import gc
from functools import cache

from infra.cloud import dynamodb, engine, registry, rounds, sns, sqs
from infra.cloud.door import Door
from infra.cloud.keys import RootKey


@cache
def ready() -> None:
    """Ask every service once, mend what is mended, and set the memory aside."""
    from botocore.exceptions import ClientError

    engine.ready()
    for mend in (dynamodb.mend, sqs.mend, sns.mend):
        mend()
    sns.key()
    door = Door(RootKey())
    for service, call, arguments in rounds.CALLS:
        if rounds.signed(service) not in registry.SERVICES:
            continue
        try:
            getattr(door.inside.own_client(service), call)(**arguments)
        except ClientError as error:  # a refusal has been through all of it, too
            if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                raise RuntimeError(f"the engine does not work: {service}: {error}") from None
    gc.collect()
    gc.freeze()


ready()
