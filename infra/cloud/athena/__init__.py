"""Athena: SQL over the tables of the Glue catalog, run by DuckDB in a process of its own.

`served` answers the API; `worker` is the process, which meets its cloud only through `asks`.
Limit: no Iceberg, federated queries, Lake Formation or Spark.
"""
