"""Is this a policy at all? What the services check before they store one.

Limit: structure and operators; whether a principal exists or an action is real is not looked up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from infra.cloud.calls import Call
from infra.cloud.conditions import NEGATED, TESTS, listed
from infra.cloud.errors import AwsError

VERSIONS = {"2012-10-17", "2008-10-17"}
_PARAMETER = {
    ("kms", "PutKeyPolicy"): "Policy", ("kms", "CreateKey"): "Policy",
    ("secretsmanager", "PutResourcePolicy"): "ResourcePolicy",
}
_PAIRS = (("Action", "NotAction"), ("Resource", "NotResource"), ("Principal", "NotPrincipal"))


def check(call: Call) -> None:
    """Refuse a resource policy that is none; identity policies are checked by the engine."""
    if (call.service, call.operation) == ("s3", "PutBucketPolicy"):
        wrong = fault(call.body) or _other_bucket(call)
        if wrong:
            raise AwsError("MalformedPolicy", wrong)
    name = _PARAMETER.get((call.service, call.operation))
    if name is not None and call.params.get(name) is not None:
        wrong = fault(call.params[name])
        if wrong:
            raise AwsError("MalformedPolicyDocumentException", wrong)


# What a statement must have: one of each pair. `kind` is the policy's.
_WANTED = {
    "resource": _PAIRS, "identity": _PAIRS[:2],  # the identity is the principal
    "any resource": (_PAIRS[0], _PAIRS[2]),  # a trust policy has no Resource
}


def fault(text: Any, kind: str = "resource") -> str:
    """Return what is wrong with a policy; nothing when it is well formed.

    kind: "resource", "identity" (a boundary too), or "any resource" (a trust policy too).
    """
    try:
        document = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return "Policies must be valid JSON"
    if not isinstance(document, dict) or set(document) - {"Version", "Id", "Statement"}:
        return "A policy has Version, Id and Statement, nothing else"
    if document.get("Version", "2008-10-17") not in VERSIONS:
        return "The policy's version must be 2012-10-17 or 2008-10-17"
    statements = listed(document.get("Statement"))
    if not statements:
        return "Missing required field Statement"
    return next((wrong for s in statements if (wrong := _statement(s, kind))), "")


def _statement(statement: Any, kind: str) -> str:
    if not isinstance(statement, dict):
        return "A statement must be an object"
    if kind == "identity" and {"Principal", "NotPrincipal"} & set(statement):
        return "A policy of a user, group or role has no Principal"
    if statement.get("Effect") not in {"Allow", "Deny"}:
        return "Effect must be Allow or Deny"
    if "NotPrincipal" in statement and statement["Effect"] == "Allow":
        return "NotPrincipal must be used with the effect Deny"
    for one, other in _WANTED[kind]:
        if (one in statement) == (other in statement):
            return f"A statement must have {one} or {other}, one of them"
    for name in ("Action", "NotAction", "Resource", "NotResource"):
        values = listed(statement.get(name, "x"))
        if not values or not all(isinstance(value, str) and value for value in values):
            return f"{name} must be text or a list of it"
    return _condition(statement.get("Condition", {}))


def _condition(block: Any) -> str:
    if not isinstance(block, Mapping):
        return "Condition must be an object"
    for operator, keys in block.items():
        name = str(operator).lower().rpartition(":")[2]
        plain = name.removesuffix("ifexists")
        if plain not in TESTS and plain not in NEGATED and name != "null":
            return f"Invalid Condition type : {operator}"
        if not isinstance(keys, Mapping) or not keys:
            return f"{operator} must be an object of keys and values"
    return ""


def _other_bucket(call: Call) -> str:
    """A bucket's policy speaks of that bucket only."""
    own = f"arn:aws:s3:::{call.params['Bucket']}"
    for statement in listed(json.loads(call.body)["Statement"]):
        for value in listed(statement.get("Resource", statement.get("NotResource"))):
            if value != own and not value.startswith(own + "/") and value != "*":
                return "Policy has invalid resource"
    return ""
