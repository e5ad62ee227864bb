"""What labs may ask of a cloud, by name: which target has it, and the real call that shows it.

The table is capabilities.toml; `probe` tries one against a cloud that runs.
Limit: a probe shows that the thing works once, not that it is like the real one.
"""

from __future__ import annotations

import io
import json
import secrets
import time
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Protocol

PATIENCE = 20.0  # seconds until something that runs in the background has to be done
CODE = "def main(event, context):\n    return event['a'] * 2\n"
TEMPLATE = {"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}


class Clients(Protocol):
    """Makes boto3 clients of one cloud: the desk's own, or with the keys of somebody else."""

    def __call__(self, service: str, key_id: str = "", secret: str = "") -> Any:
        """Return a client."""


@cache
def table() -> dict[str, tuple[str, ...]]:
    """Return the targets that have each capability."""
    text = (Path(__file__).parent / "capabilities.toml").read_text()
    return {name: tuple(found) for name, found in tomllib.loads(text)["capabilities"].items()}


def missing(names: Sequence[str], target: str) -> list[str]:
    """Return those that a target has not. ValueError for a name that nobody knows."""
    unknown = [name for name in names if name not in table()]
    if unknown:
        raise ValueError(f"no capability {unknown[0]!r}; there are {', '.join(sorted(table()))}")
    return [name for name in names if target not in table()[name]]


def probe(name: str, client: Clients) -> str:
    """Try one capability; return what is wrong, nothing when it works."""
    try:
        PROBES[name](client)
    except Exception as error:  # whatever happens, the answer is that it does not work
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return ""


def _fresh(kind: str) -> str:
    return f"ladder-probe-{kind}-{secrets.token_hex(4)}"


def _must(holds: bool, wrong: str) -> None:
    if not holds:
        raise RuntimeError(wrong)


def _soon(holds: Callable[[], bool], wrong: str) -> None:
    """Ask five times a second until it holds. Raises RuntimeError."""
    end = time.monotonic() + PATIENCE
    while not holds():
        _must(time.monotonic() < end, wrong)
        time.sleep(0.2)


def _s3(client: Clients) -> None:
    s3, name = client("s3"), _fresh("s3")
    region = s3.meta.region_name
    place = {} if region == "us-east-1" else {"LocationConstraint": region}
    s3.create_bucket(Bucket=name, **({"CreateBucketConfiguration": place} if place else {}))
    try:
        s3.put_object(Bucket=name, Key="k", Body=b"pulse")
        _must(s3.get_object(Bucket=name, Key="k")["Body"].read() == b"pulse", "other bytes")
        s3.delete_object(Bucket=name, Key="k")
    finally:
        s3.delete_bucket(Bucket=name)


def _sts(client: Clients) -> None:
    _must(bool(client("sts").get_caller_identity()["Account"]), "no account")


def _kms(client: Clients) -> None:
    kms = client("kms")
    key = kms.create_key(Description="probe")["KeyMetadata"]["KeyId"]
    try:
        blob = kms.encrypt(KeyId=key, Plaintext=b"pulse")["CiphertextBlob"]
        _must(kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"pulse", "other bytes")
    finally:
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)


def _secrets(client: Clients) -> None:
    vault, name = client("secretsmanager"), _fresh("secret")
    vault.create_secret(Name=name, SecretString="pulse")
    try:
        _must(vault.get_secret_value(SecretId=name)["SecretString"] == "pulse", "other text")
    finally:
        vault.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def _iam(client: Clients) -> None:
    """A user with keys: whether somebody heeds the policies is another capability."""
    with _User(client) as (key_id, _):
        _must(bool(key_id), "no key")


def _enforced(client: Clients) -> None:
    """A user without policies must be refused."""
    from botocore.exceptions import ClientError

    with _User(client) as (key_id, secret):
        try:
            client("s3", key_id, secret).list_buckets()
        except ClientError as error:
            _must(error.response["Error"]["Code"] == "AccessDenied", str(error))
        else:
            raise RuntimeError("a user without policies was let in")


class _User:
    """A user with an access key and no policy, gone at the end of the block."""

    def __init__(self, client: Clients) -> None:
        self.iam, self.name, self.key_id = client("iam"), _fresh("user"), ""

    def __enter__(self) -> tuple[str, str]:
        self.iam.create_user(UserName=self.name)
        made = self.iam.create_access_key(UserName=self.name)["AccessKey"]
        self.key_id = made["AccessKeyId"]
        return self.key_id, made["SecretAccessKey"]

    def __exit__(self, *_: object) -> None:
        self.iam.delete_access_key(UserName=self.name, AccessKeyId=self.key_id)
        self.iam.delete_user(UserName=self.name)


@contextmanager
def _role(client: Clients, service: str) -> Iterator[str]:
    """A role that a service may put on, gone at the end of the block; its ARN."""
    iam, name = client("iam"), _fresh("role")
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole",
             "Principal": {"Service": f"{service}.amazonaws.com"}}  # fmt: skip
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    try:
        yield str(arn)
    finally:
        iam.delete_role(RoleName=name)


def _sqs(client: Clients) -> None:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName=_fresh("sqs"))["QueueUrl"]
    try:
        sqs.send_message(QueueUrl=url, MessageBody="pulse")
        got = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", [])
        _must([m["Body"] for m in got] == ["pulse"], "the message did not come")
    finally:
        sqs.delete_queue(QueueUrl=url)


