"""What Sam's functions promise, asked of whatever package `nightly` is. Run by pytest.

A test that belongs to a finding is red as long as the bug is there. A guard is green: it shows
that a function was tried and held.
"""

from __future__ import annotations

import sqlite3
import threading
import weakref
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nightly import features, figures, scans, store, weather, work


def test_batches_are_full() -> None:
    """The worked example: right of full batches, and blind for what is left over."""
    assert list(work.batches([1, 2, 3, 4], 2)) == [[1, 2], [3, 4]]


# TODO: a test for each finding, three guards at least
raise NotImplementedError
