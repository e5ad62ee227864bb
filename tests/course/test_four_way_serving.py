"""The lesson of four-way-serving: its code runs, its numbers and pictures are computed; and what
the judge of the lab knows by itself."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from autograder.check import fixtures_of
from infra.cloud import sheets

ROOT = Path(__file__).parents[2]
LESSON = ROOT / "docs/2-junior/four-way-serving"
SOLUTION = ROOT / "solutions/2-junior/four-way-serving"
MODULES = ("core", "neighbours", "legacy", "function", "forms", "batch", "worker")
SEEDS = range(5)

pytest.importorskip("boto3")


def load(path: Path, name: str = "") -> ModuleType:
    spec = importlib.util.spec_from_file_location(name or f"course_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def worked() -> ModuleType:
    return load(LESSON / "worked.py", "worked_serving_test")


@pytest.fixture(scope="module")
def lab() -> SimpleNamespace:
    """The lab's conftest, its fixtures as the plain functions that the judge calls."""
    conftest = load(ROOT / "labs/2-junior/four-way-serving/conftest.py", "street")
    return SimpleNamespace(**{**vars(conftest), **fixtures_of(conftest)})


@pytest.fixture(scope="module")
def work() -> Iterator[dict[str, Any]]:
    """The solution's modules, which import each other by name."""
    sys.path.insert(0, str(SOLUTION))
    try:
        yield {name: importlib.import_module(name) for name in MODULES}
    finally:
        sys.path.remove(str(SOLUTION))
        for name in MODULES:
            sys.modules.pop(name, None)


# --- the worked example ---------------------------------------------------------------------


def test_only_the_worker_with_one_call_is_right_whenever_it_dies(worked: ModuleType) -> None:
    right = {
        name: [calls for calls in worked.DEATHS if worked.killed(way, calls) == worked.DUE]
        for name, way in worked.WAYS.items()
    }
    assert list(right.values()) == [[], [], [None, 3], list(worked.DEATHS)]


def test_pictures_and_table_are_up_to_date(tmp_path: Path) -> None:
    text = LESSON.with_suffix(".md").read_text()
    for drawn in load(ROOT / "docs/figures/four_way_serving.py").draw(tmp_path):
        assert drawn.read_text() == (LESSON / drawn.name).read_text(), drawn.name
        assert f"four-way-serving/{drawn.name}" in text


def test_the_snippets_of_the_lesson_exist() -> None:
    source, text = (LESSON / "worked.py").read_text(), LESSON.with_suffix(".md").read_text()
    for name in ("world", "workers", "killed", "forms"):
        assert f"worked.py:{name}" in text
        assert source.count(f"--8<-- [start:{name}]") == source.count(f"--8<-- [end:{name}]") == 1


def test_the_bill_of_the_lesson(worked: ModuleType) -> None:
    text = LESSON.with_suffix(".md").read_text()
    assert f"${worked.service(1e6, 1.3):.0f} and the function ${worked.function(1e6):.0f}" in text
    assert f"They meet at {2 * worked.MACHINE / worked.CALL / 1e6:.0f} million" in text
    full = [worked.full_machine(peak) for peak in (1.3, 6)]
    assert f"{full[0]:.2f} of their price in the first case, {full[1]:.2f} in the second" in text
    volumes = [10 ** (power / 20) for power in range(100, 200)]
    assert all(worked.service(v, 6) > worked.function(v) for v in volumes), "it never catches up"
    assert any(worked.service(v, 1.3) < worked.function(v) for v in volumes)


def test_the_lesson_has_the_prices_of_the_sheets(worked: ModuleType, lab: SimpleNamespace) -> None:
    prices = lab.list_prices()
    assert pytest.approx(prices["machine_hour"] * 730) == worked.MACHINE
    call = prices["lambda_million"] / 1e6 + 0.1 * 2 * prices["lambda_gb_second"]
    assert call == pytest.approx(worked.CALL)
    assert float(sheets.load()["sqs"].item["standard"].price[sheets.HOME]) == pytest.approx(0.4)


