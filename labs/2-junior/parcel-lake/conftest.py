"""Larkmoor's scans of one seed: what the handhelds sent, what really happened, and the nights in
which somebody's job makes a lake of it, one of them ended in the middle.

Everything a check believes is seen from outside the learner's programs: the objects that a night
leaves, what Athena reads in them and what that costs, Spark's event log, and what a program of the
shuffle prints. A submission is played once: two worlds in two Spark sessions, whatever number of
checks looks at them.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import signal
import tarfile
import time
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Any

import larkmoor
import numpy as np
import pandas as pd

from autograder import LearnerError, fixture, given
from infra.cloud.fixtures import allow, private_cloud

PARCELS = 4_200
FIRST, DAYS = date(2026, 1, 1), 90
LAST = FIRST + timedelta(days=DAYS - 1)
FOUND = ("2026-04-07", "2026-04-09")  # days on which handhelds turn up behind seats
UNREAD = ("sorted", "held", "loaded")  # on a belt a label can lie face down
UNCOMPILED = 3  # how build.py ends when it does not compile
FEW, LITTLE = 3_000, 100_000  # records, and bytes of a shuffle, that may lie in one task
PATIENCE = 300  # seconds without an end after which a night is given up
ORDERS = {  # what a learner is told about an order that did not end well
    "calm": "ingest, in a quiet night", "first": "ingest, again after a death",
    "late": "ingest, with a late file", "again": "ingest, with a second late file",
    "board": "board",
}  # fmt: skip
KINDS = {
    "scan": "string", "parcel": "bigint", "depot": "string", "event": "string", "at": "timestamp",
    "battery": "int", "photo": "string", "day": "date",
}  # fmt: skip
WIDTHS = {"scan": 11, "parcel": 8, "depot": 2, "event": 2, "at": 8, "battery": 2, "photo": 40}
PAGE = 120  # bytes of a column chunk that are there whatever the chunk holds


# ---------------------------------------------------------------- what was scanned, and what came


Board = list[tuple[str, str, int, int, int | None]]


@dataclass
class World:
    """The scans of one seed: the truth, the files that came, and the two that came late.

    The truth's column `late` is 0 for what came in ninety days, or the number of a late file.
    """

    seed: int
    truth: pd.DataFrame
    raw: dict[str, str]
    late: list[str]

    def until(self, number: int) -> pd.DataFrame:
        """The truth up to a late file."""
        return self.truth[self.truth["late"] <= number]

    @cached_property
    def before(self) -> pd.DataFrame:
        """The truth before the late files."""
        return self.until(0)

    def touched(self, number: int) -> set[str]:
        """The days of which a late file holds scans."""
        return set(self.truth.loc[self.truth["late"] == number, "day"])

    @cached_property
    def lost(self) -> str:
        """A day that was there before, and of which only the second late file holds scans."""
        return max((self.touched(2) - self.touched(1)) & set(self.before["day"]))


def scanned(seed: int) -> pd.DataFrame:
    """Return every scan of a seed, with `late` for those of the handhelds behind seats.

    The second handheld has some of what is missing of two of the first one's days and of the new
    days, and all that is missing of a day of its own.
    """
    rng = larkmoor.stream(seed, "parcel-lake")
    seen = larkmoor.scans(larkmoor.parcels(seed, PARCELS, "2026-01", 3), seed)
    n = len(seen)
    seconds = seen["at"].to_numpy().astype("datetime64[s]") + rng.integers(0, 60, n)
    seen = seen.assign(at=seconds.astype("datetime64[ns]"))
    seen = seen.drop_duplicates(["parcel", "at"]).sort_values(["at", "parcel"], ignore_index=True)
    n = len(seen)
    number = seen["depot"].map({name: i for i, name in enumerate(larkmoor.DEPOTS)}) * 4
    handheld = number.to_numpy() + rng.integers(0, 4, n)
    serial = pd.Series(handheld).groupby(handheld).cumcount().to_numpy() + int(rng.integers(9000))
    unread = seen["event"].isin(UNREAD).to_numpy() & (rng.integers(0, 100, n) < 65)
    photos = rng.integers(0, 256, (n, 20), np.uint8)
    day = seen["at"].dt.strftime("%Y-%m-%d").to_numpy()
    own = np.unique(day[day <= LAST.isoformat()])
    chosen = own[rng.permutation(np.arange(15, len(own) - 5))[:6]].tolist()
    new = day > LAST.isoformat()
    late = np.where(new | (np.isin(day, chosen) & (rng.integers(0, 8, n) == 0)), 1, 0)
    shared = (new | np.isin(day, chosen[:2])) & (rng.integers(0, 3, n) == 0)
    second = late & (shared | (day == chosen[5]))
    return seen.assign(
        scan=[f"H{h:03d}-{s:06d}" for h, s in zip(handheld, serial, strict=True)],
        parcel=seen["parcel"].astype("Int64").mask(unread),
        battery=rng.integers(5, 101, n), photo=[bytes(row).hex() for row in photos],
        day=day, late=late + second,
    )  # fmt: skip


def line(row: Any, sent: str) -> str:
    """Return a scan as a handheld sends it."""
    return json.dumps({
        "scan": row.scan, "parcel": None if pd.isna(row.parcel) else int(row.parcel),
        "depot": row.depot, "event": row.event, "at": f"{row.at:%Y-%m-%dT%H:%M:%SZ}",
        "battery": row.battery, "photo": row.photo, "sent": sent,
    })  # fmt: skip


def made(seed: int) -> World:
    """Return the world of a seed.

    Of its scans 7 in 100 come days later, 4 come twice, and of 1 in 100 the line is cut, half of
    those for good.
    """
    seen, rng = scanned(seed), larkmoor.stream(seed, "parcel-lake", "files")
    n = len(seen)
    fate = rng.integers(0, 200, n).tolist()
    delay = np.where(rng.integers(0, 100, n) < 7, rng.integers(1, 4, n), 0).tolist()
    hour, cut = rng.integers(18, 24, n).tolist(), rng.integers(20, 120, n).tolist()
    names = [(FIRST + timedelta(days=i)).isoformat() for i in range(DAYS)]
    files: dict[str, list[str]] = {name: [] for name in names}
    gone = []
    for i, row in enumerate(seen.itertuples()):
        if row.late:
            continue
        come = min(date.fromisoformat(row.day) + timedelta(days=delay[i]), LAST)
        again = min(come + timedelta(days=fate[i] % 2), LAST)
        text = line(row, f"{come}T{hour[i]}:0{i % 10}:00Z")
        twice = line(row, f"{again}T23:5{i % 10}:00Z")
        if fate[i] < 8:
            files[come.isoformat()].append(text)
            files[again.isoformat()].append(twice)
        elif fate[i] == 8:
            files[come.isoformat()].append(text[: cut[i]])
            files[again.isoformat()].append(twice)
        elif fate[i] == 9:
            files[come.isoformat()].append(text[: cut[i]])
            gone.append(i)
        else:
            files[come.isoformat()].append(text)
    truth = seen.drop(index=gone).reset_index(drop=True)
    raw = {f"{name}.jsonl": "".join(f"{x}\n" for x in lines) for name, lines in files.items()}
    return World(seed, truth, raw, [late_file(truth, number, rng) for number in (1, 2)])


def late_file(truth: pd.DataFrame, number: int, rng: np.random.Generator) -> str:
    """Return a late file: scans that nobody has, and some of the same days that everybody has."""
    own = truth[truth["late"] == number]
    known = truth[(truth["late"] == 0) & truth["day"].isin(set(own["day"]))]
    again = known.iloc[rng.permutation(len(known))[:15]]
    rows = pd.concat([own, again]).sample(frac=1, random_state=int(rng.integers(1 << 31)))
    sent = f"{FOUND[number - 1]}T09:00:00Z"
    return "".join(f"{line(row, sent)}\n" for row in rows.itertuples())


def legs_of(truth: pd.DataFrame) -> pd.DataFrame:
    """Return the truth with the seconds since the earlier scan of the same parcel."""
    rows = truth.sort_values("at", kind="stable")
    known = rows[rows["parcel"].notna()]
    seconds = known.groupby("parcel")["at"].diff().dt.total_seconds()
    return rows.assign(seconds=seconds.reindex(rows.index))


def board_of(truth: pd.DataFrame) -> Board:
    """Return the board: depot, event, scans, legs, mean."""
    rows = legs_of(truth)
    found = rows.groupby(["depot", "event"])["seconds"].agg(["size", "count", "sum"])
    return sorted(
        (depot, event, int(row["size"]), int(row["count"]),
         int(row["sum"]) // int(row["count"]) if row["count"] else None)
        for (depot, event), row in found.iterrows()
    )


@given("raw/")
@fixture
def raw_files(seed: int) -> dict[str, str]:
    """Ninety days of files."""
    return made(seed).raw


@given("late/")
@fixture
def late_files(seed: int) -> dict[str, str]:
    """The files of the handhelds that were found."""
    return {f"{day}.jsonl": text for day, text in zip(FOUND, made(seed).late, strict=True)}


# ---------------------------------------------------------------- the nights


@dataclass
class Left:
    """What the nights left: lakes as objects by key, how orders ended, what Spark counted.

    calm: filled once; first: filled after a death, or a second time; late: calm with a late file
    folded in; again: with a second late file, after a day of it was lost.
    """

    calm: dict[str, bytes] = field(default_factory=dict)
    first: dict[str, bytes] = field(default_factory=dict)
    late: dict[str, bytes] = field(default_factory=dict)
    again: dict[str, bytes] = field(default_factory=dict)
    board: bytes = b""
    ends: dict[str, LearnerError] = field(default_factory=dict)
    counts: dict[str, Counts] = field(default_factory=dict)

    def need(self, *names: str) -> None:
        """Raise what an order ended with, if it did not end well."""
        for name in names:
            if name in self.ends:
                raise self.ends[name]


@dataclass
class Counts:
    """What Spark counted of one order."""

    driver: int = 0  # bytes that its tasks sent to the driver
    stages: list[Stage] = field(default_factory=list)

    @property
    def read(self) -> int:
        """Records that its tasks read from files."""
        return sum(sum(one.files) for one in self.stages)

    @property
    def from_files(self) -> float:
        """The largest share that one task read of the records that its stage read from files."""
        return max((share(one.files, FEW) for one in self.stages), default=0.0)

    @property
    def shuffled(self) -> float:
        """The largest share that one task read of what its stage shuffled; 0: nothing to speak of.

        Of records; of bytes where Spark cannot count records, as in batches of Python objects.
        """
        shares = (share(one.records, FEW) or share(one.bytes, LITTLE) for one in self.stages)
        return max(shares, default=0.0)


@dataclass
class Stage:
    """What each task of a stage read: records of files, then records and bytes of a shuffle."""

    files: list[int] = field(default_factory=list)
    records: list[int] = field(default_factory=list)
    bytes: list[int] = field(default_factory=list)


def share(parts: list[int], least: int) -> float:
    """Return the largest part's share; 0 where all together are fewer than `least`."""
    return max(parts) / sum(parts) if parts and sum(parts) >= least else 0.0


