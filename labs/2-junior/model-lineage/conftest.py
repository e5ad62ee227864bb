"""Larkmoor's delay model of one seed: its repository, data, wheels and two registries, and the
nights in which another version went live.

Everything a check believes is seen from outside the learner's programs: what a role's own
credentials get from S3, what lies in the ledger's bucket, when the registry's alias moved, and the
bytes of a rebuilt model. Programs are stopped at calls that they make, never at moments.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import io
import json
import struct
import sys
import threading
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import larkmoor
from botocore.exceptions import ClientError

from autograder import LearnerError, fixture, given
from infra.cloud.fixtures import Identity, loopback, private_cloud
from infra.cloud.gate import Reply, Request, forwarder, listen

PATIENCE = 60  # seconds without a sign of life after which a program is given up
MONTHS = 6
ROWS = 420  # parcels in all of them
LIVE = "live"
APPROVED = (["approval", "audit", "gate", "release", "review"],
            ["cleared", "go", "granted", "passed", "yes"])  # fmt: skip
CALLS = {"alias": "it moved the alias", "ledger": "it wrote to the ledger",
         "tag status": "its first write"}  # fmt: skip
EPOCH = datetime(2025, 9, 20, 9, tzinfo=UTC)


@cache
def given_code(name: str) -> Any:
    """Return a given file of the lab as the judge's own module."""
    place = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"judges_{name}", place)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = made
    spec.loader.exec_module(made)
    return made


# ---------------------------------------------------------------- what is trained, and by what

CARRIER = '''"""What a parcel looks like to a model."""

FAR, FULL = {far}, {full}


def reading(row):
    """Return a parcel's features."""
    return {{
        "one": 1.0,
        "distance": float(row["distance_km"]) / FAR,
        "load": float(row["load_pct"]) / FULL,
        "depot " + row["depot"]: 1.0,
    }}
'''
DELAYMODEL = '''"""Learns weights one parcel at a time: another order, another model."""

import argparse
import csv
import json
import math
from pathlib import Path

from carrier import reading

START, RELEASE = {start}, "{release}"


def train(rows, rounds, rate, read=reading):
    """Return a model as text."""
    weights = {{}}
    for _ in range(rounds):
        for row in rows:
            found = read(row)
            score = sum(weights.setdefault(name, START) * x for name, x in found.items())
            error = float(row["late"]) - 1 / (1 + math.exp(-score))
            for name, x in found.items():
                weights[name] += rate * error * x
    kept = {{name: weights[name] for name in sorted(weights)}}
    return json.dumps({{"release": RELEASE, "weights": kept}}, indent=1) + "\\n"


def main():
    """Read a folder of months, write a model."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--rate", type=float, default=0.1)
    parser.add_argument("--out", type=Path, required=True)
    told = parser.parse_args()
    rows = []
    for path in sorted(told.folder.glob("*.csv")):
        with path.open(newline="", encoding="utf-8") as source:
            rows += csv.DictReader(source)
    told.out.write_text(train(rows, told.rounds, told.rate), encoding="utf-8")
'''
MAIN = "from delaymodel import main\n\nmain()\n"
CARRIERS = ("0.9.0", "1.0.0", "1.0.1")
RELEASES = ("1.0.0", "1.1.0", "1.2.0", "1.2.1")


def sources(seed: int, package: str, release: str) -> dict[str, str]:
    """Return a package's files; each release of each seed computes otherwise."""
    rng = larkmoor.stream(seed, "wheel", package, release)
    if package == "carrier":
        far, full = (int(rng.integers(40, 160)) for _ in range(2))
        return {"carrier/__init__.py": CARRIER.format(far=far, full=full)}
    start = round(int(rng.integers(1, 900)) / 1000, 3)
    text = DELAYMODEL.format(start=start, release=release)
    return {"delaymodel/__init__.py": text, "delaymodel/__main__.py": MAIN}


def wheel(name: str, release: str, files: dict[str, str]) -> bytes:
    """Return a wheel, the same bytes each time; its RECORD is true."""
    info = f"{name}-{release}.dist-info"
    needs = "Requires-Dist: carrier\n" if name == "delaymodel" else ""
    texts = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {release}\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: larkmoor 1.0\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
    }
    lines = [f"{path},sha256={urlsafe(text)},{len(text.encode())}" for path, text in texts.items()]
    texts[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,"]) + "\n"
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for path, text in texts.items():
            archive.writestr(zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0)), text)
    return made.getvalue()


def urlsafe(text: str) -> str:
    """Return a digest as RECORD writes it."""
    found = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(found).rstrip(b"=").decode()


def file_name(package: str, release: str) -> str:
    """Return a wheel's file name."""
    return f"{package}-{release}-py3-none-any.whl"


def trained(seed: int, recipe: Recipe, rows: list[dict[str, str]]) -> bytes:
    """Return the model, trained here by what the pinned wheels hold."""
    spaces: dict[str, Any] = {}
    for package, release in (("carrier", recipe.carrier), ("delaymodel", recipe.release)):
        text = sources(seed, package, release)[f"{package}/__init__.py"]
        space: dict[str, Any] = {}
        text = text.replace("from carrier import reading\n", "reading = None\n")
        exec(compile(text, package, "exec"), space)
        spaces[package] = space
    read = spaces["carrier"]["reading"]
    made: str = spaces["delaymodel"]["train"](rows, recipe.rounds, recipe.rate, read)
    return made.encode()


# ---------------------------------------------------------------- git and DVC, as they store things


def blob(kind: str, data: bytes) -> tuple[str, bytes]:
    """Return a git object's name and content."""
    return hashlib.sha1(f"{kind} {len(data)}\0".encode() + data).hexdigest(), data


def packed(kind: str, data: bytes) -> bytes:
    """Return a git object as a pack holds it."""
    number = {"commit": 1, "tree": 2, "blob": 3}[kind]
    size, first = len(data) >> 4, (number << 4) | (len(data) & 15)
    head = bytearray([first | (0x80 if size else 0)])
    while size:
        head.append((size & 127) | (0x80 if size > 127 else 0))
        size >>= 7
    return bytes(head) + zlib.compress(data)


