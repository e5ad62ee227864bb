"""Tries a playground with the rights of the desk, and its guard rails with those of the caller."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from infra.deploy import session
from infra.deploy.account import Reach, ask, code, told
from infra.deploy.runs import Run


def examine(reach: Reach, run: Run) -> Iterator[tuple[str, str]]:
    """Yield what each probe did, and what went wrong (nothing, when it is well)."""
    clients: list[Any] = []
    probes: tuple[tuple[str, Callable[[], object]], ...] = (
        ("signed in as the desk's role", lambda: clients.append(session.desk(run))),
        ("put, got and deleted an object in the bucket", lambda: _object(clients[0], run)),
        ("the desk was refused what is not the run's", lambda: _refused(clients[0])),
        ("the budget stands", lambda: _budget(reach, run)),
        ("the bucket is closed to the public", lambda: _closed(reach, run)),
        ("the bucket carries the tag", lambda: _tag(reach, run)),
    )
    for did, probe in probes:
        yield did, _wrong(probe)


def _wrong(probe: Callable[[], object]) -> str:
    try:
        probe()
    except Exception as error:  # a doctor reports whatever is wrong
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return ""


def _must(holds: bool, wrong: str) -> None:
    if not holds:
        raise RuntimeError(wrong)


def _object(client: Any, run: Run) -> None:
    s3, place = client("s3"), {"Bucket": run.bucket, "Key": "doctor"}
    s3.put_object(Body=b"pulse", **place)
    _must(s3.get_object(**place)["Body"].read() == b"pulse", "other bytes")
    s3.delete_object(**place)


def _refused(client: Any) -> None:
    from botocore.exceptions import ClientError

    try:
        client("iam").list_users()
    except ClientError as error:
        _must("AccessDenied" in code(error), told(error))
    else:
        raise RuntimeError("the desk may list the account's users")


def _budget(reach: Reach, run: Run) -> None:
    budgets = reach.client("budgets")
    ask(budgets.describe_budget, AccountId=run.account, BudgetName=run.prefix)


def _closed(reach: Reach, run: Run) -> None:
    found = ask(reach.client("s3").get_public_access_block, Bucket=run.bucket)
    _must(all(found["PublicAccessBlockConfiguration"].values()), "not all four switches are on")


def _tag(reach: Reach, run: Run) -> None:
    found = ask(reach.client("s3").get_bucket_tagging, Bucket=run.bucket)["TagSet"]
    _must(run.tags[0] in found, "it has another tag, or none")
