"""The lesson of depot-stack: its code runs, its numbers and pictures are computed."""

from __future__ import annotations

import importlib.util
import sys
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest

from infra.cloud import formation
from infra.cloud.stacks import kinds, template

ROOT = Path(__file__).parents[2]
LESSON = ROOT / "docs/2-junior/depot-stack"
TEXT = LESSON.with_suffix(".md").read_text()
LAB = ROOT / "labs/2-junior/depot-stack"
SOLUTION = ROOT / "solutions/2-junior/depot-stack"
SITE = {
    "Depot": "sandrey", "Environment": "staging", "Owner": "maren", "RetentionDays": "14",
    "LateLimit": "20",
}  # fmt: skip


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"course_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def worked() -> ModuleType:
    return load(LESSON / "worked.py")


def test_a_change_set_sees_no_meddling_and_a_plan_all_but_what_no_file_knows(
    worked: ModuleType,
) -> None:
    seen = [list(by.values()) for by in worked.seen().values()]
    assert seen == [
        [False, True, True], [False, True, True], [False, False, True], [False, False, False],
    ]  # fmt: skip


def test_a_change_of_the_file_is_what_a_change_set_is_for(worked: ModuleType) -> None:
    there = worked.built(worked.WRITTEN)
    file = worked.WRITTEN | {"log": {"days": 90}}
    assert worked.change_set(file, worked.WRITTEN, there) == {"log"}
    assert worked.drift_detection(file, worked.WRITTEN, there) == set()


def test_a_refused_destroy_takes_the_key_unless_the_bucket_is_built_on_it(
    worked: ModuleType,
) -> None:
    refusing = {"bucket", "table"}
    gone = worked.destroy(worked.NEEDS, refusing)
    assert (len(gone), gone["key"]) == (10, 2)
    kept = worked.destroy(worked.hung(worked.NEEDS), refusing)
    assert (len(kept), "key" in kept) == (9, False)
    assert "ten of twelve things are gone, among them the key in the second round" in TEXT
    assert "nine are gone" in TEXT


def test_nothing_refuses_and_nothing_is_left(worked: ModuleType) -> None:
    for needs in (worked.NEEDS, worked.hung(worked.NEEDS)):
        assert set(worked.destroy(needs, set())) == set(needs)


def test_pictures_are_up_to_date(tmp_path: Path) -> None:
    for drawn in load(ROOT / "docs/figures/depot_stack.py").draw(tmp_path):
        assert drawn.read_text() == (LESSON / drawn.name).read_text(), drawn.name


def test_the_miniature_has_the_things_of_the_solution(worked: ModuleType) -> None:
    made = (SOLUTION / "depot.tf").read_text().count('\nresource "aws_')
    assert made == len(worked.NEEDS) == 12


def test_the_prices_of_the_lesson_are_those_of_the_price_sheet() -> None:
    bill = formation.cost((SOLUTION / "depot.yaml").read_text(), SITE)
    assert bill.total == Decimal("1.0")
    assert [line.resource for line in bill.unpriced] == ["Late"]
    assert "[$1.00 a month]" in TEXT
    assert 50 * 12 * bill.total == 600
    assert "fifty keys and $600 a year" in TEXT


@pytest.mark.parametrize("name", ["depot.yaml", "alternatives/two-keys/depot.yaml"])
def test_cfn_lint_has_no_error_to_report(name: str) -> None:
    found = formation.lint(SOLUTION / name)
    assert [one for one in found if one.level == "Error"] == []


def test_what_a_learner_is_handed_can_be_deployed_as_it_is() -> None:
    handed = template.parse((LAB / "depot.yaml").read_text())
    kinds.check(handed)
    types = {one["Type"] for one in handed["Resources"].values()}
    assert types == {
        "AWS::KMS::Key", "AWS::KMS::Alias", "AWS::Logs::LogGroup", "AWS::IAM::Role",
    }  # fmt: skip


def test_brief_and_lesson_say_what_no_emulator_has() -> None:
    assert "has no `REVERT_DRIFT`" in TEXT
    assert "listed as not run" in (LAB / "README.md").read_text().replace("\nare ", " are ")
