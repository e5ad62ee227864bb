"""IAM's decision as a pure function: (principal, action, resource, context, policies) -> verdict.

Follows the policy evaluation logic of the IAM user guide for one account and across two.
Limit: organization policies (SCP, RCP), access control lists and VPC endpoint policies are absent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from infra.cloud import variables
from infra.cloud.conditions import Context, holds, like, listed
from infra.cloud.variables import Expand

Document = Mapping[str, Any]
Kind = Literal["root", "user", "session", "federated", "service", "anonymous"]
# How a statement's Principal names the caller. "account" delegates to identity policies.
Match = Literal["none", "account", "role", "direct"]

IDENTITY = "identity-based policy"
RESOURCE = "resource-based policy"
BOUNDARY = "permissions boundary"
SESSION = "session policy"


@dataclass(frozen=True)
class Principal:
    """Who calls. `role` is the IAM role's ARN when `kind` is session.

    `source` is the source identity that was set when a role was assumed.
    """

    kind: Kind
    arn: str
    account: str
    id: str = ""
    name: str = ""
    role: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    source: str = ""


@dataclass(frozen=True)
class Request:
    """One action on one resource. Context keys are lower case; values are text or lists of it."""

    principal: Principal
    action: str
    resource: str
    context: Context = field(default_factory=dict)
    account: str = ""


@dataclass(frozen=True)
class Policies:
    """Every document that has a say. None for boundary or session: there is no such limit.

    `must_delegate`: identity policies count only where the resource's own policy names the
    account, as KMS keys and role trust policies demand.
    """

    identity: Sequence[Document] = ()
    boundary: Sequence[Document] | None = None
    session: Sequence[Document] | None = None
    resource: Document | None = None
    must_delegate: bool = False


@dataclass(frozen=True)
class Decision:
    """The verdict, with the policy type that decided, for the message and the call log."""

    allowed: bool
    explicit: bool = False
    source: str = IDENTITY

    def because(self, action: str) -> str:
        """Return the reason in the words AWS uses."""
        if self.explicit:
            return f"with an explicit deny in {_article(self.source)} {self.source}"
        return f"because no {self.source} allows the {action} action"


def evaluate(request: Request, policies: Policies) -> Decision:
    """Decide one request: explicit deny, then resource policy, then the limits and grants."""
    request = complete(request)
    denier = _explicit_deny(request, policies)
    if denier:
        return Decision(False, True, denier)
    if request.principal.kind == "root" and _same_account(request):
        return _root(request, policies)
    granted = _grant(request, policies.resource)
    if not _same_account(request):
        return _across_accounts(request, policies, granted)
    if granted == "direct":
        return Decision(True, source=RESOURCE)
    if policies.must_delegate and granted == "none":
        return Decision(False, source=RESOURCE)
    return _limited(request, policies, by_resource=granted == "role")


def _limited(request: Request, policies: Policies, *, by_resource: bool) -> Decision:
    """Grant by identity policy (or role ARN in the resource policy), then boundary and session."""
    if not by_resource and not _allows(request, policies.identity):
        return Decision(False, source=IDENTITY)
    if policies.boundary is not None and not _allows(request, policies.boundary):
        return Decision(False, source=BOUNDARY)
    if policies.session is not None and not _allows(request, policies.session):
        return Decision(False, source=SESSION)
    return Decision(True, source=RESOURCE if by_resource else IDENTITY)


def _across_accounts(request: Request, policies: Policies, granted: Match) -> Decision:
    """Another account's resource: its policy must name us, and our own policies must allow."""
    if granted == "none":
        return Decision(False, source=RESOURCE)
    if request.principal.kind in {"anonymous", "service", "root"}:
        return Decision(True, source=RESOURCE)
    return _limited(request, policies, by_resource=False)


def _root(request: Request, policies: Policies) -> Decision:
    """The account's root user may do what no policy denies; a key or role must name the account."""
    if policies.must_delegate and _grant(request, policies.resource) == "none":
        return Decision(False, source=RESOURCE)
    return Decision(True)


def _same_account(request: Request) -> bool:
    if request.principal.kind in {"anonymous", "service"}:
        return False
    return not request.account or request.account == request.principal.account


def _explicit_deny(request: Request, policies: Policies) -> str:
    """Return the type of policy that denies, or nothing."""
    limited = policies.boundary is not None
    if any(
        s.get("Effect") == "Deny" and _denies(s, request.principal, limited)
        and applies(s, d, request)
        for d, s in statements([policies.resource] if policies.resource else [])
    ):
        return RESOURCE
    for source, documents in (
        (IDENTITY, policies.identity),
        (BOUNDARY, policies.boundary),
        (SESSION, policies.session),
    ):
        for document, statement in statements(documents or ()):
            if statement.get("Effect") == "Deny" and applies(statement, document, request):
                return source
    return ""


def _denies(statement: Mapping[str, Any], principal: Principal, limited: bool) -> bool:
    """Whether a Deny means the caller. NotPrincipal hits whoever has a boundary, named or not."""
    return ("NotPrincipal" in statement and limited) or names(statement, principal) != "none"


