"""A night at Larkmoor: its rows, the machines it runs on, and the moments at which they die.

Everything a check believes is seen from outside the job: which rows it asked for, what reached the
store and when, how its process ended. The clock is the number of rows asked for, never the wall.
"""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import larkmoor
import numpy as np
import pandas as pd

from autograder import fixture, given
from infra.cloud.fixtures import allow, loopback, private_cloud
from infra.cloud.gate import Reply, Request, Respond, forwarder, listen
from infra.cloud.prices import spot_history

ROWS, BATCH, EPOCHS = 6400, 64, 4
STEPS = EPOCHS * ROWS // BATCH
SPACE = "s3://larkmoor-training/2026-11-21/"
BUCKET, PREFIX = "larkmoor-training", "2026-11-21/"
MAY = (
    "s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject",
    "s3:ListBucketMultipartUploads", "s3:AbortMultipartUpload",
)  # fmt: skip
UNTOLD = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:9"}
LAG = 3  # batches that may be asked for while one request to the store is under way
PACE = 0.002  # seconds a batch takes at least, so that a thread of the job gets its turn
PATIENCE = 60  # seconds without a sign of life before a machine is given up; counts for nothing

# ---------------------------------------------------------------- rows


@given("rows.csv")
@fixture
def rows(seed: int) -> pd.DataFrame:
    """Return tonight's parcels as the feature service knows them: twelve features and the outcome."""
    return features(larkmoor.parcels(seed, ROWS, "2026-01", 9))


@fixture
def held_out(seed: int) -> pd.DataFrame:
    """Return other parcels of the same months."""
    return features(larkmoor.parcels(seed, ROWS + 1, "2026-01", 9))


def features(parcels: pd.DataFrame) -> pd.DataFrame:
    """Return what the delay model looks at, in the units of its scales."""
    table = pd.DataFrame(
        {
            "weight": parcels.weight_kg / 10,
            "distance": parcels.distance_km / 100,
            "load": parcels.load_pct / 100,
            "farm": parcels.housing == "farm",
            "temperature": parcels.temp_c / 10,
            "wind": parcels.wind_ms / 10,
            "rain": parcels.rain_mm / 10,
            "snow": parcels.snow_cm / 10,
            "express": parcels.service == "express",
            "pharmacy": parcels.service == "pharmacy",
            "hour": parcels.accepted.dt.hour / 12 - 1,
            "weekend": parcels.accepted.dt.weekday >= 5,
            "late": parcels.late,
        }
    )
    return table.astype(float).round(3)


def plan(seed: int) -> list[tuple[int, ...]]:
    """Return the row numbers of all batches of a calm night, in order."""
    shuffler = np.random.default_rng([seed, 1])
    order = np.concatenate([shuffler.permutation(ROWS) for _ in range(EPOCHS)])
    return [tuple(batch) for batch in order.reshape(STEPS, BATCH).tolist()]


# ---------------------------------------------------------------- the model that was published

SHAPES = {
    "0.weight": (12,), "0.bias": (12,), "0.running_mean": (12,), "0.running_var": (12,),
    "0.num_batches_tracked": (),
    "1.weight": (32, 12), "1.bias": (32,), "4.weight": (32, 32), "4.bias": (32,),
    "7.weight": (1, 32), "7.bias": (1,),
}  # fmt: skip


def read_model(data: bytes) -> dict[str, np.ndarray]:
    """Parse a published model strictly; raises ValueError for whatever is not exactly one."""
    size = int.from_bytes(data[:8], "little")
    if not 0 < size <= 65536 or size > len(data) - 8:
        raise ValueError("the length of the header is not believable")
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    if set(header) != set(SHAPES):
        raise ValueError("other tensors than the delay model has")
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


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    """Return whether two models are the same, bit for bit."""
    return all(one[name].tobytes() == other[name].tobytes() for name in SHAPES)


def gain(model: dict[str, np.ndarray], table: pd.DataFrame) -> float:
    """Return by how much of the base rate's log loss the model is better, in the judge's own code."""
    x, late = table.to_numpy()[:, :-1], table.late.to_numpy()
    scale = np.sqrt(model["0.running_var"] + 1e-5)
    x = (x - model["0.running_mean"]) / scale * model["0.weight"] + model["0.bias"]
    for layer in ("1", "4"):
        x = np.maximum(x @ model[f"{layer}.weight"].T + model[f"{layer}.bias"], 0)
    odds = (x @ model["7.weight"].T + model["7.bias"])[:, 0]
    share = late.mean()
    base = -share * np.log(share) - (1 - share) * np.log(1 - share)
    return float(1 - np.mean(np.logaddexp(0, odds) - late * odds) / base)


# ---------------------------------------------------------------- machines


@dataclass
class Event:
    """What happens when a batch at or after `step` is asked for: die, signal, announce or expire (tokens)."""

    step: int
    do: str
    done: threading.Event = field(default_factory=threading.Event)


@dataclass
class Write:
    """Death at the `nth` request of a kind that changes the store: before or after it is carried out."""

    kind: str  # checkpoint, next (the first change after a checkpoint is stored), delete, model
    nth: int = 1
    applied: bool = False


