"""Larkmoor's street around one scorer: the store, the board, the queue, the balancer, the old
client, and what the judge knows of each.

Everything a check believes is seen from outside the learner's programs: replies on a connection,
objects, items and messages in the cloud, and how a process ended. Programs are stopped at calls
that they make, never at moments.
"""

from __future__ import annotations

import importlib.util
import json
import socket
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from functools import cache
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import larkmoor
import numpy as np

from autograder import LearnerError, fixture, given
from infra.cloud import sheets
from infra.cloud.fixtures import allow, loopback, private_cloud
from infra.cloud.gate import Reply, Request, forwarder, listen

PATIENCE = 60  # seconds without a sign of life after which a program is given up
QUEUE, DEAD, TABLE = "larkmoor-orders", "larkmoor-orders-dead", "larkmoor-vans"
MODELS, BATCHES = "larkmoor-models", "larkmoor-batch"
HIDDEN = 30  # seconds for which a received message is invisible
RECEIPTS = 40  # before a message is put aside, while workers die: each death counts as a receipt
JSON = {"content-type": "application/json"}
TEXT = {"content-type": "text/csv; charset=iso-8859-1"}
MAY = (
    "s3:GetObject", "s3:PutObject", "s3:ListBucket", "sqs:ReceiveMessage", "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes", "sqs:GetQueueUrl",
    "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:ConditionCheckItem",
    "dynamodb:Query", "dynamodb:DescribeTable",
)  # fmt: skip
CODES = ("NA", "007", "1E5", "TRUE", "0071", "NULL", "INF", "NAN", "42", "00", "NO", "1E0")


@cache
def core() -> Any:
    """Return the lab's given core, as the judge's own."""
    place = Path(__file__).with_name("core.py")
    spec = importlib.util.spec_from_file_location("judges_core", place)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = made
    spec.loader.exec_module(made)
    return made


# ---------------------------------------------------------------- parcels, models, answers


def codes(seed: int) -> list[str]:
    """Return a code for each depot; some look like something else."""
    rng = larkmoor.stream(seed, "codes")
    letters = np.array(list("ABCDEFGHJKLMNPQRSTUVWXYZ23456789"))
    drawn = {"".join(rng.choice(letters, int(rng.integers(2, 5)))) for _ in range(200)}
    found = [*CODES, *sorted(drawn - set(CODES))]
    return [found[place] for place in rng.permutation(len(larkmoor.DEPOTS)).tolist()]


def names(seed: int) -> dict[str, str]:
    """Return each depot's code."""
    return dict(zip(larkmoor.DEPOTS, codes(seed), strict=True))


def parcels(seed: int, number: int, name: str) -> list[dict[str, Any]]:
    """Return parcels as the services of the street write them; one in four tells no load."""
    world = larkmoor.parcels(seed, number, "2026-11", 1)
    rng, masks = larkmoor.stream(seed, "street", name), names(seed)
    silent = (rng.integers(0, 4, number) == 0).tolist()
    found = [
        {
            "parcel": row.parcel,
            "depot": masks[row.depot],
            "service": row.service,
            "housing": row.housing,
            "weight_kg": row.weight_kg,
            "distance_km": row.distance_km,
            "day": f"{row.accepted:%Y-%m-%d}",
            "hour": row.accepted.hour,
            "load_pct": None if quiet else row.load_pct,
        }
        for row, quiet in zip(world.itertuples(), silent, strict=True)
    ]
    return [found[place] for place in rng.permutation(number).tolist()]


def model(seed: int, version: str = "a") -> dict[str, Any]:
    """Return a delay model; another version answers otherwise."""
    rng = larkmoor.stream(seed, "model", version)

    def about(middle: float) -> float:
        return round(middle + float(rng.integers(-500, 501)) / 5000, 7)

    names = {
        "intercept": -2.1, "standard": 0.1, "express": 0.5, "pharmacy": -0.4, "house": 0.0,
        "flat": 0.2, "locker": -0.3, "farm": 0.4, "weight": 0.3, "distance": 0.9, "load": 0.9,
        "hour": 0.6, "weekend": -0.5,
    }  # fmt: skip
    return {
        "version": f"2026-11-{int(rng.integers(10, 29))}-{version}{int(rng.integers(100, 999))}",
        "threshold": round(0.24 + float(rng.integers(0, 100)) / 1000, 3),
        "weights": {name: about(middle) for name, middle in names.items()},
        "depots": {code: about(0.0) for code in codes(seed)[:40]},
    }


def booked(seed: int, depot: str, day: str) -> int:
    """Return what the board says."""
    return zlib.crc32(f"{seed}/{depot}/{day}".encode()) % 161


class Truth:
    """The judge's own answers, by the given core."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.models = {name: model(seed, name) for name in "ab"}
        self.scorers = {name: core().Scorer(one) for name, one in self.models.items()}

    def load(self, depot: str, day: str) -> int:
        """Return what the board says."""
        return booked(self.seed, depot, day)

    def answer(self, fields: dict[str, Any], version: str = "a") -> dict[str, Any]:
        """Return the answer for one parcel."""
        found: dict[str, Any] = self.scorers[version].answer(core().read(fields), self.load)
        return found

    def either(self, fields: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the answers of both versions."""
        return [self.answer(fields, version) for version in "ab"]


@given("model.json")
@fixture
def today(seed: int) -> dict[str, Any]:
    """The model that is live."""
    return model(seed)


@given("parcels.jsonl")
@fixture
def some_parcels(seed: int) -> str:
    """Forty parcels, one a line."""
    return "".join(json.dumps(one) + "\n" for one in parcels(seed, 40, "desk"))


