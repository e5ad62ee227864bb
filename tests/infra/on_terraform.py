"""A stack by Terraform on the embedded cloud: applied, edited behind its back, healed, destroyed.

`./ladder test terraform` runs it where Terraform and a mirror of its provider are; elsewhere it
ends with 77 and says what to install. One apply cycle: about 40 CPU-s.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from infra.cloud import terraform
from infra.cloud.fixtures import Cloud, allow, loopback, private_cloud
from infra.cloud.terraform import MissingTools, Workspace, changes, cost

NOT_RUN = 77
STACK = """
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "VERSION"
    }
  }
}

provider "aws" {}

resource "aws_kms_key" "data" {
  description             = "data"
  deletion_window_in_days = 7
}

resource "aws_kms_alias" "data" {
  name          = "alias/stack-data"
  target_key_id = aws_kms_key.data.id
}

resource "aws_s3_bucket" "data" {
  bucket = "stack-data"
  tags   = { lab = "stack" }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "data" {
  bucket = aws_s3_bucket.data.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.data.arn
    }
  }
}

resource "aws_iam_role" "reader" {
  name = "stack-reader"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect = "Allow", Action = "sts:AssumeRole",
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "reader" {
  name = "read"
  role = aws_iam_role.reader.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect = "Allow", Action = ["s3:GetObject"], Resource = "${aws_s3_bucket.data.arn}/*"
    }]
  })
}

resource "aws_dynamodb_table" "runs" {
  name         = "stack-runs"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"
  attribute {
    name = "id"
    type = "S"
  }
}

resource "aws_cloudwatch_log_group" "app" {
  name              = "/stack/app"
  retention_in_days = 7
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name          = "stack-errors"
  namespace           = "Stack"
  metric_name         = "Errors"
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
}

resource "aws_glue_catalog_database" "lake" {
  name = "stack_lake"
}
"""
BY_HAND = """
resource "aws_s3_bucket" "by_hand" {
  bucket = "made-by-hand"
}
"""


@pytest.fixture
def cloud():
    with loopback() as listener, private_cloud(listener) as made:
        yield made


def edit(cloud: Cloud) -> None:
    """Change two things behind Terraform's back, and take one away."""
    cloud.client("logs").put_retention_policy(logGroupName="/stack/app", retentionInDays=1)
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName="stack-errors", Namespace="Stack", MetricName="Errors", Statistic="Sum",
        Period=60, EvaluationPeriods=1, Threshold=99.0,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
    )
    cloud.client("iam").delete_role_policy(RoleName="stack-reader", PolicyName="read")


def fill(cloud: Cloud) -> None:
    """Put data into what the stack made."""
    cloud.client("s3").put_object(Bucket="stack-data", Key="k", Body=b"kept")
    cloud.client("dynamodb").put_item(TableName="stack-runs", Item={"id": {"S": "kept"}})


def empty(cloud: Cloud) -> None:
    """Take the data out: neither AWS nor we delete a bucket that holds something."""
    cloud.client("s3").delete_object(Bucket="stack-data", Key="k")


def left(cloud: Cloud) -> dict[str, object]:
    """Return what is left of the stack."""
    kms = cloud.client("kms")
    waiting = {key["KeyId"] for key in kms.list_keys()["Keys"]
               if kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "Enabled"}
    return {name: found for name, found in {
        "buckets": set(cloud.state("s3")), "roles": set(cloud.state("iam")["roles"]),
        "tables": set(cloud.state("dynamodb")), "groups": set(cloud.state("logs")),
        "alarms": set(cloud.state("monitoring")["alarms"]), "keys": waiting,
        "databases": {d["Name"] for d in cloud.client("glue").get_databases()["DatabaseList"]},
    }.items() if found}


def test_a_stack_from_apply_to_destroy(cloud: Cloud, tmp_path: Path) -> None:
    tools = terraform.find()
    main = tmp_path / "main.tf"
    main.write_text(STACK.replace("VERSION", tools.versions()[-1]))
    deployer = cloud.identity("deployer", [allow(["*"])])
    with Workspace(tools, tmp_path, cloud.url, cloud.env(deployer)) as work:
        work.run("init")
        first = work.plan()
        assert set(changes(first).values()) == {("create",)}
        assert [line.resource for line in cost(first, region=cloud.region).lines if line.cost] == [
            "aws_kms_key.data"
        ]
        work.run("apply", ".plan")
        assert work.run("plan", "-detailed-exitcode", must=False).code == 0, "a clean second plan"
        fill(cloud)
        edit(cloud)
        done = work.run("plan", "-detailed-exitcode", "-out=.plan", must=False)
        assert done.code == 2
        text = work.run("show", "-json", ".plan").output
        assert changes(json.loads(text[text.index("{"):])) == {
            "aws_cloudwatch_log_group.app": ("update",),
            "aws_cloudwatch_metric_alarm.errors": ("update",),
            "aws_iam_role_policy.reader": ("create",),
        }
        work.run("apply", ".plan")
        assert cloud.state("logs")["/stack/app"]["retention"] == 7
        assert cloud.state("monitoring")["alarms"]["stack-errors"]["threshold"] == 1.0
        assert cloud.state("iam")["roles"]["stack-reader"]["inline"]
        body = cloud.client("s3").get_object(Bucket="stack-data", Key="k")["Body"].read()
        assert body == b"kept"
        assert cloud.state("dynamodb")["stack-runs"]["items"] == [{"id": {"S": "kept"}}]
        empty(cloud)
        cloud.bucket("made-by-hand")
        main.write_text(main.read_text() + BY_HAND)
        work.run("import", "aws_s3_bucket.by_hand", "made-by-hand")
        assert work.run("plan", "-detailed-exitcode", must=False).code == 0
        work.run("destroy", "-auto-approve")
    assert left(cloud) == {}


def test_terraform_reaches_nothing_but_the_cloud(cloud: Cloud, tmp_path: Path) -> None:
    """A provisioner of a learner's runs in the same sandbox: no files of ours, no other network."""
    secret, folder = tmp_path / "secret", tmp_path / "stack"
    secret.write_text("seen")
    folder.mkdir()
    other = cloud.address[1]  # a port of this machine that is not the learner's
    command = f"cat {secret}; (echo > /dev/tcp/127.0.0.1/{other}) && echo reached; true"
    (folder / "main.tf").write_text(
        'resource "terraform_data" "curious" {\n  provisioner "local-exec" {\n'
        f'    command = {json.dumps(command)}\n    interpreter = ["/bin/bash", "-c"]\n  }}\n}}\n'
    )
    nobody = cloud.identity("nobody", [])
    with Workspace(terraform.find(), folder, cloud.url, cloud.env(nobody)) as work:
        work.run("init")
        said = work.run("apply", "-auto-approve").output
        walled = work.mode != "plain"  # `ladder cloud doctor` says where there are no walls
    shown = {"seen" in line or "reached" in line for line in said.splitlines()
             if "(local-exec):" in line and "Executing" not in line}
    assert shown == ({False} if walled else {True})


if __name__ == "__main__":
    try:
        terraform.find()
    except MissingTools as missing:
        print(missing)
        sys.exit(NOT_RUN)
    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", __file__]))
