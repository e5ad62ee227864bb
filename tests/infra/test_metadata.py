"""The instance metadata service: tokens first, notices when scheduled, credentials that work."""

from __future__ import annotations

import http.client
import json
from datetime import UTC, datetime

import pytest

from infra.cloud.fixtures import Cloud, Identity, allow, trusts
from tests.infra import client, raw

TTL = "X-aws-ec2-metadata-token-ttl-seconds"
TOKEN = "X-aws-ec2-metadata-token"
ACTION = "/latest/meta-data/spot/instance-action"


def ask(
    cloud: Cloud, path: str, token: str = "", method: str = "GET", **headers: str
) -> tuple[int, str]:
    """Make one request of the metadata service."""
    wire = http.client.HTTPConnection("127.0.0.1", raw.port_of(cloud.metadata.url), timeout=20)
    sent = {k.replace("_", "-"): v for k, v in headers.items()} | ({TOKEN: token} if token else {})
    wire.request(method, path, headers=sent)
    answer = wire.getresponse()
    found = answer.status, answer.read().decode()
    wire.close()
    return found


@pytest.fixture
def token(cloud: Cloud) -> str:
    """A token for an hour."""
    status, text = ask(cloud, "/latest/api/token", method="PUT", **{TTL: "3600"})
    assert status == 200
    return text


def test_no_token_no_answer(cloud: Cloud) -> None:
    assert ask(cloud, "/latest/meta-data/instance-id")[0] == 401
    assert ask(cloud, "/latest/meta-data/instance-id", "guess")[0] == 401
    assert ask(cloud, ACTION)[0] == 401
    assert cloud.metadata.polls == 0


@pytest.mark.parametrize("ttl", ["", "0", "21601", "x", "-1"])
def test_a_token_has_a_lifetime(cloud: Cloud, ttl: str) -> None:
    assert ask(cloud, "/latest/api/token", method="PUT", **{TTL: ttl})[0] == 400


def test_a_token_ends(cloud: Cloud, token: str) -> None:
    assert ask(cloud, "/latest/meta-data/instance-id", token)[0] == 200
    cloud.advance(3600)
    assert ask(cloud, "/latest/meta-data/instance-id", token)[0] == 401


def test_tokens_can_be_made_invalid(cloud: Cloud, token: str) -> None:
    cloud.metadata.expire_tokens()
    assert ask(cloud, ACTION, token)[0] == 401


def test_not_through_a_proxy(cloud: Cloud) -> None:
    got = ask(cloud, "/latest/api/token", method="PUT", **{TTL: "60", "X-Forwarded-For": "1.2.3.4"})
    assert got[0] == 403


def test_what_the_instance_is(cloud: Cloud, token: str) -> None:
    name = cloud.metadata.instance(kind="p5.48xlarge")
    assert ask(cloud, "/latest/meta-data/instance-id", token) == (200, name)
    assert ask(cloud, "/latest/meta-data/instance-type", token) == (200, "p5.48xlarge")
    assert ask(cloud, "/latest/meta-data/placement/region", token) == (200, cloud.region)
    zone = ask(cloud, "/latest/meta-data/placement/availability-zone", token)
    assert zone == (200, f"{cloud.region}a")
    assert ask(cloud, "/latest/meta-data/nothing", token)[0] == 404
    assert ask(cloud, "/latest/meta-data/../meta-data/instance-id", token)[0] == 404


def test_a_notice_of_two_minutes(cloud: Cloud, token: str) -> None:
    assert ask(cloud, ACTION, token)[0] == 404
    cloud.metadata.schedule(120)
    status, text = ask(cloud, ACTION, token)
    assert status == 200
    notice = json.loads(text)
    assert notice["action"] == "terminate"
    at = datetime.strptime(notice["time"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert 0 < (at - datetime.now(UTC)).total_seconds() <= 120
    assert ask(cloud, "/latest/meta-data/spot/termination-time", token) == (200, notice["time"])
    cloud.metadata.clear()
    assert ask(cloud, ACTION, token)[0] == 404
    assert cloud.metadata.polls == 3


def test_a_notice_that_is_still_to_come(cloud: Cloud, token: str) -> None:
    cloud.metadata.schedule(30, wait=600)
    assert ask(cloud, ACTION, token)[0] == 404
    cloud.advance(600)
    assert ask(cloud, ACTION, token)[0] == 200


def test_a_notice_word_for_word(cloud: Cloud, token: str) -> None:
    cloud.metadata.notice("stop", time="2030-01-01T00:00:00Z")
    assert json.loads(ask(cloud, ACTION, token)[1]) == {
        "action": "stop", "time": "2030-01-01T00:00:00Z",
    }  # fmt: skip


def test_credentials_of_the_instances_role(cloud: Cloud, token: str) -> None:
    base = "/latest/meta-data/iam/security-credentials/"
    assert ask(cloud, base, token)[0] == 404
    cloud.bucket("data")
    cloud.role("trainer", trusts("*"), [allow(["s3:ListBucket"])])
    cloud.metadata.instance(role="trainer")
    assert ask(cloud, base, token) == (200, "trainer")
    found = json.loads(ask(cloud, base + "trainer", token)[1])
    who = Identity("", found["AccessKeyId"], found["SecretAccessKey"], found["Token"])
    assert client.of(cloud, "s3", who).list_objects_v2(Bucket="data")["KeyCount"] == 0
    assert client.code(client.of(cloud, "iam", who).list_users) == "AccessDenied"


def test_boto3_finds_it_by_the_environment(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    import boto3

    cloud.role("trainer", trusts("*"), [allow(["s3:*"])])
    cloud.metadata.instance(role="trainer")
    env = cloud.env(cloud.identity("ann"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
        del env[name]
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED", raising=False)
    session = boto3.session.Session()
    assert session.client("sts").get_caller_identity()["Arn"].split("/")[1] == "trainer"


def test_polls_are_in_the_log(cloud: Cloud, token: str) -> None:
    ask(cloud, ACTION, token)
    last = cloud.log[-1]
    assert (last.service, last.resource, last.status) == ("imds", ACTION, 404)