Order = dict[str, Any]


def last_line(text: str) -> str:
    """Return what a program that failed said last: of a traceback, the error."""
    lines = text.strip().splitlines() or ["it said nothing"]
    return lines[-1][-200:]


class Nights:
    """Worlds in two sessions of Spark: the first one dies over the first world."""

    def __init__(self, work: Any, worlds: list[World]) -> None:
        self.work, self.worlds = work, worlds
        self.left = [Left() for _ in worlds]
        self.names: dict[tuple[int, int], tuple[int, str]] = {}

    def play(self) -> None:
        """Play both nights and gather what they leave."""
        for n, world in enumerate(self.worlds):
            for name, text in world.raw.items():
                self.work.write(f"w{n}/raw/{name}", text.encode())
        todo = [self.first(0, "calm", "calm"), self.copy(0, "calm", "calm")]
        for n in range(1, len(self.worlds)):
            todo += [self.first(n, "calm"), self.copy(n, "calm"), self.first(n)]
        self.night(0, [*todo, self.first(0)], kill="w0/lake")
        for n, world in enumerate(self.worlds):
            self.left[n].calm = self.untar(f"w{n}/calm.tar")
            for key, body in self.left[n].calm.items():  # what late files are folded into
                self.work.write(f"w{n}/old/{key}", body)
            for day, text in zip(FOUND, world.late, strict=True):
                self.work.write(f"w{n}/late/{day}.jsonl", text.encode())
        todo = [self.first(0)]
        if len(self.worlds) == 1:  # a desk has one world for the death and for the second time
            todo.append(self.first(0))
        for n in range(len(self.worlds)):
            todo += [self.copy(n, "first"), self.board(n)]
            todo += [self.arrive(n, 0), self.late(n, 0), self.copy(n, "late", "old")]
            todo += [self.arrive(n, 1), self.lose(n), self.late(n, 1), self.copy(n, "again", "old")]
        self.night(1, todo)
        for n, left in enumerate(self.left):
            for part in ("first", "late", "again"):
                setattr(left, part, self.untar(f"w{n}/{part}.tar"))
            with suppress(LearnerError):
                names = self.work.files(f"w{n}/board/part-*")
                left.board = b"".join(self.work.read(name) for name in names)

    # -- orders; each carries the world and the name under which its end is kept

    def first(self, n: int, name: str = "first", lake: str = "lake") -> Order:
        """All that came in ninety days."""
        new = [f"w{n}/raw/{one}" for one in sorted(self.worlds[n].raw)]
        return {"do": "ingest", "raw": f"w{n}/raw", "new": new, "lake": f"w{n}/{lake}",
                "is": (n, name)}  # fmt: skip

    def late(self, n: int, which: int) -> Order:
        """A late file, which has been put beside the others."""
        return {"do": "ingest", "raw": f"w{n}/raw", "new": [f"w{n}/raw/{FOUND[which]}.jsonl"],
                "lake": f"w{n}/old", "is": (n, ("late", "again")[which])}  # fmt: skip

    def arrive(self, n: int, which: int) -> Order:
        """A handheld turns up."""
        return {"do": "arrive", "file": f"w{n}/late/{FOUND[which]}.jsonl", "raw": f"w{n}/raw",
                "is": (n, f"arrive {which}")}  # fmt: skip

    def board(self, n: int) -> Order:
        """The board of what came in ninety days, from the lake of the calm night."""
        return {"do": "board", "lake": f"w{n}/old", "out": f"w{n}/board", "is": (n, "board")}

    def copy(self, n: int, part: str, lake: str = "lake") -> Order:
        """Keep the lake aside."""
        return {"do": "copy", "lake": f"w{n}/{lake}", "to": f"w{n}/{part}.tar",
                "is": (n, f"copy {part}")}  # fmt: skip

    def lose(self, n: int) -> Order:
        """Take away a day, as a death between deleting and renaming does."""
        return {"do": "lose", "lake": f"w{n}/old", "day": self.worlds[n].lost, "is": (n, "lose")}

    # -- sessions

    def night(self, number: int, orders: list[Order], kill: str = "") -> None:
        """Run one session; with `kill`, until about half of a lake's files are written."""
        name = f"night-{number}.json"
        plain = [{k: v for k, v in one.items() if k != "is"} for one in orders]
        self.work.write(name, json.dumps(plain).encode())
        program = self.work.run("night.py", name)
        until = time.monotonic() + PATIENCE
        while program.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
            if kill and len(self.work.files(f"{kill}/**/*.parquet")) >= DAYS // 2:
                break
        if program.poll() is None:  # Spark's process belongs to the program's group
            program.box.signal(program.pid, signal.SIGKILL, group=True)
            program.kill()
        if not kill and program.poll() != 0 and not self.work.files("done/*.json"):
            text = last_line(program.output().decode(errors="replace"))
            raise LearnerError("Stopped", f"a night never began: {text}")
        self.settle(orders)

    def settle(self, orders: list[Order]) -> None:
        """Note how orders ended, and what Spark counted of them."""
        log = self.work.files("events/*")
        counted = counts(self.work.read(log[0])) if log else {}
        for number, one in enumerate(orders):
            (n, name), path = one["is"], f"done/{number}.json"
            try:
                end = json.loads(self.work.read(path, 1 << 16))
            except (LearnerError, ValueError):
                end = {"error": "Stopped", "text": "its process ended"}
            self.left[n].ends.pop(name, None)
            if end.get("error"):
                where = ORDERS.get(name, name)
                self.left[n].ends[name] = LearnerError(str(end["error"]), str(end["text"]), where)
            self.left[n].counts[name] = counted.get(number, Counts())
        for path in [*log, *self.work.files("done/*")]:
            self.work.remove(path)

    def untar(self, path: str) -> dict[str, bytes]:
        """Return the objects of a lake that S3 would show: nothing hidden, nothing empty."""
        try:
            with tarfile.open(fileobj=io.BytesIO(self.work.read(path))) as kept:
                return {
                    one.name: file.read()
                    for one in kept
                    if one.isfile() and one.size and visible(one.name)
                    if (file := kept.extractfile(one))
                }
        except (LearnerError, tarfile.TarError):
            return {}


