"""A cloud's process reads nothing of the user's AWS settings, and says when its disk is full."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

from infra.cloud import surroundings
from infra.cloud.broker import BrokerError
from infra.cloud.lambdas.environments import unpack
from tests.infra.test_desk import ROOT, Desk, free_port

NONSENSE = {
    "AWS_PROFILE": "nobody-has-this-one", "AWS_DEFAULT_PROFILE": "nor-this",
    "AWS_CONFIG_FILE": "/dev/null/config", "AWS_SHARED_CREDENTIALS_FILE": "{nonsense}",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_REGION": "nowhere-7",
    "AWS_DEFAULT_REGION": "nowhere-7",
}


@pytest.fixture
def nonsense(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment whose every AWS setting would stop an SDK that reads it."""
    file = tmp_path / "credentials"
    file.write_text("[default\nno = ini file\n")
    found = {name: value.format(nonsense=file) for name, value in NONSENSE.items()}
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return found


def alone(code: str, *words: str) -> str:
    """Run code in a fresh process, with the environment as it is; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


LADDER = "import sys; from infra.cli import cloud; cloud(sys.argv[1:])"


def test_the_desks_cloud_starts_whatever_the_users_settings_say(
    tmp_path: Path, nonsense: dict[str, str]
) -> None:
    state = ("--state", str(tmp_path / "state"))
    try:
        alone(LADDER, *state, "up", "--port", str(free_port()))
        desk = Desk(tmp_path / "state")
        s3 = desk.s3()
        s3.create_bucket(  # type: ignore[attr-defined]
            Bucket="parcels",
            CreateBucketConfiguration={"LocationConstraint": desk.running.region},
        )
        assert "parcels" in alone(PUTS, desk.running.http, json.dumps(desk.folder.credentials()))
        assert desk.well("status")
    finally:
        alone(LADDER, *state, "down")


PUTS = """
import json, sys
from infra.cloud.fixtures import Identity, client
who = Identity("", **json.loads(sys.argv[2]))
ec2 = client("ec2", sys.argv[1], who, "eu-central-1")
assert ec2.describe_regions()["Regions"]
print([one["Name"] for one in client("s3", sys.argv[1], who, "eu-central-1").list_buckets()["Buckets"]])
"""  # noqa: E501
PRIVATE = """
import os
before = dict(os.environ)
import infra.cloud.serverless
from infra.cloud.fixtures import loopback, private_cloud
with loopback() as listener, private_cloud(listener) as cloud:
    cloud.bucket("parcels")
    cloud.client("sqs").create_queue(QueueName="q")
    print(cloud.state("s3").keys())
assert dict(os.environ) == before, "the user's own settings are the user's"
"""


def test_a_private_cloud_works_beside_them_and_leaves_them_alone(nonsense: dict[str, str]) -> None:
    assert "parcels" in alone(PRIVATE)


def test_apart_hides_and_gives_back(nonsense: dict[str, str]) -> None:
    before = dict(os.environ)
    with surroundings.apart():
        assert {k: v for k, v in os.environ.items() if k.startswith("AWS_")} == surroundings.UNREAD
        with surroundings.apart():
            assert "AWS_PROFILE" not in os.environ
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("spools", "bounded", "kept"),
    [(True, False, False), (False, True, False), (False, False, True)],
)
def test_objects_stay_in_memory_where_nobody_could_see_how_many_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spools: bool, bounded: bool, kept: bool
) -> None:
    monkeypatch.setattr(os, "environ", {"AWS_PROFILE": "x"})
    monkeypatch.setattr(tempfile, "tempdir", "/tmp")
    monkeypatch.setattr(os.path, "ismount", lambda _: bounded)
    surroundings.settle(str(tmp_path), spools=spools)
    assert tempfile.gettempdir() == str(tmp_path)
    assert ("MOTO_S3_DEFAULT_KEY_BUFFER_SIZE" in os.environ) is kept
    assert "AWS_PROFILE" not in os.environ


@pytest.mark.parametrize(
    ("error", "is_full"),
    [(OSError(errno.ENOSPC, ""), True), (OSError(errno.EDQUOT, ""), True), (MemoryError(), True),
     (OSError(errno.ENOENT, ""), False), (ValueError(28), False)],
)  # fmt: skip
def test_what_means_that_there_is_no_room(error: Exception, is_full: bool) -> None:
    assert surroundings.full(error) is is_full


def test_a_package_for_which_there_is_no_room_is_a_package_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("m.py", "")
    monkeypatch.setattr(zipfile.ZipFile, "extractall", refuse)
    with pytest.raises(BrokerError, match="disk of this cloud is full"):
        unpack(packed.getvalue(), tmp_path)