# --- what the judge knows ---------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_the_forms_of_judge_and_solution_agree(
    lab: SimpleNamespace, work: dict[str, Any], seed: int
) -> None:
    prices = lab.other_prices(seed)
    forms = []
    for load_ in lab.workloads(seed, "judge", 4, prices):
        wanted, found = lab.judge_of_forms()(load_, prices), work["forms"].quote(load_, prices)
        assert found["form"] == wanted.form
        for form, cost in wanted.monthly.items():
            assert found["monthly"][form] == (None if cost is None else pytest.approx(cost))
        assert found["break_even"] == (wanted.cross and pytest.approx(wanted.cross, rel=1e-4))
        forms.append(wanted.form)
    assert {form: forms.count(form) for form in lab.FORMS} == dict.fromkeys(lab.FORMS, 4)


@pytest.mark.parametrize("seed", SEEDS)
def test_break_even_is_where_it_is(lab: SimpleNamespace, work: dict[str, Any], seed: int) -> None:
    """Scanned, volume by volume, with the solution's own two prices."""
    prices, forms = lab.other_prices(seed), work["forms"]
    for load_ in lab.workloads(seed, "judge", 4, prices):

        def cheaper(volume: float, load_: dict[str, Any] = load_) -> bool:
            scale = volume / load_["per_month"]
            other = load_ | {
                "per_month": volume, "peak_per_second": load_["peak_per_second"] * scale,
            }
            return bool(forms.service(other, prices) <= forms.function(other, prices))

        cross = lab.crossing(load_, prices)
        if cross is None:
            assert not any(cheaper(10 ** (power / 10)) for power in range(40, 110))
        else:
            assert cheaper(cross * 1.001)
            assert not any(cheaper(cross * share / 100) for share in range(1, 100))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_old_client_and_the_solution(
    lab: SimpleNamespace, work: dict[str, Any], seed: int
) -> None:
    truth, file = lab.Truth(seed), lab.client_of_2009(seed)
    scorer = work["core"].Scorer(truth.models["a"])
    assert work["legacy"].answer(file.request, scorer, truth.load) == file.reply
    assert file.reply.count(b"FEJL") == 4
    assert "VÆGT".encode("iso-8859-1") in file.request


@pytest.mark.parametrize("seed", SEEDS)
def test_a_batch_has_every_trap(lab: SimpleNamespace, work: dict[str, Any], seed: int) -> None:
    truth, month = lab.Truth(seed), lab.month(seed)
    scorer, core = work["core"].Scorer(truth.models["a"]), work["core"]
    rows = [row for part in month.values() for row in part]
    assert {"NA", "007"} <= {row["depot"] for row in rows}
    for part in month.values():
        body = work["batch"].answered(lab.part(part).encode(), scorer, truth.load)
        found = [json.loads(line) for line in body.splitlines()]
        assert sum("refused" in one for one in found) == 4
        for row, answer in zip(part, found, strict=True):
            if "refused" not in answer:
                assert answer == truth.answer(row)
            else:
                with pytest.raises(core.Refused, match=answer["refused"]):
                    core.read(row)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_shift_is_what_the_brief_says(lab: SimpleNamespace, seed: int) -> None:
    evening = lab.evening(seed)
    assert (len(evening.orders), len(evening.rush)) == (204, 4)
    assert len(evening.bodies) == 200 + 40 + 5
    assert len({order["order"] for order in evening.orders}) == 204
    sent = [body for bodies, _ in evening.waves for body in bodies]
    assert sorted(sent) == sorted(evening.bodies)
    assert all(len(bodies) >= 24 for bodies, _ in evening.waves), "each death can be met"
    truth = lab.Truth(seed)
    answers = [truth.answer(one) for order in evening.orders for one in order["parcels"]]
    assert 0.03 < sum(answer["move"] for answer in answers) / len(answers) < 0.9
    assert len({answer["risk"] for answer in answers}) > 3000
    assert any(answer["risk"] != round(answer["risk"], 6) for answer in answers)


