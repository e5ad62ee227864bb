"""The process of one query: reads it, plans it, runs it, and asks its cloud for everything else.

Started by `launch` with a folder; answers with what happened, and ends.
Limit: one query; whatever a query says, this process has no network and its own folder only.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from infra.cloud.athena import confine, dialect, engine, failures, plan, statements
from infra.cloud.athena.asks import Refused, Wire
from infra.cloud.athena.catalog import Catalog, engine_type, hive_type
from infra.cloud.athena.crawl import Crawl
from infra.cloud.athena.failures import QueryError
from infra.cloud.athena.run import Run


def main() -> None:
    """Serve one query on standard input and output."""
    folder, cpu, memory = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    warm()  # before the walls rise, nothing can be imported behind them
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    sys.setrecursionlimit(3000)
    confine.bound(cpu, 4 * memory + 1024, 1024)
    held = confine.shut(folder)
    seen = "/" if "no files but its own" in held else folder
    wire = Wire(sys.stdin.buffer, sys.stdout.buffer, seen)
    job = wire.hear()
    wire.say({"done": answer(wire, job, memory), "held": held})


def warm() -> None:
    """Import what a query may need, once through the whole way from text to the engine's."""
    import importlib
    import zoneinfo

    import duckdb  # noqa: F401
    import sqlglot.dialects.hive  # noqa: F401

    zoneinfo.ZoneInfo("UTC")
    importlib.import_module("pytz")  # the engine's times with a zone
    catalog = Catalog(Wire(sys.stdin.buffer, sys.stdout.buffer), "default")
    for text in ("SELECT CAST(1 AS DECIMAL(3, 1)) / 2 AS a, date_diff('day', DATE '2020-01-01', "
                 "now()) FROM (VALUES (1, ARRAY[1])) AS t(x, y) CROSS JOIN UNNEST(y) AS u(z) "
                 "WHERE x = 1 GROUP BY 1, 2 ORDER BY 1", "SELECT 1 UNION SELECT 2"):
        dialect.duck(plan.make(plan.parse(text), catalog).tree)
    engine_type("map<string,array<struct<a:int>>>")
    hive_type("STRUCT(a INTEGER)[]")
    statements.read("CREATE EXTERNAL TABLE t (a int) STORED AS PARQUET LOCATION 's3://x/'")


def answer(wire: Wire, job: dict[str, Any], memory: int) -> dict[str, Any]:
    """Run a job and return its outcome; every error of a query is one."""
    import duckdb

    connection = engine.open_locked(wire.folder, memory, 2)
    if job.get("crawl"):
        return crawled(Crawl(wire, connection, job))
    run = Run(wire, Catalog(wire, job["database"] or "default"), connection, job)
    try:
        return run.answer(job["query"]) | {"scanned": run.lake.scanned}
    except QueryError as error:
        return run.failed(error)
    except duckdb.Error as error:
        return run.failed(failures.of_duckdb(error))
    except Refused as refused:
        return run.failed(QueryError("", f"FAILED: {refused.message} ({refused.code})"))
    except (RecursionError, MemoryError) as error:
        return run.failed(QueryError(
            "EXCEEDED_MEMORY_LIMIT" if isinstance(error, MemoryError) else "SYNTAX_ERROR",
            "Query exhausted resources at this scale factor" if isinstance(error, MemoryError)
            else "The statement is nested too deeply",
        ))


def crawled(crawl: Crawl) -> dict[str, Any]:
    """Run a crawl and return its outcome."""
    try:
        return crawl.answer()
    except (QueryError, Refused) as error:
        return {"failed": str(error)}


if __name__ == "__main__":
    main()
