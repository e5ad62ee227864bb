"""The scorecard: what your policies cover of the ground that the work does not need.

    python golf.py            strokes of each role, and the dearest cells
    python golf.py cashier    every cell of one role

Reads site.json, ground.json and your three documents in this folder. It knows the recorded month
only: whether the next one passes, and what lies beside, the checks tell.
"""

from __future__ import annotations

import json
import re
import sys
from itertools import groupby
from pathlib import Path

from infra.cloud.surface import granted

ROLES = ("assessor", "cashier", "releaser")
SHOWN = 8


def policy(role: str) -> dict:
    """A role's document with the names of this desk's account."""
    names = json.loads(Path("site.json").read_text())
    text = Path(f"{role}.json").read_text()
    return json.loads(re.sub(r"<(\w+)>", lambda found: str(names.get(found[1], found[0])), text))


def surplus(role: str) -> list[dict]:
    """The cells that a role may ask for and need not, dearest first."""
    cells = json.loads(Path("ground.json").read_text())
    cells.sort(key=lambda cell: json.dumps(cell["context"]))
    document, found = policy(role), []
    for _, alike in groupby(cells, key=lambda cell: json.dumps(cell["context"])):
        some = list(alike)
        pairs = [(cell["action"], cell["resource"]) for cell in some]
        can = granted([document], pairs, context=some[0]["context"])
        found += [c for c, p in zip(some, pairs, strict=True) if p in can and role not in c["need"]]
    return sorted(found, key=lambda cell: -cell["weight"])


def main(only: list[str]) -> None:
    """Print the card."""
    total = 0
    for role in only or ROLES:
        cells = surplus(role)
        strokes = sum(cell["weight"] for cell in cells)
        total += strokes
        print(f"{role}: {strokes}")
        for cell in cells if only else cells[:SHOWN]:
            under = "".join(f"  {key}={value}" for key, value in cell["context"].items())
            print(f"  {cell['weight']:>2}  {cell['action']}  {cell['resource']}{under}")
    if not only:
        print(f"{total} strokes. Par is 55.")


if __name__ == "__main__":
    main(sys.argv[1:])
