"""The mapper adds up as it reads, and the combiner is the reducer of another format."""

from __future__ import annotations

import json
import sys
from collections import defaultdict


def main(part: str) -> None:
    """Add up all that comes in; only the end knows means."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for line in sys.stdin:
        *names, value = line.rstrip("\n").split("\t")
        key = "|".join(names)
        first = part == "map"
        found = [1, int(bool(value)), int(value or 0)] if first else json.loads(value)
        sums[key] = [a + b for a, b in zip(sums[key], found, strict=True)]
    for key, (scans, legs, seconds) in sums.items():
        if part == "reduce":
            print(*key.split("|"), scans, legs, seconds // legs if legs else "", sep="\t")
        else:
            print(key, json.dumps([scans, legs, seconds]), sep="\t")


if __name__ == "__main__":
    main(sys.argv[1])
