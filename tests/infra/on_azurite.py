"""Azure Storage on Azurite: whose key, no way out, what dies with whom. Needs Node.js.

Run by its own part of `./ladder test`; nothing here is collected by a plain `pytest`.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest
from azure.core.exceptions import AzureError, HttpResponseError

from infra.cloud import azure_engine
from infra.cloud.azure import Azure, client, connection_string, private_azure
from infra.cloud.fixtures import loopback
from infra.cloud.process import CloudError
from tests.infra.test_desk import Desk, family, free_port, wait_for_end

ROOT = Path(__file__).resolve().parents[2]
WELL_KNOWN = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)


@pytest.fixture
def azure() -> Iterator[Azure]:
    """A fresh Azure Storage on three sockets."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(loopback()) for _ in range(3)]
        yield stack.enter_context(private_azure(*sockets))


@pytest.fixture
def blobs(azure: Azure) -> Iterator[Any]:
    """The learner's client."""
    with client("blob", azure.env()["AZURE_STORAGE_CONNECTION_STRING"]) as made:
        yield made


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk whose clouds are down at the end, however the test went."""
    made = Desk(tmp_path / "state")
    yield made
    made.run("down")


def listening(pids: list[psutil.Process]) -> set[str]:
    """Return the addresses that processes listen on."""
    found = (one for process in pids for one in process.net_connections())
    return {one.laddr.ip for one in found if one.status == "LISTEN"}


def test_the_log_tells_who_did_what(azure: Azure, blobs: Any) -> None:
    box = blobs.create_container("box")
    for number in range(5):
        box.upload_blob(f"2026/{number}", b"x")
    mark = len(azure.log)
    assert [len(list(page)) for page in box.list_blobs(results_per_page=2).by_page()] == [2, 2, 1]
    assert [(c.operation, c.resource, c.status) for c in azure.log_since(mark)] == [
        ("ListBlobs", "box", 200)
    ] * 3
    with azure.client("blob") as judge:
        assert judge.get_blob_client("box", "2026/0").download_blob().readall() == b"x"
    assert {call.by for call in azure.log_since(mark)} == {"learner", "judge"}
    assert azure.usage()["cpu"] > 0


def test_no_key_but_the_issued_ones_opens(azure: Azure) -> None:
    for account, key in ((azure.account, WELL_KNOWN), ("devstoreaccount1", WELL_KNOWN)):
        with client("blob", connection_string(azure.urls, account, key)) as stranger:
            with pytest.raises(HttpResponseError) as caught:
                stranger.create_container("box")
            assert caught.value.status_code in {403, 404}


def test_a_call_that_azurite_lacks_is_named(azure: Azure, blobs: Any) -> None:
    rows = blobs.create_container("lacks").upload_blob("rows.csv", b"a,b\n1,2\n")
    with pytest.raises(HttpResponseError, match="This emulated Azure Storage has no blob:") as no:
        rows.query_blob("SELECT a from BlobStorage").readall()
    assert no.value.status_code == 501
    assert azure.log[-1].error == "APINotImplemented"


def test_statistics_come_from_a_secondary_that_is_not_here(azure: Azure, blobs: Any) -> None:
    with pytest.raises(AzureError):
        blobs.get_service_stats()
    place = azure.urls["blob"].partition("//")[2]
    with client(
        "blob", azure.env()["AZURE_STORAGE_CONNECTION_STRING"],
        secondary_hostname=f"{place}/{azure.account}-secondary",
    ) as made, pytest.raises(HttpResponseError, match="Bad Request"):
        made.get_service_stats()


def test_it_reaches_nothing_but_itself(azure: Azure, blobs: Any) -> None:
    box = blobs.create_container("box")
    box.upload_blob("there", b"x")
    asked: list[bytes] = []
    with loopback() as trap:
        trap.settimeout(1)
        source = f"http://127.0.0.1:{trap.getsockname()[1]}/another/box/there"
        with pytest.raises(HttpResponseError):
            box.get_blob_client("copy").start_copy_from_url(source)
        # A Host header that agrees with the source is no way around.
        with socket.create_connection(("127.0.0.1", _port(azure))) as wire:
            wire.sendall(_signed_copy(azure, source))
            asked.append(wire.recv(4096))
        with pytest.raises(TimeoutError):
            trap.accept()
    assert asked[0][9:10] in {b"4", b"5"}


def _port(azure: Azure) -> int:
    return int(azure.urls["blob"].rpartition(":")[2])


def _signed_copy(azure: Azure, source: str) -> bytes:
    """Return a copy request whose Host is that of its source."""
    import base64
    import hashlib
    import hmac
    from email.utils import formatdate

    headers = {
        "x-ms-copy-source": source, "x-ms-date": formatdate(usegmt=True),
        "x-ms-version": "2023-11-03",
    }
    lines = "".join(f"{name}:{value}\n" for name, value in sorted(headers.items()))
    text = f"PUT{chr(10) * 12}{lines}/{azure.account}/{azure.account}/box/copy"
    digest = hmac.new(base64.b64decode(azure.key), text.encode(), hashlib.sha256).digest()
    headers["authorization"] = f"SharedKey {azure.account}:{base64.b64encode(digest).decode()}"
    headers["host"] = source.split("/")[2]
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"PUT /{azure.account}/box/copy HTTP/1.1\r\n{head}content-length: 0\r\n\r\n".encode()


def test_it_ends_with_the_block_and_when_it_is_killed() -> None:
    with ExitStack() as stack:
        blob = stack.enter_context(loopback())
        with private_azure(blob) as azure:
            child, engine = psutil.Process().children(recursive=True)
            assert listening([engine]) == set()  # it has unix sockets only
            folder = Path(engine.cwd())
        wait_for_end([child, engine])
        assert not folder.exists()
        with private_azure(blob) as azure:
            child, engine = psutil.Process().children(recursive=True)
            engine.kill()
            wait_for_end([engine])
            child.wait(20)
            assert not azure.alive()
            with pytest.raises(CloudError, match="has gone"):
                assert azure.log


def test_nothing_outlives_a_holder_that_was_killed(tmp_path: Path) -> None:
    program = (
        "import time\n"
        "from infra.cloud.azure import private_azure\n"
        "from infra.cloud.process import loopback\n"
        "with loopback() as one, private_azure(one) as azure:\n"
        "    print(azure.urls['blob'], flush=True)\n"
        "    time.sleep(600)\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert holder.stdout is not None
    port = int(holder.stdout.readline().rpartition(":")[2])
    everybody = family(holder.pid)
    assert len(everybody) == 3
    holder.kill()
    holder.wait()
    holder.stdout.close()
    wait_for_end(everybody[1:])
    assert list(tmp_path.iterdir()) == []
    with socket.socket() as again:
        again.bind(("127.0.0.1", port))


def test_what_is_lacking_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(azure_engine.Lacking, match=r"no node found.*apt-get install nodejs npm"):
        azure_engine.installed(tmp_path / "npm")
    old = tmp_path / "node"
    old.write_text("#!/bin/sh\necho v18.19.0\n")
    old.chmod(0o755)
    assert "no npm found" in azure_engine.present()
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'no network' >&2\nexit 1\n")
    npm.chmod(0o755)
    assert "is version v18.19.0" in azure_engine.present()
    old.write_text("#!/bin/sh\necho v20.1.0\n")
    with pytest.raises(CloudError, match=r"could not install Azurite.*\s.*no network"):
        azure_engine.installed(tmp_path / "npm-state")
    assert not azure_engine.is_installed(tmp_path / "npm-state")
    assert [p.name for p in (tmp_path / "npm-state").iterdir()] == ["lock"]


def test_every_package_is_pinned_by_its_hash_and_telemetry_is_not_among_them() -> None:
    lock = json.loads((azure_engine.SOURCE / "package-lock.json").read_text())["packages"]
    linked = {name for name, one in lock.items() if one.get("link") or name in ("", "nothing")}
    assert all("integrity" in one for name, one in lock.items() if name not in linked)
    assert {name.rpartition("/")[2] for name in linked} >= {"applicationinsights", "tedious"}
    assert not [name for name in lock if "opentelemetry" in name]
    assert lock["node_modules/azurite"]["version"] == azure_engine.version()


# --- on the desk -------------------------------------------------------------------------------


def test_a_day_with_all_three_clouds(desk: Desk) -> None:
    said = desk.well("up", "--port", str(free_port()), "--with", "azure,gcp")
    assert "azure     blob http://127.0.0.1:" in said
    assert "gcp       storage http://127.0.0.1:" in said
    everybody = family(desk.running.pid)
    assert listening(everybody) == {"127.0.0.1"}
    assert desk.well("status").count("http://127.0.0.1") == 2 + 3 + 1
    told = desk.well("doctor")
    for service in ("s3 ", "azure blob ", "azure queue ", "azure table ", "gcp storage "):
        assert f"ok   {service}" in told
    before = desk.well("env")
    found = json.loads(desk.well("env", "--json"))
    program = (
        "import os; from azure.storage.blob import BlobServiceClient as A\n"
        "from google.cloud.storage import Client\n"
        "A.from_connection_string(os.environ['AZURE_STORAGE_CONNECTION_STRING'])"
        ".create_container('box')\n"
        "Client().create_bucket('box')\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={"PATH": "/bin", **found})
    desk.well("reset")
    assert desk.well("env") == before
    subprocess.run([sys.executable, "-c", program], check=True, env={"PATH": "/bin", **found})
    assert desk.run("up", "--with", "azure").exit_code == 0
    everybody = family(desk.running.pid)
    desk.well("down")
    wait_for_end(everybody)


def test_an_engine_that_ends_is_started_again_and_the_others_go_on(desk: Desk) -> None:
    desk.well("up", "--port", str(free_port()), "--with", "azure")
    desk.s3().create_bucket(  # type: ignore[attr-defined]
        Bucket="kept", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    (engine,) = [one for one in family(desk.running.pid) if one.name() == "node"]
    engine.kill()
    wait_for_end([engine])
    for _ in range(200):
        if desk.run("status").exit_code == 0:
            break
    assert "azure" in desk.well("status")
    assert desk.s3().list_buckets()["Buckets"][0]["Name"] == "kept"  # type: ignore[attr-defined]


def test_ctrl_c_leaves_nothing(desk: Desk) -> None:
    command = [sys.executable, "-c", "from infra.cli import cloud; cloud()", "--state",
               str(desk.path), "up", "--foreground", "--port", str(free_port()),
               "--with", "azure,gcp"]  # fmt: skip
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    while not process.stdout.readline().startswith("next "):
        assert process.poll() is None
    everybody = family(process.pid)
    assert len(everybody) == 5  # the desk, a fork for each cloud, and node
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(60) == 0
    process.stdout.close()
    wait_for_end(everybody[1:])
    assert desk.folder.holder() == 0
