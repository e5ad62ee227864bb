"""`ladder cloud faults`: on, off, status, log, and a seam that never outlives its cloud."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner, Result

from infra.cli import cloud
from infra.cloud import faultdesk
from infra.cloud.desk import Folder
from infra.cloud.fixtures import Identity, client
from tests.infra.contract.targets import Azurite, Google

HERE = [one.name for one in (Azurite(), Google()) if not one.lacking()]
BUSY = "seed = 3\n[[rule]]\nname = 'busy'\nfault = 'throttle'\noperation = 'ListBuckets'\nevery = 2"


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
        return result.output

    def script(self, text: str) -> str:
        """Write a script and return its path."""
        path = self.path.parent / "faults.toml"
        path.write_text(text)
        return str(path)

    def s3(self) -> Any:
        """Return an S3 client that follows `ladder cloud env`."""
        env = json.loads(self.well("env", "--json"))
        who = Identity("", env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"])
        return client("s3", env["AWS_ENDPOINT_URL"], who, env["AWS_REGION"])

    def seam(self) -> int:
        """Return the process of the seam; 0 when none runs."""
        found = faultdesk.standing(self.folder)
        return found.pid if found is not None else 0


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk whose cloud is up, and down at the end."""
    made = Desk(tmp_path / "state")
    made.well("up", "--port", "14566")
    yield made
    made.run("down")


def ended(pid: int) -> bool:
    """Wait for the end of a process; tell whether it came."""
    processes = [psutil.Process(pid)] if psutil.pid_exists(pid) else []
    return not psutil.wait_procs(processes, timeout=20)[1]


def tries(s3: Any, count: int) -> str:
    """Return one letter a call: o for one that worked, x for one that was refused."""
    said = ""
    for _ in range(count):
        try:
            s3.list_buckets()
        except ClientError as error:
            said += "x" if error.response["Error"]["Code"] == "SlowDown" else "?"
        else:
            said += "o"
    return said


def test_on_switch_off_and_on_again_at_the_same_address(desk: Desk) -> None:
    assert "Faults are on: 1 rules, seed 3." in desk.well("faults", "on", desk.script(BUSY))
    s3 = desk.s3()
    assert tries(s3, 4) == "oxox"
    assert "Faults are off." in desk.well("faults", "off")
    assert tries(s3, 3) == "ooo"
    assert "No faults were on." in desk.well("faults", "off")
    desk.well("faults", "on", desk.script(BUSY.replace("every = 2", "first = 1")))
    assert tries(s3, 3) == "xoo"
    status = desk.well("faults", "status")
    assert "3 x busy" in status
    assert "throttle operation=ListBuckets first=1" in status


def test_the_log_tells_what_was_injected(desk: Desk) -> None:
    desk.well("faults", "on", desk.script(BUSY))
    tries(desk.s3(), 5)
    rows = [json.loads(line) for line in desk.well("faults", "log", "--json").splitlines()]
    assert [(r["rule"], r["ordinal"], r["operation"], r["code"]) for r in rows] == [
        ("busy", 2, "ListBuckets", "SlowDown"), ("busy", 4, "ListBuckets", "SlowDown"),
    ]
    assert "busy #4  throttle SlowDown  s3:ListBuckets" in desk.well("faults", "log", "--last", "1")
    assert len(desk.well("faults", "log", "--last", "1").splitlines()) == 1
    assert len(desk.well("faults", "log", "--last", "0").splitlines()) == 2


def test_a_wrong_script_is_refused_and_the_old_one_goes_on(desk: Desk) -> None:
    desk.well("faults", "on", desk.script(BUSY))
    refused = desk.run("faults", "on", desk.script(BUSY.replace("every", "evry")))
    assert refused.exit_code == 2
    assert "Did you mean 'every'?" in refused.output
    missing = desk.run("faults", "on", str(desk.path / "nowhere.toml"))
    assert missing.exit_code == 2
    assert "cannot be read" in missing.output
    assert tries(desk.s3(), 2) == "ox"


