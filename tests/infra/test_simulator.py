"""The policy simulator through boto3: its verdicts, the statements it names, what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from infra.cloud import positions, templates
from infra.cloud.fixtures import Cloud, allow, loopback, private_cloud, trusts
from tests.infra import client

ANN = "arn:aws:iam::123456789012:user/ann"
OBJECT = "arn:aws:s3:::data/x"
# The policy and the outcome of the AWS CLI's published example of simulate-custom-policy.
DATED = (
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*",'
    '"Condition":{"DateGreaterThan":{"aws:CurrentTime":"2018-08-16T12:00:00Z"}}}}'
)


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    """One cloud for tests that only ask."""
    with loopback() as socket, private_cloud(socket) as running:
        yield running


def one(effect: str, action: str = "s3:GetObject", resource: Any = "*", **more: Any) -> str:
    """Return a policy of one statement as text."""
    statement = {"Effect": effect, "Action": action, "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def custom(cloud: Cloud, *policies: str, **more: Any) -> Any:
    """Simulate texts; s3:GetObject unless told otherwise. Return the first result."""
    more.setdefault("ActionNames", ["s3:GetObject"])
    found = cloud.client("iam").simulate_custom_policy(PolicyInputList=list(policies), **more)
    return found["EvaluationResults"][0]


def entry(name: str, kind: str, *values: str) -> dict[str, Any]:
    """Return a context entry."""
    return {"ContextKeyName": name, "ContextKeyType": kind, "ContextKeyValues": list(values)}


def test_the_published_example(cloud: Cloud) -> None:
    late = entry("aws:CurrentTime", "date", "2019-04-25T11:00:00Z")
    asked = {"ActionNames": ["dynamodb:CreateBackup"]}
    found = custom(cloud, DATED, **asked, ContextEntries=[late])
    assert (found["EvalDecision"], found["EvalResourceName"]) == ("allowed", "*")
    [statement] = found["MatchedStatements"]
    assert statement["SourcePolicyId"] == "PolicyInputList.1"
    assert statement["StartPosition"] == {"Line": 1, "Column": 38}
    assert statement["EndPosition"] == {"Line": 1, "Column": 167}
    assert found["MissingContextValues"] == []
    early = entry("aws:CurrentTime", "date", "2014-04-25T11:00:00Z")
    assert custom(cloud, DATED, **asked, ContextEntries=[early])["EvalDecision"] == "implicitDeny"
    assert custom(cloud, DATED, **asked)["MissingContextValues"] == ["aws:CurrentTime"]


def test_positions_of_several_statements() -> None:
    text = '{\n    "Version": "2012-10-17",\n    "Statement": [\n        {"a": 1},\n{"b":\n2}]}'
    places = [(s.line, s.column, e.line, e.column) for s, e in positions.statements(text)]
    assert places == [(3, 19, 4, 17), (4, 17, 6, 3)]
    assert positions.statements("[]") == positions.statements("{}") == []


def test_each_resource_and_all_of_them(cloud: Cloud) -> None:
    narrow, deny = one("Allow", resource=OBJECT), one("Deny", resource="arn:aws:s3:::data/secret")
    arns = [OBJECT, "arn:aws:s3:::data/y", "arn:aws:s3:::data/secret"]
    found = custom(cloud, narrow, deny, ResourceArns=arns)
    assert found["EvalDecision"] == "explicitDeny"
    assert found["EvalResourceName"] == "arn:${Partition}:s3:::${BucketName}/${KeyName}"
    assert [s["SourcePolicyId"] for s in found["MatchedStatements"]] == ["PolicyInputList.2"]
    each = {r["EvalResourceName"]: r for r in found["ResourceSpecificResults"]}
    decisions = [each[arn]["EvalResourceDecision"] for arn in arns]
    assert decisions == ["allowed", "implicitDeny", "explicitDeny"]
    assert each[OBJECT]["MatchedStatements"][0]["SourcePolicyId"] == "PolicyInputList.1"
    assert found["EvalDecisionDetails"] == each[OBJECT]["EvalDecisionDetails"] == {}
    assert "EvalDecisionDetails" not in custom(cloud, narrow, ResourceArns=["*"])


def test_the_policies_of_a_user_and_its_groups(cloud: Cloud) -> None:
    cloud.identity("bea", [allow(["s3:GetObject"])], boundary=allow(["s3:*", "iam:*"]))
    iam = cloud.client("iam")
    iam.create_group(GroupName="staff")
    iam.put_group_policy(
        GroupName="staff", PolicyName="look", PolicyDocument=one("Allow", "iam:ListUsers")
    )
    iam.attach_group_policy(
        GroupName="staff", PolicyArn="arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess"
    )
    iam.add_user_to_group(GroupName="staff", UserName="bea")
    arn = ANN.replace("ann", "bea")
    results = iam.simulate_principal_policy(
        PolicySourceArn=arn, ActionNames=["s3:GetObject", "iam:ListUsers", "sqs:ListQueues"],
        PolicyInputList=[one("Allow", "kms:Decrypt")],
    )["EvaluationResults"]  # fmt: skip
    told = {r["EvalActionName"]: r for r in results}
    kinds = [
        (s["SourcePolicyId"], s["SourcePolicyType"])
        for name in ("s3:GetObject", "iam:ListUsers") for s in told[name]["MatchedStatements"]
    ]  # fmt: skip
    assert kinds == [("policy-0", "user"), ("look", "group")]
    within = [
        told[n]["PermissionsBoundaryDecisionDetail"]["AllowedByPermissionsBoundary"] for n in told
    ]
    assert within == [True, True, False]
    assert told["sqs:ListQueues"]["EvalDecision"] == "implicitDeny"
    group = iam.simulate_principal_policy(
        PolicySourceArn="arn:aws:iam::123456789012:group/staff", ActionNames=["sqs:ListQueues"]
    )["EvaluationResults"][0]
    assert group["MatchedStatements"][0]["SourcePolicyType"] == "aws-managed"


def test_policies_left_out(cloud: Cloud) -> None:
    cloud.identity("cay", [allow(["s3:GetObject"])], boundary=allow(["s3:PutObject"]))
    iam, arn = cloud.client("iam"), ANN.replace("ann", "cay")

    def decision(*left_out: Any) -> str:
        found = iam.simulate_principal_policy(
            PolicySourceArn=arn, ActionNames=["s3:GetObject"], PolicyExclusionList=list(left_out)
        )
        return str(found["EvaluationResults"][0]["EvalDecision"])

    inline = {"PolicyName": "policy-0", "AttachmentType": "user", "AttachmentName": "c*"}
    boundary = {"PolicyType": "permission-boundary"}
    assert decision({"PolicyType": "scp"}) == "implicitDeny"
    assert decision(boundary) == "allowed"
    assert decision(boundary, {"InlinePolicyIdentifier": inline}) == "implicitDeny"
    assert decision(boundary, {"PolicyArn": "arn:aws:iam::aws:policy/*"}) == "allowed"
    wrong = {"PolicyArn": "arn:aws:iam::aws:policy/*a*"}
    assert client.code(partial(decision, wrong)) == "InvalidInput"


def test_a_role_has_its_tags_and_its_boundary(cloud: Cloud) -> None:
    tagged = one("Allow", Condition={"StringEquals": {"aws:PrincipalTag/team": "ops"}})
    role = cloud.role("reader", trusts(ANN), [json.loads(tagged)])
    iam = cloud.client("iam")
    asked = {"PolicySourceArn": role.arn, "ActionNames": ["s3:GetObject"]}
    found = iam.simulate_principal_policy(**asked)["EvaluationResults"][0]
    assert found["EvalDecision"] == "implicitDeny"
    assert found["MissingContextValues"] == ["aws:PrincipalTag/team"]
    iam.tag_role(RoleName="reader", Tags=[{"Key": "team", "Value": "ops"}])
    found = iam.simulate_principal_policy(**asked)["EvaluationResults"][0]
    assert (found["EvalDecision"], found["MissingContextValues"]) == ("allowed", [])
    limited = iam.simulate_principal_policy(
        **asked, PermissionsBoundaryPolicyInputList=[one("Allow", "iam:*")]
    )["EvaluationResults"][0]
    detail = limited["PermissionsBoundaryDecisionDetail"]
    assert detail == {"AllowedByPermissionsBoundary": False}
    assert limited["EvalDecision"] == "implicitDeny"


def test_a_resource_policy_and_whose_it_is(cloud: Cloud) -> None:
    theirs = one("Allow", Principal={"AWS": ANN})
    nothing = one("Allow", "iam:ListUsers")
    more = {"ResourcePolicy": theirs, "CallerArn": ANN, "ResourceArns": [OBJECT]}
    found = custom(cloud, nothing, **more)
    assert found["EvalDecision"] == "allowed"
    assert found["MatchedStatements"][0]["SourcePolicyType"] == "resource"
    for owner in ("444455556666", "arn:aws:iam::444455556666:root"):
        elsewhere = custom(cloud, nothing, **more, ResourceOwner=owner)
        assert elsewhere["EvalDecision"] == "implicitDeny"
        details = elsewhere["ResourceSpecificResults"][0]["EvalDecisionDetails"]
        assert details == {"IdentityPolicy": "implicitDeny", "ResourcePolicy": "allowed"}
    both = custom(cloud, one("Allow"), **more, ResourceOwner="444455556666")
    assert both["EvalDecision"] == "allowed"
    denied = custom(
        cloud, one("Allow"), **more | {"ResourcePolicy": one("Deny", Principal="*")}
    )
    assert denied["EvalDecision"] == "explicitDeny"
    assert [s["SourcePolicyId"] for s in denied["MatchedStatements"]] == ["ResourcePolicy"]


def test_keys_that_policies_ask_for(cloud: Cloud) -> None:
    cloud.identity("dan", [json.loads(DATED)])
    text = one(
        "Allow", resource="arn:aws:s3:::home/${aws:username}/${*}",
        Condition={"StringLike": {"s3:prefix": "${aws:PrincipalTag/team, 'x'}"},
                   "Bool": {"AWS:CURRENTTIME": "x"}},
    )  # fmt: skip
    iam = cloud.client("iam")
    keys = iam.get_context_keys_for_custom_policy(PolicyInputList=[text])["ContextKeyNames"]
    assert keys == ["aws:username", "s3:prefix", "aws:PrincipalTag/team", "AWS:CURRENTTIME"]
    more = iam.get_context_keys_for_principal_policy(
        PolicySourceArn=ANN.replace("ann", "dan"), PolicyInputList=[text]
    )["ContextKeyNames"]
    assert more[0] == "aws:CurrentTime"
    assert len(more) == 4


def test_pages(cloud: Cloud) -> None:
    names = [f"s3:Get{n}" for n in range(7)]
    pager = cloud.client("iam").get_paginator("simulate_custom_policy").paginate(
        PolicyInputList=[one("Allow")], ActionNames=names, PaginationConfig={"PageSize": 3}
    )
    pages = list(pager)
    assert [len(page["EvaluationResults"]) for page in pages] == [3, 3, 1]
    assert [page["IsTruncated"] for page in pages] == [True, True, False]
    asked = [r["EvalActionName"] for page in pages for r in page["EvaluationResults"]]
    assert asked == names
    assert client.code(partial(custom, cloud, one("Allow"), Marker="7")) == "InvalidInput"


BAD: list[tuple[str, dict[str, Any]]] = [
    ("an action without its service", {"ActionNames": ["GetObject"]}),
    ("a resource that is no ARN", {"ResourceArns": ["data/x"]}),
    ("a policy that is no JSON", {"PolicyInputList": ["{"]}),
    ("an identity policy with a principal", {"PolicyInputList": [one("Allow", Principal="*")]}),
    ("an unknown operator",
     {"PolicyInputList": [one("Allow", Condition={"StringResembles": {"a:b": "c"}})]}),
    ("no policy", {"PolicyInputList": []}),
    ("two boundaries", {"PermissionsBoundaryPolicyInputList": [one("Allow")] * 2}),
    ("a resource policy without a principal", {"ResourcePolicy": one("Allow"), "CallerArn": ANN}),
    ("a resource policy without a caller", {"ResourcePolicy": one("Allow", Principal="*")}),
    ("a resource policy and a role",
     {"ResourcePolicy": one("Allow", Principal="*"), "CallerArn": ANN.replace("user", "role")}),
    ("a session as the caller",
     {"CallerArn": "arn:aws:sts::123456789012:assumed-role/reader/night"}),
    ("an owner that is no account", {"ResourceOwner": "me"}),
    ("a key without a prefix", {"ContextEntries": [entry("prefix", "string", "x")]}),
    ("two values of one", {"ContextEntries": [entry("s3:prefix", "string", "x", "y")]}),
    ("a number that is none", {"ContextEntries": [entry("s3:max-keys", "numeric", "ten")]}),
    ("a date that is none", {"ContextEntries": [entry("aws:CurrentTime", "date", "soon")]}),
    ("an address that is none", {"ContextEntries": [entry("aws:SourceIp", "ip", "here")]}),
    ("a type that is none", {"ContextEntries": [entry("s3:prefix", "text", "x")]}),
    ("organization policies",
     {"OrderedOrganizationPolicyInputList": [
         {"ServiceControlPolicyInputList": [{"SCPPolicy": one("Allow")}]}]}),
    ("EC2's scenarios", {"ResourceHandlingOption": "EC2-VPC-EBS"}),
]  # fmt: skip


@pytest.mark.parametrize(("title", "bad"), BAD, ids=[title for title, _ in BAD])
def test_what_is_refused(cloud: Cloud, title: str, bad: dict[str, Any]) -> None:
    asked = {"PolicyInputList": [one("Allow")], "ActionNames": ["s3:GetObject"], **bad}
    iam = cloud.client("iam", parameter_validation=False)
    assert client.code(iam.simulate_custom_policy, **asked) == "InvalidInput"


def test_whose_policies_must_be_there(cloud: Cloud) -> None:
    iam = cloud.client("iam")
    for arn, code in (
        (ANN.replace("ann", "nobody"), "NoSuchEntity"),
        (ANN.replace("user/ann", "role/ann"), "NoSuchEntity"),
        (ANN.replace("123456789012", "444455556666"), "InvalidInput"),
        ("arn:aws:sts::123456789012:assumed-role/a/b", "InvalidInput"),
        ("arn:aws:iam::123456789012:policy/x", "InvalidInput"),
    ):
        asked = {"PolicySourceArn": arn, "ActionNames": ["s3:GetObject"]}
        assert client.code(iam.simulate_principal_policy, **asked) == code, arn


def test_asking_is_a_right_of_its_own(cloud: Cloud) -> None:
    own = allow(["iam:SimulatePrincipalPolicy"], ["arn:aws:iam::*:user/${aws:username}"])
    eve = client.of(cloud, "iam", cloud.identity("eve", [own]))
    cloud.identity("fay")
    asked: dict[str, Any] = {"ActionNames": ["s3:GetObject"]}
    arn = ANN.replace("ann", "eve")
    assert eve.simulate_principal_policy(PolicySourceArn=arn, **asked)["EvaluationResults"]
    other = ANN.replace("ann", "fay")
    refused = client.code(eve.simulate_principal_policy, PolicySourceArn=other, **asked)
    assert refused == "AccessDenied"
    texts = {"PolicyInputList": [one("Allow")]}
    assert client.code(eve.simulate_custom_policy, **texts, **asked) == "AccessDenied"
    assert client.code(eve.get_context_keys_for_custom_policy, **texts) == "AccessDenied"


@pytest.mark.parametrize(("action", "pattern"), [
    ("s3:ListBucket", "arn:${Partition}:s3:::${BucketName}"), ("s3:ListAllMyBuckets", "*"),
    ("iam:PassRole", "arn:${Partition}:iam::${Account}:role/${RoleNameWithPath}"),
    ("iam:CreateAccessKey", "arn:${Partition}:iam::${Account}:user/${UserNameWithPath}"),
    ("iam:ListUsers", "*"), ("dynamodb:GetItem", "*"),
    ("kms:Decrypt", "arn:${Partition}:kms:${Region}:${Account}:key/${KeyId}"),
])  # fmt: skip
def test_patterns_of_arns(action: str, pattern: str) -> None:
    assert templates.template(action) == pattern
