"""Halving without git bisect: every commit in a worktree of its own, verdicts remembered.

    python find.py REPOSITORY COMPLAINT
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path


class Package:
    """The commits of a repository, and what each of them promises."""

    def __init__(self, repository: Path, complaint: Path) -> None:
        self.repository = repository
        cases = json.loads(complaint.read_text())
        self.due = [case["due"] for case in cases]
        self.folder = Path(tempfile.mkdtemp())
        (self.folder / "parcels.json").write_text(json.dumps([c["parcel"] for c in cases]))
        self.right = cache(self._right)

    def git(self, *words: str) -> list[str]:
        """Return the words that git prints."""
        command = ["git", "-C", str(self.repository), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    def _right(self, commit: str) -> bool | None:
        """Tell whether a commit keeps its promises; None when it cannot be asked."""
        place = self.folder / commit
        place.mkdir()
        archive = ["git", "-C", str(self.repository), "archive", commit, "eta"]
        with subprocess.Popen(archive, stdout=subprocess.PIPE) as pipe:
            subprocess.run(["tar", "-x"], cwd=place, stdin=pipe.stdout, check=True)
        for _ in range(4):
            done = subprocess.run(
                [sys.executable, "-m", "eta", "../parcels.json"], cwd=place, capture_output=True,
                text=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            )
            if done.returncode != 75:
                break
        return done.stdout.split() == self.due if done.returncode == 0 else None

    def between(self) -> list[str]:
        """Return a release that was right and all commits after it, oldest first."""
        newest = ("--sort=-creatordate", "--format=%(objectname)", "refs/tags")
        for release in self.git("for-each-ref", *newest):
            if self.right(release):
                return [release, *self.git("rev-list", "--reverse", f"{release}..main")]
        sys.exit("no release kept its promises")

    def culprit(self) -> str:
        """Return the first commit that is wrong, halving among those that can be asked."""
        commits = self.between()
        low, high = 0, len(commits) - 1
        while high - low > 1:
            inside = sorted(range(low + 1, high), key=lambda n: abs(2 * n - low - high))
            told = next((n for n in inside if self.right(commits[n]) is not None), None)
            if told is None:
                break
            low, high = (told, high) if self.right(commits[told]) else (low, told)
        return commits[high]


if __name__ == "__main__":
    found = Package(Path(sys.argv[1]), Path(sys.argv[2])).culprit()
    Path("culprit.txt").write_text(found)
