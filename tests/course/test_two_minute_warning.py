"""The lesson's worked example and its numbers, the price trace, and the judge's own measures."""

from __future__ import annotations

import importlib.util
import json
import math
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from autograder.check import fixtures_of
from infra.cloud.prices import on_demand, spot_history, synthetic

ROOT = Path(__file__).parents[2]
LESSON = ROOT / "docs" / "3-senior" / "two-minute-warning.md"
SOLUTION = ROOT / "solutions" / "3-senior" / "two-minute-warning"
MODULES = ("nightly", "state", "notice", "shelf", "bill", "train")

pytest.importorskip("torch")


def load(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def example() -> ModuleType:
    return load(ROOT / "docs" / "figures" / "two_minute_warning.py", "two_minute_warning")


@pytest.fixture(scope="module")
def lab() -> SimpleNamespace:
    """The lab's conftest, its fixtures as the plain functions that the judge calls."""
    conftest = load(ROOT / "labs" / "3-senior" / "two-minute-warning" / "conftest.py", "night")
    return SimpleNamespace(**{**vars(conftest), **fixtures_of(conftest)})


@pytest.fixture(scope="module")
def work() -> Iterator[dict[str, ModuleType]]:
    """The solution's modules, which import each other by name."""
    sys.path.insert(0, str(SOLUTION))
    try:
        yield {name: importlib.import_module(name) for name in MODULES}
    finally:
        sys.path.remove(str(SOLUTION))
        for name in MODULES:
            sys.modules.pop(name, None)


# --- the worked example ---------------------------------------------------------------------


def test_a_whole_resume_is_exactly_the_calm_run(example: ModuleType) -> None:
    assert example.resumed("")[1] == [0.0] * (example.STEPS - example.KILLED)


@pytest.mark.parametrize("forgotten", ["optimizer", "schedule", "dropout", "place"])
def test_each_thing_forgotten_moves_the_weights(example: ModuleType, forgotten: str) -> None:
    losses, distances = example.resumed(forgotten)
    assert distances[-1] > 0.005
    assert np.mean(losses[-20:]) < 0.6, "the loss looks fine all the same"


def test_the_lesson_quotes_what_the_example_gives(example: ModuleType) -> None:
    text = LESSON.read_text()
    dropout, schedule = example.resumed("dropout")[1], example.resumed("schedule")[1]
    assert "by 0.028 after eighty steps, the schedule by 0.12" in text
    assert (dropout[-1], schedule[-1]) == pytest.approx((0.028, 0.12), rel=0.5)
    assert len(dropout) == 80
    assert schedule[0] == 0, "for one step it is perfect"


def test_the_bill_of_the_lesson(example: ModuleType) -> None:
    text = LESSON.read_text()
    kept, lost = example.night(11, 3, 1 / 60), example.night(11, 3, math.inf)
    assert f"the 11 hours {kept:.1f} and the night {kept * 0.34:.2f} dollars" in text
    assert f"{lost:.0f} hours and {lost * 0.34:.0f} dollars" in text
    assert f"{11 * on_demand('g5.xlarge', 'us-east-1'):.2f} dollars on demand" in text
    assert example.night(11, 2, math.inf) * 0.34 > 11 * 1.006, "they cross before two"
    assert example.night(11, 0, math.inf) == 11


def test_the_pictures_are_drawn_and_shown(example: ModuleType, tmp_path: Path) -> None:
    for path in example.draw(tmp_path):
        assert path.stat().st_size > 5000
        assert (LESSON.parent / path.name).is_file()
        assert f"]({path.name})" in LESSON.read_text()


def test_the_snippets_of_the_lesson_exist() -> None:
    source = (ROOT / "docs" / "figures" / "two_minute_warning.py").read_text()
    for name in ("run", "state", "compare", "cost"):
        assert f"two_minute_warning.py:{name}" in LESSON.read_text()
        assert source.count(f"--8<-- [start:{name}]") == source.count(f"--8<-- [end:{name}]") == 1


# --- prices -----------------------------------------------------------------------------------


def test_the_trace_is_what_its_parameters_make() -> None:
    file = Path(synthetic.__file__).with_name("spot-g5.xlarge-us-east-1.csv")
    assert file.read_text() == synthetic.trace()
    assert file.read_text().startswith("# SYNTHETIC")


def test_the_history_looks_like_the_api() -> None:
    history = spot_history("g5.xlarge", "us-east-1")
    times = [change["Timestamp"] for change in history]
    assert times == sorted(times, reverse=True)
    assert {change["AvailabilityZone"][-1] for change in history} == set("abc")
    shares = [float(c["SpotPrice"]) / on_demand("g5.xlarge", "us-east-1") for c in history]
    assert 0.3 < np.median(shares) < 0.42
    assert max(shares) < 1


@pytest.mark.parametrize("seed", range(5))
def test_the_bill_agrees_with_the_one_added_up_by_seconds(
    lab: SimpleNamespace, work: dict[str, ModuleType], seed: int
) -> None:
    night = lab.night(seed, np.random.default_rng(seed))
    bill = work["bill"].night_bill(**night)
    assert bill["spot"] == pytest.approx(lab.owed(night), abs=1e-6)
    assert 0 < bill["saved"] < 1


# --- what the judge knows without torch --------------------------------------------------------


def feed(lab: SimpleNamespace) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return the rows of seed 3, as the feature service gives them."""
    table = lab.rows(3).to_numpy().astype("<f4")
    return lambda ids: (table[ids][:, :-1].copy(), table[ids][:, -1].copy())


@pytest.fixture(scope="module")
def night(work: dict[str, ModuleType], lab: SimpleNamespace) -> Any:
    """A whole night of seed 3, trained in this process."""
    made = work["nightly"].Night(3, feed(lab))
    while not made.over:
        made.step()
    return made


def test_the_judge_plans_the_batches_that_the_job_asks_for(
    lab: SimpleNamespace, work: dict[str, ModuleType]
) -> None:
    order = work["nightly"].Order(11)
    assert [tuple(order.next()) for _ in range(lab.STEPS)] == lab.plan(11)
    assert sorted(sum(lab.plan(11)[:100], ())) == list(range(lab.ROWS))


def test_the_judge_scores_what_torch_would(lab: SimpleNamespace, night: Any) -> None:
    import torch

    held_out = lab.held_out(3)
    model = lab.read_model(night.weights())
    x = torch.from_numpy(held_out.to_numpy()[:, :-1].astype("<f4"))
    with torch.no_grad():
        odds = night.average.module.eval()(x).squeeze(1)
    late = torch.from_numpy(held_out.late.to_numpy().astype("<f4"))
    loss = torch.nn.functional.binary_cross_entropy_with_logits(odds, late).item()
    share = held_out.late.mean()
    base = -share * math.log(share) - (1 - share) * math.log(1 - share)
    assert lab.gain(model, held_out) == pytest.approx(1 - loss / base, abs=1e-5)
    assert lab.gain(model, held_out) > 0.005


def test_held_out_parcels_are_others(lab: SimpleNamespace) -> None:
    assert len(pd.merge(lab.rows(3), lab.held_out(3))) < 10


def header(**entry: Any) -> bytes:
    text = json.dumps({name: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} | entry
                       for name in ("0.weight",)}).encode()  # fmt: skip
    return len(text).to_bytes(8, "little") + text + bytes(4)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 8,
        (1 << 40).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"{}",
        (4).to_bytes(8, "little") + b"null",
        (6).to_bytes(8, "little") + b"[[[[[[" * 9,
        header(),
    ],
)
def test_what_is_not_the_model_is_refused(lab: SimpleNamespace, data: bytes) -> None:
    with pytest.raises((ValueError, AttributeError)):
        lab.read_model(data)


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("0.weight", {"data_offsets": [0, 1 << 60]}),
        ("0.weight", {"data_offsets": [-48, 0]}),
        ("0.weight", {"data_offsets": [48, 0]}),
        ("0.weight", {"data_offsets": [0.0, 48.0]}),
        ("0.weight", {"data_offsets": [True, 48]}),
        ("0.weight", {"dtype": "F64"}),
        ("1.weight", {"shape": [12, 32]}),
        ("1.weight", {"data_offsets": [0, 4]}),
        ("7.bias", {"shape": []}),
    ],
)
def test_a_tensor_must_be_the_one_the_model_has(
    lab: SimpleNamespace, night: Any, name: str, entry: dict[str, Any]
) -> None:
    good = night.weights()
    size = int.from_bytes(good[:8], "little")
    head = json.loads(good[8 : 8 + size])
    head[name] |= entry
    text = json.dumps(head).encode()
    with pytest.raises(ValueError, match="tensor"):
        lab.read_model(len(text).to_bytes(8, "little") + text + good[8 + size :])


# --- the solution, in one process ---------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 99, 100, 101, 399])
def test_a_run_restored_anywhere_ends_with_the_same_bytes(
    work: dict[str, ModuleType], lab: SimpleNamespace, night: Any, step: int
) -> None:
    rows = feed(lab)
    first = work["nightly"].Night(3, rows)
    for _ in range(step):
        first.step()
    saved = work["state"].snapshot(first)
    for _ in range(min(3, lab.STEPS - step)):
        first.step()  # the snapshot must not follow the run
    random.random()
    heir = work["nightly"].Night(3, rows)
    work["state"].restore(heir, saved)
    while not heir.over:
        heir.step()
    assert heir.weights() == night.weights()


def test_a_checkpoint_runs_no_code(work: dict[str, ModuleType], lab: SimpleNamespace) -> None:
    import io
    import pickle

    import torch

    class Payload:
        def __reduce__(self) -> Any:
            return (exec, ("raise SystemExit('ran')",))

    data = io.BytesIO()
    torch.save({"model": Payload()}, data)
    heir = work["nightly"].Night(3, lambda ids: None)
    with pytest.raises(pickle.UnpicklingError):
        work["state"].restore(heir, data.getvalue())
