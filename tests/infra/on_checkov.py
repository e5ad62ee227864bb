"""Checkov as installed from its lock reads templates in a sandbox: a part of `./ladder test`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from infra.cli.scan import venv
from infra.cloud import checkov
from infra.cloud.locked import EnvironmentFault
from tests.infra.test_scan import TERRAFORM, run

NOT_RUN = 77
TEMPLATE = "Resources:\n  Data:\n    Type: AWS::S3::Bucket\n"


def test_a_template_is_read_with_its_lines(tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text(TEMPLATE)
    found = {one.rule: one for one in checkov.scan(tmp_path / "stack.yaml", venv())}
    versioning = found["CKV_AWS_21"]
    assert (versioning.file, versioning.first, versioning.last) == ("stack.yaml", 2, 3)
    assert versioning.resource == "AWS::S3::Bucket.Data"


def test_a_folder_of_terraform_is_read(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(TERRAFORM)
    rules = {(one.file, one.rule) for one in checkov.scan(tmp_path, venv())}
    assert ("main.tf", "CKV_AWS_24") in rules


def test_what_it_cannot_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('resource "aws_s3_bucket" {{{')
    with pytest.raises(checkov.ScanError, match="cannot read 1 of the files"):
        checkov.scan(tmp_path, venv())


def test_the_command_joins_both_tools(tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text(TEMPLATE + "    Properties:\n      BucketNam: x\n")
    code, said = run(str(tmp_path / "stack.yaml"))
    assert code == 1
    assert "stack.yaml:5: E3002 (error)" in said
    assert "stack.yaml:2: CKV_AWS_21 (AWS::S3::Bucket.Data)" in said


if __name__ == "__main__":
    try:
        checkov.ENVIRONMENT.install(venv(), print)
    except EnvironmentFault as fault:
        print(str(fault).partition("\n")[0])
        sys.exit(NOT_RUN)
    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", __file__]))
