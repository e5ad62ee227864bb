"""What every store of blobs does, at AWS, Azure and Google alike, or each in its own way."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from tests.infra.contract.aws import fetch
from tests.infra.contract.case import Differs, Refused, case, refused, same
from tests.infra.contract.store import Blobs

MISSING = {"aws": "404 NoSuchKey", "azure": "404 BlobNotFound", "gcp": "404 notFound"}
ODD = "a b+c%20d/ü~*'()!@:&=,;#?€/x.txt"


def fails(blobs: Blobs, call: Any, **wanted: str) -> None:
    """Expect a refusal, each family's own."""
    refused(call, wanted[blobs.family])


# --- writing and reading ---------------------------------------------------------------------


@case("blob", "what was put is what one gets, byte for byte", aws="GetObject", azure="Get Blob",
      gcp="Objects: get")  # fmt: skip
def round_trip(blobs: Blobs) -> None:
    data = bytes(range(256)) * 40 + b"\r\n--\r\n\r\n"
    blobs.put("k", data)
    same(blobs.get("k") == data, True, "the same bytes")


@case("blob", "a second put replaces the first, and its tag is another", aws="PutObject",
      azure="Put Blob", gcp="Object naming and generations: overwriting")  # fmt: skip
def overwrite(blobs: Blobs) -> None:
    first = blobs.put("k", b"one")
    second = blobs.put("k", b"two")
    same(blobs.get("k"), b"two")
    same(first != second, True, "another tag")


@case("blob", "what was deleted is gone at once", aws="Amazon S3 data consistency model",
      azure="Delete Blob", gcp="Cloud Storage consistency")  # fmt: skip
def delete(blobs: Blobs) -> None:
    blobs.put("k", b"x")
    blobs.delete("k")
    same(blobs.keys(), [])
    fails(blobs, lambda: blobs.get("k"), **MISSING)


@case("blob", "to delete what is not there: AWS says yes, Azure and Google say 404",
      aws="DeleteObject", azure="Delete Blob", gcp="Objects: delete")  # fmt: skip
def delete_nothing(blobs: Blobs) -> None:
    if blobs.family == "aws":
        blobs.delete("none")
    else:
        fails(blobs, lambda: blobs.delete("none"), **MISSING)


@case("blob", "a missing object has its own error", aws="Error responses",
      azure="Blob service error codes", gcp="HTTP status and error codes for JSON")  # fmt: skip
def missing_key(blobs: Blobs) -> None:
    fails(blobs, lambda: blobs.get("none"), **MISSING)


@case("blob", "a missing container has its own error", aws="Error responses",
      azure="Blob service error codes", gcp="HTTP status and error codes for JSON")  # fmt: skip
def missing_container(blobs: Blobs) -> None:
    fails(
        blobs, lambda: blobs.put("k", b"x", container="nowhere-to-be-found"),
        aws="404 NoSuchBucket", azure="404 ContainerNotFound", gcp="404 notFound",
    )


@case("blob", "the content type is kept, parameters and all", aws="PutObject", azure="Put Blob",
      gcp="Object metadata")  # fmt: skip
def content_type(blobs: Blobs) -> None:
    blobs.put("k", b"x", kind="text/csv; charset=utf-8; header=present")
    same(blobs.head("k").kind, "text/csv; charset=utf-8; header=present")


@case("blob", "metadata is kept: AWS lowers the names, the others leave them",
      aws="Working with object metadata", azure="Setting and retrieving properties and metadata",
      gcp="Object metadata")  # fmt: skip
def metadata(blobs: Blobs) -> None:
    blobs.put("k", b"x", metadata={"Depot": "LX1", "night": "2026-03-05"})
    name = "depot" if blobs.family == "aws" else "Depot"
    same(blobs.head("k").metadata, {name: "LX1", "night": "2026-03-05"})


@case("blob", "a second put replaces metadata and content type, too", aws="PutObject",
      azure="Put Blob", gcp="Object metadata")  # fmt: skip
def metadata_replaced(blobs: Blobs) -> None:
    blobs.put("k", b"x", kind="text/csv", metadata={"depot": "lx1"})
    blobs.put("k", b"y", kind="text/plain")
    found = blobs.head("k")
    same((found.kind, found.metadata), ("text/plain", {}))


@case("blob", "an empty object is an object", aws="PutObject", azure="Put Blob",
      gcp="Objects: insert")  # fmt: skip
def empty(blobs: Blobs) -> None:
    blobs.put("k", b"")
    same((blobs.head("k").size, blobs.get("k"), blobs.keys()), (0, b"", ["k"]))


