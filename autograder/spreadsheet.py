"""Rows as CSV text that no spreadsheet takes for a formula. Knows no results, writes no file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from autograder.plain import text

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def defused(value: str) -> str:
    """Return a text that a spreadsheet shows as it is: what looks like a formula gets a quote.

    Control characters are dropped, for the terminal that the table is printed on. Blanks in front
    do not hide a formula, because spreadsheets skip them.
    """
    plain = text(value)
    return f"'{plain}" if plain.startswith(FORMULA) or plain.lstrip().startswith(FORMULA) else plain


def written(columns: Sequence[str], rows: Iterable[Sequence[str | float | None]]) -> str:
    """Return a table as CSV (RFC 4180), texts defused, numbers as they are, None empty."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([defused(v) if isinstance(v, str) else v for v in row])
    return out.getvalue()
