"""A cargo of crates and what is known of it."""

from collections import defaultdict

from autograder import fixture, given


@given("cargo.json")
@fixture
def cargo(rng):
    owners = ["Bo", "Eja", "Ida", "Ove"]
    return [
        {
            "owner": owners[int(rng.integers(4))],
            "kg": int(rng.integers(1, 900)),
            "refused": bool(rng.random() < 0.3),
        }
        for _ in range(40)
    ]


@fixture
def totals(cargo):
    sums = defaultdict(int)
    for crate in cargo:
        if not crate["refused"]:
            sums[crate["owner"]] += crate["kg"]
    return dict(sums)
