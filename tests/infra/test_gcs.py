"""The emulated Cloud Storage's front door: who, may they, what is not served, who dies when."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from google.api_core.exceptions import Forbidden, GoogleAPICallError

from infra.cloud import gcs as module
from infra.cloud.fixtures import loopback
from infra.cloud.gcs import Gcs, ServiceAccount, credentials, private_gcs
from infra.cloud.gcs_accounts import AUDIENCE, GRANT
from infra.cloud.neighbours import chosen
from infra.cloud.process import CloudError
from tests.infra.contract.aws import fetch
from tests.infra.contract.case import Refused
from tests.infra.test_desk import Desk, family, free_port, wait_for_end

ROOT = Path(__file__).resolve().parents[2]
FULL = "https://www.googleapis.com/auth/devstorage.full_control"


@pytest.fixture
def gcs() -> Iterator[Gcs]:
    """A fresh store."""
    with loopback() as listener, private_gcs(listener) as running:
        yield running


def refusal(url: str, *words: Any) -> str:
    """Return how a plain request is refused."""
    with pytest.raises(Refused) as caught:
        fetch(url, *words)
    return caught.value.short


def call(url: str, token: str) -> bytes:
    """Ask with a bearer token."""
    return fetch(url, "GET", b"", {"authorization": f"Bearer {token}"})


def assertion(account: ServiceAccount, key: Any = None, **claims: Any) -> str:
    """Sign what a client would sign to buy a token, or something else."""
    private = key or serialization.load_pem_private_key(
        account.fields["private_key"].encode(), None
    )
    now = int(time.time())
    body = {"iss": account.email, "aud": AUDIENCE, "iat": now, "exp": now + 3600, "scope": FULL}
    parts = [{"alg": "RS256", "typ": "JWT"}, body | claims]
    text = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts
    )
    signature = private.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def buy(gcs: Gcs, signed: str, grant: str = GRANT) -> str:
    """Buy a token with a signed assertion."""
    form = urlencode({"grant_type": grant, "assertion": signed}).encode()
    answer = fetch(f"{gcs.url}/token", "POST", form)
    return str(json.loads(answer)["access_token"])


# --- who -----------------------------------------------------------------------------------


def test_a_token_is_sold_for_a_signature_and_lives_an_hour(gcs: Gcs) -> None:
    gcs.bucket("box")
    account = gcs.account("reader", "roles/storage.objectViewer")
    token = buy(gcs, assertion(account))
    objects = f"{gcs.url}/storage/v1/b/box/o"
    assert b"storage#objects" in call(objects, token)
    gcs.advance(3601)
    with pytest.raises(Refused, match="401"):
        call(objects, token)


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://elsewhere.example/token"}, {"iss": "nobody@elsewhere.example"},
        {"exp": 1}, {"iat": time.time() + 7200, "exp": time.time() + 9000},
        {"exp": time.time() + 90_000},
    ],
    ids=["another audience", "nobody", "expired", "not yet", "too long"],
)  # fmt: skip
def test_no_token_for(gcs: Gcs, claims: dict[str, Any]) -> None:
    account = gcs.account("reader")
    with pytest.raises(Refused, match="400"):
        buy(gcs, assertion(account, **claims))


def test_no_token_for_another_key_or_no_signature(gcs: Gcs) -> None:
    account = gcs.account("reader")
    stranger = rsa.generate_private_key(65537, 2048)
    head, body, _ = assertion(account).split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    for signed in (
        assertion(account, stranger), f"{none}.{body}.", f"{head}.{body}.AAAA", "x", "a.b.c", ""
    ):
        with pytest.raises(Refused, match="400"):
            buy(gcs, signed)
    with pytest.raises(Refused, match="400"):
        buy(gcs, assertion(account), "password")


def test_the_judges_token_opens_only_the_judges_listener(gcs: Gcs) -> None:
    gcs.bucket("box")
    root = gcs._root
    with pytest.raises(Refused, match="401"):
        call(f"{gcs.url}/storage/v1/b/box/o", root)
    assert b"storage#objects" in call(f"{gcs._judge_url}/storage/v1/b/box/o", root)


def test_control_paths_and_strange_methods_are_not_served(gcs: Gcs) -> None:
    token = buy(gcs, assertion(gcs.account("writer")))
    headers = {"authorization": f"Bearer {token}", "x-http-method-override": "DELETE"}
    gcs.bucket("box")
    assert refusal(f"{gcs.url}/wipe", "GET", b"", headers) == "501"
    assert refusal(f"{gcs.url}/", "GET", b"", headers) == "501"
    assert b'"box"' in fetch(f"{gcs.url}/storage/v1/b/box", "GET", b"", headers)
    assert list(gcs.state()) == ["box"]


# --- may they ------------------------------------------------------------------------------

DEEDS = ("list", "read", "create", "replace", "delete", "bucket")


def may(client: Any) -> set[str]:
    """Return what a client may do in a bucket that has an object."""
    bucket = client.bucket("box")
    deeds = {
        "list": lambda: list(client.list_blobs("box", retry=None)),
        "read": lambda: bucket.blob("there").download_as_bytes(retry=None),
        "create": lambda: bucket.blob("new").upload_from_string(b"x", retry=None),
        "replace": lambda: bucket.blob("there").upload_from_string(b"x", retry=None),
        "delete": lambda: bucket.blob("there").delete(retry=None),
        "bucket": lambda: client.create_bucket("another", retry=None),
    }
    allowed = set()
    for name in DEEDS:
        try:
            deeds[name]()
        except Forbidden:
            continue
        allowed.add(name)
    return allowed


@pytest.mark.parametrize(
    ("role", "wanted"),
    [
        ("objectViewer", ("list", "read")), ("objectCreator", ("create",)),
        ("objectAdmin", ("list", "read", "create", "replace", "delete")), ("admin", DEEDS),
    ],
)  # fmt: skip
def test_a_role_decides(gcs: Gcs, role: str, wanted: Sequence[str]) -> None:
    gcs.bucket("box")
    with gcs.client() as judge:
        judge.bucket("box").blob("there").upload_from_string(b"x")
    with gcs.client(gcs.account("somebody", f"roles/storage.{role}")) as client:
        assert may(client) == set(wanted)


def test_a_token_for_reading_only_does_not_write(gcs: Gcs) -> None:
    gcs.bucket("box")
    account = gcs.account("admin")
    scope = "https://www.googleapis.com/auth/devstorage.read_only"
    token = buy(gcs, assertion(account, scope=scope))
    objects = f"{gcs.url}/storage/v1/b/box/o"
    assert b"storage#objects" in call(objects, token)
    headers = {"authorization": f"Bearer {token}"}
    assert refusal(f"{objects}/none", "DELETE", b"", headers) == "403"
    assert refusal(objects, "GET", b"", {
        "authorization": f"Bearer {buy(gcs, assertion(account, scope=''))}"
    }) == "403"  # fmt: skip


def test_there_is_no_other_role(gcs: Gcs) -> None:
    with pytest.raises(CloudError, match=r"there is no role 'owner'; there are roles/storage\."):
        gcs.account("somebody", "owner")


def test_an_account_signs_for_what_it_may_do_itself(gcs: Gcs) -> None:
    gcs.bucket("box")
    with gcs.client() as judge:
        judge.bucket("box").blob("k").upload_from_string(b"x")
    with gcs.client(gcs.account("creator", "roles/storage.objectCreator")) as client:
        blob = client.bucket("box").blob("k")
        url = blob.generate_signed_url(timedelta(seconds=60), version="v4")
    assert refusal(url) == "403 AccessDenied"


@pytest.mark.parametrize(
    "change",
    [
        ("X-Goog-Expires=60", "X-Goog-Expires=600"), ("X-Goog-Expires=60", "X-Goog-Expires=700000"),
        ("goog4_request", "goog5_request"), ("X-Goog-SignedHeaders=host", "X-Goog-SignedHeaders="),
        ("RSA-SHA256", "HMAC-SHA256"), ("X-Goog-Signature=", "X-Goog-Signature=zz"),
        ("X-Goog-Date=2", "X-Goog-Date=3"),
    ],
    ids=lambda change: change[1],
)  # fmt: skip
def test_a_signed_url_that_was_changed_is_refused(gcs: Gcs, change: tuple[str, str]) -> None:
    gcs.bucket("box")
    with gcs.client(gcs.account("signer")) as client:
        blob = client.bucket("box").blob("k")
        blob.upload_from_string(b"x")
        url = blob.generate_signed_url(timedelta(seconds=60), version="v4")
    assert fetch(url) == b"x"
    assert change[0] in url
    assert refusal(url.replace(*change))[:3] in {"400", "403"}


def test_a_signed_url_expires_by_the_clouds_clock(gcs: Gcs) -> None:
    gcs.bucket("box")
    with gcs.client(gcs.account("signer")) as client:
        blob = client.bucket("box").blob("k")
        blob.upload_from_string(b"x")
        url = blob.generate_signed_url(timedelta(days=7), version="v4")
    gcs.advance(6.9 * 86400)
    assert fetch(url) == b"x"
    gcs.advance(0.2 * 86400)
    assert refusal(url) == "400 ExpiredToken"


# --- what is kept ---------------------------------------------------------------------------


def test_the_log_tells_who_did_what(gcs: Gcs) -> None:
    gcs.bucket("box")
    account = gcs.account("learner")
    who = credentials({**account.fields, "token_uri": f"{gcs.url}/token"})
    from google.cloud.storage import Client

    mark = len(gcs.log)
    with Client("p", who, client_options={"api_endpoint": gcs.url}) as client:
        client.bucket("box").blob("a/b").upload_from_string(b"12345")
        with pytest.raises(GoogleAPICallError):
            client.bucket("box").blob("none").download_as_bytes(retry=None)
        blob = client.bucket("box").blob("a/b")
        fetch(blob.generate_signed_url(timedelta(seconds=60), version="v4"))
    # The client also asks for a token and, from a thread of its own, for the bucket.
    calls = [c for c in gcs.log_since(mark) if c.operation.startswith("storage.objects.")]
    told = [(c.operation, c.resource, c.status, c.by, c.presigned) for c in calls]
    assert told == [
        ("storage.objects.insert", "box/a/b", 200, "learner", False),
        ("storage.objects.download", "box/none", 404, "learner", False),
        ("storage.objects.download", "box/a/b", 200, "learner", True),
    ]
    assert {c.principal for c in calls} == {account.email}
    assert {c.operation for c in gcs.log_since(mark) if not c.principal} == {"token"}
    assert gcs.state()["box"]["a/b"]["size"] == "5"


def test_a_store_takes_no_more_than_its_quota(gcs: Gcs) -> None:
    gcs.bucket("box")
    gcs.quota(1000)
    with gcs.client() as judge:
        judge.bucket("box").blob("small").upload_from_string(b"x" * 100)
        with pytest.raises(Forbidden, match="no more bytes"):
            judge.bucket("box").blob("large").upload_from_string(b"x" * 1000)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "multipart/related; boundary=b"), (b"--b\r\n--b--", "multipart/related; boundary=b"),
        (b"x", "multipart/related"), (b"--b\r\n\r\n{\r\n--b\r\n\r\nx\r\n--b--",
                                     "multipart/related; boundary=b"),
        (b"--b\r\n\r\n[]\r\n--b\r\n\r\nx\r\n--b--", "multipart/related; boundary=b"),
        (b"--b\r\n\r\n{}\r\n--b\r\n\r\nx\r\n--b--", "multipart/related; boundary=b"),
    ],
)  # fmt: skip
def test_a_malformed_upload_is_the_clients_fault(gcs: Gcs, body: bytes, kind: str) -> None:
    gcs.bucket("box")
    token = buy(gcs, assertion(gcs.account("writer")))
    headers = {"authorization": f"Bearer {token}", "content-type": kind}
    url = f"{gcs.url}/upload/storage/v1/b/box/o?uploadType=multipart"
    assert refusal(url, "POST", body or b" ", headers) == "400"
    assert gcs.state()["box"] == {}


@pytest.mark.parametrize(
    "query",
    ["maxResults=0", "maxResults=-1", "maxResults=x", "pageToken=%25", "ifMetagenerationMatch=x"],
)
def test_an_odd_query_is_the_clients_fault(gcs: Gcs, query: str) -> None:
    gcs.bucket("box")
    token = buy(gcs, assertion(gcs.account("reader")))
    path = "" if query.startswith("if") else "/o"
    url = f"{gcs.url}/storage/v1/b/box{path}?{query}"
    assert refusal(url, "GET", b"", {"authorization": f"Bearer {token}"}) == "400"


def test_a_batch_is_its_calls_each_with_its_own_rights(gcs: Gcs) -> None:
    gcs.bucket("box")
    with gcs.client() as judge:
        for name in ("a", "b/c d"):
            judge.bucket("box").blob(name).upload_from_string(b"x")
    account = gcs.account("viewer", "roles/storage.objectViewer")
    with gcs.client(account) as viewer, pytest.raises(Forbidden), viewer.batch():
        viewer.bucket("box").blob("a").delete(retry=None)
    assert set(gcs.state()["box"]) == {"a", "b/c d"}
    mark = len(gcs.log)
    with gcs.client(gcs.account("writer")) as writer, writer.batch(raise_exception=False) as batch:
        for name in ("a", "none", "b/c d"):
            writer.bucket("box").blob(name).delete(retry=None)
    assert [answer.status_code for answer in batch._responses] == [204, 404, 204]
    calls = [c for c in gcs.log_since(mark) if c.operation == "storage.objects.delete"]
    assert [(c.resource, c.status) for c in calls] == [
        ("box/a", 204), ("box/none", 404), ("box/b/c d", 204)
    ]  # fmt: skip
    assert gcs.state()["box"] == {}


@pytest.mark.parametrize(
    "part",
    [
        b"", b"hello", b"GET http://127.0.0.1/token HTTP/1.1\r\n\r\n",
        b"POST /batch/storage/v1 HTTP/1.1\r\n\r\n",
        b"GET /storage/v1/b/box/o/k?alt=media HTTP/1.1\r\n\r\n",
        b"PUT /box/k HTTP/1.1\r\n\r\nx",
    ],
)  # fmt: skip
def test_what_is_no_batch_is_refused(gcs: Gcs, part: bytes) -> None:
    token = buy(gcs, assertion(gcs.account("writer")))
    headers = {"authorization": f"Bearer {token}", "content-type": "multipart/mixed; boundary=b"}
    body = b"--b\r\nContent-Type: application/http\r\n\r\n" + part + b"\r\n--b--\r\n"
    url = f"{gcs.url}/batch/storage/v1"
    assert refusal(url, "POST", body, headers) == "400"
    assert refusal(url, "POST", body, {**headers, "content-type": "text/plain"}) == "400"


# --- what dies with whom, and what calls out -----------------------------------------------------


def test_it_ends_with_the_block_and_when_it_is_killed() -> None:
    others = set(psutil.Process().children())
    with loopback() as listener:
        with private_gcs(listener) as gcs:
            (child,) = set(psutil.Process().children()) - others
            assert gcs.alive()
        wait_for_end([child])
        with private_gcs(listener) as gcs:
            (child,) = set(psutil.Process().children()) - others
            child.kill()
            child.wait(20)
            assert not gcs.alive()
            with pytest.raises(CloudError, match="has gone"):
                gcs.account("somebody")


def test_nothing_outlives_a_holder_that_was_killed() -> None:
    program = (
        "import time\n"
        "from infra.cloud.gcs import private_gcs\n"
        "from infra.cloud.process import loopback\n"
        "with loopback() as one, private_gcs(one) as gcs:\n"
        "    print(gcs.url, flush=True)\n"
        "    time.sleep(600)\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    port = int(holder.stdout.readline().rpartition(":")[2])
    everybody = family(holder.pid)
    assert len(everybody) == 2
    holder.kill()
    holder.wait()
    holder.stdout.close()
    wait_for_end(everybody[1:])
    with socket.socket() as again:
        again.bind(("127.0.0.1", port))


def test_our_own_clients_ask_nobody_else(gcs: Gcs, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = socket.getaddrinfo

    def told(host: Any, *rest: Any, **more: Any) -> Any:
        asked.append(str(host))
        return real(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", told)
    with gcs.client(gcs.account("somebody")) as client:
        client.create_bucket("box")
        client.bucket("box").blob("k").upload_from_string(b"x")
    time.sleep(0.2)  # Google's own class asks from a thread
    assert set(asked) == {"127.0.0.1"}


def test_each_store_has_keys_and_objects_of_its_own(gcs: Gcs) -> None:
    with loopback() as listener, private_gcs(listener) as other:
        account = gcs.account("same")
        other.account("same")
        gcs.bucket("box")
        assert other.state() == {}
        with pytest.raises(Refused, match="400"):
            buy(other, assertion(account))


# --- on the desk -------------------------------------------------------------------------------


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk whose clouds are down at the end, however the test went."""
    made = Desk(tmp_path / "state")
    yield made
    made.run("down")


