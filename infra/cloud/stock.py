"""What a cloud holds that costs by the month: bytes, keys, secrets, machines, with their tags.

Limit: reads the engine's own stores, as they are now; prices nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from infra.cloud import dispatch, state
from infra.cloud.kms import AWS_MANAGED
from infra.cloud.usage import Usage


def held(region: str) -> list[Usage]:
    """Return everything held. Amounts are what is there now; a bill multiplies by time."""
    return [one for read in _READERS for one in read(region)]


def _s3(region: str) -> Iterator[Usage]:
    """Every version counts, and every part of an upload that nobody has completed."""
    store = dispatch.backend("s3")
    for bucket in store.buckets.values():
        tags = state.pairs(store.tagger.get_tag_dict_for_resource(bucket.arn))
        sizes = {"STANDARD": 0}
        for name in bucket.keys:
            for version in bucket.keys.getlist(name):
                if hasattr(version, "etag"):  # a delete marker has none, and weighs nothing
                    kind = version.storage_class or "STANDARD"
                    sizes[kind] = sizes.get(kind, 0) + version.size
        for upload in bucket.multiparts.values():
            sizes["STANDARD"] += sum(part.size for part in upload.parts.values())
        for kind, size in sizes.items():
            yield Usage(
                "s3", f"storage-{kind}", size, "byte", f"arn:aws:s3:::{bucket.name}", tags,
                bucket.region_name,
            )


def _kms(region: str) -> Iterator[Usage]:
    """A key that waits for its deletion, or that AWS made for itself, costs nothing."""
    for key in dispatch.backend("kms", region).keys.values():
        info = state.kms_key(region, key.id)
        ours = info is not None and not any(a.startswith(AWS_MANAGED) for a in info.aliases)
        if info is not None and ours and info.state != "PendingDeletion":
            yield Usage("kms", "key", 1, "key", info.arn, info.tags, region)


def _secrets(region: str) -> Iterator[Usage]:
    """A secret that waits for its deletion costs nothing."""
    for secret in dict.values(dispatch.backend("secretsmanager", region).secrets):
        if not secret.is_deleted():
            tags = state.pairs(secret.tags)
            yield Usage("secretsmanager", "secret", 1, "secret", secret.arn, tags, region)


def _machines(region: str) -> Iterator[Usage]:
    for reservation in _store("ec2", region, "reservations").values():
        for machine in reservation.instances:
            if machine.state == "running":
                tags = {tag["key"]: tag["value"] for tag in machine.get_tags()}
                yield Usage("ec2", machine.instance_type, 1, "machine", machine.id, tags, region)


def _tables(region: str) -> Iterator[Usage]:
    for table in _store("dynamodb", region, "tables").values():
        size = sum(item.size() for item in table.all_items())
        tags = state.pairs(table.tags)
        yield Usage("dynamodb", "storage", size, "byte", table.table_arn, tags, region)


def _groups(region: str) -> Iterator[Usage]:
    for group in _store("logs", region, "groups").values():
        size = sum(stream.stored_bytes for stream in group.streams.values())
        tags = dispatch.backend("logs", region).tagger.get_tag_dict_for_resource(group.arn)
        yield Usage("logs", "storage", size, "byte", group.arn, state.pairs(tags), region)


def _store(service: str, region: str, name: str) -> dict[str, Any]:
    """Return a store of an engine that may never have been asked for anything."""
    found: dict[str, Any] = getattr(dispatch.backend(service, region), name, {})
    return found


_READERS: tuple[Callable[[str], Iterator[Usage]], ...] = (
    _s3, _kms, _secrets, _machines, _tables, _groups,
)
