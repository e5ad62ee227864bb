"""What would IAM say? One action on some resources, with policies that need not be stored.

The verdict is the front door's own: `iam.evaluate` decides both. Limit: no organization policies;
context keys are those given and those that follow from the caller, the clock gives none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from infra.cloud import iam, variables
from infra.cloud.conditions import Context, listed
from infra.cloud.iam import Document, Policies, Principal, Request
from infra.cloud.positions import Place, statements

Decision = Literal["allowed", "explicitDeny", "implicitDeny"]
_STRICT: tuple[Decision, ...] = ("allowed", "implicitDeny", "explicitDeny")


@dataclass(frozen=True)
class Source:
    """A policy and where it comes from. `kind` is a PolicySourceType of IAM's API.

    `holder` is the user, group or role that an inline policy is part of.
    """

    id: str
    kind: str
    text: str
    document: Document
    arn: str = ""
    holder: str = ""


@dataclass(frozen=True)
class Matched:
    """A statement that made the verdict."""

    source: Source
    start: Place
    end: Place


@dataclass(frozen=True)
class Scene:
    """Everything but the question: who asks, under which policies, in which context.

    `owner` is the account of resources whose ARN names none; "" means the caller's.
    """

    principal: Principal
    identity: Sequence[Source] = ()
    boundary: Source | None = None
    resource: Source | None = None
    context: Context = field(default_factory=dict)
    owner: str = ""


@dataclass(frozen=True)
class Verdict:
    """The outcome for one resource, or over all of them."""

    resource: str
    decision: Decision
    matched: tuple[Matched, ...] = ()
    missing: tuple[str, ...] = ()
    within_boundary: bool | None = None
    details: Mapping[str, Decision] = field(default_factory=dict)


def judge(scene: Scene, action: str, resource: str = "*") -> Verdict:
    """Return the verdict on one action and one resource."""
    request = iam.complete(Request(
        scene.principal, action, resource, scene.context, _account(scene, resource)
    ))  # fmt: skip
    policies = _policies(scene, action)
    decision = _word(iam.evaluate(request, policies))
    return Verdict(
        resource, decision, tuple(_matched(scene, request, decision)),
        tuple(_missing(scene, request)), _within(scene, request),
        _details(scene, request) if request.account != scene.principal.account else {},
    )


def together(verdicts: Sequence[Verdict]) -> Verdict:
    """Return one verdict over several resources: the strictest, and what led to it."""
    decision = max((v.decision for v in verdicts), key=_STRICT.index)
    matched = [m for v in verdicts if v.decision == decision for m in v.matched]
    bounds = [v.within_boundary for v in verdicts if v.within_boundary is not None]
    names = dict.fromkeys(name for v in verdicts for name in v.details)
    details = {
        name: max((v.details[name] for v in verdicts if name in v.details), key=_STRICT.index)
        for name in names
    }
    return Verdict(
        "*", decision, tuple(_once(matched, lambda m: (m.source.id, m.start))),
        tuple(_once((k for v in verdicts for k in v.missing), str.lower)),
        all(bounds) if bounds else None, details,
    )


def context_keys(documents: Iterable[Document]) -> list[str]:
    """Return the condition keys and variables that policies ask for, as they write them."""
    found = (
        key for _, statement in iam.statements(documents) for key in _keys(statement)
    )  # fmt: skip
    return _once(found, str.lower)


def _account(scene: Scene, resource: str) -> str:
    parts = resource.split(":", 5)
    named = parts[4] if len(parts) == 6 else ""
    return named if named.isdigit() else scene.owner or scene.principal.account


def _policies(scene: Scene, action: str) -> Policies:
    # A key's or a role's own policy has to let identity policies count; it can only when given.
    strict = action.lower().startswith(("kms:", "sts:"))
    return Policies(
        [source.document for source in scene.identity],
        None if scene.boundary is None else [scene.boundary.document],
        None,
        None if scene.resource is None else scene.resource.document,
        strict and scene.resource is not None,
    )


def _word(decision: iam.Decision) -> Decision:
    if decision.allowed:
        return "allowed"
    return "explicitDeny" if decision.explicit else "implicitDeny"


def _matched(scene: Scene, request: Request, decision: Decision) -> Iterable[Matched]:
    """Yield the statements of identity and resource policies that made the verdict."""
    if decision == "implicitDeny":
        return
    effect = "Allow" if decision == "allowed" else "Deny"
    for source in (*scene.identity, *([scene.resource] if scene.resource else [])):
        places = statements(source.text)
        for (document, statement), (start, end) in zip(
            iam.statements([source.document]), places, strict=True
        ):
            if statement.get("Effect") != effect or not iam.applies(statement, document, request):
                continue
            if source is scene.resource and iam.names(statement, request.principal) == "none":
                continue
            yield Matched(source, start, end)


def _missing(scene: Scene, request: Request) -> Iterable[str]:
    """Yield the keys that policies ask for in statements about this action, and nobody gave."""
    sources = [*scene.identity, scene.boundary, scene.resource]
    documents = [source.document for source in sources if source is not None]
    asked = (
        key for _, statement in iam.statements(documents)
        if iam.speaks_of(statement, request.action) for key in _keys(statement)
    )  # fmt: skip
    return _once((key for key in asked if key.lower() not in request.context), str.lower)


def _within(scene: Scene, request: Request) -> bool | None:
    if scene.boundary is None:
        return None
    alone = Policies(identity=[scene.boundary.document])
    return iam.evaluate(replace(request, account=request.principal.account), alone).allowed


def _details(scene: Scene, request: Request) -> dict[str, Decision]:
    """Each kind of policy alone, for a request from one account to another."""
    inside = replace(request, account=request.principal.account)
    identity = Policies(identity=[source.document for source in scene.identity])
    found = {"IdentityPolicy": _word(iam.evaluate(inside, identity))}
    if scene.resource is not None:
        found["ResourcePolicy"] = _by_resource(request, scene.resource.document)
    if scene.boundary is not None:
        boundary = Policies(identity=[scene.boundary.document])
        found["PermissionsBoundary"] = _word(iam.evaluate(inside, boundary))
    return found


def _by_resource(request: Request, document: Document) -> Decision:
    everything = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    return _word(iam.evaluate(request, Policies(identity=[everything], resource=document)))


def _keys(statement: Mapping[str, Any]) -> Iterable[str]:
    for name in ("Resource", "NotResource"):
        for value in listed(statement.get(name)):
            yield from variables.names(str(value))
    block = statement.get("Condition")
    for keys in block.values() if isinstance(block, Mapping) else ():
        for key, values in keys.items() if isinstance(keys, Mapping) else ():
            yield str(key)
            for value in listed(values):
                yield from variables.names(str(value))


def _once(values: Iterable[Any], key: Any) -> list[Any]:
    """Return values in order, each once by its key."""
    found: dict[Any, Any] = {}
    for value in values:
        found.setdefault(key(value), value)
    return list(found.values())
