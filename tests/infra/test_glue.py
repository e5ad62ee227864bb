"""Glue: crawlers that read S3 with their role's rights, the catalog, IAM on all it consists of."""

from __future__ import annotations

import time

import pytest
from botocore.exceptions import ClientError

from infra.cloud.fixtures import allow, loopback, private_cloud, trusts
from tests.infra.client import code
from tests.infra.lake import Lake

pytest.importorskip("duckdb")
TRUST = {"Version": "2012-10-17", "Statement": [{
    "Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"},
    "Action": "sts:AssumeRole"}]}  # fmt: skip


@pytest.fixture(scope="module")
def lake():
    with loopback() as listener, private_cloud(listener) as cloud:
        made = Lake(cloud)
        made.put("raw/sales/year=2024/month=01/a.csv", "id,name,price\n1,ant,2.5\n2,bee,3\n")
        made.put("raw/sales/year=2024/month=02/a.csv", "id,name,price\n3,cat,4\n4,dog,5\n")
        made.put("raw/events/a.json", '{"id":1,"who":{"Name":"z"}}\n{"id":5000000000,"ok":true}\n')
        cloud.role("crawler", TRUST, [allow(["s3:*", "glue:*"])])
        cloud.role("blind", TRUST, [allow(["glue:*"])])
        yield made


def _crawl(lake: Lake, name: str) -> dict:
    lake.glue.start_crawler(Name=name)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        found = lake.glue.get_crawler(Name=name)["Crawler"]
        if found["State"] == "READY":
            return found
        assert found["State"] in {"RUNNING", "STOPPING"}
        time.sleep(0.02)
    raise TimeoutError(name)


def _make(lake: Lake, name: str, path: str = "s3://lake/raw/", role: str = "crawler", **more):
    lake.glue.create_crawler(
        Name=name, Role=role, DatabaseName="db", TablePrefix=f"{name}_",
        Targets={"S3Targets": [{"Path": path}]}, **more,
    )


def _columns(lake: Lake, table: str) -> dict[str, str]:
    found = lake.glue.get_table(DatabaseName="db", Name=table)["Table"]
    return {c["Name"]: c["Type"] for c in found["StorageDescriptor"]["Columns"]}


def test_a_crawler_makes_tables_that_can_be_queried(lake) -> None:
    lake.rows("CREATE TABLE parquet WITH (external_location = 's3://lake/raw/parquet/') AS "
              "SELECT 1 AS a, DATE '2020-01-01' AS d, ARRAY[1.5] AS l")
    _make(lake, "all")
    assert _crawl(lake, "all")["LastCrawl"]["Status"] == "SUCCEEDED"
    assert _columns(lake, "all_sales") == {"id": "bigint", "name": "string", "price": "double"}
    assert _columns(lake, "all_events") == {
        "id": "bigint", "who": "struct<Name:string>", "ok": "boolean"}
    assert _columns(lake, "all_parquet") == {"a": "int", "d": "date", "l": "array<decimal(2,1)>"}
    table = lake.glue.get_table(DatabaseName="db", Name="all_sales")["Table"]
    assert [k["Name"] for k in table["PartitionKeys"]] == ["year", "month"]
    assert table["Parameters"]["classification"] == "csv"
    assert lake.rows("SELECT * FROM all_sales WHERE month = '02' ORDER BY id") == [
        ["3", "cat", "4.0", "2024", "02"], ["4", "dog", "5.0", "2024", "02"]]
    assert lake.rows("SELECT id, who.name FROM all_events WHERE ok IS NULL") == [["1", "z"]]
    assert lake.rows("SELECT * FROM all_parquet") == [["1", "2020-01-01", "[1.5]"]]


def test_a_second_crawl_finds_what_is_new(lake) -> None:
    lake.put("grow/day=1/a.csv", "id,n\n1,1\n2,2\n")
    _make(lake, "grow", "s3://lake/grow/")
    _crawl(lake, "grow")
    lake.put("grow/day=2/a.csv", "id,n,more\n1,1.5,x\n2,2,y\n")
    _crawl(lake, "grow")
    table = "grow_grow"
    assert _columns(lake, table) == {"id": "bigint", "n": "double", "more": "string"}
    found = lake.glue.get_partitions(DatabaseName="db", TableName=table)["Partitions"]
    assert sorted(p["Values"] for p in found) == [["1"], ["2"]]
    only = lake.glue.get_partitions(DatabaseName="db", TableName=table, Expression="day = '2'")
    assert [p["Values"] for p in only["Partitions"]] == [["2"]]
    metrics = lake.glue.get_crawler_metrics(CrawlerNameList=["grow"])["CrawlerMetricsList"][0]
    assert (metrics["TablesCreated"], metrics["TablesUpdated"]) == (1, 1)
    runs = lake.glue.list_crawls(CrawlerName="grow")["Crawls"]
    assert [r["State"] for r in runs] == ["COMPLETED", "COMPLETED"]


def test_folders_of_one_schema_are_one_table(lake) -> None:
    for part in ("a", "b"):
        lake.put(f"same/{part}/x.csv", "id,n\n1,1\n2,2\n")
    _make(lake, "same", "s3://lake/same/")
    _crawl(lake, "same")
    table = lake.glue.get_table(DatabaseName="db", Name="same_same")["Table"]
    assert [k["Name"] for k in table["PartitionKeys"]] == ["partition_0"]


