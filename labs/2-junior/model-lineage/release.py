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
    # TODO: from the package, not from tags that anybody may write
    raise NotImplementedError


def main(arguments: list[str]) -> int:
    """Carry one release out; return the exit code."""
    # TODO: say what you will do, do it, say that it is done
    raise NotImplementedError


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
