"""Templates: what functions give, and what is refused before anything is made."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from infra.cloud.errors import AwsError
from infra.cloud.fixtures import loopback, private_cloud
from infra.cloud.stacks import parameters
from infra.cloud.stacks.compare import same
from infra.cloud.stacks.intrinsics import Resolver, pseudo
from infra.cloud.stacks.template import order, parse
from tests.infra.stacks import NAMED, queue, template

QUEUE = {"Q": {"Type": "AWS::SQS::Queue"}}
ROLE = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}


@pytest.fixture(scope="module")
def cloud():
    with loopback() as listener, private_cloud(listener) as made:
        yield made


def resolved(value: object, params: dict[str, object] | None = None, **sections: object) -> object:
    """Return what a piece of a template comes to; resources answer with their name."""
    found = Resolver(
        {"Resources": {}, **sections},
        params or {},
        pseudo("eu-central-1", "arn:stack", "shop"),
        lambda name, attribute: f"<{name}.{attribute}>",
        {"shared": "bucket-1"},
    )
    return found.value(value)


@pytest.mark.parametrize(
    ("node", "value"),
    [
        ({"Ref": "AWS::Region"}, "eu-central-1"),
        ({"Ref": "Thing"}, "<Thing.>"),
        ({"Ref": "Days"}, "3"),
        ({"Fn::GetAtt": ["Thing", "Arn"]}, "<Thing.Arn>"),
        ({"Fn::GetAtt": "Thing.Outputs.X"}, "<Thing.Outputs.X>"),
        (
            {"Fn::Sub": "a-${AWS::StackName}-${!Literal}-${Thing.Arn}"},
            "a-shop-${Literal}-<Thing.Arn>",
        ),
        ({"Fn::Sub": ["${x}-${Days}", {"x": {"Fn::Join": ["", ["a", "b"]]}}]}, "ab-3"),
        ({"Fn::Sub": ["${flag}", {"flag": True}]}, "true"),
        ({"Fn::Join": ["/", ["a", 1, True, {"Ref": "Days"}]]}, "a/1/true/3"),
        ({"Fn::Select": ["1", {"Fn::Split": [",", "a,b,c"]}]}, "b"),
        ({"Fn::FindInMap": ["M", {"Ref": "AWS::Region"}, "Size"]}, 2),
        ({"Fn::Base64": "hello"}, "aGVsbG8="),
        ({"Fn::GetAZs": ""}, ["eu-central-1a", "eu-central-1b", "eu-central-1c"]),
        ({"Fn::ImportValue": "shared"}, "bucket-1"),
        ({"Fn::If": ["Long", "many", "few"]}, "few"),
        (
            {"a": {"Fn::If": ["Long", 1, {"Ref": "AWS::NoValue"}]}, "b": [{"Ref": "AWS::NoValue"}]},
            {"b": []},
        ),
        ({"Fn::If": ["Both", "yes", "no"]}, "yes"),
        ({"Condition": "Long"}, {"Condition": "Long"}),  # only a condition asks for a condition
    ],
)
def test_functions_give(node, value) -> None:
    conditions = {
        "Long": {"Fn::Equals": [{"Ref": "Days"}, "30"]},
        "Both": {
            "Fn::And": [
                {"Fn::Not": [{"Condition": "Long"}]},
                {"Fn::Or": [{"Condition": "Long"}, {"Fn::Equals": ["a", "a"]}]},
            ]
        },
    }
    maps = {"M": {"eu-central-1": {"Size": 2}}}
    assert resolved(node, {"Days": "3"}, Conditions=conditions, Mappings=maps) == value


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ({"Fn::Select": ["3", ["a"]]}, "cannot select nonexistent value at index 3"),
        ({"Fn::Select": ["x", ["a"]]}, "Fn::Select cannot be given"),
        ({"Fn::Join": ["a"]}, "Fn::Join cannot be given"),
        ({"Fn::FindInMap": ["M", "b", "c"]}, "Unable to get mapping for M::b::c"),
        ({"Fn::ImportValue": "nobody"}, "No export named nobody found"),
        ({"Fn::Sub": "${a b}"}, "variable names in Fn::Sub"),
        ({"Fn::If": ["Missing", 1, 2]}, "Unresolved condition dependency Missing"),
        ({"Fn::If": ["Loop", 1, 2]}, "Circular dependency between conditions"),
        ({"Fn::GetAtt": "Thing"}, "requires two non-empty parameters"),
    ],
)
def test_functions_refuse(node, words) -> None:
    with pytest.raises(AwsError, match=words):
        resolved(node, Conditions={"Loop": {"Fn::Not": [{"Condition": "Loop"}]}})


def test_conditions_that_ask_in_pairs_are_asked_once() -> None:
    conditions: dict[str, object] = {"C0": {"Fn::Equals": ["a", "a"]}}
    for number in range(1, 80):
        inner = {"Condition": f"C{number - 1}"}
        conditions[f"C{number}"] = {"Fn::And": [inner, inner]}
    assert resolved({"Fn::If": ["C79", "yes", "no"]}, Conditions=conditions) == "yes"


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        (5, "5", True), (True, "true", True), (0.5, "0.50", True), (5, "5.0", True),
        (1234567890123, "1234567890123", True), ("007", 7, False), (10**400, "1", False),
        ("a", "A", False), ([1], ["1"], True), ({"a": 1}, {"a": "1"}, True), ({"a": 1}, {}, False),
    ],
)
def test_values_agree_as_templates_write_them(one, other, agree) -> None:
    assert same(one, other) == agree


def test_yaml_has_its_short_forms_and_keeps_dates() -> None:
    found = parse("""
