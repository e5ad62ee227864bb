"""Makes a git repository of a stream.

    python unpack.py history.fi ../eta-history
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def unpack(stream: Path, folder: Path) -> None:
    """Write the repository into a folder that does not exist yet."""
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
    with stream.open("rb") as file:
        subprocess.run(["git", "fast-import", "--quiet"], cwd=folder, stdin=file, check=True)
    subprocess.run(["git", "checkout", "-q", "main"], cwd=folder, check=True)


if __name__ == "__main__":
    unpack(Path(sys.argv[1]), Path(sys.argv[2]))