@pytest.mark.parametrize(("body", "columns"), [
    ("a,b\nc,d\n", {"col0": "string", "col1": "string"}),  # nothing tells a header from text
    ("1|2\n3|x\n", {"col0": "bigint", "col1": "string"}),
    ('"id","t"\n1,"a, b"\n2,"c"\n', {"id": "bigint", "t": "string"}),
    ('{"a":[1,2.5],"b":null}\n', {"a": "array<double>", "b": "string"}),
])
def test_what_the_built_in_classifiers_see(lake, body: str, columns: dict[str, str]) -> None:
    name = f"see{abs(hash(body)) % 10**6}"
    lake.put(f"{name}/x", body)
    _make(lake, name, f"s3://lake/{name}/")
    _crawl(lake, name)
    assert _columns(lake, f"{name}_{name}") == columns


def test_a_crawler_makes_the_database_that_it_writes_to(lake) -> None:
    lake.put("new/x.csv", "id,n\n1,1\n2,2\n")
    lake.glue.create_crawler(
        Name="maker", Role="crawler", DatabaseName="made-by-crawler", TablePrefix="maker_",
        Targets={"S3Targets": [{"Path": "s3://lake/new/"}]},
    )
    assert _crawl(lake, "maker")["LastCrawl"]["Status"] == "SUCCEEDED"
    tables = lake.glue.get_tables(DatabaseName="made-by-crawler")["TableList"]
    assert [table["Name"] for table in tables] == ["maker_new"]


def test_a_crawler_has_its_roles_rights(lake) -> None:
    _make(lake, "blind", role="blind")
    last = _crawl(lake, "blind")["LastCrawl"]
    assert last["Status"] == "FAILED"
    assert "Permission denied on S3 path" in last["ErrorMessage"]


def test_a_running_crawler_is_stopped(lake) -> None:
    _make(lake, "slow")
    lake.glue.start_crawler(Name="slow")
    assert code(lake.glue.start_crawler, Name="slow") == "CrawlerRunningException"
    lake.glue.stop_crawler(Name="slow")
    until = time.monotonic() + 60
    while lake.glue.get_crawler(Name="slow")["Crawler"]["State"] != "READY":
        assert time.monotonic() < until
        time.sleep(0.02)
    assert lake.glue.get_crawler(Name="slow")["Crawler"]["LastCrawl"]["Status"] == "CANCELLED"
    assert code(lake.glue.stop_crawler, Name="slow") == "CrawlerNotRunningException"
    lake.glue.delete_crawler(Name="slow")
    assert code(lake.glue.get_crawler, Name="slow") == "EntityNotFoundException"


def test_bad_crawlers_are_refused(lake) -> None:
    lake.cloud.role("untrusted", trusts(f"arn:aws:iam::{lake.cloud.account}:root"))
    with pytest.raises(ClientError, match="unable to assume"):
        _make(lake, "no", role="untrusted")
    with pytest.raises(ClientError, match="unable to assume"):
        _make(lake, "no", role="nobody")
    with pytest.raises(ClientError, match="S3Targets only: JdbcTargets"):
        lake.glue.create_crawler(Name="no", Role="crawler", DatabaseName="db", Targets={
            "JdbcTargets": [{"ConnectionName": "c"}]})
    with pytest.raises(ClientError, match="built-in classifiers only"):
        _make(lake, "no", Classifiers=["mine"])


def test_what_would_be_recorded_and_never_run_is_refused(lake) -> None:
    with pytest.raises(ClientError, match="runs no jobs"):
        lake.glue.start_job_run(JobName="etl")


def test_a_table_hangs_on_catalog_database_and_itself(lake) -> None:
    start = f"arn:aws:glue:{lake.cloud.region}:{lake.cloud.account}:"
    parts = [f"{start}catalog", f"{start}database/db", f"{start}table/db/all_sales"]
    whole = lake.cloud.identity("whole", [allow(["glue:GetTable"], parts)])
    lake.cloud.client("glue", whole).get_table(DatabaseName="db", Name="all_sales")
    for number in range(3):
        kept = [part for part in parts if part != parts[number]]
        lame = lake.cloud.identity(f"lame{number}", [allow(["glue:GetTable"], kept)])
        with pytest.raises(ClientError, match="not authorized") as refused:
            lake.cloud.client("glue", lame).get_table(DatabaseName="db", Name="all_sales")
        assert parts[number] in str(refused.value)


def test_a_crawlers_role_must_be_passed(lake) -> None:
    maker = lake.cloud.identity("maker", [allow(["glue:*"])])
    glue = lake.cloud.client("glue", maker)
    with pytest.raises(ClientError, match="iam:PassRole"):
        glue.create_crawler(Name="mine", Role="crawler", DatabaseName="db", Targets={
            "S3Targets": [{"Path": "s3://lake/raw/"}]})


def test_names_are_folded_as_the_catalog_folds_them(lake) -> None:
    lake.glue.create_table(DatabaseName="DB", TableInput={"Name": "MiXed"})
    assert lake.glue.get_table(DatabaseName="db", Name="MIXED")["Table"]["Name"] == "mixed"
    assert code(lake.glue.create_table, DatabaseName="db", TableInput={
        "Name": "mixed"}) == "AlreadyExistsException"
