"""Nothing of the desk's cloud opens a connection that leaves this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.cloud import rounds
from infra.cloud.registry import SERVICES

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the kernel counted while a whole desk was up in a network without a way out."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.infra.alone", str(tmp_path_factory.mktemp("desk") / "state")],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "HOME": str(tmp_path_factory.mktemp("home"))},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_service_works_without_a_network(day: dict[str, Any]) -> None:
    asked = [service for service, _, _ in rounds.CALLS if rounds.signed(service) in SERVICES]
    clouds = [name for name in day["beside"].split(",") if name]
    assert day["doctor"].count("ok ") >= 9 + len(asked) + len(clouds), day["up"] + day["doctor"]
    assert "wrong" not in day["doctor"]
    assert "is down" in day["down"]


def test_nothing_tries_to_leave(day: dict[str, Any]) -> None:
    """Where the kernel allows no network of our own, its counters are everybody's."""
    assert day["strangers"] == []
    if day["alone"]:
        assert day["control"] >= 2  # the watch sees what leaves
        assert day["left"] == 0


def test_a_call_that_asks_the_cloud_to_go_out_is_refused(day: dict[str, Any]) -> None:
    assert day["lured"][0] == "NotImplemented"
