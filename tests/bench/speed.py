"""Measures the embedded cloud beside moto's server, MiniStack and LocalStack.

    ladder bench --cloud [--runs N] [--block N]

Requests of S3 and DynamoDB, the time to the first answer, and memory; all clouds in one run, taking
turns, so that a machine that grows slower does so for all. Exit 1 when ours takes more than a tenth
longer than the engine behind it. Writes cloud.json beside this file unless --runs is below 3.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import engines
from engines import Ask, Engine, Up
from measure import Failed, machine

HERE = Path(__file__).parent
GOAL = 1.10
ENOUGH = 3  # rounds, from which a result is kept
OURS, BEHIND = "embedded", "moto"
BODY = b"x" * 1024
TARGET = "DynamoDB_20120810."

SERVERS = (
    Engine(OURS, "`ladder cloud up`: signatures, policies, log", engines.desk),
    Engine(BEHIND, "moto's own server: checks nothing", engines.moto),
    Engine("MiniStack", "MiniStack as it ships: checks nothing", engines.ministack),
    Engine("LocalStack", "localstack-core in host mode: checks nothing", engines.localstack),
)
OTHERS = (
    Engine("embedded, forked", "a check's, from a process that has loaded it", engines.forked),
    Engine("azure", "Azurite and our forwarder", engines.azure),
    Engine("gcp", "gcp-storage-emulator and our additions", engines.gcp),
)


def dynamodb(operation: str, wanted: bytes = b"", **parameters: Any) -> Ask:
    """Return a request of DynamoDB."""
    headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": TARGET + operation}
    body = json.dumps({"TableName": "bench", **parameters}).encode()
    return Ask("dynamodb", "POST", "/", headers=headers, body=body, wanted=wanted)


def item(number: int) -> dict[str, Any]:
    """Return the key of an item: ten share a partition."""
    return {"pk": {"S": f"p{number // 10}"}, "sk": {"N": str(number % 10)}}


PARTITION = {":p": {"S": "p0"}}
KINDS = {
    "S3 PutObject, 1 KiB": lambda n: Ask("s3", "PUT", f"/bench/{n}", body=BODY),
    "S3 GetObject, 1 KiB": lambda n: Ask("s3", "GET", f"/bench/{n}", wanted=BODY),
    "S3 ListObjectsV2, 20 keys": lambda n: Ask(
        "s3", "GET", "/bench", (("list-type", "2"), ("max-keys", "20")), wanted=b"<Key>"
    ),
    "DynamoDB PutItem": lambda n: dynamodb("PutItem", Item=item(n) | {"v": {"S": "x" * 100}}),
    "DynamoDB GetItem": lambda n: dynamodb("GetItem", b'"Item"', Key=item(n)),
    "DynamoDB Query, 10 items": lambda n: dynamodb(
        "Query", b'"Count"', KeyConditionExpression="pk = :p", ExpressionAttributeValues=PARTITION
    ),
}


@dataclass
class Found:
    """What one cloud has cost so far."""

    engine: Engine
    boots: list[tuple[float, float, float]] = field(default_factory=list)  # wall, CPU, MiB
    after: float = 0.0
    walls: dict[str, list[float]] = field(default_factory=dict)
    cpus: dict[str, list[float]] = field(default_factory=dict)
    absent: str = ""



def boot(found: Found, stack: contextlib.ExitStack) -> Up:
    """Start a cloud and note what that took."""
    place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ladder-bench-")))
    begun = time.perf_counter()
    up = stack.enter_context(found.engine.start(place))
    found.boots.append((time.perf_counter() - begun, up.cpu(), up.memory()))
    return up


def prepare(up: Up, found: Found) -> None:
    """Make the bucket and the table; note it where a cloud has no tables."""
    place = f"<CreateBucketConfiguration><LocationConstraint>{engines.REGION}</LocationConstraint>"
    place += "</CreateBucketConfiguration>"
    send(up, [Ask("s3", "PUT", "/bench", body=place.encode())])
    names = (("pk", "S", "HASH"), ("sk", "N", "RANGE"))
    table = dynamodb(
        "CreateTable", BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": t} for n, t, _ in names],
        KeySchema=[{"AttributeName": n, "KeyType": k} for n, _, k in names],
    )
    try:
        send(up, [table])
    except Failed:
        found.absent = "DynamoDB"


def send(up: Up, asks: Sequence[Ask]) -> tuple[float, float]:
    """Send requests one after the other; return the seconds and the cloud's CPU seconds."""
    assert up.wire is not None
    signed = [up.wire.sign(ask) for ask in asks]
    before, begun = up.cpu(), time.perf_counter()
    for one in signed:
        up.wire.send(one)
    return time.perf_counter() - begun, up.cpu() - before


