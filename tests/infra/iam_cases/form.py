"""How a row of the table is written: who asks for what under which policies, and what IAM says.

A row belongs to a group, names the page of AWS's documentation that settles it, and says why in
one line. The short forms `A`, `D`, `P` and `ask` only save ink.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from infra.cloud.iam import Policies, Principal, Request

HERE, THERE = "123456789012", "444455556666"
YES, NO, DENIED = "allowed", "implicitDeny", "explicitDeny"
OBJECT = "arn:aws:s3:::reports/2026/may.csv"
BUCKET = "arn:aws:s3:::reports"
ANN = Principal(
    "user", f"arn:aws:iam::{HERE}:user/ann", HERE, "AIDAANN", "ann", tags={"team": "ops"}
)
BOB = f"arn:aws:iam::{HERE}:user/bob"
ROOT = Principal("root", f"arn:aws:iam::{HERE}:root", HERE, HERE, "root")
ROLE = f"arn:aws:iam::{HERE}:role/reader"
SESSION = Principal(
    "session", f"arn:aws:sts::{HERE}:assumed-role/reader/night", HERE, "AROAREADER:night", "night",
    ROLE,
)
STRANGER = Principal("user", f"arn:aws:iam::{THERE}:user/eve", THERE, "AIDAEVE", "eve")
VISITOR = Principal(
    "session", f"arn:aws:sts::{THERE}:assumed-role/guest/day", THERE, "AROAGUEST:day", "day",
    f"arn:aws:iam::{THERE}:role/guest",
)
NOBODY = Principal("anonymous", "anonymous", "", "", "")
LAMBDA = Principal("service", "lambda.amazonaws.com", "")
S3 = Principal("service", "s3.amazonaws.com", "")
ACCOUNT_ROOT = {"AWS": f"arn:aws:iam::{HERE}:root"}
KEY = f"arn:aws:kms:eu-central-1:{HERE}:key/1234abcd"
SECRET = f"arn:aws:secretsmanager:eu-central-1:{HERE}:secret:app/db-AbCdEf"
TARGET = f"arn:aws:iam::{HERE}:role/target"


@dataclass(frozen=True)
class Case:
    """One row: `page` settles it, `why` says how."""

    group: str
    page: str
    title: str
    why: str
    request: Request
    policies: Policies
    verdict: str


CASES: list[Case] = []


@dataclass(frozen=True)
class Group:
    """Rows of one subject that one page of the documentation settles."""

    name: str
    page: str

    def __call__(
        self, title: str, why: str, request: Request, verdict: str, *identity: dict[str, Any],
        version: str = "2012-10-17", **others: Any,
    ) -> None:
        """Add a row; `identity` are statements of one identity policy.

        Others: boundary, session, resource, each a list of statements. Keys and roles must be
        given their own policy, which has to let identity policies count.
        """
        documents = {k: P(*statements, version=version) for k, statements in others.items()}
        resource = documents.get("resource")
        strict = request.action.startswith(("kms:", "sts:")) and request.resource != "*"
        assert not strict or resource is not None, title
        policies = Policies(
            identity=[P(*identity, version=version)] if identity else [],
            boundary=[documents["boundary"]] if "boundary" in documents else None,
            session=[documents["session"]] if "session" in documents else None,
            resource=resource, must_delegate=strict,
        )
        CASES.append(Case(self.name, self.page, title, why, request, policies, verdict))


def statement(effect: str, action: Any, resource: Any, more: dict[str, Any]) -> dict[str, Any]:
    """Return a statement; resource None leaves it out, as trust policies do."""
    made: dict[str, Any] = {"Effect": effect, **more}
    if "NotAction" not in more:
        made["Action"] = action
    if resource is not None and "NotResource" not in more:
        made["Resource"] = resource
    return made


def A(action: Any = "s3:GetObject", resource: Any = "*", **more: Any) -> dict[str, Any]:
    """Allow."""
    return statement("Allow", action, resource, more)


def D(action: Any = "s3:GetObject", resource: Any = "*", **more: Any) -> dict[str, Any]:
    """Deny."""
    return statement("Deny", action, resource, more)


def P(*statements: dict[str, Any], version: str = "2012-10-17") -> dict[str, Any]:
    """Return a document."""
    return {"Version": version, "Statement": list(statements)}


def ask(
    who: Principal = ANN, action: str = "s3:GetObject", resource: str = OBJECT, account: str = HERE,
    context: dict[str, Any] | None = None, **more: Any,
) -> Request:
    """Return a request; as arguments, keys are written with __ for : and _ for -."""
    keys = {k.replace("__", ":").replace("_", "-").lower(): v for k, v in more.items()}
    keys |= {k.lower(): v for k, v in (context or {}).items()}
    return Request(who, action, resource, keys, account)


def listing(**context: Any) -> Request:
    """Return a request to list the bucket, with s3: keys."""
    keys = {f"s3__{k}": v for k, v in context.items()}
    return ask(action="s3:ListBucket", resource=BUCKET, **keys)


def when(
    operator: str, key: str, value: Any, action: Any = "s3:GetObject", resource: Any = "*"
) -> dict[str, Any]:
    """Return an Allow with one condition."""
    return A(action, resource, Condition={operator: {key: value}})


def unless(
    operator: str, key: str, value: Any, action: Any = "s3:GetObject"
) -> dict[str, Any]:
    """Return a Deny with one condition."""
    return D(action, Condition={operator: {key: value}})
