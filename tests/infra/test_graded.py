"""Clouds of a graded run: forked from a confined judge, in a folder that is bounded and goes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from autograder import court as courts
from autograder.chambers import PREFIX
from autograder.court import BOOT, Court, Job
from autograder.manifest import load_course
from autograder.sandbox import Launcher, detect
from autograder.submission import Submission
from autograder.verdict import LabResult, Verdict

MODES = {"A": ["A", "B", "C", "D"], "B": ["B", "C", "D"], "C": ["C", "D"], "D": ["D"]}[
    detect().mode
]
OWN_ROOT = [mode for mode in MODES if mode in "AB"]
WATCHED = [mode for mode in MODES if mode in "CD"]
COURSE = """
title = "Graded"
[[stage]]
folder = "1-foundations"
title = "F"
pitch = "p"
[[stage.rung]]
id = "r"
title = "R"
portfolio = "x"
labs = ["probe"]
[skills]
s = "skill"
[needs.cloud]
text = "the emulated cloud"
imports = ["boto3"]
judge_imports = ["infra.cloud.serverless", "boto3"]
"""
LAB = """
title = "Probe"
pitch = "p"
minutes = { p50 = 10, p80 = 20 }
skills = ["s"]
main = "main.py"
writes = ["*"]
needs = ["cloud"]
[limits]
cpu = 30
memory_mb = 700
disk_mb = 64
"""
CONFTEST = """
from autograder import fixture
from infra.cloud.fixtures import allow, private_cloud

@fixture
def cloud(work):
    with private_cloud(work.listen(0), run=work.room) as made:
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
            "Action": "sts:AssumeRole", "Principal":
            {"Service": ["lambda.amazonaws.com", "sagemaker.amazonaws.com"]}}]}
        made.role("runner", trust, [allow(["*"])])
        made.bucket("parcels")
        work.env.update(made.env(made.identity("ann", [allow(["*"])])))
        yield made
"""
HEAD = """
import glob, os, tempfile, time
from autograder import check
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder below /tmp that every judge may enter."""
    made = Path(tempfile.mkdtemp(prefix="graded-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


Judge = Callable[..., LabResult]


@pytest.fixture
def judged(place: Path, monkeypatch: pytest.MonkeyPatch) -> Judge:
    """Judge a program against checks, confined in a mode; `doing` runs beside, with the court."""
    (place / "tmp").mkdir(mode=0o711)
    monkeypatch.setattr(tempfile, "tempdir", str(place / "tmp"))

    def judge(
        mode: str, checks: str, program: str, doing: Callable[[Court], None] | None = None
    ) -> LabResult:
        folder = place / "labs" / "1-foundations" / "probe"
        folder.mkdir(parents=True)
        (place / "labs" / "course.toml").write_text(COURSE)
        for name, text in (("lab.toml", LAB), ("checks.py", HEAD + checks),
                           ("conftest.py", CONFTEST)):
            (folder / name).write_text(text)
        lab = load_course(place).lab("probe")
        work = Submission("probe", "ann", {"main.py": program.encode()})
        with Court(lab, mode) as court, Launcher("exec", mode=mode) as boxes:
            if doing is not None:
                beside = threading.Thread(target=doing, args=(court,))
                beside.start()
            job = Job(work, {name: [1] for name in court.checks}, 7, mode=mode)
            result = court.judge(job, boxes)
            if doing is not None:
                beside.join()
            patience = 1000
            while list((place / "tmp").glob(f"{PREFIX}*")) and (patience := patience - 1):
                time.sleep(0.02)
            assert not list((place / "tmp").glob(f"{PREFIX}*"))
        assert not os.listdir(place / "tmp")
        return result

    return judge


def small(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Give judges less room."""
    parts = "sys.modules['autograder.chambers'].ROOM = sys.modules['autograder.sandbox.confine']"
    boot = BOOT.replace("main({fd})", f"{parts}.ROOM = {size}; main({{fd}})")
    monkeypatch.setattr(courts, "BOOT", boot)


