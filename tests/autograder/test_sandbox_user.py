"""The sandbox's tests again, as an ordinary user of this machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = sorted(
    str(p) for p in Path(__file__).parent.glob("test_sandbox_*.py") if "user" not in p.stem
)

# Become nobody. Where this Python lies under a closed home, show it in an open folder of the same
# name, in a mount namespace of our own: an ordinary user would have a Python of theirs.
BECOME = """
import os, subprocess, sys, tempfile
from pathlib import Path
sys.path.append(sys.argv[1])
from autograder.sandbox import linux, root

linux.unshare(linux.NEWNS)
linux.mount("none", "/", "none", linux.REC | linux.PRIVATE)
for path in root.interpreter():
    closed = [above for above in (*reversed(path.parents), path) if not above.stat().st_mode & 1]
    if closed:
        with tempfile.TemporaryDirectory() as place:
            linux.bind(str(path), place, 0)
            linux.mount("home", str(closed[0]), "tmpfs", 0, "mode=755")
            path.mkdir(parents=True)
            linux.bind(place, str(path), 0)
            linux.call("umount2", place.encode(), linux.DETACH)
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
os.chdir(sys.argv[1])
home = tempfile.mkdtemp()
os.environ.update(HOME=home, PYTHONDONTWRITEBYTECODE="1")
done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
    "--basetemp", home + "/base", *sys.argv[2:]])
sys.exit(done.returncode)
"""


def test_an_ordinary_user_is_as_safe() -> None:
    """Nothing to do where the tests are run by one anyway."""
    if os.geteuid():
        return
    done = subprocess.run(
        [sys.executable, "-c", BECOME, str(ROOT), *FILES],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) > 100