@given("answers.jsonl")
@fixture
def some_answers(seed: int) -> str:
    """Their answers, the load taken as 80 where a parcel does not tell it."""
    scorer = core().Scorer(model(seed))
    found = [scorer.answer(core().read(one), lambda *_: 80) for one in parcels(seed, 40, "desk")]
    return "".join(json.dumps(one) + "\n" for one in found)


# ---------------------------------------------------------------- the old client

OLD = {"parcel": "PAKKE", "depot": "DEPOT", "service": "TJENESTE", "housing": "BOLIG",
       "weight_kg": "VÆGT", "distance_km": "AFSTAND", "day": "DATO", "hour": "TIME",
       "load_pct": "BELÆG"}  # fmt: skip
SAID = {"standard": "STANDARD", "express": "EKSPRES", "pharmacy": "APOTEK", "house": "HUS",
        "flat": "LEJLIGHED", "locker": "BOKS", "farm": "GÅRD"}  # fmt: skip


def in_danish(name: str, value: Any) -> str:
    """Return a field as the client of 2009 writes it."""
    if value is None:
        return ""
    if name == "day":
        return ".".join(reversed(value.split("-")))
    if name in ("weight_kg", "distance_km"):
        return str(value).replace(".", ",")
    return SAID.get(str(value), str(value))


@dataclass
class OldFile:
    """A request of the old client, and the reply that it has always got."""

    request: bytes
    reply: bytes


def old_file(seed: int, truth: Truth, load: Any = None) -> OldFile:
    """Return one exchange: thirty rows, some of them broken, the columns in some order."""
    rng = larkmoor.stream(seed, "2009")
    order = [list(OLD)[place] for place in rng.permutation(len(OLD)).tolist()]
    asked, told = [";".join(OLD[name] for name in order)], ["PAKKE;RISIKO;FLYT"]
    breaks = {2: ("weight_kg", -1.0), 7: ("housing", "TELT"), 11: ("hour", "x"), 19: ("day", "1.1")}
    for number, fields in enumerate(parcels(seed, 30, "2009")):
        texts = {name: in_danish(name, fields[name]) for name in order}
        if number in breaks:
            name, value = breaks[number]
            texts[name] = in_danish(name, value) if name != "day" else str(value)
            told.append(f"{fields['parcel']};;FEJL")
        else:
            found = truth.scorers["a"].answer(core().read(fields), load or truth.load)
            risk = f"{found['risk']:.4f}".replace(".", ",")
            told.append(f"{fields['parcel']};{risk};{'JA' if found['move'] else 'NEJ'}")
        asked.append(";".join(texts[name] for name in order))
    request, reply = ("".join(f"{line}\r\n" for line in lines) for lines in (asked, told))
    return OldFile(request.encode("iso-8859-1"), reply.encode("iso-8859-1"))


@fixture
def client_of_2009(seed: int) -> OldFile:
    """What the old client sends to the service, and expects."""
    return old_file(seed, Truth(seed))


@given("old-client/")
@fixture
def recorded(seed: int) -> dict[str, bytes]:
    """One exchange as it was recorded on a day on which each depot had booked 80 percent."""
    found = old_file(seed, Truth(seed), lambda *_: 80)
    return {"request.csv": found.request, "reply.csv": found.reply}


# ---------------------------------------------------------------- the board, the way to the cloud