# --- the core -----------------------------------------------------------------------------------

GOOD = {
    "parcel": 7002218, "depot": "NA", "service": "pharmacy", "housing": "flat", "weight_kg": 0.3,
    "distance_km": 4.0, "day": "2026-11-12", "hour": 17, "load_pct": None,
}  # fmt: skip


@pytest.mark.parametrize(
    "bent",
    [
        {"parcel": 17.0}, {"hour": 23.0}, {"load_pct": 400}, {"weight_kg": 30}, {"depot": "007"},
        {"day": "2028-02-29"},
    ],
)  # fmt: skip
def test_what_is_a_parcel(work: dict[str, Any], bent: dict[str, Any]) -> None:
    assert work["core"].read(GOOD | bent)


@pytest.mark.parametrize(
    "bent",
    [
        {"parcel": True}, {"parcel": 1.5}, {"hour": "7"}, {"hour": 10**400}, {"load_pct": -1},
        {"weight_kg": float("nan")}, {"weight_kg": float("inf")}, {"depot": "NA\n"},
        {"depot": None}, {"day": "2026-02-29"}, {"day": "20261112"}, {"day": "2026-W46-4"},
        {"service": ["express"]}, {"late": False},
    ],
)  # fmt: skip
def test_what_is_no_parcel(work: dict[str, Any], bent: dict[str, Any]) -> None:
    with pytest.raises(work["core"].Refused) as refused:
        work["core"].read(GOOD | bent)
    assert refused.value.field == next(iter(bent))


# --- the document ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def probe() -> ModuleType:
    pytest.importorskip("schemathesis")
    return load(SOLUTION / "probe.py")


def document(schema: dict[str, Any]) -> dict[str, Any]:
    """A document of one route, whose answer is a text."""
    said = {"application/json": {"schema": {"type": "string"}}}
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/It"}}}}
    route = {"requestBody": body, "responses": {"200": {"description": "yes", "content": said}}}
    return {
        "openapi": "3.1.0", "info": {"title": "it", "version": "1"},
        "paths": {"/v1/score": {"post": route}}, "components": {"schemas": {"It": schema}},
    }  # fmt: skip


HOUR = {"type": "object", "properties": {"hour": {"type": "integer", "maximum": 23}},
        "required": ["hour"], "additionalProperties": False}  # fmt: skip


def test_cases_are_on_both_sides_and_the_same_twice(probe: ModuleType) -> None:
    drawn = probe.cases(document(HOUR), 20, 7)
    allowed = probe.allows(document(HOUR), [json.loads(body) for body in drawn])
    assert drawn == probe.cases(document(HOUR), 20, 7)
    assert any(allowed)
    assert not all(allowed)


@pytest.mark.parametrize(
    ("body", "status", "kind", "reply", "faults"),
    [
        ('{"hour": 1}', 200, "application/json", '"late"', []),
        ('{"hour": 1}', 500, "text/plain", "oh", ["crashed"]),
        ('{"hour": 1}', 201, "application/json", '"late"', ["status"]),
        ('{"hour": 1}', 200, "text/html", "late", ["type"]),
        ('{"hour": 1}', 200, "application/json", "7", ["shape"]),
        ('{"hour": 24}', 200, "application/json", '"late"', ["accepted"]),
        ('{"hour": NaN}', 200, "application/json", '"late"', ["accepted"]),
        ("{", 200, "application/json", '"late"', ["accepted"]),
    ],
)
def test_each_fault_has_its_name(
    probe: ModuleType, body: str, status: int, kind: str, reply: str, faults: list[str]
) -> None:
    exchange = {"body": body, "status": status, "type": kind, "reply": reply}
    assert probe.faults(document(HOUR), [exchange]) == faults


def test_a_schema_that_names_itself_is_refused(probe: ModuleType) -> None:
    with pytest.raises(ValueError, match="refers to itself"):
        probe.allows(document({"$ref": "#/components/schemas/It"}), [1])
