"""Laws that hold for all policies: deny wins, denies only take away, the simulator agrees."""

from __future__ import annotations

import json
from typing import Any

from botocore.parsers import create_parser
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.cloud import iam, simulator
from infra.cloud.calls import Call, Caller
from infra.cloud.iam import Document, Policies, Principal, Request
from infra.cloud.keys import ROOT
from infra.cloud.routes import model
from infra.cloud.surface import granted
from tests.infra import iam_runs
from tests.infra.iam_cases.form import ANN, BOB, DENIED, HERE, ROLE, SESSION, STRANGER, YES

CASES = settings(max_examples=200, deadline=None)
ACTIONS = ["s3:GetObject", "s3:PutObject", "iam:GetUser", "kms:Decrypt"]
RESOURCES = ["arn:aws:s3:::data/a", "arn:aws:s3:::data/b*", f"arn:aws:iam::{HERE}:user/ann"]
KEYS = ["s3:prefix", "aws:TagKeys", "aws:SecureTransport", "s3:max-keys", "aws:username"]
VALUES = ["true", "false", "ann", "a*", "5", "${aws:username}", "${s3:prefix}"]
OPERATORS = [
    quantifier + name + ending
    for name in ("StringEquals", "StringNotEquals", "StringLike", "Bool", "NumericLessThan")
    for quantifier in ("", "ForAllValues:", "ForAnyValue:") for ending in ("", "IfExists")
]  # fmt: skip
PATTERNS = ["*", "s3:*", "*:Get*", "s3:GetObject", "kms:Decrypt"]
ARNS = ["*", "arn:aws:s3:::data/*", "arn:aws:s3:::data/${aws:username}*", *RESOURCES]
PRINCIPALS: list[Any] = [
    "*", {"AWS": HERE}, {"AWS": ANN.arn}, {"AWS": [BOB, ROLE]}, {"AWS": SESSION.arn},
    {"AWS": STRANGER.arn}, {"Service": "s3.amazonaws.com"},
]  # fmt: skip


def some(values: list[Any]) -> st.SearchStrategy[Any]:
    """One of the values, or a list of them."""
    return st.one_of(
        st.sampled_from(values), st.lists(st.sampled_from(values), min_size=1, max_size=2)
    )


CONDITIONS = st.dictionaries(
    st.sampled_from(OPERATORS),
    st.dictionaries(st.sampled_from(KEYS), some(VALUES), min_size=1, max_size=2), max_size=2,
)


@st.composite
def statements(draw: Any, *, resource: bool = False, effects: str = "Allow Deny") -> Any:
    """A statement of an identity policy, or of a resource's."""
    made: dict[str, Any] = {"Effect": draw(st.sampled_from(effects.split()))}
    made[draw(st.sampled_from(["Action", "Action", "NotAction"]))] = draw(some(PATTERNS))
    made[draw(st.sampled_from(["Resource", "Resource", "NotResource"]))] = draw(some(ARNS))
    if resource:
        denies = made["Effect"] == "Deny"
        name = draw(st.sampled_from(["Principal", "NotPrincipal"])) if denies else "Principal"
        made[name] = draw(st.sampled_from(PRINCIPALS[1 if name == "NotPrincipal" else 0:]))
    condition = draw(CONDITIONS)
    return made | ({"Condition": condition} if condition else {})


def documents(**more: Any) -> st.SearchStrategy[Document]:
    """A policy of one to three statements."""
    listed = st.lists(statements(**more), min_size=1, max_size=3)
    return st.builds(
        lambda version, found: {"Version": version, "Statement": found},
        st.sampled_from(["2012-10-17", "2012-10-17", "2008-10-17"]), listed,
    )


CONTEXTS = st.fixed_dictionaries({}, optional={
    "s3:prefix": st.sampled_from(["ann", "a/b", ""]), "s3:max-keys": st.sampled_from(["4", "5"]),
    "aws:securetransport": st.sampled_from(["true", "false"]),
    "aws:tagkeys": st.lists(st.sampled_from(["ann", "a*", "5"]), max_size=2),
})  # fmt: skip


def requests(*who: Principal) -> st.SearchStrategy[Request]:
    """A request of one of these principals."""
    return st.builds(
        Request, st.sampled_from(who), st.sampled_from(ACTIONS), st.sampled_from(RESOURCES),
        CONTEXTS, st.just(HERE),
    )


def maybe(found: st.SearchStrategy[Document]) -> st.SearchStrategy[list[Document] | None]:
    """No limit, or one."""
    return st.one_of(st.none(), st.lists(found, min_size=1, max_size=1))


POLICIES = st.builds(
    Policies, st.lists(documents(), max_size=2), maybe(documents()), maybe(documents()),
    st.one_of(st.none(), documents(resource=True)), st.booleans(),
)
EVERYONE = requests(ANN, SESSION, STRANGER)


def with_more(policies: Policies, statement: dict[str, Any]) -> Policies:
    """Return the policies with an identity policy more."""
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return Policies(
        [*policies.identity, document], policies.boundary, policies.session, policies.resource,
        policies.must_delegate,
    )