def _sns(client: Clients) -> None:
    sns = client("sns")
    topic = sns.create_topic(Name=_fresh("sns"))["TopicArn"]
    try:
        _must(bool(sns.publish(TopicArn=topic, Message="pulse")["MessageId"]), "not published")
    finally:
        sns.delete_topic(TopicArn=topic)


def _dynamodb(client: Clients) -> None:
    dynamodb, name = client("dynamodb"), _fresh("table")
    key = {"AttributeName": "k", "KeyType": "HASH"}
    kind = {"AttributeName": "k", "AttributeType": "S"}
    dynamodb.create_table(
        TableName=name, KeySchema=[key], AttributeDefinitions=[kind], BillingMode="PAY_PER_REQUEST"
    )
    try:
        dynamodb.get_waiter("table_exists").wait(TableName=name)
        dynamodb.put_item(TableName=name, Item={"k": {"S": "pulse"}})
        got = dynamodb.get_item(TableName=name, Key={"k": {"S": "pulse"}}, ConsistentRead=True)
        _must("Item" in got, "the item did not come back")
    finally:
        dynamodb.delete_table(TableName=name)


def _kinesis(client: Clients) -> None:
    kinesis, name = client("kinesis"), _fresh("stream")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    try:
        kinesis.get_waiter("stream_exists").wait(StreamName=name)
        kinesis.put_record(StreamName=name, Data=b"pulse", PartitionKey="k")
        shard = kinesis.list_shards(StreamName=name)["Shards"][0]["ShardId"]
        start = kinesis.get_shard_iterator(
            StreamName=name, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        got = kinesis.get_records(ShardIterator=start)["Records"]
        _must([r["Data"] for r in got] == [b"pulse"], "the record did not come")
    finally:
        kinesis.delete_stream(StreamName=name)


def _cloudformation(client: Clients) -> None:
    formation, name = client("cloudformation"), _fresh("stack")
    formation.create_stack(StackName=name, TemplateBody=json.dumps(TEMPLATE))
    try:
        formation.get_waiter("stack_create_complete").wait(
            StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": int(PATIENCE)}
        )
        made = formation.describe_stack_resources(StackName=name)["StackResources"]
        client("sqs").get_queue_attributes(QueueUrl=made[0]["PhysicalResourceId"])
    finally:
        formation.delete_stack(StackName=name)


def _machine(client: Clients, definition: dict[str, Any], wanted: Any) -> None:
    """Run a state machine to its end and compare what comes out."""
    step, name = client("stepfunctions"), _fresh("machine")
    with _role(client, "states") as role:
        arn = step.create_state_machine(name=name, definition=json.dumps(definition), roleArn=role)[
            "stateMachineArn"
        ]
        _run_machine(step, arn, wanted)


def _run_machine(step: Any, arn: str, wanted: Any) -> None:
    try:
        run = step.start_execution(stateMachineArn=arn, input="{}")["executionArn"]
        _soon(
            lambda: step.describe_execution(executionArn=run)["status"] != "RUNNING",
            "the execution does not end",
        )
        told = step.describe_execution(executionArn=run)
        _must(json.loads(told.get("output", "null")) == wanted, f"it ended {told['status']}")
    finally:
        step.delete_state_machine(stateMachineArn=arn)


def _stepfunctions(client: Clients) -> None:
    passes = {"Type": "Pass", "Result": "pulse", "End": True}
    _machine(client, {"StartAt": "P", "States": {"P": passes}}, "pulse")


def _jsonata(client: Clients) -> None:
    sums = {"Type": "Pass", "Output": "{% 1 + 1 %}", "End": True}
    machine = {"QueryLanguage": "JSONata", "StartAt": "P", "States": {"P": sums}}
    _machine(client, machine, 2)


def _lambda(client: Clients) -> None:
    """The function's own code must have run."""
    function, name = client("lambda"), _fresh("function")
    with _role(client, "lambda") as role:
        function.create_function(
            FunctionName=name, Runtime="python3.12", Role=role, Handler="code.main",
            Code={"ZipFile": _zip("code.py", CODE)},
        )
        _run_function(function, name)


def _run_function(function: Any, name: str) -> None:
    try:
        function.get_waiter("function_active_v2").wait(
            FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": int(PATIENCE)}
        )
        told = function.invoke(FunctionName=name, Payload=json.dumps({"a": 21}).encode())
        answer = told["Payload"].read()
        _must(json.loads(answer) == 42, f"it answered {answer[:200]!r}")
    finally:
        function.delete_function(FunctionName=name)


def _zip(name: str, text: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr(name, text)
    return held.getvalue()


PROBES: dict[str, Callable[[Clients], None]] = {
    "aws:s3": _s3, "aws:sts": _sts, "aws:kms": _kms, "aws:secretsmanager": _secrets,
    "aws:iam": _iam, "aws:iam-enforced": _enforced, "aws:sqs": _sqs, "aws:sns": _sns,
    "aws:dynamodb": _dynamodb, "aws:kinesis": _kinesis, "aws:cloudformation": _cloudformation,
    "aws:stepfunctions": _stepfunctions, "aws:stepfunctions-jsonata": _jsonata,
    "aws:lambda-exec": _lambda,
}
