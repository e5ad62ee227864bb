"""How much memory a grader's own process needs, by the size of the class.

    python tests/bench/memory.py [SIZE...]      100, 1,000 and 10,000 submissions, or SIZE

Everything but judging is real: submissions on disk are found and read, results of 20 kB each are
written into a gradebook, then table and report. Judge and sandbox are other processes and have
memory of their own, whatever the class; a stand-in answers for them. Exit code 1 when the largest
class needs more than 1.2 times what the smallest needs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1] / "autograder"
MOST = 1.2
GRADES = """
import resource, sys
sys.path.insert(0, {tests!r})
from autograder import cohort
from autograder.cli.main import cli
from autograder.verdict import CheckResult, LabResult, Verdict

def judged(self, job, boxes):
    verdict = Verdict.PASSED if int(job.submission.hash[:2], 16) % 3 else Verdict.FAILED
    checks = tuple(
        CheckResult(name=f"check_{{n}}", claim="It holds.", points=2, verdict=verdict, cpu=0.1)
        for n in range(8)
    )
    return LabResult(
        lab="probe", version=self.lab.version, learner=job.submission.learner, checks=checks,
        submission=job.submission.hash, epoch=job.epoch, mode=job.mode, layers=job.layers,
        outputs=("x" * 20_000,), cpu=0.5,
    )

class Court:
    def __init__(self, lab): self.lab, self.checks = lab, {{"adds": None}}
    judge = judged

cohort.Station.open = lambda self: (Court(self.lab), None)
try:
    cli.main(["grade", "submitted", "--without-sandbox", "--workers", "2"], standalone_mode=False)
finally:
    print("PEAK", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def hand_in(folder: Path, size: int) -> None:
    """Write a lab and a class for it."""
    sys.path.insert(0, str(TESTS))
    from bench_course import make_lab, notebook

    make_lab(folder, "@check(points=2, observes='returned')\ndef adds(work):\n    'Adds.'\n")
    (folder / "submitted").mkdir()
    for number in range(size):
        body = notebook(f"def add(a, b):\n    return a + b + {number}\n")
        (folder / "submitted" / f"probe-learner{number:05}.ipynb").write_bytes(body)
    (folder / "cohort.toml").write_text(f'secret = "{"ab" * 32}"\n')
    (folder / "cohort.toml").chmod(0o600)


def peak(size: int) -> float:
    """Return the peak memory in MB of grading a class, results and tables written."""
    with tempfile.TemporaryDirectory(prefix="ladder-memory-") as scratch:
        folder = Path(scratch)
        hand_in(folder, size)
        done = subprocess.run(
            [sys.executable, "-c", GRADES.format(tests=str(TESTS))], cwd=folder,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert f"{size} graded" in done.stdout, done.stdout[-2000:] + done.stderr[-2000:]
        assert len((folder / "graded" / "grades.csv").read_text().splitlines()) == size + 1
        return int(done.stdout.split("PEAK")[1]) / 1024


def main(sizes: list[int]) -> int:
    """Measure and print; return the exit code."""
    found = {}
    for size in sizes:
        begun = time.monotonic()
        found[size] = peak(size)
        print(f"{size:6} submissions: {found[size]:6.1f} MB  ({time.monotonic() - begun:.0f} s)",
              flush=True)  # fmt: skip
    ratio = found[max(found)] / found[min(found)]
    print(json.dumps({"peak_mb": found, "ratio": round(ratio, 3)}))
    return int(ratio > MOST)


if __name__ == "__main__":
    os.nice(10)
    sys.exit(main([int(size) for size in sys.argv[1:]] or [100, 1_000, 10_000]))
