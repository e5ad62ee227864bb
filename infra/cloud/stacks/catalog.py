"""The Glue catalog: databases and tables.

Limit: as in `kinds`; a table's physical id is `database|table`, as two databases may share names.
"""

from __future__ import annotations

from infra.cloud.stacks.kinds import Clients, Kind, Props, ask, known_or_none, listed, some

_DATABASE_KEYS = ("Name", "Description", "LocationUri", "Parameters")
_TABLE_KEYS = (
    "Name", "Description", "Owner", "Retention", "StorageDescriptor", "PartitionKeys",
    "ViewOriginalText", "ViewExpandedText", "TableType", "Parameters",
)


def _make_database(clients: Clients, props: Props) -> str:
    ask(clients("glue"), "create_database", DatabaseInput=props["DatabaseInput"])
    return str(props["DatabaseInput"]["Name"])


def _read_database(clients: Clients, name: str) -> Props | None:
    found = known_or_none(lambda: clients("glue").get_database(Name=name)["Database"])
    return None if found is None else {"DatabaseInput": some(found, *_DATABASE_KEYS)}


_DATABASE = Kind(
    "AWS::Glue::Database", listed(always=("CatalogId",), maybe=("DatabaseInput",)),
    _make_database, _read_database,
    lambda clients, name, old, new: ask(
        clients("glue"), "update_database", Name=name, DatabaseInput=new["DatabaseInput"]
    ),
    lambda clients, name, props: clients("glue").delete_database(Name=name),
    identifier="DatabaseName", required=("CatalogId", "DatabaseInput"),
)  # fmt: skip


def _make_table(clients: Clients, props: Props) -> str:
    database, table = props["DatabaseName"], props["TableInput"]
    ask(clients("glue"), "create_table", DatabaseName=database, TableInput=table)
    return f"{database}|{table['Name']}"


def _set_table(clients: Clients, name: str, old: Props, new: Props) -> None:
    ask(clients("glue"), "update_table", DatabaseName=name.partition("|")[0],
        TableInput=new["TableInput"])


def _read_table(clients: Clients, name: str) -> Props | None:
    database, _, table = name.partition("|")
    found = known_or_none(
        lambda: clients("glue").get_table(DatabaseName=database, Name=table)["Table"]
    )
    if found is None:
        return None
    return {"DatabaseName": database, "TableInput": some(found, *_TABLE_KEYS)}


def _drop_table(clients: Clients, name: str, props: Props) -> None:
    database, _, table = name.partition("|")
    clients("glue").delete_table(DatabaseName=database, Name=table)


_TABLE = Kind(
    "AWS::Glue::Table", listed(always=("CatalogId", "DatabaseName"), maybe=("TableInput",)),
    _make_table, _read_table, _set_table, _drop_table,
    ref=lambda id_: id_.partition("|")[2], required=("CatalogId", "DatabaseName", "TableInput"),
)  # fmt: skip

KINDS = (_DATABASE, _TABLE)
