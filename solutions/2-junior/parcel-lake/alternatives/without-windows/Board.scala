// The board in SQL, from Scala.

import org.apache.spark.sql.{DataFrame, SparkSession}

object Board {
  def board(spark: SparkSession, lake: String): DataFrame = {
    spark.read.parquet(lake).createOrReplaceTempView("scans")
    spark.sql("""
      SELECT depot, event, count(*) AS scans, count(gap) AS legs, sum(gap) DIV count(gap) AS mean
      FROM (SELECT depot, event, unix_timestamp(at) - unix_timestamp(
              lag(at) OVER (PARTITION BY parcel ORDER BY at)) AS gap
            FROM scans WHERE parcel IS NOT NULL
            UNION ALL SELECT depot, event, NULL FROM scans WHERE parcel IS NULL)
      GROUP BY depot, event""")
  }

  def main(args: Array[String]): Unit = {
    val spark = SparkSession.builder.getOrCreate()
    args.grouped(2).foreach(pair =>
      board(spark, pair(0)).repartition(1).write.mode("overwrite").json(pair(1)))
    spark.stop()
  }
}
