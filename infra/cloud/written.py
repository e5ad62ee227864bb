"""Policies that IAM takes and the engine refuses: numbers without quotes, the older version.

IAM's grammar makes quotes optional around numbers and knows the version 2008-10-17 besides the
current one. Limit: changes what the engine checks, not what it keeps; import it once.
"""

from __future__ import annotations

import json
from typing import Any

from moto.iam.policy_validation import BaseIAMPolicyValidator

_check_syntax = BaseIAMPolicyValidator._validate_syntax


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


BaseIAMPolicyValidator._validate_syntax = _syntax  # type: ignore[method-assign]
BaseIAMPolicyValidator._validate_version = lambda self: None  # type: ignore[method-assign]
