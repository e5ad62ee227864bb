"""What Azure Storage does beyond a store of blobs: leases, appends, SAS; queues; tables."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.core import MatchConditions
from azure.data.tables import TableClient, TableTransactionError, UpdateMode
from azure.storage.blob import ContainerSasPermissions, generate_container_sas
from azure.storage.queue import QueueClient

from tests.infra.contract.aws import fetch
from tests.infra.contract.azure import AzureBlobs, told
from tests.infra.contract.case import Differs, Refused, case, refused, same


def asks(call: Any, *values: Any, **arguments: Any) -> Any:
    """Call a method of Azure's client; errors become Refused."""
    with told():
        return call(*values, **arguments)


# --- blobs -----------------------------------------------------------------------------------


@case("azure blob", "a leased blob is written with its lease only", azure="Lease Blob")
def lease(blobs: AzureBlobs) -> None:
    blobs.put("k", b"one")
    blob = blobs.client.get_blob_client("k")
    held = asks(blob.acquire_lease, 15)
    refused(lambda: blobs.put("k", b"two"), "412 LeaseIdMissing")
    asks(blob.upload_blob, b"three", overwrite=True, lease=held)
    same(blobs.get("k"), b"three")


@case("azure blob", "one blob has one lease", azure="Lease Blob")
def lease_twice(blobs: AzureBlobs) -> None:
    blobs.put("k")
    blob = blobs.client.get_blob_client("k")
    held = asks(blob.acquire_lease, 15)
    refused(lambda: asks(blob.acquire_lease, 15), "409 LeaseAlreadyPresent")
    asks(held.release)
    asks(blob.acquire_lease, 15)


@case("azure blob", "a lease that was broken no longer protects", azure="Lease Blob")
def lease_broken(blobs: AzureBlobs) -> None:
    blobs.put("k", b"one")
    held = asks(blobs.client.get_blob_client("k").acquire_lease, -1)
    asks(held.break_lease, 0)
    blobs.put("k", b"two")
    same(blobs.get("k"), b"two")


@case("azure blob", "a leased container is not deleted", azure="Lease Container")
def lease_container(blobs: AzureBlobs) -> None:
    held = asks(blobs.client.acquire_lease, 15)
    refused(blobs.drop, "412 LeaseIdMissing")
    asks(held.release)


@case("azure blob", "an append blob grows, and only where one says it ends", azure="Append Block")
def append(blobs: AzureBlobs) -> None:
    blob = blobs.client.get_blob_client("k")
    asks(blob.create_append_blob)
    asks(blob.append_block, b"one")
    asks(blob.append_block, b"two", appendpos_condition=3)
    refused(
        lambda: asks(blob.append_block, b"x", appendpos_condition=3),
        "412 AppendPositionConditionNotMet",
    )
    same(blobs.get("k"), b"onetwo")


@case("azure blob", "a snapshot stays as the blob was", azure="Snapshot Blob")
def snapshot(blobs: AzureBlobs) -> None:
    blobs.put("k", b"one")
    blob = blobs.client.get_blob_client("k")
    taken = asks(blob.create_snapshot)["snapshot"]
    blobs.put("k", b"two")
    old = blobs.service.get_blob_client(blobs.name, "k", snapshot=taken)
    same((asks(old.download_blob).readall(), blobs.get("k")), (b"one", b"two"))


@case("azure blob", "a blob with snapshots is not deleted without a word about them",
      azure="Delete Blob")  # fmt: skip
def snapshots_present(blobs: AzureBlobs) -> None:
    blobs.put("k", b"one")
    asks(blobs.client.get_blob_client("k").create_snapshot)
    refused(lambda: blobs.delete("k"), "409 SnapshotsPresent")


@case("azure blob", "blobs are found by their tags", azure="Find Blobs by Tags")
def tags(blobs: AzureBlobs) -> None:
    blobs.put("k")
    asks(blobs.client.get_blob_client("k").set_blob_tags, {"depot": "LX1"})
    found = asks(lambda: [
        one.name for one in blobs.client.find_blobs_by_tags("\"depot\"='LX1'")
    ])  # fmt: skip
    same(found, ["k"])