LARGE = """
@check(points=1, observes="cloud")
def stores(work, cloud):
    \"\"\"It stores an object of 20 MB and reads it again.\"\"\"
    assert work.run("main.py").wait() == 0, "did it end well?"
    found = cloud.client("s3").get_object(Bucket="parcels", Key="large")["Body"].read()
    assert found == b"p" * (20 << 20), "what lies there?"
"""
PUTS = """
import boto3
s3 = boto3.client("s3")
s3.put_object(Bucket="parcels", Key="large", Body=b"p" * (20 << 20))
s3.copy_object(Bucket="parcels", Key="copy", CopySource="parcels/large")
assert len(s3.get_object(Bucket="parcels", Key="copy")["Body"].read()) == 20 << 20
"""


@pytest.mark.parametrize("mode", MODES)
def test_a_large_object_comes_back(judged: Judge, mode: str) -> None:
    result = judged(mode, LARGE, PUTS)
    assert [c.verdict for c in result.checks] == [Verdict.PASSED], result.checks


CALLED = """
@check(points=1, observes="cloud")
def counts(work, cloud):
    \"\"\"The function counts the parcels of its bucket.\"\"\"
    assert work.run("main.py").wait() == 0, "did it end well?"
    found = cloud.client("lambda").invoke(FunctionName="count")
    said = found["Payload"].read()
    assert (found.get("FunctionError"), said) == (None, b"2"), f"it said {said!r}"
"""
DEPLOYS = """
import io, zipfile, boto3
s3 = boto3.client("s3")
for name in "ab":
    s3.put_object(Bucket="parcels", Key=name, Body=b"p")
code = '''
import boto3
def handler(event, context):
    return len(boto3.client("s3").list_objects_v2(Bucket="parcels")["Contents"])
'''
packed = io.BytesIO()
with zipfile.ZipFile(packed, "w") as file:
    file.writestr("counter.py", code)
boto3.client("lambda").create_function(
    FunctionName="count", Runtime="python3.12", Handler="counter.handler", Timeout=30,
    Role="arn:aws:iam::123456789012:role/runner", Code={"ZipFile": packed.getvalue()})
"""


@pytest.mark.parametrize("mode", MODES)
def test_a_function_runs_in_a_room_of_the_graders(judged: Judge, mode: str) -> None:
    result = judged(mode, CALLED, DEPLOYS)
    assert [c.verdict for c in result.checks] == [Verdict.PASSED], result.checks


TRAINED = """
TRAIN = '''#!/usr/bin/env python
import json, os, pathlib
days, model = pathlib.Path(CHANNEL, "days"), pathlib.Path(MODEL, "mean.json")
found = [float(x) for x in days.read_text().split()]
model.write_text(json.dumps(sum(found) / len(found)))
'''
SERVE = '''#!/usr/bin/env python
import http.server, os
MEAN = open(MODEL + "/mean.json", "rb").read()
class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(MEAN)))
        self.end_headers()
        self.wfile.write(MEAN)
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()
http.server.ThreadingHTTPServer(("127.0.0.1", 8080), Server).serve_forever()
'''

@check(points=1, observes="cloud")
def serves(work, cloud):
    \"\"\"It trains a model on the bucket's days and serves it.\"\"\"
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (("train", TRAIN), ("serve", SERVE)):
            path = os.path.join(folder, name)
            with open(path, "w") as file:
                file.write(text)
            os.chmod(path, 0o755)
        cloud.image("mean", folder)
        program = work.run("main.py")
        assert program.wait() == 0, f"it said {program.output()[-2000:]!r}"
        found = cloud.client("sagemaker-runtime").invoke_endpoint(EndpointName="mean", Body=b"1")
        said = found["Body"].read()
    assert said == b"2.5", f"it said {said!r}"
"""
TRAINS = """
import time, boto3
boto3.client("s3").put_object(Bucket="parcels", Key="days/days", Body=b"1 2 3 4")
role, sm = "arn:aws:iam::123456789012:role/runner", boto3.client("sagemaker")
image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/mean:latest"
one = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
source = {"S3DataType": "S3Prefix", "S3Uri": "s3://parcels/days/"}
sm.create_training_job(
    TrainingJobName="mean", RoleArn=role, ResourceConfig=one,
    AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"},
    InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
    OutputDataConfig={"S3OutputPath": "s3://parcels/out"},
    StoppingCondition={"MaxRuntimeInSeconds": 600})
quick = {"Delay": 1, "MaxAttempts": 60}
while True:
    done = sm.describe_training_job(TrainingJobName="mean")
    if done["TrainingJobStatus"] != "InProgress":
        break
    time.sleep(0.1)
assert done["TrainingJobStatus"] == "Completed", done.get("FailureReason")
model = done["ModelArtifacts"]["S3ModelArtifacts"]
sm.create_model(ModelName="mean", ExecutionRoleArn=role,
                PrimaryContainer={"Image": image, "ModelDataUrl": model})
sm.create_endpoint_config(EndpointConfigName="mean", ProductionVariants=[
    {"VariantName": "v", "ModelName": "mean", "InstanceType": "ml.m5.large",
     "InitialInstanceCount": 1}])
sm.create_endpoint(EndpointName="mean", EndpointConfigName="mean")
sm.get_waiter("endpoint_in_service").wait(EndpointName="mean", WaiterConfig=quick)
"""


