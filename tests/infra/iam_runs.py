"""IAM's table run three ways: by the door's decision, by real calls, by the policy simulator.

The table of what came out is tests/infra/iam_cases/results.json; `ladder sync` makes a page of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from infra.cloud import dispatch, iam, state, verdicts
from infra.cloud.calls import Need
from infra.cloud.fixtures import Cloud
from infra.cloud.iam import Decision, Policies, Principal
from tests.infra import iam_call
from tests.infra.iam_cases.form import DENIED, HERE, NO, YES, A, Case, P

RESULTS = Path(__file__).parent / "iam_cases" / "results.json"
LIMIT = f"arn:aws:iam::{HERE}:policy/door-limit"
FORM = {"content-type": "application/x-www-form-urlencoded"}


def word(decision: Decision) -> str:
    """Return a decision in the three words of IAM's API."""
    return YES if decision.allowed else DENIED if decision.explicit else NO


# --- the door's decision -------------------------------------------------------------------------

@contextmanager
def principals() -> Iterator[None]:
    """Have Ann and the role reader in this process's engine while the block runs."""
    document = json.dumps(P(A("*")))
    _iam("CreateUser", UserName="ann")
    _iam("CreateRole", RoleName="reader", AssumeRolePolicyDocument=json.dumps(
        P(A("sts:AssumeRole", None, Principal={"AWS": HERE}))))  # fmt: skip
    _iam("CreatePolicy", PolicyName="door-limit", PolicyDocument=document)
    try:
        yield
    finally:
        _clear()
        _iam("DeleteUser", UserName="ann")
        _iam("DeleteRole", RoleName="reader")
        _iam("DeletePolicy", PolicyArn=LIMIT)


def by_door(principal: Principal, need: Need, policies: Policies) -> str:
    """Hang the policies where IAM keeps them and let the door decide."""
    _clear()
    entity = {"user": state.user("ann"), "session": state.role("reader")}.get(principal.kind)
    if entity is not None:
        for number, document in enumerate(policies.identity):
            entity.policies[f"p{number}"] = json.dumps(document)
        if policies.boundary is not None:
            version = state.iam().managed_policies[LIMIT].versions[0]
            version.document = json.dumps(policies.boundary[0])
            entity.permissions_boundary_arn = LIMIT
    return word(verdicts.decide(principal, need, {}, policies.session))


def door_verdict(case: Case) -> str:
    """Return the door's verdict on a row; another account's principals go to the evaluator."""
    request, policies = case.request, case.policies
    if request.principal.account not in {HERE, ""}:
        return word(iam.evaluate(request, policies))
    need = Need(
        request.action, request.resource, request.context, policies.resource,
        policies.must_delegate,
    )
    return by_door(request.principal, need, policies)


def _clear() -> None:
    for entity in (state.user("ann"), state.role("reader")):
        assert entity is not None
        entity.policies.clear()
        entity.permissions_boundary_arn = None


def _iam(action: str, **parameters: str) -> None:
    form = urlencode({"Action": action, "Version": "2010-05-08", **parameters}).encode()
    answer = dispatch.call("iam", "us-east-1", "POST", headers=FORM, body=form)
    assert answer.status == 200, answer.body


# --- the policy simulator ------------------------------------------------------------------------

def unaskable(principal: Principal, policies: Policies) -> str:
    """Return why the simulator's API has no way to ask; "" when it has."""
    if principal.kind not in {"user", "session"}:
        return "it simulates users, groups and roles"
    if policies.session is not None:
        return "it takes no session policies"
    if principal.kind == "session" and policies.resource is not None:
        return "it takes no resource policy where a role asks"
    return ""


def question(
    principal: Principal, action: str, resource: str, context: Mapping[str, Any],
    policies: Policies,
) -> dict[str, Any]:
    """Return a row as the parameters of SimulateCustomPolicy."""
    nothing = P(A("nothing:Nothing"))  # at least one policy has to be given
    asked: dict[str, Any] = {
        "PolicyInputList": [json.dumps(d) for d in policies.identity or [nothing]],
        "ActionNames": [action], "CallerArn": principal.role or principal.arn,
        "ResourceOwner": f"arn:aws:iam::{HERE}:root", "ContextEntries": iam_call.entries(
            {"aws:userid": principal.id}
            | {f"aws:PrincipalTag/{k}": v for k, v in principal.tags.items()} | dict(context)),
    }  # fmt: skip
    if resource != "*":
        asked["ResourceArns"] = [resource]
    if policies.boundary is not None:
        asked["PermissionsBoundaryPolicyInputList"] = [json.dumps(policies.boundary[0])]
    if policies.resource is not None:
        asked["ResourcePolicy"] = json.dumps(policies.resource)
    return asked


def simulated(case: Case, cloud: Cloud) -> str:
    """Return the simulator's verdict on a row, through boto3; "" where its API cannot ask."""
    request = case.request
    if unaskable(request.principal, case.policies):
        return ""
    found = cloud.client("iam").simulate_custom_policy(**question(
        request.principal, request.action, request.resource, request.context, case.policies
    ))["EvaluationResults"][0]  # fmt: skip
    return str(found["EvalDecision"])


