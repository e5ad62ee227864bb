"""The address model's text, a night's trace of the rented card, and the tapes of the bench's card.

What a run asked of the card is counted by playing its tape again, in a sandbox that no learner's
code enters. What the learner's process says of itself is compared with what the tape fetched.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import larkmoor
import numpy as np

from autograder import fixture, given
from infra.gpu.peaks import cards, flops_a_token

LETTERS = "\n abcdefghijklmnopqrstuvwxyz0123456789.,:-/"
WIDTH, LAYERS, HEADS, CONTEXT, BATCH = 32, 2, 2, 32, 8
STEPS, LOG_EVERY, EVAL_EVERY = 60, 3, 30
ROWS = list(range(0, STEPS, LOG_EVERY))
EVALUATIONS = list(range(EVAL_EVERY, STEPS + 1, EVAL_EVERY))

# What one run of today.py asks of the bench's card. The same for every text; a test keeps it true.
TODAY = {"kernels": 39_702, "waits": 2_700, "sent": 1_381, "sent_bytes": 1_507_328,
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
    events: list[dict[str, Any]] = field(default_factory=list)
    lost: dict[str, float] = field(default_factory=dict)
    spans: dict[str, tuple[float, float]] = field(default_factory=dict)
    host: float = 1000.0
    card: float = 1000.0

    def say(self, lane: str, kind: str, name: str, start: float, took: float) -> None:
        """Put an event into the trace, as torch.profiler would."""
        tid = {"host": 1, "stream 7": 7}[lane]
        self.events.append({"ph": "X", "cat": kind, "name": name, "pid": 0, "tid": tid,
                            "ts": round(start, 1), "dur": round(took, 1)})  # fmt: skip

    def work(self, kind: str, name: str, took: float) -> None:
        """The host does something; the card may go on."""
        self.say("host", kind, name, self.host, took)
        self.host += took

    def kernel(self, name: str, took: float, kind: str = "kernel") -> float:
        """Launch one kernel; return for how long the card had nothing to do before it."""
        call = "cudaLaunchKernel" if kind == "kernel" else "cudaMemcpyAsync"
        self.work("cuda_runtime", call, 6.0)
        idle = max(0.0, self.host - self.card)
        self.card = max(self.card, self.host)
        self.say("stream 7", kind, name, self.card, took)
        self.card += took
        return idle

    def wait(self) -> None:
        """The host waits until the card has finished."""
        took = max(2.0, self.card - self.host)
        self.work("cuda_runtime", "cudaStreamSynchronize", took)

    def stall(self, cause: str, start: float, end: float, lost: float) -> None:
        """Remember where a cause cost time; of several places in a step, the one that cost most."""
        self.lost[cause] = self.lost.get(cause, 0.0) + lost
        if lost >= self.spans.get(cause, (0.0, 0.0, 0.0))[2]:
            self.spans[cause] = (start, end, lost)


# cause: (least, most) microseconds it may cost in a step
CAUSES = {
    "loader": (900, 6000), "transfer": (500, 4000), "float32": (2500, 9000), "copies": (400, 3500),
    "tiny-kernels": (500, 3500), "item": (500, 3500), "norms": (600, 4000),
    "optimizer": (900, 6000), "logging": (500, 4500),
}  # fmt: skip


def night(seed: int) -> Night:
    """Return a night whose five largest stalls stand clear of the others."""
    rng = np.random.Generator(np.random.PCG64DXSM([seed, 61]))
    while True:
        costs = {cause: float(rng.integers(*span)) for cause, span in CAUSES.items()}
        drawn = sorted(costs.values(), reverse=True)
        if drawn[4] > 1.5 * drawn[5]:
            break
    made = Night(rng)
    for number in range(4):
        made.lost, made.spans, start = {}, {}, made.host
        one_step(made, costs, cold=number == 0)
        made.say("host", "user_annotation", f"ProfilerStep#{number}", start, made.host - start)
    for moment in (1, 2):  # an evaluation between two steps is work, not a stall
        made.say("host", "python_function", f"gc generation {moment}", start + 40 * moment, 30.0)
    return made


def one_step(made: Night, costs: dict[str, float], cold: bool) -> None:
    """Draw one step; the first is cold, and tells nothing of the others."""
    cost = {cause: value * int(made.rng.integers(96, 105)) / 100 for cause, value in costs.items()}
    if cold:
        made.work("cuda_runtime", "cudaMalloc", 14_000.0)
    idle_from = made.card
    made.work("user_annotation", "batch", cost["loader"])
    made.stall("loader", idle_from, made.host, made.host - idle_from)
    start = made.host
    rows = max(4, int(cost["transfer"] / 120))
    for _ in range(rows):
        made.kernel("Memcpy HtoD (Pageable -> Device)", cost["transfer"] / rows - 8, "gpu_memcpy")
        made.wait()
    made.stall("transfer", start, made.card, made.card - start)
    forward(made, cost)
    products(made, cost["float32"] * 8 / 7 / 3)
    start = made.card
    made.wait()
    made.work("cpu_op", "aten::_local_scalar_dense", cost["item"] - 6)
    products(made, 2 * cost["float32"] * 8 / 7 / 3, item=start)
    norms(made, cost["norms"])
    optimizer(made, cost["optimizer"])
    start = made.card
    made.work("user_annotation", "log", max(0.0, made.card - made.host) + cost["logging"])
    made.stall("logging", start, made.host, made.host - start)
    made.card = max(made.card, made.host)


def forward(made: Night, cost: dict[str, float]) -> None:
    """Draw the small kernels and the copies of the forward pass."""
    count = int(cost["tiny-kernels"] / 9)
    start, idle = made.card, 0.0
    for place in range(count):
        name = ("add", "mul", "tanh", "div", "exp")[place % 5]
        made.work("cpu_op", f"aten::{name}", 5.0)
        idle += made.kernel(f"vectorized_elementwise_kernel<{name}>", 2.0)
    made.stall("tiny-kernels", start, made.card, idle)
    each = max(40.0, cost["copies"] / 12)
    copies = max(1, int(cost["copies"] / each))
    made.work("cpu_op", "aten::clone", 5.0)
    start = None
    for _ in range(copies):
        made.kernel("Memcpy DtoD (Device -> Device)", each, "gpu_memcpy")
        start = made.card - each if start is None else start
    made.stall("copies", start, made.card, made.card - start)


def products(made: Night, took: float, item: float | None = None) -> None:
    """Draw matrix products in float32, the host ahead of the card."""
    count = max(4, int(took / 150))
    for place in range(count):
        idle = made.kernel("ampere_sgemm_128x64_tn", took / count)
        if place == 0:
            if item is not None:
                made.stall("item", item, made.card - took / count, idle)
            start = made.card - took / count
    made.stall("float32", start, made.card, (made.card - start) * 7 / 8)


def norms(made: Night, cost: float) -> None:
    """Draw a loop that asks the card for the length of every gradient, one after the other."""
    made.wait()
    start, idle = made.card, 0.0
    for _ in range(int(cost / 20)):
        made.work("cpu_op", "aten::linalg_vector_norm", 8.0)
        idle += made.kernel("reduce_kernel<norm>", 4.0)
        made.wait()
        made.work("cpu_op", "aten::_local_scalar_dense", 6.0)
    made.stall("norms", start, made.card, idle)


def optimizer(made: Night, cost: float) -> None:
    """Draw an optimizer that launches a dozen kernels for every tensor of weights."""
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
def largest(seed: int) -> dict[str, tuple[float, float]]:
    """Return the five largest stalls of the last step: cause, from and to in microseconds."""
    made = night(seed)
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
        size = {"width": int(rng.integers(4, 40)) * 64, "layers": int(rng.integers(2, 40)),
                "heads": 8, "context": int(rng.integers(2, 64)) * 64}  # fmt: skip
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


def rounded(model: dict[str, np.ndarray]) -> float:
    """Return the share of the weights that bfloat16 could hold exactly, zeros and ones apart."""
    flat = np.concatenate([weights.ravel() for weights in model.values()])
    flat = flat[(flat != 0) & (flat != 1)]
    return float(np.mean(flat.view("<u4") & 0xFFFF == 0)) if len(flat) else 1.0


class Run:
    """One run of train.py: what its tape asked of the card, its log, its published model."""

    def __init__(self, work: Any, pristine: Any, labels: str, seed: int) -> None:
        for file in ("run.card", "log.jsonl", "model.safetensors"):
            if file in work.files():
                work.remove(file)
        work.write("labels.txt", labels.encode())
        self.exit = work.run("train.py", "--seed", str(seed % 2**31)).wait()
        self.work, self.counts, self.played = work, {}, False
        if self.exit == 0 and "run.card" in work.files():
            pristine.write("run.card", work.read("run.card", 64 << 20))
            self.played = pristine.run("card.py", "--json", "counts.json").wait() == 0
        if self.played:
            self.counts = json.loads(pristine.read("counts.json"))

    def rows(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Return the rows of the log by step, and its evaluations."""
        return read_log(self.work.read("log.jsonl", 1 << 20))

    def model(self) -> dict[str, np.ndarray]:
        """Return the published model. Raises ValueError when it is none."""
        return read_model(self.work.read("model.safetensors", 8 << 20))

    def from_card(self, model: dict[str, np.ndarray], rows: list[dict[str, Any]]) -> bool:
        """Return whether these weights and these rows are what was fetched from the card."""
        digests = {one for one in self.counts["fetched"] if isinstance(one, str)}
        values = [value for one in self.counts["fetched"] if isinstance(one, list) for value in one]
        known = np.sort(np.array(values or [np.inf]))
        small = [weights.astype(float).ravel() for weights in model.values() if weights.size <= 512]
        claimed = np.concatenate([np.array([row["loss"] for row in rows]), *small])
        near = known[np.clip(np.searchsorted(known, claimed), 0, len(known) - 1)]
        before = known[np.clip(np.searchsorted(known, claimed) - 1, 0, len(known) - 1)]
        apart = np.minimum(abs(near - claimed), abs(before - claimed))
        large = {hashlib.sha256(w.tobytes()).hexdigest() for w in model.values() if w.size > 512}
        return bool((apart <= 1e-5).all()) and large <= digests

    def bfloat16(self) -> float:
        """Return the share of the matrix products that was done in bfloat16."""
        flops = self.counts["flops"]
        return flops.get("bfloat16", 0) / max(1, sum(flops.values()))


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
        rounded=rounded,
    )  # fmt: skip


@fixture
def run(work: Any, pristine: Any, labels: str, seed: int) -> Run:
    """Run train.py once on the bench's card, and play its tape."""
    return Run(work, pristine, labels, seed)


@fixture
def today(pristine: Any, labels: str, seed: int) -> dict[str, Any]:
    """Return the log and the model of today's job, from the lab's own file in its own sandbox."""
    pristine.write("labels.txt", labels.encode())
    if pristine.run("today.py", "--seed", str(seed % 2**31), "--device", "cpu").wait():
        raise RuntimeError("today's job did not run")
    rows, evaluations = read_log(pristine.read("log.jsonl"))
    return {"rows": rows, "evaluations": evaluations,
            "model": read_model(pristine.read("model.safetensors"))}  # fmt: skip


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
