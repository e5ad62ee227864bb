"""The address model's text, a night's trace of the rented card, and the tapes of the bench's card.

What a run asked of the card is counted by playing its tape again, in a sandbox that no learner's
code enters. What the learner's process says of itself is compared with what the tape fetched.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import larkmoor
import numpy as np

from autograder import LearnerError, fixture, given
from infra.gpu.peaks import cards, flops_a_token

LETTERS = "\n abcdefghijklmnopqrstuvwxyz0123456789.,:-/"
WIDTH, LAYERS, HEADS, CONTEXT, BATCH = 32, 2, 2, 32, 8
STEPS, LOG_EVERY, EVAL_EVERY = 60, 3, 30
ROWS = list(range(0, STEPS, LOG_EVERY))
EVALUATIONS = list(range(EVAL_EVERY, STEPS + 1, EVAL_EVERY))

PUBLISHED = ("log.jsonl", "model.safetensors")

# What one run of today.py asks of the bench's card. The same for every text; a test keeps it true.
TODAY = {"kernels": 39_702, "waits": 1_660, "sent": 1_381, "sent_bytes": 1_507_328,
         "microseconds": 1_472_805, "flops": 2_892_300_288}  # fmt: skip

# ---------------------------------------------------------------- text


@given("labels.txt")
@fixture
def labels(seed: int) -> str:
    """Return the labels of some weeks, as the printers wrote them."""
    return printed(seed)


@fixture
def other_labels(seed: int) -> str:
    """Return labels that no run has seen."""
    return printed(seed + 1)


def printed(seed: int) -> str:
    """Return 34,000 letters of labels."""
    table = larkmoor.parcels(seed, 1_400, "2026-01", 9)
    names = ["depot", "route", "service", "housing", "weight_kg"]
    rows = zip(*(table[name] for name in names), strict=True)
    lines = [f"{depot} {route} {kind} {house} {kg}kg\n" for depot, route, kind, house, kg in rows]
    return "".join(lines).lower()[:34_000]


# ---------------------------------------------------------------- a night's trace


@dataclass
class Night:
    """Four steps of today's job on the rented card, drawn: a timeline, and where time was lost."""

    rng: np.random.Generator
    free: frozenset[str] = frozenset()  # causes that cost nothing tonight, though they are there
    events: list[dict[str, Any]] = field(default_factory=list)
    lost: dict[str, float] = field(default_factory=dict)
    spans: dict[str, tuple[float, float]] = field(default_factory=dict)
    host: float = 1000.0
    card: float = 1000.0
    launches: int = 0

    def say(self, lane: str, kind: str, name: str, start: float, took: float, **more: Any) -> None:
        """Put an event into the trace, as torch.profiler would."""
        tid = {"host": 1, "stream 7": 7}[lane]
        self.events.append({"ph": "X", "cat": kind, "name": name, "pid": 0, "tid": tid,
                            "ts": round(start, 1), "dur": round(took, 1), **more})  # fmt: skip

    def work(self, kind: str, name: str, took: float, **more: Any) -> None:
        """The host does something; the card may go on."""
        took = round(took, 1)
        self.say("host", kind, name, self.host, took, **more)
        self.host += took

    def kernel(self, name: str, took: float, kind: str = "kernel") -> float:
        """Launch one kernel; return for how long the card had nothing to do before it."""
        call = "cudaLaunchKernel" if kind == "kernel" else "cudaMemcpyAsync"
        self.launches, took = self.launches + 1, round(took, 1)
        pair = {"args": {"correlation": self.launches}}
        self.work("cuda_runtime", call, 6.0, **pair)
        idle = max(0.0, self.host - self.card)
        self.card = max(self.card, self.host)
        self.say("stream 7", kind, name, self.card, took, **pair)
        self.card += took
        return idle

    def cover(self, cause: str, took: float) -> None:
        """Before a cause that costs nothing, give the card something to do; before others wait."""
        if cause in self.free:
            self.kernel(BF16, 1.1 * took + 50)
        else:
            self.wait()

    def wait(self) -> None:
        """The host waits until the card has finished."""
        took = max(2.0, self.card - self.host)
        self.work("cuda_runtime", "cudaStreamSynchronize", took)

    def stall(self, cause: str, start: float, end: float, lost: float) -> None:
        """Remember where a cause cost time; of several places in a step, the one that cost most."""
        self.lost[cause] = self.lost.get(cause, 0.0) + lost
        if lost >= self.spans.get(cause, (0.0, 0.0, 0.0))[2]:
            self.spans[cause] = (start, end, lost)