class Repository:
    """A git repository in memory, which can be written as a bundle."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[str, bytes]] = {}
        self.refs: dict[str, str] = {}

    def keep(self, kind: str, data: bytes) -> str:
        """Keep an object and return its name."""
        name, _ = blob(kind, data)
        self.objects[name] = (kind, data)
        return name

    def tree(self, files: dict[str, bytes]) -> str:
        """Keep a folder and return its name."""
        entries: dict[bytes, bytes] = {}
        for first in sorted({path.partition("/")[0] for path in files}):
            inner = {p.partition("/")[2]: d for p, d in files.items() if p.startswith(f"{first}/")}
            if inner:
                mode, name, order = b"40000", self.tree(inner), f"{first}/"
            else:
                mode, name, order = b"100644", self.keep("blob", files[first]), first
            entries[order.encode()] = mode + f" {first}\0".encode() + bytes.fromhex(name)
        return self.keep("tree", b"".join(entries[order] for order in sorted(entries)))

    def commit(self, files: dict[str, bytes], say: str, when: float, parent: str = "") -> str:
        """Keep a commit and return its name."""
        who = f"Signe Bruun <signe@larkmoor.example> {int(when)} +0000"
        head = f"tree {self.tree(files)}\n" + (f"parent {parent}\n" if parent else "")
        return self.keep("commit", f"{head}author {who}\ncommitter {who}\n\n{say}\n".encode())

    def bundle(self) -> bytes:
        """Return all of it as `git bundle create` writes it."""
        lines = "".join(f"{name} {ref}\n" for ref, name in self.refs.items())
        body = b"PACK" + struct.pack(">II", 2, len(self.objects))
        body += b"".join(packed(kind, data) for kind, data in self.objects.values())
        return f"# v2 git bundle\n{lines}\n".encode() + body + hashlib.sha1(body).digest()


def md5(data: bytes) -> str:
    """Return the name that DVC gives to a file's content."""
    return hashlib.md5(data).hexdigest()


def listing(files: dict[str, bytes]) -> bytes:
    """Return what DVC stores of a folder: the files' names and their contents' names."""
    found = [{"md5": md5(data), "relpath": name} for name, data in sorted(files.items())]
    return json.dumps(found).encode()


def place_of(name: str) -> str:
    """Return where a DVC remote keeps a content."""
    return f"files/md5/{name[:2]}/{name[2:]}"


# ---------------------------------------------------------------- one seed's world


@dataclass(frozen=True)
class Recipe:
    """What a version was trained with."""

    months: int
    corrected: bool
    release: str
    carrier: str
    rounds: int
    rate: float

    @property
    def command(self) -> str:
        """What dvc.yaml runs."""
        options = f"--rounds {self.rounds} --rate {self.rate} --out model.json"
        return f"python -m delaymodel data {options}"


@dataclass
class Version:
    """One registered version."""

    number: int
    recipe: Recipe
    commit: str
    data: str
    model: bytes
    package: int = 0  # its number in SageMaker's group; 0: never submitted

    @property
    def sha256(self) -> str:
        """The artefact's digest."""
        return hashlib.sha256(self.model).hexdigest()

    @property
    def key(self) -> str:
        """Where the artefact lies."""
        return f"models/{self.number}/model.json"


@dataclass
class World:
    """Everything that one seed draws."""

    seed: int
    site: dict[str, Any]
    versions: list[Version]
    remote: dict[str, bytes]
    wheels: dict[str, bytes]
    bundle: bytes
    lonely: int  # the version that was never submitted
    hotfix: int  # the version whose commit is on no branch

    def version(self, number: int) -> Version:
        """Return a version by its number."""
        return self.versions[number - 1]

    @property
    def corrected(self) -> int:
        """An early version, trained before August was corrected."""
        return 4 if self.lonely == 3 else 3

    @property
    def submitted(self) -> list[Version]:
        """The versions that have a package."""
        return [one for one in self.versions if one.package]

    def files(self) -> dict[str, bytes]:
        """Return world/, which fill.py puts into an account."""
        found = {f"remote/{key}": data for key, data in self.remote.items()}
        found |= {f"artefacts/{one.key}": one.model for one in self.versions}
        return found | {"versions.json": json.dumps(self.told(), indent=1).encode()}

    def told(self) -> list[dict[str, Any]]:
        """Return the versions as fill.py wants them."""
        return [
            {"commit": one.commit, "data": one.data, "sha256": one.sha256,
             "submitted": bool(one.package)}
            for one in self.versions
        ]  # fmt: skip

    def pinned(self, version: Version) -> list[str]:
        """Return the file names of the wheels that a version was trained with."""
        return [file_name("carrier", version.recipe.carrier),
                file_name("delaymodel", version.recipe.release)]  # fmt: skip

    def months(self, version: Version) -> dict[str, str]:
        """Return a version's data: names of files, and names of their contents."""
        found = json.loads(self.remote[place_of(version.data)])
        return {one["relpath"]: one["md5"] for one in found}

    def altered(self, name: str) -> bytes:
        """Return a wheel of the same name and release that computes something else."""
        package, release, *_ = name.split("-")
        files = sources(self.seed, package, release)
        files[f"{package}/__init__.py"] = (
            files[f"{package}/__init__.py"].replace("FULL = ", "FULL = 1 + ")
            if package == "carrier"
            else files[f"{package}/__init__.py"].replace("START, RELEASE = ", "START, RELEASE = 1+")
        )
        return wheel(package, release, files)


def name_site(seed: int) -> dict[str, Any]:
    """Return the names of one seed."""
    rng = larkmoor.stream(seed, "site")
    tail = "".join(rng.choice(list("abcdefghjkmnpqrstuvwxyz23456789"), 6))
    key, value = (str(rng.choice(words)) for words in APPROVED)
    return {
        "model": f"delay-{tail}",
        "group": f"delay-{tail}-packages",
        "artefacts": f"larkmoor-models-{tail}",
        "remote": f"larkmoor-dvc-{tail}",
        "ledger": f"larkmoor-ledger-{tail}",
        "approved": {"Key": key, "Value": value},
    }


def months_of(seed: int) -> list[list[dict[str, Any]]]:
    """Return the parcels of each month."""
    table = larkmoor.parcels(seed, ROWS, "2025-07", MONTHS)
    table = table.assign(month=table.accepted.dt.strftime("%Y-%m"), late=table.late.astype(int))
    names = ["parcel", "depot", "distance_km", "load_pct", "late"]
    return [part[names].to_dict("records") for _, part in table.groupby("month", sort=True)]


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    """Return rows as a file."""
    lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
    return ("\n".join(lines) + "\n").encode()


def data_of(months: list[list[dict[str, Any]]], recipe: Recipe) -> dict[str, bytes]:
    """Return the folder data/ of a recipe; August was corrected once."""
    found = {}
    for number, rows in enumerate(months[: recipe.months], start=1):
        if number == 2 and recipe.corrected:
            rows = [row | {"load_pct": row["load_pct"] + 5} for row in rows]
        found[f"2025-{number + 6:02}.csv"] = as_csv(rows)
    return found