@case("blob", "20 MB in one call arrive whole", aws="Uploading objects",
      azure="Put Blob", gcp="Uploads and downloads")  # fmt: skip
def large(blobs: Blobs) -> None:
    data = os.urandom(20 << 20)
    blobs.put("k", data)
    same(blobs.get("k") == data, True, "the same bytes")


@case("blob", "a range gives its bytes and no others", aws="GetObject", azure="Get Blob",
      gcp="Objects: get")  # fmt: skip
def ranges(blobs: Blobs) -> None:
    blobs.put("k", b"0123456789")
    seen = blobs.get("k", 2, 4), blobs.get("k", 7), blobs.get("k", 8, 100), blobs.get("k", 0, 0)
    same(seen, (b"234", b"789", b"89", b"0"))


@case("blob", "a range behind the end is refused with 416", aws="Error responses",
      azure="Common REST API error codes", gcp="HTTP status and error codes for JSON")  # fmt: skip
def range_behind(blobs: Blobs) -> None:
    blobs.put("k", b"0123")
    fails(
        blobs, lambda: blobs.get("k", 4, 9),
        aws="416 InvalidRange", azure="416 InvalidRange", gcp="416",
    )


# --- names ---------------------------------------------------------------------------------


@case("blob", "spaces, +, %, umlauts and their like are letters of a name, in lists, too",
      aws="Naming Amazon S3 objects",
      azure="Naming and referencing containers, blobs, and metadata",
      gcp="About Cloud Storage objects: naming")  # fmt: skip
def odd_names(blobs: Blobs) -> None:
    blobs.put(ODD, b"odd")
    same((blobs.get(ODD), blobs.keys()), (b"odd", [ODD]))
    same(fetch(blobs.sign(ODD)), b"odd", "by a signed URL")


@case("blob", "a slash more is another object", aws="Naming Amazon S3 objects",
      azure="Naming and referencing containers, blobs, and metadata",
      gcp="About Cloud Storage objects: naming")  # fmt: skip
def slashes(blobs: Blobs) -> None:
    names = ["a/b", "a//b", "a/b/", "a"]
    for name in names:
        blobs.put(name, name.encode())
    same(blobs.keys(), sorted(names))
    same([blobs.get(name) for name in names], [name.encode() for name in names])


@case("blob", "1,024 letters are a name, one more is none", aws="Naming Amazon S3 objects",
      azure="Naming and referencing containers, blobs, and metadata",
      gcp="About Cloud Storage objects: naming")  # fmt: skip
def long_names(blobs: Blobs) -> None:
    blobs.put("k" * 1024, b"x")
    same(blobs.keys(), ["k" * 1024])
    refused(lambda: blobs.put("k" * 1025, b"x"), "400")


# --- lists -----------------------------------------------------------------------------------


def _some(blobs: Blobs, names: list[str]) -> None:
    for name in names:
        blobs.put(name, b"")


@case("blob", "25 names in pages of 10 are three pages and three calls", aws="ListObjectsV2",
      azure="List Blobs", gcp="Objects: list")  # fmt: skip
def pages(blobs: Blobs) -> None:
    _some(blobs, [f"{n:02}" for n in range(25)])
    before = blobs.lists() if blobs.lists else 0
    found = blobs.pages(size=10)
    same([len(page) for page in found], [10, 10, 5])
    same([name for page in found for name in page], [f"{n:02}" for n in range(25)])
    if blobs.lists:
        same(blobs.lists() - before, 3, "list calls")


@case("blob", "a list is in the order of the names' bytes", aws="ListObjectsV2",
      azure="List Blobs", gcp="Objects: list")  # fmt: skip
def order(blobs: Blobs) -> None:
    names = ["b", "a", "B", "a/2", "a-1", "ä", "Z"]
    _some(blobs, names)
    same(blobs.keys(), sorted(names, key=str.encode))


@case("blob", "a prefix leaves what begins with it", aws="ListObjectsV2", azure="List Blobs",
      gcp="Objects: list")  # fmt: skip
def prefix(blobs: Blobs) -> None:
    _some(blobs, ["2026/03/05", "2026/03/06", "2026/04/01", "2026"])
    same(blobs.keys("2026/03/"), ["2026/03/05", "2026/03/06"])


@case("blob", "a delimiter gives each folder once, over pages, too", aws="ListObjectsV2",
      azure="List Blobs", gcp="Objects: list")  # fmt: skip
