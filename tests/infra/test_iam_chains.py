"""Chains of roles, session tags, source identity, grants: what the table's rows cannot tell."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from infra.cloud import documents
from infra.cloud.fixtures import Cloud, Identity, allow, trusts
from tests.infra import client

TEAM = {"aws:PrincipalTag/team": "ops"}


def tags(**values: str) -> list[dict[str, str]]:
    """Return tags as the API writes them."""
    return [{"Key": key, "Value": value} for key, value in values.items()]


def trust(who: str, *more: str) -> dict[str, Any]:
    """Return a trust policy that also allows further actions of sts."""
    made = trusts(who)
    made["Statement"][0]["Action"] = ["sts:AssumeRole", *(f"sts:{name}" for name in more)]
    return made


def only(actions: list[str], **condition: Any) -> dict[str, Any]:
    """Return an Allow under a condition of StringEquals."""
    made = allow(actions)
    made["Statement"][0]["Condition"] = {"StringEquals": condition}
    return made


def assume(cloud: Cloud, who: Identity, role: str, **more: Any) -> Identity:
    """Assume a role through boto3."""
    found = client.of(cloud, "sts", who).assume_role(
        RoleArn=f"arn:aws:iam::{cloud.account}:role/{role}",
        **{"RoleSessionName": "night"} | more,
    )["Credentials"]
    return Identity("", found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])


def refused(call: Any, **more: Any) -> str:
    """Return the code of the error that a call ends with."""
    return client.code(partial(call, **more))


@pytest.fixture
def ann(cloud: Cloud) -> Identity:
    """A user, and three roles that trust each other in a row."""
    user = cloud.identity("ann")
    arn = f"arn:aws:iam::{cloud.account}:role/"
    listing = [only(["s3:ListAllMyBuckets"], **TEAM), allow(["sts:*"])]
    cloud.role("first", trust(user.arn, "TagSession", "SetSourceIdentity"), listing)
    cloud.role("second", trust(f"{arn}first", "TagSession", "SetSourceIdentity"), listing)
    cloud.role("third", trust(f"{arn}second", "TagSession", "SetSourceIdentity"), listing)
    return user


def test_transitive_tags_go_down_the_chain(cloud: Cloud, ann: Identity) -> None:
    one = assume(cloud, ann, "first", Tags=tags(team="ops", unit="x"), TransitiveTagKeys=["team"])
    two = assume(cloud, one, "second")
    three = assume(cloud, two, "third")
    for who in (one, two, three):
        assert client.of(cloud, "s3", who).list_buckets()["Buckets"] == []
    assert refused(partial(assume, cloud, two, "third"), Tags=tags(Team="dev")) == (
        "InvalidParameterValue"
    )
    assert assume(cloud, two, "third", Tags=tags(unit="y"))


def test_other_tags_end_with_their_session(cloud: Cloud, ann: Identity) -> None:
    one = assume(cloud, ann, "first", Tags=tags(team="ops"))
    two = assume(cloud, one, "second")
    assert client.of(cloud, "s3", one).list_buckets()["Buckets"] == []
    assert client.code(client.of(cloud, "s3", two).list_buckets) == "AccessDenied"


def test_a_session_tag_replaces_the_roles_whatever_its_case(cloud: Cloud, ann: Identity) -> None:
    cloud.client("iam").tag_role(RoleName="first", Tags=tags(Team="ops"))
    assert client.of(cloud, "s3", assume(cloud, ann, "first")).list_buckets()["Buckets"] == []
    other = assume(cloud, ann, "first", Tags=tags(team="dev"))
    assert client.code(client.of(cloud, "s3", other).list_buckets) == "AccessDenied"


def test_tags_need_a_right_of_their_own(cloud: Cloud) -> None:
    ann = cloud.identity("ann")
    cloud.role("plain", trusts(ann.arn))
    call = partial(assume, cloud, ann, "plain")
    assert call()
    assert refused(call, Tags=tags(team="ops")) == "AccessDenied"
    assert refused(call, SourceIdentity="ann") == "AccessDenied"


def test_tags_that_are_none(cloud: Cloud, ann: Identity) -> None:
    call = partial(assume, cloud, ann, "first")
    twice = tags(team="ops") + tags(Team="dev")
    assert refused(call, Tags=twice) == "InvalidParameterValue"
    assert refused(call, Tags=tags(team="ops"), TransitiveTagKeys=["unit"]) == (
        "InvalidParameterValue"
    )


def test_a_source_identity_stays(cloud: Cloud, ann: Identity) -> None:
    named = [only(["s3:ListAllMyBuckets"], **{"aws:SourceIdentity": "ann"})]
    cloud.role("last", trust(f"arn:aws:iam::{cloud.account}:role/second", "SetSourceIdentity"),
               named)  # fmt: skip
    one = assume(cloud, ann, "first", SourceIdentity="ann")
    two = assume(cloud, one, "second")
    last = assume(cloud, two, "last")
    assert client.of(cloud, "s3", last).list_buckets()["Buckets"] == []
    assert refused(partial(assume, cloud, one, "second"), SourceIdentity="eve") == "AccessDenied"
    assert assume(cloud, one, "second", SourceIdentity="ann")
    plain = assume(cloud, assume(cloud, assume(cloud, ann, "first"), "second"), "last")
    assert client.code(client.of(cloud, "s3", plain).list_buckets) == "AccessDenied"


def test_a_chain_with_a_source_identity_needs_both_rights(cloud: Cloud) -> None:
    """In a chain the trust policy and the caller's own policies must allow setting it."""
    ann = cloud.identity("ann")
    first = cloud.role("first", trust(ann.arn, "SetSourceIdentity"))
    cloud.role("quiet", trusts(first.arn))
    cloud.role("open", trust(first.arn, "SetSourceIdentity"))
    one = assume(cloud, ann, "first", SourceIdentity="ann")
    assert refused(partial(assume, cloud, one, "quiet")) == "AccessDenied"
    assert refused(partial(assume, cloud, one, "open")) == "AccessDenied"
    cloud.client("iam").put_role_policy(
        RoleName="first", PolicyName="set",
        PolicyDocument=json.dumps(allow(["sts:SetSourceIdentity"])),
    )
    assert assume(cloud, one, "open")
    assert refused(partial(assume, cloud, one, "quiet")) == "AccessDenied"


