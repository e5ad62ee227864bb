"""What a check did to the learner's programs, as the learner sees it, and as a grading run says it.

The programs are real, and so are the signals.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from bench_course import judge, make_lab

from autograder.sandbox import Launcher
from autograder.strip import strip, words
from autograder.timeline import MOST, Timeline
from autograder.verdict import CheckResult, Moment, Verdict

KILLS = """
    @check(points=2, observes="kernel")
    def survives(work):
        \"\"\"It goes on after a kill.\"\"\"
        first = work.run("main.py")
        first.kill()
        second = work.run("main.py", "end")
        assert second.wait() == 0, "it did not go on"

    @check(points=1, observes="kernel")
    def is_moved(work):
        \"\"\"It goes on elsewhere.\"\"\"
        work.run("main.py")
        work.reboot()
        assert work.run("main.py", "end").wait() == 0, "it did not go on"

    @check(points=1, observes="kernel")
    def ends(work):
        \"\"\"It ends.\"\"\"
        assert work.run("main.py", "end").wait() == 3, "with which status?"
"""
MAIN = b"import sys, time\nif sys.argv[1:]: sys.exit(%d)\ntime.sleep(600)\n"


@pytest.fixture(scope="module")
def boxes():
    with Launcher("exec", [], "D") as one:
        yield one


def timelines(boxes, path, status: int, sealed: bool) -> list[list[tuple[str, int, str]]]:
    make_lab(path, KILLS, main="main.py")
    result = judge(boxes, path, {"main.py": MAIN % status}, sealed=sealed)
    again = type(result).from_json(result.to_json())
    return [[(m.kind, m.program, m.text) for m in c.timeline] for c in again.checks]


def test_on_the_desk_each_moment_is_told(boxes, tmp_path):
    killed, moved, ended = timelines(boxes, tmp_path, 3, sealed=False)
    assert killed == [
        ("started", 1, "main.py"), ("signalled", 1, "SIGKILL"), ("ended", 1, "SIGKILL"),
        ("started", 2, "main.py"), ("ended", 2, "exit code 3"),
    ]  # fmt: skip
    assert moved == [
        ("started", 1, "main.py"), ("replaced", 0, ""), ("started", 2, "main.py"),
        ("ended", 2, "exit code 3"),
    ]  # fmt: skip
    assert ended == []  # nothing was done to it


def test_a_grading_run_tells_what_the_judge_did_and_nothing_the_learner_chose(boxes, tmp_path):
    """Exit codes and times could carry out what a run's data held."""
    told = {
        status: timelines(boxes, tmp_path / str(status), status, sealed=True) for status in (0, 77)
    }
    assert told[0] == told[77]
    assert told[0][0] == [
        ("started", 1, "main.py"), ("signalled", 1, "SIGKILL"), ("started", 2, "main.py")
    ]  # fmt: skip
    kept = Timeline()
    kept.started("main.py")
    kept.replaced()
    assert {m.at for m in kept.told(sealed=True)} == {0}


def test_a_timeline_is_bounded():
    long = Timeline()
    for _ in range(MOST):
        long.signalled(long.started("main.py"), 15)
    assert len(long.told(sealed=False)) == MOST


def moments(*told: tuple[str, int, str, float]) -> tuple[Moment, ...]:
    return tuple(Moment(kind=k, program=p, text=t, at=at) for k, p, t, at in told)


SHOWN = moments(
    ("started", 1, "train.py", 0), ("signalled", 1, "SIGTERM", 2), ("ended", 1, "exit code 0", 3),
    ("started", 2, "train.py", 3.5), ("replaced", 0, "", 6), ("started", 3, "<b>.py", 6.5),
    ("ended", 3, "exit code 1", 10),
)  # fmt: skip


def test_the_picture_has_a_bar_for_each_program_in_its_time():
    html = strip(SHOWN)
    svg = ElementTree.fromstring(re.search(r"<svg.*?</svg>", html)[0])
    bars = [(float(r.get("x")), float(r.get("width"))) for r in svg.iter("rect")]
    begin, scale = bars[0][0], bars[0][1] / 3
    assert bars[1] == pytest.approx((begin + 3.5 * scale, 2.5 * scale), abs=0.2)
    assert bars[2] == pytest.approx((begin + 6.5 * scale, 3.5 * scale), abs=0.2)
    assert sum("mark" in (p.get("class") or "") for p in svg.iter("path")) == 1
    assert "<b>" not in html
    assert html.count("<li>") == len(SHOWN)


def test_without_times_moments_stand_in_their_order():
    bare = tuple(Moment(kind=m.kind, program=m.program, text=m.text) for m in SHOWN)
    assert ">first<" in strip(bare)
    assert " s: " not in strip(bare)
    assert strip(moments(("replaced", 0, "", 0))).count("<rect") == 0


@pytest.mark.parametrize("kind", ["started", "signalled", "ended", "replaced"])
def test_each_kind_has_words(kind: str):
    assert words(Moment(kind=kind, program=1, text="x"))


def test_the_terminal_tells_it_of_what_did_not_pass():
    from autograder.cli.context import check_lines

    def lines(verdict: Verdict) -> str:
        one = CheckResult(name="a", claim="It.", points=1, verdict=verdict, timeline=SHOWN)
        return "\n".join(check_lines(one))

    assert "program 1 gets SIGTERM" in lines(Verdict.FAILED)
    assert "SIGTERM" not in lines(Verdict.PASSED)
