"""SQL that reaches for the host or the network, or wants all there is: it fails, and says so.

Each layer is tried alone: the words that Athena has, the engine's locks, the walls of the process.
"""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

pytest.importorskip("duckdb")

import duckdb

from infra.cloud.athena import engine, launch
from infra.cloud.athena.asks import Wire
from infra.cloud.athena.catalog import Catalog
from infra.cloud.athena.failures import QueryError
from infra.cloud.athena.launch import Box, Ended, Worker
from infra.cloud.athena.run import Run

HOSTILE = [
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/*')",
    "SELECT * FROM read_parquet('s3://other/x')",
    "SELECT * FROM read_json('http://127.0.0.1:80/')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM \"/etc/passwd\"",
    "SELECT * FROM glob('/**')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM parquet_metadata('/etc/passwd')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('x')",
    "SELECT * FROM pragma_database_list()",
    "SELECT * FROM sqlite_scan('x', 'y')",
    "SELECT * FROM postgres_scan('host=127.0.0.1', 'a', 'b')",
    "SELECT getenv('HOME')",
    "SELECT getvariable('x')",
    "SELECT current_setting('temp_directory')",
    "SELECT system('id')",
    "SELECT nextval('s')",
    "COPY (SELECT 1) TO '/tmp/evil'",
    "COPY sales FROM '/etc/passwd'",
    "ATTACH '/tmp/evil.db' AS evil",
    "DETACH memory",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "RESET lock_configuration",
    "PRAGMA database_list",
    "CALL pragma_version()",
    "EXPORT DATABASE '/tmp/evil'",
    "IMPORT DATABASE '/tmp/evil'",
    "CREATE MACRO m() AS 1",
    "CREATE SECRET (TYPE s3)",
    "CREATE TEMP TABLE x AS SELECT * FROM read_csv('/etc/passwd')",
    "CREATE VIEW v AS SELECT * FROM read_csv('/etc/passwd')",
    "INSERT INTO x SELECT * FROM read_csv('/etc/passwd')",
    "UNLOAD (SELECT * FROM read_csv('/etc/passwd')) TO 's3://lake/x/' WITH (format = 'JSON')",
    "EXPLAIN SELECT * FROM read_csv('/etc/passwd')",
    "SELECT (SELECT content FROM read_text('/etc/passwd'))",
    "WITH x AS (SELECT * FROM read_csv('/etc/passwd')) SELECT * FROM x",
    "SELECT * FROM UNNEST(ARRAY[1]) AS t(x) CROSS JOIN read_csv('/etc/passwd')",
    "SELECT 1; COPY (SELECT 1) TO '/tmp/evil'",
    "VACUUM", "CHECKPOINT", "FORCE CHECKPOINT", "DROP SCHEMA main",
]  # fmt: skip


class Empty(Wire):
    """A cloud without a table."""

    def ask(self, question: str, **details: object) -> object:
        """Refuse everything, as Glue refuses what is not there."""
        from infra.cloud.athena.asks import Refused

        raise Refused("EntityNotFoundException", "Entity Not Found")


@pytest.mark.parametrize("sql", HOSTILE)
def test_athena_has_no_words_for_it(sql: str, tmp_path: Path) -> None:
    wire = Empty(io.BytesIO(), io.BytesIO(), str(tmp_path))
    (tmp_path / "out").mkdir()
    connection = engine.open_locked(str(tmp_path), 128, 1)
    run = Run(wire, Catalog(wire, "db"), connection, {"id": "x", "tables": "s3://x/"})
    with pytest.raises((QueryError, Exception)) as refused:
        run.answer(sql)
    assert type(refused.value).__name__ in {"QueryError", "Refused"}
    assert "root:" not in str(refused.value)
    assert not Path("/tmp/evil").exists()


@pytest.mark.parametrize("sql", [
    "SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM read_text('{folder}/../secret')",
    "SELECT * FROM read_text('{folder}/link')", "SELECT * FROM glob('/etc/*')",
    "COPY (SELECT 1) TO '/tmp/evil'", "ATTACH '/tmp/evil.db'", "INSTALL httpfs", "LOAD httpfs",
    "SET enable_external_access = true", "SET allowed_directories = ['/']",
    "SET threads = 64", "RESET lock_configuration", "PRAGMA memory_limit = '1TB'",
    "SELECT * FROM read_csv('http://127.0.0.1:{port}/x')", "EXPORT DATABASE '/tmp/evil'",
    "SELECT * FROM read_parquet('s3://bucket/key')",
])  # fmt: skip
def test_the_engine_is_locked_even_without_us(sql: str, tmp_path: Path) -> None:
    """The text goes straight to the engine, past everything that reads it first."""
    folder = tmp_path / "box"
    folder.mkdir()
    (tmp_path / "secret").write_text("secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        connection = engine.open_locked(str(folder), 128, 1)
        filled = sql.format(folder=folder, port=listener.getsockname()[1])
        if "/link" in sql:  # a link leads out of the folder: the walls around the process hold it
            assert _walled(folder, str(folder / "link")) == "FileNotFoundError"
            return
        with pytest.raises(duckdb.Error):
            connection.execute(filled).fetchall()
        with pytest.raises(TimeoutError):
            listener.accept()
    assert not Path("/tmp/evil").exists()


def _walled(folder: Path, path: str) -> str:
    """Return what opening a path ends with in a process that has shut itself in."""
    code = (
        "import sys, codecs, io\n"
        "from infra.cloud.athena import confine\n"
        "held = confine.shut(sys.argv[1])\n"
        "inside = sys.argv[2].removeprefix(sys.argv[1]) if 'no files but its own' in held "
        "else '/nowhere'\n"
        "try: open(inside); print('opened')\n"
        "except OSError as error: print(type(error).__name__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder), path], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_the_walls_of_the_process() -> None:
    """No network, no file of the host, no rights, where the kernel lets us."""
    box = Box()
    worker = Worker(box)
    try:
        done = worker.serve({"query": "SELECT 1", "database": "db"}, lambda q: {"result": None})
        assert "failed" not in done["done"]
        if os.geteuid() == 0 or Path("/proc/self/ns/user").exists():
            assert set(done["held"]) <= {"no network", "no files but its own", "no rights"}
        if os.geteuid() == 0:
            assert len(done["held"]) == 3
    finally:
        worker.close()
        box.remove()
    assert not box.root.exists()


def test_a_query_without_end_is_ended_by_its_cpu_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "CPU_SECONDS", 3)
    assert _ends("WITH RECURSIVE r(a) AS (SELECT 1 UNION ALL SELECT 1 FROM r) "
                 "SELECT count(*) FROM r") == "signal 24"


@pytest.mark.parametrize("sql", [
    "SELECT count(*) FROM UNNEST(sequence(1, 1000000000)) AS t(n)",
    "SELECT array_agg(repeat('x', 1000)) FROM UNNEST(sequence(1, 10000000)) AS t(n)",
    "SELECT " + "(" * 5000 + "1" + ")" * 5000,
    "SELECT " + " + ".join(["1"] * 30000),
])
def test_a_query_that_wants_everything_fails_in_its_bounds(
    sql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "CPU_SECONDS", 15)
    monkeypatch.setattr(launch, "MEMORY_MB", 128)
    assert _ends(sql) != "succeeded"


def _ends(sql: str) -> str:
    box = Box()
    worker = Worker(box)
    try:
        done = worker.serve({"query": sql, "database": "db"}, lambda q: {"result": None})["done"]
        return str(done.get("failed", "succeeded"))
    except Ended as ended:
        return f"signal {ended.signal}"
    finally:
        worker.close()
        box.remove()


def test_a_killed_process_is_a_failed_query_and_nothing_else() -> None:
    box = Box()
    worker = Worker(box)
    threading.Timer(0.3, worker.kill).start()
    with pytest.raises(Ended) as ended:
        worker.serve({"query": "WITH RECURSIVE r(a) AS (SELECT 1 UNION ALL SELECT 1 FROM r) "
                      "SELECT count(*) FROM r", "database": "db"}, lambda q: {"result": None})
    assert ended.value.signal == 9
    worker.close()
    box.remove()


def test_what_the_process_writes_is_no_way_out(tmp_path: Path) -> None:
    """A worker that has been taken over cannot make its cloud read or write elsewhere."""
    box = Box()
    try:
        (box.path / "out" / "link").symlink_to("/etc/passwd")
        with pytest.raises(OSError, match="Too many levels of symbolic links"):
            box.written("link")
        for name in ("../secret", "/etc/passwd", ".hidden", "a/b", ""):
            with pytest.raises(ValueError, match="no name of a file"):
                box.written(name)
            with pytest.raises(ValueError, match="no name of a file"):
                box.place(name)
    finally:
        box.remove()


def test_questions_outside_the_list_are_refused() -> None:
    from infra.cloud.athena.rights import Rights

    asked: list[str] = []

    class Client:
        def __getattr__(self, name: str) -> object:
            asked.append(name)
            raise AssertionError(name)

    rights = Rights(lambda service: Client(), Box(), lambda *a: None)
    for question in (
        {"ask": "glue", "operation": "delete_crawler", "params": {}}, {"ask": "iam"},
        {"ask": "list", "location": "file:///etc"}, {"ask": "glue"},
        {"ask": "list", "location": "/etc"}, {"ask": "fetch", "name": "x"},
    ):
        assert "error" in json.loads(json.dumps(rights.answer(question)))
    assert asked == []
    rights.box.remove()
