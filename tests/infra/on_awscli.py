"""CloudFormation by the AWS CLI: `deploy` makes, changes and finds a stack as it is.

`./ladder test aws-cli` runs it where the AWS CLI is; elsewhere it ends with 77 and says what to
install. About 15 CPU-s.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.cloud.fixtures import Cloud, Identity, allow, loopback, private_cloud
from tests.infra.stacks import EVERYTHING, outputs, physical, template

NOT_RUN = 77
DEPLOY = ("cloudformation", "deploy", "--stack-name", "cli", "--template-file", "stack.yaml",
          "--capabilities", "CAPABILITY_NAMED_IAM", "--parameter-overrides")  # fmt: skip


@pytest.fixture(scope="module")
def cloud():
    with loopback() as listener, private_cloud(listener) as made:
        yield made


@pytest.fixture(scope="module")
def who(cloud) -> Identity:
    return cloud.identity("deployer", [allow(["*"])])


def aws(
    cloud: Cloud, who: Identity, folder: Path, *words: str
) -> subprocess.CompletedProcess[str]:
    """Run the AWS CLI with somebody's keys and a HOME of its own."""
    env = cloud.env(who) | {"HOME": str(folder), "PATH": os.environ["PATH"], "AWS_PAGER": ""}
    command = ["aws", "--cli-read-timeout", "600", *words]
    return subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True)


def test_it_deploys_changes_and_deletes(cloud, who, tmp_path) -> None:
    client = cloud.client("cloudformation", read_timeout=600)
    (tmp_path / "stack.yaml").write_text(EVERYTHING)
    done = aws(cloud, who, tmp_path, *DEPLOY, "Env=prod", "Days=7")
    assert "Successfully created/updated stack - cli" in done.stdout, done.stderr
    assert outputs(client, "cli")["Bucket"] == "every-prod-data-bucket"
    assert physical(client, "cli", "OnlyProd")
    again = aws(cloud, who, tmp_path, *DEPLOY, "Env=prod", "Days=7")
    assert "No changes to deploy" in again.stdout + again.stderr
    assert aws(cloud, who, tmp_path, *DEPLOY, "Env=prod", "Days=30").returncode == 0
    group = cloud.client("logs").describe_log_groups()["logGroups"][0]
    assert group["retentionInDays"] == 30
    gone = aws(cloud, who, tmp_path, "cloudformation", "delete-stack", "--stack-name", "cli")
    assert gone.returncode == 0, gone.stderr
    assert "cli" not in cloud.state("cloudformation")


def test_it_shows_what_is_wrong(cloud, who, tmp_path) -> None:
    (tmp_path / "bad.json").write_text(template({"V": {"Type": "AWS::EC2::VPC"}}))
    done = aws(cloud, who, tmp_path, "cloudformation", "validate-template", "--template-body",
               "file://bad.json")
    assert done.returncode != 0
    assert "Unrecognized resource types: [AWS::EC2::VPC]" in done.stderr


if __name__ == "__main__":
    if shutil.which("aws") is None:
        print("The AWS CLI is not here: see docs.aws.amazon.com/cli, or pip install awscli.")
        sys.exit(NOT_RUN)
    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", __file__]))
