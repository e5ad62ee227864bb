"""No window anywhere: aggregates find the one scan of many, and a parcel's whole journey."""

from __future__ import annotations

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
    """A parcel's scans as one sorted array, and the gaps in it."""
    scans = spark.read.parquet(lake)
    journey = F.array_sort(F.collect_list(F.struct("at", "depot", "event")))
    journeys = scans.dropna(subset=["parcel"]).groupBy("parcel").agg(journey.alias("way"))
    steps = journeys.select(F.posexplode("way").alias("place", "here"), "way").select(
        "here.depot", "here.event",
        F.when(F.col("place") > 0, F.unix_timestamp("here.at") - F.unix_timestamp(
            F.element_at("way", F.col("place")).getField("at"))).alias("gap"),
    )  # fmt: skip
    unread = scans.where("parcel IS NULL").select(
        "depot", "event", F.lit(None).cast("bigint").alias("gap")
    )
    found = steps.union(unread).groupBy("depot", "event").agg(
        F.count(F.lit(1)).alias("scans"), F.count("gap").alias("legs"),
        F.avg("gap").cast("bigint").alias("mean"),
    )  # fmt: skip
    found.coalesce(1).write.json(out, mode="overwrite")