AWSTemplateFormatVersion: 2010-09-09
Parameters: {Env: {Type: String}}
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {Version: 2012-10-17}
      RoleName: !Sub "${Env}-role"
      Path: !If [Never, !Ref Env, !Join ["", [/, !GetAtt Q.Arn]]]
  Q: {Type: AWS::SQS::Queue}
Conditions: {Never: !Equals [a, b]}
""")
    props = found["Resources"]["Role"]["Properties"]
    assert props["AssumeRolePolicyDocument"] == {"Version": "2012-10-17"}
    assert props["RoleName"] == {"Fn::Sub": "${Env}-role"}
    assert props["Path"]["Fn::If"][2] == {"Fn::Join": ["", ["/", {"Fn::GetAtt": ["Q", "Arn"]}]]}
    assert order(found["Resources"]) == ["Q", "Role"]


MANY = json.dumps({"Resources": {f"Q{n}": QUEUE["Q"] for n in range(501)}})
REFUSED = {
    "no resources": ("{}", "At least one Resources member must be defined"),
    "not JSON": ('{"Resources": ', "Template format error"),
    "not YAML": ("Resources: [", r"YAML not well-formed. \(line 1"),
    "a list": ("- a", "unsupported structure"),
    "an alias": (
        "Resources: {A: &a {Type: AWS::SQS::Queue}, B: *a}",
        "YAML aliases are not allowed",
    ),
    "deep JSON": (
        '{"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Metadata": '
        + "[" * 300 + "]" * 300 + "}}}", "nested too deeply"),
    "deep": ("[" * 40_000, "nested too deeply"),
    "another version": (
        template(QUEUE, AWSTemplateFormatVersion="2020-01-01"),
        "AWSTemplateFormatVersion",
    ),
    "an odd section": (
        template(QUEUE, Resource={}),
        r"Invalid template property or properties \[Resource\]",
    ),
    "a transform": (
        template(QUEUE, Transform="AWS::Serverless-2016-10-31"),
        "no transforms or macros",
    ),
    "rules": (template(QUEUE, Rules={}), "knows no rules"),
    "no type": (template({"Q": {}}), "Every Resources object must contain a Type member"),
    "an odd name": (template({"a-b": QUEUE["Q"]}), "Resource name a-b is non alphanumeric"),
    "an odd attribute": (
        template({"Q": QUEUE["Q"] | {"Props": {}}}),
        "Invalid template resource property 'Props'",
    ),
    "an odd type": (
        template({"Q": {"Type": "AWS::EC2::VPC"}}),
        r"Unrecognized resource types: \[AWS::EC2::VPC\]",
    ),
    "an odd property": (
        template({"Q": queue(Colour="red")}),
        r"extraneous key \[Colour\] is not permitted",
    ),
    "a missing property": (
        template({"P": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String"}}}),
        r"required key \[Value\] not found",
    ),
    "a snapshot": (
        template({"Q": QUEUE["Q"] | {"DeletionPolicy": "Snapshot"}}),
        "does not support DeletionPolicy Snapshot",
    ),
    "a ref to nothing": (
        template({"Q": queue(QueueName={"Ref": "Nobody"})}),
        r"Unresolved resource dependencies \[Nobody\] in the Resources block",
    ),
    "a dependency on nothing": (
        template({"Q": QUEUE["Q"] | {"DependsOn": "Nobody"}}),
        r"\[Nobody\] in the Resources",
    ),
    "an output of nothing": (
        template(QUEUE, Outputs={"O": {"Value": {"Ref": "Nobody"}}}),
        "in the Outputs block",
    ),
    "an odd attribute of a resource": (
        template(QUEUE, Outputs={"O": {"Value": {"Fn::GetAtt": "Q.Colour"}}}),
        "does not support attribute type Colour in Fn::GetAtt",
    ),
    "an output without value": (
        template(QUEUE, Outputs={"O": {}}),
        "Every Outputs member must contain a Value object",
    ),
    "a list as output": (template(QUEUE, Outputs={"O": {"Value": ["a"]}}), "must be a string"),
    "a condition that is none": (
        template({"Q": QUEUE["Q"] | {"Condition": "C"}}),
        "Unresolved condition dependency C",
    ),
    "a resource that is not there": (
        template(
            {
                "Q": QUEUE["Q"] | {"Condition": "C"},
                "P": queue(QueueName={"Fn::GetAtt": "Q.QueueName"}),
            },
            Conditions={"C": {"Fn::Equals": ["a", "b"]}},
        ),
        r"Unresolved resource dependencies \[Q\]",
    ),
    "a circle": (
        template(
            {
                "A": queue(QueueName={"Fn::GetAtt": "B.QueueName"}),
                "B": queue(QueueName={"Fn::GetAtt": "A.QueueName"}),
            }
        ),
        r"Circular dependency between resources: \[A, B\]",
    ),
    "an odd function": (
        template({"Q": queue(QueueName={"Fn::Cidr": ["10.0.0.0/16", 2, 8]})}),
        "knows no Fn::Cidr",
    ),
    "a dynamic reference": (
        template({"Q": queue(QueueName="{{resolve:ssm:/name}}")}),
        "resolves no dynamic references",
    ),
    "too many": (MANY, "Number of resources, 501, is greater than maximum allowed, 500"),
    "too long": (
        template(QUEUE, Description="x" * 51_200),
        "Member must have length less than or equal to 51200",
    ),
    "nothing": ("", "Either Template URL or Template Body must be specified"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_templates_are_refused_with_a_sentence(cloud, case) -> None:
    body, words = REFUSED[case]
    with pytest.raises(ClientError, match=words) as refused:
        cloud.client("cloudformation", parameter_validation=False).create_stack(
            StackName="bad", TemplateBody=body
        )
    assert refused.value.response["Error"]["Code"] == "ValidationError"
    assert cloud.state("cloudformation") == {}
    assert cloud.state("sqs") == {}


PARAMETERS = {
    "one of AllowedValues": (
        {"AllowedValues": ["a", "b"]},
        "c",
        "'P' must be one of AllowedValues",
    ),
    "pattern": ({"AllowedPattern": "[a-z]+"}, "A1", r"'P' must match pattern \[a-z\]\+"),
    "described": (
        {"AllowedPattern": "[a-z]+", "ConstraintDescription": "letters only"},
        "1",
        "P failed to satisfy constraint: letters only",
    ),
    "short": ({"MinLength": 3}, "ab", "must contain at least 3 characters"),
    "long": ({"MaxLength": "3"}, "abcd", "must contain at most 3 characters"),
    "no number": ({"Type": "Number"}, "ten", "'P' must be a number"),
    "low": ({"Type": "Number", "MinValue": 5}, "4", "must be a number not less than 5"),
    "high": (
        {"Type": "List<Number>", "MaxValue": 5},
        "4, 6",
        "must be a number not greater than 5",
    ),
    "a bad pattern": ({"AllowedPattern": "["}, "a", "constraints of parameter P cannot be read"),
    "an odd type": (
        {"Type": "AWS::EC2::VPC::Id"},
        "vpc-1",
        "takes no parameter of type AWS::EC2::VPC::Id",
    ),
}


@pytest.mark.parametrize("case", PARAMETERS)
def test_parameters_are_held_to_what_is_declared(case) -> None:
    declared, given, words = PARAMETERS[case]
    body = {"Parameters": {"P": {"Type": "String"} | declared}}
    with pytest.raises(AwsError, match=words):
        parameters.values(body, {"P": given})


def test_parameters_that_are_missing_or_unknown_are_named() -> None:
    body = {
        "Parameters": {
            "A": {"Type": "String"},
            "B": {"Type": "CommaDelimitedList", "Default": "x, y"},
        }
    }
    with pytest.raises(AwsError, match=r"Parameters: \[A\] must have values"):
        parameters.values(body, {})
    with pytest.raises(AwsError, match=r"Parameters: \[C\] do not exist in the template"):
        parameters.values(body, {"A": "1", "C": "2"})
    assert parameters.values(body, {"A": "1"}) == {"A": "1", "B": ["x", "y"]}


def test_iam_needs_a_capability(cloud) -> None:
    formation = cloud.client("cloudformation")
    named = {"Type": "AWS::IAM::Role", "Properties": ROLE["Properties"] | {"RoleName": "r"}}
    for role, given, wanted in (
        (ROLE, [], "CAPABILITY_IAM"),
        (named, ["CAPABILITY_IAM"], "CAPABILITY_NAMED_IAM"),
    ):
        with pytest.raises(ClientError, match=rf"Requires capabilities : \[{wanted}\]"):
            formation.create_stack(
                StackName="iam", TemplateBody=template({"Role": role}), Capabilities=given
            )
    summary = formation.get_template_summary(TemplateBody=template({"Role": named}))
    assert summary["Capabilities"] == NAMED
    assert summary["CapabilitiesReason"].endswith("[AWS::IAM::Role]")
    assert summary["ResourceIdentifierSummaries"][0]["ResourceIdentifiers"] == ["RoleName"]


def test_a_template_comes_from_this_clouds_s3_by_the_callers_right(cloud) -> None:
    s3, formation = cloud.client("s3"), cloud.client("cloudformation")
    s3.create_bucket(
        Bucket="templates", CreateBucketConfiguration={"LocationConstraint": cloud.region}
    )
    s3.put_object(Bucket="templates", Key="q.json", Body=template(QUEUE).encode())
    url = "https://templates.s3.eu-central-1.amazonaws.com/q.json"
    assert formation.validate_template(TemplateURL=url)["Parameters"] == []
    nobody = cloud.identity(
        "nobody",
        [
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "cloudformation:*", "Resource": "*"}],
            }
        ],
    )
    with pytest.raises(ClientError, match=r"S3 error: .*AccessDenied"):
        cloud.client("cloudformation", nobody).create_stack(StackName="url", TemplateURL=url)
