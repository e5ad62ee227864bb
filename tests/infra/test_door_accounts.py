"""IAM and STS through the front door: principals, boundaries, roles, temporary credentials."""

from __future__ import annotations

import json
from typing import Any

from infra.cloud.fixtures import Cloud, Identity, allow, trusts
from tests.infra import client

ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"


def session_of(answer: dict[str, Any]) -> Identity:
    """Return the identity in an answer of STS."""
    found = answer["Credentials"]
    return Identity("", found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])


def test_who_am_i(cloud: Cloud) -> None:
    ann = cloud.identity("ann")
    seen = client.of(cloud, "sts", ann).get_caller_identity()
    assert (seen["Arn"], seen["Account"]) == (ann.arn, cloud.account)


def test_a_user_made_by_hand(cloud: Cloud) -> None:
    admin = client.of(cloud, "iam", cloud.identity("admin", managed=[ADMIN]))
    admin.create_group(GroupName="readers")
    document = json.dumps(allow(["s3:ListAllMyBuckets"]))
    arn = admin.create_policy(PolicyName="list", PolicyDocument=document)["Policy"]["Arn"]
    admin.attach_group_policy(GroupName="readers", PolicyArn=arn)
    admin.create_user(UserName="bob", Tags=[{"Key": "team", "Value": "ops"}])
    made = admin.create_access_key(UserName="bob")["AccessKey"]
    bob = Identity("", made["AccessKeyId"], made["SecretAccessKey"])
    s3 = client.of(cloud, "s3", bob)
    assert client.code(s3.list_buckets) == "AccessDenied"
    admin.add_user_to_group(GroupName="readers", UserName="bob")
    assert s3.list_buckets()["Buckets"] == []
    deny = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Action": "*", "Resource": "*"}]}  # fmt: skip
    admin.create_policy_version(
        PolicyArn=arn, PolicyDocument=json.dumps(deny), SetAsDefault=True
    )
    assert client.code(s3.list_buckets) == "AccessDenied"
    admin.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    assert s3.list_buckets()["Buckets"] == []
    admin.update_access_key(
        UserName="bob", AccessKeyId=bob.key_id, Status="Inactive"
    )
    assert client.code(s3.list_buckets) == "InvalidAccessKeyId"


def test_names_left_out_are_ones_own(cloud: Cloud) -> None:
    own = allow(["iam:*AccessKey*"], ["arn:aws:iam::*:user/${aws:username}"])
    ann = client.of(cloud, "iam", cloud.identity("ann", [own]))
    cloud.identity("bob")
    second = ann.create_access_key()["AccessKey"]
    assert second["UserName"] == "ann"
    assert len(ann.list_access_keys()["AccessKeyMetadata"]) == 2
    ann.delete_access_key(AccessKeyId=second["AccessKeyId"])
    assert client.code(ann.create_access_key, UserName="bob") == "AccessDenied"


def test_a_boundary_on_a_user(cloud: Cloud) -> None:
    bound = cloud.identity("ann", managed=[ADMIN], boundary=allow(["s3:*"]))
    assert client.of(cloud, "s3", bound).list_buckets()["Buckets"] == []
    assert client.code(client.of(cloud, "iam", bound).list_users) == "AccessDenied"
    iam = cloud.client("iam")
    iam.delete_user_permissions_boundary(UserName="ann")
    assert client.of(cloud, "iam", bound).list_users()["Users"]
    none = "arn:aws:iam::123456789012:policy/none"
    refused = client.code(iam.create_user, UserName="eve", PermissionsBoundary=none)
    assert refused == "NoSuchEntity"
    assert "eve" not in cloud.state("iam")["users"]


def test_a_boundary_demanded_of_new_users(cloud: Cloud) -> None:
    document = json.dumps(allow(["s3:*"]))
    limit = cloud.client("iam").create_policy(PolicyName="limit", PolicyDocument=document)
    arn = limit["Policy"]["Arn"]
    may = allow(["iam:CreateUser"])
    may["Statement"][0]["Condition"] = {"StringEquals": {"iam:PermissionsBoundary": arn}}
    iam = client.of(cloud, "iam", cloud.identity("hr", [may]))
    assert client.code(iam.create_user, UserName="new") == "AccessDenied"
    iam.create_user(UserName="new", PermissionsBoundary=arn)
    assert cloud.state("iam")["users"]["new"]["boundary"] == arn