# --- the table -----------------------------------------------------------------------------------

@dataclass
class Runs:
    """What came out, by title; "" where a way cannot ask."""

    door: dict[str, str] = field(default_factory=dict)
    call: dict[str, str] = field(default_factory=dict)
    simulator: dict[str, str] = field(default_factory=dict)


def call_verdict(case: Case) -> str:
    """Return the verdict of a real call; "" where no client can ask that."""
    return iam_call.verdict(case) if iam_call.expressible(case) else ""


def table(cases: Sequence[Case], runs: Runs) -> dict[str, Any]:
    """Return the table of the site: groups, and how many rows agree in each way."""
    groups = list(dict.fromkeys(case.group for case in cases))
    rows = [_row(name, [c for c in cases if c.group == name], runs) for name in groups]
    rows.append(_row("**All**", list(cases), runs))
    return {
        "text": _text(cases, runs), "rows": rows,
        "columns": ["Group", "Settled by", "Rows", "The door decides", "Real calls",
                    "The simulator answers"],
        "after": [*_disagreements(cases, runs), *_unaskable(cases, runs), NOT_MODELLED],
    }  # fmt: skip


def _row(name: str, cases: Sequence[Case], runs: Runs) -> list[str]:
    page = cases[0].page if len({case.page for case in cases}) == 1 else ""
    ways = (runs.door, runs.call, runs.simulator)
    return [name, page, str(len(cases)), *(_agree(cases, found) for found in ways)]


def _agree(cases: Sequence[Case], found: Mapping[str, str]) -> str:
    asked = [case for case in cases if found[case.title]]
    right = sum(found[case.title] == case.verdict for case in asked)
    return f"{right} of {len(asked)}" if asked else "-"


def _text(cases: Sequence[Case], runs: Runs) -> list[str]:
    called = sum(bool(v) for v in runs.call.values())
    simulated = sum(bool(v) for v in runs.simulator.values())
    wrong = len({title for title, _, _, _ in _wrong(cases, runs)})
    return [
        f"{len(cases)} rows of policies, a request and a verdict, each written from a page of"
        " AWS's documentation and never from what the engine says."
        f" {len(cases) - wrong} of {len(cases)} agree, {wrong} do not.",
        "Each row is run up to three ways: by the function that the front door decides with, its"
        " policies stored where IAM keeps them; where a client can bring the request about"
        f" ({called} rows), as a real boto3 call in a private cloud, which must end as"
        " SimulatePrincipalPolicy said of that user before; and where the simulator's API"
        f" can ask ({simulated} rows), by SimulateCustomPolicy through boto3. Verdicts are allowed,"
        " explicitDeny or implicitDeny. Rows of another account's principals go to the evaluator"
        " itself, as this cloud has one account.",
        "The rows are in `tests/infra/iam_cases`, with the page and one line why.",
    ]


def _wrong(cases: Sequence[Case], runs: Runs) -> list[tuple[str, str, str, str]]:
    ways = (("the door", runs.door), ("a real call", runs.call), ("the simulator", runs.simulator))
    return [
        (case.title, way, found[case.title], case.verdict)
        for case in cases for way, found in ways
        if found[case.title] not in {"", case.verdict}
    ]


def _disagreements(cases: Sequence[Case], runs: Runs) -> list[str]:
    wrong = _wrong(cases, runs)
    if not wrong:
        return ["## Disagreements", "None."]
    return ["## Disagreements", *(
        f"- {title}: {way} says {said}, the documentation {right}"
        for title, way, said, right in wrong
    )]  # fmt: skip


def _unaskable(cases: Sequence[Case], runs: Runs) -> list[str]:
    reasons: dict[str, int] = {}
    for case in cases:
        reason = unaskable(case.request.principal, case.policies)
        if reason:
            reasons[reason] = reasons.get(reason, 0) + 1
    told = "; ".join(f"{reason} ({count} rows)" for reason, count in sorted(reasons.items()))
    return ["## What the simulator's API cannot ask", f"On AWS as here: {told}."]


NOT_MODELLED = """## What is not modelled

- Organizations: service and resource control policies. There is no organization here; the simulator refuses such policies.
- VPC endpoint policies, access control lists, access points, federation (SAML, OIDC, GetFederationToken), MFA devices: `aws:MultiFactorAuthPresent` is false in temporary credentials and absent otherwise.
- Whether a principal exists, when a policy that names it is stored. Roles trust users and roles by the unique id they had, as on AWS, and whoever is made again under an old name is not trusted; policies of other resources go by the name.
- Condition keys of services beyond those in `infra/cloud`: a key that is not supplied is absent. KMS supplies no `kms:KeySpec`, `kms:KeyUsage` and `kms:KeyOrigin` of existing keys.
- The simulator's EC2 scenarios (`ResourceHandlingOption`). Its `MissingContextValues` are the keys of statements about the action that nobody supplied; for requests across accounts it names the kinds of policies IdentityPolicy, ResourcePolicy and PermissionsBoundary, as AWS publishes no names.
- What the documentation leaves open is no row: a variable without a value under a negated operator, variables in Bool, stars in the middle of an ARN's part across a colon, a NotPrincipal that names an account alone."""  # noqa: E501