def read_board(text: bytes) -> Board | None:
    """Return a board from its JSON lines, in order; None when it cannot be read."""
    try:
        rows = [json.loads(line) for line in text.splitlines()]
        return sorted((r["depot"], r["event"], r["scans"], r["legs"], r.get("mean")) for r in rows)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def days(key: str) -> list[str]:
    """Return the days that an object's key names."""
    return [part.removeprefix("day=") for part in key.split("/") if part.startswith("day=")]


def visible(key: str) -> bool:
    """Tell whether Hive sees an object: no part of its key begins with a dot or an underscore."""
    return not any(part.startswith((".", "_")) for part in key.split("/"))


def counts(log: bytes) -> dict[int, Counts]:
    """Return what Spark's event log says of each order.

    A job that does not say whose it is belongs to the order before it.
    """
    order_of: dict[int, int] = {}
    found: dict[int, Counts] = {}
    stages: dict[int, Stage] = {}
    number = 0
    for text in log.splitlines():
        with suppress(ValueError, KeyError, TypeError):
            event = json.loads(text)
            if event["Event"] == "SparkListenerJobStart":
                with suppress(ValueError, KeyError, TypeError):
                    number = int(event["Properties"]["larkmoor.order"])
                order_of |= dict.fromkeys(event["Stage IDs"], number)
            elif event["Event"] == "SparkListenerTaskEnd":
                one, stage = event["Task Metrics"], event["Stage ID"]
                mine = found.setdefault(order_of[stage], Counts())
                mine.driver += one["Result Size"]
                if stage not in stages:
                    mine.stages.append(stages.setdefault(stage, Stage()))
                came = one["Shuffle Read Metrics"]
                stages[stage].files.append(one["Input Metrics"]["Records Read"])
                stages[stage].records.append(came["Total Records Read"])
                stages[stage].bytes.append(came["Local Bytes Read"] + came["Remote Bytes Read"])
    return found


