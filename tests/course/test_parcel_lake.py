"""The lesson of parcel-lake: its code runs, its numbers and pictures are computed."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

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


def test_the_late_file_has_old_days_new_days_and_what_everybody_has(world: object) -> None:
    rows = [json.loads(line) for line in world.late.splitlines()]  # type: ignore[attr-defined]
    known = set(world.before["scan"])  # type: ignore[attr-defined]
    days = {row["at"][:10] for row in rows}
    assert days == world.touched  # type: ignore[attr-defined]
    assert sum(row["scan"] in known for row in rows) == 15
    assert len([day for day in days if day <= "2026-03-31"]) == 5
    assert max(days) > "2026-03-31"


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


def test_the_log_of_spark_is_counted_by_order() -> None:
    count = load(LAB / "conftest.py").counts
    start = {"Event": "SparkListenerJobStart", "Stage IDs": [4, 5],
             "Properties": {"larkmoor.order": "2"}}  # fmt: skip
    def task(stage: int, read: int, shuffled: int, sent: int) -> dict[str, object]:
        return {"Event": "SparkListenerTaskEnd", "Stage ID": stage, "Task Metrics": {
            "Result Size": sent, "Input Metrics": {"Records Read": read},
            "Shuffle Read Metrics": {"Total Records Read": shuffled}}}  # fmt: skip
    events = [start, task(4, 3_000, 0, 2_000), *(task(5, 0, n, 30_000) for n in (2_000, 500, 500))]
    found = count("\n".join(map(json.dumps, events)).encode())[2]
    assert found.read == 3_000
    assert found.driver == 3 * (30_000 - (24 << 10))
    assert found.worst == pytest.approx(2 / 3)
