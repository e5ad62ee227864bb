"""`ladder cloud … --on aws`: guard rails, faults and the proof that all is gone.

A private embedded cloud stands in for the account: a profile with an endpoint leads there.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from infra.cli import cloud as commands
from infra.cloud.desk import Folder
from infra.cloud.fixtures import Cloud, Identity, allow, loopback, private_cloud
from infra.cloud.gate import Reply, Request, forwarder, listen
from infra.deploy import kinds, runs
from infra.deploy.runs import Run

ACCOUNT = "123456789012"
ON = ("--on", "aws")
UP = ("up", "--budget", "5", "--mail", "me@example.com")
SURE = ("--account", ACCOUNT, "--yes")
REGION = "eu-central-1"
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Desk:
    """A learner with a profile in an account."""

    path: Path
    cloud: Cloud
    home: Path

    @property
    def folder(self) -> Folder:
        """Where the desk keeps what it knows of its run."""
        return Folder(self.path / "aws")

    @property
    def known(self) -> Run:
        """The desk's run."""
        found = runs.read(self.folder)
        assert found is not None
        return found

    def profile(self, who: Identity, endpoint: str = "") -> None:
        """Give the profile these keys and this endpoint."""
        (self.home / "config").write_text(
            f"[default]\nregion = {REGION}\nendpoint_url = {endpoint or self.cloud.https_url}\n"
            f"ca_bundle = {self.home / 'ca.pem'}\nmax_attempts = 1\n"
        )
        (self.home / "credentials").write_text(
            f"[default]\naws_access_key_id = {who.key_id}\naws_secret_access_key = {who.secret}\n"
        )

    def run(self, *words: str, typed: str = "") -> Result:
        """Run one command."""
        line = ["--state", str(self.path), *words, *ON]
        return CliRunner().invoke(commands, line, input=typed)

    def well(self, *words: str) -> str:
        """Run one command that must succeed; return what it prints."""
        result = self.run(*words)
        assert result.exit_code == 0, result.output
        return result.output

    def up(self) -> None:
        """Make a playground without questions."""
        self.well(*UP, *SURE)

    def made(self) -> set[str]:
        """Return everything in the account that carries a name of some run."""
        root = self.cloud.client
        found = {b["Name"] for b in root("s3").list_buckets()["Buckets"]}
        found |= {r["RoleName"] for r in root("iam").list_roles()["Roles"]}
        found |= {s["Name"] for s in root("secretsmanager").list_secrets()["SecretList"]}
        found |= {a["AliasName"] for a in root("kms").list_aliases()["Aliases"]}
        budgets = root("budgets").describe_budgets(AccountId=ACCOUNT).get("Budgets", [])
        found |= {"budget " + b["BudgetName"] for b in budgets}
        return {name for name in found if "ladder-" in name}

    def environment(self) -> dict[str, str]:
        """Return a shell's environment after `env --on aws`, with this Python first on the PATH."""
        script = self.well("env") + "env -0"
        start = {"PATH": os.environ["PATH"], **settings(self.home), "AWS_ENDPOINT_URL": "http://x"}
        out = subprocess.run(["sh", "-c", script], capture_output=True, check=True, env=start)
        return dict(line.split("=", 1) for line in out.stdout.decode().split("\0") if line)

    def program(self, text: str) -> str:
        """Run Python as a learner's program in that shell; return what it prints."""
        done = subprocess.run(
            [sys.executable, "-c", text], capture_output=True, text=True, env=self.environment(),
            cwd=self.home, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def settings(home: Path) -> dict[str, str]:
    """Return where a learner's AWS settings are."""
    return {
        "HOME": str(home), "AWS_CONFIG_FILE": str(home / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "credentials"),
    }  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk, an account with nothing in it, and an administrator's profile."""
    for name in [n for n in os.environ if n.startswith(("AWS_", "LADDER_AWS"))]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    for name, value in settings(home).items():
        monkeypatch.setenv(name, value)
    with (
        loopback() as plain, loopback() as secure,
        private_cloud(plain, https_listener=secure, region=REGION) as cloud,
    ):  # fmt: skip
        made = Desk(tmp_path / "state", cloud, home)
        (home / "ca.pem").write_bytes(cloud.ca)
        made.profile(cloud.identity("ann", [allow(["*"])]))
        yield made


# ---------------------------------------------------------------- guard rails


def test_a_day_in_a_real_account(desk: Desk) -> None:
    shown = desk.well(*UP, "--dry-run")
    for wanted in (ACCOUNT, "user/ann", REGION, "5 USD", "me@example.com", "pharmacy-keys", "USD"):
        assert wanted in shown
    assert "Nothing was created" in shown
    assert desk.made() == set()
    assert runs.read(desk.folder) is None
    desk.up()
    name = desk.known.prefix
    assert desk.made() == {f"{name}-desk", f"{name}-training", f"budget {name}"}
    assert desk.well("doctor").count("ok ") == 6
    status = desk.well("status")
    assert f"bucket {name}-training" in status
    assert "of 5 USD" in status
    desk.up()  # once more: nothing new, nothing wrong
    assert desk.run("up", "--budget", "50", *SURE).exit_code == 2
    assert len(desk.made()) == 3
    said = desk.well("down", *SURE)
    assert "Gone" in said
    assert desk.made() == set()
    assert list(desk.folder.path.iterdir()) == []
    assert "No playground is up" in desk.well("down", *SURE)
    assert desk.run("status").exit_code == 1


def test_everything_carries_the_tag(desk: Desk) -> None:
    desk.up()
    tag = desk.known.tags
    client = desk.cloud.client
    assert client("s3").get_bucket_tagging(Bucket=desk.known.bucket)["TagSet"] == tag
    assert client("iam").list_role_tags(RoleName=desk.known.role)["Tags"] == tag


def test_the_budget_comes_first_and_without_one_nothing_does(desk: Desk) -> None:
    refused = desk.run("up", *SURE)
    assert refused.exit_code == 2
    assert "--budget" in refused.output
    assert desk.run("up", "--budget", "five", "--mail", "a@b.c", *SURE).exit_code == 2
    assert desk.run("up", "--budget", "5", *SURE).exit_code == 2
    deny: dict[str, Any] = allow(["budgets:*"])
    deny["Statement"][0]["Effect"] = "Deny"
    desk.profile(desk.cloud.identity("bob", [allow(["*"]), deny]))
    refused = desk.run(*UP, *SURE)
    assert refused.exit_code == 3
    assert "without a budget nothing is made" in refused.output
    assert desk.made() == set()


def test_nothing_is_made_before_the_account_is_named(desk: Desk) -> None:
    assert desk.run(*UP, "--yes").exit_code == 2
    assert desk.run(*UP, "--account", "999999999999", "--yes").exit_code == 2
    refused = desk.run(*UP, typed="y\n")
    assert refused.exit_code == 2
    assert "nothing was done" in refused.output
    assert desk.made() == set()
    assert desk.run(*UP, typed=f"{ACCOUNT}\n").exit_code == 0
    assert desk.run("down", typed="no\n").exit_code == 2
    assert len(desk.made()) == 3
    assert desk.run("down", typed=f"{ACCOUNT}\n").exit_code == 0
    assert desk.made() == set()


def test_root_keys_are_refused(desk: Desk) -> None:
    desk.profile(desk.cloud.root, f"http://127.0.0.1:{desk.cloud.address[1]}")
    refused = desk.run(*UP, *SURE)
    assert refused.exit_code == 2
    assert "root user" in refused.output


def test_an_account_that_calls_itself_production_is_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from infra.deploy import account

    said = {"AccountAliases": ["larkmoor-prod"]}
    asked = account.ask
    monkeypatch.setattr(
        account, "ask",
        lambda call, **words: said if "alias" in call.__name__ else asked(call, **words),
    )  # fmt: skip
    refused = desk.run(*UP, *SURE)
    assert refused.exit_code == 2
    assert "larkmoor-prod" in refused.output
    said["AccountAliases"] = ["larkmoor-products"]
    assert desk.run(*UP, *SURE).exit_code == 0


def test_a_shell_that_is_led_elsewhere_is_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    refused = desk.run(*UP, *SURE)
    assert refused.exit_code == 2
    assert "unset AWS_ENDPOINT_URL" in refused.output
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")  # another cloud's; the profile counts
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    assert "user/ann" in desk.well(*UP, "--dry-run")


@pytest.mark.parametrize("words", [("--profile", "nobody"), ("--foreground",)])
def test_what_cannot_be_is_said_in_a_sentence(desk: Desk, words: tuple[str, ...]) -> None:
    refused = desk.run(*UP, *SURE, *words)
    assert refused.exit_code == 2
    assert "Traceback" not in refused.output


def test_rails_belong_to_a_real_account(desk: Desk) -> None:
    result = CliRunner().invoke(commands, ["--state", str(desk.path), *UP])
    assert result.exit_code == 2
    assert "--budget goes with --on aws" in result.output


def test_another_account_or_region_is_not_the_run(desk: Desk) -> None:
    desk.up()
    elsewhere = desk.run("down", "--region", "us-east-1", *SURE)
    assert elsewhere.exit_code == 2
    assert REGION in elsewhere.output
    assert len(desk.made()) == 3


# ---------------------------------------------------------------- the desk's identity


def test_a_learners_program_gets_the_role_and_no_credentials_lie_about(desk: Desk) -> None:
    desk.up()
    who = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
    assert desk.program(who).startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/{desk.known.role}/")
    put = (
        "import boto3, os; s3 = boto3.client('s3'); b = os.environ['LADDER_BUCKET'];"
        "s3.put_object(Bucket=b, Key='k', Body=b'x');"
        "print(s3.get_object(Bucket=b, Key='k')['Body'].read())"
    )
    assert desk.program(put) == "b'x'"
    keys = (desk.home / "credentials").read_text().split()
    written = b"".join(p.read_bytes() for p in desk.path.rglob("*") if p.is_file())
    assert not any(word.encode() in written for word in keys if len(word) > 15)
    assert b"Token" not in written
    assert "SECRET" not in desk.well("env").replace("unset AWS_ENDPOINT_URL AWS_ACCESS_KEY_ID "
                                                    "AWS_SECRET_ACCESS_KEY", "")  # fmt: skip


def test_down_works_in_the_shell_that_env_has_turned(desk: Desk) -> None:
    desk.up()
    line = [sys.executable, "-c", "from infra.cli import cloud; cloud()", "--state",
            str(desk.path), "down", *SURE, *ON]  # fmt: skip
    done = subprocess.run(
        line, cwd=ROOT, env=desk.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert desk.made() == set()


@pytest.mark.parametrize(
    ("service", "operation", "words"),
    [
        ("iam", "list_users", {}),
        ("s3", "list_objects_v2", {"Bucket": "others"}),
        ("secretsmanager", "get_secret_value", {"SecretId": "others"}),
        ("kms", "disable_key", {"KeyId": "(others)"}),
        ("iam", "put_role_policy", {"RoleName": "(desk)", "PolicyName": "p",
                                    "PolicyDocument": json.dumps(allow(["*"]))}),
    ],
)  # fmt: skip
def test_the_desk_is_kept_to_its_own(
    desk: Desk, service: str, operation: str, words: dict[str, str]
) -> None:
    from infra.deploy import session

    desk.up()
    root = desk.cloud.client
    desk.cloud.bucket("others")
    root("secretsmanager").create_secret(Name="others", SecretString="x")
    key = root("kms").create_key()["KeyMetadata"]["KeyId"]
    real = {"(others)": key, "(desk)": desk.known.role}
    client = session.desk(desk.known)(service)
    with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
        getattr(client, operation)(**{k: real.get(v, v) for k, v in words.items()})


# ---------------------------------------------------------------- the two labs

SOLUTION = ROOT / "solutions" / "2-junior" / "pharmacy-keys"
SITE = {
    "account": "1", "region": "eu-west-1", "bucket": "b", "inbox": "inbox", "receipts": "slips",
    "key": "alias/k", "secret": "s", "network": ["oxley"], "depots": ["oxley"],
    "roles": {r: {"name": r, "host": "h"} for r in ("intake", "dispatch", "rotator")},
    "database": {"host": "127.0.0.1", "port": 5433},
}  # fmt: skip


def test_the_pharmacy_stands_in_the_account_and_goes(desk: Desk, tmp_path: Path) -> None:
    """The lab's own programs, unchanged, with the names that `names` prints."""
    desk.up()
    (tmp_path / "site.json").write_text(json.dumps(SITE))
    line = ["--state", str(desk.path), "names", str(tmp_path / "site.json")]
    printed = CliRunner().invoke(commands, line)
    assert printed.exit_code == 0, printed.output
    site = tmp_path / "site.aws.json"
    site.write_text(printed.output)
    found = json.loads(printed.output)
    assert found["inbox"] == "inbox"
    for words in (["stack.py", str(site)], ["stack.py", str(site)]):  # it may be run twice
        done = subprocess.run(
            [sys.executable, *words], cwd=SOLUTION, env=desk.environment(), capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    intake = (
        f"import boto3; sts = boto3.client('sts'); r = 'arn:aws:iam::{ACCOUNT}:role/' + "
        f"{found['roles']['intake']['name']!r};"
        "k = sts.assume_role(RoleArn=r, RoleSessionName='work')['Credentials'];"
        "s3 = boto3.client('s3', aws_access_key_id=k['AccessKeyId'], aws_secret_access_key="
        "k['SecretAccessKey'], aws_session_token=k['SessionToken']);"
        f"s3.put_object(Bucket={found['bucket']!r}, Key='inbox/oxley/RX-1.json', Body=b'x');"
        "print('stored')"
    )
    assert desk.program(intake) == "stored"
    desk.well("reset")
    assert len(desk.made()) == 3
    assert "Gone" in desk.well("down", *SURE)
    assert desk.made() == set()
    states = [k["state"] for k in desk.cloud.state("kms").values()]
    assert states == ["PendingDeletion"]


def test_a_file_that_is_none_of_a_lab(desk: Desk, tmp_path: Path) -> None:
    desk.up()
    for name, text in (("other.json", "{}"), ("site.json", "{}"), ("site.json", "no")):
        (tmp_path / name).write_text(text)
        line = ["--state", str(desk.path), "names", str(tmp_path / name)]
        assert CliRunner().invoke(commands, line).exit_code == 2


# ---------------------------------------------------------------- faults


class Line:
    """Between a profile and the account: passes all on, until one call is to go wrong."""

    def __init__(self, desk: Desk) -> None:
        self.forward = forwarder(*desk.cloud.address)
        self.wanted: tuple[str, str] = ("", "")
        self.reached = threading.Event()
        self.code = ""

    def at(self, method: str, part: str, code: str = "") -> None:
        """At a call with this method whose path or body has `part`: hang, or answer an error."""
        self.wanted, self.code = (method, part), code
        self.reached.clear()

    def __call__(self, request: Request) -> Reply | None:
        """Answer one request, or not."""
        method, part = self.wanted
        text = request.path + request.header("x-amz-target") + request.body.decode("latin-1")
        if not part or request.method != method or part not in text:
            return self.forward(request)
        if self.code:
            body = f"<Error><Code>{self.code}</Code><Message>no</Message></Error>"
            whole = "" if self.code == "proxy" else f"<ErrorResponse>{body}</ErrorResponse>"
            return Reply(403, (whole or "<html>who are you?</html>").encode())
        self.reached.set()
        return None


@pytest.fixture
def line(desk: Desk) -> Iterator[Line]:
    """A seam through which the profile reaches the account."""
    seam = Line(desk)
    with loopback() as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with listen(listener, seam):
            desk.profile(desk.cloud.identity("eve", [allow(["*"])]), url)
            yield seam


def start(desk: Desk, *words: str) -> subprocess.Popen[bytes]:
    """Start a command in a process of its own."""
    line = [sys.executable, "-c", "from infra.cli import cloud; cloud()", "--state",
            str(desk.path), *words, *ON]  # fmt: skip
    return subprocess.Popen(
        line, cwd=ROOT, env={"PATH": os.environ["PATH"], **settings(desk.home)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("method", "part"), [("POST", "AssumeRole"), ("PUT", "?tagging"), ("PUT", "publicAccessBlock"),
                         ("POST", "PutRolePolicy")],
)  # fmt: skip
def test_killed_in_up_between_two_steps(desk: Desk, line: Line, method: str, part: str) -> None:
    line.at(method, part)
    process = start(desk, *UP, *SURE)
    assert line.reached.wait(60)
    process.send_signal(signal.SIGKILL)
    process.wait()
    line.at("", "")
    half, begun = desk.made(), desk.known.id
    assert half
    desk.up()  # goes on with the same run
    assert desk.known.id == begun
    assert desk.well("doctor").count("ok ") == 6
    desk.well("down", *SURE)
    assert desk.made() == set()


def test_killed_in_up_and_taken_down_without_going_on(desk: Desk, line: Line) -> None:
    line.at("PUT", "?tagging")
    process = start(desk, *UP, *SURE)
    assert line.reached.wait(60)
    process.kill()
    process.wait()
    line.at("", "")
    assert desk.known.bucket in desk.made()  # which has no tag
    assert "Gone" in desk.well("down", *SURE)
    assert desk.made() == set()


def test_a_lost_connection_in_up(desk: Desk, line: Line) -> None:
    line.at("PUT", "?tagging")
    lost = desk.run(*UP, *SURE)
    assert lost.exit_code == 3
    assert "the same command" in lost.output
    line.at("", "")
    desk.up()
    assert desk.well("doctor").count("ok ") == 6


def test_expired_credentials_say_to_sign_in(desk: Desk, line: Line) -> None:
    line.at("POST", "GetCallerIdentity", "ExpiredToken")
    refused = desk.run(*UP, *SURE)
    assert refused.exit_code == 3
    assert "sign in again" in refused.output
    line.at("POST", "GetCallerIdentity", "proxy")
    refused = desk.run(*UP, *SURE)
    assert refused.exit_code == 3
    assert "Traceback" not in refused.output


def test_a_lost_connection_in_down(desk: Desk, line: Line) -> None:
    desk.up()
    desk.cloud.client("s3").put_object(Bucket=desk.known.bucket, Key="k", Body=b"x")
    line.at("POST", "?delete")
    lost = desk.run("down", *SURE)
    assert lost.exit_code == 3
    assert f"left      bucket {desk.known.bucket}" in lost.output
    assert "ladder cloud down --on aws" in lost.output
    line.at("", "")
    assert "Gone" in desk.well("down", *SURE)
    assert desk.made() == set()


def test_a_refusal_in_down_is_listed_and_the_rest_goes(desk: Desk) -> None:
    desk.up()
    bucket, role = desk.known.bucket, desk.known.role
    deny: dict[str, Any] = allow(["s3:DeleteBucket"])
    deny["Statement"][0]["Effect"] = "Deny"
    desk.profile(desk.cloud.identity("bob", [allow(["*"]), deny]))
    refused = desk.run("down", *SURE)
    assert refused.exit_code == 3
    assert f"left      bucket {bucket}: AccessDenied" in refused.output
    assert f"destroyed role {role}" in refused.output
    assert desk.made() == {bucket, f"budget {desk.known.prefix}"}  # which goes on watching
    desk.profile(desk.cloud.identity("cleaner", [allow(["*"])]))
    assert "Gone" in desk.well("down", *SURE)


def test_who_may_not_look_has_proved_nothing(desk: Desk) -> None:
    desk.up()
    deny: dict[str, Any] = allow(["secretsmanager:ListSecrets", "tag:GetResources"])
    deny["Statement"][0]["Effect"] = "Deny"
    desk.profile(desk.cloud.identity("bob", [allow(["*"]), deny]))
    blind = desk.run("down", *SURE)
    assert blind.exit_code == 3
    assert "left      secret: could not look: AccessDenied" in blind.output
    assert "left      tags: could not look: AccessDenied" in blind.output
    assert runs.read(desk.folder) is not None


def test_versions_markers_and_uploads_go_too(desk: Desk) -> None:
    desk.up()
    s3, name = desk.cloud.client("s3"), desk.known.bucket
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"1", b"2"):
        s3.put_object(Bucket=name, Key="k", Body=body)
    s3.delete_object(Bucket=name, Key="k")
    s3.create_multipart_upload(Bucket=name, Key="half")
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject*",
            "Resource": f"arn:aws:s3:::{name}/*"}  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    s3.put_bucket_policy(Bucket=name, Policy=policy)
    assert "Gone" in desk.well("down", *SURE)
    assert desk.made() == set()


def test_a_key_of_a_program_that_died_is_told_and_not_destroyed(desk: Desk) -> None:
    """Made, and killed before it was named: nobody can know whose it is."""
    desk.up()
    key = desk.cloud.client("kms").create_key()["KeyMetadata"]["KeyId"]
    told = desk.run("down", *SURE)
    assert told.exit_code == 3
    assert f"left      key {key}" in told.output
    assert "schedule-key-deletion" in told.output
    desk.cloud.client("kms").schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert "Gone" in desk.well("down", *SURE)


def test_what_the_tag_is_on_and_no_kind_knows_is_named(desk: Desk) -> None:
    desk.up()
    topic = desk.cloud.client("sns").create_topic(Name="t", Tags=desk.known.tags)["TopicArn"]
    told = desk.run("down", *SURE)
    assert told.exit_code == 3
    assert f"left      {topic}" in told.output


def test_a_desk_that_has_forgotten_takes_down_by_the_runs_id(desk: Desk) -> None:
    desk.up()
    begun = desk.known.id
    runs.forget(desk.folder)
    assert len(desk.made()) == 3
    desk.well("down", "--run", begun, *SURE)
    assert desk.made() == set()


def test_neighbours_stay(desk: Desk) -> None:
    """Whatever is not the run's own: other names, other tags, a run that begins alike."""
    desk.up()
    root, near = desk.cloud.client, f"{desk.known.prefix}x"
    for name in ("ladder-0000", near):
        desk.cloud.bucket(name)
    root("secretsmanager").create_secret(Name="ladder", SecretString="x")
    desk.well("down", *SURE)
    assert {b["Name"] for b in root("s3").list_buckets()["Buckets"]} == {"ladder-0000", near}
    assert [s["Name"] for s in root("secretsmanager").list_secrets()["SecretList"]] == ["ladder"]


def test_kinds_are_destroyed_data_first_and_the_budget_last() -> None:
    words = [kind.word for kind in kinds.KINDS]
    assert words[0] == "bucket"
    assert words[-1] == "budget"
    assert words.index("key") > words.index("bucket")


def test_the_printed_variables_are_quoted(desk: Desk) -> None:
    desk.up()
    for row in desk.well("env").splitlines():
        assert len(shlex.split(row)) >= 2
