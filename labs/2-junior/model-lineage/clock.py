"""What time it is, in seconds since 1970 in UTC.

LARKMOOR_NOW, an instant such as 2026-08-03T21:47:00Z, stands in for the host's clock: that is how
a night is lived through again. Limit: it says nothing about where the host stands.
"""

from __future__ import annotations

import os
import time
from datetime import datetime


def now() -> float:
    """Return the time."""
    told = os.environ.get("LARKMOOR_NOW")
    return datetime.fromisoformat(told).timestamp() if told else time.time()
