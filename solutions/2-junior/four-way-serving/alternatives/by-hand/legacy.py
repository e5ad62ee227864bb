"""The old client's language, by position of the columns and without a csv library."""

from __future__ import annotations

from typing import Any

from core import Load, Refused, Scorer, read

COLUMNS = ["PAKKE", "DEPOT", "TJENESTE", "BOLIG", "VÆGT", "AFSTAND", "DATO", "TIME", "BELÆG"]
WORDS = {
    "STANDARD": "standard", "EKSPRES": "express", "APOTEK": "pharmacy",
    "HUS": "house", "LEJLIGHED": "flat", "BOKS": "locker", "GÅRD": "farm",
}  # fmt: skip


class Unreadable(ValueError):
    """Not the old client's file."""


def answer(body: bytes, scorer: Scorer, load: Load) -> bytes:
    """Return the reply to a file."""
    first, *rows = body.decode("iso-8859-1").split("\r\n")
    names = first.split(";")
    if sorted(names) != sorted(COLUMNS):
        raise Unreadable("other columns")
    read_rows = [dict(zip(names, row.split(";"), strict=False)) for row in rows if row]
    found = ["PAKKE;RISIKO;FLYT", *(line(row, scorer, load) for row in read_rows)]
    return ("\r\n".join(found) + "\r\n").encode("iso-8859-1")


def line(row: dict[str, str], scorer: Scorer, load: Load) -> str:
    """Return the reply's line for one row."""
    try:
        made = scorer.answer(read(fields(row)), load)
    except (Refused, ValueError, KeyError):
        return row["PAKKE"] + ";;FEJL"
    whole, _, part = f"{made['risk']:.4f}".partition(".")
    return f"{row['PAKKE']};{whole},{part};{('NEJ', 'JA')[made['move']]}"


def fields(row: dict[str, str]) -> dict[str, Any]:
    """Return a row in the core's words. ValueError, KeyError: it has none."""
    day, month, year = row["DATO"].split(".")
    return {
        "parcel": int(row["PAKKE"]),
        "depot": row["DEPOT"],
        "service": WORDS[row["TJENESTE"]],
        "housing": WORDS[row["BOLIG"]],
        "weight_kg": float(row["VÆGT"].replace(",", ".")),
        "distance_km": float(row["AFSTAND"].replace(",", ".")),
        "day": "-".join((year, month, day)),
        "hour": int(row["TIME"]),
        "load_pct": int(row["BELÆG"]) if row["BELÆG"] else None,
    }