def test_a_source_identity_that_is_none(cloud: Cloud, ann: Identity) -> None:
    for name in ("a b", "aws:x"):
        assert refused(partial(assume, cloud, ann, "first"), SourceIdentity=name) == (
            "ValidationError"
        )


def test_somebody_made_again_is_not_trusted(cloud: Cloud) -> None:
    """A trust policy keeps the unique id of whom it names, not the name."""
    iam = cloud.client("iam")
    old = cloud.identity("ann")
    role = cloud.role("reader", trusts(old.arn, f"arn:aws:iam::{cloud.account}:role/guest"))
    assert assume(cloud, old, "reader")
    iam.delete_access_key(UserName="ann", AccessKeyId=old.key_id)
    iam.delete_user(UserName="ann")
    new = cloud.identity("ann")
    assert new.arn == old.arn
    assert refused(partial(assume, cloud, new, "reader")) == "AccessDenied"
    iam.update_assume_role_policy(
        RoleName="reader", PolicyDocument=json.dumps(trusts(new.arn))
    )
    assert assume(cloud, new, "reader")
    assert cloud.state("iam")["roles"][role.name]["trust"] == trusts(new.arn)


def test_a_role_made_again_is_not_trusted(cloud: Cloud) -> None:
    ann, iam = cloud.identity("ann"), cloud.client("iam")
    cloud.role("guest", ann)
    cloud.role("reader", trusts(f"arn:aws:iam::{cloud.account}:role/guest"))
    assert assume(cloud, assume(cloud, ann, "guest"), "reader")
    iam.delete_role(RoleName="guest")
    cloud.role("guest", ann)
    guest = assume(cloud, ann, "guest")
    assert refused(partial(assume, cloud, guest, "reader")) == "AccessDenied"


def test_temporary_keys_of_a_user_do_not_reach_iam(cloud: Cloud) -> None:
    ann = cloud.identity("ann", [allow(["*"])])
    found = client.of(cloud, "sts", ann).get_session_token()["Credentials"]
    who = Identity(
        ann.arn, found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"]
    )
    assert client.of(cloud, "s3", who).list_buckets()["Buckets"] == []
    assert client.code(client.of(cloud, "iam", who).list_users) == "InvalidClientTokenId"
    assert client.code(client.of(cloud, "sts", who).get_session_token) == "AccessDenied"


