"""A cloud whose programs run in rooms that its parent opens: a stand-in's, and the grader's own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

import infra.cloud.engine  # noqa: F401  (warm before the first fork)
from autograder.sandbox import Launcher, Limits
from infra.cloud.fixtures import loopback, private_cloud
from infra.cloud.rooms import Room
from tests.infra.sagemaker_cases import REGISTRY, TRUST, Lab, lab


@dataclass(frozen=True)
class Spent:
    """What a stand-in says of a program's cost."""

    cpu: float = 0.5
    peak: int = 10 << 20
    killed: str = ""


class Folder:
    """A stand-in for a grader's box: a folder, and a process on this machine."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="room-"))
        self.running: dict[int, subprocess.Popen[bytes]] = {}
        self.closed = False

    def put(self, files: Mapping[str, bytes]) -> None:
        """Write files."""
        for path, data in files.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_bytes(data)

    def read(self, path: str) -> bytes:
        """Read a file."""
        return (self.folder / path).read_bytes()

    def glob(self, pattern: str) -> list[str]:
        """Find files."""
        return [str(p.relative_to(self.folder)) for p in self.folder.glob(pattern) if p.is_file()]

    def run(self, argv: Sequence[str], env: Mapping[str, str]) -> int:
        """Start a process."""
        with (self.folder / "said").open("wb") as said:
            made = subprocess.Popen(
                argv, cwd=self.folder, env={"PATH": os.environ["PATH"], **env}, stdout=said,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
            )
        self.running[made.pid] = made
        return made.pid

    def wait(self, pid: int, timeout: float | None) -> int | None:
        """Say whether it has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.running[pid].wait(timeout)
        return None

    def signal(self, pid: int, number: int) -> None:
        """Send a signal."""
        self.running[pid].send_signal(number)

    def output(self, pid: int) -> bytes:
        """Say what it wrote."""
        return self.read("said")

    def listen(self, port: int) -> socket.socket:
        """Return a listener: this room's network is the cloud's, which listens there already."""
        return loopback()

    def connect(self, port: int) -> socket.socket:
        """Connect."""
        return socket.create_connection(("127.0.0.1", port))

    def usage(self) -> Spent:
        """Say what it cost."""
        return Spent()

    def close(self) -> None:
        """Kill it and forget its files."""
        self.closed = True
        for one in self.running.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(one.pid, signal.SIGKILL)
            one.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(params=["stand-in", "box"])
def opened(
    request: pytest.FixtureRequest,
) -> Iterator[tuple[Callable[[float, int], Room], list[Any]]]:
    """What opens rooms, and those that it has opened."""
    rooms: list[Any] = []

    def folder(cpu: float, memory: int) -> Folder:
        rooms.append(Folder())
        return rooms[-1]  # type: ignore[no-any-return]

    if request.param == "stand-in":
        yield folder, rooms
        return
    with Launcher("exec") as boxes:
        def box(cpu: float, memory: int) -> Any:
            rooms.append(boxes.open({}, Limits(cpu=min(cpu, 60), memory=memory << 20)))
            return rooms[-1]

        yield box, rooms


@pytest.fixture
def one(opened: Any, tmp_path: Path) -> Iterator[Lab]:
    """A cloud whose programs run in those rooms."""
    with lab(tmp_path, run=opened[0]) as found:
        yield found


TRAIN = """
import os, boto3
step = os.path.join(os.environ["SM_MODEL_DIR"], "..", "checkpoints", "step")
print("from", open(step).read() if os.path.exists(step) else "nothing", flush=True)
open(step, "w").write("7")
data = open(os.path.join(os.environ["SM_CHANNEL_TRAIN"], "a.csv")).read()
boto3.client("s3").put_object(Bucket="trial", Key="inside", Body=data.encode())
open(os.path.join(os.environ["SM_MODEL_DIR"], "weights"), "w").write(data)
"""


