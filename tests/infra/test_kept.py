"""State that survives: a cloud that was ended or killed comes back; a file runs nothing."""

from __future__ import annotations

import hashlib
import os
import pickle
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner, Result

import infra.cloud.islands  # noqa: F401  (loads every back end before the first fork)
from infra.cli import cloud as command
from infra.cloud import keeping, pickles, snapshot
from infra.cloud.desk import REGION, Folder
from infra.cloud.fixtures import Cloud, CloudError, Identity, allow, client, loopback, private_cloud
from infra.cloud.inside import Inside

PLACE = {"LocationConstraint": REGION}


def furnish(cloud: Cloud) -> dict[str, Any]:
    """Put something into every service that is kept; return what only its answers tell."""
    at = cloud.client
    cloud.bucket("data")
    at("s3").put_bucket_versioning(Bucket="data", VersioningConfiguration={"Status": "Enabled"})
    version = at("s3").put_object(Bucket="data", Key="k", Body=b"first")["VersionId"]
    at("s3").put_object(Bucket="data", Key="k", Body=b"second", Tagging="a=b")
    who = cloud.identity("ann", [allow(["s3:GetObject"])])
    key = at("kms").create_key()["KeyMetadata"]["KeyId"]
    signing = at("kms").create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")
    at("secretsmanager").create_secret(Name="s", SecretString="hidden", KmsKeyId=key)
    queue = at("sqs").create_queue(QueueName="q")["QueueUrl"]
    at("sqs").send_message(QueueUrl=queue, MessageBody="hello")
    at("dynamodb").create_table(
        TableName="t", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "a", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "a", "AttributeType": "S"}],
    )
    at("dynamodb").put_item(TableName="t", Item={"a": {"S": "1"}, "n": {"N": "2"}})
    topic = at("sns").create_topic(Name="news")["TopicArn"]
    arn = f"arn:aws:sqs:{REGION}:{cloud.account}:q"
    at("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    at("ssm").put_parameter(Name="/p", Value="1", Type="String")
    at("logs").create_log_group(logGroupName="g")
    at("glue").create_database(DatabaseInput={"Name": "lake"})
    at("ecr").create_repository(repositoryName="repo")
    at("kinesis").create_stream(StreamName="flow", ShardCount=1)
    at("cloudwatch").put_metric_data(Namespace="n", MetricData=[
        {"MetricName": "m", "Value": 1.0, "Timestamp": "2026-01-01T00:00:00Z"}])
    sealed = at("kms").encrypt(KeyId=key, Plaintext=b"open")["CiphertextBlob"]
    return {"version": version, "who": who, "sealed": sealed, "topic": topic, "queue": queue,
            "signing": signing["KeyMetadata"]["KeyId"]}  # fmt: skip


def check(cloud: Cloud, made: dict[str, Any]) -> None:
    """Assert that a cloud has all of it, for the same keys, and goes on from there."""
    at = cloud.client
    s3, old = at("s3", made["who"]), {"VersionId": made["version"]}
    assert s3.get_object(Bucket="data", Key="k")["Body"].read() == b"second"
    assert at("s3").get_object(Bucket="data", Key="k", **old)["Body"].read() == b"first"
    assert at("s3").get_object_tagging(Bucket="data", Key="k")["TagSet"][0]["Value"] == "b"
    assert at("kms").decrypt(CiphertextBlob=made["sealed"])["Plaintext"] == b"open"
    signed = {"KeyId": made["signing"], "Message": b"m", "SigningAlgorithm": "RSASSA_PSS_SHA_256"}
    proof = at("kms").sign(**signed)["Signature"]
    assert at("kms").verify(**signed, Signature=proof)["SignatureValid"]
    assert at("secretsmanager").get_secret_value(SecretId="s")["SecretString"] == "hidden"
    follower = at("sns").list_subscriptions_by_topic(TopicArn=made["topic"])["Subscriptions"][0]
    assert follower["Endpoint"].endswith(":q")
    message = at("sqs").receive_message(QueueUrl=made["queue"])["Messages"][0]
    assert message["Body"] == "hello"
    assert at("dynamodb").get_item(TableName="t", Key={"a": {"S": "1"}})["Item"]["n"] == {"N": "2"}
    at("dynamodb").put_item(TableName="t", Item={"a": {"S": "2"}})
    assert at("ssm").get_parameter(Name="/p")["Parameter"]["Value"] == "1"
    at("ssm").put_parameter(
        Name="/q", Value="1", Type="String", Tags=[{"Key": "team", "Value": "x"}])
    assert at("logs").describe_log_groups()["logGroups"][0]["logGroupName"] == "g"
    assert at("glue").get_databases()["DatabaseList"][0]["Name"] == "lake"
    assert at("ecr").describe_repositories()["repositories"][0]["repositoryName"] == "repo"
    assert at("kinesis").list_streams()["StreamNames"] == ["flow"]
    assert at("cloudwatch").list_metrics()["Metrics"][0]["MetricName"] == "m"


def kill(cloud: Cloud) -> None:
    """End a cloud's process as a power cut would."""
    os.kill(cloud._child.pid, signal.SIGKILL)
    psutil.Process(cloud._child.pid).wait(20)


def test_every_kept_service_comes_back(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "kept.bin")
    with loopback() as listener, private_cloud(listener) as cloud:
        cloud.keep(path)
        made = furnish(cloud)
        before = {name: cloud.state(name) for name in ("s3", "iam")}
        cloud.keep(path)
        kill(cloud)
    assert "not kept" not in capfd.readouterr().err
    assert os.stat(path).st_mode & 0o777 == 0o600
    with loopback() as listener, private_cloud(listener) as cloud:
        cloud.keep(path)
        assert {name: cloud.state(name) for name in before} == before
        check(cloud, made)


def test_a_kill_leaves_all_up_to_a_moment(tmp_path: Path) -> None:
    """However often, whenever: what is there is a beginning of what was written."""
    path, number = str(tmp_path / "kept.bin"), 0
    for life in range(4):
        with loopback() as listener, private_cloud(listener) as cloud:
            cloud.keep(path)
            if life == 0:
                cloud.bucket("data")
                cloud.keep(path)
            found = sorted(int(key) for key in cloud.state("s3")["data"]["objects"])
            assert found == list(range(len(found)))
            assert len(found) >= number  # what was saved last time is there
            for number in range(len(found), len(found) + 40):
                cloud.client("s3").put_object(Bucket="data", Key=str(number), Body=b"x" * 5000)
                if number % 20 == 10:
                    cloud.keep(path)
                    number = number + 1
                    break
            kill(cloud)


# --- the file -----------------------------------------------------------------------------------


class Bomb:
    """A pickle of this calls what it names."""

    def __init__(self, what: Any, *arguments: Any) -> None:
        self.call = what, arguments

    def __reduce__(self) -> Any:
        return self.call


def wrapped(value: object) -> bytes:
    """Return a file with a good head around anything."""
    part = pickle.dumps(value, 5)
    return snapshot._head(part) + part


@pytest.mark.parametrize(
    "call",
    [
        (os.system, "touch {}"), (subprocess.Popen, ["touch", "{}"]), (eval, "open('{}', 'w')"),
        (pickles.rebuild, "subprocess:Popen", ["touch", "{}"]),
        (pickles.find, "moto.core.utils:subprocess.Popen"),
        (pickles.rebuild, "moto.core.utils:utcnow"), (pickles.find, "infra.cloud.kept:subprocess"),
        (getattr, object, "__subclasses__"),
    ],
    ids=lambda call: f"{call[0].__name__}-{call[1]}",
)  # fmt: skip
def test_a_file_calls_nothing(call: tuple[Any, ...], tmp_path: Path) -> None:
    trap = tmp_path / "trap"

    def aimed(one: Any) -> Any:
        many = isinstance(one, list)
        return [aimed(x) for x in one] if many else (
            one.format(trap) if isinstance(one, str) else one)

    bomb = Bomb(call[0], *map(aimed, call[1:]))
    for data in (wrapped(bomb), wrapped({("s3", "aws"): pickle.dumps({"buckets": bomb}, 5)})):
        with pytest.raises(pickles.Unreadable):
            snapshot.load(data, Inside(None))  # type: ignore[arg-type]
    assert not trap.exists()


@pytest.mark.parametrize("spoil", [
    lambda data: b"", lambda data: data[:-5], lambda data: data[:90] + b"\0" + data[91:],
    lambda data: data.replace(b"moto 5", b"moto 4", 1),
])  # fmt: skip
def test_a_damaged_file_is_refused_and_left(spoil: Any, tmp_path: Path) -> None:
    path = tmp_path / "kept.bin"
    path.write_bytes(spoil(wrapped({})))
    before = hashlib.sha256(path.read_bytes()).digest()
    with loopback() as listener, private_cloud(listener) as cloud:
        try:
            cloud.keep(str(path))
        except CloudError as error:
            said = str(error)
    assert "damaged" in said
    assert hashlib.sha256(path.read_bytes()).digest() == before


# --- the desk -----------------------------------------------------------------------------------


class Desk:
    """A cloud in a folder of its own, driven by the command."""

    def __init__(self, path: Path) -> None:
        self.path, self.folder = path, Folder(path)

    def run(self, *words: str) -> Result:
        """Run one command."""
        return CliRunner().invoke(command, ["--state", str(self.path), *words])

    def buckets(self) -> list[str]:
        """Return the names of the cloud's buckets."""
        return [one["Name"] for one in self.s3().list_buckets()["Buckets"]]

    def s3(self) -> Any:
        """Return an S3 client with the desk's keys."""
        running = self.folder.running()
        assert running is not None
        return client("s3", running.http, Identity("", **self.folder.credentials()), REGION)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk that is taken down."""
    one = Desk(tmp_path / "state")
    yield one
    one.run("down")


def test_a_desk_keeps_its_state_when_asked(desk: Desk) -> None:
    assert desk.run("up", "--port", "4750", "--keep").exit_code == 0
    desk.s3().create_bucket(Bucket="kept", CreateBucketConfiguration=PLACE)
    desk.run("down")
    assert "--keep takes it up" in desk.run("up", "--port", "4750").output
    assert desk.buckets() == []
    refused = desk.run("up", "--keep")
    assert (refused.exit_code, "without --keep" in refused.output) == (2, True)
    desk.run("down")
    assert desk.run("up", "--port", "4750", "--keep").exit_code == 0
    assert desk.buckets() == ["kept"]
    desk.run("reset")
    assert desk.buckets() == []


def test_a_desk_that_is_killed_comes_back(desk: Desk) -> None:
    desk.run("up", "--port", "4760", "--keep")
    desk.s3().create_bucket(Bucket="kept", CreateBucketConfiguration=PLACE)
    file = desk.path / keeping.FILE
    running = desk.folder.running()
    assert running is not None
    first = psutil.Process(running.pid)
    while not file.exists() or b"kept" not in file.read_bytes():
        first.status()
        psutil.wait_procs([first], timeout=0.05)
    for one in (*first.children(recursive=True), first):
        one.kill()
    psutil.wait_procs([first], timeout=20)
    assert desk.run("up", "--port", "4760", "--keep").exit_code == 0
    assert desk.buckets() == ["kept"]


def test_other_targets_keep_nothing(desk: Desk) -> None:
    done = desk.run("up", "--on", "localstack", "--keep")
    assert (done.exit_code, "--keep goes with the embedded cloud" in done.output) == (2, True)