def _allows(request: Request, documents: Iterable[Document]) -> bool:
    return any(
        statement.get("Effect") == "Allow" and applies(statement, document, request)
        for document, statement in statements(documents)
    )


def _grant(request: Request, document: Document | None) -> Match:
    """The strongest way in which the resource's policy allows the caller."""
    order: tuple[Match, ...] = ("none", "account", "role", "direct")
    best: Match = "none"
    for owner, statement in statements([document] if document else []):
        if statement.get("Effect") != "Allow":
            continue
        how = names(statement, request.principal)
        if order.index(how) > order.index(best) and applies(statement, owner, request):
            best = how
    return best


def statements(documents: Iterable[Document]) -> Iterable[tuple[Document, Mapping[str, Any]]]:
    """Yield (document, statement); a document's Statement may be one object or a list."""
    for document in documents:
        for statement in listed(document.get("Statement")):
            if isinstance(statement, Mapping):
                yield document, statement


def applies(statement: Mapping[str, Any], document: Document, request: Request) -> bool:
    """Whether a statement speaks of this action on this resource under these conditions."""
    if not speaks_of(statement, request.action):
        return False
    fill = variables.filler(document, request.context)
    return _resource_matches(statement, request.resource, fill) and holds(
        statement.get("Condition", {}), request.context, fill
    )


def speaks_of(statement: Mapping[str, Any], action: str) -> bool:
    """Whether a statement's Action or NotAction covers an action; case is ignored."""
    if "NotAction" in statement:
        patterns = listed(statement["NotAction"])
        return not any(like(action, str(p), ignore_case=True) for p in patterns)
    patterns = listed(statement.get("Action"))
    return any(like(action, str(p), ignore_case=True) for p in patterns)


def _resource_matches(statement: Mapping[str, Any], resource: str, fill: Expand) -> bool:
    """A trust policy has no Resource: it speaks of the role that carries it."""
    inverse = "NotResource" in statement
    if not inverse and "Resource" not in statement:
        return "Principal" in statement or "NotPrincipal" in statement
    patterns = listed(statement["NotResource" if inverse else "Resource"])
    filled = [f for p in patterns if (f := variables.resource(str(p), fill)) is not None]
    return any(like(resource, pattern) for pattern in filled) != inverse


def names(statement: Mapping[str, Any], principal: Principal) -> Match:
    """How a resource policy's statement names the caller.

    NotPrincipal spares whom it names itself: a user by its account alone is not spared. It is
    for Deny; an Allow with it grants nothing.
    """
    if "NotPrincipal" in statement:
        spared = _named(statement["NotPrincipal"], principal) == "direct"
        return "none" if spared or statement.get("Effect") != "Deny" else "direct"
    return _named(statement.get("Principal"), principal)


def _named(element: Any, principal: Principal) -> Match:
    if element == "*":
        return "direct"
    if not isinstance(element, Mapping):
        return "none"
    found: Match = "none"
    for kind, values in element.items():
        for value in listed(values):
            how = _names_one(str(kind), str(value), principal)
            if how == "direct":
                return how
            if how != "none" and found != "role":
                found = how
    return found


def _names_one(kind: str, value: str, principal: Principal) -> Match:
    if kind == "Service":
        return "direct" if principal.kind == "service" and value == principal.arn else "none"
    if kind != "AWS":
        return "none"
    if value == "*":
        return "direct"
    if principal.kind in {"anonymous", "service"}:
        return "none"
    if value in {principal.account, f"arn:aws:iam::{principal.account}:root"}:
        return "direct" if principal.kind == "root" else "account"
    if value == principal.role and principal.role:
        return "role"
    return "direct" if value in {principal.arn, principal.id} else "none"


def complete(request: Request) -> Request:
    """Return the request with the context keys that follow from its principal; its own win."""
    return replace(request, context=_principal_context(request.principal) | dict(request.context))


def _principal_context(principal: Principal) -> dict[str, str | Sequence[str]]:
    if not principal.arn:
        return {}
    if principal.kind == "anonymous":
        return {"aws:principaltype": "Anonymous", "aws:userid": "anonymous"}
    if principal.kind == "service":
        return {"aws:principalisawsservice": "true", "aws:principalservicename": principal.arn}
    keys: dict[str, str | Sequence[str]] = {
        "aws:principalarn": principal.role or principal.arn,
        "aws:principalaccount": principal.account,
        "aws:principaltype": {"root": "Account", "user": "User"}.get(principal.kind, "AssumedRole"),
        "aws:principalisawsservice": "false",
    }
    if principal.id:
        keys["aws:userid"] = principal.id
    if principal.kind == "user":
        keys["aws:username"] = principal.name
    if principal.source:
        keys["aws:sourceidentity"] = principal.source
    for tag, value in principal.tags.items():
        keys[f"aws:principaltag/{tag.lower()}"] = value
    return keys


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"