@dataclass
class Season:
    """One world of a submission, and what the nights left of it and of its neighbours."""

    world: World
    left: Left
    all_left: list[Left]
    first: World

    @property
    def died(self) -> Season:
        """The world whose night was ended in the middle; others were filled a second time."""
        return Season(self.first, self.all_left[0], self.all_left, self.first)

    @property
    def rewritten(self) -> bool:
        """Whether a late file changed an object of a day of which it holds no scan."""
        lakes = (self.left.calm, self.left.late, self.left.again)
        return any(
            before.get(key) != after.get(key) and not self.world.touched(number) & set(days(key))
            for number, (before, after) in enumerate(pairwise(lakes), 1)
            for key in before.keys() | after.keys()
        )

    @property
    def in_pieces(self) -> bool:
        """Whether a day lies in more than two objects, in any of the lakes."""
        return any(
            len(lake) > 2 * len(set(self.world.until(number)["day"]))
            or max(Counter(day for key in lake for day in days(key)).values(), default=0) > 2
            for lake, number in (
                (self.left.calm, 0), (self.left.first, 0),
                (self.left.late, 1), (self.left.again, 2),
            )
        )  # fmt: skip

    @property
    def board(self) -> Board | None:
        """The board as it was written; None when it cannot be read."""
        return read_board(self.left.board)

    @property
    def wanted(self) -> Board:
        """The board as it ought to be."""
        return board_of(self.world.before)

    @property
    def lines(self) -> int:
        """How many lines came in ninety days."""
        return sum(text.count("\n") for text in self.world.raw.values())


