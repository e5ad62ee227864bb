"""The old client's language: ISO 8859-1, semicolons, decimal commas, Danish words, CRLF.

It was written in 2009, it runs in 31 pharmacies, and nobody can change it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from core import Load, Refused, Scorer, read

COLUMNS = {
    "PAKKE": "parcel", "DEPOT": "depot", "TJENESTE": "service", "BOLIG": "housing",
    "VÆGT": "weight_kg", "AFSTAND": "distance_km", "DATO": "day", "TIME": "hour",
    "BELÆG": "load_pct",
}  # fmt: skip
WORDS = {
    "STANDARD": "standard", "EKSPRES": "express", "APOTEK": "pharmacy",
    "HUS": "house", "LEJLIGHED": "flat", "BOKS": "locker", "GÅRD": "farm",
}  # fmt: skip


class Unreadable(ValueError):
    """Not the old client's file: other columns, or other bytes."""


def answer(body: bytes, scorer: Scorer, load: Load) -> bytes:
    """Return the reply to a file: one line a line, in order. Raises Unreadable."""
    rows = csv.DictReader(io.StringIO(body.decode("iso-8859-1"), newline=""), delimiter=";")
    if set(rows.fieldnames or ()) != set(COLUMNS):
        raise Unreadable("the columns are not those of 2009")
    lines = ["PAKKE;RISIKO;FLYT", *(line(row, scorer, load) for row in rows)]
    return "".join(f"{one}\r\n" for one in lines).encode("iso-8859-1")


def line(row: dict[str, str], scorer: Scorer, load: Load) -> str:
    """Return the reply's line for one row; a row that is no parcel says FEJL."""
    # TODO: translate the row, answer it, translate the answer
    raise NotImplementedError