@case("azure blob", "a blob is made from a URL, on the server", azure="Put Blob From URL")
def from_url(blobs: AzureBlobs) -> None:
    blobs.put("from", b"x")
    asks(blobs.client.get_blob_client("to").upload_blob_from_url, blobs.sign("from"))
    same(blobs.get("to"), b"x")


def _sas(blobs: AzureBlobs, **may: bool) -> str:
    account = blobs.service.account_name
    assert account is not None
    return generate_container_sas(
        account, blobs.name, account_key=blobs.key, permission=ContainerSasPermissions(**may),
        expiry=datetime.now(UTC) + timedelta(seconds=60),
    )


@case("azure blob", "a SAS for a container's blobs reads them all and does not list them",
      azure="Create a service SAS")  # fmt: skip
def container_sas(blobs: AzureBlobs) -> None:
    blobs.put("a", b"x")
    token = _sas(blobs, read=True)
    same(fetch(f"{blobs.client.url}/a?{token}"), b"x")
    refused(
        lambda: fetch(f"{blobs.client.url}?restype=container&comp=list&{token}"),
        "403 AuthorizationPermissionMismatch",
    )


@case("azure blob", "a SAS that was stretched is refused", azure="Create a service SAS")
def stretched_sas(blobs: AzureBlobs) -> None:
    blobs.put("a", b"x")
    token = _sas(blobs, read=True).replace("sp=r", "sp=rwdl")
    refused(lambda: fetch(f"{blobs.client.url}/a?{token}"), "403 AuthenticationFailed")


# --- queues ----------------------------------------------------------------------------------


def _received(queue: QueueClient, seconds: int = 30) -> list[Any]:
    return asks(lambda: list(queue.receive_messages(visibility_timeout=seconds)))


@case("queue", "a message that was received is hidden from others", azure="Get Messages")
def hidden(queue: QueueClient) -> None:
    asks(queue.send_message, "one")
    same([one.content for one in _received(queue)], ["one"])
    same(_received(queue), [])


@case("queue", "a message that nobody deleted comes again, and counts", azure="Get Messages")
def again(queue: QueueClient) -> None:
    asks(queue.send_message, "one")
    first = _received(queue, 1)
    time.sleep(1.5)
    second = _received(queue)
    counts = [one.dequeue_count for one in (*first, *second)]
    same(counts, [1, 2])


@case("queue", "a receipt that is old does not delete", azure="Delete Message")
def stale_receipt(queue: QueueClient) -> None:
    asks(queue.send_message, "one")
    old = _received(queue, 1)[0]
    time.sleep(1.5)
    _received(queue)
    refused(lambda: asks(queue.delete_message, old), "400 PopReceiptMismatch")


@case("queue", "to peek hides nothing", azure="Peek Messages")
def peek(queue: QueueClient) -> None:
    asks(queue.send_message, "one")
    same([one.content for one in asks(queue.peek_messages)], ["one"])
    same(len(_received(queue)), 1)


@case("queue", "a message is changed with its receipt, and has a new one", azure="Update Message")
def update(queue: QueueClient) -> None:
    asks(queue.send_message, "one")
    old = _received(queue)[0]
    new = asks(queue.update_message, old, content="two", visibility_timeout=0)
    same(new.pop_receipt == old.pop_receipt, False, "the same receipt")
    same([one.content for one in _received(queue)], ["two"])


@case("queue", "a message that was sent for later comes later", azure="Put Message")
def later(queue: QueueClient) -> None:
    asks(queue.send_message, "one", visibility_timeout=1)
    same(_received(queue), [])
    time.sleep(1.5)
    same(len(_received(queue)), 1)


@case("queue", "a message has 64 KiB at most", azure="Put Message")
def message_too_large(queue: QueueClient) -> None:
    asks(queue.send_message, "x" * (64 << 10))
    try:
        asks(queue.send_message, "x" * ((64 << 10) + 1))
    except Refused as refusal:
        same(refusal.status in {400, 413}, True, "refused for its size")
    else:
        raise Differs("65,537 bytes are taken")


