"""Athena by its official client: tables over S3, what a query costs, rights, states, results."""

from __future__ import annotations

import gzip
import json

import pytest
from botocore.exceptions import ClientError

from infra.cloud.fixtures import allow, loopback, private_cloud
from tests.infra.client import code
from tests.infra.lake import RESULTS, Lake

pytest.importorskip("duckdb")
CSV = """CREATE EXTERNAL TABLE {name} (id int, name string, price double)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' STORED AS TEXTFILE LOCATION 's3://lake/{name}/'
TBLPROPERTIES ('skip.header.line.count'='1')"""


@pytest.fixture(scope="module")
def lake():
    with loopback() as listener, private_cloud(listener) as cloud:
        made = Lake(cloud)
        made.put("sales/a.csv", "id,name,price\n1,ant,2.5\n2,\\N,zz\n")
        made.put("sales/b.csv.gz", gzip.compress(b"id,name,price\n3,cat,1e7\n"))
        made.put("sales/_SUCCESS", "not,a,row\n")
        made.rows(CSV.format(name="sales"))
        made.rows(
            "CREATE TABLE parts WITH (external_location = 's3://lake/parts/', "
            "partitioned_by = ARRAY['day']) AS SELECT n AS id, repeat_text AS text, "
            "CAST(n % 4 AS varchar) AS day FROM (SELECT n, lpad('', 50, CAST(n AS varchar)) AS "
            "repeat_text FROM UNNEST(sequence(1, 400)) AS t(n))"
        )
        yield made


# ---------------------------------------------------------------- reading


def test_delimited_text_is_read_as_lazy_simple_does(lake) -> None:
    """A header is skipped in each file, \\N is NULL, what does not parse is NULL."""
    assert lake.rows("SELECT * FROM sales ORDER BY id") == [
        ["1", "ant", "2.5"], ["2", None, None], ["3", "cat", "1.0E7"],
    ]


def test_text_counts_whole_objects_as_they_lie_in_s3(lake) -> None:
    """The compressed size, whatever the query asks for; hidden files are no part of a table."""
    sizes = {o["Key"]: o["Size"] for o in lake.s3.list_objects_v2(
        Bucket="lake", Prefix="sales/")["Contents"]}
    whole = sizes["sales/a.csv"] + sizes["sales/b.csv.gz"]
    assert lake.scan("SELECT id FROM sales WHERE id = 1") == whole
    assert lake.scan("SELECT count(*) FROM sales") == whole


def test_parquet_counts_the_columns_that_are_read(lake) -> None:
    one, both = lake.scan("SELECT id FROM parts"), lake.scan("SELECT id, text FROM parts")
    everything = lake.scan("SELECT * FROM parts")
    assert 0 < one < both == everything
    assert lake.scan("SELECT count(*) FROM parts") == 0
    stored = sum(o["Size"] for o in lake.s3.list_objects_v2(
        Bucket="lake", Prefix="parts/")["Contents"])
    assert everything < stored  # footers are no column


@pytest.mark.parametrize("where", [
    "day = '1'", "day IN ('1')", "day BETWEEN '1' AND '1'", "CAST(day AS integer) = 1",
    "day > '0' AND day < '2'", "day LIKE '1%'", "NOT day <> '1'", "id > 0 AND day = '1'",
])
def test_only_matching_partitions_are_read_and_counted(lake, where: str) -> None:
    mark = len(lake.cloud.log)
    done = lake.ask(f"SELECT sum(id) FROM parts WHERE {where}")
    assert done.rows == [[str(sum(range(1, 401, 4)))]]
    keys = [c.resource for c in lake.cloud.log_since(mark)
            if c.operation == "GetObject" and "/parts/" in c.resource]
    assert [k for k in keys if "day=1/" not in k] == []
    assert len(keys) == 1
    assert done.scanned < lake.scan("SELECT sum(id) FROM parts") / 3


def test_a_predicate_reaches_through_subqueries_and_joins(lake) -> None:
    alone = lake.scan("SELECT id FROM parts WHERE day = '2'")
    for sql in (
        "WITH p AS (SELECT id, day FROM parts) SELECT id FROM p WHERE day = '2'",
        "SELECT id FROM (SELECT * FROM parts) AS p WHERE p.day = '2'",
    ):
        assert lake.scan(sql) == alone
    twice = lake.scan(
        "SELECT a.id FROM parts a JOIN parts b ON a.id = b.id WHERE a.day = '2' AND b.day = '2'")
    assert twice == 2 * alone