PLAYED: dict[str, tuple[list[World], list[Left] | LearnerError]] = {}
ASKED: dict[str, list[int]] = {}


def handed(papers: Any) -> bytes:
    """Return the file that the nights depend on."""
    with suppress(LearnerError):
        return bytes(papers.bytes("lake.py", 1 << 24))
    return b""


@fixture
def season(work: Any, papers: Any, seed: int, graded: bool) -> Season:
    """Return a world and what the nights left of it; both are played at the first question.

    Each check is asked on two seeds, one after the other. So that two sessions of Spark are enough
    for all checks, they look in turn at the same two worlds, which the first seed decides.
    """
    key = f"{hashlib.sha256(handed(papers)).hexdigest()} {graded}"
    seeds = ASKED.setdefault(key, [])
    if seed not in seeds:
        seeds.append(seed)
    if key not in PLAYED:
        second = [int(larkmoor.stream(seed, "parcel-lake", "second").integers(1 << 62))]
        worlds = [made(one) for one in [seed, *(second if graded else [])]]
        nights = Nights(work, worlds)
        try:
            nights.play()
            PLAYED[key] = worlds, nights.left
        except LearnerError as error:
            PLAYED[key] = worlds, error
    worlds, left = PLAYED[key]
    if isinstance(left, LearnerError):
        raise left
    n = seeds.index(seed) % len(worlds)
    return Season(worlds[n], left[n], left, worlds[0])


# ---------------------------------------------------------------- the cloud: catalog and questions


def site_of(seed: int) -> dict[str, str]:
    """Return the names of a learner's cloud."""
    word = f"{int(larkmoor.stream(seed, 'site').integers(16**6)):06x}"
    return {
        "bucket": f"larkmoor-lake-{word}", "prefix": "scans/", "database": f"larkmoor_{word}",
        "table": "scans", "workgroup": "primary", "results": f"s3://larkmoor-answers-{word}/",
    }  # fmt: skip


@given("site.json")
@fixture
def site(seed: int) -> dict[str, str]:
    """The names of the cloud."""
    return site_of(seed)


@dataclass
class Answer:
    """What Athena said: rows without their head, the bytes it scanned, and why it failed."""

    rows: list[list[str]] = field(default_factory=list)
    scanned: int = 0
    failed: str = ""