class Board:
    """What knows each depot's load; it can be slow, and it can be silent."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.asked: list[tuple[str, str]] = []
        self.waiting = self.most = 0
        self.lock, self.open = threading.Condition(), threading.Event()
        self.silent = 0  # so many questions are answered with 503
        self.open.set()

    def respond(self, request: Request) -> Reply:
        """Answer one question."""
        asked = parse_qs(urlsplit(request.path).query)
        depot, day = asked.get("depot", [""])[0], asked.get("day", [""])[0]
        with self.lock:
            self.asked.append((depot, day))
            self.waiting += 1
            self.most = max(self.most, self.waiting)
            quiet, self.silent = self.silent > 0, max(0, self.silent - 1)
            self.lock.notify_all()
        self.open.wait(2 * PATIENCE)
        with self.lock:
            self.waiting -= 1
            self.lock.notify_all()
        if quiet:
            return Reply(503)
        return Reply(200, json.dumps({"load_pct": booked(self.seed, depot, day)}).encode())

    def holds(self, number: int) -> bool:
        """Wait until so many questions are waiting; return whether they ever were."""
        with self.lock:
            return self.lock.wait_for(lambda: self.waiting >= number, PATIENCE / 3)


@dataclass
class Kill:
    """Where a program ends: at the nth such call, before or after it has been carried out.

    A change is a write or a delete.
    """

    kind: str
    nth: int
    applied: bool = False


# What every worker does with a wave of 24 messages in front of it: one write at least and three
# deletes, two receipts, three questions to the board. So each of these is hit, whoever it meets.
DEATHS = (
    *(Kill("change", nth, applied) for nth in (1, 2, 3, 4) for applied in (True, False)),
    Kill("receive", 2, True), Kill("board", 3, False),
)  # fmt: skip


CONFLICT = json.dumps({
    "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
    "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons "
    "[None, TransactionConflict]",
    "CancellationReasons": [
        {"Code": "None"}, {"Code": "TransactionConflict", "Message": "Transaction is ongoing"},
    ],
}).encode()  # fmt: skip
THROTTLED = json.dumps({
    "__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
    "message": "The level of configured provisioned throughput for the table was exceeded",
}).encode()  # fmt: skip
WRITES = ("TransactWriteItems", "PutItem", "UpdateItem", "BatchWriteItem")


def kind_of(request: Request) -> str:
    """Return what a call does: write, delete, receive, model, put, mark, get or another."""
    service, _, name = request.header("x-amz-target").rpartition(".")
    if service.startswith("DynamoDB"):
        return "write" if name in WRITES else "look"
    if service == "AmazonSQS":
        kinds = {"DeleteMessage": "delete", "DeleteMessageBatch": "delete"}
        return "receive" if name == "ReceiveMessage" else kinds.get(name, "queue")
    if f"/{MODELS}/" in request.path and request.method == "GET":
        return "model"
    path = request.path.partition("?")[0]
    if request.method == "GET":
        return "get" if "/in/" in path else "look"
    return ("mark" if path.endswith("/_SUCCESS") else "put") if request.method == "PUT" else "other"


class Way:
    """What stands between a program and its cloud."""

    def __init__(self, forward: Any) -> None:
        self.forward = forward
        self.kill: Kill | None = None
        self.hit, self.dead, self.open = threading.Event(), threading.Event(), threading.Event()
        self.withheld, self.asked = "b", threading.Event()  # a model, and whether anybody wants it
        self.open.set()
        self.seen: list[str] = []
        self.conflicts: set[int] = set()
        self.stored: set[str] = set()  # parts that have their answers
        self.again = 0  # how often such a part was read
        self.held, self.go = threading.Event(), threading.Event()
        self.holds = False  # the next write waits until it may go

    def withhold(self, version: str) -> None:
        """Let nobody have a model until `open` is set."""
        self.withheld = version
        self.asked.clear()
        self.open.clear()

    def arm(self, kill: Kill | None) -> None:
        """Begin a program's life."""
        self.kill = replace(kill) if kill else None
        self.hit.clear()
        self.dead.clear()

    def hold(self, holds: bool = True) -> threading.Event:
        """Let the next write wait for the event that this returns."""
        self.held.clear()
        self.go, self.holds = threading.Event(), holds
        return self.go

    def waits(self, program: Any) -> bool:
        """Wait for a write that is held, or for the program's end; return whether it was held."""
        until = time.monotonic() + PATIENCE / 2
        while not self.held.wait(0.02) and time.monotonic() < until:
            if program.poll() is not None:
                break
        return self.held.is_set()

    def refuse(self, writes: list[int]) -> None:
        """Refuse such writes among the next, because somebody else is writing."""
        before = self.seen.count("write")
        self.conflicts = {before + nth for nth in writes}

    def pass_on(self, request: Request) -> Reply | None:
        """Pass one call on, unless something is planned for it."""
        kind = kind_of(request)
        if self.hit.is_set() or self.ends(kind, applied=False):
            return None
        self.seen.append(kind)
        if kind == "model" and f"/{self.withheld}.json" in request.path:
            self.asked.set()
            self.open.wait(2 * PATIENCE)
        if kind == "write" and self.holds:
            self.holds, go = False, self.go
            self.held.set()
            go.wait(PATIENCE)
        if kind == "write" and self.seen.count("write") in self.conflicts:
            whole = request.header("x-amz-target").endswith("TransactWriteItems")
            return Reply(400, CONFLICT if whole else THROTTLED,
                         (("content-type", "application/x-amz-json-1.0"),))  # fmt: skip
        name = request.path.partition("?")[0].rpartition("/")[2].partition(".")[0]
        self.again += kind == "get" and name in self.stored
        reply: Reply = self.forward(request)
        if kind == "put":
            self.stored.add(name)
        return None if self.ends(kind, applied=True) else reply

    def ends(self, kind: str, applied: bool) -> bool:
        """Return whether the program ends at this call; if so, when it has."""
        kill, changes = self.kill, kind in ("write", "delete")
        if kill is None or kill.applied != applied:
            return False
        if kill.kind != kind and not (changes and kill.kind == "change"):
            return False
        kill.nth -= 1
        if kill.nth != 0:
            return False
        self.hit.set()
        self.dead.wait(PATIENCE)
        return True


# ---------------------------------------------------------------- the street