def test_an_outer_join_brings_rows_back(lake) -> None:
    """What is true of NULL must not lose the partitions that would have matched."""
    ids = "(VALUES 1, 2, 2000) AS v(n)"
    assert lake.rows(
        f"SELECT n FROM {ids} LEFT JOIN parts ON parts.id = n WHERE parts.day IS NULL"
    ) == [["2000"]]
    assert lake.rows(
        f"SELECT n, day FROM {ids} LEFT JOIN parts ON parts.id = n AND day = '1' ORDER BY n"
    ) == [["1", "1"], ["2", None], ["2000", None]]
    assert lake.rows(
        f"SELECT n FROM parts RIGHT JOIN {ids} ON parts.id = n AND parts.day = '3' ORDER BY n"
    ) == [["1"], ["2"], ["2000"]]


def test_what_cannot_be_told_is_read(lake) -> None:
    """A predicate that is not understood must never lose rows."""
    assert lake.rows("SELECT count(*) FROM parts WHERE length(day) = 1 OR day = '9'") == [["400"]]
    assert lake.rows("SELECT count(*) FROM parts WHERE day = '1' OR id = 2") == [["101"]]


def test_json_and_quoted_csv(lake) -> None:
    rows = [{"ID": 1, "who": {"age": 3}, "tags": ["x", "y"]}, {"id": 2, "extra": True}]
    lake.put("events/a.json", "\n".join(json.dumps(r) for r in rows))
    lake.rows("CREATE EXTERNAL TABLE events (id bigint, who struct<age:int>, tags array<string>) "
              "ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe' LOCATION 's3://lake/events/'")
    assert lake.rows("SELECT id, who.age, tags[2], cardinality(tags) FROM events ORDER BY id") == [
        ["1", "3", "y", "2"], ["2", None, None, None],
    ]
    lake.put("quoted/a.csv", 'a,"b, ""c""",1\n')
    lake.rows("CREATE EXTERNAL TABLE quoted (a string, b string, n int) ROW FORMAT SERDE "
              "'org.apache.hadoop.hive.serde2.OpenCSVSerde' LOCATION 's3://lake/quoted/'")
    assert lake.rows("SELECT b, n FROM quoted") == [['b, "c"', "1"]]
    lake.put("events/broken.json", "no json\n")
    assert "HIVE" in lake.reason("SELECT * FROM events")
    lake.put("quoted/b.csv", "a,b,many\n")
    assert lake.reason("SELECT n FROM quoted").startswith(
        "HIVE_BAD_DATA: Error parsing field value 'many' for field 2")


def test_a_file_that_is_not_what_the_table_says(lake) -> None:
    lake.put("wrong/a", "text")
    lake.rows("CREATE EXTERNAL TABLE wrong (a int) STORED AS PARQUET LOCATION 's3://lake/wrong/'")
    assert lake.reason("SELECT * FROM wrong").startswith("HIVE_BAD_DATA: Not valid Parquet file")
    lake.rows("CREATE EXTERNAL TABLE typed (id string) PARTITIONED BY (day string) "
              "STORED AS PARQUET LOCATION 's3://lake/parts/'")
    lake.rows("MSCK REPAIR TABLE typed")
    assert "incompatible with type text" in lake.reason("SELECT id FROM typed")


def test_a_fraction_is_no_whole_number(lake) -> None:
    """Parquet stores what it was given: a DOUBLE is no bigint, whatever the catalog says."""
    lake.rows("CREATE TABLE priced WITH (format='PARQUET', external_location='s3://lake/priced/') "
              "AS SELECT CAST(1.5 AS double) AS price, CAST(2 AS integer) AS n")
    for name, kinds in (("asked", "price bigint"), ("wider", "price double, n bigint"),
                        ("approximate", "n double")):
        lake.rows(f"CREATE EXTERNAL TABLE {name} ({kinds}) STORED AS PARQUET "
                  "LOCATION 's3://lake/priced/'")
    assert lake.reason("SELECT price FROM asked").startswith(
        "HIVE_BAD_DATA: Field price's type DOUBLE in parquet file s3://lake/priced/")
    assert lake.rows("SELECT price, n FROM wider") == [["1.5", "2"]]
    assert lake.rows("SELECT n FROM approximate") == [["2.0"]]


# ---------------------------------------------------------------- statements


