"""May this principal do that, now? Gathers every policy that has a say and asks the evaluator.

A service declares what a call of its own needs as `calls.Need`s and never looks at policies:

- `action` and `resource`: as IAM's service reference names them, the most specific resource;
- `context`: the service's own condition keys, in lower case; the global ones are added here;
- `policy`: the resource's own policy (bucket, key, secret, queue, topic, function, repository),
  None where it has none. Either it or an identity policy suffices within the account;
- `must_delegate`: for keys and roles, where the resource's own policy must name the account;
- one need per action: copying asks for two, passing a role asks for iam:PassRole as well.

An engine that acts for somebody asks with that principal: a service's is
Principal("service", "s3.amazonaws.com", ""), with aws:sourcearn and aws:sourceaccount in the need.
Limit: one account; the resource is always in it. Reads the state of IAM, changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from infra.cloud import state
from infra.cloud.calls import Call, Need
from infra.cloud.conditions import Context
from infra.cloud.dispatch import ACCOUNT
from infra.cloud.iam import Decision, Document, Policies, Principal, Request, evaluate


def decide(
    principal: Principal, need: Need, context: Context,
    session: Sequence[Document] | None = None,
) -> Decision:
    """Evaluate one need of a principal. `session`: the session policies of its credentials."""
    request = Request(
        principal, need.action, need.resource, {**context, **need.context}, ACCOUNT
    )
    limits = Policies(session=session, resource=need.policy, must_delegate=need.must_delegate)
    decision = evaluate(request, gathered(principal, limits))
    if not decision.allowed and not decision.explicit and _granted(principal, need):
        return Decision(True, source="grant")
    return decision


def gathered(principal: Principal, policies: Policies) -> Policies:
    """Return the policies with those that hang on the principal in IAM: identity, boundary."""
    if principal.kind == "user":
        user = state.user(principal.name)
        return replace(
            policies, identity=state.user_policies(principal.name), boundary=state.boundary(user)
        )
    if principal.kind == "session":
        role = state.role_by_arn(principal.role)
        return replace(
            policies, identity=state.role_policies(role), boundary=state.boundary(role)
        )
    return policies


def refusal(call: Call, need: Need, decision: Decision) -> str:
    """Return AWS's sentence for a refused action."""
    where = f'"{need.resource}"' if call.service == "s3" else need.resource
    return (
        f"User: {call.principal.arn} is not authorized to perform: {need.action} "
        f"on resource: {where} {decision.because(need.action)}"
    )


def _granted(principal: Principal, need: Need) -> bool:
    """Whether a KMS grant gives the caller this operation."""
    if need.key is None:
        return False
    who = {principal.arn, principal.role}
    operation = need.action.removeprefix("kms:")
    encryption = encryption_context(need.context)
    return any(
        grant.grantee in who and grant.covers(operation, encryption) for grant in need.key.grants
    )


def encryption_context(keys: Mapping[str, str | Sequence[str]]) -> dict[str, str]:
    """Return the encryption context that condition keys tell of, its names in their own case."""
    names = keys.get("kms:encryptioncontextkeys", ())
    return {name: str(keys[f"kms:encryptioncontext:{name.lower()}"]) for name in names}
