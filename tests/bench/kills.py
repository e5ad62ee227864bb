"""`ladder grade`, killed with -9 at random and started again: the same gradebook in the end?

    python tests/bench/kills.py [KILLS]      20 kills of a class of 24, or KILLS

After each kill the gradebook must be sound and hold nothing but results that an undisturbed run
has, too, each once; no grade may be gone that was there, or that had been printed. In the end both
gradebooks must be alike, and nothing may be left running. Exit code 0 when that holds, 1 when not.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "autograder"))
LADDER = [sys.executable, "-c", "from autograder.cli.main import main; main()"]
SIZE = 24
CHECKS = '''
@check(points=2, observes="returned")
def adds(work):
    """Two numbers are added."""
    assert work.add(2, 3) == 5, "what is the sum?"

@check(points=1, observes="returned")
def adds_none(work):
    """Nothing added is nothing."""
    assert work.add(0, 0) == 0, "what is the sum of nothing?"
'''
ANSWERS = ("return a + b", "return 5", "return a - b", "raise ValueError('no')")
DONE = re.compile(r"^\[\d+/\d+\] probe (\S+)", re.MULTILINE)


def hand_in(folder: Path) -> None:
    """Write a lab and a class for it."""
    from bench_course import make_lab, notebook

    make_lab(folder, CHECKS)
    (folder / "submitted").mkdir()
    for number in range(SIZE):
        body = notebook(f"def add(a, b):\n    {ANSWERS[number % len(ANSWERS)]}\n")
        (folder / "submitted" / f"probe-l{number:02}.ipynb").write_bytes(body)
    (folder / "cohort.toml").write_text(f'secret = "{"ab" * 32}"\n')
    (folder / "cohort.toml").chmod(0o600)


def start(folder: Path, out: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start `ladder grade` into `out`."""
    with log.open("wb") as file:
        return subprocess.Popen(
            [*LADDER, "grade", "submitted", "--out", str(out)], cwd=folder, stdout=file,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip


def rows(out: Path) -> dict[tuple[object, ...], str]:
    """Return the results of a gradebook by key, without what each run measures anew."""
    path = out / "gradebook.db"
    if not path.exists():
        return {}
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'result'").fetchone():
            return {}
        found = db.execute("SELECT learner, submission, version, points, held, json FROM result")
        return {tuple(row[:3]): f"{row[3:5]} {_lasting(row[5])}" for row in found}


def _lasting(text: str) -> str:
    result = json.loads(text)
    for one in (result, *result["checks"]):
        one["cpu"] = one["peak"] = 0
    return json.dumps(result, sort_keys=True)


def gone(session: int) -> bool:
    """Tell whether nothing of a session runs any more; what was killed is waited for."""
    for _ in range(300):
        listed = subprocess.run(
            ["ps", "-eo", "sid,stat"], capture_output=True, text=True, check=True
        )
        lines = (line.split() for line in listed.stdout.splitlines()[1:])
        if not any(sid == str(session) and not stat.startswith("Z") for sid, stat in lines):
            return True
        time.sleep(0.1)
    return False


def begin_to_grade(process: subprocess.Popen[bytes], log: Path, results: int) -> float:
    """Wait until so many results were printed, or the run has ended; return the seconds."""
    begun = time.monotonic()
    while process.poll() is None and len(DONE.findall(log.read_text())) < results:
        time.sleep(0.02)
    return time.monotonic() - begun


def main(kills: int, seed: int = 7) -> int:
    """Kill and resume; print the table; return the exit code."""
    draw, wrong = random.Random(seed), []
    with tempfile.TemporaryDirectory(prefix="ladder-kills-") as scratch:
        folder = Path(scratch)
        hand_in(folder)
        begun = time.monotonic()
        log = folder / "log"
        assert start(folder, folder / "whole", log).wait() == 0, log.read_text()
        length, expected = time.monotonic() - begun, rows(folder / "whole")
        assert len(expected) == SIZE
        print("kill  after s  printed  graded before -> after  sound")
        turn, before = 0, dict[tuple[object, ...], str]()
        for number in range(1, kills + 1):
            out = folder / f"out{turn}"
            process = start(folder, out, log)
            results = draw.choice((0, draw.randint(1, 9), draw.randint(1, 9)))
            after = begin_to_grade(process, log, results)
            time.sleep(pause := draw.uniform(0.0, 0.5 if results else length))
            after += pause
            process.kill()
            ended = process.wait() == 0
            now, printed = rows(out), DONE.findall(log.read_text())
            said = _wrong(before, now, expected, printed)
            said += [] if gone(process.pid) else ["something is left running"]
            wrong += said
            state = "; ".join(said) or ("yes, had ended" if ended else "yes")
            row = f"{number:4}  {after:7.2f}  {len(printed):7}  {len(before):13} -> {len(now):5}"
            print(f"{row}  {state}", flush=True)
            before = now
            if ended:
                turn, before = turn + 1, {}
        out = folder / f"out{turn}"
        code = start(folder, out, log).wait()
        wrong += [f"the last run ended with {code}"] * (code != 0)
        wrong += ["the gradebooks differ"] * (rows(out) != expected)
        names = sorted(path.name for path in out.iterdir() if not path.name.startswith("."))
        print(f"in the end: {len(rows(out))} of {SIZE} grades, {'not ' * bool(wrong)}the same "
              f"gradebook; {', '.join(names)}")  # fmt: skip
    return int(bool(wrong))


def _wrong(
    before: dict[tuple[object, ...], str],
    now: dict[tuple[object, ...], str],
    expected: dict[tuple[object, ...], str],
    printed: list[str],
) -> list[str]:
    """Return what a kill did that it must not do."""
    held = {str(key[0]) for key in now}
    found = ["a grade is gone"] * bool(set(before) - set(now))
    found += ["a grade is another"] * any(expected.get(key) != text for key, text in now.items())
    found += ["printed, and not there"] * bool(set(printed) - held)
    return found


if __name__ == "__main__":
    os.nice(10)
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
