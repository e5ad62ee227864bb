"""Least privilege in miniature: four people write one policy, and one map of who can become whom.

    python docs/3-senior/policy-golf/worked.py

A program that reads a month of thermometer readings and writes a report; no cloud.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from infra.cloud.surface import granted

# --8<-- [start:ground]
READ, WRITE, PERMIT = 1, 3, 10
ACTIONS = {
    "s3:GetObject": READ, "s3:PutObject": WRITE, "s3:DeleteObject": WRITE, "s3:PutObjectAcl": PERMIT
}  # fmt: skip
MONTHS = ("2025-11", "2026-08", "2026-09", "2026-10")  # closed, closed, recorded, to come
PLACES = [
    *(f"readings/{month}/oxley.csv" for month in MONTHS),
    *(f"alarms/{month}/oxley.csv" for month in MONTHS),  # announced for October
    *(f"reports/{month}.pdf" for month in MONTHS),
    "readings/2026-09/notes.txt", "readings-raw/2026-09/oxley.csv", "salaries.csv",
]  # fmt: skip
GROUND = [(action, f"arn:aws:s3:::depot/{place}") for action in ACTIONS for place in PLACES]


def month(name: str, later: bool) -> set[tuple[str, str]]:
    """What the program asks for in a month; later ones have alarms."""
    folders = ["readings", *(["alarms"] * later)]
    asked = {("s3:GetObject", f"arn:aws:s3:::depot/{one}/{name}/oxley.csv") for one in folders}
    return asked | {("s3:PutObject", f"arn:aws:s3:::depot/reports/{name}.pdf")}


RECORDED, NEXT = month("2026-09", later=False), month("2026-10", later=True)


def judge(*statements: dict[str, Any]) -> tuple[int, int]:
    """Return the strokes of a policy, and how many calls of next month it refuses."""
    policy = {"Version": "2012-10-17", "Statement": statements}
    can = granted([policy], GROUND)
    strokes = sum(ACTIONS[action] for action, _ in can - RECORDED - NEXT)
    return strokes, len(NEXT - can)


# --8<-- [end:ground]


def allow(actions: Iterable[str], *places: str) -> dict[str, Any]:
    """One statement; places lie in the bucket, a star alone is every resource."""
    where = [one if one == "*" else f"arn:aws:s3:::depot/{one}" for one in places]
    return {"Effect": "Allow", "Action": list(actions), "Resource": where}


# --8<-- [start:people]
PEOPLE = {
    "nobody has looked": [allow(["*"], "*")],
    "every action, in its folders": [allow(["s3:*"], "readings/*", "alarms/*", "reports/*")],
    "the verbs it uses, everywhere": [allow(["s3:GetObject", "s3:PutObject"], "*")],
    "the transcript": [allow([action], arn.removeprefix("arn:aws:s3:::depot/"))
                       for action, arn in sorted(RECORDED)],
    "the transcript with stars": [allow(["s3:GetObject"], "readings/*"),
                                  allow(["s3:PutObject"], "reports/*")],
    "a judgement": [allow(["s3:GetObject"], "readings/????-??/*.csv", "alarms/????-??/*.csv"),
                    allow(["s3:PutObject"], "reports/????-??.pdf")],
}  # fmt: skip
# --8<-- [end:people]

# --8<-- [start:ways]
# Who can become whom, by which right. Each pair is one sentence that somebody has to be asked.
EDGES = {
    ("releaser", "its old self"): "iam:SetDefaultPolicyVersion",
    ("its old self", "administrator"): "v1 allowed *:*",
    ("releaser", "resize runs as"): "lambda:UpdateFunctionCode",
    ("releaser", "legacy runs as"): "lambda:UpdateFunctionCode",
    ("legacy runs as", "administrator"): "a role from before the fence",
    ("releaser", "a new role"): "iam:CreateRole",
    ("a new role", "the fence"): "iam:PermissionsBoundary",
    ("releaser", "the fence, moved"): "iam:CreatePolicyVersion",
    ("the fence, moved", "administrator"): "the boundary lets all through",
    ("cashier", "the drawer"): "secretsmanager:GetSecretValue on *",
    ("the drawer", "administrator"): "a secret that is a key",
}


def reaches(start: str, closed: Iterable[str] = ()) -> set[str]:
    """Return whom somebody can become when some rights have been taken away."""
    found, todo = {start}, [start]
    while todo:
        here = todo.pop()
        for (one, other), right in EDGES.items():
            if one == here and right not in closed and other not in found:
                found.add(other)
                todo.append(other)
    return found


# --8<-- [end:ways]


def table() -> str:
    """The result as the lesson shows it."""
    lines = ["| who wrote it | strokes | refused next month |", "|---|---:|---:|"]
    for name, statements in PEOPLE.items():
        strokes, refused = judge(*statements)
        lines.append(f"| {name} | {strokes} | {refused} of {len(NEXT)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(table())
