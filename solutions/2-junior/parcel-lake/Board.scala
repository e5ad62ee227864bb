// The board as a Scala job. `python build.py LAKE OUT` compiles and runs it.

import org.apache.spark.sql.{DataFrame, SparkSession}
import org.apache.spark.sql.expressions.Window
import org.apache.spark.sql.functions._

object Board {
  /** A row for each depot and event: scans, legs, mean. */
  def board(spark: SparkSession, lake: String): DataFrame = {
    // BEGIN SOLUTION: the same board as in lake.py
    import spark.implicits._
    val scans = spark.read.parquet(lake).select("parcel", "depot", "event", "at")
    val journey = Window.partitionBy("parcel").orderBy("at")
    val known = scans.where($"parcel".isNotNull).withColumn("before", lag("at", 1).over(journey))
    val unread = scans.where($"parcel".isNull).withColumn("before", lit(null).cast("timestamp"))
    val seconds = unix_timestamp($"at") - unix_timestamp($"before")
    known.unionByName(unread).groupBy("depot", "event").agg(
      count("*").as("scans"),
      count("before").as("legs"),
      floor(sum(seconds) / count("before")).as("mean"))
    // END SOLUTION
  }

  def main(args: Array[String]): Unit = {
    val spark = SparkSession.builder.getOrCreate()
    for (Array(lake, out) <- args.grouped(2))
      board(spark, lake).coalesce(1).write.mode("overwrite").json(out)
    spark.stop()
  }
}
