"""The gradebook: results, attempts and marks by hand, in SQLite or PostgreSQL. One writer.

A row is keyed by what could change a verdict (DESIGN 8), so that writing a result twice is writing
it once. Lateness is policy and is applied when grades are read, not here.
"""

from autograder.gradebook.book import Change, Gradebook
from autograder.gradebook.reading import standing
from autograder.gradebook.spreadsheet import COLUMNS, write_csv

__all__ = ["COLUMNS", "Change", "Gradebook", "standing", "write_csv"]
