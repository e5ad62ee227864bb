"""Tallies a cargo in one pass, with a Counter instead of a ledger."""

import json
import sys
from collections import Counter


def weigh(cargo):
    """Return the kilograms of the crates that come aboard."""
    return sum(Counter({i: c["kg"] for i, c in enumerate(cargo) if not c["refused"]}).values())


def main():
    """Read cargo.json, write tally.json."""
    with open("cargo.json") as file:
        cargo = json.load(file)
    totals = Counter()
    for crate in cargo:
        if not crate["refused"]:
            totals[crate["owner"]] += crate["kg"]
    with open("tally.json", "w") as file:
        json.dump(totals, file)


if __name__ == "__main__":
    sys.exit(main())
