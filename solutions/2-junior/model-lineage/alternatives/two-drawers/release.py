"""Makes a version live, or takes the newest promotion back; each release is a numbered pair.

    python release.py promote 7
    python release.py rollback
"""

from __future__ import annotations

import sys
from typing import Any

import clock
import gate
from lineage import Drawers
from mlflow import MlflowClient

DONE, REFUSED, LATER = 0, 1, 75


def approved(names: dict[str, Any], version: int) -> dict[str, Any]:
    """Return the facts of a version that is approved now. Raises gate.Refused."""
    package = gate.package(names, version)
    if package["ModelApprovalStatus"] != "Approved":
        raise gate.Refused(f"version {version} is not approved")
    own = package["CustomerMetadataProperties"]
    return {"version": version, "commit": own["commit"], "data": own["data"]}


def main(arguments: list[str]) -> int:
    """Carry one release out; return the exit code."""
    drawers = Drawers()
    newest = max(drawers.begun, default=0)
    if newest and newest not in drawers.ended:
        if clock.now() - drawers.begun[newest]["at"] < 600:
            return LATER
        if not drawers.put(f"ended/{newest}", drawers.outcome(newest)):
            return LATER
    standing = drawers.standing()
    try:
        if arguments[0] == "promote":
            standing = [*standing, approved(drawers.names, int(arguments[1]))]
        elif len(standing) < 2:
            raise gate.Refused("there is nothing to go back to")
        else:
            standing = standing[:-1]
            approved(drawers.names, standing[-1]["version"])
    except gate.Refused as error:
        print(error, file=sys.stderr)
        return REFUSED
    if not drawers.put(f"begun/{newest + 1}", {"at": clock.now(), "standing": standing}):
        return LATER
    aim = str(standing[-1]["version"])
    MlflowClient().set_registered_model_alias(drawers.names["model"], "live", aim)
    drawers.put(f"ended/{newest + 1}", True)
    return DONE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