class Shelf:
    """A cloud with two buckets, into which lakes are carried, and Athena over them."""

    def __init__(self, work: Any, cloud: Any, site: dict[str, str]) -> None:
        self.work, self.cloud, self.site = work, cloud, site
        self.s3, self.athena, self.glue = (cloud.client(n) for n in ("s3", "athena", "glue"))
        self.there: dict[str, bytes] = {}
        for name in (site["bucket"], site["results"].removeprefix("s3://").rstrip("/")):
            cloud.bucket(name)

    def carry(self, objects: dict[str, bytes]) -> None:
        """Make the lake in S3 the one that is given: the given step, by the judge."""
        for key in [key for key in self.there if key not in objects]:
            self.s3.delete_object(Bucket=self.site["bucket"], Key=self.site["prefix"] + key)
        for key, body in objects.items():
            if self.there.get(key) != body:
                self.s3.put_object(
                    Bucket=self.site["bucket"], Key=self.site["prefix"] + key, Body=body
                )
        self.there = dict(objects)

    def catalogue(self) -> int:
        """Run the learner's catalog.py; return how it ended."""
        return int(self.work.run("catalog.py").wait(PATIENCE))

    def ask(self, sql: str, database: str = "") -> Answer:
        """Ask Athena."""
        number = self.athena.start_query_execution(
            QueryString=sql, ResultConfiguration={"OutputLocation": self.site["results"]},
            QueryExecutionContext={"Database": database or self.site["database"]},
        )["QueryExecutionId"]
        until = time.monotonic() + PATIENCE
        while True:
            found = self.athena.get_query_execution(QueryExecutionId=number)["QueryExecution"]
            state = found["Status"]["State"]
            if state not in ("QUEUED", "RUNNING") or time.monotonic() > until:
                break
            time.sleep(0.02)
        if state != "SUCCEEDED":
            return Answer(failed=found["Status"].get("StateChangeReason", state))
        bucket, _, key = (
            found["ResultConfiguration"]["OutputLocation"].removeprefix("s3://").partition("/")
        )
        text = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
        rows = list(csv.reader(io.StringIO(text)))[1:]
        return Answer(rows, found["Statistics"]["DataScannedInBytes"])

    def columns(self) -> dict[str, str] | None:
        """Return the columns of the learner's table with their types; None: there is no table."""
        try:
            table = self.glue.get_table(
                DatabaseName=self.site["database"], Name=self.site["table"]
            )["Table"]
        except self.glue.exceptions.EntityNotFoundException:
            return None
        every = [*table["StorageDescriptor"]["Columns"], *table.get("PartitionKeys", [])]
        return {one["Name"]: one["Type"] for one in every}

    @property
    def kinds(self) -> dict[str, str]:
        """The columns that the table ought to have."""
        return KINDS

    def count(self) -> Answer:
        """Ask the learner's table how much there is."""
        table = f"{self.site['database']}.{self.site['table']}"
        return self.ask(
            "SELECT count(*), count(DISTINCT scan), count(parcel), count(event), min(day),"
            f" max(day) FROM {table}"
        )

    def one_day(self, day: str) -> Answer:
        """Ask the learner's table about one day."""
        table = f"{self.site['database']}.{self.site['table']}"
        return self.ask(
            f"SELECT count(DISTINCT scan), count(parcel) FROM {table} WHERE day = DATE '{day}'"
        )

    def counted(self, truth: pd.DataFrame) -> list[list[str]]:
        """Return what the answer ought to be."""
        day, n = truth["day"], len(truth)
        labels = int(truth["parcel"].notna().sum())
        return [[str(n), str(n), str(labels), str(n), min(day), max(day)]]

    def holds(
        self, objects: dict[str, bytes], truth: pd.DataFrame,
        only: Sequence[str] = (), but: Sequence[str] = (),
    ) -> str:  # fmt: skip
        """Say what is wrong with a lake, in a catalog of the judge's own: "", or one word.

        only, but: days to look at, or not to look at.
        """
        if not objects:
            return "no objects"
        parts = self.parts(objects)
        if parts is None:
            return "layout"
        self.carry(objects)
        name = f"judge_{len(self.cloud.log)}"
        self.own_table("judge", name, parts)
        answer = self.ask(
            "SELECT scan, parcel, depot, event, date_diff('second', DATE '2026-01-01', at), "
            f"battery, photo, day FROM judge.{name}", "judge",
        )  # fmt: skip
        if answer.failed:
            return "unreadable"
        found, wanted = (
            sorted(row for row in rows if row[-1] not in but and (not only or row[-1] in only))
            for rows in (map(tuple, answer.rows), told(truth))
        )
        if found == wanted:
            return ""
        there, came = ({row[0] for row in rows} for rows in (found, wanted))
        if there != came:
            return "missing" if came - there else "strange"
        return "twice" if len(found) != len(wanted) else "columns"

    def parts(self, objects: dict[str, bytes]) -> list[str] | None:
        """Return the partition columns that folders name; None when they are not alike."""
        found = {tuple(p.partition("=")[0] for p in key.split("/")[:-1]) for key in objects}
        parts = list(found.pop()) if len(found) == 1 else [""]
        return parts if set(parts) <= set(KINDS) else None

    def register(self) -> None:
        """Register what was carried under the learner's names, by the judge."""
        parts = self.parts(self.there)
        assert parts is not None, "folders are not COLUMN=value of the lake's columns"
        self.own_table(self.site["database"], self.site["table"], parts)

    def own_table(self, database: str, name: str, parts: list[str]) -> None:
        """Register a lake as it lies."""
        with suppress(self.glue.exceptions.AlreadyExistsException):
            self.glue.create_database(DatabaseInput={"Name": database})
        place = f"s3://{self.site['bucket']}/{self.site['prefix']}"
        stored = {
            "Columns": [{"Name": n, "Type": t} for n, t in KINDS.items() if n not in parts],
            "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
            "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
            "SerdeInfo": {
                "SerializationLibrary":
                    "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
            },
        }  # fmt: skip
        keys = [{"Name": part, "Type": KINDS[part]} for part in parts]
        self.glue.create_table(DatabaseName=database, TableInput={
            "Name": name, "TableType": "EXTERNAL_TABLE", "PartitionKeys": keys,
            "StorageDescriptor": stored | {"Location": place},
        })  # fmt: skip
        folders = sorted({key.rpartition("/")[0] for key in self.there}) if parts else []
        for start in range(0, len(folders), 100):
            self.glue.batch_create_partition(
                DatabaseName=database, TableName=name, PartitionInputList=[
                    {"Values": [part.partition("=")[2] for part in folder.split("/")],
                     "StorageDescriptor": stored | {"Location": f"{place}{folder}/"}}
                    for folder in folders[start : start + 100]
                ],
            )  # fmt: skip


