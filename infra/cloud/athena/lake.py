"""The files behind a scan: found, pruned, fetched, counted, and shown to the engine as a view.

Scanned bytes: of Parquet the column chunks that a query needs, of text the whole object as it lies
in S3. Limit: Parquet, delimited text, CSV and JSON lines; no row groups are skipped.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from infra.cloud.athena import catalog as glue
from infra.cloud.athena import prune, readers
from infra.cloud.athena.asks import Wire
from infra.cloud.athena.catalog import Catalog
from infra.cloud.athena.failures import QueryError
from infra.cloud.athena.plan import Scan

MOST_FILES = 20_000


@dataclass
class Lake:
    """What one query has fetched so far; an object is fetched once, and counted once a scan."""

    wire: Wire
    catalog: Catalog
    engine: Any
    scanned: int = 0
    here: dict[str, tuple[str, int]] = field(default_factory=dict)

    def show(self, scan: Scan) -> None:
        """Make the view that a scan's name stands for."""
        names = glue.keys(scan.table)
        files = []
        for values, location in self._places(scan):
            for one in self.wire.objects(location):
                path, size = self._fetch(_bucket(location), one["key"], one["size"])
                files.append(readers.File(path, size, values, f"s3://{_bucket(location)}/{one['key']}"))
            if len(files) > MOST_FILES:
                raise QueryError("", f"A query here reads at most {MOST_FILES} objects")
        reader = readers.of(scan.table)
        self.engine.execute(readers.view(self.engine, reader, scan, names, files))
        self.scanned += readers.scanned(self.engine, reader, scan.columns, files)

    def outline(self, scan: Scan) -> None:
        """Make an empty table in place of the view: for what asks after names and types only."""
        every = glue.columns(scan.table) | glue.keys(scan.table)
        cells = ", ".join(f"{readers.name(c)} {glue.engine_type(t)}" for c, t in every.items())
        self.engine.execute(f"CREATE TEMP TABLE {scan.name} ({cells})")

    def _places(self, scan: Scan) -> list[tuple[list[str], str]]:
        """Return the locations to read, each with its partition's values."""
        names = glue.keys(scan.table)
        location = glue.storage(scan.table).get("Location") or ""
        if not location.startswith("s3://"):
            raise QueryError("", f"Table {scan.table['Name']} has no location in S3")
        if not names:
            return [([], location)]
        return [
            (one["Values"], (one.get("StorageDescriptor") or {}).get("Location") or location)
            for one in self.catalog.partitions(scan.table)
            if _wanted(scan, names, one["Values"])
        ]

    def _fetch(self, bucket: str, key: str, size: int) -> tuple[str, int]:
        where = f"s3://{bucket}/{key}"
        if where not in self.here:
            ending = ".gz" if key.endswith(".gz") else ""
            name = f"{len(self.here):06}{ending}"
            self.here[where] = self.wire.fetch(where, name), size
        return self.here[where]


def _bucket(location: str) -> str:
    return location.removeprefix("s3://").partition("/")[0]


def _wanted(scan: Scan, names: dict[str, str], values: list[str]) -> bool:
    try:
        typed = {
            name: prune.typed(value, kind)
            for (name, kind), value in zip(names.items(), values, strict=True)
        }
    except ValueError:
        raise QueryError(
            "HIVE_INVALID_PARTITION_VALUE",
            f"Invalid partition value {values} for the types {list(names.values())}",
        ) from None
    return prune.matches(scan.predicate, typed)
