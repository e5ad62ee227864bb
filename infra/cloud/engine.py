"""Import this once in a process that forks clouds: engine, door and models, loaded and warm.

Limit: starts no thread, opens no socket; 1 CPU-s and 85 MB that all forks share.
"""

from __future__ import annotations

import gc
import time
from functools import cache

from infra.cloud import clients, dispatch, managed, routes, service, sigv4, surroundings, tls
from infra.cloud.door import Door, Incoming
from infra.cloud.keys import RootKey

# Loaded here so that a confined child, which may not read our files, imports nothing more.
PARTS = (service, tls, managed)
_SMALL: tuple[tuple[str, str, str, bytes, dict[str, str]], ...] = (
    ("s3", "PUT", "/warm", b"", {}),
    ("s3", "PUT", "/warm/key", b"x", {}),
    ("s3", "GET", "/warm/key", b"", {}),
    ("s3", "GET", "/warm?list-type=2", b"", {}),
    ("s3", "DELETE", "/warm/key", b"", {}),
    ("s3", "DELETE", "/warm", b"", {}),
    ("sts", "POST", "/", b"Action=GetCallerIdentity&Version=2011-06-15", {}),
    ("iam", "POST", "/", b"Action=CreateUser&UserName=warm&Version=2010-05-08", {}),
    ("iam", "POST", "/", b"Action=DeleteUser&UserName=warm&Version=2010-05-08", {}),
    ("kms", "POST", "/", b"{}", {"x-amz-target": "TrentService.ListKeys"}),
    ("secretsmanager", "POST", "/", b"{}", {"x-amz-target": "secretsmanager.ListSecrets"}),
)


@cache
@surroundings.apart()
def ready() -> None:
    """Run the common paths once, leave no trace in the state, and set the memory aside."""
    routes.s3_routes()
    for name in ("iam", "sts", "kms", "secretsmanager"):
        routes.model(name)
    root = RootKey()
    door = Door(root)
    for name, method, target, body, headers in _SMALL:
        _one(door, root, name, Incoming(method, target, headers, body))
    clients.warm()
    gc.collect()
    gc.freeze()


def _one(door: Door, root: RootKey, name: str, wanted: Incoming) -> None:
    path, _, query = wanted.target.partition("?")
    pairs = [(name, value) for name, _, value in (p.partition("=") for p in query.split("&") if p)]
    message = sigv4.Message(
        wanted.method, path, pairs, wanted.headers | {"host": "127.0.0.1"}, wanted.body
    )
    region = "us-east-1" if name == "s3" else dispatch.REGION
    headers = sigv4.sign(message, root.key_id, root.secret, region, name, time.time())
    incoming = Incoming(wanted.method, wanted.target, headers, wanted.body)
    answer = door.handle(incoming, judge=True)
    if answer.status >= 300:
        raise RuntimeError(f"the engine does not work: {name}: {answer.body[:300]!r}")


ready()
