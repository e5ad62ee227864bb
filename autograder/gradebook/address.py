"""Where a gradebook is: a file or a URL, and the engine that opens it. Opens nothing itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autograder.errors import UsageError

BUSY = 30  # seconds that SQLite waits for another program's short transaction


def open_engine(url: str | Path) -> Any:
    """Return an engine for a file or a URL. Raises UsageError for databases we do not know."""
    import sqlalchemy as sa

    try:
        where = sa.URL.create("sqlite", database=str(url)) if isinstance(url, Path) else url
        engine = sa.create_engine(where, pool_size=1, max_overflow=9, pool_pre_ping=True)
    except (sa.exc.ArgumentError, ModuleNotFoundError) as error:
        raise UsageError(
            f"no address of a gradebook: {error}",
            "--gradebook",
            "--gradebook FILE, or postgresql+psycopg://USER@HOST/DATABASE",
        ) from None
    if engine.dialect.name not in ("sqlite", "postgresql"):
        raise UsageError(
            f"a gradebook is kept in SQLite or PostgreSQL, not in {engine.dialect.name}",
            "--gradebook",
        )
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _prepare)
    return engine


def _prepare(connection: Any, _: object) -> None:
    """Let readers not stop the writer, wait for others, and survive a loss of power."""
    cursor = connection.cursor()
    for line in (f"busy_timeout = {1000 * BUSY}", "journal_mode = WAL", "synchronous = FULL"):
        cursor.execute(f"PRAGMA {line}")
    cursor.close()


def said(error: BaseException) -> str:
    """Return the first line of what a database said."""
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
