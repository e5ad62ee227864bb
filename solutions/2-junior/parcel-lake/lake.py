"""Raw scans in, a lake out; and the board that the depots read every morning.

Both functions run on Spark. Neither asks where it runs: paths are texts, and on AWS they begin
with s3a://.
"""

from __future__ import annotations

import os

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

RAW = "scan string, parcel bigint, depot string, event string, at string, battery int, photo string"


def read(spark: SparkSession, paths: list[str]) -> DataFrame:
    """Read raw files as the lake's columns, and the day of each scan: whole lines only."""
    ### BEGIN SOLUTION: what is whole, with a time and a day
    raw = spark.read.schema(RAW).json(paths)
    whole = raw.where("scan is not null and at is not null and photo is not null")
    at = F.to_timestamp("at")
    return whole.withColumn("at", at).withColumn("day", F.to_date("at"))
    ### END SOLUTION


def ingest(spark: SparkSession, raw: str, new: list[str], lake: str) -> None:
    """Fold the files `new` of the folder `raw` into the lake, each scan once.

    It may die anywhere, and is then started again with the same words.
    """
    ### BEGIN SOLUTION: fold the new files in
    # A day is a function of all raw files: it is made again from them, whole, or not at all.
    days = [row.day for row in read(spark, new).select("day").distinct().collect()]
    every = [os.path.join(raw, name) for name in sorted(os.listdir(raw))]
    scans = read(spark, every).where(F.col("day").isin(days)).dropDuplicates(["scan"])
    (
        scans.repartition("day")
        .sortWithinPartitions("day", "depot", "at")
        .write.mode("overwrite")
        .option("partitionOverwriteMode", "dynamic")
        .partitionBy("day")
        .parquet(lake)
    )
    ### END SOLUTION


def board(spark: SparkSession, lake: str, out: str) -> None:
    """Write the board as JSON lines into the folder `out`: a line for each depot and event.

    `scans`; `legs`, how many of them have an earlier scan of the same parcel; `mean`, the seconds
    between the two on the average, rounded down; null, or left out, where there is no leg.
    """
    ### BEGIN SOLUTION: count scans and legs, and say what a leg takes
    scans = spark.read.parquet(lake).select("parcel", "depot", "event", "at")
    before = F.lag("at").over(Window.partitionBy("parcel").orderBy("at"))
    known = scans.where("parcel is not null").withColumn("before", before)
    unread = scans.where("parcel is null").withColumn("before", F.lit(None).cast("timestamp"))
    legs = known.unionByName(unread)
    seconds = F.unix_timestamp("at") - F.unix_timestamp("before")
    rows = legs.groupBy("depot", "event").agg(
        F.count("*").alias("scans"),
        F.count("before").alias("legs"),
        F.floor(F.sum(seconds) / F.count("before")).alias("mean"),
    )
    rows.write.mode("overwrite").json(out)
    ### END SOLUTION
