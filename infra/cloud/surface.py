"""What may a role do at all? The granted surface: every (action, resource) its policies allow.

For checks that compare surfaces, such as least privilege. The verdict is `iam.evaluate`'s; only
statements that cannot speak of an action are left out before it is asked. Limit: one account, one
context for all pairs; resource policies and session policies are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from infra.cloud import iam
from infra.cloud.conditions import Context, listed
from infra.cloud.iam import Document, Policies, Principal, Request

Pair = tuple[str, str]
_NOBODY = Principal("federated", "", "")


def granted(
    policies: Sequence[Document], universe: Iterable[Pair], *,
    boundary: Document | None = None, context: Context | None = None,
    principal: Principal = _NOBODY,
) -> set[Pair]:
    """Return the pairs of the universe that identity policies allow, within a boundary.

    universe: (action, ARN). context: condition keys in lower case, the same for every pair;
    a principal adds the keys that follow from it, such as aws:username.
    """
    known: dict[str, Policies] = {}
    found: set[Pair] = set()
    keys = context or {}
    for action, resource in universe:
        about = known.get(action)
        if about is None:
            about = known[action] = _about(action, policies, boundary)
        if about.identity and iam.evaluate(
            Request(principal, action, resource, keys), about
        ).allowed:
            found.add((action, resource))
    return found


def _about(action: str, policies: Sequence[Document], boundary: Document | None) -> Policies:
    """Return what the policies say of one action; empty documents are left out."""
    identity = [cut for document in policies if (cut := _cut(document, action))["Statement"]]
    return Policies(identity, None if boundary is None else [_cut(boundary, action)])


def _cut(document: Document, action: str) -> dict[str, Any]:
    statements = [
        s for s in listed(document.get("Statement"))
        if isinstance(s, Mapping) and iam.speaks_of(s, action)
    ]  # fmt: skip
    return {**document, "Statement": statements}