@dataclass
class Heard:
    """What came back on a connection; status 0: nothing did."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    def header(self, name: str) -> str:
        """Return a header's value."""
        return next((value for key, value in self.headers if key.lower() == name), "")

    def json(self) -> Any:
        """Return the body as data; None when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class Street:
    """Where the four shells run, between services that belong to the judge."""

    def __init__(self, work: Any, cloud: Any, way: Way, board: Board, truth: Truth) -> None:
        self.work, self.cloud, self.way, self.board, self.truth = work, cloud, way, board, truth
        self.s3, self.sqs, self.table = map(cloud.client, ("s3", "sqs", "dynamodb"))
        self.ports = iter(range(8081, 8181))
        self.lives: list[str] = []
        self.asked_again = 0  # questions that a program asked the board more than once
        self.programs: list[Any] = []
        cloud.bucket(MODELS)
        cloud.bucket(BATCHES)
        for name, one in truth.models.items():
            self.put(MODELS, f"{name}.json", json.dumps(one).encode())

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Store an object."""
        self.s3.put_object(Bucket=bucket, Key=key, Body=body)

    def close(self) -> None:
        """Let everybody go on who waits, and end every program."""
        for gate in (self.board.open, self.way.open, self.way.dead, self.way.go):
            gate.set()
        for program in self.programs:
            if program.poll() is None:
                program.kill()

    # -- programs that end

    def live(self, file: str, *arguments: str, kill: Kill | None = None) -> int | None:
        """Start a program, end it where `kill` says, and return its exit code; None: it hung."""
        self.way.arm(kill)
        before, asked = len(self.way.seen), len(self.board.asked)
        program = self.work.run(file, *arguments)
        self.programs.append(program)
        until = time.monotonic() + PATIENCE
        while program.poll() is None and time.monotonic() < until:
            if self.way.hit.wait(0.02):
                program.kill()
                break
        hung = program.poll() is None
        if hung:
            program.kill()
        self.way.dead.set()
        made, questions = self.way.seen[before:], self.board.asked[asked:]
        self.asked_again += len(questions) - len(set(questions))
        what = ", ".join(f"{made.count(k)} {k}" for k in dict.fromkeys(made))
        where = f"killed at a {kill.kind}" if kill and self.way.hit.is_set() else "ended"
        self.lives.append(f"{file}: {what or 'no call'}; {where}, exit {program.exit}")
        return None if hung else program.exit

    def overtaken(self, order: str, others: list[str]) -> bool:
        """Give a worker an order; before each of its first writes a second one does another.

        Return whether the first worker made a write.
        """
        self.post([order])
        self.way.arm(None)
        gate = self.way.hold()
        first = self.work.run("worker.py", "--drain")
        self.programs.append(first)
        late = list(others)
        while late and self.way.waits(first):
            self.post([late.pop(0)])
            self.live("worker.py", "--drain")
            before, gate = gate, self.way.hold(bool(late))
            before.set()
        gate.set()
        with suppress(LearnerError):
            first.wait(PATIENCE)
        first.kill()
        self.post(late)
        self.cloud.advance(HIDDEN + 1)
        return len(late) < len(others)

    def show(self) -> None:
        """Tell what happened to the programs, and what the last one that failed had to say."""
        print("\n".join(self.lives), file=sys.stderr)
        for program in self.programs[::-1]:
            if program.poll() not in (None, 0, -9) or program.output():
                print(program.output().decode(errors="replace")[-3000:], file=sys.stderr)
                break

    def invoke(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Hand events to the function, all in one environment; return its replies."""
        text = "".join(json.dumps(event) + "\n" for event in events)
        self.work.write("replies.jsonl", b"")
        program = self.work.run("invoke.py", stdin=text.encode())
        self.programs.append(program)
        assert program.wait(PATIENCE) == 0, "the function cannot be loaded"
        found = [json.loads(line) for line in self.work.read("replies.jsonl").splitlines()]
        return [reply if isinstance(reply, dict) else {} for reply in found]

    def data(self, reply: dict[str, Any]) -> Any:
        """Return what the body of a function's reply says."""
        return Heard(0, str(reply.get("body")).encode()).json()

    # -- the service

    def start(self, version: str = "a", at_once: int = 8, **env: str) -> tuple[Any, int]:
        """Start a service; return it and its port. It may not answer yet."""
        port = next(self.ports)
        env = {"LARKMOOR_MODEL": f"s3://{MODELS}/{version}.json", **env}
        program = self.work.run("service.py", str(port),
                                env=env | {"LARKMOOR_AT_ONCE": str(at_once)})  # fmt: skip
        self.programs.append(program)
        return program, port

    def serve(self, version: str = "a", at_once: int = 8) -> tuple[Any, int]:
        """Start a service and wait until it says that it is ready."""
        program, port = self.start(version, at_once)
        assert self.becomes_ready(program, port), "the service never said that it is ready"
        fields = parcels(self.truth.seed, 1, "first")[0] | {"load_pct": 1}
        until = time.monotonic() + PATIENCE / 4
        while self.score(port, fields).status == 503 and time.monotonic() < until:
            time.sleep(0.02)  # whether it was ready when it said so is another check's business
        return program, port

    def becomes_ready(self, program: Any, port: int) -> int:
        """Ask for readiness until there is some, or the program has ended.

        Return how often it was asked; 0 when it never was ready.
        """
        until, asked = time.monotonic() + PATIENCE / 2, 0
        while program.poll() is None and time.monotonic() < until:
            asked += 1
            if self.ask(port, "GET", "/ready").status == 200:
                return asked
            time.sleep(0.02)
        return 0

    def unready(self, port: int) -> bool:
        """Return whether a replica says no, or does not listen yet, without keeping one waiting."""
        until = time.monotonic() + PATIENCE / 4
        return self.ask(port, "GET", "/ready").status in (0, 503) and time.monotonic() < until

    def gets_ready(self) -> int:
        """Start a replica whose model is there, beside others; return as `becomes_ready` does."""
        program, port = self.start()
        asked = self.becomes_ready(program, port)
        program.kill()
        return asked

    def wants_the_model(self) -> bool:
        """Wait until somebody asks the store for a model; return whether anybody does."""
        return self.way.asked.wait(PATIENCE / 4)

    def connection(self, port: int) -> HTTPConnection:
        """Return a connection to a service. Raises OSError."""
        line = HTTPConnection("127.0.0.1", port)
        line.sock = self.work.connect(port)
        line.sock.settimeout(PATIENCE / 3)
        return line

    def ask(self, port: int, method: str, path: str, body: bytes = b"",
            headers: dict[str, str] = JSON) -> Heard:  # fmt: skip
        """Ask one thing on a connection of its own; status 0 when no reply came."""
        try:
            with closing(self.connection(port)) as line:
                line.request(method, path, body or None, headers)
                return heard(line)
        except (OSError, HTTPException):
            return Heard(0)

    def score(self, port: int, fields: Any) -> Heard:
        """Ask for one parcel."""
        return self.ask(port, "POST", "/v1/score", json.dumps(fields).encode())

    def send(self, port: int, fields: Any) -> HTTPConnection:
        """Ask for one parcel and leave without the reply; `heard` fetches it."""
        line = self.connection(port)
        line.request("POST", "/v1/score", json.dumps(fields).encode(), JSON)
        return line

    def file(self, fields: dict[str, Any]) -> bytes:
        """Return one parcel as a file of the old client."""
        texts = [in_danish(name, fields[name]) for name in OLD]
        lines = (";".join(OLD.values()), ";".join(texts), "")
        return "\r\n".join(lines).encode("iso-8859-1")

    def send_file(self, port: int, fields: dict[str, Any]) -> HTTPConnection:
        """Ask for one parcel as the old client does, and leave without the reply."""
        line = self.connection(port)
        line.request("POST", "/score.csv", self.file(fields), TEXT)
        return line

    def half(self, port: int, fields: Any) -> tuple[HTTPConnection, bytes]:
        """Begin a question; return its connection and the rest of its body."""
        body = json.dumps(fields).encode()
        line = self.connection(port)
        line.putrequest("POST", "/v1/score")
        line.putheader("content-type", "application/json")
        line.putheader("content-length", str(len(body)))
        line.endheaders(body[:20])
        return line, body[20:]

    def right(self, answer: Heard, fields: Any) -> bool:
        """Return whether a reply is the answer of one of the two models, bit for bit."""
        wanted = map(plain, self.truth.either(fields))
        return answer.status == 200 and plain(answer.json()) in wanted

    def leaves(self, program: Any) -> bool:
        """Wait for a program's own end; return whether it ended well."""
        with suppress(LearnerError):
            return program.wait(PATIENCE / 2) == 0
        return False

    def heard(self, line: HTTPConnection) -> Heard:
        """Return the reply to a question that was sent before."""
        return heard(line)

    def moment(self, port: int) -> None:
        """Leave a service the turns to see clients go, should it look, and others come."""
        for _ in range(20):
            self.ask(port, "GET", "/health")
            time.sleep(0.02)

    def settles(self, port: int) -> bool:
        """Wait until nobody asks the board any more and a place is free."""
        until = time.monotonic() + PATIENCE / 2
        fields = parcels(self.truth.seed, 1, "again")[0] | {"load_pct": 1}
        while time.monotonic() < until:
            if self.score(port, fields).status == 200 and not self.board.waiting:
                return True
            time.sleep(0.02)
        return False

    bent = (
        {"weight_kg": 0.05}, {"weight_kg": 30.5}, {"weight_kg": "2.5"}, {"distance_km": 0},
        {"distance_km": 121}, {"depot": "ab"}, {"depot": "ABCDE"}, {"service": "Express"},
        {"housing": "tent"}, {"day": "2026-02-30"}, {"day": "20261120"}, {"hour": 24},
        {"hour": -1}, {"hour": "7"}, {"load_pct": 401}, {"load_pct": "80"}, {"parcel": 0},
        {"parcel": True}, {"late": False},
    )  # fmt: skip

    def exchange(self, port: int, body: bytes) -> dict[str, Any]:
        """Ask for one parcel; return the exchange as probe.py wants it."""
        answer = self.ask(port, "POST", "/v1/score", body)
        return {
            "body": body.decode(errors="replace"), "status": answer.status or 599,
            "type": answer.header("content-type"),
            "reply": answer.body.decode(errors="replace")[:10_000],
        }

    def troubles(self, port: int, fields: dict[str, Any]) -> list[dict[str, Any]]:
        """Return exchanges with a service that has no place left, no board, and no model yet."""
        slow, fields = fields | {"load_pct": None}, fields | {"load_pct": 50}
        self.board.silent = 1
        found = [self.exchange(port, json.dumps(slow).encode())]
        self.board.open.clear()
        with closing(self.send(port, slow)) as line:
            self.board.holds(1)
            found.append(self.exchange(port, json.dumps(fields).encode()))
            self.board.open.set()
            heard(line)
        self.way.withhold("a")
        program, dark = self.start()
        self.way.asked.wait(PATIENCE / 4)
        answer = self.exchange(dark, json.dumps(fields).encode())
        self.way.open.set()
        program.kill()
        return found + ([answer] if answer["status"] != 599 else [])

    # -- the queue and the table

    def open_queue(self) -> None:
        """Make the queues and the table, and tell the worker where they are."""
        self.dead = self.sqs.create_queue(QueueName=DEAD)["QueueUrl"]
        arn = f"arn:aws:sqs:{self.cloud.region}:{self.cloud.account}:{DEAD}"
        self.redrive = {"deadLetterTargetArn": arn, "maxReceiveCount": str(RECEIPTS)}
        attributes = {"VisibilityTimeout": str(HIDDEN), "RedrivePolicy": json.dumps(self.redrive)}
        made = self.sqs.create_queue(QueueName=QUEUE, Attributes=attributes)
        self.queue = made["QueueUrl"]
        self.table.create_table(
            TableName=TABLE, BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        )  # fmt: skip
        path = urlsplit(self.queue).path
        self.work.env |= {
            "LARKMOOR_QUEUE": self.work.env["AWS_ENDPOINT_URL"] + path, "LARKMOOR_TABLE": TABLE,
        }  # fmt: skip

    def post(self, bodies: list[str]) -> None:
        """Send messages."""
        for start in range(0, len(bodies), 10):
            some = bodies[start : start + 10]
            entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(some)]
            self.sqs.send_message_batch(QueueUrl=self.queue, Entries=entries)

    def drain(self, rounds: int, but: int = 0) -> bool:
        """Run the worker until no more than so many messages are left; return whether that was."""
        for _ in range(rounds):
            if self.left() <= but:
                return True
            self.live("worker.py", "--drain")
            self.cloud.advance(HIDDEN + 1)
        return self.left() <= but

    def lose_patience(self) -> None:
        """Let the queue put aside what has come back before."""
        policy = json.dumps(self.redrive | {"maxReceiveCount": "1"})
        self.sqs.set_queue_attributes(QueueUrl=self.queue, Attributes={"RedrivePolicy": policy})

    def left(self) -> int:
        """Return how many messages are in the queue, visible or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=names)
        return sum(map(int, found["Attributes"].values()))

    def put_aside(self) -> list[str]:
        """Return what lies in the dead-letter queue."""
        found: list[str] = []
        while messages := self.sqs.receive_message(
            QueueUrl=self.dead, MaxNumberOfMessages=10
        ).get("Messages"):
            found += [message["Body"] for message in messages]
        return sorted(found)

    def items(self) -> dict[str, dict[str, Any]]:
        """Return the table by key."""
        pages = self.table.get_paginator("scan").paginate(TableName=TABLE)
        return {item["pk"]["S"]: item for page in pages for item in page["Items"]}

    def answers(self) -> dict[str, Any]:
        """Return the answers in the table by order."""
        found = {}
        for key, item in self.items().items():
            if key.startswith("order#"):
                with suppress(ValueError):
                    found[key.removeprefix("order#")] = json.loads(
                        item.get("answers", {}).get("S", "")
                    )
        return found

    def tallies(self) -> dict[str, int]:
        """Return the places that each depot has to keep; a depot with none may be absent."""
        found = {}
        for key, item in self.items().items():
            if key.startswith("depot#"):
                number = item.get("places", {}).get("N", "0")
                found[key.removeprefix("depot#")] = int(number) if number.isdecimal() else -1
        return {depot: number for depot, number in found.items() if number}

    def due(self, some: list[dict[str, Any]]) -> dict[str, int]:
        """Return the places that each depot has to keep for some orders."""
        return due(some, self.truth)

    def same(self, found: Any, wanted: Any) -> bool:
        """Return whether both are the same as JSON: 1 is not true, and 74.0 is not 74."""
        return plain(found) == plain(wanted)

    # -- the batch

    def read(self, key: str) -> bytes:
        """Return an object of the batch."""
        return bytes(self.s3.get_object(Bucket=BATCHES, Key=key)["Body"].read())

    def keys(self, prefix: str) -> list[str]:
        """Return the objects below a prefix."""
        found = self.s3.list_objects_v2(Bucket=BATCHES, Prefix=prefix).get("Contents", [])
        return [item["Key"].removeprefix(prefix) for item in found]

    def stored(self, folder: str) -> int:
        """Return how many parts have their answers."""
        return sum(name.endswith(".jsonl") for name in self.keys(f"{folder}out/"))

    def part(self, rows: list[dict[str, Any]]) -> str:
        """Return rows as a part of the batch."""
        return part(rows)

    def line(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return what the batch has to say of a row."""
        try:
            return self.truth.answer(row)
        except core().Refused as error:
            return {"refused": error.field}

    def kill(self, kind: str, nth: int, applied: bool) -> Kill:
        """Return the end of a program."""
        return Kill(kind, nth, applied)

    def rows(self, key: str) -> list[Any]:
        """Return the lines of an object; [] when they are no JSON."""
        try:
            return [json.loads(line) for line in self.read(key).splitlines()]
        except ValueError:
            return []


