"""Firehose by boto3: what waits, when S3 has it and how it is called there; what is refused."""

from __future__ import annotations

import gzip
import re
from typing import Any

import pytest

from infra.cloud.fixtures import Cloud, loopback, private_cloud
from tests.infra import compute
from tests.infra.test_outside import told


@pytest.fixture
def cloud():
    with loopback() as listener, private_cloud(listener, region="eu-central-1") as made:
        made.client("s3").create_bucket(
            Bucket="lake", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        yield made


def stream(cloud: Cloud, name: str = "scans", rights: str = "s3:PutObject", **more: Any) -> None:
    who = compute.role(cloud, f"{name}-role", rights, service="firehose")
    cloud.client("firehose").create_delivery_stream(
        DeliveryStreamName=name, ExtendedS3DestinationConfiguration={
            "BucketARN": "arn:aws:s3:::lake", "RoleARN": who, **more})


def put(cloud: Cloud, *texts: str, name: str = "scans") -> None:
    done = cloud.client("firehose").put_record_batch(
        DeliveryStreamName=name, Records=[{"Data": text.encode()} for text in texts])
    assert done["FailedPutCount"] == 0
    assert len({one["RecordId"] for one in done["RequestResponses"]}) == len(texts)


def delivered(cloud: Cloud) -> dict[str, bytes]:
    cloud.settle()
    s3 = cloud.client("s3")
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket="lake").get("Contents", [])]
    return {key: s3.get_object(Bucket="lake", Key=key)["Body"].read() for key in keys}


def test_records_wait_until_the_interval_is_over(cloud) -> None:
    stream(cloud, Prefix="raw/")
    cloud.client("firehose").put_record(DeliveryStreamName="scans", Record={"Data": b"a"})
    cloud.advance(200)
    put(cloud, "b", "c")
    assert delivered(cloud) == {}
    cloud.advance(101)
    ((key, body),) = delivered(cloud).items()
    assert body == b"abc"
    assert re.fullmatch(
        r"raw/\d{4}/\d\d/\d\d/\d\d/scans-1-\d{4}(-\d\d){5}-[0-9a-f-]{36}", key)
    put(cloud, "d")
    cloud.advance(301)
    assert sorted(delivered(cloud).values()) == [b"abc", b"d"]
    (write, *_) = [one for one in cloud.log if one.operation == "PutObject"]
    assert ":assumed-role/scans-role/" in write.principal


def test_a_full_buffer_does_not_wait(cloud) -> None:
    stream(cloud, BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 900})
    put(cloud, "x" * 500_000)
    assert delivered(cloud) == {}
    put(cloud, "y" * 600_000)
    assert [len(one) for one in delivered(cloud).values()] == [1_100_000]
    put(cloud, "z")
    cloud.advance(899)
    assert len(delivered(cloud)) == 1
    cloud.advance(2)
    assert len(delivered(cloud)) == 2


def test_no_interval_means_at_once_and_gzip_says_so_in_the_name(cloud) -> None:
    stream(cloud, CompressionFormat="GZIP", Prefix="day=!{timestamp:yyyy-MM-dd}/",
           BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 0})
    put(cloud, "a")
    ((key, body),) = delivered(cloud).items()
    assert re.fullmatch(r"day=\d{4}-\d\d-\d\d/scans-1-.*[.]gz", key)
    assert gzip.decompress(body) == b"a"


def test_what_the_role_may_not_write_is_tried_again(cloud) -> None:
    stream(cloud, rights="s3:GetObject")
    put(cloud, "a")
    cloud.advance(301)
    assert delivered(cloud) == {}
    cloud.client("iam").put_role_policy(
        RoleName="scans-role", PolicyName="write", PolicyDocument=
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:PutObject", '
        '"Resource": "*"}]}')
    put(cloud, "b")
    cloud.advance(301)
    assert list(delivered(cloud).values()) == [b"ab"]


