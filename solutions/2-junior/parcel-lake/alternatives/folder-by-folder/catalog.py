"""The catalog through Glue's own API: a table, and a partition for each folder that S3 lists."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3

SITE: dict[str, str] = json.loads(Path("site.json").read_text())
WHERE = {"DatabaseName": SITE["database"]}
COLUMNS = {
    "scan": "string", "parcel": "bigint", "depot": "string", "event": "string", "at": "timestamp",
    "battery": "int", "photo": "string",
}  # fmt: skip
HIVE = "org.apache.hadoop.hive.ql.io.parquet"


def stored(place: str) -> dict[str, Any]:
    """Describe Parquet that lies somewhere."""
    return {
        "Columns": [{"Name": name, "Type": kind} for name, kind in COLUMNS.items()],
        "Location": place,
        "InputFormat": f"{HIVE}.MapredParquetInputFormat",
        "OutputFormat": f"{HIVE}.MapredParquetOutputFormat",
        "SerdeInfo": {"SerializationLibrary": f"{HIVE}.serde.ParquetHiveSerDe"},
    }


def main() -> None:
    """Register what is not registered yet."""
    glue, s3 = boto3.client("glue"), boto3.client("s3")
    place = f"s3://{SITE['bucket']}/{SITE['prefix']}"
    try:
        glue.create_database(DatabaseInput={"Name": SITE["database"]})
        glue.create_table(**WHERE, TableInput={
            "Name": SITE["table"], "TableType": "EXTERNAL_TABLE",
            "StorageDescriptor": stored(place), "PartitionKeys": [{"Name": "day", "Type": "date"}],
        })  # fmt: skip
    except glue.exceptions.AlreadyExistsException:
        pass
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=SITE["bucket"], Prefix=SITE["prefix"]
    )
    keys = [one["Key"] for page in pages for one in page.get("Contents", [])]
    days = sorted({key.split("day=")[1].split("/")[0] for key in keys})
    for start in range(0, len(days), 100):
        glue.batch_create_partition(**WHERE, TableName=SITE["table"], PartitionInputList=[
            {"Values": [day], "StorageDescriptor": stored(f"{place}day={day}/")}
            for day in days[start : start + 100]
        ])  # fmt: skip  (those that are there come back as errors in the answer, and may)


if __name__ == "__main__":
    main()
