"""No window anywhere: an aggregate finds the one scan of many, an RDD a parcel's whole journey."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import IntegerType, LongType, StringType, StructType, TimestampType

RAW = (
    StructType()
    .add("scan", StringType())
    .add("parcel", LongType())
    .add("depot", StringType())
    .add("event", StringType())
    .add("at", TimestampType())
    .add("battery", IntegerType())
    .add("photo", StringType())
)
Scan, Sums = tuple[int, str, str], tuple[int, int, int]  # at, depot, event; scans, legs, seconds
FIELDS = [name for name in RAW.names if name != "scan"]


def whole(spark: SparkSession, paths: list[str]) -> DataFrame:
    """Read raw files; what is no JSON is dropped."""
    rows = spark.read.schema(RAW).option("mode", "DROPMALFORMED").json(paths)
    return rows.dropna(subset=["scan", "at", "photo"]).withColumn("day", F.col("at").cast("date"))


def ingest(spark: SparkSession, raw: str, new: list[str], lake: str) -> None:
    """Join all that came with the days that are touched, and replace those."""
    spark.conf.set("spark.sql.sources.partitionOverwriteMode", "dynamic")
    touched = F.broadcast(whole(spark, new).select("day").distinct())
    every = whole(spark, [str(path) for path in Path(raw).glob("*.jsonl")])
    once = (
        every.join(touched, "day", "left_semi")
        .groupBy("scan")
        .agg(*(F.first(name).alias(name) for name in [*FIELDS, "day"]))
    )
    once.repartitionByRange(6, "day").write.partitionBy("day").parquet(
        lake, mode="overwrite", compression="gzip"
    )


def board(spark: SparkSession, lake: str, out: str) -> None:
    """Group plain Python objects by label, and add up the gaps in each parcel's journey."""
    at = F.unix_timestamp("at").alias("at")
    rows = spark.read.parquet(lake).select("parcel", "depot", "event", at).rdd
    known = rows.filter(lambda r: r.parcel is not None)
    unread = rows.filter(lambda r: r.parcel is None)
    steps = known.map(lambda r: (r.parcel, (r.at, r.depot, r.event))).groupByKey(8).flatMap(legs)
    alone = unread.map(lambda r: ((r.depot, r.event), (1, 0, 0)))
    sums = steps.union(alone).reduceByKey(lambda a, b: (a[0] + b[0], a[1] + b[1], a[2] + b[2]), 8)
    found = sums.map(lambda one: (*one[0], *one[1][:2], one[1][2] // max(1, one[1][1])))
    spark.createDataFrame(
        found, "depot string, event string, scans bigint, legs bigint, mean bigint"
    ).withColumn("mean", F.when(F.col("legs") > 0, F.col("mean"))).write.json(out, mode="overwrite")


def legs(journey: tuple[int, Iterable[Scan]]) -> Iterator[tuple[tuple[str, str], Sums]]:
    """Return the depot and event of each scan of a parcel, with what it adds to their sums."""
    scans = sorted(journey[1])
    for before, (at, depot, event) in zip([None, *scans], scans, strict=False):
        yield (depot, event), (1, 0, 0) if before is None else (1, 1, at - before[0])
