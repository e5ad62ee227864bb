"""Sorts crates by owner. Given to the learner, not theirs to change."""


def by_owner(cargo):
    """Return the crates of each owner."""
    crates = {}
    for crate in cargo:
        crates.setdefault(crate["owner"], []).append(crate)
    return crates