@case("queue", "a queue that is not there has its own error", azure="Queue service error codes")
def missing_queue(queue: QueueClient) -> None:
    asks(queue.delete_queue)
    refused(lambda: asks(queue.send_message, "x"), "404 QueueNotFound")


# --- tables ----------------------------------------------------------------------------------


def _row(key: str, **values: Any) -> dict[str, Any]:
    return {"PartitionKey": "p", "RowKey": key, **values}


@case("table", "an entity is inserted once", azure="Insert Entity")
def insert_twice(table: TableClient) -> None:
    asks(table.create_entity, _row("r", n=1))
    refused(lambda: asks(table.create_entity, _row("r", n=2)), "409 EntityAlreadyExists")


@case("table", "to replace only what one has read: with an ETag that is old, 412",
      azure="Update Entity")  # fmt: skip
def etag(table: TableClient) -> None:
    old = asks(table.create_entity, _row("r", n=1))["etag"]
    write = {"mode": UpdateMode.REPLACE, "match_condition": MatchConditions.IfNotModified}
    asks(table.update_entity, _row("r", n=2), etag=old, **write)
    refused(
        lambda: asks(table.update_entity, _row("r", n=3), etag=old, **write),
        "412 UpdateConditionNotSatisfied",
    )
    same(asks(table.get_entity, "p", "r")["n"], 2)


@case("table", "to merge keeps what one does not name, to replace does not", azure="Merge Entity")
def merge(table: TableClient) -> None:
    asks(table.create_entity, _row("r", a=1, b=2))
    asks(table.update_entity, _row("r", b=3), mode=UpdateMode.MERGE)
    merged = dict(asks(table.get_entity, "p", "r"))
    asks(table.update_entity, _row("r", c=4), mode=UpdateMode.REPLACE)
    replaced = dict(asks(table.get_entity, "p", "r"))
    same((merged, replaced), (_row("r", a=1, b=3), _row("r", c=4)))


@case("table", "types stay what they were", azure="Understanding the Table service data model")
def types(table: TableClient) -> None:
    values: dict[str, Any] = {
        "text": "ü", "number": 7, "real": 0.5, "yes": True, "bytes": b"\x00\xff",
        "id": uuid.UUID(int=7), "when": datetime(2026, 3, 5, 22, 0, tzinfo=UTC),
    }  # fmt: skip
    asks(table.create_entity, _row("r", **values))
    found = asks(table.get_entity, "p", "r")
    kept = {name: found[name] == value for name, value in values.items()}
    same(kept, dict.fromkeys(values, True))


@case("table", "a filter leaves the entities it fits", azure="Querying tables and entities")
def query(table: TableClient) -> None:
    for number in range(5):
        asks(table.create_entity, _row(f"{number}", n=number))
    found = asks(lambda: [one["n"] for one in table.query_entities("n ge 2 and n lt 4")])
    same(found, [2, 3])


@case("table", "5 entities in pages of 2 are three pages", azure="Query timeout and pagination")
def pages(table: TableClient) -> None:
    for number in range(5):
        asks(table.create_entity, _row(f"{number}"))
    walk = table.list_entities(results_per_page=2).by_page()
    same(asks(lambda: [len(list(page)) for page in walk]), [2, 2, 1])


@case("table", "of a transaction all is done or nothing",
      azure="Performing entity group transactions")  # fmt: skip
def transaction(table: TableClient) -> None:
    asks(table.create_entity, _row("there"))
    try:
        table.submit_transaction([("create", _row("new")), ("create", _row("there"))])
    except TableTransactionError:
        done = False
    else:
        done = True
    rows = asks(lambda: [one["RowKey"] for one in table.list_entities()])
    same((done, rows), (False, ["there"]))


@case("table", "an entity that is not there has its own error", azure="Table service error codes")
def missing_entity(table: TableClient) -> None:
    refused(lambda: asks(table.get_entity, "p", "none"), "404 ResourceNotFound")
