// The board as a Scala job. `python build.py LAKE OUT` compiles and runs it.

import org.apache.spark.sql.{DataFrame, SparkSession}
import org.apache.spark.sql.expressions.Window
import org.apache.spark.sql.functions._

object Board {
  /** A row for each depot and event: scans, legs, mean. */
  def board(spark: SparkSession, lake: String): DataFrame = {
    // TODO: the same board as in lake.py
  }

  def main(args: Array[String]): Unit = {
    val spark = SparkSession.builder.getOrCreate()
    for (Array(lake, out) <- args.grouped(2))
      board(spark, lake).coalesce(1).write.mode("overwrite").json(out)
    spark.stop()
  }
}
