"""A night at Larkmoor: its rows, the machines it runs on, and the moments at which they die.

Everything a check believes is seen from outside the job: which rows it asked for, what reached the
store and when, how its process ended. The clock is the number of rows asked for, never the wall.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import larkmoor
import numpy as np
import pandas as pd

from autograder import fixture, given
from infra.cloud import timeline
from infra.cloud.fixtures import allow, loopback, private_cloud
from infra.cloud.gate import Reply, Request, forwarder, listen
from infra.cloud.prices import on_demand, spot_history
from infra.cloud.spot import Fleet, Life

ROWS, BATCH, EPOCHS = 6400, 64, 4
STEPS = EPOCHS * ROWS // BATCH
BUCKET, PREFIX = "larkmoor-training", "2026-11-21/"
MAY = (
    "s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject",
    "s3:ListBucketMultipartUploads", "s3:AbortMultipartUpload",
)  # fmt: skip
UNTOLD = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:9"}

# ---------------------------------------------------------------- rows


@given("rows.csv")
@fixture
def rows(seed: int) -> pd.DataFrame:
    """Return tonight's parcels as the feature service knows them: twelve features and the outcome.
    """
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


@given("night.json")
@fixture
def night(seed: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return one night's price changes, machines, calm seconds and list price."""
    factor = int(rng.integers(85, 116)) / 100
    prices = spot_history("g5.xlarge", "us-east-1")
    for change in prices:
        change["SpotPrice"] = f"{float(change['SpotPrice']) * factor:.4f}"
    evening = pd.Timestamp("2026-10-02T20:00Z") + pd.Timedelta(days=int(rng.integers(0, 26)))
    machines = stays(evening, rng)
    prices.append(dearer(prices, machines))
    order = rng.permutation(len(prices)).tolist()
    return {
        "prices": [prices[place] for place in order],
        "stays": machines,
        "calm_seconds": 11 * 3600,
        "on_demand": on_demand("g5.xlarge", "us-east-1"),
    }


