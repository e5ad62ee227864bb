"""Which commit made the promises wrong, this time?

    python find.py REPOSITORY COMPLAINT

writes the full hash of the commit into culprit.txt. REPOSITORY is a checkout of the ETA package,
COMPLAINT a list of cases: a parcel, what was promised, what was due.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

GOOD, BAD, UNKNOWN = 0, 1, 125  # what `git bisect run` understands
AWAY = 75  # exit code of the package when the road service does not answer
Case = dict[str, Any]


def git(repository: Path, *words: str) -> str:
    """Return what git prints."""
    command = ["git", "-C", str(repository), *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


def promises(repository: Path, cases: list[Case]) -> subprocess.CompletedProcess[str]:
    """Let the commit that is checked out promise the parcels of a complaint."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as parcels:
        json.dump([case["parcel"] for case in cases], parcels)
        parcels.flush()
        command = [sys.executable, "-B", "-m", "eta", parcels.name]
        return subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)


def verdict(repository: Path, cases: list[Case]) -> int:
    """Return GOOD, BAD or UNKNOWN for the commit that is checked out."""
    # TODO: what can a run say about a commit, and when does it say nothing?
    raise NotImplementedError


def last_good_release(repository: Path, cases: list[Case]) -> str:
    """Return the newest release at which the promises were right."""
    # TODO: in which order do you try the releases?
    raise NotImplementedError


def culprit(repository: Path, complaint: Path) -> str:
    """Return the hash of the commit after which the promises were wrong."""
    # TODO: halve what lies between, and let git keep the books
    raise NotImplementedError


def main() -> None:
    """Search, or (with --judge) judge the commit that is checked out here."""
    first, second = sys.argv[1:]
    if first == "--judge":
        sys.exit(verdict(Path.cwd(), json.loads(Path(second).read_text())))
    found = culprit(Path(first).resolve(), Path(second).resolve())
    Path("culprit.txt").write_text(found + "\n")


if __name__ == "__main__":
    main()
