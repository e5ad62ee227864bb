"""Policies that are none are refused when they are written, in each service's words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.cloud import documents
from infra.cloud.fixtures import Cloud
from tests.infra import client

GOOD: dict[str, Any] = {
    "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
    "Resource": "arn:aws:s3:::data/*",
}  # fmt: skip


def policy(**changes: Any) -> str:
    """Return a policy of one statement; a change to None leaves the element out."""
    statement = {k: v for k, v in (GOOD | changes).items() if v is not None}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_a_policy() -> None:
    assert documents.fault(policy()) == ""
    condition = {"BoolIfExists": {"a:b": "true"}, "ForAnyValue:StringLike": {"a:c": ["x*"]}}
    assert documents.fault(policy(Action=["s3:*"], Condition=condition)) == ""
    spared = policy(Effect="Deny", Principal=None, NotPrincipal={"AWS": "1"})
    assert documents.fault(spared) == ""
    assert documents.fault(json.dumps({"Statement": GOOD})) == ""


@pytest.mark.parametrize("text", [
    "", "[]", "3", "{", "{}", '{"Statement": []}', '{"Statement": [3]}',
    '{"X": 1, "Statement": []}',
    '{"Version": "2026-01-01", "Statement": [{}]}', policy(Effect="allow"), policy(Action=None),
    policy(Resource=None), policy(Principal=None), policy(NotAction="x"), policy(Action=[]),
    policy(Action=3), policy(Resource=[""]), policy(Condition=[]),
    policy(Principal=None, NotPrincipal={"AWS": "1"}),
    policy(Condition={"NullIfExists": {"a:b": "true"}}),
    policy(Condition={"StringResembles": {"a:b": "c"}}), policy(Condition={"Bool": {}}),
])  # fmt: skip
def test_no_policy(text: str) -> None:
    assert documents.fault(text)


def test_each_service_refuses_in_its_words(cloud: Cloud) -> None:
    cloud.bucket("data")
    s3, kms, manager = (cloud.client(s) for s in ("s3", "kms", "secretsmanager"))
    assert client.code(s3.put_bucket_policy, Bucket="data", Policy="{}") == "MalformedPolicy"
    elsewhere = policy(Resource="arn:aws:s3:::other/*")
    assert client.code(s3.put_bucket_policy, Bucket="data", Policy=elsewhere) == "MalformedPolicy"
    s3.put_bucket_policy(Bucket="data", Policy=policy())
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    assert client.code(kms.put_key_policy, KeyId=key, Policy="{}") == (
        "MalformedPolicyDocumentException"
    )
    assert client.code(kms.create_key, Policy="{}") == "MalformedPolicyDocumentException"
    manager.create_secret(Name="db", SecretString="1")
    assert client.code(manager.put_resource_policy, SecretId="db", ResourcePolicy="{}") == (
        "MalformedPolicyDocumentException"
    )
    iam = cloud.client("iam")
    iam.create_user(UserName="ann")
    assert client.code(
        iam.put_user_policy, UserName="ann", PolicyName="p", PolicyDocument='{"a": 1}'
    ) == "MalformedPolicyDocument"  # fmt: skip