def test_the_variables_lead_googles_client_there(desk: Desk) -> None:
    port = str(free_port())
    desk.well("up", "--port", port, "--with", "gcp")
    assert "unset STORAGE_EMULATOR_HOST" in desk.well("env")
    found = json.loads(desk.well("env", "--json"))
    mode = os.stat(found["GOOGLE_APPLICATION_CREDENTIALS"]).st_mode
    assert oct(mode)[-3:] == "600"
    program = "from google.cloud.storage import Client; print(Client().create_bucket('box').name)"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True,
        env={"PATH": "/bin", **found},
    )
    assert run.stdout.strip() == "box"
    key = json.loads(Path(found["GOOGLE_APPLICATION_CREDENTIALS"]).read_text())["private_key"]
    desk.well("down")
    desk.well("up", "--port", port, "--with", "gcp")
    again = json.loads(Path(found["GOOGLE_APPLICATION_CREDENTIALS"]).read_text())
    assert again["private_key"] == key


def test_what_was_not_asked_for_in_time_is_told(desk: Desk) -> None:
    refused = desk.run("up", "--with", "gcp,oracle")
    assert refused.exit_code == 2
    assert "no cloud 'oracle'" in refused.output
    assert desk.run("up", "--with", "gcp", "--on", "localstack").exit_code == 2
    desk.well("up", "--port", str(free_port()))
    late = desk.run("up", "--with", "gcp")
    assert late.exit_code == 2
    assert "./ladder cloud down, then ./ladder cloud up --with gcp" in late.output
    assert desk.well("env").count("API_ENDPOINT_OVERRIDE") == 0


def test_a_taken_port_is_not_ours(desk: Desk) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 4443))
            taken.listen()
        except OSError:
            pass  # somebody else has it: as good
        said = desk.well("up", "--port", str(free_port()), "--with", "gcp")
    assert "gcp       storage http://127.0.0.1:444" in said
    assert "127.0.0.1:4443" not in said


def test_a_group_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "infra.cloud.gcs_door", None)
    with pytest.raises(CloudError, match=r'pip install -c constraints.txt -e "\.\[gcp\]"'):
        module.ready()


def test_names_are_taken_in_any_order() -> None:
    assert chosen("gcp, azure") == ("azure", "gcp")
    assert chosen("") == ()
