"""The lesson's worked example and its numbers, the bench's card, and the judge's own measures."""

from __future__ import annotations

import atexit
import gzip
import importlib
import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from autograder.check import fixtures_of
from infra.gpu import bench, peaks, receipt
from infra.gpu.blocks import Asked, Block, alternate, block, rate

ROOT = Path(__file__).parents[2]
LESSON = ROOT / "docs" / "3-senior" / "gpu-rent.md"
FOLDER = ROOT / "docs" / "3-senior" / "gpu-rent"
LAB = ROOT / "labs" / "3-senior" / "gpu-rent"
SOLUTION = ROOT / "solutions" / "3-senior" / "gpu-rent"
MODULES = ("job", "card", "today", "model", "train", "stalls", "mfu")

torch = pytest.importorskip("torch")


def load(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def worked() -> ModuleType:
    return load(FOLDER / "worked.py", "gpu_rent_worked")


@pytest.fixture(scope="module")
def pictures() -> ModuleType:
    return load(ROOT / "docs" / "figures" / "gpu_rent.py", "gpu_rent_figures")


@pytest.fixture(scope="module")
def lab() -> SimpleNamespace:
    """The lab's conftest, its fixtures as the plain functions that the judge calls."""
    conftest = load(LAB / "conftest.py", "gpu_rent_night")
    return SimpleNamespace(**{**vars(conftest), **fixtures_of(conftest)})


@pytest.fixture(scope="module")
def work(lab: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The solution's modules, which import each other by name, beside labels of seed 3."""
    folder = tmp_path_factory.mktemp("gpu-rent")
    for file in SOLUTION.glob("*.py"):
        shutil.copy(file, folder)
    (folder / "labels.txt").write_text(lab.labels(3))
    sys.path.insert(0, str(folder))
    try:
        found = SimpleNamespace(folder=folder, **{n: importlib.import_module(n) for n in MODULES})
        atexit.unregister(found.card.tape.save)  # no run.card where the tests are run
        yield found
    finally:
        sys.path.remove(str(folder))
        for name in MODULES:
            sys.modules.pop(name, None)


# --- the worked example ---------------------------------------------------------------------


def test_the_lesson_quotes_what_the_example_counts(worked: ModuleType) -> None:
    text = LESSON.read_text()
    losses, slow = worked.counted(worked.careless)
    same, fast = worked.counted(worked.careful)
    assert np.allclose(losses, same, atol=1e-5)
    for count in (slow, fast):
        assert f"{count.kernels / 40:.0f} kernels a step" in text
        assert f"{count.waits:,} waits" in text or count.waits == 0
    assert "and one wait, for `.tolist()`" in text
    assert fast.waits == 0


def test_the_lesson_quotes_the_roof(worked: ModuleType) -> None:
    found, text = json.loads((FOLDER / "roofline.json").read_text()), LESSON.read_text()
    assert f"{found['peak'] / 1e9:.0f}\nGFLOP/s" in text
    assert f"{found['memory'] / 1e9:.0f} GB/s" in text
    assert f"with {worked.intensity(256, 32, 128, 4):.0f} operations a byte at width 32" in text
    assert f"{worked.intensity(256, 512, 2048, 4):.0f} at 512" in text
    assert worked.roof(1e9, found["peak"], found["memory"]) == found["peak"]


def test_the_pictures_are_drawn_and_shown(pictures: ModuleType, tmp_path: Path) -> None:
    for path in pictures.draw(tmp_path):
        assert path.stat().st_size > 5000
        assert (FOLDER / path.name).is_file()
        assert f"](gpu-rent/{path.name})" in LESSON.read_text()


def test_the_traces_say_what_they_were_recorded_on() -> None:
    traces = sorted((FOLDER / "traces").glob("*.json.gz"))
    assert len(traces) == 7
    for path in traces:
        trace = json.loads(gzip.decompress(path.read_bytes()))
        assert trace["recorded on"] == "cpu"
        assert path.name.startswith("cpu-")
        assert len(trace["traceEvents"]) > 500


# --- the night that is drawn -----------------------------------------------------------------


@pytest.mark.parametrize("seed", range(24))
def test_the_reader_finds_what_the_night_lost(
    lab: SimpleNamespace, work: SimpleNamespace, seed: int
) -> None:
    night = lab.night(seed)
    largest = lab.largest(night)
    found = work.stalls.five(night.events)
    assert {one["cause"] for one in found} == set(largest)
    for one in found:
        assert lab.overlap((one["from"], one["to"]), largest[one["cause"]]) > 0.95
    costs = sorted(night.lost.values(), reverse=True)
    assert costs[4] > 1.2 * costs[5], "the fifth stands clear of the sixth"


def test_in_every_night_something_long_costs_nothing(lab: SimpleNamespace) -> None:
    for seed in range(24):
        night = lab.night(seed)
        assert night.free & set(lab.HIDDEN)
        assert max(night.lost.get(cause, 0.0) for cause in night.free) < 60


def test_nights_differ_and_repeat(lab: SimpleNamespace) -> None:
    assert lab.night(1).events == lab.night(1).events
    assert len({tuple(largest) for _, largest in lab.nights(1)}) > 1
    assert len({tuple(lab.largest(lab.night(seed))) for seed in range(8)}) > 4


def test_lanes_do_one_thing_at_a_time(lab: SimpleNamespace) -> None:
    card = [one for one in lab.night(5).events if one["tid"] == 7]
    for one, later in pairwise(sorted(card, key=lambda one: one["ts"])):
        assert one["ts"] + one["dur"] <= later["ts"] + 0.2


# --- the bench's card ------------------------------------------------------------------------


def played(work: SimpleNamespace, doing: Any) -> Any:
    """Return what a tape of `doing` holds, played again."""
    first = len(work.card.tape.lines)
    kept = doing()
    text = "\n".join(work.card.tape.lines[first:]).encode()
    del kept
    player = work.card.Player()
    return player.play(text) | {"fetched": [one.tolist() for one in player.fetched]}


def on_card(*shape: int) -> Any:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1)).to("card")


