"""A private cloud's life: quick, alone, without a way out, and gone when it should be."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from infra.cloud import process
from infra.cloud.fixtures import Cloud, CloudError, allow, loopback, private_cloud
from tests.infra import client

ROOT = Path(__file__).resolve().parents[2]


def gone(pid: int) -> bool:
    """Whether a process has ended, or ends soon."""
    for _ in range(200):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_it_starts_with_little_work(cloud: Cloud) -> None:
    """The wall time stands in docs/decisions; here the work is counted, on a busy machine too."""
    assert cloud.usage()["cpu"] < 0.25
    assert [call.operation for call in cloud.log] == ["ListBuckets"]
    assert cloud.log[0].by == "judge"


def test_each_one_is_new() -> None:
    with loopback() as one, loopback() as two:
        with private_cloud(one) as cloud:
            cloud.bucket("data")
            cloud.client("kms").create_key()
        with private_cloud(two) as cloud:
            assert cloud.state("s3") == {}
            assert cloud.state("kms") == {}
            assert cloud.state("secretsmanager") == {}
            assert cloud.state("iam")["users"] == {}


def test_two_at_once_do_not_meet(cloud: Cloud) -> None:
    with loopback() as one, private_cloud(one) as other:
        cloud.bucket("data")
        assert other.state("s3") == {}
        ann = cloud.identity("ann", [allow(["s3:*"])])
        assert client.code(client.of(other, "s3", ann).list_buckets) == "InvalidAccessKeyId"


def test_nothing_survives_the_block() -> None:
    with loopback() as one, private_cloud(one) as cloud:
        pid = cloud._child.pid
    assert gone(pid)
    with pytest.raises(CloudError, match="gone"):
        cloud.usage()


def test_a_cloud_that_dies_is_our_fault(cloud: Cloud) -> None:
    os.kill(cloud._child.pid, signal.SIGKILL)
    with pytest.raises(CloudError):
        cloud.usage()


def test_a_cloud_that_cannot_start_says_so() -> None:
    with loopback() as one:
        one.close()
        with pytest.raises((CloudError, OSError)), private_cloud(one):
            pass


def test_it_holds_no_file_of_its_parents() -> None:
    reader, writer = os.pipe()
    with loopback() as one, private_cloud(one):
        os.close(writer)
        assert os.read(reader, 1) == b""
    os.close(reader)


KILLED = """
    import sys, time
    import infra.cloud.engine
    from infra.cloud.fixtures import loopback, private_cloud
    with private_cloud(loopback()) as cloud:
        print(cloud._child.pid, flush=True)
        time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_its_parent(number: signal.Signals) -> None:
    script = textwrap.dedent(KILLED)
    parent = subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.send_signal(number)
    parent.wait(60)
    parent.stdout.close()
    assert gone(pid)


def test_orders_come_from_the_parent_only(cloud: Cloud) -> None:
    with pytest.raises(CloudError, match="there is no order"):
        cloud._child.ask("listen")
    with pytest.raises(CloudError, match="no inventory"):
        cloud.state("ec2")
    assert cloud.state("s3") == {}


def test_messages_of_any_size() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process.send(ours, {"x": "ü" * 10_000})
        assert process.receive(theirs) == {"x": "ü" * 10_000}
        ours.close()
        assert process.receive(theirs) is None


ALONE = """
    import os, sys
    import infra.cloud.engine
    from infra.cloud.fixtures import allow, loopback, private_cloud
    def work(c):
        c.bucket("data")
        ann = c.identity("ann", [allow(["s3:*", "kms:*", "secretsmanager:*", "iam:List*"])])
        key = c.client("kms", ann).create_key()["KeyMetadata"]["Arn"]
        c.client("s3", ann, https=True).put_object(
            Bucket="data", Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
        c.client("secretsmanager", ann).create_secret(Name="n", SecretString="1", KmsKeyId=key)
        c.client("iam", ann).list_users()
        c.client("sts", ann).get_caller_identity()
        print("worked", c.state("s3")["data"]["objects"]["k"][0]["size"])
    def once():
        every = loopback(), loopback(), loopback()
        with private_cloud(every[0], https_listener=every[1], metadata_listener=every[2]) as c:
            work(c)
        for one in every:
            one.close()
    once()  # imports what it needs: a python under /root is closed to whom we become
    if os.getuid() == 0 and open("/proc/self/uid_map").read().split()[2] != "1":
        os.setgroups([]); os.setgid(65534); os.setuid(65534)
    once()
"""


def test_without_a_network_and_without_rights(tmp_path: Path) -> None:
    """Where namespaces are refused, an audit hook in parent and child watches every connection."""
    script = tmp_path / "alone.py"
    script.write_text(textwrap.dedent(ALONE))
    tmp_path.chmod(0o755)
    run = subprocess.run(
        [sys.executable, "-m", "tests.infra.namespaces", str(script)], cwd=ROOT,
        capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "TMPDIR": "/tmp"},
    )
    assert run.returncode == 0, run.stdout + run.stderr
    twice = ["worked", "1"] * 2
    assert run.stdout.split() in (["alone", *twice], ["watched", *twice])


FOREIGN = """
    import os, socket, sys
    sys.path.insert(0, os.getcwd())
    from tests.infra.namespaces import leave
    wire = socket.socket(fileno=int(sys.argv[1]))
    leave()
    made = socket.socket(); made.bind(("127.0.0.1", 0)); made.listen(8)
    socket.send_fds(wire, [str(made.getsockname()[1]).encode()], [made.fileno()])
    import http.client
    wire.recv(1)
    inside = http.client.HTTPConnection("127.0.0.1", made.getsockname()[1])
    inside.request("GET", "/")
    print(inside.getresponse().read().decode())
"""


def test_a_listener_from_another_network() -> None:
    ours, theirs = socket.socketpair()
    learner = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(FOREIGN), str(theirs.fileno())], cwd=ROOT,
        pass_fds=[theirs.fileno()], stdout=subprocess.PIPE, text=True,
    )
    theirs.close()
    _, fds, _, _ = socket.recv_fds(ours, 16, 1)
    with ours, socket.socket(fileno=fds[0]) as listener, private_cloud(listener) as cloud:
        ours.sendall(b"x")
        said, _ = learner.communicate(timeout=60)
        assert "<Code>AccessDenied</Code>" in said
        assert cloud.log[-1].by == "learner"