SGEMM, BF16 = "ampere_sgemm_128x64_tn", "sm90_xmma_gemm_bf16bf16_bf16f32_f32_tn_n_tilesize128"
HIDDEN = ("loader", "tiny-kernels", "norms", "optimizer", "logging")  # by work of the card

# cause: (least, most) microseconds it may cost in a step
CAUSES = {
    "loader": (900, 6000), "transfer": (500, 4000), "float32": (2500, 9000), "copies": (400, 3500),
    "tiny-kernels": (500, 3500), "item": (500, 3500), "norms": (600, 4000),
    "optimizer": (900, 6000), "logging": (500, 4500),
}  # fmt: skip


def night(seed: int, number: int = 0) -> Night:
    """Return a night whose five largest stalls stand clear of the others, one of them in two
    places, and in which something lasts as long as the third of them and costs nothing.
    """
    rng = np.random.Generator(np.random.PCG64DXSM([seed, 61, number]))
    free = set(rng.permutation(HIDDEN)[: rng.integers(1, 4)].tolist())
    free |= {"float32"} if rng.integers(3) == 0 else set()
    while True:
        costs = {cause: float(rng.integers(*span)) for cause, span in CAUSES.items()}
        drawn = sorted((costs[cause] for cause in CAUSES if cause not in free), reverse=True)
        clear = len(drawn) == 5 or drawn[4] > 1.5 * drawn[5]
        clear &= any(costs[cause] >= drawn[4] for cause in {"float32", "copies"} - free)
        if clear and max(costs[cause] for cause in free & set(HIDDEN)) > drawn[2]:
            break
    made, early = Night(rng, frozenset(free)), bool(rng.integers(2))
    for number in range(4):
        made.lost, made.spans, start = {}, {}, made.host
        one_step(made, costs, early, cold=number == 0)
        made.say("host", "user_annotation", f"ProfilerStep#{number}", start, made.host - start)
    for moment in (1, 2):  # an evaluation between two steps is work, not a stall
        made.say("host", "python_function", f"gc generation {moment}", start + 40 * moment, 30.0)
    return made


def one_step(made: Night, costs: dict[str, float], early: bool, cold: bool) -> None:
    """Draw one step; the first is cold, and tells nothing of the others. `early`: small kernels
    come before most of the copies, and the loss is fetched before most of the products.
    """
    cost = {cause: value * int(made.rng.integers(96, 105)) / 100 for cause, value in costs.items()}
    if cold:
        made.work("cuda_runtime", "cudaMalloc", 14_000.0)
    made.cover("loader", cost["loader"])
    idle_from = made.card
    made.work("user_annotation", "batch", cost["loader"])
    made.stall("loader", idle_from, made.host, max(0.0, made.host - idle_from))
    start = max(made.host, made.card)
    rows = max(4, int(cost["transfer"] / 120))
    for _ in range(rows):
        made.kernel("Memcpy HtoD (Pageable -> Device)", cost["transfer"] / rows - 8, "gpu_memcpy")
        made.wait()
    made.stall("transfer", start, made.card, made.card - start)
    share = 1 / 3 if early else 2 / 3
    copies(made, share * cost["copies"])
    small(made, cost)
    copies(made, (1 - share) * cost["copies"])
    whole = cost["float32"] * 8 / 7
    products(made, share * whole)
    start = made.card
    made.wait()
    made.work("cpu_op", "aten::_local_scalar_dense", cost["item"] - 6)
    products(made, (1 - share) * whole, item=start)
    norms(made, cost["norms"])
    optimizer(made, cost["optimizer"])
    made.cover("logging", cost["logging"])
    start = made.card
    made.work("user_annotation", "log", cost["logging"])
    made.wait()
    made.stall("logging", start, made.host, made.host - start)
    made.card = max(made.card, made.host)