def test_ddl_as_glue_sees_it(lake) -> None:
    table = lake.glue.get_table(DatabaseName="db", Name="sales")["Table"]
    assert table["TableType"] == "EXTERNAL_TABLE"
    assert table["Parameters"]["skip.header.line.count"] == "1"
    assert table["StorageDescriptor"]["SerdeInfo"]["Parameters"]["field.delim"] == ","
    kinds = [(c["Name"], c["Type"]) for c in table["StorageDescriptor"]["Columns"]]
    assert kinds == [("id", "int"), ("name", "string"), ("price", "double")]
    assert ["price", "double", ""] in lake.rows("DESCRIBE sales")
    assert ["sales"] in lake.rows("SHOW TABLES 'sal*'")
    assert lake.rows("SHOW CREATE TABLE sales")[0] == ["CREATE EXTERNAL TABLE `db`.`sales`("]
    lake.rows("ALTER TABLE sales ADD COLUMNS (extra string)")
    assert lake.rows("SELECT extra FROM sales LIMIT 1") == [[None]]
    lake.rows("ALTER TABLE sales SET TBLPROPERTIES ('note'='x')")
    assert ["note", "x"] in lake.rows("SHOW TBLPROPERTIES sales")


def test_partitions_by_repair_and_by_hand(lake) -> None:
    for day in ("01", "02"):
        lake.put(f"byday/day={day}/a.csv", f"{day},x,1\n")
    lake.rows("CREATE EXTERNAL TABLE byday (id int, name string, price double) PARTITIONED BY "
              "(day string) ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' "
              "LOCATION 's3://lake/byday/'")
    assert lake.rows("SELECT * FROM byday") == []
    said = lake.rows("MSCK REPAIR TABLE byday")
    assert ["Repair: Added partition to metastore byday:day=01"] in said
    assert lake.rows("MSCK REPAIR TABLE byday") == []
    assert lake.rows("SHOW PARTITIONS byday") == [["day=01"], ["day=02"]]
    lake.put("elsewhere/a.csv", "9,z,1\n")
    lake.rows("ALTER TABLE byday ADD PARTITION (day='09') LOCATION 's3://lake/elsewhere/'")
    assert lake.rows("SELECT id, day FROM byday ORDER BY id") == [
        ["1", "01"], ["2", "02"], ["9", "09"]]
    assert "already exists" in lake.reason("ALTER TABLE byday ADD PARTITION (day='09')")
    lake.rows("ALTER TABLE byday ADD IF NOT EXISTS PARTITION (day='09')")
    lake.rows("ALTER TABLE byday DROP PARTITION (day='09')")
    assert lake.rows("SELECT count(*) FROM byday") == [["2"]]


def test_tables_from_queries_and_rows_into_tables(lake) -> None:
    made = lake.ask("CREATE TABLE texts WITH (format = 'TEXTFILE', field_delimiter = '|', "
                    "external_location = 's3://lake/texts/') AS SELECT id, name FROM sales")
    assert made.state == "SUCCEEDED"
    assert lake.rows("SELECT name FROM texts WHERE id = 3") == [["cat"]]
    lake.rows("INSERT INTO texts VALUES (7, 'new'), (8, NULL)")
    assert lake.rows("SELECT id, name FROM texts WHERE id > 6 ORDER BY 1") == [
        ["7", "new"], ["8", None]]
    assert "mismatched column types" in lake.reason("INSERT INTO texts SELECT 1")
    assert "already exists" in lake.reason("CREATE TABLE texts AS SELECT 1 AS a")
    assert lake.reason(
        "CREATE TABLE two WITH (external_location = 's3://lake/texts/') AS SELECT 1 AS a"
    ).startswith("HIVE_PATH_ALREADY_EXISTS")
    lake.rows("INSERT INTO parts SELECT 1000, 'x', '9'")
    assert lake.rows("SELECT id FROM parts WHERE day = '9'") == [["1000"]]
    lake.rows("ALTER TABLE parts DROP PARTITION (day = '9')")
    lake.rows("UNLOAD (SELECT id FROM sales) TO 's3://lake/unloaded/' WITH (format = 'JSON')")
    found = lake.s3.list_objects_v2(Bucket="lake", Prefix="unloaded/")["Contents"]
    body = lake.s3.get_object(Bucket="lake", Key=found[0]["Key"])["Body"].read()
    assert json.loads(gzip.decompress(body).splitlines()[0]) == {"id": 1}