def take_turns(
    ups: Mapping[str, Up], all_found: Mapping[str, Found], runs: int, block: int
) -> None:
    """Send blocks of each kind of request to each cloud; another begins in each round."""
    names = list(ups)
    for number in range(runs):
        for kind, ask in KINDS.items():
            asks = [ask(number * block + n) for n in range(block)]
            for name in names[number % len(names) :] + names[: number % len(names)]:
                found = all_found[name]
                if found.absent and kind.startswith(found.absent):
                    continue
                wall, cpu = send(ups[name], asks)
                found.walls.setdefault(kind, []).append(wall / block)
                found.cpus.setdefault(kind, []).append(cpu / block)
        print(f"round {number + 1}/{runs}", flush=True)


def measure(runs: int, block: int) -> dict[str, Found]:
    """Measure everything in one run."""
    found = {one.name: Found(one) for one in (*SERVERS, *OTHERS)}
    for _ in range(min(runs, ENOUGH) - 1):
        for one in found.values():
            with contextlib.ExitStack() as stack:
                boot(one, stack)
    with contextlib.ExitStack() as stack:
        ups = {one.name: boot(found[one.name], stack) for one in SERVERS}
        for name, up in ups.items():
            prepare(up, found[name])
        take_turns(ups, found, runs, block)
        for name, up in ups.items():
            found[name].after = up.memory()
    for other in OTHERS:
        with contextlib.ExitStack() as stack:
            boot(found[other.name], stack)
    return found


def ratio(found: Mapping[str, Found], kind: str) -> float:
    """Return how much longer ours takes than the engine behind it: the median of the rounds."""
    pairs = zip(found[OURS].walls[kind], found[BEHIND].walls[kind], strict=True)
    return round(median(ours / theirs for ours, theirs in pairs), 2)


def cpu_ratio(found: Mapping[str, Found], kind: str) -> float:
    """Return how much more CPU time ours takes than the engine behind it."""
    return round(sum(found[OURS].cpus[kind]) / sum(found[BEHIND].cpus[kind]), 2)


def rows(found: Mapping[str, Found]) -> list[list[str]]:
    """Return the table of requests: a row for each kind."""
    out = []
    for kind in KINDS:
        rates = [found[one.name].walls.get(kind) for one in SERVERS]
        cells = [f"{1 / median(walls):.0f}" if walls else "absent" for walls in rates]
        cpus = [f"{1000 * median(found[name].cpus[kind]):.2f}" for name in (OURS, BEHIND)]
        ratios = [f"{ratio(found, kind):.2f}", f"{cpu_ratio(found, kind):.2f}"]
        out.append([kind, *cells, ratios[0], *cpus, ratios[1]])
    return out


COLUMNS = [
    "Requests a second, one client", *(one.name for one in SERVERS), "time, ours to moto's",
    "CPU-ms, ours", "CPU-ms, moto", "CPU, ours to moto's",
]  # fmt: skip


