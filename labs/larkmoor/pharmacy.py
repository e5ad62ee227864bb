"""Larkmoor's pharmacies: the names one has in a cloud account, the prescriptions of a morning.

Names and people are drawn anew for each seed; the account is the emulated cloud's only one.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np

from .draw import stream
from .people import DRUGS, customers
from .places import DEPOTS

ACCOUNT = "123456789012"
NETWORK = [name.lower().replace(" ", "-") for name in DEPOTS]
ROLES = ("intake", "dispatch", "rotator")
REGIONS = ("eu-west-1", "eu-central-1", "eu-north-1", "eu-west-3")


def site(seed: int) -> dict[str, Any]:
    """The names of one pharmacy; nothing in them can be known before they are read."""
    rng = stream(seed, "pharmacy")
    tag = f"{rng.integers(16**6):06x}"
    depots = [NETWORK[i] for i in rng.permutation(len(NETWORK))[:3]]
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
        "network": NETWORK,
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
    """Prescriptions, no two of one number or one person."""
    numbers = rng.choice(10**6, count, replace=False)
    return [
        {
            "number": f"RX-{numbers[i]:06d}",
            "depot": NETWORK[rng.integers(len(NETWORK))],
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
    `canaries` are ten things of these lines that nobody may find in a log.
    """

    def __init__(self, seed: int) -> None:
        rng = stream(seed, "morning")
        rows = prescriptions(rng, seed, 23)
        good = rows[:16]
        for row in good[:4]:
            row["note"] = base64.b64encode(f"for {row['patient']}".encode()).decode()
        self.closed: str = good[-1]["depot"]
        bad, personal = self._bad(rows[16:], self.closed)
        lines = [(json.dumps(row, ensure_ascii=False), row) for row in good]
        lines = [(text, None if row["depot"] == self.closed else row) for text, row in lines]
        lines += [(text, None) for text in bad]
        order = rng.permutation(len(lines))
        self.lines = [lines[i][0] for i in order]
        self.outcomes: list[dict[str, Any] | None] = [lines[i][1] for i in order]
        personal += [good[0]["patient"], good[1]["person_number"], good[2]["phone"]]
        self.canaries: list[str] = personal

    @staticmethod
    def _bad(rows: list[dict[str, Any]], closed: str) -> tuple[list[str], list[str]]:
        hidden = [row["patient"] for row in rows]
        hidden[1] = rows[1]["person_number"]
        rows[1]["number"] = rows[1]["person_number"]
        rows[2]["number"] += f" {rows[2]['patient']}"
        rows[2]["depot"] = next(depot for depot in NETWORK if depot != closed)
        rows[3]["depot"] = f"c/o {rows[3]['patient']}"
        del rows[4]["depot"]
        rows[5]["number"] = {"patient": rows[5]["patient"]}
        texts = [json.dumps(row, ensure_ascii=False) for row in rows]
        texts[0] = texts[0][: -len('"}') - 5]
        texts[6] = json.dumps(f"{rows[6]['patient']} rang about {rows[6]['drug']}")
        return texts, hidden
