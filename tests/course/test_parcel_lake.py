"""The lesson of parcel-lake: its code runs, its numbers and pictures are computed."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LESSON = ROOT / "docs/2-junior/parcel-lake"
TEXT = LESSON.with_suffix(".md").read_text()
LAB = ROOT / "labs/2-junior/parcel-lake"
SOLUTION = ROOT / "solutions/2-junior/parcel-lake"


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"lake_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def worked() -> ModuleType:
    return load(LESSON / "worked.py")


@pytest.fixture(scope="module")
def world() -> object:
    return load(LAB / "conftest.py").made(7)


def test_the_prices_of_the_lesson_are_those_of_its_code(worked: ModuleType) -> None:
    found = [
        [round(1000 * dollars, 2) for *_, dollars in by.values()] for by in worked.asked().values()
    ]
    assert found == [
        [52.83, 52.83, 52.83], [1.47, 17.44, 1.23], [0.05, 17.44, 0.99], [0.05, 1.10, 0.28],
        [0.06, 1.44, 5.23],
    ]  # fmt: skip
    assert round(5.23 / 0.28) == 19
    assert "finance pays nineteen times as much" in TEXT
    assert worked.asked()["by day, depot,\nand event"]["finance"][:2] == (0, 12_960)


def test_the_board_was_the_bill(worked: ModuleType) -> None:
    month, others = 24 * 4 * 24 * 31, 4_100 * 31 // 45  # refreshes; questions of other shapes
    assert round(month, -3) == 71_000
    assert round(24 * 4 * 24 * 45 + 4_100, -3) == 108_000
    raw = worked.asked()["JSON lines"]["operations"][2]
    assert 3_700 < month * raw < 3_800
    least, claims = worked.price(0, 1), worked.asked()["by day"]["claims"][2]
    assert round(month * least + others * claims) == 7
    assert month * least > others * claims
    assert "from $3,700 a month to seven" in TEXT


def test_what_a_death_leaves(worked: ModuleType) -> None:
    for job in ("append", "merge", "remake"):
        found = worked.deaths(getattr(worked, job))
        assert f"`deaths({job})` is `{found}`" in TEXT


def test_one_task_reads_what_nobody_could(worked: ModuleType) -> None:
    shares = [round(100 * max(n) / sum(n)) for n in worked.shuffles().values()]
    assert shares == [42, 13, 13]
    assert [sum(n) for n in worked.shuffles().values()] == [16_000, 10_666, 16_000]


def test_pictures_are_up_to_date(tmp_path: Path) -> None:
    for drawn in load(ROOT / "docs/figures/parcel_lake.py").draw(tmp_path):
        assert drawn.read_text() == (LESSON / drawn.name).read_text(), drawn.name


def test_the_files_have_the_dirt_that_the_brief_tells_of(world: object) -> None:
    seen: Counter[str] = Counter()
    cut = late = unread = 0
    for name, text in world.raw.items():  # type: ignore[attr-defined]
        for line in text.splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                cut += 1
                continue
            seen[row["scan"]] += 1
            late += row["at"][:10] != name[:10]
            unread += row["parcel"] is None
    assert set(seen) == set(world.before["scan"])  # type: ignore[attr-defined]
    total = sum(seen.values())
    assert len(world.raw) == 90  # type: ignore[attr-defined]
    assert 0.03 < sum(n > 1 for n in seen.values()) / len(seen) < 0.06
    assert 0.005 < cut / total < 0.02
    assert 0.04 < late / total < 0.12
    assert 0.28 < unread / total < 0.38


@pytest.mark.parametrize("number", [1, 2])
def test_a_late_file_has_old_days_new_days_and_what_everybody_has(
    world: object, number: int
) -> None:
    text = world.late[number - 1]  # type: ignore[attr-defined]
    rows = [json.loads(line) for line in text.splitlines()]
    known = set(world.before["scan"])  # type: ignore[attr-defined]
    days = {row["at"][:10] for row in rows}
    assert days == world.touched(number)  # type: ignore[attr-defined]
    assert sum(row["scan"] in known for row in rows) == 15
    assert len([day for day in days if day <= "2026-03-31"]) == (5, 3)[number - 1]
    assert max(days) > "2026-03-31"


def test_late_files_share_days_and_no_new_scan(world: object) -> None:
    first, second = (
        {row["scan"]: row["at"][:10] for row in map(json.loads, text.splitlines())}
        for text in world.late  # type: ignore[attr-defined]
    )
    known = set(world.before["scan"])  # type: ignore[attr-defined]
    assert not (first.keys() & second.keys()) - known
    days = [{day for day in found.values() if day <= "2026-03-31"} for found in (first, second)]
    assert len(days[0] & days[1]) == 2
    assert days[1] - days[0] == {world.lost}  # type: ignore[attr-defined]


def test_two_learners_have_two_worlds(world: object) -> None:
    other = load(LAB / "conftest.py").made(8)
    assert not set(other.before["photo"]) & set(world.before["photo"])  # type: ignore[attr-defined]


def test_questions_have_answers(world: object) -> None:
    questions = load(LAB / "conftest.py").monday(world, "lake.scans")
    assert len(questions) == 6
    assert all(question.rows for question in questions)


def streamed(part: str, lines: list[str], program: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, str(program), part], input="".join(f"{one}\n" for one in lines),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.splitlines()


@pytest.mark.parametrize("place", [SOLUTION, SOLUTION / "alternatives/folder-by-folder"])
@pytest.mark.parametrize("times", [0, 1, 3])
def test_a_combiner_may_run_any_number_of_times(place: Path, times: int) -> None:
    legs = ["Oxley\tsorted\t", "Oxley\tsorted\t7", "Oxley\tsorted\t8", "Birk\theld\t"]
    records = sorted(streamed("map", legs, place / "board.py"))
    for _ in range(times):
        records = sorted(streamed("combine", records, place / "board.py"))
    found = sorted(streamed("reduce", records, place / "board.py"))
    assert found == ["Birk\theld\t1\t0\t", "Oxley\tsorted\t3\t2\t7"]


def test_the_compiler_lies_among_the_jars_of_spark() -> None:
    build = pytest.importorskip("pyspark") and load_given("build")
    assert list(Path(build.jars()).parent.glob("scala-compiler-*.jar"))


def load_given(name: str) -> ModuleType:
    sys.path.insert(0, str(LAB))
    try:
        return load(LAB / f"{name}.py")
    finally:
        sys.path.remove(str(LAB))


def started(stages: list[int], order: str | None) -> dict[str, object]:
    known = {} if order is None else {"larkmoor.order": order}
    return {"Event": "SparkListenerJobStart", "Stage IDs": stages, "Properties": known}


def ended(stage: int, read: int, shuffled: int, size: int, sent: int = 0) -> dict[str, object]:
    return {"Event": "SparkListenerTaskEnd", "Stage ID": stage, "Task Metrics": {
        "Result Size": sent, "Input Metrics": {"Records Read": read},
        "Shuffle Read Metrics": {"Total Records Read": shuffled, "Local Bytes Read": size,
                                 "Remote Bytes Read": 0}}}  # fmt: skip


def counted(*events: dict[str, object]) -> dict[int, object]:
    count = load(LAB / "conftest.py").counts
    return dict(count("\n".join(map(json.dumps, events)).encode()))


def test_the_log_of_spark_is_counted_by_order() -> None:
    tasks = [ended(5, 0, n, 10 * n, 2_000) for n in (2_000, 500, 500)]
    found = counted(started([4, 5], "2"), ended(4, 3_000, 0, 0, 30_000), *tasks)
    two: Any = found[2]
    assert (two.read, two.driver) == (3_000, 36_000)
    assert two.shuffled == pytest.approx(2 / 3)
    assert two.from_files == 1


def test_batches_of_objects_are_counted_by_their_bytes() -> None:
    few: Any = counted(started([1], "0"), *(ended(1, 0, 9, n) for n in (60_000, 30_000)))[0]
    many: Any = counted(started([1], "0"), *(ended(1, 0, 9, n) for n in (60_000, 60_000)))[0]
    assert (few.shuffled, many.shuffled) == (0, 0.5)


def test_a_job_that_hides_its_order_is_counted_with_the_one_before() -> None:
    jobs = [started([1], "1"), ended(1, 0, 0, 0, 5), started([2], None), ended(2, 0, 0, 0, 7)]
    found: Any = counted(*jobs)
    assert found[1].driver == 12