def boots(found: Mapping[str, Found]) -> str:
    """Return the table of starts, as Markdown."""
    lines = [
        "| Cloud | first answer after, s | CPU-s until then | MiB then | MiB after the requests "
        "| What it is |",
        "|---|---|---|---|---|---|",
    ]
    for name, one in found.items():
        wall, cpu, size = (median(column) for column in zip(*one.boots, strict=True))
        after = f"{one.after:.0f}" if one.after else "not measured"
        figures = f"{wall:.2f} | {cpu:.2f} | {size:.0f} | {after}"
        lines.append(f"| {name} | {figures} | {one.engine.what} |")
    return "\n".join(lines)


def missed(found: Mapping[str, Found]) -> list[str]:
    """Return the requests that take us more than a tenth longer, as sentences."""
    return [
        f"{kind}: ours takes {ratio(found, kind)} times what moto's server takes"
        for kind in KINDS
        if ratio(found, kind) > GOAL
    ]


def texts(found: Mapping[str, Found]) -> list[str]:
    """Return the paragraphs above the table."""
    kept = len(KINDS) - len(missed(found))
    return [
        "The embedded cloud beside the engine behind it (moto, by its own server), and beside "
        "MiniStack and LocalStack without Docker, which it does not use for this. Ours checks "
        "every signature and policy and keeps a log; the others, as they ship, check nothing.",
        f"The goal: a request takes at most {100 * (GOAL - 1):.0f} % longer than with moto's own "
        f"server. It holds for {kept} of {len(KINDS)} kinds of request.",
    ]


def notes(runs: int, block: int, loads: Sequence[float]) -> list[str]:
    """Return the remarks below the table."""
    return [
        f"Measured on {machine()}, Python {platform.python_version()}: {runs} rounds, in which the "
        f"clouds took turns with {block} requests of each kind, over one connection each. Medians; "
        "the columns that compare are medians of each round's own quotient, or of all CPU time.",
        f"Load while measuring: {min(loads):.1f} to {max(loads):.1f}. Requests were signed before "
        "the clock ran, and every answer was checked.",
        "moto's server looks at each request twice and answers through Flask; our door calls moto "
        "in its own process. What that saves pays for signatures, policies and the log.",
        "Absent: LocalStack's DynamoDB is a Java program that it would download.",
        "Memory: what each process has alone, and its share of what several have. A check's cloud "
        "shares most of its memory with the process that it was forked from.",
        "To measure again: `ladder bench --cloud`.",
    ]


def report(found: Mapping[str, Found], runs: int, block: int, loads: Sequence[float]) -> Any:
    """Return everything that was found: for `ladder sync`, and for programs."""
    return {
        "text": texts(found), "columns": COLUMNS, "rows": rows(found),
        "notes": notes(runs, block, loads), "after": ["## Start and memory", boots(found)],
        "date": datetime.now(UTC).date().isoformat(), "machine": machine(), "rounds": runs,
        "block": block, "loads": list(loads),
        "ratios": {kind: [ratio(found, kind), cpu_ratio(found, kind)] for kind in KINDS},
        "figures": {
            name: {"boots": _rounded(one.boots), "after": round(one.after, 1),
                   "walls": {k: _rounded(v) for k, v in one.walls.items()},
                   "cpus": {k: _rounded(v) for k, v in one.cpus.items()}}
            for name, one in found.items()
        },
    }  # fmt: skip


def _rounded(values: Sequence[Any]) -> list[Any]:
    return [round(v, 6) if isinstance(v, float) else _rounded(v) for v in values]


def main(runs: int, block: int) -> int:
    """Measure, print, and say by the exit code whether the goal holds."""
    loads = [os.getloadavg()[0]]
    try:
        found = measure(runs, block)
    except Failed as error:
        print(error, file=sys.stderr)
        return 1
    told = report(found, runs, block, [round(one, 1) for one in (*loads, os.getloadavg()[0])])
    for row in (told["columns"], *told["rows"]):
        print("  ".join(cell.ljust(26 if n == 0 else 12) for n, cell in enumerate(row)))
    print("", *told["after"], "", *told["notes"], *missed(found), sep="\n")
    if runs >= ENOUGH:
        (HERE / "cloud.json").write_text(json.dumps(told, indent=1) + "\n")
    return int(bool(missed(found)))
