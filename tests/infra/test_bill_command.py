"""`ladder cloud bill`: the table, the sums, the picture, and what it says when it cannot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from infra.cli import cloud
from infra.cloud import billplot
from infra.cloud import desk as desk_module
from infra.cloud.bill import compute, money
from infra.cloud.desk import DeskError, Folder, Running, ledger
from infra.cloud.fixtures import CloudError, Identity, Usage, client

SVG = "{http://www.w3.org/2000/svg}"


class Desk:
    """A cloud in a folder of its own, driven by the command."""

    def __init__(self, path: Path) -> None:
        self.path, self.folder = path, Folder(path)

    def run(self, *words: str) -> Result:
        """Run one command."""
        return CliRunner().invoke(cloud, ["--state", str(self.path), *words])

    def well(self, *words: str) -> str:
        """Run one command that must succeed; return what it prints."""
        result = self.run(*words)
        assert result.exit_code == 0, result.output
        return result.stdout

    def client(self, service: str) -> Any:
        """Return a client with the desk's keys."""
        running = self.folder.running()
        assert running is not None
        return client(
            service, running.http, Identity("", **self.folder.credentials()), running.region
        )


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk with a bucket, an object, a key and a secret; down at the end."""
    made = Desk(tmp_path / "state")
    made.well("up", "--port", "15566")
    s3 = made.client("s3")
    place = {"LocationConstraint": "eu-central-1"}
    s3.create_bucket(Bucket="larder", CreateBucketConfiguration=place)
    tags = {"TagSet": [{"Key": "lab", "Value": "jam"}, {"Key": "team", "Value": "red"}]}
    s3.put_bucket_tagging(Bucket="larder", Tagging=tags)
    s3.put_object(Bucket="larder", Key="a", Body=b"x")
    made.client("kms").create_key(Tags=[{"TagKey": "lab", "TagValue": "jam"}])
    made.client("secretsmanager").create_secret(Name="s", SecretString="x")
    made.client("ssm").put_parameter(Name="p", Value="1", Type="String")
    yield made
    made.run("down")


def test_the_bill_of_a_desk(desk: Desk) -> None:
    said = desk.well("bill", "--hours", "73")
    # a key: 1 * 73 / 730 = 0.10; a secret: 0.40 / 10 = 0.04; three PUTs: 3 * 0.0054 / 1000
    # a CreateKey: 0.03 / 10000; a CreateSecret: 0.05 / 10000; a byte is next to nothing
    assert "$0.10  kms" in said
    assert "$0.040005  secretsmanager" in said
    assert "$0.000016  s3" in said
    assert "$0.14  in all, 73 hours, eu-central-1, free tiers not taken off" in said
    assert "?: no price on file" in said
    assert "ssm" in said
    assert "kms: aws.amazon.com/kms/pricing, eu-central-1, as quoted: 2026-06-13" in said
    assert said.count("requests, symmetric keys") == 1  # of all resources together
    by_lab = desk.well("bill", "--hours", "73", "--by", "lab", "--lab", "rest")
    assert "$0.10  jam" in by_lab
    assert "$0.040008  rest" in by_lab  # CreateKey is about no key that is there yet
    assert "red" in desk.well("bill", "--by", "tag", "--tag", "team")
    assert "lab=jam, team=red" in desk.well("bill", "--by", "tag")


def test_lines_as_data_and_other_prices(desk: Desk) -> None:
    lines = {(r["service"], r["item"]): r for r in json.loads(desk.well("bill", "--json"))}
    assert Decimal(lines["kms", "key"]["cost"]) == 1
    assert lines["s3", "tier-1"]["price"] == "0.0054"
    assert lines["ssm", "calls"]["cost"] is None
    there = json.loads(desk.well("bill", "--json", "--region", "us-east-1", "--free-tier"))
    other = {(r["service"], r["item"]): r for r in there}
    assert other["s3", "tier-1"]["price"] == "0.005"
    assert other["kms", "request"]["cost"].strip("0.") == ""


def test_the_ledger_is_asked_for_while_the_cloud_works_on(desk: Desk) -> None:
    running = desk.folder.running()
    assert running is not None
    first = ledger(desk.folder, running)
    desk.client("s3").put_object(Bucket="larder", Key="b", Body=b"y")
    second = ledger(desk.folder, running)
    assert len(second["calls"]) == len(first["calls"]) + 1
    assert running == desk.folder.running()
    desk.well("status")


def test_a_cloud_that_cannot_tell_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def ledger(self) -> None:
            raise CloudError("holdings: KeyError")

    folder = Folder(tmp_path)
    with folder.hold():
        running = Running(os.getpid(), "", "", "", "", 0, 0.0)
        monkeypatch.setattr(os, "kill", lambda pid, number: desk_module._tell(Broken(), folder))
        with pytest.raises(DeskError, match="holdings: KeyError"):
            ledger(folder, running)


def test_the_picture_is_an_svg_that_names_what_it_shows(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "bill.svg"
    desk.well("bill", "--plot", str(path))
    words = [text.text for text in ElementTree.parse(path).iter(f"{SVG}text")]
    assert {"kms", "secretsmanager", "s3", "$1.00", "kept over time"} <= set(words)
    assert any("What this would have cost on AWS: $1.40" in str(word) for word in words)


def test_the_same_bill_is_the_same_picture_and_an_empty_one_is_no_error() -> None:
    found = compute([Usage("kms", "key", 1, "key", "k")], [], [Usage("x", "y", 1, "z")])
    assert billplot.draw(found) == billplot.draw(found)
    assert "$0.00" in billplot.draw(compute([], [], []))


def test_bars_are_as_long_as_the_bill_says() -> None:
    held = [Usage("kms", "key", 3, "key", "k"), Usage("secretsmanager", "secret", 5, "secret")]
    used = [Usage("sagemaker", "ml.m5.large", 20, "hour"),
            Usage("kms", "request", 10**5, "request"),
            Usage("athena", "scanned", 2, "TB"), Usage("states", "transition", 4, "transition")]
    found = compute(held, [], used)
    kinds = {line.item: billplot.kind(line) for line in found.lines}
    assert kinds == {
        "key": "kept over time", "secret": "kept over time", "request": "requests",
        "ml.m5.large": "machines and duration", "scanned": "data moved or read",
        "transition": "requests",
    }
    # 3 keys and 100,000 requests: 3.30; 20 hours at 0.115: 2.30; 5 secrets: 2.00;
    # 2 TB at 5: 10; 4 transitions at 0.025 for 1000: 0.0001
    assert [money(one) for one in found.by("service").values()] == [
        "$10.00", "$3.30", "$2.30", "$2.00", "$0.000100",
    ]


@pytest.mark.parametrize("words", [["--hours", "many"], ["--hours", "-1"], ["--by", "colour"]])
def test_what_cannot_be_is_said_before_anything_is_asked(desk: Desk, words: list[str]) -> None:
    assert desk.run("bill", *words).exit_code == 2


def test_a_picture_that_cannot_be_written(desk: Desk, tmp_path: Path) -> None:
    found = desk.run("bill", "--plot", str(tmp_path / "no" / "bill.svg"))
    assert (found.exit_code, "cannot be written" in found.output) == (2, True)


def test_without_a_cloud(tmp_path: Path) -> None:
    found = Desk(tmp_path / "none").run("bill")
    assert (found.exit_code, "ladder cloud up" in found.output) == (1, True)


def test_help_loads_neither_prices_nor_matplotlib() -> None:
    said = "import sys, infra.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not {"matplotlib", "infra.cloud.sheets", "msgspec", "botocore"} & loaded


def test_money_is_rounded_only_here() -> None:
    amounts = ("0", "1e-9", "0.0000054", "0.0999", "0.1", "1234.5")
    assert [money(Decimal(text)) for text in amounts] == [
        "$0.00", "<$0.000001", "$0.000005", "$0.099900", "$0.10", "$1,234.50",
    ]