def small(made: Night, cost: dict[str, float]) -> None:
    """Draw the small kernels of the forward pass."""
    made.cover("tiny-kernels", 1.3 * cost["tiny-kernels"])
    count = int(cost["tiny-kernels"] / 9)
    start, idle = made.card, 0.0
    for place in range(count):
        name = ("add", "mul", "tanh", "div", "exp")[place % 5]
        made.work("cpu_op", f"aten::{name}", 5.0)
        idle += made.kernel(f"vectorized_elementwise_kernel<{name}>", 2.0)
    made.stall("tiny-kernels", start, made.card, idle)


def copies(made: Night, cost: float) -> None:
    """Draw a run of copies in the forward pass."""
    each = max(40.0, cost / 12)
    made.work("cpu_op", "aten::clone", 5.0)
    start = None
    for _ in range(max(1, int(cost / each))):
        made.kernel("Memcpy DtoD (Device -> Device)", each, "gpu_memcpy")
        start = made.card - each if start is None else start
    made.stall("copies", start, made.card, made.card - start)


def products(made: Night, took: float, item: float | None = None) -> None:
    """Draw matrix products, in float32 unless that costs nothing, the host ahead of the card."""
    name = BF16 if "float32" in made.free else SGEMM
    count = max(4, int(took / 150))
    for place in range(count):
        idle = made.kernel(name, took / count)
        if place == 0:
            if item is not None:
                made.stall("item", item, made.card - took / count, idle)
            start = made.card - took / count
    if name == SGEMM:
        made.stall("float32", start, made.card, (made.card - start) * 7 / 8)


def norms(made: Night, cost: float) -> None:
    """Draw a loop that asks the card for the length of every gradient, one after the other; or
    that asks for none, behind one question that waits long, and after which the card waits little.
    """
    asks = "norms" not in made.free
    made.work("cpu_op", "aten::_local_scalar_dense", max(0.0, made.card - made.host) + 4)
    made.cover("norms", cost)
    start, idle = made.card, 0.0
    for _ in range(int(cost / 20)):
        made.work("cpu_op", "aten::linalg_vector_norm", 8.0)
        idle += made.kernel("reduce_kernel<norm>", 4.0)
        if asks:
            made.wait()
            made.work("cpu_op", "aten::_local_scalar_dense", 6.0)
    made.stall("norms", start, made.card, idle)


def optimizer(made: Night, cost: float) -> None:
    """Draw an optimizer that launches a dozen kernels for every tensor of weights."""
    made.cover("optimizer", 1.2 * cost)
    start, idle, began = made.card, 0.0, made.host
    for place in range(int(cost / 10)):
        name = ("lerp", "mul", "addcmul", "sqrt", "div", "addcdiv")[place % 6]
        made.work("cpu_op", f"aten::{name}_", 6.0)
        idle += made.kernel(f"vectorized_elementwise_kernel<{name}>", 2.0)
    made.say("host", "user_annotation", "Optimizer.step#AdamW.step", began, made.host - began)
    made.stall("optimizer", start, made.card, idle)


@given("trace.json")
@fixture
def trace(seed: int) -> dict[str, Any]:
    """Return last night's trace, in the format of torch.profiler and Perfetto."""
    return {"drawn": "not recorded: a model of a card", "traceEvents": night(seed).events}


@fixture
def nights(seed: int) -> list[tuple[list[dict[str, Any]], dict[str, tuple[float, float]]]]:
    """Return the events of three nights, each with its five largest stalls."""
    return [(made.events, largest(made)) for made in (night(seed, n) for n in range(3))]


def largest(made: Night) -> dict[str, tuple[float, float]]:
    """Return the five largest stalls of the last step: cause, from and to in microseconds."""
    five = sorted(made.lost, key=lambda cause: -made.lost[cause])[:5]
    return {cause: made.spans[cause][:2] for cause in five}


