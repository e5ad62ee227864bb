"""Play a night on your desk: fill `lake` from `raw`, make the board, fold the late files in.

    python rehearse.py

Afterwards `lake` and `board` are there to look at, and `events` has Spark's log. Given; not yours
to change.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import night


def main() -> int:
    """Write the orders of one night and carry them out."""
    for name in ("play", "lake", "board", "events", "done"):
        shutil.rmtree(name, ignore_errors=True)
    shutil.copytree("raw", "play")
    late = sorted(Path("late").iterdir())
    first = [f"play/{path.name}" for path in sorted(Path("raw").iterdir())]
    orders = [
        {"do": "ingest", "raw": "play", "new": first, "lake": "lake"},
        {"do": "board", "lake": "lake", "out": "board"},
    ]
    for path in late:
        orders += [
            {"do": "arrive", "file": str(path), "raw": "play"},
            {"do": "ingest", "raw": "play", "new": [f"play/{path.name}"], "lake": "lake"},
        ]
    Path("orders.json").write_text(json.dumps(orders, indent=1))
    return night.main("orders.json")


if __name__ == "__main__":
    raise SystemExit(main())