def test_what_waits_goes_with_its_stream(cloud) -> None:
    stream(cloud)
    put(cloud, "a")
    cloud.client("firehose").delete_delivery_stream(DeliveryStreamName="scans")
    cloud.client("iam").delete_role_policy(
        RoleName="scans-role", PolicyName=cloud.client("iam").list_role_policies(
            RoleName="scans-role")["PolicyNames"][0])
    cloud.client("iam").delete_role(RoleName="scans-role")
    stream(cloud)
    put(cloud, "b")
    cloud.advance(301)
    assert list(delivered(cloud).values()) == [b"b"]


def test_a_stream_is_described_with_its_hints_and_without_its_records(cloud) -> None:
    stream(cloud)
    put(cloud, "a")
    told_of = cloud.client("firehose").describe_delivery_stream(DeliveryStreamName="scans")
    (place,) = told_of["DeliveryStreamDescription"]["Destinations"]
    assert place["ExtendedS3DestinationDescription"]["BufferingHints"] == {
        "SizeInMBs": 5, "IntervalInSeconds": 300}
    assert place["S3DestinationDescription"]["CompressionFormat"] == "UNCOMPRESSED"
    assert told_of["DeliveryStreamDescription"]["DeliveryStreamStatus"] == "ACTIVE"


@pytest.mark.parametrize(("config", "words"), [
    ({"CompressionFormat": "Snappy"}, "compression Snappy"),
    ({"Prefix": "!{timestamp:EEE}/"}, "in a prefix"),
    ({"Prefix": "!{partitionKeyFromQuery:day}/"}, "in a prefix"),
    ({"ProcessingConfiguration": {"Enabled": True}}, "ProcessingConfiguration"),
    ({"DynamicPartitioningConfiguration": {"Enabled": True}}, "DynamicPartitioningConfiguration"),
    ({"S3BackupMode": "Enabled"}, "S3BackupMode"),
])  # fmt: skip
def test_what_would_be_pretended_is_refused(cloud, config, words) -> None:
    firehose = cloud.client("firehose")
    place = {"BucketARN": "arn:aws:s3:::lake", "RoleARN": compute.role(cloud, "r")}
    code, message = told(
        firehose.create_delivery_stream, DeliveryStreamName="no",
        ExtendedS3DestinationConfiguration=place | config)
    assert (code, words in message) == ("NotImplemented", True), message
    stream(cloud)
    code, message = told(
        firehose.update_destination, DeliveryStreamName="scans", CurrentDeliveryStreamVersionId="1",
        DestinationId="destinationId-000000000001", ExtendedS3DestinationUpdate=config)
    assert (code, words in message) == ("NotImplemented", True), message
    assert firehose.list_delivery_streams()["DeliveryStreamNames"] == ["scans"]


def test_bad_input_is_named(cloud) -> None:
    firehose = cloud.client("firehose")
    place = {"BucketARN": "arn:aws:s3:::lake", "RoleARN": compute.role(cloud, "r")}
    for hints in ({"SizeInMBs": 129, "IntervalInSeconds": 60}, {"SizeInMBs": 5}):
        assert told(
            firehose.create_delivery_stream, DeliveryStreamName="no",
            S3DestinationConfiguration=place | {"BufferingHints": hints},
        )[0] == "InvalidArgumentException"
    http = {"EndpointConfiguration": {"Url": "https://example.org"}, "S3Configuration": place}
    code, message = told(
        firehose.create_delivery_stream, DeliveryStreamName="no",
        HttpEndpointDestinationConfiguration=http)
    assert (code, "S3 is the one destination" in message) == ("NotImplemented", True)
    code, message = told(
        firehose.create_delivery_stream, DeliveryStreamName="no",
        DeliveryStreamType="KinesisStreamAsSource", S3DestinationConfiguration=place)
    assert (code, "put records directly" in message) == ("NotImplemented", True)
    stream(cloud)
    put_one = {"DeliveryStreamName": "scans", "Record": {"Data": b"x" * 1_024_001}}
    assert told(firehose.put_record, **put_one)[0] == "InvalidArgumentException"
    many = [{"Data": b"x"}] * 501
    assert told(firehose.put_record_batch, DeliveryStreamName="scans", Records=many)[0] == (
        "InvalidArgumentException")
    assert told(firehose.put_record, DeliveryStreamName="none", Record={"Data": b"x"})[0] == (
        "ResourceNotFoundException")
