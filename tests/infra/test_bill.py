"""Bills computed by hand, line by line, and what a real cloud of ours would have cost."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from infra.cloud import bill, sheets
from infra.cloud.bill import Bill, Line
from infra.cloud.fixtures import Cloud, Usage, allow
from infra.cloud.log import LoggedCall
from infra.cloud.records import RecordError, parse
from infra.cloud.sheets import Sheet
from infra.cloud.units import UnitError, convert

GB = 2**30
ADA = "arn:aws:iam::123456789012:user/ada"
SHEET = """
title = "A service"
source = "example.org/prices"
[quoted]
us-east-1 = "2026-01-02"
eu-central-1 = "2026-01-03"
[item.disk]
unit = "GB-month"
first = 100
price = { us-east-1 = "0.10", eu-central-1 = "0.12" }
[item.request]
unit = "request"
per = 1000
free = 500
price = { us-east-1 = "0.5" }
[item.out]
unit = "GB"
outside = true
price = { us-east-1 = "0.09" }
[item.machine]
unit = "hour"
price = { us-east-1 = "1.5" }
[item.nowhere]
unit = "hour"
price = {}
[[meter]]
item = "none"
operations = ["Delete*"]
[[meter]]
item = "request"
operations = ["Put*"]
chunk = 1000
[[meter]]
item = "request"
operations = ["Get*"]
errors = true
[[meter]]
item = "special"
operations = ["*@*.fifo"]
[[meter]]
item = "out"
operations = ["GetThing"]
counts = "sent"
"""
SHEETS: Mapping[str, Sheet] = {"svc": parse(SHEET, Sheet, "sheet")}


def call(operation: str, *, status: int = 200, received: int = 0, sent: int = 0,
         resource: str = "r", principal: str = ADA, service: str = "svc") -> LoggedCall:
    return LoggedCall(
        0, 1.0, service, operation, f"{service}:{operation}", resource, principal, "AKIA", status,
        "" if status < 400 else "Refused", received, sent, False, "learner",
    )


def compute(held: list[Usage] | None = None, calls: list[LoggedCall] | None = None,
            used: list[Usage] | None = None, hours: int = 730, **more: Any) -> Bill:
    more.setdefault("sheets", SHEETS)
    return bill.compute(held or [], calls or [], used or [], hours, **more)


def only(found: Bill) -> Line:
    assert len(found.lines) == 1, found.lines
    return found.lines[0]


# ---------------------------------------------------------------- by hand


def test_storage_is_bytes_over_hours() -> None:
    # 3 GB for 73 of the 730 hours of a month: 3 * 73 / 730 = 0.3 GB-months, at 0.10: 0.03
    line = only(compute([Usage("svc", "disk", 3 * GB, "byte", "r")], hours=73))
    assert (line.amount, line.unit, line.cost) == (Decimal("0.3"), "GB-month", Decimal("0.03"))


def test_a_machine_costs_by_the_hour() -> None:
    # two machines for 10 hours at 1.5: 30
    two = [Usage("svc", "machine", 1, "machine", name) for name in "ab"]
    assert compute(two, hours=10).total == 30


def test_a_gigabyte_has_as_many_bytes_as_aws_counts() -> None:
    # 1 byte-month: 0.10 / 2**30
    found = compute([Usage("svc", "disk", 1, "byte", "r")])
    assert found.total * 2**30 == Decimal("0.10")


def test_calls_are_counted_by_their_meter() -> None:
    calls = [
        call("PutThing", received=1),  # 1
        call("PutThing", received=1000),  # 1
        call("PutThing", received=1001),  # 2
        call("PutThing", status=400, received=5000),  # refused: none, this meter counts no errors
        call("GetThing", sent=0),  # 1
        call("GetThing", status=404),  # 1, this meter counts errors
        call("GetThing", status=500),  # none: the cloud's own fault
        call("DeleteThing"),  # none
        call("GetThing", principal="arn:aws:iam::123456789012:root"),  # none: the judge
        call("GetThing", principal=""),  # none: a stranger
    ]
    # 6 requests at 0.5 for 1000: 0.003; nothing sent: no transfer
    lines = {line.item: line for line in compute(calls=calls).lines}
    assert (lines["request"].amount, lines["request"].cost) == (6, Decimal("0.003"))
    assert lines["out"].cost == 0


def test_answers_are_transfer_unless_the_caller_is_inside() -> None:
    # 5 GB sent at 0.09: 0.45; one request: 0.0005
    calls = [call("GetThing", sent=5 * GB)]
    assert compute(calls=calls).total == Decimal("0.4505")
    assert compute(calls=calls, inside=True).total == Decimal("0.0005")


def test_usage_is_billed_in_the_unit_of_its_price() -> None:
    # 90 minutes at 1.5 an hour: 2.25; the same in seconds
    assert compute(used=[Usage("svc", "machine", 90, "minute")]).total == Decimal("2.25")
    assert compute(used=[Usage("svc", "machine", "5400", "second")]).total == Decimal("2.25")
    assert compute(used=[Usage("svc", "machine", 0.5, "hour")]).total == Decimal("0.75")


def test_sums_are_exact() -> None:
    # 3 * 0.1 is 0.3 here, and 10**6 requests at 0.5/1000 are 500
    used = [Usage("svc", "machine", 0.1, "hour", str(n)) for n in range(3)]
    assert compute(used=used).total == Decimal("0.45")
    calls = [call("GetThing", resource=str(n % 7)) for n in range(1000)]
    assert compute(calls=calls * 10).total == 5


def test_items_are_the_lines_of_all_resources_together() -> None:
    calls = [call("PutThing", resource=str(n % 3)) for n in range(9)]
    found = compute(calls=calls, used=[Usage("other", "thing", n, "thing", str(n)) for n in (1, 2)])
    assert len(found.lines) == 5
    assert [(line.item, line.amount, line.cost) for line in found.items] == [
        ("thing", 3, None), ("request", 9, Decimal("0.0045")),
    ]


def test_the_free_amount_is_taken_off_only_when_asked() -> None:
    calls = [call("PutThing", resource=str(n % 2)) for n in range(800)]
    # 800 at 0.5 for 1000: 0.40; less 500: 300, 0.15
    assert compute(calls=calls).total == Decimal("0.4")
    found = compute(calls=calls, free=True)
    assert found.total == Decimal("0.15")
    assert all("500 request a month free" in line.note for line in found.lines)
    assert sum(line.amount for line in found.lines) == 800


def test_another_region_has_its_price_or_says_whose_it_took() -> None:
    found = compute([Usage("svc", "disk", GB, "byte", "r", region="eu-central-1")])
    assert (only(found).cost, only(found).note) == (Decimal("0.12"), "")
    taken = only(compute(calls=[call("PutThing")], region="eu-central-1"))
    assert (taken.cost, taken.note) == (Decimal("0.0005"), "price of us-east-1")


def test_beyond_the_first_step_it_says_so() -> None:
    line = only(compute([Usage("svc", "disk", 101 * GB, "byte", "r")]))
    assert line.cost == Decimal("10.1")
    assert line.note == "less beyond 100 GB-month"


@pytest.mark.parametrize(
    "found",
    [
        compute(used=[Usage("other", "thing", 3, "thing")]),  # a service without a sheet
        compute(used=[Usage("svc", "thing", 3, "thing")]),  # an item that the sheet lacks
        compute(used=[Usage("svc", "nowhere", 3, "hour")]),  # an item without a price
        compute(used=[Usage("svc", "machine", 3, "byte")]),  # a unit that does not fit
        compute([Usage("svc", "request", 3, "request")]),  # held, but not priced by time
        compute(calls=[call("X", service="other")] * 3),
        compute(calls=[call("X", resource="a.fifo")] * 3),
    ],
)
def test_what_has_no_price_is_listed_and_never_nothing(found: Bill) -> None:
    line = only(found)
    assert (line.amount, line.cost) == (3, None)
    assert line.note.startswith("no price known")
    assert found.unpriced == (line,)
    assert found.total == 0


def test_an_operation_that_no_meter_knows_costs_nothing_known() -> None:
    assert compute(calls=[call("Strange")]).lines == ()


@pytest.mark.parametrize("hours", ["-1", "NaN", "Infinity"])
def test_hours_are_a_number(hours: str) -> None:
    with pytest.raises(ValueError, match="is no number of hours"):
        bill.compute([], [], [], hours)


def test_units_of_two_kinds_do_not_mix() -> None:
    assert convert(Decimal(1), "TB", "GB") == 1024
    assert convert(Decimal(2), "DPU-hour", "DPU-second") == 7200
    with pytest.raises(UnitError):
        convert(Decimal(1), "hour", "byte")


# ---------------------------------------------------------------- groups


def test_groups_follow_the_tags_of_the_resource_that_was_called() -> None:
    held = [
        Usage("svc", "disk", GB, "byte", "a", {"team": "red", "lab": "one"}),
        Usage("svc", "disk", 2 * GB, "byte", "b", {"team": "blue"}),
    ]
    calls = [call("PutThing", resource="a")] * 1000 + [call("PutThing", resource="c")] * 2000
    found = compute(held, calls, lab="two")
    # a: 0.10 + 0.50, b: 0.20, c: 1.00
    assert found.by("service") == {"svc": Decimal("1.8")}
    assert found.by("lab") == {"two": Decimal("1.2"), "one": Decimal("0.6")}
    assert found.by("tag", "team") == {
        "(untagged)": Decimal(1), "red": Decimal("0.6"), "blue": Decimal("0.2"),
    }
    assert list(found.by("tag")) == ["(untagged)", "lab=one, team=red", "team=blue"]
    assert sum(found.by("tag").values()) == found.total
    assert list(compute(held).by("lab")) == ["(no lab)", "one"]


# ---------------------------------------------------------------- the sheets


def test_every_sheet_is_dated_sourced_and_known_to_somebody() -> None:
    for service, sheet in sheets.load().items():
        assert sheet.source.startswith("aws.amazon.com/"), service
        assert all(re.search(r"20\d\d-\d\d", date) for date in sheet.quoted.values()), service
        metered = {meter.item for meter in sheet.meter} - {sheets.NONE}
        assert sheet.meter[-1].operations or metered, service


def test_machines_come_from_the_file_that_the_labs_read() -> None:
    from infra.cloud.prices import on_demand

    machine = sheets.load()["ec2"]
    price = machine.item["g5.xlarge"].price["us-east-1"]
    assert price == Decimal(str(on_demand("g5.xlarge", "us-east-1")))
    assert machine.quoted["us-east-1"] == "2026-06-17"


def test_what_engines_tell_has_a_price_and_is_not_counted_as_a_call_too() -> None:
    used = [
        Usage("lambda", "requests", 10**6, "request"), Usage("lambda", "duration", 60, "GB-second"),
        Usage("athena", "scanned", 2**40, "byte"),
        Usage("sagemaker", "ml.m5.large", 3600, "second"),
        Usage("states", "transition", 1000, "transition"),
    ]
    asked = {"lambda": "Invoke", "athena": "StartQueryExecution", "states": "StartExecution"}
    calls = [call(name, service=service) for service, name in asked.items()]
    found = bill.compute([], calls, used)
    # 0.20; 60 * 0.0000166667; 5; 0.115; 0.025
    assert {line.item: line.cost for line in found.lines} == {
        "requests": Decimal("0.2"), "duration": Decimal("0.001000002"), "scanned": 5,
        "ml.m5.large": Decimal("0.115"), "transition": Decimal("0.025"),
    }


def test_a_sheet_without_a_date_is_refused() -> None:
    broken = parse(SHEET.replace('eu-central-1 = "2026-01-03"', ""), Sheet, "sheet")
    with pytest.raises(RecordError, match=r"item\.disk: no date in quoted for eu-central-1"):
        sheets.check(broken, Path("sheet"))


# ---------------------------------------------------------------- a cloud of ours


def test_a_day_of_a_real_cloud(cloud: Cloud) -> None:
    cloud.bucket("larder")
    key = cloud.client("kms").create_key(Tags=[{"TagKey": "lab", "TagValue": "jam"}])
    arn = key["KeyMetadata"]["Arn"]
    cloud.client("s3").put_bucket_tagging(
        Bucket="larder", Tagging={"TagSet": [{"Key": "lab", "Value": "jam"}]}
    )
    ada = cloud.identity("ada", [allow(["*"])])
    s3 = cloud.client("s3", ada)
    for number in range(3):
        s3.put_object(
            Bucket="larder", Key=str(number), Body=b"x" * 2**20, SSEKMSKeyId=arn,
            ServerSideEncryption="aws:kms",
        )
    s3.get_object(Bucket="larder", Key="0")["Body"].read()
    s3.delete_object(Bucket="larder", Key="2")
    cloud.client("secretsmanager", ada).create_secret(Name="s", SecretString="x")
    cloud.use(Usage("sagemaker", "ml.m5.large", 1800, "second", "job", {"lab": "jam"}))
    found = bill.of(cloud, hours=24, lab="other")
    lines = {(line.service, line.item): line for line in found.lines}
    mib2 = Decimal(2 * 2**20)  # two objects are left
    expected = {
        ("s3", "storage-STANDARD"): mib2 / 2**30 * 24 / 730 * Decimal("0.0245"),
        ("s3", "tier-1"): 3 * Decimal("0.0054") / 1000,
        ("s3", "tier-2"): 1 * Decimal("0.00043") / 1000,
        ("s3", "transfer-out"): Decimal(2**20) / 2**30 * Decimal("0.09"),
        ("kms", "key"): Decimal(1) * 24 / 730,
        ("kms", "request"): 4 * Decimal("0.03") / 10000,  # three puts and a get used the key
        ("secretsmanager", "secret"): Decimal("0.40") * 24 / 730,
        ("secretsmanager", "request"): Decimal("0.05") / 10000,
        ("sagemaker", "ml.m5.large"): Decimal("0.115") / 2,
    }
    assert {key: line.cost for key, line in lines.items()} == {
        key: pytest.approx(cost, rel=Decimal("1e-20")) for key, cost in expected.items()
    }
    assert found.by("lab")["other"] == pytest.approx(
        expected["secretsmanager", "secret"] + expected["secretsmanager", "request"],
        rel=Decimal("1e-20"),
    )
    assert lines["sagemaker", "ml.m5.large"].note == "price of us-east-1"
    assert found.unpriced == ()


def test_what_is_to_be_deleted_costs_nothing_more(cloud: Cloud) -> None:
    kms, vault = cloud.client("kms"), cloud.client("secretsmanager")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    vault.create_secret(Name="s", SecretString="x")
    assert sorted(one.service for one in cloud.holdings) == ["kms", "secretsmanager"]
    kms.schedule_key_deletion(KeyId=key)
    vault.delete_secret(SecretId="s")
    assert cloud.holdings == []


def test_versions_and_unfinished_uploads_are_stored_too(cloud: Cloud) -> None:
    s3 = cloud.client("s3")
    cloud.bucket("larder")
    s3.put_bucket_versioning(
        Bucket="larder", VersioningConfiguration={"Status": "Enabled"}
    )
    for size in (100, 200):
        s3.put_object(Bucket="larder", Key="a", Body=b"x" * size)
    s3.delete_object(Bucket="larder", Key="a")
    s3.put_object(Bucket="larder", Key="b", Body=b"x" * 7, StorageClass="STANDARD_IA")
    upload = s3.create_multipart_upload(Bucket="larder", Key="c")["UploadId"]
    s3.upload_part(Bucket="larder", Key="c", UploadId=upload, PartNumber=1, Body=b"x" * 50)
    held = {one.item: one.exact for one in cloud.holdings}
    assert held == {"storage-STANDARD": 350, "storage-STANDARD_IA": 7}


def test_tables_queues_and_logs_of_a_real_cloud(cloud: Cloud) -> None:
    ada = cloud.identity("ada", [allow(["*"])])
    table = cloud.client("dynamodb", ada)
    table.create_table(
        TableName="t", KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST", Tags=[{"Key": "lab", "Value": "jam"}],
    )
    table.put_item(TableName="t", Item={"k": {"S": "1"}, "v": {"S": "x" * 1500}})
    table.get_item(TableName="t", Key={"k": {"S": "1"}})
    queue = cloud.client("sqs", ada)
    url = queue.create_queue(QueueName="q")["QueueUrl"]
    queue.send_message(QueueUrl=url, MessageBody="x" * 100_000)
    logs = cloud.client("logs", ada)
    logs.create_log_group(logGroupName="g")
    found = bill.of(cloud)
    lines = {(line.service, line.item): line for line in found.lines}
    assert lines["dynamodb", "write"].amount == 2  # 1.5 KiB: two units
    assert lines["dynamodb", "read"].amount == 1
    assert lines["dynamodb", "storage"].amount > 0
    assert lines["sqs", "standard"].amount == 3  # a queue made, a message of two times 64 KiB
    assert found.by("lab")["jam"] == found.by("service")["dynamodb"]


def test_a_bucket_key_spares_requests_to_kms(cloud: Cloud) -> None:
    cloud.bucket("larder")
    arn = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    s3 = cloud.client("s3", cloud.identity("ada", [allow(["*"])]))
    for spares in (False, True):
        default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn}
        rule = {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": spares}
        s3.put_bucket_encryption(
            Bucket="larder", ServerSideEncryptionConfiguration={"Rules": [rule]}
        )
        s3.put_object(Bucket="larder", Key="a", Body=b"x")
    assert [one.item for one in cloud.usage_records] == ["request"]


def test_the_door_reads_no_prices_and_keeps_one_record_a_use(cloud: Cloud) -> None:
    """What the bill needs is kept as it comes: nothing is added to a call without a key."""
    s3 = cloud.client("s3", cloud.identity("ada", [allow(["*"])]))
    cloud.bucket("larder")
    for number in range(20):
        s3.put_object(Bucket="larder", Key=str(number), Body=b"x")
    assert cloud.usage_records == []
