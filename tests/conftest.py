"""A copy of the bootstrap in a folder of its own, with stand-ins for Python's venv and pip."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

# Whoever starts the tests in the background may have SIGINT ignored, which children inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ("cat", "chmod", "cmp", "dirname", "sh", "sleep")

# A .venv/bin/python that answers as pip would. It runs what is no pip with the real Python, notes
# what it was asked, waits while a file `hold` lies beside .venv, and says what `pip-says` holds.
STAND_IN = r"""#!/bin/sh
venv=$(dirname "$0")/..
course=$venv/..
case "$*" in
*"-m pip --version") echo "pip 26" ;;
*"--dry-run"*) cat "$course/plan" ;;
*"-m pip install"*)
    echo "$*" >>"$course/pip-calls"
    : >"$course/started"
    while [ -e "$course/hold" ]; do sleep 0.05; done
    if [ -e "$course/pip-says" ]; then cat "$course/pip-says" >&2; exit 1; fi
    printf '#!/bin/sh\necho "cli: $*"\n' >"$venv/bin/ladder"
    chmod +x "$venv/bin/ladder"
    ;;
*) exec "{python}" "$@" ;;
esac
"""


@dataclass
class Course:
    """The folder, and the environment in which its `ladder` is run."""

    root: Path
    env: dict[str, str]

    @property
    def venv(self) -> Path:
        """The environment that the bootstrap makes."""
        return self.root / ".venv"

    def run(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run ./ladder to its end, from another folder."""
        return subprocess.run(
            [self.root / "ladder", *words],
            cwd="/", env={**self.env, **env}, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def begin(self, *words: str, **env: str) -> subprocess.Popen[str]:
        """Start ./ladder as a terminal does: in a process group of its own."""
        return subprocess.Popen(
            [self.root / "ladder", *words],
            cwd="/", env={**self.env, **env}, start_new_session=True, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def stand_in(self) -> None:
        """Lay out a .venv whose pip is a stand-in."""
        folder = self.venv / "bin"
        folder.mkdir(parents=True)
        script = folder / "python"
        script.write_text(STAND_IN.replace("{python}", sys.executable))
        script.chmod(0o755)
        (self.root / "plan").write_text('{"install": []}')

    def pip_calls(self) -> list[str]:
        """Return what pip was asked to install, call by call; itself and setuptools apart."""
        noted = self.root / "pip-calls"
        calls = noted.read_text().splitlines() if noted.exists() else []
        return [call for call in calls if not call.endswith(" pip setuptools")]

    def command(self, name: str, script: str) -> None:
        """Put a command on the PATH."""
        path = self.root / "bin" / name
        path.write_text("#!/bin/sh\n" + textwrap.dedent(script))
        path.chmod(0o755)


@pytest.fixture
def course(tmp_path: Path) -> Course:
    """Return a fresh copy whose PATH holds no Python. Its name has a space on purpose."""
    root = tmp_path / "a course"
    for name in ("ladder", "pyproject.toml", "constraints.txt", "autograder/cli/install.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    (root / "bin").mkdir()
    for tool in TOOLS:
        (root / "bin" / tool).symlink_to(str(shutil.which(tool)))
    return Course(root, {"PATH": str(root / "bin"), "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"})


@pytest.fixture
def real_python(course: Course) -> Path:
    """Put the real Python on the copy's PATH."""
    (course.root / "bin" / "python3").symlink_to(os.path.realpath(sys.executable))
    return course.root / "bin" / "python3"
