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
    # TODO: what is whole, with a time and a day
    raise NotImplementedError


def ingest(spark: SparkSession, raw: str, new: list[str], lake: str) -> None:
    """Fold the files `new` of the folder `raw` into the lake, each scan once.

    It may die anywhere, and is then started again with the same words.
    """
    # TODO: fold the new files in
    raise NotImplementedError


def board(spark: SparkSession, lake: str, out: str) -> None:
    """Write the board as JSON lines into the folder `out`: a line for each depot and event.

    `scans`; `legs`, how many of them have an earlier scan of the same parcel; `mean`, the seconds
    between the two on the average, rounded down; null, or left out, where there is no leg.
    """
    # TODO: count scans and legs, and say what a leg takes
    raise NotImplementedError