def test_a_job_runs_in_a_room(one: Lab, opened: Any) -> None:
    one.put("train/a.csv", "1,2")
    image = one.make_image("trains", train=TRAIN)
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://trial/train/"}
    for number, before in enumerate(("nothing", "7")):
        done = one.train(
            image, f"job-{number}", CheckpointConfig={"S3Uri": "s3://trial/checkpoints"},
            InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        )
        said = one.log("/aws/sagemaker/TrainingJobs", f"job-{number}/")
        assert done["TrainingJobStatus"] == "Completed", (done.get("FailureReason"), said)
        assert said == [f"from {before}"]
    assert one.get("s3://trial/inside") == b"1,2"
    assert one.get("s3://trial/checkpoints/step") == b"7"
    assert "out/job-0/output/model.tar.gz" in one.keys("out")
    assert len(opened[1]) == 2  # a fresh room each


SERVER = """
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self): self.do_POST()
    def do_POST(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ["NAME"].encode())
HTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
"""


def test_an_endpoint_answers_from_a_room(one: Lab, opened: Any) -> None:
    one.make_image("serves", serve=SERVER)
    one.model(f"{REGISTRY}/serves", "lent")
    one.config("lent", ("AllTraffic", "lent", 1))
    one.sm.create_endpoint(EndpointName="lent", EndpointConfigName="lent")
    assert one.serving("lent")["EndpointStatus"] == "InService"
    found = one.runtime.invoke_endpoint(EndpointName="lent", Body=b"1")
    assert found["Body"].read() == b"lent"
    room, = opened[1]
    one.sm.delete_endpoint(EndpointName="lent")
    if isinstance(room, Folder):
        assert room.closed


def test_a_stopped_job_hears_of_it_in_its_room(one: Lab) -> None:
    image = one.make_image("waits", train=(
        "import signal, sys, time\n"
        "signal.signal(15, lambda *_: sys.exit(print('told', flush=True)))\n"
        "print('up', flush=True)\nwhile True: time.sleep(0.1)"
    ))
    one.sm.create_training_job(**one.job(image, "waits"))
    one.said("up")
    one.sm.stop_training_job(TrainingJobName="waits")
    assert one.ended("waits")["TrainingJobStatus"] == "Stopped"
    assert one.log("/aws/sagemaker/TrainingJobs", "waits/") == ["up", "told"]


def test_rooms_end_with_their_cloud(tmp_path: Path) -> None:
    rooms: list[Folder] = []

    def open_room(cpu: float, memory: int) -> Folder:
        rooms.append(Folder())
        return rooms[-1]

    with lab(tmp_path, run=open_room) as one:
        image = one.make_image("stays", train="import time\nprint('up', flush=True)\n"
                               "time.sleep(600)")
        one.sm.create_training_job(**one.job(image, "stays"))
        one.said("up")
        os.kill(one.cloud._child.pid, signal.SIGKILL)
    room, = rooms
    assert room.closed
    assert [process.poll() for process in room.running.values()] == [-9]


def test_a_room_that_does_not_open_fails_the_job(tmp_path: Path) -> None:
    def refuse(cpu: float, memory: int) -> Room:
        raise OSError(28, "No space left on device")

    with lab(tmp_path, run=refuse) as one:
        done = one.train(one.make_image("none", train=""), "none")
        assert done["TrainingJobStatus"] == "Failed"
        assert "No space left" in done["FailureReason"]


def test_a_cloud_without_an_employer_says_so() -> None:
    with loopback() as listener, private_cloud(listener) as cloud:
        role = cloud.role("Trainer", TRUST)
        cloud.image("some", "/nowhere")
        with pytest.raises(ClientError, match="runs no programs") as caught:
            cloud.client("sagemaker").create_training_job(
                TrainingJobName="job", RoleArn=role.arn,
                AlgorithmSpecification={"TrainingImage": "some", "TrainingInputMode": "File"},
                OutputDataConfig={"S3OutputPath": "s3://trial"},
                ResourceConfig={
                    "InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1
                },
                StoppingCondition={"MaxRuntimeInSeconds": 60},
            )
        assert caught.value.response["Error"]["Code"] == "NotImplemented"
