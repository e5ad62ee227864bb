"""Users, groups and roles by ARN, with the policies that hang on them, for the policy simulator.

Limit: this cloud's one account; a caller need not exist, whoever's policies are read must.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from infra.cloud import state
from infra.cloud.conditions import like
from infra.cloud.dispatch import ACCOUNT
from infra.cloud.errors import AwsError
from infra.cloud.forms import members_of
from infra.cloud.managed import PREFIX
from infra.cloud.simulation import Source

_ARN = re.compile(r"arn:aws:iam::(\d{12}):(user|group|role)/(?:[\w+=,.@/-]*/)?([\w+=,.@-]+)")
_TYPES = {"inline", "aws-managed", "user-managed", "permission-boundary", "scp", "rcp"}
_POLICY_ARN = re.compile(r"arn:aws:iam::(aws|\d{12}):policy/[\w+=,.@/?*-]+")


@dataclass(frozen=True)
class Entity:
    """A user, group or role; `found` is the engine's own, None when there is none such."""

    kind: str
    arn: str
    account: str
    name: str
    found: Any | None = None


def entity(arn: str, parameter: str = "PolicySourceArn", *, must_exist: bool = True) -> Entity:
    """Return what an ARN names, or raise IAM's error: InvalidInput, NoSuchEntity."""
    match = _ARN.fullmatch(arn)
    if match is None:
        raise AwsError(
            "InvalidInput",
            f"Invalid {parameter}: {arn} does not clearly define entity type and name.",
        )
    account, kind, name = match.groups()
    if must_exist and account != ACCOUNT:
        raise AwsError(
            "InvalidInput", f"Invalid {parameter}: this account has no access to policies in "
            f"account {account}.",
        )  # fmt: skip
    found = _found(kind, name) if account == ACCOUNT else None
    if must_exist and (found is None or found.arn != arn):
        raise AwsError("NoSuchEntity", f"The {kind} with name {name} cannot be found.", 404)
    return Entity(kind, arn, account, name, found)


def _found(kind: str, name: str) -> Any | None:
    if kind == "group":
        return state.iam().groups.get(name)
    return state.user(name) if kind == "user" else state.role(name)


def sources(whose: Entity) -> list[Source]:
    """Return the policies of an entity, a user's groups' among them."""
    found = list(_own(whose.kind, whose.found))
    if whose.kind == "user":
        for group in state.groups_of(whose.name):
            found += _own("group", group)
    return found


def _own(kind: str, found: Any) -> Iterable[Source]:
    for policy in state.attached(found):
        document = json.loads(policy.text)
        if policy.arn:
            managed = "aws-managed" if policy.arn.startswith(PREFIX) else "user-managed"
            yield Source(policy.name, managed, policy.text, document, policy.arn)
        else:
            yield Source(policy.name, kind, policy.text, document, holder=found.name)


def exclude(found: list[Source], params: dict[str, Any]) -> list[Source]:
    """Return the policies that PolicyExclusionList leaves in."""
    entries = members_of(params, "PolicyExclusionList.member")
    for entry in entries:
        _check(entry)
    return [s for s in found if not any(_meant(s, entry) for entry in entries)]


def _meant(source: Source, entry: dict[str, str]) -> bool:
    inline = source.kind in {"user", "group", "role"}
    if "PolicyType" in entry:
        return entry["PolicyType"] == ("inline" if inline else source.kind)
    if "PolicyArn" in entry:
        return bool(source.arn) and like(source.arn, entry["PolicyArn"])
    return (
        inline and source.kind == entry["InlinePolicyIdentifier.AttachmentType"]
        and source.id == entry["InlinePolicyIdentifier.PolicyName"]
        and like(source.holder, entry["InlinePolicyIdentifier.AttachmentName"])
    )  # fmt: skip


def _check(entry: dict[str, str]) -> None:
    """An identifier that is none fails the call; one that matches nothing is ignored."""
    inline = {f"InlinePolicyIdentifier.{n}" for n in ("PolicyName", "AttachmentType",
                                                      "AttachmentName")}
    good = (
        (set(entry) == {"PolicyType"} and entry["PolicyType"] in _TYPES)
        or (set(entry) == {"PolicyArn"} and _POLICY_ARN.fullmatch(entry["PolicyArn"])
            and entry["PolicyArn"].count("*") <= 1)
        or (set(entry) == inline
            and entry["InlinePolicyIdentifier.AttachmentType"] in {"user", "group", "role"})
    )  # fmt: skip
    if not good:
        raise AwsError("InvalidInput", "PolicyExclusionList holds an identifier that is none.")
