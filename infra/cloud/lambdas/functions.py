"""Functions as the engine keeps them: found by name, ARN, version or alias; their policies.

Mends what the engine drops: dead-letter queues, log settings, a version's place in the ARN.
Limit: reads and mends state; runs nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from infra.cloud import dispatch
from infra.cloud.dispatch import ACCOUNT
from infra.cloud.errors import AwsError
from infra.cloud.iam import Document

_NAME = re.compile(
    r"(?:arn:aws:lambda:(?P<region>[a-z0-9-]+):)?(?:(?P<account>\d{12}):)?(?:function:)?"
    r"(?P<name>[A-Za-z0-9_-]{1,64})(?::(?P<qualifier>\$LATEST|[A-Za-z0-9_-]+))?"
)
_GOLDEN = 0.6180339887498949
KEPT = ("DeadLetterConfig", "LoggingConfig", "EphemeralStorage")


@dataclass(frozen=True)
class Version:
    """One version of a function, and the ARN by which it was asked for."""

    kept: Any
    arn: str

    @property
    def number(self) -> str:
        """Its number, or $LATEST."""
        return str(self.kept.version)

    @property
    def stamp(self) -> tuple[Any, ...]:
        """What makes an execution environment out of date when it changes."""
        kept = self.kept
        return (
            kept.function_name, self.number, kept.code_sha_256, kept.handler, kept.role,
            kept.run_time, kept.memory_size, kept.timeout, tuple(sorted(variables(kept).items())),
        )


def parts(name: str, region: str) -> tuple[str, str, str]:
    """Return region, name and qualifier ("" for none) of what a caller calls a function."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise AwsError(
            "ValidationException",
            f"1 validation error detected: Value '{name}' at 'functionName' is no function name.",
        )
    return match["region"] or region, match["name"], match["qualifier"] or ""


def arn(region: str, name: str, qualifier: str = "") -> str:
    """Return the ARN of a function."""
    end = f":{qualifier}" if qualifier else ""
    return f"arn:aws:lambda:{region}:{ACCOUNT}:function:{name}{end}"


def latest(region: str, name: str) -> Any | None:
    """Return the engine's own record of a function's $LATEST; None: there is no such function."""
    found = dispatch.backend("lambda", region)._lambdas._functions.get(name)
    return found["latest"] if found else None


def find(region: str, name: str, qualifier: str = "") -> Version:
    """Return the version that is meant. AwsError (404): there is none."""
    region, plain, given = parts(name, region)
    qualifier = given or qualifier
    store = dispatch.backend("lambda", region)._lambdas
    whole = arn(region, plain, qualifier)
    if plain not in store._functions:
        raise _missing(whole)
    if qualifier in {"", "$LATEST"}:
        return Version(store._get_latest(plain), whole)
    number = qualifier if qualifier.isdigit() else _chosen(store, region, plain, qualifier)
    found = store._get_latest(plain) if number == "$LATEST" else store._get_version(plain, number)
    if found is None:
        raise _missing(whole)
    return Version(found, whole)


def _missing(whole: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Function not found: {whole}", 404)


def _chosen(store: Any, region: str, name: str, alias: str) -> str:
    """Return the version that an alias means this time; weights are spread evenly, not drawn."""
    found = store._aliases[arn(region, name)].get(alias)
    if found is None:
        raise _missing(arn(region, name, alias))
    weights = (found.routing_config or {}).get("AdditionalVersionWeights") or {}
    found.asked = getattr(found, "asked", 0) + 1
    place = found.asked * _GOLDEN % 1
    for number, weight in sorted(weights.items()):
        if place < weight:
            return str(number)
        place -= weight
    return str(found.function_version)


def policy(region: str, name: str) -> Document | None:
    """Return the resource policy of a function, None where it has none."""
    found = latest(region, name)
    if found is None or not found.policy.statements:
        return None
    return {"Version": "2012-10-17", "Statement": list(found.policy.statements)}


def variables(kept: Any) -> dict[str, str]:
    """Return the environment variables of a function."""
    return {str(k): str(v) for k, v in (kept.environment_vars or {}).items()}


def dead_letters(kept: Any) -> str:
    """Return the ARN of a function's dead-letter queue or topic; "" for none."""
    return str((extras(kept).get("DeadLetterConfig") or {}).get("TargetArn", ""))


def extras(kept: Any) -> dict[str, Any]:
    """Return the settings that the engine does not keep."""
    found: dict[str, Any] = getattr(kept, "ladder_extras", {})
    return found


def keep(kept: Any, params: dict[str, Any]) -> None:
    """Keep settings of a create or update that the engine would drop."""
    given = {name: params[name] for name in KEPT if name in params}
    kept.ladder_extras = extras(kept) | given
    if "EphemeralStorage" in given:
        kept.ephemeral_storage = given["EphemeralStorage"]["Size"]


def settings(kept: Any) -> dict[str, Any]:
    """Return how failures of asynchronous invocations are dealt with, as it was put."""
    found = kept.event_invoke_config
    return dict(found[-1].config) if found else {}