def test_a_tape_played_again_gives_the_same_values(work: SimpleNamespace) -> None:
    values = []

    def doing() -> Any:
        x = on_card(8, 8)
        y = (x @ x.t()).softmax(-1)
        y[0] += 1
        values.extend(y.cpu().flatten().tolist())
        return x, y

    assert played(work, doing)["fetched"][-1] == pytest.approx(values)


def test_it_counts_kernels_waits_and_what_is_sent(work: SimpleNamespace) -> None:
    def doing() -> Any:
        x = on_card(4, 4)  # sent
        y = x.view(16) + 1  # a kernel, and a view that is none
        y.sum().item()  # a kernel and a wait
        y.cpu()  # nothing was queued: no wait
        z = torch.ones(4).to("card", non_blocking=True)
        return x, y, z

    found = played(work, doing)
    assert (found["kernels"], found["waits"], found["sent"]) == (2, 1, 2)
    assert found["sent_bytes"] == 16 * 4 + 4 * 4


def test_it_counts_products_by_format(work: SimpleNamespace) -> None:
    def doing() -> Any:
        x, w = on_card(4, 8), on_card(16, 8)
        with torch.autocast("card", torch.bfloat16):
            found = torch.nn.functional.linear(x, w), x @ w.float().t()
        return found, torch.addbmm(x[:, :4], x[None, :, :4], x[None, :, 4:])

    flops = {"bfloat16": 2 * 2 * 4 * 8 * 16, "float32": 2 * 4 * 4 * 4}
    assert played(work, doing)["flops"] == flops


def test_a_tape_can_begin_elsewhere(work: SimpleNamespace) -> None:
    first = work.job.first_weights(work.job.SIZES["bench"], 7)
    begin, lines = len(work.card.tape.lines), work.card.tape.lines
    kept = [first["head"].t().to("card"), first["head"].bfloat16().to("card")]
    kept += [torch.arange(9.0).to("card"), first["norm.weight"].to("card")]
    for one in kept:
        one.cpu()
    text = "\n".join(lines[begin:]).encode()
    player = work.card.Player(torch.cat([one.flatten() for one in first.values()]))
    player.play(text)
    there = work.job.turned(first["head"])
    assert 0.4 < float((there != first["head"]).float().mean()) < 0.6
    wanted = [there.t(), there.bfloat16(), torch.arange(9.0), first["norm.weight"]]
    for mine, right in zip(player.fetched, wanted, strict=True):
        assert torch.equal(mine, right.flatten().float())


@pytest.mark.parametrize("name", ["aten.from_file.default", "aten.set_.default", "os.system.x"])
def test_a_tape_cannot_ask_for_anything(work: SimpleNamespace, name: str) -> None:
    with pytest.raises(NotImplementedError):
        work.card.Player().play(json.dumps([name, [], {}, []]).encode())


def test_a_tensor_can_be_printed(work: SimpleNamespace) -> None:
    assert "1., 1." in repr(torch.ones(2).to("card"))


def test_it_draws_no_random_numbers(work: SimpleNamespace) -> None:
    with pytest.raises(NotImplementedError, match="no kernel"):
        torch.randn(3, device="card")


def test_waiting_costs_time_on_the_clock(work: SimpleNamespace) -> None:
    clock = work.card.Clock()
    for _ in range(10):
        clock.launch("mul", 100.0)
    assert clock.host == 80
    assert clock.wait("fetch")
    assert clock.host == clock.card == 1008
    assert not clock.wait("fetch")