def test_more_than_a_hundred_partitions_are_refused(lake) -> None:
    assert lake.reason(
        "CREATE TABLE many WITH (partitioned_by = ARRAY['k'], external_location = "
        "'s3://lake/many/') AS SELECT 1 AS a, n AS k FROM UNNEST(sequence(1, 101)) AS t(n)"
    ).startswith("HIVE_TOO_MANY_OPEN_PARTITIONS")


def test_views(lake) -> None:
    lake.rows("CREATE VIEW cheap AS SELECT id, price FROM sales WHERE price < 100")
    lake.rows("CREATE VIEW cheaper AS SELECT id FROM cheap")
    assert lake.rows("SELECT * FROM cheaper") == [["1"]]
    table = lake.glue.get_table(DatabaseName="db", Name="cheap")["Table"]
    assert table["TableType"] == "VIRTUAL_VIEW"
    assert [c["Type"] for c in table["StorageDescriptor"]["Columns"]] == ["int", "double"]
    assert "View already exists" in lake.reason("CREATE VIEW cheap AS SELECT 1 AS a")
    lake.rows("CREATE OR REPLACE VIEW cheap AS SELECT 1 AS id")
    assert lake.rows("SELECT * FROM cheaper") == [["1"]]
    assert "is a view" in lake.reason("DROP TABLE cheap")
    lake.rows("DROP VIEW cheaper")
    assert lake.reason("SELECT * FROM cheaper").startswith("TABLE_NOT_FOUND")


def test_explain_reads_nothing(lake) -> None:
    done = lake.ask("EXPLAIN SELECT id FROM parts WHERE day = '1'")
    text = "\n".join(row[0] or "" for row in done.rows)
    assert done.scanned == 0
    assert "db.parts: id" in text
    assert "'1'" in text


def test_prepared_statements_and_parameters(lake) -> None:
    lake.athena.create_prepared_statement(
        StatementName="by_id", WorkGroup="primary", QueryStatement="SELECT name FROM sales "
        "WHERE id = ? OR name = ?")
    assert lake.rows("EXECUTE by_id USING 1, 'none'") == [["ant"]]
    assert lake.rows("SELECT ? || ?", ExecutionParameters=["'a'", "'b'"]) == [["ab"]]
    assert "expected 1 but found 0" in lake.reason("SELECT ?")
    assert "Not a literal" in lake.reason("SELECT ?", ExecutionParameters=["(SELECT 1)"])
    assert "not found" in lake.reason("EXECUTE nobody")
    assert code(lake.athena.get_prepared_statement, StatementName="no",
                WorkGroup="primary") == "ResourceNotFoundException"


@pytest.mark.parametrize(("sql", "reason"), [
    ("SELECT nope FROM sales", "COLUMN_NOT_FOUND: line 1:8: Column 'nope' cannot be resolved"),
    ("SELECT * FROM nope", "TABLE_NOT_FOUND: line 1:1: Table 'awsdatacatalog.db.nope' does not"),
    ("SELECT * FROM no.sales", "SCHEMA_NOT_FOUND: line 1:1: Schema 'no' does not exist"),
    ("SELECT 1/0", "DIVISION_BY_ZERO: Division by zero"),
    ("SELECT CAST('x' AS integer)", "INVALID_CAST_ARGUMENT: "),
    ("SELECT name, count(*) FROM sales", "EXPRESSION_NOT_AGGREGATE: "),
    ("SELECT 1 +", "line 1:"),
    ("SELECT 1; SELECT 2", "Only one sql statement is allowed"),
    ("DELETE FROM sales", "Queries of this type are not supported"),
    ("CREATE TABLE plain (a int)", "Only external table creation is supported"),
])
def test_a_query_that_fails_says_why(lake, sql: str, reason: str) -> None:
    assert lake.reason(sql).startswith(reason)


# ---------------------------------------------------------------- results and states


