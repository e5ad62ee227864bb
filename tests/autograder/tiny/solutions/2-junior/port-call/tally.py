"""Tallies a cargo. Believes what is written on the crates."""

import json
from pathlib import Path

from ledger import by_owner


def weigh(cargo):
    """Return the kilograms of the crates that come aboard."""
    ### BEGIN SOLUTION: add up the crates that are not refused
    return sum(crate["kg"] for crate in cargo if not crate["refused"])
    ### END SOLUTION


def main():
    """Read cargo.json, write tally.json."""
    ### BEGIN SOLUTION: one entry for each owner of `by_owner`
    cargo = json.loads(Path("cargo.json").read_text())
    totals = {owner: weigh(crates) for owner, crates in by_owner(cargo).items()}
    kept = {owner: kilograms for owner, kilograms in totals.items() if kilograms}
    Path("tally.json").write_text(json.dumps(kept))
    ### END SOLUTION


if __name__ == "__main__":
    main()
