"""IAM's policy simulator: SimulatePrincipalPolicy, SimulateCustomPolicy, GetContextKeysFor*.

Limit: organization policies and the EC2 scenarios of ResourceHandlingOption are refused; a role as
the caller takes no resource policy, as on AWS.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from infra.cloud import simulation, state
from infra.cloud.calls import Call
from infra.cloud.dispatch import ACCOUNT
from infra.cloud.entities import Entity, entity, exclude, sources
from infra.cloud.errors import Answer, namespace
from infra.cloud.forms import Map, xml
from infra.cloud.iam import Kind, Principal
from infra.cloud.questions import actions, context, page, policy_inputs, refused, resources
from infra.cloud.simulation import Matched, Scene, Source, Verdict
from infra.cloud.templates import template

ON_ENTITY = {"SimulatePrincipalPolicy", "GetContextKeysForPrincipalPolicy"}
ON_ALL = {"SimulateCustomPolicy", "GetContextKeysForCustomPolicy"}
_UNMODELLED = ("OrderedOrganizationPolicyInputList", "ResourceHandlingOption")


def answer(call: Call) -> Answer:
    """Answer one call of the simulator; AwsError InvalidInput or NoSuchEntity for bad input."""
    given = policy_inputs(call.params, "PolicyInputList")
    if call.operation in ON_ENTITY:
        whose = entity(str(call.params.get("PolicySourceArn", "")))
        given = [*exclude(sources(whose), call.params), *given]
    else:
        whose = None
        if not given:
            raise refused("PolicyInputList must hold a policy.")
    if call.operation.startswith("GetContextKeys"):
        keys = simulation.context_keys(source.document for source in given)
        return _answer(call, {"ContextKeyNames": keys})
    return _simulate(call, _scene(call, whose, given))


def _simulate(call: Call, scene: Scene) -> Answer:
    named = resources(call.params)
    wanted, marker = page(call.params, actions(call.params))
    results = [_result(scene, action, named) for action in wanted]
    found: dict[str, Any] = {"EvaluationResults": results, "IsTruncated": bool(marker)}
    return _answer(call, found | ({"Marker": marker} if marker else {}))


def _scene(call: Call, whose: Entity | None, identity: list[Source]) -> Scene:
    params = call.params
    for name in _UNMODELLED:
        if any(key.partition(".")[0] == name for key in params):
            raise refused(f"This cloud does not model {name}.")
    resource = policy_inputs(params, "ResourcePolicy")
    given = params.get("CallerArn")
    caller = whose
    if given is not None:
        caller = entity(str(given), "CallerArn", must_exist=False)
    if resource and caller is None:
        raise refused("CallerArn is required with a ResourcePolicy.")
    if resource and caller is not None and caller.kind != "user":
        raise refused("Invalid caller - Caller must be an IAM user in this context.")
    return Scene(
        _principal(caller), identity, _boundary(call, whose), resource[0] if resource else None,
        context(params), _owner(params),
    )


def _principal(caller: Entity | None) -> Principal:
    """Return who is simulated; what is known of them here, their tags too, follows from it."""
    if caller is None:
        return Principal("federated", "", ACCOUNT)
    kinds: dict[str, Kind] = {"user": "user", "role": "session", "group": "federated"}
    found = caller.found
    tags = state.pairs(getattr(found, "tags", None)) if caller.kind != "group" else {}
    number = str(getattr(found, "id", "")) if caller.kind == "user" else ""
    role = caller.arn if caller.kind == "role" else ""
    kind = kinds[caller.kind]
    return Principal(kind, caller.arn, caller.account, number, caller.name, role, tags)


def _boundary(call: Call, whose: Entity | None) -> Source | None:
    """The boundary passed replaces the one attached."""
    given = policy_inputs(call.params, "PermissionsBoundaryPolicyInputList")
    if len(given) > 1:
        raise refused("PermissionsBoundaryPolicyInputList takes one policy.")
    if given:
        return given[0]
    arn = getattr(whose.found, "permissions_boundary_arn", None) if whose else None
    if not arn or exclude([Source("", "permission-boundary", "", {})], call.params) == []:
        return None
    text = state.managed_text(arn)
    return Source(text.name, "user-managed", text.text, json.loads(text.text), arn)


def _owner(params: dict[str, Any]) -> str:
    """Return the account of resources that name none; it is given as a number or as its ARN."""
    given = str(params.get("ResourceOwner", ""))
    number = given.removeprefix("arn:aws:iam::").removesuffix(":root")
    if given and not (number.isascii() and number.isdigit() and len(number) == 12):
        raise refused(f"{given!r} is not a valid Resource Owner.")
    return number


def _result(scene: Scene, action: str, named: list[str]) -> dict[str, Any]:
    """Return one EvaluationResult; without resources the question is about all of them, "*"."""
    verdicts = [simulation.judge(scene, action, resource) for resource in named or ["*"]]
    total = simulation.together(verdicts)
    specific = [
        {"EvalResourceName": v.resource, "EvalResourceDecision": v.decision, **_common(v, True)}
        for v in verdicts if named
    ]  # fmt: skip
    return {
        "EvalActionName": action, "EvalResourceName": template(action) if named else "*",
        "EvalDecision": total.decision, **_common(total, bool(named)),
        "ResourceSpecificResults": specific,
    }  # fmt: skip


def _common(verdict: Verdict, named: bool) -> dict[str, Any]:
    within = verdict.within_boundary
    boundary = None if within is None else {"AllowedByPermissionsBoundary": within}
    return {
        "MatchedStatements": [_statement(m) for m in verdict.matched],
        "MissingContextValues": list(verdict.missing),
        "PermissionsBoundaryDecisionDetail": boundary,
        "EvalDecisionDetails": Map(verdict.details) if named or verdict.details else None,
    }


def _statement(matched: Matched) -> dict[str, Any]:
    places = (("StartPosition", matched.start), ("EndPosition", matched.end))
    return {
        "SourcePolicyId": matched.source.id, "SourcePolicyType": matched.source.kind,
        **{name: {"Line": place.line, "Column": place.column} for name, place in places},
    }


def _answer(call: Call, result: dict[str, Any]) -> Answer:
    name = call.operation
    body = (
        f'<{name}Response xmlns="{namespace("iam")}">{xml(name + "Result", result)}'
        f"<ResponseMetadata><RequestId>{secrets.token_hex(16)}</RequestId></ResponseMetadata>"
        f"</{name}Response>"
    )
    return Answer(200, {"content-type": "text/xml"}, body.encode())
