"""Whom a role trusts: users and roles by the unique id they had when the trust was written.

IAM keeps the id in place of the ARN, so that somebody made again under an old name is not trusted.
Limit: trust policies of roles only; what is shown keeps the ARN, also after its owner is gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.iam.models import IAMBackend

from infra.cloud import state
from infra.cloud.conditions import listed
from infra.cloud.iam import Document, statements

_create, _update = IAMBackend.create_role, IAMBackend.update_assume_role_policy


def policy(role: Any) -> Document:
    """Return a role's trust policy; who is gone stands in it by an id that nobody has."""
    document = state.document(role.assume_role_policy_document)
    kept: dict[str, str] = getattr(role, "trusted", {})
    known = _ids(state.iam())
    gone = {arn: number for arn, number in kept.items() if known.get(arn) != number}
    if not gone:
        return document
    found = [_replaced(statement, gone) for _, statement in statements([document])]
    return {**document, "Statement": found}


def remember(store: Any, role: Any) -> None:
    """Note the ids of the users and roles that a role's trust policy names now."""
    named = {
        str(arn) for _, statement in statements([state.document(role.assume_role_policy_document)])
        for element in ("Principal", "NotPrincipal") for arn in _named(statement.get(element))
    }  # fmt: skip
    role.trusted = {arn: number for arn, number in _ids(store).items() if arn in named}


def _ids(store: Any) -> dict[str, str]:
    return {str(one.arn): str(one.id) for one in [*store.users.values(), *store.roles.values()]}


def _named(element: Any) -> list[Any]:
    return listed(element.get("AWS")) if isinstance(element, Mapping) else []


def _replaced(statement: Mapping[str, Any], gone: Mapping[str, str]) -> dict[str, Any]:
    made = dict(statement)
    for element in ("Principal", "NotPrincipal"):
        if _named(made.get(element)):
            names = [gone.get(str(arn), arn) for arn in _named(made[element])]
            made[element] = {**made[element], "AWS": names}
    return made


def _create_role(self: Any, *values: Any, **more: Any) -> Any:
    role = _create(self, *values, **more)
    remember(self, role)
    return role


def _update_trust(self: Any, *values: Any, **more: Any) -> None:
    _update(self, *values, **more)
    for role in self.roles.values():
        if role.name in {*values, more.get("role_name")}:
            remember(self, role)


IAMBackend.create_role = _create_role  # type: ignore[method-assign]
IAMBackend.update_assume_role_policy = _update_trust  # type: ignore[method-assign]
