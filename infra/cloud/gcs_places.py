"""What a bucket is made with, which the emulator drops: where it lies, its class, labels and more.

A bucket lies in one region, two, or many, and its recovery point objective follows. Limit: names
are not looked up; two regions go by their one name, such as NAM4.
"""

from __future__ import annotations

from typing import Any

from gcp_storage_emulator.handlers import buckets

from infra.cloud.gcs_errors import GcsError

_MANY = {"US", "EU", "ASIA"}
_TWO = {"NAM4", "EUR4", "EUR5", "EUR7", "EUR8", "ASIA1"}
_TURBO = "ASYNC_TURBO"


def insert(request: Any, response: Any, kept: Any) -> None:
    """Make a bucket as it is asked for."""
    wanted = request.data or {}
    _check(wanted, str(wanted.get("location") or "US"))
    buckets.insert(request, response, kept)
    if int(response.status) < 300:
        made = buckets._patch_bucket(kept.buckets[wanted["name"]], wanted)
        made["metageneration"] = "1"
        _settle(request, response, made)


def patch(request: Any, response: Any, kept: Any) -> None:
    """Change a bucket; where it lies stays as it is."""
    name = request.params["bucket_name"]
    place = (kept.buckets.get(name) or {}).get("location", "US")
    _check(request.data or {}, place)
    if request.data:
        request._data = {key: v for key, v in request.data.items() if key != "location"}
    buckets.patch(request, response, kept)
    if int(response.status) < 300:
        _settle(request, response, kept.buckets[name])


def _check(wanted: dict[str, Any], place: str) -> None:
    """Refuse turbo replication for what does not lie in two regions. GcsError: 400."""
    rpo = wanted.get("rpo")
    if rpo not in {None, "DEFAULT", _TURBO} or (rpo == _TURBO and place.upper() not in _TWO):
        raise GcsError(400, f"Invalid rpo {rpo} for a bucket in {place}.", reason="invalid")


def _settle(request: Any, response: Any, found: dict[str, Any]) -> None:
    """Set what the emulator says of every bucket alike."""
    place = found["location"] = str(found["location"]).upper()
    kind = "multi-region" if place in _MANY else "dual-region" if place in _TWO else "region"
    found["locationType"] = kind
    if kind != "region":
        found["rpo"] = (request.data or {}).get("rpo") or found.get("rpo") or "DEFAULT"
    response.json(found)
