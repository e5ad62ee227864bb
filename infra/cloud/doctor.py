"""Probe every service of the desk's cloud by real calls, as a client would make them.

Limit: shows that a service works, not that it is like the real one; tests/infra does that.
"""

from __future__ import annotations

import http.client
import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from infra.cloud.desk import Folder, Running


@dataclass(frozen=True)
class Finding:
    """What one probe did, and what went wrong (nothing, when it is well)."""

    service: str
    did: str
    wrong: str = ""


@dataclass(frozen=True)
class Patient:
    """The cloud under examination."""

    folder: Folder
    running: Running

    def client(self, service: str, *, https: bool = False) -> Any:
        """Return a boto3 client with the desk's keys."""
        from infra.cloud.fixtures import Identity, client

        who = Identity("", **self.folder.credentials())
        url = self.running.https if https else self.running.http
        return client(service, url, who, self.running.region, ca=str(self.folder.ca))


Probe = tuple[str, str, Callable[[Patient], None]]


def examine(folder: Folder, running: Running) -> Iterator[Finding]:
    """Run the probes, one after the other; each cleans up after itself."""
    from infra.cloud import neighbours

    patient = Patient(folder, running)
    all_ = (*PROBES, *_round())
    probes: list[tuple[str, str, Callable[[], None]]]
    probes = [(service, did, partial(probe, patient)) for service, did, probe in all_]
    for service, did, attempt in (*probes, *neighbours.examine(folder, running.beside)):
        try:
            attempt()
        except Exception as error:  # a doctor reports whatever is wrong
            yield Finding(service, did, f"{type(error).__name__}: {error}")
        else:
            yield Finding(service, did)
    yield _programs()


def _programs() -> Finding:
    """Run a program as SageMaker and Lambda do, and say what keeps it in."""
    from infra.cloud import workplace

    mode = workplace.find_mode()
    walls = {
        "plain": "without a sandbox: it can read your files; install bubblewrap for one",
        "namespaces": "in a sandbox of namespaces", "bubblewrap": "in a sandbox of bubblewrap",
    }
    works = workplace.works(mode)
    return Finding("programs", f"ran one {walls[mode]}", "" if works else "it did not run")


def _round() -> Iterator[Probe]:
    """Yield a probe for each service that has none of its own: one call that changes nothing."""
    from infra.cloud import registry, rounds

    for service, call, arguments in rounds.CALLS:
        name = rounds.signed(service)
        if name in registry.SERVICES:
            did = f"asked it to {call.replace('_', ' ')}"
            yield name, did, partial(_ask, service, call, arguments)


def _ask(service: str, call: str, arguments: dict[str, Any], patient: Patient) -> None:
    from botocore.exceptions import ClientError

    try:
        getattr(patient.client(service), call)(**arguments)
    except ClientError as error:
        refused = error.response["ResponseMetadata"]["HTTPStatusCode"] < 500
        _must(refused and "NotInUse" in str(error), str(error))


def _s3(patient: Patient, *, https: bool = False) -> None:
    s3, name = patient.client("s3", https=https), f"doctor-{secrets.token_hex(6)}"
    place = {"LocationConstraint": patient.running.region}
    s3.create_bucket(Bucket=name, CreateBucketConfiguration=place)
    try:
        s3.put_object(Bucket=name, Key="k", Body=b"pulse")
        _must(s3.get_object(Bucket=name, Key="k")["Body"].read() == b"pulse", "other bytes")
        s3.delete_object(Bucket=name, Key="k")
    finally:
        s3.delete_bucket(Bucket=name)


def _https(patient: Patient) -> None:
    _s3(patient, https=True)


def _sts(patient: Patient) -> None:
    arn = patient.client("sts").get_caller_identity()["Arn"]
    _must(arn.endswith(":user/desk"), f"we are {arn}")


def _kms(patient: Patient) -> None:
    kms = patient.client("kms")
    key = kms.create_key(Description="doctor")["KeyMetadata"]["KeyId"]
    try:
        blob = kms.encrypt(KeyId=key, Plaintext=b"pulse")["CiphertextBlob"]
        _must(kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"pulse", "other bytes")
    finally:
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)


def _secrets(patient: Patient) -> None:
    manager, name = patient.client("secretsmanager"), f"doctor-{secrets.token_hex(6)}"
    manager.create_secret(Name=name, SecretString="pulse")
    try:
        _must(manager.get_secret_value(SecretId=name)["SecretString"] == "pulse", "other text")
    finally:
        manager.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def _iam(patient: Patient) -> None:
    """A user without policies is refused: that shows that IAM is enforced."""
    from botocore.exceptions import ClientError

    from infra.cloud.fixtures import Identity, client

    iam, name = patient.client("iam"), f"doctor-{secrets.token_hex(6)}"
    iam.create_user(UserName=name)
    try:
        made = iam.create_access_key(UserName=name)["AccessKey"]
        who = Identity("", made["AccessKeyId"], made["SecretAccessKey"])
        try:
            client("s3", patient.running.http, who, patient.running.region).list_buckets()
        except ClientError as error:
            _must(error.response["Error"]["Code"] == "AccessDenied", str(error))
        else:
            raise RuntimeError("a user without policies was let in")
        finally:
            iam.delete_access_key(UserName=name, AccessKeyId=who.key_id)
    finally:
        iam.delete_user(UserName=name)


def _stranger(patient: Patient) -> None:
    status, _ = _plain(patient.running.http, "GET", "/", {})
    _must(status == 403, f"an unsigned request was answered with {status}")


def _metadata(patient: Patient) -> None:
    url = patient.running.metadata
    header = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
    status, token = _plain(url, "PUT", "/latest/api/token", header)
    _must(status == 200, f"no token: {status}")
    header = {"X-aws-ec2-metadata-token": token}
    status, text = _plain(url, "GET", "/latest/dynamic/instance-identity/document", header)
    _must(status == 200 and "instanceId" in json.loads(text), f"no identity: {status}")


def _plain(url: str, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def _must(holds: bool, wrong: str) -> None:
    if not holds:
        raise RuntimeError(wrong)


PROBES: tuple[Probe, ...] = (
    ("s3", "made a bucket, put, got and deleted an object", _s3),
    ("s3 https", "the same over TLS with the course CA", _https),
    ("sts", "asked who we are", _sts),
    ("kms", "made a key, encrypted and decrypted", _kms),
    ("secretsmanager", "made a secret and read it", _secrets),
    ("iam", "made a user without policies, who was refused", _iam),
    ("front door", "a request without a signature was refused", _stranger),
    ("metadata", "got a token and the instance's identity", _metadata),
)