def overlap(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the common part of two spans as a share of what they cover together."""
    common = min(one[1], other[1]) - max(one[0], other[0])
    return max(0.0, common) / (max(one[1], other[1]) - min(one[0], other[0]))


# ---------------------------------------------------------------- utilisation


@fixture
def cases(rng: np.random.Generator) -> list[tuple[float, dict[str, int], Any, float | None]]:
    """Return tokens a second, a size, a maker's sheet, and the utilisation they make."""
    found = []
    for place in rng.permutation(len(cards())).tolist():
        card = cards()[place]
        step, layers = (8, 3) if len(found) % 2 else (64, 40)  # in small ones the head weighs most
        size = {"width": int(rng.integers(4, 40)) * step, "layers": int(rng.integers(1, layers)),
                "heads": 8, "context": int(rng.integers(2, 64)) * step}  # fmt: skip
        rate = float(rng.integers(1_000, 90_000))
        sheet = {"card": card.says, "bf16_tflops": card.bfloat16, "with_sparsity": card.sparse}
        flops = flops_a_token(size["width"], size["layers"], size["context"], len(LETTERS))
        found.append((rate, size, sheet, rate * flops / card.dense if card.dense else None))
    return found


# ---------------------------------------------------------------- runs, and their tapes

SHAPES = {"letters": (len(LETTERS), WIDTH), "places": (CONTEXT, WIDTH)}
for _layer in range(LAYERS):
    SHAPES |= {
        f"layers.{_layer}.norm1.weight": (WIDTH,), f"layers.{_layer}.norm1.bias": (WIDTH,),
        f"layers.{_layer}.qkv": (3 * WIDTH, WIDTH), f"layers.{_layer}.out": (WIDTH, WIDTH),
        f"layers.{_layer}.norm2.weight": (WIDTH,), f"layers.{_layer}.norm2.bias": (WIDTH,),
        f"layers.{_layer}.up": (4 * WIDTH, WIDTH), f"layers.{_layer}.down": (WIDTH, 4 * WIDTH),
    }  # fmt: skip
SHAPES |= {"norm.weight": (WIDTH,), "norm.bias": (WIDTH,), "head": (len(LETTERS), WIDTH)}


def read_model(data: bytes) -> dict[str, np.ndarray]:
    """Parse a published model strictly; raises ValueError for whatever is not exactly one."""
    size = int.from_bytes(data[:8], "little")
    if not 0 < size <= 65536 or size > len(data) - 8:
        raise ValueError("the length of the header is not believable")
    header = json.loads(data[8 : 8 + size])
    if not isinstance(header, dict) or set(header) != set(SHAPES):
        raise ValueError("other tensors than the address model has")
    body = data[8 + size :]
    return {name: read_tensor(body, header[name], shape) for name, shape in SHAPES.items()}


def read_tensor(body: bytes, entry: dict[str, Any], shape: tuple[int, ...]) -> np.ndarray:
    """Return one tensor of a model, of the shape the model has."""
    start, end = entry["data_offsets"]
    fits = type(start) is type(end) is int and 0 <= start <= end <= len(body)
    if not fits or entry["dtype"] != "F32" or tuple(entry["shape"]) != shape:
        raise ValueError("a tensor of another shape, type or place")
    if end - start != 4 * int(np.prod(shape)):
        raise ValueError("a tensor of another length")
    return np.frombuffer(body[start:end], dtype="<f4").reshape(shape)


def loss(model: dict[str, np.ndarray], text: str) -> float:
    """Return the mean loss of a model on a text, in the judge's own code and in float64."""
    numbers = np.array([LETTERS.index(letter) for letter in text])
    rows = numbers[: len(numbers) // (CONTEXT + 1) * (CONTEXT + 1)].reshape(-1, CONTEXT + 1)[:200]
    w = {name: weights.astype(np.float64) for name, weights in model.items()}
    x, y = rows[:, :-1], rows[:, 1:]
    h = w["letters"][x] + w["places"]
    for number in range(LAYERS):
        layer = f"layers.{number}."
        h = h + attention(scaled(h, w, layer + "norm1"), w, layer)
        inner = scaled(h, w, layer + "norm2") @ w[layer + "up"].T
        inner = 0.5 * inner * (1 + np.tanh(np.sqrt(2 / np.pi) * (inner + 0.044715 * inner**3)))
        h = h + inner @ w[layer + "down"].T
    odds = scaled(h, w, "norm") @ w["head"].T
    odds -= odds.max(-1, keepdims=True)
    logs = odds - np.log(np.exp(odds).sum(-1, keepdims=True))
    return float(-np.take_along_axis(logs, y[..., None], -1).mean())


def scaled(x: np.ndarray, w: dict[str, np.ndarray], name: str) -> np.ndarray:
    """Return x with mean 0 and variance 1, scaled and moved."""
    x = x - x.mean(-1, keepdims=True)
    x = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5)
    return x * w[name + ".weight"] + w[name + ".bias"]


def attention(x: np.ndarray, w: dict[str, np.ndarray], layer: str) -> np.ndarray:
    """Return causal attention."""
    mixed = (x @ w[layer + "qkv"].T).reshape(len(x), CONTEXT, 3, HEADS, WIDTH // HEADS)
    q, k, v = mixed.transpose(2, 0, 3, 1, 4)
    scores = q @ k.transpose(0, 1, 3, 2) / np.sqrt(WIDTH // HEADS)
    scores = np.where(np.tri(CONTEXT, dtype=bool), scores, -np.inf)
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    heads = (scores / scores.sum(-1, keepdims=True)) @ v
    return heads.transpose(0, 2, 1, 3).reshape(x.shape) @ w[layer + "out"].T


GIVEN = Path(__file__).with_name("job.py").read_bytes()
# Put behind job.py: training that begins elsewhere, and training that cannot go well.
ELSEWHERE = """

def first_weights(size, seed, right=first_weights):
    return {name: turned(weight) for name, weight in right(size, seed).items()}
"""
SPOILT = """

def first_weights(size, seed, right=first_weights):
    weights = right(size, seed)
    return weights | {"letters": weights["letters"] * float("nan")}
"""


class Run:
    """One run of train.py: what its tape asked of the card, its log, its published model."""

    def __init__(self, work: Any, pristine: Any, labels: str, seed: int, graded: bool) -> None:
        for file in ("run.card", *PUBLISHED):
            if file in work.files():
                work.remove(file)
        work.write("labels.txt", labels.encode())
        program = work.run("train.py", "--seed", str(seed % 2**31))
        self.exit, self.work, self.counts = program.wait(), work, {}
        self.last_words = last_words(program, graded) if self.exit else ""
        self.values: np.ndarray | None = None
        if self.exit == 0 and "run.card" in work.files():
            pristine.write("run.card", work.read("run.card", 64 << 20))
            self.counts, self.values = play(pristine)

    def ended_well(self) -> None:
        """The program ended with exit code 0."""
        assert self.exit == 0, f"train.py did not end with exit code 0 on the card{self.last_words}"

    @property
    def played(self) -> bool:
        """Return whether the card could play the tape of a whole run."""
        return self.values is not None

    def rows(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Return the rows of the log by step, and its evaluations."""
        return read_log(self.work.read("log.jsonl", 1 << 20))

    def model(self) -> dict[str, np.ndarray]:
        """Return the published model. Raises ValueError when it is none."""
        return read_model(self.work.read("model.safetensors", 8 << 20))

    def where(self, weights: np.ndarray) -> np.ndarray | None:
        """Return the places of a tensor's numbers among all that was fetched, None if they are not
        all there. In one piece if they can be found so; in any order otherwise.
        """
        assert self.values is not None
        found = self.values.tobytes().rfind(weights.tobytes())
        if found >= 0 and found % 4 == 0:
            return found // 4 + np.arange(weights.size)
        order = np.argsort(self.values, kind="stable")
        places = np.searchsorted(self.values, weights.ravel(), sorter=order)
        places = order[np.clip(places, 0, len(order) - 1)]
        return places if (self.values[places] == weights.ravel()).all() else None

    def near(self, value: float) -> np.ndarray:
        """Return the places of a number that was logged among all that was fetched."""
        assert self.values is not None
        return np.flatnonzero(abs(self.values - value) <= 1e-5)

    def fetched(self, model: dict[str, np.ndarray], rows: list[dict[str, Any]]) -> bool:
        """Return whether these weights and these rows are what was fetched from the card."""
        if not len(self.values) or not all(len(self.near(row["loss"])) for row in rows):
            return False
        return all(self.where(weights) is not None for weights in model.values())

    def late(self) -> bool:
        """Return whether a row of the first half was fetched when three more steps had been
        multiplied than the evaluation in the middle needs.
        """
        products, numbers = np.array(self.counts["fetches"]).reshape(-1, 2).T
        before = np.repeat(products, numbers) / sum(self.counts["flops"].values())
        whole = STEPS + len(EVALUATIONS) * 4 / 3  # steps; an evaluation is four, forward
        soon = (EVAL_EVERY + 4 / 3 + 3) / whole
        rows, _ = self.rows()
        first = [self.near(row["loss"]) for row in rows if row["step"] < EVAL_EVERY]
        return any(before[places].min() > soon for places in first if len(places))

    def bfloat16(self) -> float:
        """Return the share of this model's matrix products that is left for bfloat16."""
        others = sum(n for kind, n in self.counts["flops"].items() if kind != "bfloat16")
        return 1 - others / TODAY["flops"]


def last_words(program: Any, graded: bool) -> str:
    """Return, on the desk, the last line that a program wrote; a gap raises that it is one."""
    said = program.output().decode(errors="replace").strip().splitlines() or [""]
    if said[-1].startswith("NotImplementedError") and "bench's card" not in said[-1]:
        raise LearnerError("NotImplementedError", "a gap is still open", "train.py")
    return f": {said[-1][:300]}" if said[-1] and not graded else ""


def play(pristine: Any, *words: str) -> tuple[dict[str, Any], np.ndarray | None]:
    """Play run.card; return what it counts, and all numbers that it fetches. None: not playable."""
    out = ("--json", "counts.json", "--fetched", "fetched.f32")
    if pristine.run("card.py", *out, *words).wait():
        return {}, None
    values = np.frombuffer(pristine.read("fetched.f32", 32 << 20), dtype="<f4")
    return json.loads(pristine.read("counts.json")), values


def began(box: Any, behind: str, *words: str) -> Any:
    """Run a program beside a job.py that has something behind it; return the ended program."""
    box.write("job.py", GIVEN + behind.encode())
    program = box.run(*words)
    program.wait()
    box.write("job.py", GIVEN)
    return program


Weights = dict[str, np.ndarray]


def way(mine: Weights, theirs: Weights, first: Weights) -> float:
    """Return how far mine are from theirs, as a share of the way that theirs have come."""

    def apart(a: Weights, b: Weights) -> float:
        return float(np.sqrt(sum(((a[n].astype(float) - b[n]) ** 2).sum() for n in SHAPES)))

    far = apart(mine, theirs) / apart(theirs, first)
    return far if np.isfinite(far) else np.inf


def read_log(data: bytes) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Parse log.jsonl; raises ValueError for a row that is none."""
    rows: list[dict[str, Any]] = []
    evaluations: list[dict[str, Any]] = []
    for line in data.splitlines():
        row = json.loads(line)
        if set(row) == {"step", "held_out"}:
            evaluations.append(row)
        elif set(row) == {"step", "loss", "norm"}:
            rows.append(row)
        else:
            raise ValueError("a row of another kind")
        if not all(type(value) in (int, float) for value in row.values()):
            raise ValueError("a row whose values are no numbers")
    rows.sort(key=lambda row: row["step"])
    return rows, sorted(evaluations, key=lambda row: row["step"])


def apart(mine: list[dict[str, Any]], theirs: list[dict[str, Any]], name: str) -> float:
    """Return the largest difference of a column; infinite when the steps are not the same."""
    if [row["step"] for row in mine] != [row["step"] for row in theirs]:
        return float("inf")
    return max(abs(a[name] - b[name]) for a, b in zip(mine, theirs, strict=True))


@fixture
def bench() -> SimpleNamespace:
    """Return what the checks measure with."""
    return SimpleNamespace(
        TODAY=TODAY, ROWS=ROWS, EVALUATIONS=EVALUATIONS, overlap=overlap, apart=apart, loss=loss,
        way=way,
    )  # fmt: skip


@fixture
def run(work: Any, pristine: Any, labels: str, seed: int, graded: bool) -> Run:
    """Run train.py once on the bench's card, and play its tape."""
    return Run(work, pristine, labels, seed, graded)


@fixture
def today(pristine: Any, labels: str, seed: int) -> dict[str, Any]:
    """Return the log and the model of today's job, from the lab's own file in its own sandbox."""
    return todays(pristine, labels, seed, "")


def todays(pristine: Any, labels: str, seed: int, behind: str) -> dict[str, Any]:
    """Return rows, evaluations and model of today's job, and the weights that it began with."""
    pristine.write("labels.txt", labels.encode())
    found = {}
    for name, steps in (("model", STEPS), ("first", 0)):
        words = ("--seed", str(seed % 2**31), "--device", "cpu", "--steps", str(steps))
        if began(pristine, behind, "today.py", *words).wait():
            raise RuntimeError("today's job did not run")
        found[name] = read_model(pristine.read("model.safetensors"))
        if steps:
            found["rows"], found["evaluations"] = read_log(pristine.read("log.jsonl"))
    return found


@fixture
def elsewhere(run: Run, pristine: Any, labels: str, seed: int) -> SimpleNamespace:
    """Play a tape as if its first weights had had other signs, and compare what it fetches then
    with what today's job makes of those.
    """
    if not run.played:
        return SimpleNamespace(losses=np.inf, way=np.inf)
    theirs = todays(pristine, labels, seed, ELSEWHERE)
    _, values = play(pristine, "--other", str(seed % 2**31))
    rows, _ = run.rows()
    mine = {name: run.where(weights) for name, weights in run.model().items()}
    if values is None or not all(places is not None for places in mine.values()):
        return SimpleNamespace(losses=np.inf, way=np.inf)
    model = {name: values[mine[name]].reshape(shape) for name, shape in SHAPES.items()}
    apart = [
        abs(values[run.near(row["loss"])] - other["loss"]).min(initial=np.inf)
        for row, other in zip(rows, theirs["rows"], strict=False)
    ]
    far = way(model, theirs["model"], theirs["first"])
    return SimpleNamespace(losses=max(apart, default=np.inf), way=far)


@fixture
def spoilt(run: Run, labels: str, seed: int) -> SimpleNamespace:
    """Run train.py, without the card, on first weights that are not numbers; keep the log of the
    run before.
    """
    kept = {name: run.work.read(name, 8 << 20) for name in PUBLISHED if name in run.work.files()}
    if "model.safetensors" in kept:
        run.work.remove("model.safetensors")
    words = ("--seed", str(seed % 2**31), "--device", "cpu")
    program = began(run.work, SPOILT, "train.py", *words)
    found = SimpleNamespace(exit=program.wait(), published=PUBLISHED[1] in run.work.files())
    for name, data in kept.items():
        run.work.write(name, data)
    return found


@fixture
def paid(work: Any, pristine: Any, labels: str, seed: int) -> dict[str, list[float]]:
    """Return CPU seconds of today's job and of the learner's, in alternation: two blocks each."""
    seconds: dict[str, list[float]] = {"today": [], "mine": []}
    for _ in range(2):
        for name, box, file in (("today", pristine, "today.py"), ("mine", work, "train.py")):
            box.write("labels.txt", labels.encode())
            before = box.usage().cpu
            words = ("--seed", str(seed % 2**31), "--device", "cpu")
            ended = box.run(file, *words).wait()
            seconds[name].append(box.usage().cpu - before if ended == 0 else float("inf"))
    return seconds