@CASES
@given(EVERYONE, POLICIES, st.data())
def test_an_explicit_deny_is_never_overridden(
    request: Request, policies: Policies, data: st.DataObject
) -> None:
    """Whichever policy it stands in, and whatever else is allowed."""
    deny = {"Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
    named = {"Statement": [deny["Statement"][0] | {"Principal": "*"}]}
    place = data.draw(st.sampled_from(["identity", "boundary", "session", "resource"]))
    found = {
        "identity": policies.identity, "boundary": policies.boundary,
        "session": policies.session, "resource": policies.resource,
    } | {place: named if place == "resource" else [deny]}  # fmt: skip
    decision = iam.evaluate(request, Policies(**found, must_delegate=policies.must_delegate))
    assert not decision.allowed
    assert decision.explicit


@CASES
@given(EVERYONE, POLICIES, statements(effects="Deny"))
def test_another_deny_never_allows_more(
    request: Request, policies: Policies, deny: dict[str, Any]
) -> None:
    before, after = (iam.evaluate(request, p) for p in (policies, with_more(policies, deny)))
    assert after.allowed <= before.allowed
    assert after.explicit >= before.explicit


@CASES
@given(EVERYONE, POLICIES, statements(effects="Allow"))
def test_another_allow_never_denies(
    request: Request, policies: Policies, allow: dict[str, Any]
) -> None:
    before, after = (iam.evaluate(request, p) for p in (policies, with_more(policies, allow)))
    assert after.allowed >= before.allowed
    assert after.explicit == before.explicit


@CASES
@given(EVERYONE, POLICIES)
def test_a_limit_only_limits(request: Request, policies: Policies) -> None:
    """Without its boundary and session policies a principal may what it may with them."""
    without = Policies(
        policies.identity, None, None, policies.resource, policies.must_delegate
    )
    limited = iam.evaluate(request, policies).allowed
    assert limited <= iam.evaluate(request, without).allowed


@CASES
@given(st.lists(documents(), max_size=3), st.one_of(st.none(), documents()), CONTEXTS)
def test_the_surface_is_the_evaluators(
    policies: list[Document], boundary: Document | None, context: dict[str, Any]
) -> None:
    universe = [(action, arn) for action in ACTIONS for arn in RESOURCES]
    limit = None if boundary is None else [boundary]
    wanted = {
        pair for pair in universe
        if iam.evaluate(Request(ANN, *pair, context), Policies(policies, limit)).allowed
    }  # fmt: skip
    assert granted(
        policies, universe, boundary=boundary, context=context, principal=ANN
    ) == wanted


def form(asked: dict[str, Any]) -> dict[str, str]:
    """Return parameters as botocore writes them into a form."""
    from botocore.serialize import create_serializer

    operation = model("iam").operation_model("SimulateCustomPolicy")
    made = create_serializer("query").serialize_to_request(asked, operation)["body"]
    return {k: str(v) for k, v in made.items() if k not in {"Action", "Version"}}


def by_simulator(request: Request, policies: Policies) -> str:
    """Ask the simulator in this process; botocore writes the question and reads the answer."""
    asked = iam_runs.question(
        request.principal, request.action, request.resource, request.context, policies
    )
    call = Call("iam", "us-east-1", "SimulateCustomPolicy", form(asked), Caller(ROOT, "AKIA"))
    answer = simulator.answer(call)
    operation = model("iam").operation_model("SimulateCustomPolicy")
    parsed = create_parser("query").parse(
        {"status_code": answer.status, "headers": answer.headers, "body": answer.body},
        operation.output_shape,
    )
    [result] = parsed["EvaluationResults"]
    [specific] = result["ResourceSpecificResults"]
    assert specific["EvalResourceDecision"] == result["EvalDecision"]
    _names_what_decided(result)
    return str(result["EvalDecision"])


def _names_what_decided(result: dict[str, Any]) -> None:
    """An allow names its statements; an implicit deny has none."""
    named = bool(result["MatchedStatements"])
    if result["EvalDecision"] == YES:
        assert named
    elif result["EvalDecision"] != DENIED:
        assert not named


@settings(max_examples=100, deadline=None)
@given(requests(ANN, SESSION), POLICIES)
def test_the_simulator_agrees_with_the_door(request: Request, policies: Policies) -> None:
    """As far as its API can ask: no session policies, no resource policy where a role asks."""
    asked = Policies(
        policies.identity, policies.boundary, None,
        policies.resource if request.principal is ANN else None,
        policies.resource is not None and request.principal is ANN
        and request.action.startswith("kms:"),
    )  # fmt: skip
    with iam_runs.principals():
        need = iam_runs.Need(
            request.action, request.resource, request.context, asked.resource,
            asked.must_delegate,
        )
        enforced = iam_runs.by_door(request.principal, need, asked)
        assert by_simulator(request, asked) == enforced


def test_policies_reach_the_simulator_as_text() -> None:
    """What is drawn above is what a client would send."""
    asked = iam_runs.question(ANN, "s3:GetObject", "*", {}, Policies())
    assert json.loads(asked["PolicyInputList"][0])["Statement"]
    assert "PolicyInputList.member.1" in form(asked)