CONTRACT = {"CHANNEL": "'/opt/ml/input/data/train'", "MODEL": "'/opt/ml/model'"}
VARIABLES = {
    "CHANNEL": "os.environ['SM_CHANNEL_TRAIN']", "MODEL": "os.environ['SM_MODEL_DIR']"
}


@pytest.mark.parametrize("mode", MODES)
def test_a_model_is_trained_and_served_in_rooms_of_the_graders(judged: Judge, mode: str) -> None:
    """Where a room has no root of its own, programs find their folders by the variables only."""
    checks = TRAINED
    for name, where in (CONTRACT if mode in OWN_ROOT else VARIABLES).items():
        checks = checks.replace(f"{name}, ", f"{where}, ").replace(f"{name} +", f"{where} +")
    result = judged(mode, checks, TRAINS)
    assert [c.verdict for c in result.checks] == [Verdict.PASSED], result.checks


FILLED = """
@check(points=1, observes="cloud")
def stores(work, cloud):
    \"\"\"It stores what there is room for, and is told of the rest.\"\"\"
    assert work.run("main.py").wait() == 7, "what did it hear?"
    held = cloud.client("s3").list_objects_v2(Bucket="parcels")["Contents"]
    assert {one["Size"] for one in held} == {20 << 20}, "what lies there?"

@check(points=1, observes="cloud")
def reads(work, cloud):
    \"\"\"It leaves room for the one who looks.\"\"\"
    work.run("main.py").wait()
    cloud.client("s3").put_object(Bucket="parcels", Key="look", Body=b"l" * (20 << 20))

@check(points=1, observes="cloud")
def starts(cloud):
    \"\"\"The next cloud has all the room again.\"\"\"
    cloud.client("s3").put_object(Bucket="parcels", Key="look", Body=b"l" * (20 << 20))
"""
FILLS = """
import sys, boto3
from botocore.config import Config
from botocore.exceptions import ClientError
s3 = boto3.client("s3", config=Config(retries={"total_max_attempts": 1}))
try:
    for number in range(9):
        s3.put_object(Bucket="parcels", Key=str(number), Body=b"p" * (20 << 20))
except ClientError as error:
    sys.exit(7 if "disk is full" in str(error) else str(error))
"""


