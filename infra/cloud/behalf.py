"""A service that acts with its caller's own rights: what AWS calls forward access sessions.

    s3 = behalf.client(inside, call.caller, "s3")

The calls go through the door like anybody's, logged with by="service" and the caller's principal.
Limit: not while the door's lock is held: act from a thread, or answer `Later`.
"""

from __future__ import annotations

from typing import Any

from infra.cloud.calls import Caller
from infra.cloud.inside import Inside

LONGEST = 12 * 3600


def own_client(
    inside: Inside, caller: Caller, service: str, region: str = "", **config: Any
) -> Any:
    """Return a boto3 client with the caller's own credentials: a session cannot ask IAM."""
    secret, token = inside.door.keys.credentials(caller.key_id)
    return inside._client(service, caller.key_id, secret, token, config, region)


def client(
    inside: Inside, caller: Caller, service: str, region: str = "", **config: Any
) -> Any:
    """Return a boto3 client that may do what the caller may, and no more."""
    if not caller.restricted:
        return inside.own_client(service, region, **config)
    made = inside.door.keys.sessions.open(
        caller.principal, inside.clock.real(), LONGEST, caller.session
    )
    return inside._client(service, made.key_id, made.secret, made.token, config, region)
