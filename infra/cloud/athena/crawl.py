"""One crawl: looks at what lies below a location and makes or mends tables in the catalog.

Limit: S3 only; a sample of each folder's files is looked at, and the catalog is not pruned.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from infra.cloud.athena import inference, statements
from infra.cloud.athena.asks import Refused, Wire
from infra.cloud.athena.catalog import Catalog, columns, keys
from infra.cloud.athena.failures import QueryError
from infra.cloud.athena.inference import Found, wider

LOOKED_AT = 10  # files of one table
ALIKE = 0.7  # the share of columns that folders of one table have in common
_FORMS = {"parquet": "PARQUET", "json": "JSON", "csv": "TEXTFILE"}


@dataclass
class Table:
    """A table as found: its root, its files, the folders that are its partitions."""

    root: str
    files: list[dict[str, Any]]
    found: Found
    names: list[str] = field(default_factory=list)
    partitions: dict[tuple[str, ...], str] = field(default_factory=dict)


@dataclass
class Crawl:
    """A crawl at work. `job`: database, prefix of names, targets, whether tables are changed."""

    wire: Wire
    engine: Any
    job: dict[str, Any]
    created: int = 0
    updated: int = 0
    fetched: int = 0

    def answer(self) -> dict[str, Any]:
        """Crawl every target and return what was made."""
        self._database()
        for target in self.job["targets"]:
            location = target if target.endswith("/") else target + "/"
            files = self.wire.objects(location)
            for table in self._tables(location, files):
                self._keep(table)
        return {"created": self.created, "updated": self.updated}

    def _database(self) -> None:
        """Make the database where it is seen to be missing; who may not look need not."""
        name = self.job["database"]
        try:
            self.wire.glue("get_database", Name=name)
        except QueryError:
            return
        except Refused as refused:
            if refused.code == "EntityNotFoundException":
                self.wire.glue("create_database", DatabaseInput={"Name": name})

    # ---------------------------------------------------------------- what is there

    def _tables(self, root: str, files: list[dict[str, Any]]) -> list[Table]:
        """Return the tables below a root: one, or one for each folder that differs."""
        if not files:
            return []
        folders = self._folders(root, files)
        if "" in folders or all("=" in name for name in folders):
            made = self._one(root, files)
            return [made] if made else []
        parts = [t for n, inner in folders.items() for t in self._tables(f"{root}{n}/", inner)]
        if len(parts) > 1 and len(parts) == len(folders) and _alike(parts):
            made = self._one(root, files)
            return [made] if made else []
        return parts

    def _folders(
        self, root: str, files: list[dict[str, Any]]
    ) -> dict[str, list[dict[str, Any]]]:
        """Return the files by the first folder below a root; "" for those that lie in it."""
        found: dict[str, list[dict[str, Any]]] = {}
        for one in files:
            head, slash, _ = self._below(root, one["key"]).partition("/")
            found.setdefault(head if slash else "", []).append(one)
        return found

    def _below(self, root: str, key: str) -> str:
        return key[len(root.removeprefix("s3://").partition("/")[2]):]

    def _one(self, root: str, files: list[dict[str, Any]]) -> Table | None:
        """Return one table of these files; None where no file is known."""
        bucket = root.removeprefix("s3://").partition("/")[0]
        merged: Found | None = None
        for one in files[:: max(1, len(files) // LOOKED_AT)][:LOOKED_AT]:
            self.fetched += 1
            path = self.wire.fetch(f"s3://{bucket}/{one['key']}", f"{self.fetched:06}")
            found = inference.look(self.engine, path)
            if found is not None and (merged is None or merged.form == found.form):
                merged = _merged(merged, found)
        if merged is None:
            return None
        table = Table(root, files, merged)
        self._partition(table)
        return table

    def _partition(self, table: Table) -> None:
        """Take the folders below a root for partitions where every file lies equally deep."""
        paths = [self._below(table.root, one["key"]).rpartition("/")[0] for one in table.files]
        depths = {len(path.split("/")) if path else 0 for path in paths}
        if depths == {0} or len(depths) != 1:
            return
        for path in dict.fromkeys(paths):
            pairs = [part.split("=", 1) for part in path.split("/")]
            table.names = [
                p[0].lower() if len(p) == 2 else f"partition_{i}" for i, p in enumerate(pairs)
            ]
            table.partitions[tuple(p[-1] for p in pairs)] = f"{table.root}{path}/"

    # ---------------------------------------------------------------- the catalog

    def _keep(self, table: Table) -> None:
        name = self.job["prefix"] + _name(table.root)
        database = self.job["database"]
        wanted = _described(name, table)
        try:
            there = self.wire.glue("get_table", DatabaseName=database, Name=name)["Table"]
        except Refused:
            self.wire.glue("create_table", DatabaseName=database, TableInput=wanted)
            self.created += 1
        else:
            self._change(there, wanted)
        catalog = Catalog(self.wire, database)
        known = {tuple(p["Values"]) for p in catalog.partitions(
            {"DatabaseName": database, "Name": name})} if table.names else set()
        new = [(list(v), where) for v, where in table.partitions.items() if v not in known]
        catalog.add_partitions(wanted | {"DatabaseName": database}, new)

    def _change(self, there: dict[str, Any], wanted: dict[str, Any]) -> None:
        """Mend a table whose columns are not those of its files any more."""
        same = columns(there) == columns(wanted) and keys(there) == keys(wanted)
        if same or not self.job["change"]:
            return
        self.wire.glue("update_table", DatabaseName=there["DatabaseName"], TableInput=wanted)
        self.updated += 1


def _alike(parts: list[Table]) -> bool:
    first = parts[0].found
    for one in parts[1:]:
        mine, theirs = set(first.columns), set(one.found.columns)
        if one.found.form != first.form or len(mine & theirs) < ALIKE * len(mine | theirs):
            return False
    return True


def _merged(one: Found | None, other: Found) -> Found:
    if one is None:
        return other
    both = dict(one.columns)
    for column, kind in other.columns.items():
        both[column] = wider(both.get(column, ""), kind)
    return Found(one.form, both, one.settings)


def _name(root: str) -> str:
    """Return a table's name: its folder's, or the bucket's, in letters that a name may have."""
    last = root.removeprefix("s3://").rstrip("/").rpartition("/")[2]
    return "".join(c if c.isalnum() or c == "_" else "_" for c in last.lower())