def test_a_grant_with_an_encryption_context(cloud: Cloud) -> None:
    kms, ann = cloud.client("kms"), cloud.identity("ann")
    key = kms.create_key()["KeyMetadata"]["KeyId"]

    def secret(**context: str) -> dict[str, Any]:
        made = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=context)
        return {"CiphertextBlob": made["CiphertextBlob"], "EncryptionContext": context}

    own = client.of(cloud, "kms", ann)
    grant = {"KeyId": key, "GranteePrincipal": ann.arn, "Operations": ["Decrypt", "DescribeKey"]}
    assert client.code(own.decrypt, **secret(Dept="IT")) == "AccessDeniedException"
    kms.create_grant(**grant, Constraints={"EncryptionContextSubset": {"Dept": "IT"}})
    assert own.decrypt(**secret(Dept="IT", app="a"))["Plaintext"] == b"x"
    assert own.describe_key(KeyId=key)["KeyMetadata"]["KeyId"] == key
    for context in ({}, {"Dept": "it"}, {"dept": "IT"}):
        assert client.code(own.decrypt, **secret(**context)) == "AccessDeniedException"
    kms.create_grant(**grant, Constraints={"EncryptionContextEquals": {"app": "a"}})
    assert own.decrypt(**secret(app="a"))["Plaintext"] == b"x"
    assert client.code(own.decrypt, **secret(app="a", more="b")) == "AccessDeniedException"


def test_an_object_cannot_keep_itself_by_its_tags(cloud: Cloud) -> None:
    """S3 decides PutObject and DeleteObject without s3:ExistingObjectTag."""
    cloud.bucket("data")
    tagged = only(
        ["s3:GetObject", "s3:DeleteObject"], **{"s3:ExistingObjectTag/class": "public"}
    )
    ann, root = cloud.identity("ann", [tagged]), cloud.client("s3")
    root.put_object(Bucket="data", Key="x", Body=b"x", Tagging="class=public")
    s3 = client.of(cloud, "s3", ann)
    assert s3.get_object(Bucket="data", Key="x")["Body"].read() == b"x"
    assert client.code(s3.delete_object, Bucket="data", Key="x") == "AccessDenied"


def test_tags_of_users_and_roles_decide(cloud: Cloud) -> None:
    condition = {"iam:ResourceTag/status": "terminated"}
    hr = client.of(cloud, "iam", cloud.identity("hr", [only(["iam:Delete*"], **condition)]))
    iam = cloud.client("iam")
    iam.create_user(UserName="old", Tags=tags(status="terminated"))
    iam.create_user(UserName="new", Tags=tags(status="active"))
    iam.create_role(RoleName="old", Tags=tags(status="terminated"),
                    AssumeRolePolicyDocument=json.dumps(trusts("*")))  # fmt: skip
    assert client.code(hr.delete_user, UserName="new") == "AccessDenied"
    hr.delete_user(UserName="old")
    hr.delete_role(RoleName="old")
    assert set(cloud.state("iam")["users"]) == {"hr", "new"}


def test_policies_as_iam_takes_them(cloud: Cloud) -> None:
    """Numbers without quotes, the older version, no version: IAM stores them all."""
    limit = {"NumericLessThanEquals": {"s3:max-keys": 5}}
    statement = allow(["s3:ListBucket"])["Statement"][0] | {"Condition": limit}
    iam = cloud.client("iam")
    ann = cloud.identity("ann")
    cloud.bucket("data")
    for document in (
        {"Version": "2012-10-17", "Statement": [statement]},
        {"Version": "2008-10-17", "Statement": statement}, {"Statement": statement},
    ):
        iam.put_user_policy(
            UserName="ann", PolicyName="list", PolicyDocument=json.dumps(document)
        )
        s3 = client.of(cloud, "s3", ann)
        assert s3.list_objects_v2(Bucket="data", MaxKeys=5)["KeyCount"] == 0
        assert client.code(s3.list_objects_v2, Bucket="data", MaxKeys=6) == "AccessDenied"
    broken = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow"}]})
    assert client.code(
        iam.put_user_policy, UserName="ann", PolicyName="x", PolicyDocument=broken
    ) == "MalformedPolicyDocument"
    assert documents.fault(json.dumps({"Statement": statement}), "identity") == ""
