"""The lesson's two miniatures: who sees a change made by hand, and where a destroy stops."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping

World = dict[str, dict[str, object]]
# --8<-- [start:three]
WRITTEN: World = {"alarm": {"limit": 20}, "table": {"recovery": True}, "log": {"days": 30}}
DEFAULTS: World = {"alarm": {"actions": True}, "table": {}, "log": {}}


def built(written: World) -> World:
    """What a service makes of a file: what is written, and its own defaults for the rest."""
    return {name: DEFAULTS[name] | told for name, told in written.items()}


# Three ways to look for what has changed. Each is a comparison of two of three things:
# the file, what was built from it the last time, and what is there.
def change_set(file: World, last: World, there: World) -> set[str]:
    """The file against the last file. What is there is not looked at."""
    return {name for name in file if file[name] != last.get(name)}


def drift_detection(file: World, last: World, there: World) -> set[str]:
    """The last file against what is there, property by property as it is written."""
    return {
        name
        for name, told in last.items()
        if name not in there or any(there[name][key] != value for key, value in told.items())
    }


def terraform_plan(file: World, last: World, there: World) -> set[str]:
    """The file, filled up with the provider's defaults, against what is there."""
    return drift_detection(file, built(file), there)


# --8<-- [end:three]

LOOKS: dict[str, Callable[[World, World, World], set[str]]] = {
    "change set": change_set,
    "drift detection": drift_detection,
    "terraform plan": terraform_plan,
}
MEDDLINGS: dict[str, Callable[[World], object]] = {
    "the limit raised": lambda there: there["alarm"].update(limit=99),
    "the log group deleted": lambda there: there.pop("log"),
    "the alarm muted\n(nobody wrote that it acts)": lambda there: there["alarm"].update(
        actions=False
    ),
    "a second table made": lambda there: there.update(spare={"recovery": False}),
}


def seen() -> dict[str, dict[str, bool]]:
    """Which look sees which meddling."""
    found: dict[str, dict[str, bool]] = {}
    for deed, meddle in MEDDLINGS.items():
        there = copy.deepcopy(built(WRITTEN))
        meddle(there)
        found[deed] = {name: bool(look(WRITTEN, WRITTEN, there)) for name, look in LOOKS.items()}
    return found


# --8<-- [start:destroy]
NEEDS = {  # each of the twelve, and what it is built on
    "key": [], "bucket": [], "table": [], "log group": [], "role": [], "alarm": [],
    "alias": ["key"], "encryption": ["bucket", "key"], "versioning": ["bucket"],
    "public block": ["bucket"], "database": ["bucket"],
    "rights": ["role", "key", "bucket", "table", "log group"],
}  # fmt: skip


def destroy(needs: Mapping[str, Iterable[str]], refusing: set[str]) -> dict[str, int]:
    """In which round each thing goes; what stays is not in it.

    A thing goes when nothing that is built on it is left, unless its service refuses.
    """
    gone: dict[str, int] = {}
    for turn in range(1, len(needs) + 1):
        left = set(needs) - set(gone)
        needed = {one for name in left for one in needs[name]}
        gone |= dict.fromkeys(sorted(left - needed - refusing), turn)
    return gone


# --8<-- [end:destroy]


def hung(needs: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """The same with the bucket built on its key."""
    return {name: [*below] for name, below in needs.items()} | {"bucket": ["key"]}
