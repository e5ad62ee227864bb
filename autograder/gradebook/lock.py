"""One writer at a time: a lock that ends with whoever holds it, also by a kill. Waits for nobody.

Beside a file it is a locked file, in PostgreSQL an advisory lock of the writer's connection.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import IO, Any

from autograder.errors import UsageError

WRITING = 0x1ADDE3
WAIT = "wait until it has ended, or stop it; then type this again"


def lock_file(path: Path) -> IO[str]:
    """Lock the gradebook at `path`; closing what is returned lets go of it. Raises UsageError."""
    try:
        file = path.with_name(f".{path.name}.lock").open("a+")
    except OSError as error:
        raise UsageError(f"cannot be written here: {error.strerror}", str(path)) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        who = file.read(200).strip() or "another grader"
        file.close()
        raise UsageError(f"{who} is writing this gradebook", str(path), WAIT) from None
    file.truncate(0)
    file.write(f"a grader (process {os.getpid()}, since {time.strftime('%H:%M:%S')})")
    file.flush()
    return file


def lock_server(connection: Any, place: str) -> None:
    """Lock a PostgreSQL gradebook for as long as `connection` lives. Raises UsageError."""
    import sqlalchemy as sa

    got = connection.execute(sa.text("SELECT pg_try_advisory_lock(:key)"), {"key": WRITING})
    if not got.scalar():
        raise UsageError(f"{_holder(connection)} is writing this gradebook", place, WAIT)
    connection.commit()


def _holder(connection: Any) -> str:
    import sqlalchemy as sa

    row = connection.execute(
        sa.text(
            "SELECT l.pid, a.client_addr FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
            "WHERE l.locktype = 'advisory' AND l.granted AND l.objid = :key"
        ),
        {"key": WRITING},
    ).first()
    where = f" at {row.client_addr}" if row is not None and row.client_addr else ""
    return f"another grader (connection {row.pid}{where})" if row is not None else "another grader"
