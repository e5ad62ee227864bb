"""A class at once: many submissions through `ladder grade`. Counts; never asserts a time.

    python tests/bench/load.py [SIZE]      200 submissions of the tiny course, or SIZE

Every submission must be graded, the same work must earn the same points whoever it came from, and
nothing may be left running. Exit code 0 when that holds, 1 when not.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from autograder.verdict import LabResult

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "autograder"))
LADDER = [sys.executable, "-c", "from autograder.cli.main import main; main()"]


def hand_in(folder: Path, size: int) -> dict[str, str]:
    """Write a class; return what kind of work each learner handed in."""
    from course import make_course

    from autograder.demo import variants

    course = make_course(folder)
    work = [(lab.id, say, files) for lab in course.labs.values() for say, files in variants(lab)]
    kinds = {}
    for number in range(size):
        lab, say, files = work[number % len(work)]
        learner = f"learner-{number}"
        kinds[learner] = f"{lab}: {say}"
        for name, body in files.items():
            path = folder / "submitted" / learner / lab / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
    return kinds


def left_over(session: int) -> list[str]:
    """Return the command lines of what is still running of a session."""
    listed = subprocess.run(["ps", "-eo", "sid,args"], capture_output=True, text=True, check=True)
    found = (line.split(None, 1) for line in listed.stdout.splitlines()[1:])
    return [args for sid, args in found if sid == str(session)]


def main(size: int) -> int:
    """Grade the class and say what did not hold."""
    with tempfile.TemporaryDirectory(prefix="ladder-load-") as scratch:
        folder = Path(scratch)
        kinds = hand_in(folder, size)
        (folder / "cohort.toml").write_text(f'secret = "{"ab" * 32}"\n')
        (folder / "cohort.toml").chmod(0o600)
        start = time.monotonic()
        command = [*LADDER, "grade", "submitted", "--json"]
        done = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        said = done.communicate()[0]
        wall = time.monotonic() - start
    rows = [LabResult.from_json(line.encode()) for line in said.splitlines() if line[:1] == "{"]
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime
    print(f"{len(rows)} submissions, {cpu / size:.2f} CPU-s and {wall / size:.2f} s each")
    points: dict[str, set[float]] = {}
    for row in rows:
        points.setdefault(kinds[row.learner], set()).add(row.points)
    wrong = [f"{kind} earned {earned}" for kind, earned in points.items() if len(earned) > 1]
    wrong += [f"{row.learner} was not graded" for row in rows if row.ungraded]
    wrong += [f"still running: {line}" for line in left_over(done.pid)]
    wrong += [f"exit code {done.returncode}"] * (done.returncode != 0)
    wrong += [f"{size - len(rows)} submissions have no result"] * (len(rows) != size)
    print("\n".join(wrong) or "all graded alike, nothing left running")
    return int(bool(wrong))


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