@dataclass
class Life:
    """One machine's life as seen from outside."""

    seen: list[int] = field(default_factory=list)  # positions in the plan of the batches it got
    held: int | None = None  # the batch it asked for when it died
    stored: list[tuple[str, int]] = field(default_factory=list)  # checkpoint key, batches got by then
    waited: int = 0  # steps for which an upload kept the training from going on
    exit: int | None = None
    over: bool = False

    @property
    def first(self) -> int:
        """Return the position of the first batch this machine asked for, STEPS if none."""
        return self.seen[0] if self.seen else STEPS if self.held is None else self.held

    @property
    def last(self) -> int:
        """Return the position after the last batch this machine got."""
        return self.seen[-1] + 1 if self.seen else self.first

    @property
    def orderly(self) -> bool:
        """Return whether its batches follow each other as in a calm night."""
        return self.seen == list(range(self.first, self.last)) and -1 not in self.seen


class Bench:
    """Where train.py runs, one machine after another, between services that belong to the judge."""

    def __init__(self, work: Any, cloud: Any, rows: pd.DataFrame, seed: int) -> None:
        self.work, self.cloud, self.seed = work, cloud, seed
        self.table = rows.to_numpy().astype("<f4")
        self.places = {batch: step for step, batch in enumerate(plan(seed))}
        self.s3 = cloud.client("s3")
        cloud.bucket(BUCKET)
        self.moved = threading.Condition()
        self.life = Life(over=True)
        self.lives: list[Life] = []
        self.events: list[Event] = []  # still to come
        self.queue: list[Event] = []  # due: the job waits for an answer until the judge has acted
        self.write: Write | None = None
        self.slow = False
        self.uploads = 0
        self.under_way: dict[int, int] = {}  # requests to the store: number -> batches got by then
        self.requests = 0
        self.beat = time.monotonic()

    # -- one machine

    def machine(
        self, *events: Event, write: Write | None = None, slow: bool = False, told: bool = True
    ) -> Life:
        """Start train.py on a new machine; return when it has ended or was taken away.

        With `slow`, uploads crawl and are refused now and then; without `told`, no metadata service
        answers on this machine.
        """
        self.life, self.write, self.slow, self.uploads = Life(), write, slow, 0
        self.events = sorted(events, key=lambda event: event.step)
        self.cloud.metadata.clear()
        arguments = ("--seed", str(self.seed), "--to", SPACE)
        program = self.work.run("train.py", *arguments, env={} if told else UNTOLD)
        self.beat = time.monotonic()
        while program.poll() is None:
            self._act(program)
        return self._bury(program.exit)

    def _act(self, program: Any) -> None:
        """Do what is due."""
        with self.moved:
            self.moved.wait_for(lambda: self.queue, 0.02)
        if not self.queue:
            if time.monotonic() - self.beat > PATIENCE:
                program.kill(signal.SIGKILL)
            return
        event = self.queue[0]
        if event.do == "die":
            self._settle(event)
            program.kill(signal.SIGKILL)
            program.wait()
            return
        if event.do == "signal":
            program.kill(signal.SIGTERM)
        elif event.do == "announce":
            self.cloud.metadata.notice(time="2026-11-21T03:14:07Z")
        elif event.do == "expire":
            self.cloud.metadata.expire_tokens()
        self.queue.remove(event)
        event.done.set()

    def _settle(self, event: Event) -> None:
        """Let the network finish what it has begun, unless the death is to be in the midst of it."""
        quiet, before = 0, -1
        while event.step >= 0 and quiet < 10:
            time.sleep(0.02)
            quiet = quiet + 1 if before == self.requests and not self.under_way else 0
            before = self.requests

    def _bury(self, exit_code: int) -> Life:
        with self.moved:
            self.life.over, self.life.exit = True, exit_code
            self.lives.append(self.life)
            waiting, self.queue, self.under_way = self.queue, [], {}
            self.moved.notify_all()
        for event in waiting:
            event.done.set()
        self.work.reboot()
        return self.life

    def _hold(self, event: Event) -> None:
        """Called in a service's thread: the job waits for its answer while the judge acts."""
        with self.moved:
            self.queue.append(event)
            self.moved.notify_all()
        event.done.wait(2 * PATIENCE)

    # -- the feature service

    def give_rows(self, request: Request) -> Reply | None:
        """Answer one batch. This is the clock of the night."""
        life, ids = self.life, tuple(map(int, request.path.partition("ids=")[2].split(",")))
        if len(ids) > 4 * BATCH or not all(0 <= number < ROWS for number in ids):
            return Reply(400)
        place = self.places.get(ids, -1)
        while self.events and self.events[0].step <= place:
            event = self.events.pop(0)
            if event.do == "die":
                life.held = place
            self._hold(event)
        time.sleep(PACE)
        with self.moved:
            self.moved.wait_for(lambda: life.over or not self._ahead(), PATIENCE / 2)
            if life.over:
                return None
            life.seen.append(place)
            self.beat = time.monotonic()
            self.moved.notify_all()
        return Reply(200, self.table[list(ids)].tobytes())

    def _ahead(self) -> bool:
        """Return whether the training has outrun a request that is on its way to the store."""
        got = len(self.life.seen)
        return not self.slow and any(got - then >= LAG for then in self.under_way.values())

    # -- the way to the store

    def through(self, forward: Respond) -> Respond:
        """Return what stands between the job and the store."""

        def pass_on(request: Request) -> Reply | None:
            life, kind = self.life, kind_of(request)
            if life.over or self._dies(kind, applied=False):
                return None
            if self.slow and kind == "checkpoint" and not self._crawl(life):
                return Reply(503, b"<Error><Code>SlowDown</Code></Error>")
            with self._on_the_way(life):
                reply = forward(request)
            if kind == "checkpoint" and reply is not None and reply.status == 200:
                life.stored.append((key_of(request), len(life.seen)))
            return None if self._dies(kind, applied=True) else reply

        return pass_on

    @contextmanager
    def _on_the_way(self, life: Life) -> Iterator[None]:
        with self.moved:
            self.requests += 1
            number = self.requests
            self.under_way[number] = len(life.seen)
        try:
            yield
        finally:
            with self.moved:
                self.under_way.pop(number, None)
                self.beat = time.monotonic()
                self.moved.notify_all()

    def _dies(self, kind: str, applied: bool) -> bool:
        """Return whether the machine dies here; if so, not before it is dead."""
        write = self.write
        if write is None or not kind or write.applied != applied:
            return False
        if not (kind == write.kind or (write.kind == "next" and self.life.stored)):
            return False
        write.nth -= 1
        if write.nth:
            return False
        self._hold(Event(-1, "die"))
        return True

    def _crawl(self, life: Life) -> bool:
        """Let an upload take four steps. Returns False for every third try: the store refuses it.

        A training that stands still meanwhile has waited for four steps.
        """
        self.uploads += 1
        refused = self.uploads % 3 == 1
        goal = min(len(life.seen) + 4, STEPS)
        with self.moved:
            gone_on = self.moved.wait_for(lambda: life.over or len(life.seen) >= goal, 3)
        if not gone_on:
            life.waited += 4
            self.slow = life.waited <= STEPS // 50  # it has failed: no need to go on crawling
        return not refused

    # -- what is left behind

    def keys(self, folder: str = "") -> list[str]:
        """Return the keys of this night under a folder."""
        found = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=PREFIX + folder)
        return [item["Key"] for item in found.get("Contents", [])]

    def model(self) -> dict[str, np.ndarray]:
        """Return the published model."""
        key = f"{PREFIX}model.safetensors"
        assert key in self.keys(), "no model was published"
        return read_model(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read(1 << 20))

    def read(self, key: str) -> bytes:
        """Return what an object holds."""
        return self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()

    def unfinished(self) -> list[Any]:
        """Return the multipart uploads that nobody completed."""
        return self.s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])

    def replace(self, key: str, damage: Callable[[bytes], bytes]) -> bytes:
        """Damage an object where it lies; return what it holds now."""
        found = self.s3.get_object(Bucket=BUCKET, Key=key)
        data = damage(found["Body"].read())
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=data, Metadata=found["Metadata"])
        return data