def plain(value: Any) -> str:
    """Return data as the one text that says it."""
    return json.dumps(value, sort_keys=True)


def heard(line: HTTPConnection) -> Heard:
    """Return the reply on a connection; status 0 when none came."""
    try:
        reply = line.getresponse()
        return Heard(reply.status, reply.read(1 << 22), tuple(reply.getheaders()))
    except (OSError, HTTPException):
        return Heard(0)


@fixture
def street(work: Any, seed: int, graded: bool) -> Iterator[Street]:
    """Return the street, with a private cloud.

    When a check fails on the learner's own data, it is told what happened to the programs.
    """
    with ExitStack() as stack:
        inner: socket.socket = stack.enter_context(loopback())
        cloud = stack.enter_context(private_cloud(inner))
        way, board = Way(forwarder(*inner.getsockname())), Board(seed)
        work.env |= cloud.env(cloud.identity("street", [allow(MAY)]))
        work.env["LARKMOOR_MODEL"] = f"s3://{MODELS}/a.json"

        def ask(request: Request) -> Reply | None:
            return None if way.ends("board", applied=False) else board.respond(request)

        for name, respond in (("AWS_ENDPOINT_URL", way.pass_on), ("LARKMOOR_BOARD", ask)):
            listener = work.listen(0)
            work.env[name] = f"http://127.0.0.1:{listener.getsockname()[1]}"
            stack.enter_context(listen(listener, respond))
        made = Street(work, cloud, way, board, Truth(seed))
        try:
            yield made
        finally:
            made.close()
        if not graded and ("pytest" in sys.modules or sys.exc_info()[1] is not None):
            made.show()


