"""KMS, Secrets Manager and what S3 needs of them: keys that are refused, disabled and back."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import Any

import pytest

from infra.cloud.fixtures import Cloud, Identity, allow
from tests.infra import client

USE = ["kms:Decrypt", "kms:GenerateDataKey"]


@dataclass(frozen=True)
class Vault:
    """A cloud with one key and one bucket, and a user who may use both."""

    cloud: Cloud
    key: str
    user: Identity

    def s3(self, who: Identity | None = None) -> Any:
        """Return an S3 client."""
        return client.of(self.cloud, "s3", who or self.user)

    def put(self, who: Identity | None = None, **more: Any) -> Any:
        """Put an object under the key."""
        return self.s3(who).put_object(
            Bucket="data", Key="k", Body=b"x-ray", ServerSideEncryption="aws:kms",
            SSEKMSKeyId=self.key, **more,
        )

    def get(self, who: Identity | None = None) -> bytes:
        """Get it back."""
        data: bytes = self.s3(who).get_object(Bucket="data", Key="k")["Body"].read()
        return data


@pytest.fixture
def vault(cloud: Cloud) -> Vault:
    """Return a vault whose user has S3 and the use of the key."""
    cloud.bucket("data")
    key = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    user = cloud.identity("user", [allow(["s3:*"]), allow(USE, [key])])
    return Vault(cloud, key, user)


def test_full_rights_on_the_bucket_are_not_enough(vault: Vault) -> None:
    vault.put()
    assert vault.get() == b"x-ray"
    other = vault.cloud.identity("other", [allow(["s3:*"])])
    assert client.code(vault.s3(other).get_object, Bucket="data", Key="k") == "AccessDenied"
    assert client.code(vault.put, who=other) == "AccessDenied"
    assert vault.s3(other).head_object(Bucket="data", Key="k")["ServerSideEncryption"] == "aws:kms"


def test_a_disabled_key_stops_everybody_and_keeps_the_bytes(vault: Vault) -> None:
    vault.put()
    kms = vault.cloud.client("kms")
    kms.disable_key(KeyId=vault.key)
    assert client.code(vault.s3().get_object, Bucket="data", Key="k") == "KMS.DisabledException"
    assert client.code(vault.put) == "KMS.DisabledException"
    kms.enable_key(KeyId=vault.key)
    assert vault.get() == b"x-ray"
    kms.schedule_key_deletion(KeyId=vault.key)
    pending = client.code(vault.s3().get_object, Bucket="data", Key="k")
    assert pending == "KMS.KMSInvalidStateException"


@pytest.mark.parametrize("form", ["id", "arn", "alias", "alias arn"])
def test_a_key_goes_by_four_names(vault: Vault, form: str) -> None:
    vault.cloud.client("kms").create_alias(AliasName="alias/k", TargetKeyId=vault.key)
    alias_arn = vault.key.rpartition(":")[0] + ":alias/k"
    name = {
        "id": vault.key.rpartition("/")[2], "arn": vault.key, "alias": "alias/k",
        "alias arn": alias_arn,
    }[form]  # fmt: skip
    answer = vault.s3().put_object(
        Bucket="data", Key="k", Body=b"1", ServerSideEncryption="aws:kms", SSEKMSKeyId=name
    )
    assert answer["SSEKMSKeyId"] == vault.key


def test_a_bucket_default_is_a_key_too(vault: Vault) -> None:
    rule = {"ApplyServerSideEncryptionByDefault": {
        "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": vault.key,
    }}  # fmt: skip
    vault.cloud.client("s3").put_bucket_encryption(
        Bucket="data", ServerSideEncryptionConfiguration={"Rules": [rule]}
    )
    other = vault.cloud.identity("other", [allow(["s3:*"])])
    put = {"Bucket": "data", "Key": "k", "Body": b"1"}
    assert client.code(vault.s3(other).put_object, **put) == "AccessDenied"
    assert vault.s3().put_object(**put)["SSEKMSKeyId"] == vault.key
    upload = {"Bucket": "data", "Key": "k"}
    assert client.code(vault.s3(other).create_multipart_upload, **upload) == "AccessDenied"
    source = {"Bucket": "data", "Key": "k"}
    assert client.code(
        vault.s3(other).copy_object, Bucket="data", Key="l", CopySource=source
    ) == "AccessDenied"  # fmt: skip


def test_via_service_and_encryption_context(vault: Vault) -> None:
    vault.put()
    only = allow(["kms:Decrypt"], [vault.key])
    only["Statement"][0]["Condition"] = {
        "StringEquals": {"kms:ViaService": f"s3.{vault.cloud.region}.amazonaws.com"},
        "StringLike": {"kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::data/*"},
    }
    reader = vault.cloud.identity("reader", [allow(["s3:GetObject"]), only])
    assert vault.get(reader) == b"x-ray"
    kms = vault.cloud.client("kms")
    blob = kms.encrypt(KeyId=vault.key, Plaintext=b"1")["CiphertextBlob"]
    direct = client.of(vault.cloud, "kms", reader)
    assert client.code(direct.decrypt, CiphertextBlob=blob) == "AccessDeniedException"


def test_a_key_policy_that_forgets_the_account(vault: Vault) -> None:
    admin = vault.cloud.identity("admin", [allow(["kms:*"])])
    policy = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": vault.user.arn}, "Action": "kms:*", "Resource": "*",
    }]}  # fmt: skip
    vault.cloud.client("kms").put_key_policy(
        KeyId=vault.key, PolicyName="default", Policy=json.dumps(policy)
    )
    described = client.code(client.of(vault.cloud, "kms", admin).describe_key, KeyId=vault.key)
    assert described == "AccessDeniedException"
    vault.put()
    assert vault.get() == b"x-ray"


def test_kms_itself(vault: Vault) -> None:
    admin = vault.cloud.identity("admin", [allow(["kms:*"])])
    kms = client.of(vault.cloud, "kms", admin)
    blob = kms.encrypt(KeyId=vault.key, Plaintext=b"1", EncryptionContext={"a": "b"})
    opened = kms.decrypt(CiphertextBlob=blob["CiphertextBlob"], EncryptionContext={"a": "b"})
    assert opened["Plaintext"] == b"1"
    assert client.code(kms.decrypt, CiphertextBlob=blob["CiphertextBlob"]) == (
        "InvalidCiphertextException"
    )
    second = kms.create_key()["KeyMetadata"]["KeyId"]
    moved = kms.re_encrypt(
        CiphertextBlob=blob["CiphertextBlob"], SourceEncryptionContext={"a": "b"},
        DestinationKeyId=second,
    )
    assert kms.decrypt(CiphertextBlob=moved["CiphertextBlob"])["Plaintext"] == b"1"
    kms.disable_key(KeyId=second)
    assert client.code(kms.decrypt, CiphertextBlob=moved["CiphertextBlob"]) == "DisabledException"
    assert client.code(kms.generate_data_key, KeyId=second, KeySpec="AES_256") == (
        "DisabledException"
    )
    assert client.code(kms.describe_key, KeyId="alias/none") == "NotFoundException"


def test_a_grant_allows_what_it_names(vault: Vault) -> None:
    guest = vault.cloud.identity("guest")
    blob = vault.cloud.client("kms").encrypt(KeyId=vault.key, Plaintext=b"1")["CiphertextBlob"]
    kms = client.of(vault.cloud, "kms", guest)
    assert client.code(kms.decrypt, CiphertextBlob=blob) == "AccessDeniedException"
    vault.cloud.client("kms").create_grant(
        KeyId=vault.key, GranteePrincipal=guest.arn, Operations=["Decrypt"]
    )
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"1"
    assert client.code(kms.encrypt, KeyId=vault.key, Plaintext=b"1") == "AccessDeniedException"


# --- secrets ------------------------------------------------------------------------------------

@pytest.fixture
def rotator(vault: Vault) -> Any:
    """Return a client that may do anything with secrets and use the key."""
    who = vault.cloud.identity("rotator", [allow(["secretsmanager:*"]), allow(USE, [vault.key])])
    return client.of(vault.cloud, "secretsmanager", who)


def test_a_secret_under_a_key_needs_the_key(vault: Vault, rotator: Any) -> None:
    arn = rotator.create_secret(Name="db", SecretString="1", KmsKeyId=vault.key)["ARN"]
    reader = vault.cloud.identity("reader", [allow(["secretsmanager:GetSecretValue"], [arn])])
    theirs = client.of(vault.cloud, "secretsmanager", reader)
    assert client.code(theirs.get_secret_value, SecretId="db") == "AccessDeniedException"
    assert rotator.get_secret_value(SecretId="db")["SecretString"] == "1"
    vault.cloud.client("kms").disable_key(KeyId=vault.key)
    assert client.code(rotator.get_secret_value, SecretId="db") == "DecryptionFailure"
    assert client.code(rotator.put_secret_value, SecretId="db", SecretString="2") == (
        "EncryptionFailure"
    )
    vault.cloud.client("kms").enable_key(KeyId=vault.key)
    assert rotator.get_secret_value(SecretId="db")["SecretString"] == "1"


def test_secrets_go_by_arn_with_suffix(vault: Vault, rotator: Any) -> None:
    arn = rotator.create_secret(Name="db/main", SecretString="1")["ARN"]
    rotator.create_secret(Name="db/other", SecretString="2")
    pattern = arn[:-6] + "??????"
    reader = vault.cloud.identity("reader", [allow(["secretsmanager:GetSecretValue"], [pattern])])
    theirs = client.of(vault.cloud, "secretsmanager", reader)
    for name in ("db/main", arn):
        assert theirs.get_secret_value(SecretId=name)["SecretString"] == "1"
    assert vault.cloud.log[-1].resource == arn
    assert client.code(theirs.get_secret_value, SecretId="db/other") == "AccessDeniedException"
    assert client.code(theirs.get_secret_value, SecretId="none") == "AccessDeniedException"
    assert client.code(rotator.get_secret_value, SecretId="none") == "ResourceNotFoundException"


def test_a_secrets_own_policy(vault: Vault, rotator: Any) -> None:
    rotator.create_secret(Name="db", SecretString="1")
    guest = vault.cloud.identity("guest")
    policy = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": guest.arn}, "Resource": "*",
        "Action": "secretsmanager:GetSecretValue",
        "Condition": {"StringEquals": {"secretsmanager:VersionStage": "AWSCURRENT"}},
    }]}  # fmt: skip
    rotator.put_resource_policy(SecretId="db", ResourcePolicy=json.dumps(policy))
    theirs = client.of(vault.cloud, "secretsmanager", guest)
    got = theirs.get_secret_value(SecretId="db", VersionStage="AWSCURRENT")
    assert got["SecretString"] == "1"
    refused = client.code(theirs.get_secret_value, SecretId="db", VersionStage="AWSPREVIOUS")
    assert refused == "AccessDeniedException"


def stages(rotator: Any) -> dict[str, list[str]]:
    """Return labels by value of the version, so that ids do not matter."""
    found = rotator.describe_secret(SecretId="db")["VersionIdsToStages"]
    return {
        rotator.get_secret_value(SecretId="db", VersionId=v)["SecretString"]: sorted(labels)
        for v, labels in found.items()
    }


def test_a_rotation_in_four_steps(rotator: Any) -> None:
    rotator.create_secret(Name="db", SecretString="old")
    token = str(uuid.uuid4())
    for _ in range(2):  # a step that is run again changes nothing
        rotator.put_secret_value(
            SecretId="db", SecretString="new", ClientRequestToken=token,
            VersionStages=["AWSPENDING"],
        )
        assert stages(rotator) == {"old": ["AWSCURRENT"], "new": ["AWSPENDING"]}
    assert rotator.get_secret_value(SecretId="db")["SecretString"] == "old"
    old = rotator.get_secret_value(SecretId="db")["VersionId"]
    move = {"SecretId": "db", "VersionStage": "AWSCURRENT", "MoveToVersionId": token}
    assert client.code(rotator.update_secret_version_stage, **move) == "InvalidParameterException"
    rotator.update_secret_version_stage(**move, RemoveFromVersionId=old)
    assert rotator.get_secret_value(SecretId="db")["SecretString"] == "new"
    assert stages(rotator) == {"old": ["AWSPREVIOUS"], "new": ["AWSCURRENT", "AWSPENDING"]}
    rotator.update_secret_version_stage(
        SecretId="db", VersionStage="AWSPENDING", RemoveFromVersionId=token
    )
    rotator.put_secret_value(SecretId="db", SecretString="newest")
    held = stages(rotator)
    assert held["newest"] == ["AWSCURRENT"]
    assert held["new"] == ["AWSPREVIOUS"]
    previous = rotator.get_secret_value(SecretId="db", VersionStage="AWSPREVIOUS")
    assert previous["SecretString"] == "new"


def test_versions_are_for_good(rotator: Any) -> None:
    rotator.create_secret(Name="db", SecretString="1")
    token = str(uuid.uuid4())
    put = {"SecretId": "db", "ClientRequestToken": token, "VersionStages": ["AWSPENDING"]}
    rotator.put_secret_value(**put, SecretString="2")
    assert client.code(rotator.put_secret_value, **put, SecretString="3") == (
        "ResourceExistsException"
    )
    current = rotator.get_secret_value(SecretId="db")["VersionId"]
    moved = client.code(
        rotator.update_secret_version_stage, SecretId="db", VersionStage="AWSCURRENT",
        RemoveFromVersionId=current, MoveToVersionId=str(uuid.uuid4()),
    )
    assert moved == "ResourceNotFoundException"
    assert stages(rotator) == {"1": ["AWSCURRENT"], "2": ["AWSPENDING"]}
    assert client.code(
        rotator.update_secret_version_stage, SecretId="db", VersionStage="AWSCURRENT",
        RemoveFromVersionId=current,
    ) == "InvalidParameterException"  # fmt: skip


def test_an_update_is_a_new_current_version(rotator: Any) -> None:
    rotator.create_secret(Name="db", SecretString="1")
    rotator.update_secret(SecretId="db", SecretString="2", Description="after")
    assert stages(rotator) == {"1": ["AWSPREVIOUS"], "2": ["AWSCURRENT"]}
    assert rotator.describe_secret(SecretId="db")["Description"] == "after"
    rotator.update_secret(SecretId="db", Description="later")
    assert rotator.get_secret_value(SecretId="db")["SecretString"] == "2"
    rotator.delete_secret(SecretId="db", RecoveryWindowInDays=7)
    assert client.code(rotator.get_secret_value, SecretId="db") == "InvalidRequestException"
    rotator.restore_secret(SecretId="db")
    assert rotator.get_secret_value(SecretId="db")["SecretString"] == "2"
