"""The rows of a query: its result file in S3, read page by page.

Limit: read anew for each page, with the reader's rights, as the service does.
"""

from __future__ import annotations

import re
from typing import Any

from infra.cloud import behalf
from infra.cloud.athena.executions import Execution
from infra.cloud.athena.groups import invalid
from infra.cloud.calls import Call
from infra.cloud.errors import Answer, AwsError
from infra.cloud.inside import Inside, Later
from infra.cloud.island import plain

_CELL = re.compile(r'(?:"((?:[^"]|"")*)")?(,|\n)')


def page_of(call: Call, inside: Inside, one: Execution) -> Answer | Later:
    """Return a page of a query's result, read from S3 with the caller's rights."""
    if one.state in {"FAILED", "CANCELLED"}:
        raise invalid(f"Query did not finish successfully. Final query state: {one.state}")
    if not one.ended:
        raise invalid(f"Query has not yet finished. Current state: {one.state}")
    most = int(call.params.get("MaxResults") or 1000)
    if not 1 <= most <= 1000:
        raise invalid("MaxResults must be from 1 to 1000")
    begin = _position(call.params.get("NextToken"), one)
    if not one.location:
        return plain(_page(one, [], 0, most))

    def later() -> Answer:
        return plain(_page(one, _rows(inside, call, one), begin, most))

    return later


def _position(token: Any, one: Execution) -> int:
    if not token:
        return 0
    found = re.fullmatch(rf"{one.id}\.(\d{{1,12}})", str(token))
    if not found:
        raise invalid("Invalid nextToken")
    return int(found[1])


def _rows(inside: Inside, call: Call, one: Execution) -> list[list[str | None]]:
    from botocore.exceptions import ClientError

    bucket, _, key = one.location.removeprefix("s3://").partition("/")
    try:
        found = behalf.client(inside, call.caller, "s3").get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "AccessDenied":
            raise AwsError("AccessDeniedException", f"Access denied to {one.location}") from None
        raise invalid(f"Could not find results of query {one.id}: {code}") from None
    text = found["Body"].read().decode()
    if one.location.endswith(".txt"):
        return [list(line.split("\t")) for line in text.split("\n")[:-1]]
    return list(cells(text))


def cells(text: str) -> list[list[str | None]]:
    """Read a result file: quoted values, NULL as nothing between commas."""
    rows: list[list[str | None]] = []
    row: list[str | None] = []
    for match in _CELL.finditer(text):
        value, end = match[1], match[2]
        row.append(None if value is None else value.replace('""', '"'))
        if end == "\n":
            rows.append(row)
            row = []
    return rows


def _page(
    one: Execution, rows: list[list[str | None]], begin: int, most: int
) -> dict[str, Any]:
    part = rows[begin:begin + most]
    found: dict[str, Any] = {
        "ResultSet": {
            "Rows": [{"Data": [{} if v is None else {"VarCharValue": v} for v in row]}
                     for row in part],
            "ResultSetMetadata": {"ColumnInfo": [_info(c) for c in one.columns]},
        },
        "UpdateCount": one.updated,
    }  # fmt: skip
    if begin + most < len(rows):
        found["NextToken"] = f"{one.id}.{begin + most}"
    return found


def _info(column: dict[str, Any]) -> dict[str, Any]:
    return {
        "CatalogName": "hive", "SchemaName": "", "TableName": "", "Label": column["Name"],
        "Nullable": "UNKNOWN", "CaseSensitive": column["Type"] in {"varchar", "char"}, **column,
    }