def test_a_plan_broken_by_hand_leaves_the_old_one(desk: Desk) -> None:
    desk.well("faults", "on", desk.script(BUSY))
    s3 = desk.s3()
    assert tries(s3, 2) == "ox"
    (desk.path / "faults" / faultdesk.PLAN).write_text("nonsense")
    assert tries(s3, 2) == "ox"
    assert "not TOML" in (desk.path / "faults" / "log").read_text()


def test_without_a_cloud_or_a_seam_it_says_so(desk: Desk, tmp_path: Path) -> None:
    assert desk.run("faults", "status").exit_code == 1
    running = desk.folder.running()
    assert running is not None
    assert f"AWS_ENDPOINT_URL={running.http}\n" in desk.well("env")
    desk.well("faults", "on", desk.script(BUSY))
    assert f"AWS_ENDPOINT_URL={running.http}\n" not in desk.well("env")
    assert "AWS_ENDPOINT_URL=https://" in desk.well("env", "--https")
    nobody = Desk(tmp_path / "other")
    found = nobody.run("faults", "on", desk.script(BUSY))
    assert (found.exit_code, "ladder cloud up" in found.output) == (1, True)


def test_the_seam_ends_with_the_cloud_and_waits_for_nobody(desk: Desk) -> None:
    desk.well("faults", "on", desk.script(BUSY))
    seam = desk.seam()
    assert psutil.pid_exists(seam)
    desk.well("reset")
    assert desk.seam() == seam  # an emptied cloud keeps its seam
    desk.well("down")
    assert ended(seam)
    desk.well("up", "--port", "14566")
    assert desk.seam() == 0


def test_the_seam_ends_with_a_cloud_that_was_killed(desk: Desk) -> None:
    desk.well("faults", "on", desk.script(BUSY))
    seam = desk.seam()
    os.kill(desk.folder.holder(), signal.SIGKILL)
    assert ended(seam)


def test_a_seam_that_was_killed_is_started_again(desk: Desk) -> None:
    desk.well("faults", "on", desk.script(BUSY))
    first = desk.seam()
    os.kill(first, signal.SIGKILL)
    assert ended(first)
    assert desk.run("faults", "status").exit_code == 1
    before = time.time()
    desk.well("faults", "on", desk.script(BUSY))
    assert desk.seam() not in {0, first}
    assert tries(desk.s3(), 2) == "ox"
    assert all(row["time"] >= before for row in faultdesk.injected(desk.folder))


def test_every_cloud_beside_it_gets_a_front(tmp_path: Path) -> None:
    beside = ",".join(HERE)
    desk = Desk(tmp_path / "state")
    desk.well("up", "--port", "14566", *(["--with", beside] if beside else []))
    try:
        plan = "[[rule]]\nfault = 'error'\ncloud = ['azure', 'gcp']\nfirst = 1"
        desk.well("faults", "on", desk.script(plan))
        found = faultdesk.standing(desk.folder)
        assert found is not None
        fronts = {"aws"}
        fronts |= {"azure/blob", "azure/queue", "azure/table"} if "azure" in HERE else set()
        fronts |= {"gcp/storage"} if "gcp" in HERE else set()
        assert set(found.urls) == fronts
        env = json.loads(desk.well("env", "--json"))
        assert tries(desk.s3(), 2) == "oo"
        if "azure" in HERE:
            assert f"BlobEndpoint={found.urls['azure/blob']}/" in str(env)
        if "gcp" in HERE:
            assert env["API_ENDPOINT_OVERRIDE"] == found.urls["gcp/storage"]
    finally:
        desk.well("down")


def test_taken_ports_are_passed_over(desk: Desk) -> None:
    from infra.cloud.desk import listen

    with listen(faultdesk.PORT) as taken:
        desk.well("faults", "on", desk.script(BUSY))
        found = faultdesk.standing(desk.folder)
        assert found is not None
        assert found.urls["aws"] != f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert tries(desk.s3(), 2) == "ox"
