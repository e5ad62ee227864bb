"""Say which data a change would put out of reach: what is not known to be calm is named.

Ends with 0 when nothing would be lost, 2 when something would.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple


class Change(NamedTuple):
    """One change, whichever tool speaks of it."""

    name: str
    kind: str
    calm: bool


def losses(document: dict[str, Any]) -> list[str]:
    """What holds data and would be deleted, replaced or let go: names or addresses, in order."""
    read = of_plan(document) if "resource_changes" in document else of_change_set(document)
    return sorted(one.name for one in read if holds_data(one.kind) and not one.calm)


def holds_data(kind: str) -> bool:
    """Does a thing of this type hold data, or the key to it?"""
    words = kind.replace("::", "_").lower().split("_")
    return words in (
        ["aws", "s3", "bucket"], ["aws", "dynamodb", "table"], ["aws", "kms", "key"],
    )  # fmt: skip


def of_change_set(document: dict[str, Any]) -> Iterator[Change]:
    """The changes of a whole change set."""
    if "Changes" not in document or "NextToken" in document:
        raise ValueError("not a whole change set")
    if document.get("Status", "CREATE_COMPLETE") not in ("CREATE_COMPLETE", "FAILED"):
        raise ValueError("not finished")
    for change in document["Changes"]:
        one = change["ResourceChange"]
        calm = one["Action"] in ("Add", "Import") or (
            one["Action"] == "Modify" and one.get("Replacement") == "False"
        )
        yield Change(one["LogicalResourceId"], one["ResourceType"], calm)


def of_plan(document: dict[str, Any]) -> Iterator[Change]:
    """The changes of a whole plan."""
    if document.get("errored") is True or document.get("complete") is False:
        raise ValueError("not a whole plan")
    for one in document["resource_changes"]:
        calm = one["mode"] == "data" or set(one["change"]["actions"]) <= {
            "no-op", "create", "update", "read",
        }  # fmt: skip
        yield Change(one["address"], one["type"], calm)


if __name__ == "__main__":
    found = losses(json.loads(Path(sys.argv[1]).read_text()))
    print("\n".join(found))
    sys.exit(2 if found else 0)