SHORT = """
import json, types, torch, card, today, train
log = types.SimpleNamespace(row=lambda *_: None)
found = {}
for job in (today, train):
    first = len(card.tape.lines)
    kept = job.train(7, torch.device("card"), job.SIZES["bench"], 2, log)
    found[job.__name__] = card.Player().play("\\n".join(card.tape.lines[first:]).encode())
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def tapes(work: SimpleNamespace) -> Any:
    """Two steps of both jobs, played: in a process that has had no other device."""
    words = [sys.executable, "-c", SHORT]
    done = subprocess.run(words, cwd=work.folder, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def test_today_asks_what_the_checks_say(tapes: Any, lab: SimpleNamespace) -> None:
    found = tapes["today"]
    weights = len(lab.SHAPES)
    a_step = (lab.TODAY["kernels"] - 2 * 4 * 83) / lab.STEPS
    assert found["kernels"] / 2 == pytest.approx(a_step, rel=0.05)
    assert (found["sent"] - weights) / 2 == pytest.approx(20, abs=0.1)
    assert f"{lab.TODAY['waits']:,} waits" in LESSON.read_text()
    assert lab.TODAY["sent"] == weights + 20 * (lab.STEPS + 8)


def test_the_reference_asks_a_fifth(tapes: Any, lab: SimpleNamespace) -> None:
    found = tapes["train"]
    assert found["kernels"] / 2 < 0.3 * lab.TODAY["kernels"] / lab.STEPS
    assert found["waits"] == 0
    assert set(found["flops"]) == {"bfloat16"}


def test_both_jobs_take_the_same_steps(work: SimpleNamespace) -> None:
    asked = Asked(torch.device("cpu"), work.job.SIZES["bench"], 3, seed=5)
    kept = {module: (module.EVAL_EVERY, module.LOG_EVERY) for module in (work.today, work.train)}
    one, other = (block(m.__name__, m, asked) for m in (work.today, work.train))
    for module, (evaluations, rows) in kept.items():
        module.EVAL_EVERY, module.LOG_EVERY = evaluations, rows
    assert receipt.apart([Block("today", *fields(one)), Block("train", *fields(other))]) < 2e-4


def fields(one: Block) -> Any:
    return (one.steps, one.seconds, one.losses, one.held_out, one.weights)


# --- what the judge knows without torch --------------------------------------------------------


def test_the_judge_scores_what_torch_would(work: SimpleNamespace, lab: SimpleNamespace) -> None:
    weights = work.job.first_weights(work.job.SIZES["bench"], 3)
    model = {name: one.numpy() for name, one in weights.items()}
    assert {name: one.shape for name, one in model.items()} == lab.SHAPES
    text = lab.other_labels(3)[:33]
    numbers = torch.tensor([work.job.ALPHABET.index(one) for one in text])[None]
    loss = work.model.loss_of(weights, numbers[:, :-1], numbers[:, 1:], work.job.SIZES["bench"])
    assert lab.loss(model, text) == pytest.approx(loss.item(), abs=1e-5)


def test_the_way_between_weights_is_a_share_of_todays(lab: SimpleNamespace) -> None:
    first = {name: np.zeros(shape, "<f4") for name, shape in lab.SHAPES.items()}
    theirs = {name: one + 1 for name, one in first.items()}
    mine = {name: one + np.float32(1.25) for name, one in first.items()}
    assert lab.way(theirs, theirs, first) == 0
    assert lab.way(mine, theirs, first) == pytest.approx(0.25)
    assert lab.way({name: one * np.nan for name, one in mine.items()}, theirs, first) == np.inf


def test_what_is_not_the_model_is_refused(lab: SimpleNamespace) -> None:
    heads = [size.to_bytes(8, "little") + text for size, text in ((2, b"{}"), (4, b"null"))]
    for data in (b"", b"\xff" * 8, *heads):
        with pytest.raises(ValueError, match=r".*"):
            lab.read_model(data)


def test_a_log_of_words_is_refused(lab: SimpleNamespace) -> None:
    for value in ('"low"', "true", "null"):
        row = f'{{"step": 0, "loss": {value}, "norm": 1}}'
        with pytest.raises(ValueError, match="no numbers"):
            lab.read_log(row.encode())


# --- the GPU tier, without a GPU ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "dense"),
    [
        ("NVIDIA H100 80GB HBM3", 989.5e12),
        ("NVIDIA H100 PCIe", 756.5e12),
        ("NVIDIA H200", 989.5e12),
        ("NVIDIA A100-SXM4-40GB", 312e12),
        ("NVIDIA L40S", 366.5e12),
        ("NVIDIA L4", 121e12),
        ("NVIDIA A10", 125e12),
        ("NVIDIA A10G", 70e12),
        ("Tesla T4", None),
    ],
)
def test_a_card_is_known_by_its_name(name: str, dense: float | None) -> None:
    card = peaks.card_of(name)
    assert card is not None
    assert card.dense == dense
    assert card.source


@pytest.mark.parametrize("name", ["NVIDIA A10X", "NVIDIA GeForce RTX 4090", "cpu"])
def test_an_unknown_card_has_no_peak(name: str) -> None:
    assert peaks.card_of(name) is None
    assert peaks.mfu(1e6, 1e9, peaks.card_of(name)) is None


def test_utilisation_is_what_one_works_out_by_hand(work: SimpleNamespace) -> None:
    size = {"width": 2048, "layers": 16, "heads": 16, "context": 1024}
    flops = peaks.flops_a_token(2048, 16, 1024, len(work.job.ALPHABET))
    assert flops == 6 * (16 * 12 * 2048**2 + 2048 * 43) + 12 * 16 * 2048 * 1024
    assert work.mfu.flops_per_token(size) == flops
    card = peaks.card_of("NVIDIA H200")
    assert peaks.mfu(100_000, flops, card) == pytest.approx(1e5 * flops / 989.5e12)


def test_blocks_alternate() -> None:
    assert "".join(alternate("ab", 3)) == "abbaab"


def made(today: float, mine: float, device: str = "NVIDIA H200") -> dict[str, Any]:
    """Return a receipt of five blocks each, of so many seconds."""
    size = {"width": 2048, "layers": 16, "context": 1024, "batch": 16, "held_out": 4}
    seconds = {"today": today, "train": mine}
    blocks = [
        Block(job, 8, seconds[job] * (1 + number / 100), (3.0, 2.5), 2.4, "w")
        for number, job in enumerate(alternate(("today", "train"), 5))
    ]
    return receipt.make(blocks, size, device, 43)


def test_a_receipt_says_what_was_reached() -> None:
    good = made(16.0, 1.3)
    assert receipt.problems(json.loads(json.dumps(good))) == []
    assert receipt.reached(good) == {"four times today's": True, "half of the peak": True}
    assert receipt.reached(made(16.0, 5.0))["four times today's"] is False
    assert receipt.reached(made(16.0, 2.0))["half of the peak"] is False
    assert receipt.reached(made(16.0, 2.0, "Tesla T4"))["half of the peak"] is None
    assert "self-reported" in receipt.lines(good)[0]


def test_a_rate_is_the_median_of_its_blocks() -> None:
    blocks = [Block("a", 8, seconds, (), 0.0, "") for seconds in (1.0, 2.0, 40.0)]
    assert rate(blocks, "a", 100) == 400


@pytest.mark.parametrize(
    "spoil",
    [
        lambda one: one.update(ratio=9.0),
        lambda one: one["mfu"].update(train=0.9),
        lambda one: one["blocks"][1].update(losses=[3.0, 1.0]),
        lambda one: one["blocks"].sort(key=lambda block: block["job"]),
    ],
)
def test_a_receipt_that_contradicts_itself_says_so(spoil: Any) -> None:
    bad = json.loads(json.dumps(made(16.0, 1.3)))
    spoil(bad)
    assert receipt.problems(bad)


def test_more_than_the_card_can_do_is_said() -> None:
    assert "more than the card can do" in receipt.problems(made(16.0, 0.2))


def test_a_job_that_skips_an_evaluation_is_no_block() -> None:
    job = SimpleNamespace(train=lambda *_: {})
    with pytest.raises(ValueError, match="evaluations"):
        block("train", job, Asked("cpu", None, 3, 7))


def test_each_fix_can_be_taken_back_out(work: SimpleNamespace, tmp_path: Path) -> None:
    with bench.gathered(LAB, SOLUTION) as folder:
        before = {file.name: file.read_text() for file in folder.glob("*.py")}
        names = []
        for name in bench.undone(folder, FOLDER / "fixes.toml"):
            names.append(name)
            assert {file.name: file.read_text() for file in folder.glob("*.py")} != before
        assert {file.name: file.read_text() for file in folder.glob("*.py")} == before
    traces = {path.name for path in (FOLDER / "traces").iterdir()}
    assert traces == {f"cpu-without-{n}.json.gz" for n in names} | {
        "cpu-today.json.gz", "cpu-train.json.gz"
    }  # fmt: skip


def test_a_kept_trace_is_small_and_says_its_device(tmp_path: Path) -> None:
    event = {"ph": "X", "name": "aten::mm", "ts": 70.04, "dur": 3.0, "args": {"Input Dims": [[1]]}}
    path = bench.keep({"traceEvents": [event, {"ph": "M"}]}, tmp_path / "a.json.gz", "NVIDIA H200")
    trace = json.loads(gzip.decompress(path.read_bytes()))
    assert trace["recorded on"] == "NVIDIA H200"
    assert trace["traceEvents"] == [{"ph": "X", "name": "aten::mm", "ts": 0.0, "dur": 3.0}]