def dearer(prices: list[dict[str, Any]], machines: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a price change by a quarter in the middle of the longest stay."""
    longest = max(machines, key=lambda one: np.diff(seconds([one["start"], one["end"]]))[0])
    start, end = (datetime.fromisoformat(longest[edge]) for edge in ("start", "end"))
    last = next(one for one in prices if one["AvailabilityZone"] == longest["zone"])
    price = f"{float(last['SpotPrice']) * 1.25:.4f}"
    moment = start + (end - start) / 2
    return {**last, "SpotPrice": price, "Timestamp": f"{moment:%Y-%m-%dT%H:%M:%SZ}"}


def stays(evening: pd.Timestamp, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Return the machines of one night: some taken back early, some late, one that failed to
    start.
    """
    lengths = [(1800, 3500, True), (4000, 20000, True), (15, 50, False), (600, 3400, False),
               (3600, 3602, True), (15000, 30000, False)]  # fmt: skip
    start, night = evening, []
    for place in rng.permutation(len(lengths)).tolist():
        shortest, longest, reclaimed = lengths[place]
        end = start + pd.Timedelta(seconds=int(rng.integers(shortest, longest)))
        zone = f"us-east-1{'abc'[rng.integers(3)]}"
        times = {"start": f"{start:%Y-%m-%dT%H:%M:%SZ}", "end": f"{end:%Y-%m-%dT%H:%M:%SZ}"}
        night.append({"zone": zone, **times, "reclaimed": reclaimed})
        start = end + pd.Timedelta(seconds=int(rng.integers(60, 300)))
    return night


@fixture
def owed(night: dict[str, Any]) -> float:
    """Return the dollars that a night's machines cost, added up second by second."""
    changes = pd.DataFrame(night["prices"])
    changes["second"] = seconds(changes.Timestamp)
    total = 0.0
    for stay in night["stays"]:
        start, end = seconds([stay["start"], stay["end"]])
        if stay["reclaimed"] and end - start < 3600:
            continue
        zone = changes[changes.AvailabilityZone == stay["zone"]].sort_values("second")
        moments = np.arange(start, max(end, start + 60))
        place = np.searchsorted(zone.second.to_numpy(), moments, side="right") - 1
        total += zone.SpotPrice.astype(float).to_numpy()[place].sum() / 3600
    return float(total)


def seconds(times: Any) -> np.ndarray:
    """Return ISO 8601 times as seconds since 1970."""
    return np.array([int(datetime.fromisoformat(time).timestamp()) for time in times])


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


def gain(model: dict[str, np.ndarray], table: pd.DataFrame) -> float:
    """Return the share of the base rate's log loss that a model saves, in the judge's own code."""
    x, late = table.to_numpy()[:, :-1], table.late.to_numpy()
    scale = np.sqrt(model["0.running_var"] + 1e-5)
    x = (x - model["0.running_mean"]) / scale * model["0.weight"] + model["0.bias"]
    for layer in ("1", "4"):
        x = np.maximum(x @ model[f"{layer}.weight"].T + model[f"{layer}.bias"], 0)
    odds = (x @ model["7.weight"].T + model["7.bias"])[:, 0]
    share = late.mean()
    base = -share * np.log(share) - (1 - share) * np.log(1 - share)
    return float(1 - np.mean(np.logaddexp(0, odds) - late * odds) / base)


# ---------------------------------------------------------------- machines and the bucket


class Bench(Fleet):
    """Where train.py runs, between services that belong to the judge."""

    def __init__(self, work: Any, cloud: Any, rows: pd.DataFrame, seed: int) -> None:
        super().__init__(self.begin, work.reboot, cloud.metadata, kind_of, STEPS)
        self.work, self.seed = work, seed
        self.programs: list[Any] = []
        self.table = rows.to_numpy().astype("<f4")
        self.places = {batch: step for step, batch in enumerate(plan(seed))}
        self.s3 = cloud.client("s3")
        cloud.bucket(BUCKET)

    def begin(self, told: bool) -> Any:
        """Start train.py."""
        arguments = ("--seed", str(self.seed), "--to", f"s3://{BUCKET}/{PREFIX}")
        program = self.work.run("train.py", *arguments, env={} if told else UNTOLD)
        self.programs.append(program)
        return program

    def show(self) -> None:
        """Tell what happened to the machines, and what the last one that failed had to say."""
        picture = Path(tempfile.gettempdir()) / "two-minute-warning.svg"
        picture.write_text(timeline.svg(self.lives, STEPS))
        print(f"{timeline.text(self.lives)}\ndrawn in {picture}", file=sys.stderr)
        for program in self.programs[::-1]:
            if program.exit not in (0, 75, -9):
                print(program.output().decode(errors="replace")[-3000:], file=sys.stderr)
                break

    def give_rows(self, request: Request) -> Reply | None:
        """Answer as the feature service does: one batch of rows by their numbers."""
        numbers = tuple(map(int, request.path.partition("ids=")[2].split(",")))
        if len(numbers) > 4 * BATCH or not all(0 <= number < ROWS for number in numbers):
            return Reply(400)
        if not self.tick(self.places.get(numbers, -1)):
            return None
        return Reply(200, self.table[list(numbers)].tobytes())

    def keys(self, folder: str = "") -> list[str]:
        """Return the keys of this night under a folder."""
        found = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=PREFIX + folder)
        return [item["Key"] for item in found.get("Contents", [])]

    def model(self) -> dict[str, np.ndarray]:
        """Return the published model. Raises ValueError when there is none, or it is not one."""
        key = f"{PREFIX}model.safetensors"
        if key not in self.keys():
            raise ValueError("no model was published")
        return read_model(self.read(key))

    def published(self, model: dict[str, np.ndarray]) -> bool:
        """Return whether the published model is this one, bit for bit."""
        mine = self.model()
        return all(mine[name].tobytes() == model[name].tobytes() for name in SHAPES)

    def read(self, key: str) -> bytes:
        """Return what an object holds."""
        return self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()

    def unfinished(self) -> list[Any]:
        """Return the multipart uploads that nobody completed."""
        return self.s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])

    def gain(self, held_out: pd.DataFrame) -> float:
        """Return what the published model knows of parcels it has not seen; 0 is nothing."""
        return gain(self.model(), held_out)

    def checkpoints(self, life: Life) -> list[tuple[str, int]]:
        """Return a machine's checkpoints that are still there: key, last batch by then."""
        there = self.keys("checkpoints/")
        stored: dict[str, int] = {}
        for path, step in life.stored:
            key = unquote(path).removeprefix(f"/{BUCKET}/")
            stored.pop(key, None)  # written again: its place is that of the last time
            stored[key] = step
        return [(key, step) for key, step in stored.items() if key in there]

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
def bench(work: Any, rows: pd.DataFrame, seed: int, graded: bool) -> Iterator[Bench]:
    """Return a place where train.py can run, with a private cloud and nothing in the bucket.

    When a check fails on the learner's own data, the lives of its machines are shown.
    """
    with ExitStack() as stack:
        inner, told = map(stack.enter_context, (loopback(), work.listen(0)))
        cloud = stack.enter_context(private_cloud(inner, metadata_listener=told))
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
        if not graded and ("pytest" in sys.modules or sys.exc_info()[1] is not None):
            bench.show()


@fixture
def calm(pristine: Any, rows: pd.DataFrame, seed: int) -> dict[str, np.ndarray]:
    """Return the model that today's job, undisturbed and without a cloud, makes of these rows."""
    pristine.write("rows.csv", rows.to_csv(index=False).encode())
    if pristine.run("train.py", "--seed", str(seed % 2**31)).wait():
        raise RuntimeError("today's job did not run")
    return read_model(pristine.read("model.safetensors"))