def told(truth: pd.DataFrame) -> list[tuple[str, ...]]:
    """Return the truth as Athena would write it."""
    seconds = (truth["at"] - pd.Timestamp(FIRST)).dt.total_seconds().astype(int)
    parcels = ["" if pd.isna(one) else str(one) for one in truth["parcel"]]
    columns = [truth["scan"], parcels, truth["depot"], truth["event"], seconds.astype(str),
               truth["battery"].astype(str), truth["photo"], truth["day"]]  # fmt: skip
    return sorted(zip(*columns, strict=True))


@fixture
def shelf(work: Any, season: Season, seed: int, graded: bool) -> Iterator[Shelf]:
    """Return an empty shelf; programs of the work folder reach it with the catalog's role."""
    names = site_of(seed)
    with ExitStack() as stack:
        cloud = stack.enter_context(private_cloud(work.listen(0)))
        buckets = [names["bucket"], names["results"].removeprefix("s3://").rstrip("/")]
        inside = [f"arn:aws:s3:::{name}{end}" for name in buckets for end in ("", "/*")]
        calls = [f"s3:{name}" for name in ("GetObject", "PutObject", "ListBucket")]
        may = [
            allow(["glue:*", "athena:*"]), allow([*calls, "s3:GetBucketLocation"], inside),
        ]  # fmt: skip
        work.env |= cloud.env(cloud.identity("catalog", may))
        work.write("site.json", json.dumps(names).encode())
        yield Shelf(work, cloud, names)


# ---------------------------------------------------------------- Monday


@dataclass
class Question:
    """A question of an analyst's: its text, its answer, and what its columns and days weigh."""

    who: str
    sql: str
    rows: list[list[str]]
    weight: float


def asked(who: str, sql: str, rows: Any, among: pd.DataFrame, columns: str) -> Question:
    """Return a question over these days (`among`) and columns."""
    dates = among["day"].nunique()
    weight = sum(WIDTHS[name] * len(among) + PAGE * dates for name in columns.split())
    return Question(who, sql, [[str(cell) for cell in row] for row in rows], weight)


def span(rng: np.random.Generator, length: int) -> tuple[str, str]:
    """Return the first and the last of some days in a row."""
    start = FIRST + timedelta(days=int(rng.integers(3, DAYS - length - 3)))
    return start.isoformat(), (start + timedelta(days=length - 1)).isoformat()


def monday(world: World, table: str) -> list[Question]:
    """Return six questions of three analysts' that nobody has seen."""
    rng, every = larkmoor.stream(world.seed, "monday"), world.before
    found = []
    a, b = span(rng, int(rng.integers(3, 8)))
    depot = larkmoor.DEPOTS[int(rng.integers(24))]
    among = every[every["day"].between(a, b)]
    rows = among[among["depot"] == depot].groupby("event").size()
    found.append(asked(
        "operations", f"SELECT event, count(*) FROM {table} WHERE depot = '{depot}' AND day "
        f"BETWEEN DATE '{a}' AND DATE '{b}' GROUP BY event ORDER BY event",
        sorted(rows.items()), among, "depot event",
    ))  # fmt: skip
    a, b = span(rng, 14)
    among = every[every["day"].between(a, b)]
    rows = among[among["event"] == "delivered"].groupby("day")["parcel"].nunique()
    found.append(asked(
        "operations", f"SELECT day, count(DISTINCT parcel) FROM {table} WHERE event = 'delivered' "
        f"AND day BETWEEN DATE '{a}' AND DATE '{b}' GROUP BY day ORDER BY day",
        sorted(rows.items()), among, "event parcel",
    ))  # fmt: skip
    a, b = span(rng, 6)
    among = every[every["day"].between(a, b)]
    own = among[among["parcel"].notna()]
    parcel = int(own["parcel"].iloc[int(rng.integers(len(own)))])
    rows = own[own["parcel"] == parcel].sort_values("at")[["scan", "photo"]].to_numpy().tolist()
    found.append(asked(
        "claims", f"SELECT scan, photo FROM {table} WHERE parcel = {parcel} AND day BETWEEN "
        f"DATE '{a}' AND DATE '{b}' ORDER BY at", rows, among, "scan photo parcel at",
    ))  # fmt: skip
    a, _ = span(rng, 1)
    among = every[every["day"] == a]
    own = among[(among["event"] == "loaded") & (among["battery"] < 30)].sort_values("scan")
    found.append(asked(
        "claims", f"SELECT scan, photo FROM {table} WHERE day = DATE '{a}' AND event = 'loaded' "
        "AND battery < 30 ORDER BY scan", own[["scan", "photo"]].to_numpy().tolist(),
        among, "scan photo event battery",
    ))  # fmt: skip
    rows = every.assign(month=every["day"].str[5:7].astype(int)).groupby(["month", "depot"]).size()
    found.append(asked(
        "finance", f"SELECT month(day), depot, count(*) FROM {table} GROUP BY 1, 2 ORDER BY 1, 2",
        [(m, d, n) for (m, d), n in sorted(rows.items())], every, "depot",
    ))  # fmt: skip
    depot = larkmoor.DEPOTS[int(rng.integers(24))]
    found.append(asked(
        "finance", f"SELECT count(DISTINCT parcel) FROM {table} WHERE depot = '{depot}'",
        [[every[every["depot"] == depot]["parcel"].nunique()]], every, "depot parcel",
    ))  # fmt: skip
    return found


