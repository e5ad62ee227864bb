"""`ladder cloud image`, and a training job on a desk's cloud that uses one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from infra.cli import cloud
from infra.cloud.desk import Folder
from infra.cloud.fixtures import Identity, client

BAD = (("Bad Name", "made", "no name"), ("x", "gone", "not a folder"), ("x", "empty", "no program"))


class Desk:
    """A cloud in a folder of its own, driven by the command."""

    def __init__(self, path: Path) -> None:
        self.path, self.folder = path, Folder(path)

    def run(self, *words: str) -> Result:
        """Run one command."""
        return CliRunner().invoke(cloud, ["--state", str(self.path), *words])

    def well(self, *words: str) -> str:
        """Run a command that ends well; return its output."""
        done = self.run(*words)
        assert done.exit_code == 0, done.output
        return done.output

    def client(self, service: str) -> object:
        """A client with the desk's keys."""
        running = self.folder.running()
        assert running is not None
        keys = Identity("", **self.folder.credentials())
        return client(service, running.http, keys, "eu-central-1")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk that is taken down."""
    one = Desk(tmp_path / "state")
    yield one
    one.run("down")


def make(folder: Path, mode: int = 0o755) -> Path:
    """A folder with a program that trains."""
    folder.mkdir()
    (folder / "train").write_text("#!/usr/bin/env python\nprint('trained')\n")
    (folder / "train").chmod(mode)
    return folder


def test_images_are_added_listed_and_forgotten(desk: Desk, tmp_path: Path) -> None:
    made = make(tmp_path / "made")
    assert "No image yet" in desk.well("image", "list")
    assert f"mine is {made}: train." in desk.well("image", "add", "mine", str(made))
    assert f"mine{' ' * 20}{made}" in desk.well("image", "list")
    assert "mine is no image any more" in desk.well("image", "remove", "mine")
    gone = desk.run("image", "remove", "mine")
    assert (gone.exit_code, "ladder cloud image list" in gone.output) == (2, True)


@pytest.mark.parametrize(("name", "folder", "says"), BAD)
def test_what_is_no_image_is_refused(
    desk: Desk, tmp_path: Path, name: str, folder: str, says: str
) -> None:
    make(tmp_path / "made")
    (tmp_path / "empty").mkdir()
    done = desk.run("image", "add", name, str(tmp_path / folder))
    assert (done.exit_code, says in done.output) == (2, True)
    assert "No image yet" in desk.well("image", "list")


def test_a_program_that_cannot_be_executed_is_told(desk: Desk, tmp_path: Path) -> None:
    done = desk.run("image", "add", "mine", str(make(tmp_path / "made", 0o644)))
    assert (done.exit_code, "chmod +x" in done.output) == (2, True)


def test_a_desk_trains_with_an_image_that_was_added_while_it_ran(
    desk: Desk, tmp_path: Path
) -> None:
    desk.well("up", "--port", "4700")
    desk.well("image", "add", "mine", str(make(tmp_path / "made")))
    iam, s3, sm = (desk.client(name) for name in ("iam", "s3", "sagemaker"))
    trust = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",'
    trust += '"Principal":{"Service":"sagemaker.amazonaws.com"}}]}'
    role = iam.create_role(RoleName="Trainer", AssumeRolePolicyDocument=trust)  # type: ignore[attr-defined]
    s3.create_bucket(  # type: ignore[attr-defined]
        Bucket="models", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    sm.create_training_job(  # type: ignore[attr-defined]
        TrainingJobName="first", RoleArn=role["Role"]["Arn"],
        AlgorithmSpecification={"TrainingImage": "mine", "TrainingInputMode": "File"},
        OutputDataConfig={"S3OutputPath": "s3://models/out"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )
    status, end = "InProgress", time.monotonic() + 90
    while status == "InProgress" and time.monotonic() < end:
        time.sleep(0.05)
        found = sm.describe_training_job(TrainingJobName="first")  # type: ignore[attr-defined]
        status = found["TrainingJobStatus"]
    assert status == "Completed", found.get("FailureReason")
    assert "ran one " in desk.well("doctor")
