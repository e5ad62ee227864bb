"""What this emulated Cloud Storage does not have: refused with a sentence where the emulator nods.

Limit: reads headers and the JSON of the request; what the emulator itself refuses is not here.
"""

from __future__ import annotations

import json
from typing import Any

from infra.cloud.door import Incoming
from infra.cloud.gcs_errors import GcsError
from infra.cloud.gcs_routes import Route

_KEYS = ("x-goog-encryption-", "x-goog-copy-source-encryption-")
_ON_OBJECT = {"temporaryHold": "holds", "eventBasedHold": "holds", "retention": "retention"}


def check(route: Route, incoming: Incoming) -> None:
    """Refuse keys of customers, holds, versions, Autoclass and pairs of regions. GcsError: 501."""
    if any(name.startswith(_KEYS) for name in incoming.headers):
        raise _absent("encryption keys of customers")
    kind, _, verb = route.operation.removeprefix("storage.").partition(".")
    if verb not in {"patch", "insert"} or "json" not in incoming.headers.get("content-type", ""):
        return
    body = _json(incoming.body)
    if kind == "buckets" and (body.get("versioning") or {}).get("enabled"):
        raise _absent("versions of objects: one generation is kept, the live one")
    if kind == "buckets" and (body.get("autoclass") or {}).get("enabled"):
        raise _absent("Autoclass: an object keeps its storage class")
    if kind == "buckets" and body.get("customPlacementConfig"):
        raise _absent("two regions of your choice: name a pair that has a name, such as NAM4")
    for name, what in _ON_OBJECT.items():
        if kind == "objects" and body.get(name):
            raise _absent(f"{what} of objects")


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return {}  # the store says what is wrong
    return found if isinstance(found, dict) else {}


def _absent(what: str) -> GcsError:
    return GcsError(501, f"This emulated Cloud Storage does not have {what}.")