def key_of(request: Request) -> str:
    """Return the key an S3 request is about, whichever way the bucket is addressed."""
    return unquote(request.path.partition("?")[0]).removeprefix(f"/{BUCKET}").lstrip("/")


def kind_of(request: Request) -> str:
    """Return what a request to the store changes: checkpoint, model, delete, other, or nothing."""
    if request.method == "DELETE" or (request.method == "POST" and "?delete" in request.path):
        return "delete"
    if request.method not in ("PUT", "POST"):
        return ""
    folder = key_of(request).removeprefix(PREFIX).partition("/")[0]
    return {"checkpoints": "checkpoint", "model.safetensors": "model"}.get(folder, "other")


@fixture
def bench(work: Any, rows: pd.DataFrame, seed: int) -> Iterator[Bench]:
    """Return a place where train.py can run, with a private cloud and nothing in the bucket."""
    inner = loopback()
    with private_cloud(inner, metadata_listener=work.listen(0)) as cloud, ExitStack() as stack:
        bench = Bench(work, cloud, rows, seed % 2**31)
        arns = [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]
        work.env |= cloud.env(cloud.identity("night-queue", [allow(MAY, arns)]))
        services = {
            "LARKMOOR_ROWS": bench.give_rows,
            "AWS_ENDPOINT_URL": bench.through(forwarder(*inner.getsockname())),
        }
        for name, respond in services.items():
            listener = work.listen(0)
            work.env[name] = f"http://127.0.0.1:{listener.getsockname()[1]}"
            stack.enter_context(listen(listener, respond))
        yield bench


@fixture
def calm(pristine: Any, rows: pd.DataFrame, seed: int) -> dict[str, np.ndarray]:
    """Return the model that today's job, undisturbed and without a cloud, makes of these rows."""
    pristine.write("rows.csv", rows.to_csv(index=False).encode())
    pristine.run("train.py", "--seed", str(seed % 2**31)).wait()
    return read_model(pristine.read("model.safetensors"))
