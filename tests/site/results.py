"""Opens report, feedback and similar texts in Chromium: axe, light and dark, narrow, no script.

The class is made up, and part of it is hostile. Exit codes as those of browser.py.
"""

from __future__ import annotations

import base64
import io
import json
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import browser  # noqa: E402

from autograder import feedback, report  # noqa: E402
from autograder.manifest import Lab, load_course  # noqa: E402
from autograder.ratings import Rating  # noqa: E402
from autograder.sidebyside import Pair, page  # noqa: E402
from autograder.verdict import CheckResult, LabResult, Moment, Verdict  # noqa: E402

WILD = "\"><script>ran='name'</script><img src=x onerror=\"ran='img'\">"
NAMES = ("ada", "Ærø Øst", "李雷", "عمر", WILD, "$\\frac{1}{0}$", "a" * 120)


DONE = tuple(
    Moment(kind=kind, program=program, text=said, at=at)
    for kind, program, said, at in (
        ("started", 1, "train.py", 0), ("signalled", 1, "SIGTERM", 4.2),
        ("ended", 1, "exit code 75", 5.1), ("started", 2, "train.py", 5.4), ("replaced", 0, "", 9),
        ("started", 3, WILD, 9.5), ("ended", 3, "exit code 0", 16),
    )
)  # fmt: skip


def class_of(lab: Lab, count: int) -> Iterator[LabResult]:
    """Yield results of a made-up class with every verdict there is."""
    draw = random.Random(5)
    for number in range(count):
        skill = draw.gauss(0, 1)
        checks = tuple(
            _check(draw, name, place, skill) for place, name in enumerate(lab.file.hints)
        )
        yield LabResult(
            lab=lab.id, version="1", learner=f"{NAMES[number % len(NAMES)]}-{number}",
            submission="f" * 64, epoch="e", mode="A", checks=checks, outputs=_outputs(),
        )  # fmt: skip


def _check(draw: random.Random, name: str, place: int, skill: float) -> CheckResult:
    passed = draw.gauss(0, 1) + place / 3 - 1 < skill
    verdict = Verdict.PASSED if passed else draw.choice([v for v in Verdict if v != "passed"])
    return CheckResult(
        name=name, claim=f"The claim of {name} {WILD}", points=2, verdict=verdict, message=WILD,
        cpu=draw.lognormvariate(-1, 0.5), must=place == 0, seeds=(verdict,),
        timeline=DONE if place % 2 else (),
    )  # fmt: skip


def _outputs() -> tuple[str, ...]:
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (640, 400), "#c2185b").save(out, "PNG")
    shown = {"image/png": base64.b64encode(out.getvalue()).decode(), "text/plain": WILD}
    stream = {"output_type": "stream", "name": "stdout", "text": f"{WILD} {'x' * 3000}"}
    return tuple(json.dumps([one]) for one in (stream, {"data": shown}))


def make(folder: Path) -> list[str]:
    """Write the pages into a folder and return their paths."""
    lab = load_course().labs["late-parcels"]
    pair = Pair(0.9, WILD, "bo", 0.9, 0.8, (((0, 20),), ((0, 20),)))
    row = {"lab": lab.id, "learner": WILD, "beside": "bo", "share": "0.9", "of_learner": "90%"}
    ratings = [Rating(lab.id, f"l{i}", "why", g, (i + len(g)) % 4, WILD)
               for i in range(30) for g in ("ann", WILD)]  # fmt: skip
    made = {
        "report.html": report.page(class_of(lab, 21), {}, [row], ratings, {lab.id: WILD}),
        "large.html": report.page(class_of(lab, 200)),
        "feedback.html": feedback.page(lab, next(class_of(lab, 1)), 1.5),
        "similar.html": page([(WILD, pair, f"{WILD}\n" * 30, "x = 1\n" * 30)], 1, 0.5),
    }
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [str(folder / name) for name in made]


def main() -> int:
    """Make the pages and look at them; return the exit code."""
    try:
        chromium = browser.tools("results.mjs")
    except browser.NotRun as reason:
        print(f"not run: {reason}")
        return browser.NOT_RUN
    with tempfile.TemporaryDirectory(prefix="ladder-results-") as scratch:
        return browser.drive("results.mjs", chromium, "", make(Path(scratch)))


if __name__ == "__main__":
    sys.exit(main())
