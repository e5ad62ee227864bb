"""The gradebook's tables, and how they come into being, also when several begin at once.

Rows about what people decided can be added and never changed: the database refuses it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from autograder.errors import UsageError
from autograder.verdict import KEY

SCHEMA = "1"
MAKING = 0x1ADDE2  # the advisory lock of PostgreSQL under which tables are made

KEPT = {
    "sqlite": (
        "CREATE TRIGGER IF NOT EXISTS mark_{event} BEFORE {event} ON mark "
        "BEGIN SELECT RAISE(ABORT, 'marks are only ever added'); END",
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION mark_kept() RETURNS trigger AS $$ "
        "BEGIN RAISE EXCEPTION 'marks are only ever added'; END $$ LANGUAGE plpgsql",
        "CREATE OR REPLACE TRIGGER mark_{event} BEFORE {event} ON mark "
        "FOR EACH ROW EXECUTE FUNCTION mark_kept()",
    ),
}


@dataclass(frozen=True)
class Tables:
    """The tables, as SQLAlchemy knows them."""

    about: Any
    result: Any
    attempt: Any
    mark: Any

    @property
    def metadata(self) -> Any:
        """All of them together."""
        return self.result.metadata


def tables() -> Tables:
    """Return the tables' definitions."""
    import sqlalchemy as sa

    metadata = sa.MetaData()

    def text(name: str, **more: Any) -> Any:
        return sa.Column(name, sa.Text, nullable=False, **more)

    def number(name: str, **more: Any) -> Any:
        return sa.Column(name, sa.Float(53), nullable=False, **more)

    def flag(name: str) -> Any:
        return sa.Column(name, sa.Boolean, nullable=False)

    keys = [
        sa.Column(key, sa.Integer if key == "engine" else sa.Text, primary_key=True) for key in KEY
    ]
    figures = [number(name) for name in ("points", "possible", "graded", "cpu")]
    flags = [flag(name) for name in ("passed", "ungraded", "held")]
    return Tables(
        about=sa.Table("about", metadata, text("name", primary_key=True), text("value")),
        # the JSON is last: a row's figures are read without the pages that it fills
        result=sa.Table("result", metadata, *keys, *figures, *flags, text("json")),
        attempt=sa.Table(
            "attempt",
            metadata,
            *(text(name, primary_key=True) for name in ("learner", "lab", "submission")),
            number("submitted", primary_key=True),
        ),
        mark=sa.Table(
            "mark",
            metadata,
            sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
            *(text(name) for name in ("learner", "lab")),
            sa.Column("points", sa.Float(53), nullable=True),
            *(text(name) for name in ("by", "because")),
            number("at"),
        ),
    )


def make(connection: Any, known: Tables, place: str) -> None:
    """Make what is missing, inside one transaction that whoever makes it, too, waits for.

    Raises UsageError for a gradebook of another version, and for a file of another program's.
    """
    import sqlalchemy as sa
    from sqlalchemy.schema import CreateTable

    if _ours(connection, known, sa.inspect(connection).get_table_names()):
        return  # so that who may only read can
    kind = connection.dialect.name
    if kind == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": MAKING})
    there = sa.inspect(connection).get_table_names()
    if "result" in there and not _ours(connection, known, there):
        raise UsageError(
            "this gradebook is another version's", place, "move it aside and grade again"
        )
    if kind == "sqlite" and there and "about" not in there:
        raise UsageError(
            "this database is another program's", place, "--gradebook FILE, or ./ladder grade"
        )
    for table in known.metadata.sorted_tables:
        connection.execute(CreateTable(table, if_not_exists=True))
    for line in KEPT[kind]:
        for event in ("UPDATE", "DELETE"):
            connection.exec_driver_sql(line.format(event=event))
    if "about" not in there:
        connection.execute(known.about.insert().values(name="schema", value=SCHEMA))


def _ours(connection: Any, known: Tables, there: list[str]) -> bool:
    if "about" not in there:
        return False
    row = connection.execute(known.about.select().where(known.about.c.name == "schema")).first()
    return row is not None and row.value == SCHEMA