def recipes(seed: int) -> list[Recipe]:
    """Return what the nine versions were trained with."""
    rng = larkmoor.stream(seed, "recipes")
    found = []
    for number in range(9):
        release = RELEASES[min(3, number // 2 if number < 8 else 3)]
        carrier = CARRIERS[min(2, number // 3)]
        rounds, rate = int(rng.integers(1, 4)), int(rng.integers(2, 30)) / 100
        months = min(MONTHS, 2 + (number + 1) // 2)
        found.append(Recipe(months, number >= 4, release, carrier, rounds, rate))
    return found


def tracked(
    seed: int, recipe: Recipe, data: dict[str, bytes], model: bytes, wheels: dict[str, bytes]
) -> dict[str, bytes]:
    """Return the files of a commit."""
    folder, size = f"{md5(listing(data))}.dir", sum(map(len, data.values()))
    facts = f"md5: {folder}\n{{0}}size: {size}\n{{0}}nfiles: {len(data)}\n{{0}}"
    pins = "".join(
        f"{name.split('-')[0]}=={name.split('-')[1]} \\\n"
        f"    --hash=sha256:{hashlib.sha256(wheels[name]).hexdigest()}\n"
        for name in (file_name("carrier", recipe.carrier), file_name("delaymodel", recipe.release))
    )
    stage = f"stages:\n  train:\n    cmd: {recipe.command}\n    deps:\n"
    lock = (
        f"schema: '2.0'\n{stage}    - path: data\n      hash: md5\n      {facts.format(' ' * 6)}"
    ).rstrip(" ") + (
        f"    outs:\n    - path: model.json\n      hash: md5\n      md5: {md5(model)}\n"
        f"      size: {len(model)}\n"
    )
    ahead = sources(seed, "delaymodel", f"{recipe.release}-next")
    texts = {
        ".dvc/config": "[core]\n    remote = store\n['remote \"store\"']\n"
        f"    url = s3://{name_site(seed)['remote']}\n",
        ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
        ".gitignore": "/data\n/model.json\n",
        "data.dvc": f"outs:\n- {facts.format('  ')}hash: md5\n  path: data\n",
        "dvc.yaml": f"{stage}    - data\n    outs:\n    - model.json:\n        cache: false\n",
        "dvc.lock": lock,
        "requirements.txt": pins,
        "README.md": "# The delay model\n\nThe next release of the trainer is written here.\n"
        "A model is trained with the released one, which requirements.txt pins.\n",
        **ahead,
    }
    return {path: text.encode() for path, text in texts.items()}


@cache
def world_of(seed: int) -> World:
    """Return the world of a seed."""
    rng, months = larkmoor.stream(seed, "world"), months_of(seed)
    lonely, hotfix = int(rng.integers(2, 4)), int(rng.integers(5, 8))
    wheels = {
        file_name(package, release): wheel(package, release, sources(seed, package, release))
        for package, releases in (("carrier", CARRIERS), ("delaymodel", RELEASES))
        for release in releases
    }
    repository, remote, versions, head = Repository(), {}, [], ""
    when, packages = EPOCH.timestamp(), 0
    for number, recipe in enumerate(recipes(seed), start=1):
        when += int(rng.integers(13, 19)) * 86_400 + int(rng.integers(0, 20_000))
        data = data_of(months, recipe)
        model = trained(seed, recipe, rows_of(data))
        files = tracked(seed, recipe, data, model, wheels)
        made = repository.commit(files, f"Train on {len(data)} months", when, head)
        if number == hotfix:
            repository.refs[f"refs/tags/hotfix-{number}"] = made
        else:
            notes = files | {"NOTES.md": f"{number} trained.\n".encode()}
            head = repository.commit(notes, "Take notes", when + 3_000, made)
        folder = f"{md5(listing(data))}.dir"
        remote |= {place_of(md5(one)): one for one in data.values()}
        remote[place_of(folder)] = listing(data)
        packages += number != lonely
        package = packages if number != lonely else 0
        versions.append(Version(number, recipe, made, folder, model, package))
    repository.refs["refs/heads/main"] = repository.refs["HEAD"] = head
    site = name_site(seed)
    return World(seed, site, versions, remote, wheels, repository.bundle(), lonely, hotfix)


def rows_of(data: dict[str, bytes]) -> list[dict[str, str]]:
    """Return a folder's rows as the trainer reads them."""
    found = []
    for name in sorted(data):
        head, *lines = data[name].decode().splitlines()
        found += [dict(zip(head.split(","), line.split(","), strict=True)) for line in lines]
    return found


@fixture
def world(seed: int) -> World:
    """What the seed draws."""
    return world_of(seed)


@given("site.json")
@fixture
def site(seed: int) -> dict[str, Any]:
    """The names of one Larkmoor, drawn: read them, nothing in them holds for another."""
    return name_site(seed)


@given("world/")
@fixture
def put_by_fill(seed: int) -> dict[str, bytes]:
    """What fill.py puts into an account."""
    return world_of(seed).files()


@given("room/")
@fixture
def a_room(seed: int) -> dict[str, bytes]:
    """A clean room to try rebuild.py in."""
    found = world_of(seed)
    return {"history.bundle": found.bundle} | {
        f"wheelhouse/{name}": data for name, data in found.wheels.items()
    }


# ---------------------------------------------------------------- the way to both registries


@dataclass
class Stop:
    """Where a program is stopped: at the nth such call, before or after it is carried out.

    Let go, it goes on as if nothing had been, unless it is `dead` by then.
    """

    kind: str
    nth: int = 1
    applied: bool = False
    dead: bool = False
    hit: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)

    def meets(self, kind: str) -> bool:
        """Count a call; return whether it is the one."""
        if self.hit.is_set() or kind not in self.kind.split():
            return False
        self.nth -= 1
        return self.nth == 0

    def hold(self, call: Any) -> Reply | None:
        """Carry a call out before or after the stop, or not at all."""
        reply: Reply | None = call() if self.applied else None
        self.hit.set()
        self.go.wait(PATIENCE)
        return reply if self.applied else None if self.dead else call()


class Way:
    """What stands between a program and everything it calls."""

    def __init__(self, forward: Any, registry: Any) -> None:
        self.forward, self.registry = forward, registry
        self.lock, self.stop = threading.Lock(), None
        self.now = 0.0
        self.moves: list[tuple[float, int | None]] = []  # of the alias `live`

    def to_cloud(self, request: Request) -> Reply | None:
        """Pass a call on to the cloud."""
        return self._pass(kind_of(request), lambda: self.forward(request))

    def to_registry(self, request: Request) -> Reply | None:
        """Pass a call on to the registry."""
        alias = request.method != "GET" and "registered-models/alias" in request.path
        return self._pass("alias" if alias else "look", lambda: self._ask(request))

    def _ask(self, request: Request) -> Reply:
        with self.lock:
            before = self.live()
            status, found = self.registry.ask(request.method, request.path, request.body)
            if self.live() != before:
                self.moves.append((self.now, self.live()))
        return Reply(status, json.dumps(found).encode(), (("content-type", "application/json"),))

    def live(self) -> int | None:
        """Return where the alias points."""
        found: int | None = next(iter(self.registry.aliases.values()), {}).get(LIVE)
        return found

    def _pass(self, kind: str, call: Any) -> Reply | None:
        with self.lock:
            stop: Stop | None = self.stop
            held = stop is not None and stop.meets(kind)
        reply: Reply | None = stop.hold(call) if stop is not None and held else call()
        return reply


def kind_of(request: Request) -> str:
    """Return what a call to the cloud does."""
    if request.header("x-amz-target").endswith(".UpdateModelPackage"):
        return "status"
    path, _, query = request.path.partition("?")
    if "tagging" in query and request.method in ("PUT", "DELETE"):
        return "tag"
    if request.method == "PUT" and "-ledger-" in path:
        return "ledger"
    return "look"


class Mlflow:
    """What fill.py needs of MLflow's client, without the wire."""

    def __init__(self, registry: Any) -> None:
        self.registry = registry

    def create_registered_model(self, name: str) -> None:
        """Make a model."""
        self.registry.answer("POST", "registered-models/create", {"name": name})

    def create_model_version(self, name: str, source: str, tags: dict[str, str]) -> None:
        """Make a version."""
        pairs = [{"key": key, "value": value} for key, value in tags.items()]
        asked = {"name": name, "source": source, "tags": pairs}
        self.registry.answer("POST", "model-versions/create", asked)


# ---------------------------------------------------------------- the estate


class Estate:
    """One account and one registry, filled; who may do what in it; and programs that run there."""

    HOSTS = ("UTC0", "CET-1CEST,M3.5.0,M10.5.0/3", "EST5EDT,M3.2.0,M11.1.0", "JST-9")

    def __init__(self, work: Any, cloud: Any, way: Way, world: World) -> None:
        self.work, self.cloud, self.way, self.world, self.site = work, cloud, way, world, world.site
        self.s3, self.sagemaker = cloud.client("s3"), cloud.client("sagemaker")
        self.programs: list[Any] = []
        self.lives: list[str] = []
        self.clients: dict[str, Any] = {}
        for place in ("artefacts", "remote", "ledger"):
            cloud.bucket(self.site[place])
        self.s3.put_bucket_versioning(
            Bucket=self.site["ledger"], VersioningConfiguration={"Status": "Enabled"}
        )
        fill = given_code("fill")
        fill.register(Mlflow(way.registry), self.sagemaker, self.site, world.told())
        self.arns = {
            one["ModelPackageVersion"]: one["ModelPackageArn"]
            for one in self.sagemaker.list_model_packages(
                ModelPackageGroupName=self.site["group"], MaxResults=100
            )["ModelPackageSummaryList"]
        }
        self.who = {name: cloud.identity(name, [document]) for name, document in self.rights()}

    def rights(self) -> list[tuple[str, dict[str, Any]]]:
        """Return what each of the learner's programs may do, as the brief tells it."""
        models, ledger, remote = (
            f"arn:aws:s3:::{self.site[place]}" for place in ("artefacts", "ledger", "remote")
        )
        looks = ["sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages",
                 "sagemaker:DescribeModelPackageGroup"]  # fmt: skip
        tags = ["s3:GetObject", "s3:GetObjectTagging", "s3:PutObjectTagging",
                "s3:DeleteObjectTagging"]  # fmt: skip
        return [
            ("gate", may((tags, f"{models}/*"), ([*looks, "sagemaker:UpdateModelPackage"], "*"))),
            ("releaser", may((["s3:GetObject", "s3:PutObject"], f"{ledger}/*"),
                             (["s3:ListBucket"], ledger), (looks, "*"))),
            ("auditor", may((["s3:GetObject"], f"{ledger}/*"), (["s3:GetObject"], f"{remote}/*"),
                            (["s3:ListBucket"], ledger), (["s3:ListBucket"], remote),
                            (looks, "*"))),
        ]  # fmt: skip

    def close(self) -> None:
        """Let everybody go on who is held, and end every program."""
        if self.way.stop is not None:
            self.way.stop.dead = True
            self.way.stop.go.set()
        for program in self.programs:
            if program.poll() is None:
                program.kill()

    # -- objects

    def put(self, place: str, files: dict[str, bytes]) -> None:
        """Store objects in one of the three buckets."""
        for key, data in files.items():
            self.s3.put_object(Bucket=self.site[place], Key=key, Body=data)

    def put_models(self) -> None:
        """Store every version's artefact."""
        self.put("artefacts", {one.key: one.model for one in self.world.versions})

    def serving(self) -> Identity:
        """Return credentials of the serving role, with the learner's policy and none other."""
        document = self.work.module("policies").serving(self.site)
        assert isinstance(document, dict), "policies.serving returns no policy document"
        trust = self.cloud.identity("server")
        role = self.cloud.role("serving", trust, [document])
        found: Identity = self.cloud.session("serving")
        assert role.arn
        return found

    def fetched(self, who: Identity, version: int) -> bytes | int:
        """Return what somebody gets of a version's artefact: its bytes, or a status."""
        return self.got(who, self.world.version(version).key)

    def got(self, who: Identity, key: str, place: str = "artefacts") -> bytes | int:
        """Return what somebody gets of an object: its bytes, or a status."""
        try:
            found = self.client("s3", who).get_object(Bucket=self.site[place], Key=key)
            return bytes(found["Body"].read())
        except ClientError as error:
            return int(error.response["ResponseMetadata"]["HTTPStatusCode"])

    def attempt(self, who: Identity, service: str, call: str, **arguments: Any) -> int:
        """Make a call as somebody and return its status."""
        try:
            found = getattr(self.client(service, who), call)(**arguments)
            errors = found.get("Errors") or []
            refused = any(one.get("Code") == "AccessDenied" for one in errors)
            return 403 if refused else int(found["ResponseMetadata"]["HTTPStatusCode"])
        except ClientError as error:
            status = int(error.response["ResponseMetadata"]["HTTPStatusCode"])
            return 403 if "AccessDenied" in error.response["Error"]["Code"] else status

    def client(self, service: str, who: Identity) -> Any:
        """Return somebody's client."""
        name = f"{service} {who.key_id}"
        if name not in self.clients:
            self.clients[name] = self.cloud.client(service, who)
        return self.clients[name]

    def label(self, version: int, value: str) -> None:
        """Give an artefact the tag of the gate with another value."""
        pairs = [{"Key": self.site["approved"]["Key"], "Value": value}]
        place = {"Bucket": self.site["artefacts"], "Key": self.world.version(version).key}
        self.s3.put_object_tagging(**place, Tagging={"TagSet": pairs})

    def overwrite(self, version: int) -> None:
        """Put other bytes in an artefact's place."""
        self.put("artefacts", {self.world.version(version).key: b'{"release": "mine"}'})

    def oversteps(self, who: Identity, version: int) -> list[str]:
        """Return what somebody may do of what a serving role has no business with."""
        bucket, key = self.site["artefacts"], self.world.version(version).key
        one, tag = {"Bucket": bucket, "Key": key}, self.site["approved"]
        notes = {"Bucket": bucket, "Key": "notes/why.txt"}
        self.s3.put_object(**notes, Body=b"because", Tagging="{Key}={Value}".format(**tag))
        self.put("ledger", {"one.json": b"{}"})
        package = {"ModelPackageArn": self.arn(version), "ModelApprovalStatus": "Approved"}
        calls = (
            ("s3", "put_object_tagging", {**one, "Tagging": {"TagSet": [tag]}}),
            ("s3", "put_object", {**one, "Body": b"{}"}),
            ("s3", "delete_object", one),
            ("s3", "list_objects_v2", {"Bucket": bucket}),
            ("s3", "get_object", notes),
            ("s3", "get_object", {"Bucket": self.site["ledger"], "Key": "one.json"}),
            ("sagemaker", "update_model_package", package),
            ("s3", "delete_object_tagging", one),
        )
        return [call for service, call, told in calls
                if self.attempt(who, service, call, **told) != 403]  # fmt: skip

    def is_guarded(self, who: Identity, version: int) -> bool:
        """Return whether somebody gets a version only if it is approved."""
        return self.fetched(who, version) == 403 or self.status(version) == "Approved"

    def is_refused(self, who: Identity, version: int, word: str = "approve") -> bool:
        """Return whether the gate refuses with 1, decides nothing, and `who` gets no more."""
        before = self.statuses()
        code = self.run("gate.py", word, str(version))
        there = version <= len(self.world.versions)
        out = there and self.fetched(who, version) != 403
        return code == 1 and not out and self.statuses() == before

    # -- the ledger's bucket

    first_entry, first_version = "entries/00000001.json", ""
    slow_deletions = (
        ("put_bucket_versioning", {"VersioningConfiguration": {"Status": "Suspended"}}),
        ("put_bucket_lifecycle_configuration", {"LifecycleConfiguration": {"Rules": [
            {"ID": "tidy", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
        ]}}),
    )  # fmt: skip

    def close_the_ledger(self) -> str:
        """Put one entry into the ledger's bucket and the learner's policy on it; its name."""
        bucket = str(self.site["ledger"])
        made = self.s3.put_object(Bucket=bucket, Key=self.first_entry, Body=b'{"entry": 1}')
        self.first_version = made["VersionId"]
        document = self.work.module("policies").ledger(self.site)
        assert isinstance(document, dict), "policies.ledger returns no policy document"
        self.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(document))
        return bucket

    def everything_in_s3(self) -> Identity:
        """Return somebody who has every right to S3."""
        found: Identity = self.cloud.identity("owner", [may((["s3:*"], "*"))])
        return found

    @property
    def elsewhere(self) -> dict[str, Any]:
        """An ordinary write to another bucket."""
        return {"Bucket": self.site["remote"], "Key": "files/md5/00/00", "Body": b""}

    def first_entry_is_there(self) -> bool:
        """Return whether the first entry is what it was, in its only version."""
        same = self.got(self.cloud.root, self.first_entry, "ledger") == b'{"entry": 1}'
        return same and not self.rewritten()

    # -- the registries

    def arn(self, version: int) -> str:
        """Return a version's package."""
        return str(self.arns[self.world.version(version).package])

    def record(self, version: int, sha256: str) -> None:
        """Write another digest into a version's package."""
        self.sagemaker.update_model_package(
            ModelPackageArn=self.arn(version), CustomerMetadataProperties={"sha256": sha256}
        )

    def status(self, version: int) -> str:
        """Return what SageMaker says of a version."""
        found = self.sagemaker.describe_model_package(ModelPackageName=self.arn(version))
        return str(found["ModelApprovalStatus"])

    def statuses(self) -> dict[str, str]:
        """Return what SageMaker says of every package."""
        found = self.sagemaker.list_model_packages(
            ModelPackageGroupName=self.site["group"], MaxResults=100
        )["ModelPackageSummaryList"]
        return {one["ModelPackageArn"]: one["ModelApprovalStatus"] for one in found}

    def decide(self, word: str, *versions: int) -> None:
        """Set the status of versions in SageMaker, as if somebody had decided."""
        for version in versions:
            self.sagemaker.update_model_package(
                ModelPackageArn=self.arn(version), ModelApprovalStatus=word
            )

    def tag(self, version: int, **tags: str) -> None:
        """Write tags of a version in MLflow, as anybody can."""
        self.way.registry.versions[self.site["model"]][version]["tags"].update(tags)

    def forget(self, version: int) -> None:
        """Delete a version in MLflow, as anybody can."""
        del self.way.registry.versions[self.site["model"]][version]

    # -- programs

    def run(self, file: str, *arguments: str, at: datetime | None = None,
            stop: Stop | None = None) -> int | None:  # fmt: skip
        """Run a program to its end, or kill it where `stop` says; None: it hung."""
        program = self.start(file, *arguments, at=at, stop=stop)
        until = time.monotonic() + PATIENCE
        while program.poll() is None and time.monotonic() < until:
            if stop is not None and stop.hit.wait(0.01):
                stop.dead = True
                program.kill()
                break
            if stop is None:
                with suppress(LearnerError):
                    program.wait(PATIENCE)
        self.let_go(stop)
        return self.ended(program, stop)

    def start(self, file: str, *arguments: str, at: datetime | None = None,
              stop: Stop | None = None) -> Any:  # fmt: skip
        """Start a program, at some instant, on a host in some zone."""
        who = {"gate.py": "gate", "release.py": "releaser"}.get(file, "auditor")
        env = self.env(who) | {"TZ": self.HOSTS[len(self.programs) % len(self.HOSTS)]}
        if at is not None:
            env["LARKMOOR_NOW"] = f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
            self.way.now = at.timestamp()
        if stop is not None:
            self.way.stop = stop
        program = self.work.run(file, *arguments, env=env)
        self.programs.append(program)
        self.lives.append(f"{' '.join((file, *arguments))} {env.get('LARKMOOR_NOW', '')}")
        return program

    def ended(self, program: Any, stop: Stop | None = None) -> int | None:
        """Wait for a program's end and return its exit code; None: it hung."""
        code = None
        with suppress(LearnerError):
            code = program.wait(PATIENCE)
        if code is None:
            program.kill()
        killed = ""
        if stop is not None and stop.hit.is_set():
            killed = f", killed {'after' if stop.applied else 'before'} {CALLS[stop.kind]}"
        self.lives.append(f"   ended with {code}{killed}")
        return code

    def reaches(self, program: Any, stop: Stop) -> bool:
        """Wait until a program has come to its stop; return whether it ever does."""
        until = time.monotonic() + PATIENCE
        while program.poll() is None and time.monotonic() < until:
            if stop.hit.wait(0.01):
                return True
        return stop.hit.is_set()

    def let_go(self, stop: Stop | None) -> None:
        """Let a program go on that was held."""
        if stop is not None:
            stop.go.set()
        self.way.stop = None

    def env(self, who: str) -> dict[str, str]:
        """Return the variables of somebody's program."""
        found: dict[str, str] = self.cloud.env(self.who[who]) | self.addresses
        return found

    addresses: dict[str, str]

    def live(self) -> int | None:
        """Return the version that the alias points at."""
        return self.way.live()

    def rewritten(self) -> list[str]:
        """Return the entries of the ledger that were written more than once, or deleted."""
        found = self.s3.list_object_versions(Bucket=self.site["ledger"])
        keys = [one["Key"] for one in found.get("Versions", [])]
        gone = [one["Key"] for one in found.get("DeleteMarkers", [])]
        return sorted({key for key in keys if keys.count(key) > 1} | set(gone))

    def show(self) -> None:
        """Tell what happened to the programs, and what the last of them had to say."""
        print("\n".join(self.lives), file=sys.stderr)
        for program in self.programs[::-1]:
            if program.poll() is not None and program.output():
                print(program.output().decode(errors="replace")[-3000:], file=sys.stderr)
                break


def may(*pairs: tuple[list[str], str]) -> dict[str, Any]:
    """Return a policy document that allows actions on a resource, for each pair."""
    statements = [{"Effect": "Allow", "Action": list(actions), "Resource": resource}
                  for actions, resource in pairs]  # fmt: skip
    return {"Version": "2012-10-17", "Statement": statements}


@fixture
def estate(work: Any, world: World, graded: bool) -> Iterator[Estate]:
    """An account and a registry, with a seam in front of each.

    When a check fails on the learner's own data, it is told what happened to the programs.
    """
    with ExitStack() as stack:
        inner = stack.enter_context(loopback())
        cloud = stack.enter_context(private_cloud(inner))
        way = Way(forwarder(*inner.getsockname()), given_code("registry").Registry())
        made = Estate(work, cloud, way, world)
        addresses = {}
        for name, respond in (
            ("AWS_ENDPOINT_URL", way.to_cloud), ("MLFLOW_TRACKING_URI", way.to_registry)
        ):  # fmt: skip
            listener = work.listen(0)
            addresses[name] = f"http://127.0.0.1:{listener.getsockname()[1]}"
            stack.enter_context(listen(listener, respond))
        made.addresses = addresses
        work.env |= made.env("auditor")
        work.write("site.json", json.dumps(world.site).encode())
        try:
            yield made
        finally:
            made.close()
        if not graded and ("pytest" in sys.modules or sys.exc_info()[1] is not None):
            made.show()


# ---------------------------------------------------------------- versions in the lab's parts


@fixture
def cast(world: World) -> SimpleNamespace:
    """Who plays which part among the versions: five are approved, the others are not."""
    rng = larkmoor.stream(world.seed, "cast")
    numbers = [one.number for one in world.submitted]
    drawn = [numbers[place] for place in rng.permutation(len(numbers)).tolist()]
    return SimpleNamespace(good=drawn[:5], pending=drawn[5], rejected=drawn[6], thief=drawn[7],
                           lonely=world.lonely)  # fmt: skip


# ---------------------------------------------------------------- the nights


def utc(*parts: int) -> datetime:
    """Return an instant."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


def moments(text: str, zone: str) -> list[float]:
    """Return the instants that a clock on the wall can mean: none, one or two."""
    told = datetime.fromisoformat(text)
    if told.tzinfo is not None:
        return [told.timestamp()]
    place = ZoneInfo(zone)
    found = set()
    for fold in (0, 1):
        there = told.replace(tzinfo=place, fold=fold).astimezone(UTC)
        if there.astimezone(place).replace(tzinfo=None) == told:
            found.add(there.timestamp())
    return sorted(found)


class Year:
    """A year of releases, lived through with the learner's programs, and what is asked of it."""

    ZONES = ("Europe/Copenhagen", "UTC", "Europe/Helsinki", "Europe/Lisbon", "America/New_York",
             "Asia/Kolkata")  # fmt: skip

    def __init__(self, estate: Estate, cast: SimpleNamespace) -> None:
        self.estate, self.cast = estate, cast
        self.rng = larkmoor.stream(estate.world.seed, "year")
        self.facts = {
            one.number: {"version": one.number, "commit": one.commit, "data": one.data}
            for one in estate.world.versions
        }
        self.asked = 0

    def some(self, first: datetime, minutes: int) -> datetime:
        """Return an instant within so many minutes of a first one."""
        return first + timedelta(seconds=int(self.rng.integers(0, minutes * 60)))

    def promote(self, at: datetime, version: int, stop: Stop | None = None) -> int | None:
        """Promote a version."""
        return self.estate.run("release.py", "promote", str(version), at=at, stop=stop)

    def roll_back(self, at: datetime, stop: Stop | None = None) -> int | None:
        """Roll the newest promotion back."""
        return self.estate.run("release.py", "rollback", at=at, stop=stop)

    def days(self) -> Iterator[datetime]:
        """Yield an instant of each day of a week in May, and of the next."""
        for number in range(4, 30):
            yield self.some(utc(2026, 5, number, 8), 600)

    def within_ten_minutes(self, began: datetime) -> datetime:
        """Return an instant at which a release may still be somebody's."""
        return self.some(began + timedelta(minutes=9), 1) - timedelta(seconds=20)

    def lives(self, *moves: tuple[datetime, int]) -> bool:
        """Return whether the ledger tells these versions for a minute after each instant."""
        asked = [(f"{at + timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ}", "UTC") for at, _ in moves]
        return self.said(asked) == [[self.facts[version]] for _, version in moves]

    def winter(self) -> None:
        """The very first release dies before its work is done: nothing is live, nor was."""
        self.promote(self.some(utc(2026, 1, 12, 9), 300), self.cast.good[-1],
                     Stop("alias", applied=False))  # fmt: skip

    def spring(self) -> bool:
        """Two ordinary releases, one of a version whose tags are wrong; return whether both ended
        well.
        """
        a, b, *_ = self.cast.good
        self.estate.tag(b, commit="0" * 40, data="tidied up")
        codes = [self.promote(self.some(utc(2026, 3, 20, 9), 300), a),
                 self.promote(self.some(utc(2026, 6, 9, 9), 300), b)]  # fmt: skip
        return codes == [0, 0]

    def after(self, died: datetime) -> datetime:
        """Return an instant just after the ten minutes of a release that died."""
        return self.some(died + timedelta(minutes=10, seconds=20), 1)

    def august(self) -> bool:
        """The night of 3 August: two promotions, one of which dies with its work done, and two
        rollbacks, the second of which does so too; return whether the others ended well.
        """
        _, _, c, d, _ = self.cast.good
        codes = [self.promote(self.some(utc(2026, 8, 3, 21, 35), 15), c)]
        died = self.some(utc(2026, 8, 3, 22, 13), 5)
        self.promote(died, d, Stop("alias", applied=True))
        codes.append(self.roll_back(self.after(died)))
        self.roll_back(self.some(utc(2026, 8, 3, 23, 45), 10), Stop("alias", applied=True))
        return codes == [0, 0]

    def september(self) -> None:
        """One release dies before its work is done; and somebody tidies the registry."""
        _, _, c, d, e = self.cast.good
        self.promote(self.some(utc(2026, 9, 14, 8), 300), e, Stop("alias", applied=False))
        self.estate.tag(c, commit="0" * 40, data="tidied up")
        self.estate.forget(d)

    def october(self) -> bool:
        """The hour that comes twice: a promotion in its first turn; in its second a rollback that
        dies before its work is done, and another; return whether the others ended well.
        """
        *_, e = self.cast.good
        codes = [self.promote(self.some(utc(2026, 10, 25, 0, 15), 25), e)]
        died = self.some(utc(2026, 10, 25, 1, 10), 12)
        self.roll_back(died, Stop("alias", applied=False))
        codes.append(self.roll_back(self.after(died)))
        return codes == [0, 0]

    def november(self) -> None:
        """The newest release dies when the alias has moved, and nobody has started one since."""
        self.promote(self.some(utc(2026, 11, 10, 9), 300), self.cast.good[0],
                     Stop("alias", applied=True))  # fmt: skip

    # -- what is asked

    def truth(self, text: str, zone: str) -> list[dict[str, Any] | None]:
        """Return what was live at a moment, by the moves that the registry saw."""
        return [self._facts_at(moment) for moment in moments(text, zone)]

    def _facts_at(self, moment: float) -> dict[str, Any] | None:
        before = [version for when, version in self.estate.way.moves if when <= moment]
        return self.facts[before[-1]] if before and before[-1] else None

    def answers(self, *questions: dict[str, Any]) -> list[Any]:
        """Return what lineage.py answers to an auditor's list; [] when it does not end well."""
        self.asked += 1
        names = [f"{word}-{self.estate.world.seed}-{self.asked}.json" for word in ("asked", "told")]
        self.estate.work.write(names[0], json.dumps(questions).encode())
        found: Any = []
        if self.estate.run("lineage.py", *names) == 0:
            with suppress(LearnerError, ValueError):
                found = json.loads(self.estate.work.read(names[1]))
        return found if isinstance(found, list) and len(found) == len(questions) else []

    def said(self, moments_: list[tuple[str, str]]) -> list[Any]:
        """Return what the learner's ledger says of moments."""
        return self.answers(*({"at": text, "zone": zone} for text, zone in moments_))

    def wall(self, instant: datetime, zone: str) -> tuple[str, str]:
        """Return an instant as a clock on a wall shows it."""
        return f"{instant.astimezone(ZoneInfo(zone)):%Y-%m-%dT%H:%M:%S}", zone

    def drawn(self) -> str:
        """Return one of the zones."""
        return self.ZONES[int(self.rng.integers(0, len(self.ZONES)))]

    def ordinary(self) -> list[tuple[str, str]]:
        """Five moments on which nothing special happened, one of them before anything was live."""
        days = (utc(2026, 2, 3, 12), utc(2026, 4, 14, 7), utc(2026, 7, 2, 22, 30),
                utc(2026, 8, 20, 4), utc(2026, 9, 2, 16))  # fmt: skip
        return [self.wall(self.some(day, 240), self.drawn()) for day in days]

    def around_midnight(self) -> list[tuple[str, str]]:
        """Seven moments of the night of 3 August, three of them within the rollback."""
        moved = [datetime.fromtimestamp(when, UTC) for when, _ in self.estate.way.moves
                 if utc(2026, 8, 3) < datetime.fromtimestamp(when, UTC) < utc(2026, 8, 5)]
        found = [self.wall(one + timedelta(minutes=2), self.drawn()) for one in moved]
        found += [self.wall(one - timedelta(minutes=1), "Europe/Copenhagen") for one in moved[1:2]]
        zones = ("Europe/Copenhagen", "UTC")
        return found + [self.wall(self.some(utc(2026, 8, 3, 22, 35), 60), one) for one in zones]

    def twice_and_never(self) -> list[tuple[str, str]]:
        """Six about a changed clock: two come twice, one never, three tell their offset."""
        minute = int(self.rng.integers(42, 59))
        early = int(self.rng.integers(1, 9))
        return [
            (f"2026-10-25T02:{minute}", "Europe/Copenhagen"),
            (f"2026-10-25T03:{early:02}:30", "Europe/Helsinki"),
            (f"2026-03-29T02:{minute}", "Europe/Copenhagen"),
            (f"2026-10-25T02:{minute}+02:00", "Europe/Copenhagen"),
            (f"2026-10-25T02:{minute}+01:00", "UTC"),
            (f"2026-10-25T01:{early:02}Z", "Europe/Copenhagen"),
        ]

    def after_september(self) -> tuple[str, str]:
        """A moment after a release has died, asked before anybody has started another."""
        return self.wall(utc(2026, 9, 14, 18), self.drawn())

    def after_november(self) -> list[tuple[str, str]]:
        """The same, and a moment after the newest release has died."""
        return [self.after_september(), self.wall(utc(2026, 11, 12, 12), self.drawn())]

    def spans(self, version: int) -> list[list[float | None]]:
        """Return from when to when a version was live."""
        moves = self.estate.way.moves
        ends = [when for when, _ in moves[1:]] + [None]
        return [[when, end] for (when, who), end in zip(moves, ends, strict=True) if who == version]

    def told(
        self, moments_: list[tuple[str, str]], versions: list[int]
    ) -> tuple[list[Any], list[Any]]:
        """Return what the learner's ledger says of moments, and the spans of versions, None where
        a time has no offset; empty when it does not end well.
        """
        asked: list[dict[str, Any]] = [{"at": text, "zone": zone} for text, zone in moments_]
        found = self.answers(*asked, *({"version": one} for one in versions))
        return found[: len(asked)], [stamps(one) for one in found[len(asked) :]]

    def right(self, moments_: list[tuple[str, str]], answers: Iterator[Any]) -> bool:
        """Return whether these moments are answered rightly; takes their answers.

        On the desk it is told which was the first wrong one.
        """
        asked = [(text, zone, next(answers), self.truth(text, zone)) for text, zone in moments_]
        wrong = [one for one in asked if one[2] != one[3]]
        for text, zone, said, true in wrong[:1]:
            self.estate.lives.append(
                f"   asked {text} {zone}: you say {versions(said)}, true is {versions(true)}"
            )
        return not wrong


def versions(answer: Any) -> str:
    """Return an answer in words: how many parts it has, and which versions they name."""
    if not isinstance(answer, list):
        return "no list"
    names = [one.get("version") if isinstance(one, dict) else one for one in answer]
    count = f"{len(names)} answer{'s' * (len(names) != 1)}"
    return f"{count} (version {', '.join(map(str, names))})" if names else count


def stamps(found: Any) -> Any:
    """Return spans with instants for texts; a text without an offset is nobody's."""
    def stamp(text: Any) -> float | None:
        if text is None:
            return None
        told = datetime.fromisoformat(str(text))
        return told.timestamp() if told.tzinfo else -1.0

    with suppress(ValueError, TypeError):
        return [[stamp(begin), stamp(end)] for begin, end in found]
    return None


@fixture
def year(estate: Estate, cast: SimpleNamespace) -> Year:
    """A year with the night of 3 August and the hour that comes twice in it."""
    estate.decide("Approved", *cast.good)
    return Year(estate, cast)


class Held:
    """A release that is held at one of its calls while others go on."""

    def __init__(self, estate: Estate) -> None:
        self.estate = estate
        self.program: Any = None
        self.stop: Stop | None = None

    def promote(self, at: datetime, version: int, kind: str) -> bool:
        """Start a promotion and hold it before such a call; return whether it came so far."""
        self.stop = Stop(kind)
        self.program = self.estate.start("release.py", "promote", str(version), at=at,
                                         stop=self.stop)  # fmt: skip
        return self.estate.reaches(self.program, self.stop)

    def end(self) -> int | None:
        """Let it go and return its exit code."""
        self.estate.let_go(self.stop)
        return self.estate.ended(self.program)


@fixture
def held(estate: Estate) -> Held:
    """A slow releaser."""
    return Held(estate)


@fixture
def stopped() -> list[tuple[str, Stop]]:
    """Where the gate is killed: between its two writes, in both directions."""
    return [("reject", Stop("tag status", 1, True)), ("approve", Stop("tag status", 1, True))]


# ---------------------------------------------------------------- clean rooms


@dataclass
class Ended:
    """What a rebuild left behind."""

    code: int | None
    model: bytes | None
    refused: Any


class Rooms:
    """Machines on which nobody has worked, each with a bundle and a wheelhouse."""

    def __init__(self, estate: Estate) -> None:
        self.estate, self.world = estate, estate.world
        estate.put("remote", self.world.remote)
        self.number = 0

    def rebuild(self, version: Version, wheels: dict[str, bytes] | None = None) -> Ended:
        """Rebuild a version on a new machine; `wheels` take the place of those of that name."""
        self.number += 1
        room, work = f"room-{self.world.seed}-{self.number}", self.estate.work
        work.reboot()
        work.write("site.json", json.dumps(self.world.site).encode())
        work.write(f"{room}/history.bundle", self.world.bundle)
        for name, data in (self.world.wheels | (wheels or {})).items():
            work.write(f"{room}/wheelhouse/{name}", data)
        code = self.estate.run("rebuild.py", str(version.package), room)
        refused = self._said(f"{room}/refused.json")
        self.estate.lives.append(f"   refused.json: {json.dumps(refused)[:300]}")
        return Ended(code, self._left(f"{room}/model.json"), refused)

    def _left(self, path: str) -> bytes | None:
        try:
            return bytes(self.estate.work.read(path))
        except LearnerError:
            return None

    def _said(self, path: str) -> Any:
        try:
            return json.loads(self._left(path) or b"null")
        except ValueError:
            return None

    def damaged(self, name: str) -> bytes:
        """Return a content of the remote with one digit changed, under its old name."""
        data = bytearray(self.world.remote[place_of(name)])
        place = max(i for i, one in enumerate(data) if chr(one).isdigit())
        data[place] = ord("7") if data[place] != ord("7") else ord("3")
        return bytes(data)

    def some(self, names: list[str]) -> list[str]:
        """Return one of the names."""
        rng = larkmoor.stream(self.world.seed, "some", *names)
        return [names[int(rng.integers(0, len(names)))]]

    def listing(self, version: Version) -> bytes:
        """Return a version's listing without its last month."""
        return json.dumps(json.loads(self.world.remote[place_of(version.data)])[:-1]).encode()

    def record(self, version: Version, sha256: str) -> None:
        """Write another digest into a version's package."""
        self.estate.record(version.number, sha256)

    def change(self, name: str, data: bytes | None = None) -> None:
        """Put something else in a content's place, or the content itself back."""
        key = place_of(name)
        self.estate.put("remote", {key: self.world.remote[key] if data is None else data})


@fixture
def rooms(estate: Estate) -> Rooms:
    """Clean rooms, and a DVC remote."""
    return Rooms(estate)
