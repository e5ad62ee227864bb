"""One night at Larkmoor: a Spark session and the orders of a file, one after the other.

    python night.py orders.json

An order is {"do": "ingest", ...} or {"do": "board", ...}, or something that happens without you:
a file arrives, the lake is copied aside, the lake loses a day. What becomes of order number 3
stands in `done/3.json`; Spark's own account of the night stands in `events`.

Given; not yours to change. On AWS only two things here would be different: the session comes from
EMR or Glue, and paths begin with s3a:// or s3://.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tarfile
import traceback
from pathlib import Path
from typing import Any

SETTINGS = {
    "spark.master": "local[1]",
    "spark.app.name": "night",
    "spark.driver.memory": "600m",  # a cap: what you collect has to fit beside Spark itself
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.extraJavaOptions": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    "spark.hadoop.fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem",  # no .crc: S3 has none
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "8",
    "spark.sql.files.minPartitionNum": "8",  # as many tasks read
    "spark.sql.adaptive.enabled": "false",  # the real night is too large for it to hide anything
    "spark.sql.autoBroadcastJoinThreshold": "-1",  # and too large to be sent to everybody
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "1000",  # a small disk lists fast
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.eventLog.enabled": "true",
    "spark.eventLog.compress": "false",
    "spark.eventLog.rolling.enabled": "false",
}


def session(events: Path) -> Any:
    """Return a Spark session that keeps its event log in a folder."""
    os.environ |= {"SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
    from pyspark.sql import SparkSession

    events.mkdir(exist_ok=True)
    builder = SparkSession.builder.config("spark.eventLog.dir", events.absolute().as_uri())
    for name, value in SETTINGS.items():
        builder = builder.config(name, value)
    made = builder.getOrCreate()
    made.sparkContext.setLogLevel("ERROR")
    return made


def carry_out(spark: Any, order: dict[str, Any]) -> None:
    """Do one order."""
    if order["do"] == "copy":
        with tarfile.open(order["to"], "w") as kept:
            kept.add(order["lake"], arcname="")
    elif order["do"] == "lose":
        for place in sorted(Path(order["lake"]).rglob(f"day={order['day']}")):
            shutil.rmtree(place)
    elif order["do"] == "arrive":
        shutil.copy(order["file"], order["raw"])
    elif order["do"] == "ingest":
        import lake

        lake.ingest(spark, order["raw"], order["new"], order["lake"])
    elif order["do"] == "board":
        import lake

        lake.board(spark, order["lake"], order["out"])
    else:
        raise ValueError(f"no such order: {order['do']}")


def main(path: str) -> int:
    """Carry out every order; return how many failed."""
    orders = json.loads(Path(path).read_text())
    spark, failed = session(Path("events")), 0
    Path("done").mkdir(exist_ok=True)
    for number, order in enumerate(orders):
        spark.sparkContext.setLocalProperty("larkmoor.order", str(number))
        found = {"error": "", "text": ""}
        try:
            carry_out(spark, order)
        except Exception as error:  # the next order is carried out all the same
            failed += 1
            found = {"error": type(error).__name__, "text": str(error)[:400]}
            traceback.print_exc()
        Path("done", f"{number}.json").write_text(json.dumps(found))
    spark.stop()
    return failed


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1]), 100))
