"""What Google Cloud Storage does beyond a store of blobs: generations, metadata, tokens."""

from __future__ import annotations

from typing import Any

from tests.infra.contract.aws import fetch
from tests.infra.contract.case import case, refused, same
from tests.infra.contract.gcp import GcsBlobs, told


def asks(call: Any, *values: Any, **arguments: Any) -> Any:
    """Call a method of google-cloud-storage; errors become Refused."""
    with told():
        return call(*values, **arguments)


@case("gcs", "a fresh object has metageneration 1, and each change of its metadata adds one",
      gcp="Object metadata: metageneration")  # fmt: skip
def metageneration(blobs: GcsBlobs) -> None:
    blob = blobs.bucket.blob("k")
    blob.metadata = {"depot": "LX1"}
    asks(blob.upload_from_string, b"x", retry=None)
    first = blob.metageneration
    blob.metadata = {"depot": "LX2"}
    asks(blob.patch, retry=None)
    same((first, blob.metageneration, blobs.head("k").metadata), (1, 2, {"depot": "LX2"}))


@case("gcs", "to change metadata only as one has read it: else 412", gcp="Request preconditions")
def if_metageneration(blobs: GcsBlobs) -> None:
    blobs.put("k", b"x")
    blob = blobs.bucket.blob("k")
    blob.content_type = "text/csv"
    refused(
        lambda: asks(blob.patch, if_metageneration_match=7, retry=None), "412 conditionNotMet"
    )
    asks(blob.patch, if_metageneration_match=1, retry=None)


@case("gcs", "to delete only the generation one means: else 412", gcp="Request preconditions")
def delete_if(blobs: GcsBlobs) -> None:
    old = int(blobs.put("k", b"one"))
    blobs.put("k", b"two")
    blob = blobs.bucket.blob("k")
    refused(lambda: asks(blob.delete, if_generation_match=old, retry=None), "412 conditionNotMet")
    same(blobs.get("k"), b"two")


@case("gcs", "a copy onto a generation that is not there is refused with 412",
      gcp="Request preconditions")  # fmt: skip
def copy_if(blobs: GcsBlobs) -> None:
    blobs.put("from", b"x")
    blobs.put("to", b"y")
    copy = blobs.bucket.copy_blob
    source = blobs.bucket.blob("from")
    refused(
        lambda: asks(copy, source, blobs.bucket, "to", if_generation_match=0, retry=None),
        "412 conditionNotMet",
    )
    same(blobs.get("to"), b"y")


@case("gcs", "a generation that was replaced is gone, without versioning",
      gcp="Objects: get")  # fmt: skip
def old_generation(blobs: GcsBlobs) -> None:
    old = int(blobs.put("k", b"one"))
    blobs.put("k", b"two")
    blob = blobs.bucket.blob("k", generation=old)
    refused(lambda: asks(blob.download_as_bytes, retry=None), "404 notFound")


@case("gcs", "with versioning a generation that was replaced stays, as noncurrent",
      gcp="Object Versioning")  # fmt: skip
def versioning(blobs: GcsBlobs) -> None:
    asks(blobs.bucket.reload, retry=None)
    blobs.bucket.versioning_enabled = True
    asks(blobs.bucket.patch, retry=None)
    old = int(blobs.put("k", b"one"))
    blobs.put("k", b"two")
    found = asks(lambda: list(blobs.client.list_blobs(blobs.name, versions=True, retry=None)))
    same(sorted(one.generation == old for one in found), [False, True], "generations listed")


@case("gcs", "objects are composed in the order one names them", gcp="Objects: compose")
def compose(blobs: GcsBlobs) -> None:
    for name in "abc":
        blobs.put(name, name.encode())
    parts = [blobs.bucket.blob(name) for name in "cab"]
    asks(blobs.bucket.blob("k").compose, parts, retry=None)
    same(blobs.get("k"), b"cab")


@case("gcs", "a metadata entry set to nothing is removed, the others stay", gcp="Objects: patch")
def unset(blobs: GcsBlobs) -> None:
    blobs.put("k", b"x", metadata={"a": "1", "b": "2"})
    blob = blobs.bucket.blob("k")
    blob.metadata = {"a": None}
    asks(blob.patch, retry=None)
    same(blobs.head("k").metadata, {"b": "2"})


@case("gcs", "a list begins and ends where one says", gcp="Objects: list")
def offsets(blobs: GcsBlobs) -> None:
    for number in range(6):
        blobs.put(f"{number}", b"")
    found = asks(lambda: [one.name for one in blobs.client.list_blobs(
        blobs.name, start_offset="2", end_offset="5", retry=None,
    )])  # fmt: skip
    same(found, ["2", "3", "4"])


@case("gcs", "several calls go in one batch", gcp="Batch requests")
def batch(blobs: GcsBlobs) -> None:
    blobs.put("a")
    blobs.put("b")

    def both() -> None:
        with blobs.client.batch():
            blobs.bucket.blob("a").delete(retry=None)
            blobs.bucket.blob("b").delete(retry=None)

    asks(both)
    same(blobs.keys(), [])


@case("gcs", "a deleted object can be restored while the bucket keeps it",
      gcp="Soft delete")  # fmt: skip
def soft_delete(blobs: GcsBlobs) -> None:
    old = int(blobs.put("k", b"kept"))
    blobs.delete("k")
    asks(blobs.bucket.restore_blob, "k", generation=old, retry=None)
    same(blobs.get("k"), b"kept")


@case("gcs", "an object's type, name for name, may say text in another tongue",
      gcp="Object metadata: Content-Language")  # fmt: skip
def language(blobs: GcsBlobs) -> None:
    blob = blobs.bucket.blob("k")
    blob.content_language, blob.cache_control = "de", "no-store"
    asks(blob.upload_from_string, b"x", retry=None)
    blob = blobs.bucket.blob("k")
    asks(blob.reload, retry=None)
    same((blob.content_language, blob.cache_control), ("de", "no-store"))


@case("gcs", "a version 2 signature is a signature, too", gcp="V2 signing process")
def version_two(blobs: GcsBlobs) -> None:
    from datetime import timedelta

    blobs.put("k", b"x")
    url = blobs.bucket.blob("k").generate_signed_url(
        timedelta(seconds=60), version="v2", api_access_endpoint=blobs.client.api_endpoint
    )
    same(fetch(url), b"x")


@case("gcs", "a token that was not issued is refused with 401",
      gcp="HTTP status and error codes for JSON")  # fmt: skip
def stranger(blobs: GcsBlobs) -> None:
    url = f"{blobs.client.api_endpoint}/storage/v1/b/{blobs.name}/o"
    refused(lambda: fetch(url, headers={"authorization": "Bearer ya29.guessed"}), "401")


@case("gcs", "who lists a bucket's objects without a token is refused with 401",
      gcp="HTTP status and error codes for JSON")  # fmt: skip
def nobody(blobs: GcsBlobs) -> None:
    url = f"{blobs.client.api_endpoint}/storage/v1/b/{blobs.name}/o"
    refused(lambda: fetch(url), "401")
