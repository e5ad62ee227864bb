"""Larkmoor's pharmacies: the names one has in a cloud account, the prescriptions of a morning.

Names and people are drawn anew for each seed; the account is the emulated cloud's only one.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np

from .account import ACCOUNT, NETWORK, REGIONS
from .draw import stream
from .people import DRUGS, customers

ROLES = ("intake", "dispatch", "rotator")


def site(seed: int) -> dict[str, Any]:
    """The names of one pharmacy; nothing in them can be known before they are read."""
    rng = stream(seed, "pharmacy")
    tag = f"{rng.integers(16**6):06x}"
    drawn = [NETWORK[i] for i in rng.permutation(len(NETWORK))]
    depots, others = drawn[:3], drawn[3:6]  # the others carry for another chain
    roles = {
        role: {
            "name": f"{role}-{tag}",
            "host": f"arn:aws:iam::{ACCOUNT}:user/{role}-host-{tag}",
        }
        for role in ROLES
    }
    return {
        "account": ACCOUNT,
        "region": REGIONS[rng.integers(len(REGIONS))],
        "bucket": f"larkmoor-rx-{tag}",
        "inbox": ("inbox", "arrivals", "incoming")[rng.integers(3)],
        "receipts": ("receipts", "slips", "acknowledged")[rng.integers(3)],
        "key": f"alias/rx-{tag}",
        "secret": f"rx/database-{tag}",
        "network": [depot for depot in NETWORK if depot not in others],
        "depots": depots,
        "roles": roles,
        "database": {"host": "127.0.0.1", "port": 5433},
    }


def number(rng: np.random.Generator) -> str:
    """A prescription's number."""
    return f"RX-{rng.integers(10**6):06d}"


def people(seed: int, count: int) -> list[dict[str, str]]:
    """Customers of this seed, no two of one name."""
    table = customers(seed, 3 * count).drop_duplicates("name").head(count)
    return [{k: str(v) for k, v in row.items()} for row in table.to_dict("records")]


def prescriptions(rng: np.random.Generator, seed: int, count: int) -> list[dict[str, Any]]:
    """Prescriptions of a seed's network, no two of one number or one person."""
    numbers, network = rng.choice(10**6, count, replace=False), site(seed)["network"]
    return [
        {
            "number": f"RX-{numbers[i]:06d}",
            "depot": network[rng.integers(len(network))],
            "patient": who["name"],
            "person_number": who["person_number"],
            "phone": who["phone"],
            "drug": DRUGS[rng.integers(len(DRUGS))][0],
        }
        for i, who in enumerate(people(seed, count))
    ]


class Morning:
    """A batch of prescriptions, some of them not what they should be.

    `outcomes` gives for each line the prescription if it must be stored, otherwise nothing;
    `closed` is a depot whose folder takes nothing that day;
    `canaries` are the things of these lines that nobody may find in a log, `births` the six digits
    of each birth, which may also be part of a longer number by chance.
    """

    def __init__(self, seed: int) -> None:
        rng = stream(seed, "morning")
        rows = prescriptions(rng, seed, 29)
        self.canaries = sorted({part for row in rows for part in _personal(row)})
        self.births = [row["person_number"][:6] for row in rows]
        good = rows[:16]
        for row in good[:4]:
            row["note"] = base64.b64encode(f"for {row['patient']}".encode()).decode()
        self.closed: str = good[-1]["depot"]
        for row in good[4:9]:  # what is hard to keep to the byte must be kept
            if row["depot"] == self.closed:
                row["depot"] = next(d for d in site(seed)["network"] if d != self.closed)
        lines = list(zip(_written(good), good, strict=True))
        lines = [(text, None if row["depot"] == self.closed else row) for text, row in lines]
        lines += [(text, None) for text in _spoilt(rows[16:], site(seed)["network"], self.closed)]
        order = rng.permutation(len(lines))
        self.lines = [lines[i][0] for i in order]
        self.outcomes: list[dict[str, Any] | None] = [lines[i][1] for i in order]

    def stored(self, inbox: str) -> dict[str, bytes]:
        """What must lie in the bucket, by its key."""
        pairs = zip(self.lines, self.outcomes, strict=True)
        return {f"{inbox}/{row['depot']}/{row['number']}.json": line for line, row in pairs if row}


def _personal(row: dict[str, Any]) -> list[str]:
    person, phone = row["person_number"], row["phone"]
    digits = [person.replace("-", ""), phone.rpartition(" ")[2]]
    return [row["patient"], person, phone, row["drug"], *digits]


def _written(rows: list[dict[str, Any]]) -> list[bytes]:
    """Rows as lines of JSON: other programs write it in other ways, and all of them are right."""
    for row, note in zip(rows[4:], ("Ørnen", "Ørnen", "two\u2028lines", "Ängeln"), strict=False):
        row["note"] = note
    texts = [json.dumps(row, ensure_ascii=False) for row in rows]
    texts[5] = json.dumps(rows[5])  # with \\u00d8
    texts[7] = json.dumps(rows[7], ensure_ascii=False, separators=("  , ", " :")) + " "
    texts[8] = texts[8][:-1] + ', "grams": 1.50}'
    return [text.encode() for text in texts]


def _spoilt(rows: list[dict[str, Any]], network: list[str], closed: str) -> list[bytes]:
    """Thirteen lines that are no prescriptions, each with somebody's name in it."""
    elsewhere = [depot for depot in NETWORK if depot not in network]
    open_ = next(depot for depot in network if depot != closed)
    for row in rows[2:]:
        row["depot"] = open_
    rows[1]["number"] = rows[1]["person_number"]
    rows[2]["number"] += f" {rows[2]['patient']}"
    rows[3]["depot"] = f"c/o {rows[3]['patient']}"
    del rows[4]["depot"]
    rows[5]["number"] = {"patient": rows[5]["patient"]}
    rows[7]["depot"], rows[8]["depot"] = elsewhere[0], f"{open_}-annex"
    rows[9]["number"] += "\n"
    rows[10]["number"] = rows[10]["number"].translate({48 + i: 0x660 + i for i in range(10)})
    rows[11]["note"] = "Ørnen"
    texts = [json.dumps(row, ensure_ascii=False) for row in rows]
    texts[0] = texts[0][: -len('"}') - 5]
    texts[6] = json.dumps(f"{rows[6]['patient']} rang about {rows[6]['drug']}")
    texts[12] = "[" * 20_000 + rows[12]["patient"]
    return [text.encode("latin-1" if i == 11 else "utf-8") for i, text in enumerate(texts)]