def test_a_boundary_is_a_key_of_calls_that_change_policies_only(cloud: Cloud) -> None:
    iam, document = cloud.client("iam"), json.dumps(allow(["s3:*"]))
    arn = iam.create_policy(PolicyName="limit", PolicyDocument=document)["Policy"]["Arn"]
    may = allow(["iam:*"])
    may["Statement"][0]["Condition"] = {"StringEquals": {"iam:PermissionsBoundary": arn}}
    hr = client.of(cloud, "iam", cloud.identity("hr", [may]))
    trust = json.dumps({
        "Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"},
             "Action": "sts:AssumeRole"},
        ],
    })  # fmt: skip
    new = {"RoleName": "new"}
    hr.create_role(**new, AssumeRolePolicyDocument=trust, PermissionsBoundary=arn)
    hr.put_role_policy(**new, PolicyName="work", PolicyDocument=document)
    assert client.code(hr.get_role, **new) == "AccessDenied"
    assert client.code(hr.list_role_policies, **new) == "AccessDenied"
    refused = client.code(hr.update_assume_role_policy, **new, PolicyDocument=trust)
    assert refused == "AccessDenied"
    hr.delete_role_policy(**new, PolicyName="work")
    assert client.code(hr.delete_role, **new) == "AccessDenied"
    hr.delete_role_permissions_boundary(**new)
    again = client.code(hr.put_role_policy, **new, PolicyName="work", PolicyDocument=document)
    assert again == "AccessDenied"


def test_a_role_and_its_session(cloud: Cloud) -> None:
    cloud.bucket("data")
    ann, bob = cloud.identity("ann"), cloud.identity("bob")
    role = cloud.role("reader", ann, [allow(["s3:ListBucket"])])
    wanted = {"RoleArn": role.arn, "RoleSessionName": "night"}
    assert client.code(client.of(cloud, "sts", bob).assume_role, **wanted) == "AccessDenied"
    who = session_of(client.of(cloud, "sts", ann).assume_role(**wanted))
    assert client.of(cloud, "sts", who).get_caller_identity()["Arn"].endswith(
        ":assumed-role/reader/night"
    )
    s3 = client.of(cloud, "s3", who)
    assert s3.list_objects_v2(Bucket="data")["KeyCount"] == 0
    assert client.code(s3.put_object, Bucket="data", Key="k", Body=b"") == "AccessDenied"
    cloud.advance(3600)
    assert client.code(s3.list_objects_v2, Bucket="data") == "ExpiredToken"


def test_a_token_cannot_be_left_out_or_swapped(cloud: Cloud) -> None:
    cloud.role("reader", trusts("*"), [allow(["s3:*"])])
    one, two = cloud.session("reader"), cloud.session("reader")
    for token in ("", two.token, one.token[:-1]):
        forged = Identity(one.arn, one.key_id, one.secret, token)
        assert client.code(client.of(cloud, "s3", forged).list_buckets) == "InvalidToken"
        assert client.code(client.of(cloud, "sts", forged).get_caller_identity) == (
            "InvalidClientTokenId"
        )
    assert client.of(cloud, "s3", one).list_buckets()["Buckets"] == []


def test_a_session_policy_only_takes_away(cloud: Cloud) -> None:
    ann = cloud.identity("ann")
    role = cloud.role("any", ann, [allow(["s3:*"])])
    sts = client.of(cloud, "sts", ann)
    who = session_of(sts.assume_role(
        RoleArn=role.arn, RoleSessionName="one",
        Policy=json.dumps(allow(["s3:ListAllMyBuckets", "iam:*"])),
    ))  # fmt: skip
    assert client.of(cloud, "s3", who).list_buckets()["Buckets"] == []
    assert client.code(client.of(cloud, "s3", who).list_objects_v2, Bucket="x1y") == "AccessDenied"
    assert client.code(client.of(cloud, "iam", who).list_users) == "AccessDenied"