def delimiter(blobs: Blobs) -> None:
    _some(blobs, ["a/1", "a/2", "a/3", "b/1", "c", "d/e/f"])
    found = [name for page in blobs.pages(delimiter="/", size=2) for name in page]
    same(sorted(found), ["a/", "b/", "c", "d/"])
    same(blobs.keys("d/", "/"), ["d/e/"])


@case("blob", "a list of nothing is empty, and one call", aws="ListObjectsV2", azure="List Blobs",
      gcp="Objects: list")  # fmt: skip
def empty_list(blobs: Blobs) -> None:
    before = blobs.lists() if blobs.lists else 0
    same(blobs.keys(), [])
    if blobs.lists:
        same(blobs.lists() - before, 1, "list calls")


# --- conditions ------------------------------------------------------------------------------


@case("blob", "to create only where there is none: the second is refused",
      aws="Add preconditions to S3 operations: conditional writes",
      azure="Specifying conditional headers for Blob service operations",
      gcp="Request preconditions")  # fmt: skip
def create_only(blobs: Blobs) -> None:
    blobs.put("k", b"first", absent=True)
    fails(
        blobs, lambda: blobs.put("k", b"second", absent=True),
        aws="412 PreconditionFailed", azure="409 BlobAlreadyExists", gcp="412 conditionNotMet",
    )
    same(blobs.get("k"), b"first")


@case("blob", "to replace only what one has read: with a tag that is old, refused",
      aws="Add preconditions to S3 operations: conditional writes",
      azure="Specifying conditional headers for Blob service operations",
      gcp="Request preconditions")  # fmt: skip
def replace_only(blobs: Blobs) -> None:
    old = blobs.put("k", b"one")
    new = blobs.put("k", b"two", match=old)
    fails(
        blobs, lambda: blobs.put("k", b"three", match=old),
        aws="412 PreconditionFailed", azure="412 ConditionNotMet", gcp="412 conditionNotMet",
    )
    same((blobs.get("k"), blobs.head("k").tag == new), (b"two", True))


@case("blob", "to read unless one has it already: 304", aws="GetObject",
      azure="Specifying conditional headers for Blob service operations",
      gcp="Request preconditions")  # fmt: skip
def read_unless(blobs: Blobs) -> None:
    old = blobs.put("k", b"one")
    refused(lambda: blobs.get("k", unless=old), "304")
    blobs.put("k", b"two")
    same(blobs.get("k", unless=old), b"two")


@case("blob", "of eight writers at once that create only, one wins",
      aws="Add preconditions to S3 operations: conditional writes",
      azure="Specifying conditional headers for Blob service operations",
      gcp="Request preconditions")  # fmt: skip
def race(blobs: Blobs) -> None:
    won: list[int] = []
    other: list[Exception] = []
    ready = threading.Barrier(8)

    def write(number: int) -> None:
        ready.wait(60)
        try:
            blobs.put("k", str(number).encode(), absent=True)
        except Refused:
            return
        except Exception as error:
            other.append(error)
        else:
            won.append(number)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if other:
        raise Differs(f"a writer failed: {type(other[0]).__name__}")
    same(len(won), 1, "winners")
    same(blobs.get("k"), str(won[0]).encode())


# --- signed URLs -----------------------------------------------------------------------------


@case("blob", "a signed URL reads without any other credential",
      aws="Download and upload objects with presigned URLs", azure="Create a service SAS",
      gcp="Signed URLs")  # fmt: skip
def signed(blobs: Blobs) -> None:
    blobs.put("k", b"signed")
    same(fetch(blobs.sign("k")), b"signed")


@case("blob", "a signed URL expires", aws="Download and upload objects with presigned URLs",
      azure="Create a service SAS", gcp="Signed URLs")  # fmt: skip
def signed_expires(blobs: Blobs) -> None:
    blobs.put("k", b"signed")
    url = blobs.sign("k", 1)
    time.sleep(2.1)
    fails(
        blobs, lambda: fetch(url),
        aws="403 AccessDenied", azure="403 AuthenticationFailed", gcp="400 ExpiredToken",
    )


@case("blob", "a signed URL is for its object: another name is refused",
      aws="Download and upload objects with presigned URLs", azure="Create a service SAS",
      gcp="Signed URLs")  # fmt: skip
def signed_tampered(blobs: Blobs) -> None:
    blobs.put("key-one", b"signed")
    blobs.put("key-two", b"secret")
    url = blobs.sign("key-one").replace("key-one", "key-two")
    fails(
        blobs, lambda: fetch(url),
        aws="403 SignatureDoesNotMatch", azure="403 AuthenticationFailed",
        gcp="403 SignatureDoesNotMatch",
    )


