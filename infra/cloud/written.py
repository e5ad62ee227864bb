"""Policies that IAM takes and the engine refuses, and trust that it takes and IAM does not.

IAM's grammar makes quotes optional around numbers and knows the version 2008-10-17 besides the
current one. A role's trust speaks of STS alone, also when the role is made. Limit: changes what the
engine checks, not what it keeps; import it once.
"""

from __future__ import annotations

import json
from typing import Any

from moto.iam.exceptions import MalformedPolicyDocument
from moto.iam.models import IAMBackend
from moto.iam.policy_validation import BaseIAMPolicyValidator, IAMTrustPolicyDocumentValidator

from infra.cloud.conditions import listed

_check_syntax = BaseIAMPolicyValidator._validate_syntax
_create_role = IAMBackend.create_role


def quoted(value: Any) -> Any:
    """Return a policy with its numbers as text."""
    if isinstance(value, dict):
        return {key: quoted(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [quoted(inner) for inner in value]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if number else value


def _syntax(self: Any) -> None:
    self._policy_document = json.dumps(quoted(json.loads(self._policy_document)))
    _check_syntax(self)


def _trust(self: Any) -> None:
    """Raise MalformedPolicyDocument, in IAM's words, for what is no trust policy."""
    BaseIAMPolicyValidator.validate(self)
    for statement in self._statements:
        actions = [*listed(statement.get("Action")), *listed(statement.get("NotAction"))]
        if not all(str(action).lower().startswith("sts:") for action in actions):
            raise MalformedPolicyDocument(
                "AssumeRole policy may only specify STS AssumeRole actions."
            )
        if "Resource" in statement or "NotResource" in statement:
            raise MalformedPolicyDocument("Has prohibited field Resource.")


def _made(
    self: Any, role_name: str, assume_role_policy_document: str, *rest: Any, **more: Any
) -> Any:
    IAMTrustPolicyDocumentValidator(assume_role_policy_document).validate()
    return _create_role(self, role_name, assume_role_policy_document, *rest, **more)


BaseIAMPolicyValidator._validate_syntax = _syntax  # type: ignore[method-assign]
BaseIAMPolicyValidator._validate_version = lambda self: None  # type: ignore[method-assign]
IAMTrustPolicyDocumentValidator.validate = _trust  # type: ignore[method-assign]
IAMBackend.create_role = _made  # type: ignore[method-assign]
