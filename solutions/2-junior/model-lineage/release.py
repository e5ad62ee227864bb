"""Makes a version live, or takes the newest promotion back; and leaves what an auditor needs.

    python release.py promote 7
    python release.py rollback

The hosts that serve ask MLflow for the version that the alias `live` points at, and nothing else.
Ends with 0 when it is done, with 1 when it may not be, with 75 when another release is under way.
"""

from __future__ import annotations

import sys
from typing import Any

import clock
import gate
import lineage
from mlflow import MlflowClient

LIVE = "live"


def facts(names: dict[str, Any], version: int) -> dict[str, Any]:
    """Return what is true of an approved version: version, commit, data. Raises gate.Refused."""
    ### BEGIN SOLUTION: from the package, not from tags that anybody may write
    found = gate.package(names, version)
    if found["ModelApprovalStatus"] != "Approved":
        raise gate.Refused(f"version {version} is {found['ModelApprovalStatus']}")
    said = found["CustomerMetadataProperties"]
    return {"version": version, "commit": said["commit"], "data": said["data"]}
    ### END SOLUTION


def main(arguments: list[str]) -> int:
    """Carry one release out; return the exit code."""
    ### BEGIN SOLUTION: say what you will do, do it, say that it is done
    names = gate.site()
    try:
        ledger = lineage.Ledger(names)
        settle(ledger)
        if arguments[0] == "promote":
            aim = int(arguments[1])
        else:
            standing = ledger.standing()
            if len(standing) < 2:
                raise gate.Refused("there is nothing to go back to")
            aim = standing[-2]["version"]
        told = facts(names, aim)
        number = ledger.append(kind="intent", action=arguments[0], at=clock.now(), **told)
        MlflowClient().set_registered_model_alias(names["model"], LIVE, str(aim))
        ledger.append(kind="done", of=number)
    except gate.Refused as error:
        print(error, file=sys.stderr)
        return 1
    except lineage.Busy as error:
        print(error, file=sys.stderr)
        return 75
    return 0


OWNED = 600  # seconds for which a release without an outcome may belong to somebody alive


def settle(ledger: lineage.Ledger) -> None:
    """Write down what became of the newest intent, if nobody has. Raises lineage.Busy."""
    if newest := ledger.open_intent():
        number, intent = newest
        if clock.now() - intent["at"] < OWNED:
            raise lineage.Busy("another release began less than ten minutes ago")
        ledger.append(kind="done" if ledger.came_true() else "void", of=number)
    ### END SOLUTION


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
