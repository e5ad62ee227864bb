"""The granted surface against the evaluator itself, and how much work it takes."""

from __future__ import annotations

import time
from typing import Any

from infra.cloud import iam
from infra.cloud.fixtures import allow
from infra.cloud.iam import Policies, Principal, Request
from infra.cloud.surface import granted

ANN = Principal("user", "arn:aws:iam::123456789012:user/ann", "123456789012", "AIDAANN", "ann")
ACTIONS = [f"s3:{verb}{noun}" for verb in ("Get", "Put", "Delete", "List")
           for noun in ("Object", "ObjectTagging", "Bucket", "BucketPolicy", "BucketTagging")]
ARNS = [f"arn:aws:s3:::bucket-{b}/{folder}/{n}" for b in range(5) for folder in ("raw", "out")
        for n in range(50)]
UNIVERSE = [(action, arn) for action in ACTIONS for arn in ARNS]


def deny(action: str, resource: str, **more: Any) -> dict[str, Any]:
    """Return a policy with one Deny."""
    statement = {"Effect": "Deny", "Action": action, "Resource": resource, **more}
    return {"Version": "2012-10-17", "Statement": [statement]}


# What a role of a team might carry after some years.
ROLE = [
    allow(["s3:Get*", "s3:List*"]), deny("s3:*", "arn:aws:s3:::bucket-4/*"),
    allow(["s3:PutObject", "s3:PutObjectTagging"], ["arn:aws:s3:::bucket-*/out/*"]),
    *(allow([f"service-{n}:*"], [f"arn:aws:service-{n}:*:*:thing/*"]) for n in range(20)),
    deny("s3:GetObject", "arn:aws:s3:::bucket-0/raw/*",
         Condition={"Bool": {"aws:SecureTransport": "false"}}),
]  # fmt: skip


def test_it_is_what_the_evaluator_says() -> None:
    boundary = allow(["s3:*"], ["arn:aws:s3:::bucket-0/*", "arn:aws:s3:::bucket-4/*"])
    for limit in (None, boundary):
        for secure in ("true", "false"):
            context = {"aws:securetransport": secure}
            policies = Policies(ROLE, None if limit is None else [limit])
            wanted = {
                pair for pair in UNIVERSE[::7]
                if iam.evaluate(Request(ANN, *pair, context), policies).allowed
            }  # fmt: skip
            assert wanted
            found = granted(
                ROLE, UNIVERSE[::7], boundary=limit, context=context, principal=ANN
            )
            assert found == wanted


def test_the_least_and_the_most() -> None:
    assert granted([], UNIVERSE) == set()
    assert granted([allow(["*"])], UNIVERSE) == set(UNIVERSE)
    assert granted([allow(["*"])], UNIVERSE, boundary={"Statement": []}) == set()
    home = allow(["s3:GetObject"], ["arn:aws:s3:::home/${aws:username}/*"])
    pair = ("s3:GetObject", "arn:aws:s3:::home/ann/x")
    assert granted([home], [pair], principal=ANN) == {pair}
    assert granted([home], [pair]) == set()


def test_statements_of_other_actions_cost_nothing(monkeypatch: Any) -> None:
    """Ten thousand pairs look at the statements of each action once, not at every pair."""
    asked = []
    real = iam.speaks_of
    monkeypatch.setattr(iam, "speaks_of", lambda s, a: asked.append(1) or real(s, a))
    granted(ROLE, UNIVERSE)
    statements = sum(len(document["Statement"]) for document in ROLE)
    assert len(asked) <= len(ACTIONS) * statements + len(UNIVERSE) * 6


def measure() -> None:
    """Print the CPU seconds of 10,000 pairs, five times: `python -m tests.infra.test_surface`."""
    for _ in range(5):
        start = time.process_time()
        found = granted(ROLE, UNIVERSE, context={"aws:securetransport": "true"}, principal=ANN)
        print(f"{len(found)} of {len(UNIVERSE)}: {time.process_time() - start:.2f} CPU-s")


if __name__ == "__main__":
    measure()