def test_trust_by_account_external_id_and_chain(cloud: Cloud) -> None:
    root = f"arn:aws:iam::{cloud.account}:root"
    trust = trusts(root)
    trust["Statement"][0]["Condition"] = {"StringEquals": {"sts:ExternalId": "42"}}
    role = cloud.role("partner", trust, [allow(["sts:AssumeRole"])])
    may = cloud.identity("may", [allow(["sts:AssumeRole"], [role.arn])])
    may_not = cloud.identity("may-not")
    wanted = {"RoleArn": role.arn, "RoleSessionName": "x1", "ExternalId": "42"}
    assert client.code(client.of(cloud, "sts", may_not).assume_role, **wanted) == "AccessDenied"
    sts = client.of(cloud, "sts", may)
    assert client.code(sts.assume_role, **wanted | {"ExternalId": "41"}) == "AccessDenied"
    first = session_of(sts.assume_role(**wanted))
    cloud.role("second", trusts(role.arn), [allow(["s3:*"])])
    chained = client.of(cloud, "sts", first)
    arn = role.arn.replace("partner", "second")
    too_long = {"RoleArn": arn, "RoleSessionName": "x2", "DurationSeconds": 7200}
    assert client.code(chained.assume_role, **too_long) == "ValidationError"
    second = session_of(chained.assume_role(RoleArn=arn, RoleSessionName="x2"))
    assert client.of(cloud, "s3", second).list_buckets()["Buckets"] == []


def test_credentials_end_with_their_principal(cloud: Cloud) -> None:
    ann = cloud.identity("ann", [allow(["*"])])
    token = session_of(client.of(cloud, "sts", ann).get_session_token())
    role = cloud.role("gone", ann)
    who = session_of(
        client.of(cloud, "sts", ann).assume_role(RoleArn=role.arn, RoleSessionName="x1")
    )
    assert client.of(cloud, "sts", token).get_caller_identity()["Arn"] == ann.arn
    iam = cloud.client("iam")
    iam.delete_role(RoleName="gone")
    iam.delete_access_key(UserName="ann", AccessKeyId=ann.key_id)
    iam.delete_user_policy(UserName="ann", PolicyName="policy-0")
    iam.delete_user(UserName="ann")
    for dead in (who, token, ann):
        assert client.code(client.of(cloud, "sts", dead).get_caller_identity) == (
            "InvalidClientTokenId"
        )


def test_a_user_made_again_does_not_inherit_keys(cloud: Cloud) -> None:
    ann = cloud.identity("ann", [allow(["s3:*"])])
    iam = cloud.client("iam")
    assert client.code(iam.delete_user, UserName="ann") == "DeleteConflict"
    iam.delete_user_policy(UserName="ann", PolicyName="policy-0")
    iam.delete_access_key(UserName="ann", AccessKeyId=ann.key_id)
    iam.delete_user(UserName="ann")
    cloud.identity("ann", [allow(["s3:*"])])
    assert client.code(client.of(cloud, "s3", ann).list_buckets) == "InvalidAccessKeyId"


def test_a_rename_needs_both_names(cloud: Cloud) -> None:
    own = allow(["iam:UpdateUser"], [f"arn:aws:iam::{cloud.account}:user/team/*"])
    hr = client.of(cloud, "iam", cloud.identity("hr", [own]))
    cloud.client("iam").create_user(UserName="new", Path="/team/")
    hr.update_user(UserName="new", NewUserName="newer")
    assert cloud.state("iam")["users"]["newer"]["arn"].endswith(":user/team/newer")
    assert client.code(hr.update_user, UserName="newer", NewPath="/boss/") == "AccessDenied"


def test_two_clouds_never_hand_out_the_same_keys(cloud: Cloud) -> None:
    from infra.cloud.fixtures import loopback, private_cloud

    with loopback() as socket, private_cloud(socket) as other:
        ann, bob = cloud.identity("ann"), other.identity("ann")
        assert ann.secret != bob.secret
        assert client.code(client.of(other, "s3", ann).list_buckets) in {
            "InvalidAccessKeyId", "SignatureDoesNotMatch",
        }  # fmt: skip
