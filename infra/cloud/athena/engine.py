"""DuckDB, locked: no files but the query's own, no network, no settings, bounded memory.

Limit: the locks are the engine's; `confine` shuts the process in as well.
"""

from __future__ import annotations

from typing import Any

from infra.cloud.athena.functions import definitions

BATCH = 1000


def open_locked(folder: str, memory_mb: int, threads: int) -> Any:
    """Return a connection that sees `folder` and nothing else, for good."""
    import duckdb

    made = duckdb.connect(":memory:", config={
        "autoinstall_known_extensions": False, "autoload_known_extensions": False,
        "allow_unsigned_extensions": False, "allow_community_extensions": False,
        "python_enable_replacements": False, "python_scan_all_frames": False,
    })
    for name, value in (
        ("temp_directory", "''"), ("memory_limit", f"'{memory_mb}MB'"), ("threads", str(threads)),
        ("TimeZone", "'UTC'"), ("preserve_insertion_order", "true"),
        ("enable_progress_bar", "false"), ("max_expression_depth", "1000"),
    ):
        made.execute(f"SET {name} = {value}")
    for statement in definitions():
        made.execute(statement)
    allowed = "'" + folder.replace("'", "''") + "'"
    made.execute(f"SET allowed_directories = [{allowed}]")
    made.execute("SET enable_external_access = false")
    made.execute("SET lock_configuration = true")
    return made
