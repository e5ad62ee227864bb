"""Spark SQL over text lines; each day is written aside and then put in its place by hand."""

from __future__ import annotations

import shutil
from pathlib import Path

from pyspark.sql import SparkSession

ROW = "scan string, parcel bigint, depot string, event string, at string, battery int, photo string"


def view(spark: SparkSession, paths: list[str], name: str) -> None:
    """Show raw files as a view of whole lines."""
    spark.read.text(paths).createOrReplaceTempView("lines")
    spark.sql(f"""
        SELECT r.* EXCEPT (at), to_timestamp(r.at) AS at, to_date(to_timestamp(r.at)) AS day
        FROM (SELECT from_json(value, '{ROW}') AS r FROM lines WHERE value LIKE '%}}')
    """).where("scan IS NOT NULL AND photo IS NOT NULL").createOrReplaceTempView(name)


def ingest(spark: SparkSession, raw: str, new: list[str], lake: str) -> None:
    """Make the touched days again, each in a folder of its own, and swap the folders."""
    view(spark, new, "fresh")
    view(spark, sorted(str(path) for path in Path(raw).iterdir()), "everything")
    aside = Path(lake, "_aside")
    shutil.rmtree(aside, ignore_errors=True)
    once = spark.sql("""
        SELECT * EXCEPT (turn) FROM (
            SELECT *, row_number() OVER (PARTITION BY scan ORDER BY at) AS turn FROM everything
            WHERE day IN (SELECT DISTINCT day FROM fresh))
        WHERE turn = 1
    """)
    once.repartition("day").write.option("compression", "zstd").partitionBy("day").parquet(
        str(aside)
    )
    for made in sorted(aside.glob("day=*")):
        place = Path(lake, made.name)
        if place.exists():
            shutil.rmtree(place)
        made.rename(place)
    shutil.rmtree(aside)


def board(spark: SparkSession, lake: str, out: str) -> None:
    """Give labels that nobody read keys of their own, and go one way for all."""
    spark.read.parquet(lake).createOrReplaceTempView("scans")
    spark.sql("""
        SELECT depot, event, count(*) AS scans, count(before) AS legs,
               sum(unix_timestamp(at) - unix_timestamp(before)) DIV count(before) AS mean
        FROM (SELECT depot, event, at, parcel,
                     if(parcel IS NULL, NULL, lag(at) OVER (
                         PARTITION BY parcel, if(parcel IS NULL, crc32(scan) % 64, 0) ORDER BY at
                     )) AS before FROM scans)
        GROUP BY depot, event
    """).repartition(1).write.mode("overwrite").json(out)