def test_results_page_by_page_and_as_a_file(lake) -> None:
    query = lake.start("SELECT n, CAST(NULL AS varchar) AS nothing, '' AS empty, 'a\"b' AS quote "
                       "FROM UNNEST(sequence(1, 5)) AS t(n)")
    lake.wait(query)
    first = lake.athena.get_query_results(QueryExecutionId=query, MaxResults=3)
    assert first["ResultSet"]["Rows"][0]["Data"][0] == {"VarCharValue": "n"}
    assert first["ResultSet"]["Rows"][1]["Data"] == [
        {"VarCharValue": "1"}, {}, {"VarCharValue": ""}, {"VarCharValue": 'a"b'}]
    more = lake.athena.get_query_results(QueryExecutionId=query, NextToken=first["NextToken"])
    assert len(more["ResultSet"]["Rows"]) == 3
    assert "NextToken" not in more
    kinds = [c["Type"] for c in first["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]]
    assert kinds[1:] == ["varchar"] * 3
    body = lake.s3.get_object(Bucket="results", Key=f"{query}.csv")["Body"].read()
    assert body.splitlines()[:2] == [b'"n","nothing","empty","quote"', b'"1",,"","a""b"']
    lake.s3.delete_object(Bucket="results", Key=f"{query}.csv")
    assert code(lake.athena.get_query_results, QueryExecutionId=query) == "InvalidRequestException"


def test_a_running_query_is_cancelled_and_its_process_ends(lake) -> None:
    import psutil

    endless = "WITH RECURSIVE r(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM r) SELECT sum(a) FROM r"
    query = lake.start(endless)
    shown = lake.athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]
    assert shown["Status"]["State"] in {"QUEUED", "RUNNING"}
    with pytest.raises(ClientError, match="has not yet finished"):
        lake.athena.get_query_results(QueryExecutionId=query)
    lake.athena.stop_query_execution(QueryExecutionId=query)
    assert lake.wait(query)["Status"]["State"] == "CANCELLED"
    with pytest.raises(ClientError, match="Final query state: CANCELLED"):
        lake.athena.get_query_results(QueryExecutionId=query)
    assert lake.rows("SELECT 1") == [["1"]]
    for child in psutil.Process(lake.cloud._child.pid).children(recursive=True):
        assert "athena.worker" not in " ".join(child.cmdline())


def test_the_api_refuses_as_the_service_does(lake) -> None:
    athena = lake.athena
    with pytest.raises(ClientError, match="No output location provided"):
        athena.start_query_execution(QueryString="SELECT 1")
    with pytest.raises(ClientError, match="output bucket nowhere"):
        lake.start("SELECT 1", ResultConfiguration={"OutputLocation": "s3://nowhere/"})
    with pytest.raises(ClientError, match="WorkGroup none is not found"):
        lake.start("SELECT 1", WorkGroup="none")
    with pytest.raises(ClientError, match="was not found"):
        athena.get_query_execution(QueryExecutionId="no")
    query = lake.start("SELECT 1", ClientRequestToken="t" * 32)
    assert lake.start("SELECT 1", ClientRequestToken="t" * 32) == query
    with pytest.raises(ClientError, match="Idempotent parameters"):
        lake.start("SELECT 2", ClientRequestToken="t" * 32)
    with pytest.raises(ClientError, match="NotImplemented"):
        athena.list_notebook_metadata(WorkGroup="primary")
    lake.wait(query)
    found = athena.batch_get_query_execution(QueryExecutionIds=[query, "no"])
    assert [q["QueryExecutionId"] for q in found["QueryExecutions"]] == [query]
    assert found["UnprocessedQueryExecutionIds"][0]["QueryExecutionId"] == "no"
    assert query in athena.list_query_executions()["QueryExecutionIds"]


def test_workgroups_decide(lake) -> None:
    athena = lake.athena
    athena.create_work_group(Name="thrifty", Configuration={
        "ResultConfiguration": {"OutputLocation": "s3://results/thrifty"},
        "EnforceWorkGroupConfiguration": True, "BytesScannedCutoffPerQuery": 10_000_000,
    }, Tags=[{"Key": "team", "Value": "data"}])  # fmt: skip
    done = lake.ask("SELECT 1", WorkGroup="thrifty")
    where = done.execution["ResultConfiguration"]["OutputLocation"]
    assert where.startswith("s3://results/thrifty/")  # and not where the client asked
    used = lake.cloud.usage_records[-1]
    assert (used.service, used.item, used.exact, used.unit) == ("athena", "scanned", 10**7, "byte")
    assert used.resource.endswith("workgroup/thrifty")
    assert used.tags == {"team": "data"}
    lake.put("big/a.csv", b"x,y,1\n" * 1_800_000)
    lake.rows(CSV.format(name="big"))
    stopped = lake.ask("SELECT count(*) FROM big", WorkGroup="thrifty")
    assert (stopped.state, stopped.reason) == ("CANCELLED", "Bytes scanned limit was exceeded")
    assert lake.cloud.usage_records[-1].exact == 11_000_000  # 10.8 MB, rounded up
    with pytest.raises(ClientError, match="is not empty"):
        athena.delete_work_group(WorkGroup="thrifty")
    athena.update_work_group(WorkGroup="thrifty", State="DISABLED")
    with pytest.raises(ClientError, match="is disabled"):
        lake.start("SELECT 1", WorkGroup="thrifty")
    athena.delete_work_group(WorkGroup="thrifty", RecursiveDeleteOption=True)
    names = [g["Name"] for g in athena.list_work_groups()["WorkGroups"]]
    assert names == ["primary"]


def test_catalog_changes_and_failures_cost_nothing(lake) -> None:
    before = len(lake.cloud.usage_records)
    lake.rows("SHOW TABLES")
    lake.reason("SELECT * FROM nope")
    assert len(lake.cloud.usage_records) == before
    lake.rows("SELECT 1")
    assert lake.cloud.usage_records[-1].exact == 10_000_000


def test_named_queries(lake) -> None:
    made = lake.athena.create_named_query(
        Name="n", Database="db", QueryString="SELECT 1")["NamedQueryId"]
    assert made in lake.athena.list_named_queries()["NamedQueryIds"]
    found = lake.athena.batch_get_named_query(NamedQueryIds=[made, "no"])
    assert found["NamedQueries"][0]["QueryString"] == "SELECT 1"
    assert found["UnprocessedNamedQueryIds"][0]["NamedQueryId"] == "no"
    lake.athena.delete_named_query(NamedQueryId=made)
    assert code(lake.athena.get_named_query, NamedQueryId=made) == "InvalidRequestException"


# ---------------------------------------------------------------- rights


def _reader(lake: Lake, name: str, *more):
    return lake.cloud.identity(name, [
        allow(["athena:*"]), allow(["s3:GetObject", "s3:PutObject"], ["arn:aws:s3:::results/*"]),
        *more,
    ])  # fmt: skip


def test_a_query_has_its_callers_rights_and_no_others(lake) -> None:
    catalog = allow(["glue:Get*"])
    bucket = allow(["s3:ListBucket"], ["arn:aws:s3:::lake"])
    objects = allow(["s3:GetObject"], ["arn:aws:s3:::lake/parts/day=1/*"])
    blind = lake.ask("SELECT * FROM parts", _reader(lake, "no-glue"))
    assert blind.reason.startswith("Insufficient permissions to execute the query.")
    assert "glue:GetTable" in blind.reason
    listless = lake.ask("SELECT * FROM parts", _reader(lake, "no-s3", catalog))
    assert listless.reason.startswith("Permission denied on S3 path: s3://lake/parts/")
    some = _reader(lake, "one-day", catalog, bucket, objects)
    assert lake.ask("SELECT sum(id) FROM parts WHERE day = '1'", some).state == "SUCCEEDED"
    mark = len(lake.cloud.log)
    refused = lake.ask("SELECT sum(id) FROM parts WHERE day = '2'", some)
    assert refused.reason.startswith("Permission denied on S3 path: s3://lake/parts/day=2/")
    calls = [c for c in lake.cloud.log_since(mark) if c.operation == "GetObject"]
    assert {c.by for c in calls} == {"service"}
    assert calls[0].principal.endswith("user/one-day")
    assert calls[0].error == "AccessDenied"


def test_a_result_is_written_with_the_callers_rights(lake) -> None:
    mute = lake.cloud.identity("mute", [allow(["athena:*"])])
    assert lake.ask("SELECT 1", mute).reason.startswith("Access denied when writing output to url")


def test_iam_holds_per_workgroup(lake) -> None:
    arn = f"arn:aws:athena:{lake.cloud.region}:{lake.cloud.account}:workgroup/primary"
    someone = lake.cloud.identity("someone", [allow(["athena:StartQueryExecution"], [arn])])
    athena = lake.cloud.client("athena", someone)
    athena.start_query_execution(
        QueryString="SELECT 1", ResultConfiguration={"OutputLocation": RESULTS})
    assert code(athena.get_work_group, WorkGroup="primary") == "AccessDeniedException"
    asked = [call for call in lake.cloud.log if call.action == "athena:GetWorkGroup"]
    assert asked[-1].resource == arn  # whatever the query writes meanwhile