@case("blob", "a signed URL for reading does not write",
      aws="Download and upload objects with presigned URLs", azure="Create a service SAS",
      gcp="Signed URLs")  # fmt: skip
def signed_reads_only(blobs: Blobs) -> None:
    blobs.put("k", b"signed")
    headers = {"x-ms-blob-type": "BlockBlob"} if blobs.family == "azure" else {}
    fails(
        blobs, lambda: fetch(blobs.sign("k"), "PUT", b"changed", headers),
        aws="403 SignatureDoesNotMatch", azure="403 AuthorizationPermissionMismatch",
        gcp="403 SignatureDoesNotMatch",
    )
    same(blobs.get("k"), b"signed")


@case("blob", "a signed URL for writing writes",
      aws="Download and upload objects with presigned URLs", azure="Create a service SAS",
      gcp="Signed URLs")  # fmt: skip
def signed_write(blobs: Blobs) -> None:
    headers = {"x-ms-blob-type": "BlockBlob"} if blobs.family == "azure" else {}
    fetch(blobs.sign("k", method="PUT"), "PUT", b"by url", headers)
    same(blobs.get("k"), b"by url")


@case("blob", "without a signature nobody reads",
      aws="Access control in Amazon S3", azure="Configure anonymous read access",
      gcp="Overview of access control")  # fmt: skip
def anonymous(blobs: Blobs) -> None:
    blobs.put("k", b"secret")
    url = blobs.sign("k").partition("?")[0]
    try:
        seen = fetch(url)
    except Refused:
        return
    raise Differs(f"anybody reads {seen!r}")


# --- copies and pieces -----------------------------------------------------------------------


@case("blob", "a copy has the bytes, the content type and the metadata", aws="CopyObject",
      azure="Copy Blob", gcp="Objects: copy")  # fmt: skip
def copy(blobs: Blobs) -> None:
    blobs.put("from", b"copied", kind="text/csv", metadata={"depot": "lx1"})
    blobs.copy("from", "to")
    found = blobs.head("to")
    same((blobs.get("to"), found.kind, found.metadata), (b"copied", "text/csv", {"depot": "lx1"}))
    same(blobs.get("from"), b"copied")


@case("blob", "a copy of what is not there is refused with 404", aws="CopyObject",
      azure="Copy Blob", gcp="Objects: copy")  # fmt: skip
def copy_nothing(blobs: Blobs) -> None:
    refused(lambda: blobs.copy("none", "to"), "404")


@case("blob", "pieces become one object, in their order",
      aws="Uploading and copying objects using multipart upload", azure="Put Block List",
      gcp="Resumable uploads")  # fmt: skip
def pieces(blobs: Blobs) -> None:
    blobs.upload("k", blobs.pieces())
    same(blobs.get("k") == b"".join(blobs.pieces()), True, "the same bytes")


@case("blob", "what is uploaded in part is not there yet",
      aws="Uploading and copying objects using multipart upload", azure="Put Block",
      gcp="Resumable uploads")  # fmt: skip
def unfinished(blobs: Blobs) -> None:
    blobs.upload("k", blobs.pieces(), finish=False)
    same(blobs.keys(), [])
    fails(blobs, lambda: blobs.get("k"), **MISSING)


@case("blob", "bytes that do not fit their checksum are refused",
      aws="PutObject", gcp="Hashes and ETags: best practices")  # fmt: skip
def checksum(blobs: Blobs) -> None:
    wrong = "1B2M2Y8AsgTpgAmY7PhCfg=="  # of nothing
    fails(
        blobs, lambda: blobs.put("k", b"something", md5=wrong), aws="400 BadDigest", gcp="400",
    )
    same(blobs.keys(), [])


# --- containers ------------------------------------------------------------------------------


@case("blob", "a container is made once", aws="CreateBucket", azure="Create Container",
      gcp="Buckets: insert")  # fmt: skip
def container_twice(blobs: Blobs) -> None:
    fails(
        blobs, blobs.create,
        aws="409 BucketAlreadyOwnedByYou", azure="409 ContainerAlreadyExists", gcp="409 conflict",
    )


@case("blob", "a container with something in it: AWS and Google keep it, Azure deletes it all",
      aws="DeleteBucket", azure="Delete Container", gcp="Buckets: delete")  # fmt: skip
def container_full(blobs: Blobs) -> None:
    blobs.put("k", b"x")
    if blobs.family == "azure":
        blobs.drop()
        refused(lambda: blobs.get("k"), "404")
    else:
        fails(blobs, blobs.drop, aws="409 BucketNotEmpty", gcp="409 conflict")
        same(blobs.get("k"), b"x")
