"""The contract's outcomes on a target, and the table that keeps what they shall be.

`python -m tests.infra.contract.suite` tries every target present and writes the table anew.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.infra.contract.case import CASES, Case, outcome
from tests.infra.contract.targets import TARGETS, Site, Target

TABLE = Path(__file__).parent / "table.json"
AGAIN = ".venv/bin/python -m tests.infra.contract.suite && ./ladder sync"
KINDS = {
    "blob": "Stores of blobs, all three clouds", "s3": "S3", "aws": "IAM, KMS, Secrets Manager",
    "gcs": "Google Cloud Storage", "azure blob": "Azure Blob Storage", "queue": "Azure queues",
    "table": "Azure tables",
}  # fmt: skip
TEXT = [
    "Each row is something that the real service does, by the page of its documentation that is"
    " named with it. Each is tried on every target with the vendor's own client: boto3,"
    " google-cloud-storage, azure-storage-blob, azure-storage-queue, azure-data-tables.",
    "*right*: the target does it, too. *differs*: it does something else, told below; a test fails"
    " on the day that it does otherwise. *absent*: it says that it does not have this. *-*: this is"
    " no matter of that target's service. No target was tried against the real clouds here: what"
    " is right is so by the documentation.",
]
for _name in ("blobs", "aws_cases", "gcp_cases", "azure_cases"):
    import_module(f"tests.infra.contract.{_name}")


def cases(target: Target) -> list[Case]:
    """Return the cases that a target's family answers for."""
    return [one for one in CASES if target.family in one.sources]


def tried(one: Case, site: Site) -> str:
    """Return what becomes of a case on a site; a kind that it does not have is absent."""
    maker = site.makers.get(one.kind)
    if maker is None:
        return f"absent: no {one.kind}"
    return outcome(one, maker())


def read() -> dict[str, Any]:
    """Return the table."""
    found: dict[str, Any] = json.loads(TABLE.read_text()) if TABLE.is_file() else {}
    return found


def wanted(target: Target) -> dict[str, str]:
    """Return what the table says of a target, by case."""
    rows = read().get("cases", [])
    return {row["name"]: row["outcomes"][target.name] for row in rows
            if target.name in row["outcomes"]}  # fmt: skip


def hold(target: Target) -> None:
    """Fail unless every case comes out on a target as the table says."""
    with target.run() as site:
        seen = {one.name: tried(one, site) for one in cases(target)}
    told = complaint(target.name, seen, wanted(target))
    assert not told, told


def complaint(name: str, seen: Mapping[str, str], table: Mapping[str, str]) -> str:
    """Return what is not as in the table, and what to type when it shall be; else ""."""
    lines = [
        f"  {case}: the table says {table.get(case, 'nothing')!r}, now it is {text!r}"
        for case, text in seen.items() if table.get(case) != text
    ]
    if not lines:
        return ""
    return "\n".join([f"{name} does otherwise than the table says:", *lines,
                      "if that is what it shall do, type:", f"  {AGAIN}"])  # fmt: skip


def write(found: dict[str, dict[str, str]]) -> None:
    """Write the table with these targets' new outcomes, the others' as they were."""
    old = read()
    engines = old.get("targets", {})
    before = {row["name"]: row["outcomes"] for row in old.get("cases", [])}
    for target in TARGETS:
        if target.name in found:
            engines[target.name] = {"engine": target.engine()}
    order = [target.name for target in TARGETS if target.name in engines]
    rows = []
    for one in CASES:
        known = {name: found[name].get(one.name, "") if name in found
                 else before.get(one.name, {}).get(name, "") for name in order}  # fmt: skip
        rows.append({
            "name": one.name, "kind": one.kind, "claim": one.claim, "by": _by(one),
            "outcomes": {name: text for name, text in known.items() if text},
        })  # fmt: skip
    data = {
        "text": TEXT, "targets": {name: engines[name] for name in order}, "kinds": KINDS,
        "cases": rows,
    }  # fmt: skip
    TABLE.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")


def _by(one: Case) -> str:
    """Return the pages that say what the real services do."""
    titles = {"aws": "AWS", "azure": "Azure", "gcp": "Google Cloud"}
    return "; ".join(f"{titles[family]}: {page}" for family, page in one.sources.items())


def main(names: list[str]) -> None:
    """Try the targets of these names, or all; say which are not there, and why."""
    found: dict[str, dict[str, str]] = {}
    for target in TARGETS:
        if names and target.name not in names:
            continue
        why = target.lacking()
        if why:
            print(f"{target.name}: not present: {why}")
            continue
        with target.run() as site:
            found[target.name] = {one.name: tried(one, site) for one in cases(target)}
        texts = found[target.name].values()
        right = sum(text == "right" for text in texts)
        print(f"{target.name}: {right} of {len(texts)} right")
        for name, text in found[target.name].items():
            if text != "right":
                print(f"  {name}: {text}")
    write(found)


if __name__ == "__main__":
    main(sys.argv[1:])