@pytest.mark.parametrize("mode", OWN_ROOT)
def test_who_fills_the_folder_hears_of_it_and_the_next_check_does_not(
    judged: Judge, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    small(monkeypatch, 48 << 20)
    result = judged(mode, FILLED, FILLS)
    found = [(c.verdict, c.message) for c in result.checks]
    assert found[0][0] is Verdict.PASSED, found
    assert found[1] == (Verdict.FAILED, "the answer does not have the expected form: ClientError")
    assert found[2][0] is Verdict.PASSED, found


KEPT = """
@check(points=1, observes="cloud")
def keeps(cloud):
    \"\"\"What is kept stays below the bound.\"\"\"
    home, = glob.glob(os.path.join(tempfile.gettempdir(), "cloud-*"))
    with open(os.path.join(home, "zeros"), "wb") as file:
        file.write(bytes(12 << 20))
    time.sleep(30)

@check(points=1, observes="cloud")
def goes_on(cloud):
    \"\"\"The next cloud has all the room again.\"\"\"
    cloud.client("s3").put_object(Bucket="parcels", Key="look", Body=b"l")
"""


@pytest.mark.parametrize("mode", WATCHED)
def test_a_folder_that_is_only_watched_has_an_end_too(
    judged: Judge, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    small(monkeypatch, 8 << 20)
    result = judged(mode, KEPT, "")
    found = [(c.verdict, c.message) for c in result.checks]
    said = "your code stopped: more than 8 MB were to be kept for it"
    assert found == [(Verdict.CRASHED, said), (Verdict.PASSED, "")]


STUBBORN = """
@check(points=1, observes="cloud")
def keeps(cloud):
    \"\"\"It hears nothing.\"\"\"
    import signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with open(os.path.join(tempfile.gettempdir(), "zeros"), "wb") as file:
        file.write(bytes(12 << 20))
    time.sleep(60)
"""


@pytest.mark.parametrize("mode", WATCHED)
def test_a_judge_that_does_not_hear_of_its_bound_ends(
    judged: Judge, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    small(monkeypatch, 8 << 20)
    result = judged(mode, STUBBORN, "")
    assert [c.verdict for c in result.checks] == [Verdict.UNGRADED]
    assert "the judge ended" in result.checks[0].message


WAITS = """
@check(points=1, observes="cloud")
def waits(work, cloud):
    \"\"\"It ends.\"\"\"
    home, = glob.glob(os.path.join(tempfile.gettempdir(), "cloud-*"))
    with open(os.path.join(home, "note"), "w") as file:
        file.write("x")
    work.run("main.py").wait()
"""


@pytest.mark.parametrize("mode", MODES)
def test_nothing_is_left_of_a_judge_that_was_killed(
    judged: Judge, place: Path, mode: str
) -> None:
    seen: dict[str, list[psutil.Process]] = {}

    def kill(court: Court) -> None:
        """Kill the judge once its cloud is up and its note is written."""
        server = psutil.Process(court.process.pid)
        while not (judges := server.children()) or not judges[0].children():
            time.sleep(0.01)
        while mode in "CD" and not any((place / "tmp").rglob("note")):
            time.sleep(0.01)
        seen["family"] = [*judges, *judges[0].children(recursive=True)]
        os.kill(judges[0].pid, signal.SIGKILL)

    result = judged(mode, WAITS, "import time\ntime.sleep(600)", kill)
    assert [c.verdict for c in result.checks] == [Verdict.UNGRADED]
    assert len(seen["family"]) >= 2
    assert not psutil.wait_procs(seen["family"], timeout=20)[1]
    assert not list(place.rglob("note"))


PRIVATE = """
@check(points=1, observes="cloud")
def looks(work, cloud):
    \"\"\"It finds no folder but its own.\"\"\"
    home, = glob.glob(os.path.join(tempfile.gettempdir(), "cloud-*"))
    secret = os.path.join(home, "answer")
    with open(secret, "w") as file:
        file.write("4711")
    os.chmod(secret, 0o644)
    work.write("aim", secret.encode())
    assert work.run("main.py").wait() == 0, "what did it see?"
"""
SPIES = """
import os, sys
aim = open("aim").read()
steps = [aim, os.path.dirname(aim), os.path.dirname(os.path.dirname(aim))]
for step in steps:
    try:
        os.listdir(step) if os.path.isdir(step) else open(step).read()
    except OSError:
        continue
    if "cloud-" in " ".join(os.listdir(step)) or step != steps[-1]:
        sys.exit(f"saw {step}")
"""


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "D"])
def test_a_learner_sees_nothing_of_the_folder(judged: Judge, mode: str) -> None:
    result = judged(mode, PRIVATE, SPIES)
    assert [c.verdict for c in result.checks] == [Verdict.PASSED], result.checks


MANY = """
@check(points=1, observes="cloud")
def opens(work):
    \"\"\"There is an end to rooms.\"\"\"
    from autograder.errors import GraderError
    opened, said = [], ""
    try:
        while len(opened) < 100:
            opened.append(work.room(1, 64))
    except GraderError as error:
        said = str(error)
    assert (len(opened), "rooms are open" in said) == (8, True), said
    for box in opened:
        box.close()
    work.room(1, 64).close()
"""


def test_rooms_have_an_end_and_give_back_what_they_had(judged: Judge) -> None:
    result = judged(MODES[0], MANY, "")
    assert [c.verdict for c in result.checks] == [Verdict.PASSED], result.checks
    assert json.loads(result.to_json())["cpu"] > 0
