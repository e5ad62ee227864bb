"""`ladder cloud scan`: templates are read by tools in sandboxes; each refusal says what to type."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from infra.cli import cloud as command
from infra.cloud import checkov
from infra.cloud.locked import EnvironmentFault, Locked

WRONG = "Resources:\n  Data:\n    Type: AWS::S3::Bucket\n    Properties:\n      BucketNam: x\n"
TERRAFORM = (
    'resource "aws_security_group" "open" {\n  ingress {\n    from_port = 22\n    to_port = 22\n'
    '    protocol = "tcp"\n    cidr_blocks = ["0.0.0.0/0"]\n  }\n}\n'
)


def run(*words: str) -> tuple[int, str]:
    """Run the command; return its exit code and what it said."""
    done = CliRunner().invoke(command, ["scan", *words])
    return done.exit_code, done.output


def test_cfn_lint_names_file_line_and_rule(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text(WRONG)
    code, said = run(str(tmp_path / "wrong.yaml"), "--only", "cfn-lint")
    assert code == 1
    assert "wrong.yaml:5: E3002 (error)" in said
    (tmp_path / "good.yaml").write_text("Resources:\n  Q:\n    Type: AWS::SQS::Queue\n")
    assert run(str(tmp_path / "good.yaml"), "--only", "cfn-lint") == (0, "No remarks.\n")


@pytest.mark.parametrize(("name", "words", "said"), [
    ("none.yaml", [], "There is no"), ("read.md", [], "is no template"),
    ("empty", [], "holds no template"), ("main.tf", ["--only", "cfn-lint"], "--only checkov"),
])  # fmt: skip
def test_what_is_no_template_is_refused(
    name: str, words: list[str], said: str, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    for file in ("read.md", "main.tf"):
        (tmp_path / file).write_text("x")
    code, output = run(str(tmp_path / name), *words)
    assert code == 2
    assert said in output
    assert "->" in output


def test_without_its_environment_it_says_what_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise EnvironmentFault("no index", checkov.ENVIRONMENT.instead)

    monkeypatch.setattr(Locked, "install", fails)
    (tmp_path / "main.tf").write_text(TERRAFORM)
    code, output = run(str(tmp_path / "main.tf"))
    assert code == 3
    assert "no index" in output
    assert "--only cfn-lint" in output


FOUND = {"check_id": "CKV_AWS_24", "check_name": "No ssh for all", "file_path": "/main.tf",
         "file_line_range": [1, 8], "resource": "aws_security_group.open"}


@pytest.mark.parametrize(("told", "found"), [
    ({"passed": 0, "failed": 0}, 0), ({"results": {"failed_checks": [FOUND]}}, 1),
    ([{"results": {"failed_checks": [FOUND]}}, {"results": {"failed_checks": [FOUND]}}], 2),
])  # fmt: skip
def test_checkovs_reports_are_read_in_each_of_their_forms(told: object, found: int) -> None:
    assert len(checkov._findings(json.dumps(told))) == found


@pytest.mark.parametrize(("said", "why"), [
    ("Traceback: no such thing", "no such thing"), ("", "nothing"),
    (json.dumps({"results": {"failed_checks": []}, "summary": {"parsing_errors": 2}}), "read 2 of"),
])  # fmt: skip
def test_what_checkov_cannot_do_is_an_error_with_its_words(said: str, why: str) -> None:
    with pytest.raises(checkov.ScanError, match=why):
        checkov._findings(said)