# ---------------------------------------------------------------- what is sent


@fixture
def forty(seed: int) -> list[dict[str, Any]]:
    """Forty parcels."""
    return parcels(seed, 40, "forty")


@fixture
def traffic(seed: int) -> list[dict[str, Any]]:
    """Parcels for the balancer to send, each telling its load."""
    return [one | {"load_pct": one["load_pct"] or 50} for one in parcels(seed, 500, "traffic")]


def orders(seed: int, number: int, size: int = 20, name: str = "orders") -> list[dict[str, Any]]:
    """Return cages of parcels of one depot each."""
    rng, all_codes = larkmoor.stream(seed, name), codes(seed)
    some = parcels(seed, number * size, name)
    found = []
    for place in range(number):
        depot = all_codes[int(rng.integers(0, 12))]
        cage = [one | {"depot": depot} for one in some[place * size : (place + 1) * size]]
        found.append({"order": f"O-{int(rng.integers(10**8))}-{place}", "parcels": cage})
    return found


@dataclass
class Shift:
    """The messages of one shift: orders, some of them sent twice, and some that are none."""

    orders: list[dict[str, Any]]
    poison: list[str]
    bodies: list[str]


def due(some: list[dict[str, Any]], truth: Truth) -> dict[str, int]:
    """Return the places that each depot has to keep for some orders."""
    found: dict[str, int] = {}
    for order in some:
        depot = order["parcels"][0]["depot"]
        moved = sum(truth.answer(fields)["move"] for fields in order["parcels"])
        found[depot] = found.get(depot, 0) + moved
    return {depot: number for depot, number in found.items() if number}