@fixture
def questions(season: Season, seed: int) -> list[Question]:
    """Monday's questions."""
    names = site_of(seed)
    return monday(season.world, f"{names['database']}.{names['table']}")


# ---------------------------------------------------------------- the side rungs

SPLITS, REDUCERS = 4, 2


def splits(world: World) -> list[str]:
    """Return the legs of a world, a line for each scan, cut into pieces as a file system cuts."""
    rows = legs_of(world.before)
    lines = [
        f"{depot}\t{event}\t{'' if pd.isna(seconds) else int(seconds)}\n"
        for depot, event, seconds in zip(rows["depot"], rows["event"], rows["seconds"], strict=True)
    ]
    size = -(-len(lines) // SPLITS)
    return ["".join(lines[i * size : (i + 1) * size]) for i in range(SPLITS)]


@given("legs/")
@fixture
def some_legs(seed: int) -> dict[str, str]:
    """Four splits, for map, combine and reduce."""
    return {f"split-{i}.tsv": text for i, text in enumerate(splits(made(seed)))}


class Hadoop:
    """What lies between map and reduce: the splits, the sorting, and who gets which key."""

    def __init__(self, work: Any, world: World) -> None:
        self.work, self.splits = work, splits(world)
        self.lines = sum(text.count("\n") for text in self.splits)
        self.board = sorted(
            "\t".join("" if cell is None else str(cell) for cell in row)
            for row in board_of(world.before)
        )
        self.maps = [self.run("map", text.splitlines()) for text in self.splits]

    def run(self, part: str, lines: list[str]) -> list[str]:
        """Run one part of the learner's program over some lines. LearnerError: it failed."""
        text = "".join(f"{one}\n" for one in lines).encode()
        program = self.work.run("board.py", part, stdin=text)
        code, out = program.wait(PATIENCE), program.output().decode(errors="replace")
        if code:
            kind = "NotImplementedError" if "NotImplementedError" in out else "RuntimeError"
            raise LearnerError(kind, last_line(out), f"board.py {part}")
        return out.splitlines()

    def sent(self) -> tuple[list[str], list[str], list[str]]:
        """Return what goes to the reducers: never combined; once on each of four machines; and

        that once more, on one machine that has the records of all four.
        """
        never = [one for lines in self.maps for one in lines]
        once = [one for lines in self.maps for one in self.run("combine", by_key(lines))]
        return never, once, self.run("combine", by_key(once))

    def reduced(self, sent: list[str]) -> list[str]:
        """Return what the reducers print, in order."""
        found: list[str] = []
        for number in range(REDUCERS):
            mine = [one for one in sent if zlib.crc32(key_of(one).encode()) % REDUCERS == number]
            found += self.run("reduce", by_key(mine))
        return sorted(found)


def key_of(record: str) -> str:
    """Return a record's key: what stands before its first tab."""
    return record.partition("\t")[0]


def by_key(lines: list[str]) -> list[str]:
    """Return records in the order of their keys, and of nothing else."""
    return sorted(lines, key=key_of)


@fixture
def hadoop(work: Any, seed: int) -> Hadoop:
    """The splits of one world, mapped."""
    return Hadoop(work, made(seed))


@dataclass
class Scala:
    """What became of the Scala job: whether it compiled, whether it ended well, and its board."""

    compiled: bool
    ended: bool
    board: Board | None
    wanted: Board


BUILT: dict[str, tuple[int, list[Board | None]]] = {}


@fixture
def scala(work: Any, papers: Any, season: Season, graded: bool) -> Scala:
    """Compile the job and run it over the lakes of all worlds, once a submission."""
    text = b""
    with suppress(LearnerError):
        text = bytes(papers.bytes("Board.scala", 1 << 24))
    key = f"{hashlib.sha256(handed(papers) + text).hexdigest()} {graded}"
    if key not in BUILT:
        BUILT[key] = build(work, season.all_left)
    code, boards = BUILT[key]
    board = boards[season.all_left.index(season.left)]
    return Scala(code != UNCOMPILED, code == 0, board, season.wanted)


def build(work: Any, lakes: list[Left]) -> tuple[int, list[Board | None]]:
    """Compile and run the Scala job; return how build.py ended, and the boards."""
    for n, left in enumerate(lakes):
        for key, body in left.calm.items():
            work.write(f"s{n}/lake/{key}", body)
    pairs = [f"s{n}/{name}" for n in range(len(lakes)) for name in ("lake", "board")]
    code = int(work.run("build.py", *pairs).wait(PATIENCE))
    boards = []
    for n in range(len(lakes)):
        try:
            names = work.files(f"s{n}/board/part-*")
            boards.append(read_board(b"".join(work.read(name) for name in names)))
        except LearnerError:
            boards.append(None)
    return code, boards
