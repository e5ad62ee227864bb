"""Cases that published samples of google-cloud-storage found: each once failed here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google.api_core.exceptions import BadRequest, MethodNotImplemented, NotFound

from infra.cloud.fixtures import loopback
from infra.cloud.gcs import private_gcs


@pytest.fixture
def bucket() -> Iterator[Any]:
    """A bucket with the object `a`."""
    with loopback() as listener, private_gcs(listener) as running:
        made = running.client().create_bucket("outside")
        made.blob("a").upload_from_string(b"one")
        yield made


def test_an_object_is_moved_within_its_bucket(bucket) -> None:
    moved = bucket.move_blob(bucket.blob("a"), "folder/b")
    assert moved.name == "folder/b"
    assert bucket.blob("folder/b").download_as_bytes() == b"one"
    assert [one.name for one in bucket.list_blobs()] == ["folder/b"]
    with pytest.raises(NotFound):
        bucket.move_blob(bucket.blob("a"), "c")
    bucket.move_blob(bucket.blob("folder/b"), "folder/b")
    assert [one.name for one in bucket.list_blobs()] == ["folder/b"]


def test_what_is_composed_tells_of_how_many_parts(bucket) -> None:
    bucket.blob("b").compose([bucket.blob("a"), bucket.blob("a")])
    bucket.blob("c").compose([bucket.blob("b"), bucket.blob("a")])
    assert bucket.get_blob("b").component_count == 2
    assert bucket.get_blob("c").component_count == 3
    assert bucket.blob("c").download_as_bytes() == b"oneoneone"
    assert bucket.get_blob("a").component_count is None


def test_a_rewrite_gives_the_class_that_is_asked_for(bucket) -> None:
    bucket.get_blob("a").update_storage_class("NEARLINE")
    assert bucket.get_blob("a").storage_class == "NEARLINE"
    assert bucket.blob("a").download_as_bytes() == b"one"


def test_no_key_of_a_customer_is_taken_for_nothing(bucket) -> None:
    sealed = bucket.blob("sealed", encryption_key=b"k" * 32)
    with pytest.raises(MethodNotImplemented, match="encryption keys of customers"):
        sealed.upload_from_string(b"secret")
    assert bucket.get_blob("sealed") is None


def test_no_hold_is_promised(bucket) -> None:
    found = bucket.get_blob("a")
    found.temporary_hold = True
    with pytest.raises(MethodNotImplemented, match="holds"):
        found.patch()
    found.temporary_hold = False
    found.patch()


def test_no_classes_that_change_by_themselves_are_promised(bucket) -> None:
    bucket.autoclass_enabled = True
    with pytest.raises(MethodNotImplemented, match="Autoclass"):
        bucket.patch()


def test_no_versions_are_promised(bucket) -> None:
    bucket.versioning_enabled = True
    with pytest.raises(MethodNotImplemented, match="one generation"):
        bucket.patch()
    bucket.versioning_enabled = False
    bucket.patch()


def test_a_bucket_is_made_as_it_is_asked_for(bucket) -> None:
    client = bucket.client
    wanted = client.bucket("cold")
    wanted.storage_class, wanted.labels = "COLDLINE", {"team": "risk"}
    wanted.iam_configuration.uniform_bucket_level_access_enabled = True
    client.create_bucket(wanted, location="europe-west3")
    found = client.get_bucket("cold")
    assert (found.location, found.location_type) == ("EUROPE-WEST3", "region")
    assert (found.storage_class, found.labels) == ("COLDLINE", {"team": "risk"})
    assert found.iam_configuration.uniform_bucket_level_access_enabled
    assert (found.metageneration, found.rpo) == (1, None)


def test_the_recovery_point_objective_follows_the_place(bucket) -> None:
    client = bucket.client
    assert (bucket.location_type, bucket.rpo) == ("multi-region", "DEFAULT")
    pair = client.create_bucket("pair", location="nam4")
    assert (pair.location, pair.location_type, pair.rpo) == ("NAM4", "dual-region", "DEFAULT")
    pair.rpo = "ASYNC_TURBO"
    pair.patch()
    assert client.get_bucket("pair").rpo == "ASYNC_TURBO"
    bucket.rpo = "ASYNC_TURBO"
    with pytest.raises(BadRequest, match="rpo"):
        bucket.patch()
    with pytest.raises(MethodNotImplemented, match="two regions of your choice"):
        client.create_bucket("mine", location="US", data_locations=["us-east1", "us-west1"])
    assert client.lookup_bucket("mine") is None


@pytest.mark.parametrize(("span", "size", "why"), [
    ("bytes 0-262143/*", 262_143, "There were 262143 byte"),
    ("bytes 0-262144/*", 262_144, "There should have been 262145 byte"),
    ("bytes 0-99/*", 100, "equal or greater than 262144"),
    ("bytes 0-99/50", 100, "Failed to parse"),
    ("bytes 5-4/*", 0, "Failed to parse"),
    ("0-99/100", 100, "Failed to parse"),
])  # fmt: skip
def test_a_piece_is_what_its_content_range_says(bucket, span, size, why) -> None:
    url, http = bucket.blob("p").create_resumable_upload_session(), bucket.client._http
    answer = http.request("PUT", url, data=b"x" * size, headers={"Content-Range": span})
    assert answer.status_code == 400
    assert why in answer.text
    first, rest = b"a" * 262_144, b"b"
    answer = http.request("PUT", url, data=first, headers={"Content-Range": "bytes 0-262143/*"})
    assert answer.status_code == 308  # what was refused has left nothing behind
    last = {"Content-Range": "bytes 262144-262144/262145"}
    assert http.request("PUT", url, data=rest, headers=last).status_code == 200
    assert bucket.blob("p").download_as_bytes() == first + rest