def shift(seed: int, number: int) -> Shift:
    """Return a shift."""
    rng, made = larkmoor.stream(seed, "shift"), orders(seed, number)
    bad = made[int(rng.integers(number))]["parcels"]
    poison = [
        "{", "[]", json.dumps({"order": "O-x"}), json.dumps({"order": "O-y", "parcels": 7}),
        json.dumps({"order": "O-z", "parcels": [*bad[:5], bad[5] | {"weight_kg": -1.0}, *bad[6:]]}),
    ]  # fmt: skip
    twice = rng.permutation(number)[: number // 5].tolist()
    bodies = [json.dumps(one) for one in made] + [json.dumps(made[place]) for place in twice]
    mixed = [(bodies + poison)[place] for place in rng.permutation(len(bodies) + 5).tolist()]
    return Shift(made, poison, mixed)


@dataclass
class Evening(Shift):
    """A shift in ten waves, before each of which a worker is told when to die."""

    waves: list[tuple[list[str], Kill]]
    rush: list[dict[str, Any]]  # orders of one depot, each with places to keep


@fixture
def evening(seed: int) -> Evening:
    """The evening's shift."""
    one, rng, truth = shift(seed, 200), larkmoor.stream(seed, "evening"), Truth(seed)
    good = [body for body in one.bodies if body not in one.poison]
    waves = [good[number::10] + one.poison[number::10] for number in range(10)]
    deaths = [DEATHS[place] for place in rng.permutation(10).tolist()]
    depot = {"depot": codes(seed)[0]}
    rush = [
        order | {"parcels": [fields | depot for fields in order["parcels"]]}
        for order in orders(seed, 30, name="rush")
    ]
    rush = [order for order in rush if due([order], truth)][:4]
    made = [*one.orders, *rush]
    return Evening(made, one.poison, one.bodies, list(zip(waves, deaths, strict=True)), rush)


@given("orders.jsonl")
@fixture
def some_orders(seed: int) -> str:
    """Thirty messages as they come, one a line."""
    return "".join(f"{body}\n" for body in shift(seed, 20).bodies)


COLUMNS = ("parcel", "depot", "service", "housing", "weight_kg", "distance_km", "day", "hour",
           "load_pct")  # fmt: skip


def part(rows: list[dict[str, Any]]) -> str:
    """Return rows as a part of the batch."""
    lines = [",".join("" if row[name] is None else str(row[name]) for name in COLUMNS)
             for row in rows]  # fmt: skip
    return "\n".join([",".join(COLUMNS), *lines, ""])


@fixture
def month(seed: int) -> dict[str, list[dict[str, Any]]]:
    """The parts of one batch by name; a few rows of each are no parcels."""
    rng, some = larkmoor.stream(seed, "month"), parcels(seed, 900, "month")
    found = {}
    for number in range(6):
        rows = some[number * 150 : (number + 1) * 150]
        for place, (name, value) in zip(rng.permutation(150)[:4].tolist(), (
            ("weight_kg", "31"), ("hour", ""), ("depot", "oxley"), ("distance_km", "far"),
        ), strict=True):  # fmt: skip
            rows[place] = rows[place] | {name: value}
        found[f"part-{number:03d}-{int(rng.integers(10**6))}"] = rows
    return found


@given("in/part-000.csv")
@fixture
def some_part(seed: int) -> str:
    """A part of a batch."""
    return part(parcels(seed, 100, "desk-part"))


# ---------------------------------------------------------------- workloads and prices

HOURS, DAYS = 730, 365 / 12
FULL = 4 * 0.6  # requests that a machine answers at once, on the average
FORMS = ("service", "worker", "batch", "function")


def list_prices() -> dict[str, float]:
    """Return the list prices that the forms are made of, from the course's dated sheets."""
    found = sheets.load()

    def price(service: str, item: str) -> float:
        return float(found[service].item[item].price[sheets.HOME])

    return {
        "machine_hour": price("sagemaker", "ml.c5.xlarge"),
        "lambda_million": price("lambda", "requests"),
        "lambda_gb_second": price("lambda", "duration"),
        "sqs_million": price("sqs", "standard"),
        "s3_put_thousand": price("s3", "tier-1"),
        "s3_get_thousand": price("s3", "tier-2"),
    }


@given("prices.json")
@fixture
def prices() -> dict[str, float]:
    """Today's list prices, us-east-1."""
    return list_prices()


@fixture
def other_prices(seed: int) -> dict[str, float]:
    """List prices of another year; machines never so dear that a worker cannot pay."""
    rng = larkmoor.stream(seed, "prices")
    bounds = {"machine_hour": (80, 111), "lambda_gb_second": (95, 126)}

    def factor(name: str) -> float:
        return float(rng.integers(*bounds.get(name, (80, 126)))) / 100

    return {name: round(price * factor(name), 12) for name, price in list_prices().items()}


def monthly(load: dict[str, Any], prices: dict[str, float]) -> dict[str, float | None]:
    """Return what each form costs, None where it is too slow."""
    ms, volume, wait = load["ms"], load["per_month"], load["answer_within_s"]
    seconds, hour = ms / 1000, prices["machine_hour"]
    busy = volume * seconds / 3600 / FULL
    count = max(2, -(-load["peak_per_second"] * seconds // FULL))
    call = call_price(load, prices)
    files = volume / 1e6 * (prices["s3_put_thousand"] + prices["s3_get_thousand"])
    bursts = load["bursts_per_day"] * DAYS * 8 / 60
    found = {
        "service": (count * HOURS * hour, seconds),
        "worker": ((busy + bursts) * hour + 3 * volume / 1e6 * prices["sqs_million"], 600),
        "batch": ((busy + DAYS * 4 / 60) * hour + files, 86_400),
        "function": (volume * call, load["cold_s"] + seconds),
    }
    return {form: cost if least <= wait else None for form, (cost, least) in found.items()}


def call_price(load: dict[str, Any], prices: dict[str, float]) -> float:
    """Return the price of one call of the function."""
    used = -(-load["ms"] // 1) / 1000 * load["memory_mb"] / 1024
    return prices["lambda_million"] / 1e6 + used * prices["lambda_gb_second"]


def fullness(load: dict[str, Any], prices: dict[str, float]) -> float:
    """Return what a machine that is as full as its peak allows costs, in terms of its calls."""
    rate = load["peak_per_second"] / load["per_month"] * load["ms"] / 1000 / FULL
    return HOURS * prices["machine_hour"] * rate / call_price(load, prices)


def crossing(load: dict[str, Any], prices: dict[str, float]) -> float | None:
    """Return the smallest volume at which the service costs no more than the function.

    With n machines that is n * machine / call, if they can carry it: for each n alike, or for none.
    """
    if fullness(load, prices) > 1:
        return None
    return 2 * HOURS * prices["machine_hour"] / call_price(load, prices)


def workload(rng: np.random.Generator, form: str) -> dict[str, Any]:
    """Draw a workload for which one would think of a form."""
    busy = form == "service"
    volume = int(10 ** (int(rng.integers(740, 920) if busy else rng.integers(480, 790)) / 100))
    waits = {"service": ((0.2, 1), (4, 30)), "worker": ((1800, 7200),),
             "batch": ((90_000, 200_000),), "function": ((4, 30), (700, 900))}[form]  # fmt: skip
    wait = waits[int(rng.integers(len(waits)))]
    mean = volume / (DAYS * 86_400)
    steep = int(rng.integers(12, 25 if busy else 400)) / 10
    return {
        "per_month": volume,
        "peak_per_second": round(max(0.5, mean * steep), 2),
        "bursts_per_day": int(rng.choice([1, 2, 4, 12, 48, 180])),
        "answer_within_s": round(wait[0] + (wait[1] - wait[0]) * int(rng.integers(100)) / 100, 1),
        "ms": round(float(rng.integers(40, 1800)) / 10, 1),
        "memory_mb": int(rng.choice([2048, 3072] if busy else [256, 512, 1024, 2048, 3072])),
        "cold_s": round(float(rng.integers(8, 40)) / 10, 1),
    }


def clear(load: dict[str, Any], prices: dict[str, float], form: str) -> bool:
    """Return whether one form is the cheapest by far, and where two cross is beyond doubt."""
    found = sorted((cost, name) for name, cost in monthly(load, prices).items() if cost)
    steady = abs(fullness(load, prices) - 1) > 0.1
    peak = load["peak_per_second"] * load["ms"] / 1000 / FULL
    near = abs(peak - round(peak)) < 0.02
    wins = found[0][1] == form and found[0][0] > 3
    return wins and (len(found) < 2 or found[1][0] > 1.25 * found[0][0]) and steady and not near


def workloads(seed: int, name: str, each: int, prices: dict[str, float]) -> list[dict[str, Any]]:
    """Return workloads, so many for each form, in any order."""
    rng = larkmoor.stream(seed, "workloads", name)
    found: list[dict[str, Any]] = []
    for number, form in enumerate(FORMS, start=1):
        while len(found) < number * each:
            one = workload(rng, form)
            if clear(one, prices, form):
                found.append(one)
    return [found[place] for place in rng.permutation(len(found)).tolist()]


@given("workloads.json")
@fixture
def four_workloads(seed: int, prices: dict[str, float]) -> dict[str, Any]:
    """Four of Larkmoor's workloads, by name."""
    names = ("pharmacy desk", "night sorting", "returns portal", "customs papers")
    return dict(zip(names, workloads(seed, "desk", 1, prices), strict=True))


@fixture
def more_workloads(seed: int, other_prices: dict[str, float]) -> list[dict[str, Any]]:
    """Sixteen workloads of other companies."""
    return workloads(seed, "judge", 4, other_prices)


@dataclass
class Quote:
    """What a workload costs, in the judge's reckoning."""

    monthly: dict[str, float | None]
    form: str
    cross: float | None


@fixture
def judge_of_forms() -> Any:
    """The judge's own reckoning."""

    def quote(load: dict[str, Any], prices: dict[str, float]) -> Quote:
        found = monthly(load, prices)
        best = min((cost, form) for form, cost in found.items() if cost is not None)
        return Quote(found, best[1], crossing(load, prices))

    return quote