def _described(name: str, table: Table) -> dict[str, Any]:
    found = table.found
    library, read, write = statements.serde(_FORMS[found.form])
    parameters = {"classification": found.form, "typeOfData": "file", **found.settings}
    parameters["compressionType"] = "gzip" if table.files[0]["key"].endswith(".gz") else "none"
    parameters["recordCount"] = "-1"
    settings = {"serialization.format": "1"}
    if found.form == "csv":
        delimiter = found.settings["delimiter"]
        settings = {"field.delim": delimiter, "serialization.format": delimiter}
        if found.settings["areColumnsQuoted"] == "true":
            library = "org.apache.hadoop.hive.serde2.OpenCSVSerde"
            settings = {"separatorChar": delimiter, "quoteChar": '"', "escapeChar": "\\"}
    return {
        "Name": name, "TableType": "EXTERNAL_TABLE", "Parameters": parameters,
        "PartitionKeys": [{"Name": n, "Type": "string"} for n in table.names],
        "StorageDescriptor": {
            "Columns": [{"Name": c, "Type": t} for c, t in found.columns.items()
                        if c not in table.names],
            "Location": table.root, "InputFormat": read, "OutputFormat": write,
            "Compressed": parameters["compressionType"] != "none", "Parameters": parameters,
            "SerdeInfo": {"SerializationLibrary": library, "Parameters": settings},
        },
    }  # fmt: skip
