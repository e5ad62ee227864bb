"""Training jobs: the container contract, ends of every kind, spot, logs, figures, rights."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

import infra.cloud.engine  # noqa: F401  (warm before the first fork)
from infra.cloud.fixtures import allow
from tests.infra.sagemaker_cases import BUCKET, REGISTRY, TRUST, Lab, lab


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A cloud for all tests of this module; names tell their things apart."""
    with lab(tmp_path_factory.mktemp("images")) as found:
        yield found


def channel(name: str, uri: str, **more: str) -> dict[str, object]:
    """A channel from a prefix."""
    source = {"S3DataType": more.pop("kind", "S3Prefix"), "S3Uri": uri}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **more}


def code_of(caught: pytest.ExceptionInfo[ClientError]) -> str:
    """The code of an error."""
    return str(caught.value.response["Error"]["Code"])


REPORT = """
import json, os
from pathlib import Path
ml = Path("/opt/ml")
found = {
    "config": {p.stem: json.loads(p.read_text()) for p in (ml / "input/config").iterdir()},
    "data": {str(p.relative_to(ml / "input/data")): p.read_text()
             for p in (ml / "input/data").rglob("*") if p.is_file()},
    "env": dict(os.environ), "cwd": os.getcwd(), "argv": __import__("sys").argv[1:],
}
Path(os.environ["SM_OUTPUT_DATA_DIR"], "found.json").write_text(json.dumps(found))
Path(os.environ["SM_MODEL_DIR"], "weights").write_text("1 2 3")
"""


def members(data: bytes) -> dict[str, bytes]:
    """The files of an archive."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {m.name: archive.extractfile(m).read() for m in archive}  # type: ignore[union-attr]


def test_a_job_finds_what_the_contract_promises(one: Lab) -> None:
    image = one.make_image("contract", train=REPORT)
    one.put("contract/train/a.csv", "1")
    one.put("contract/train/deep/b.csv", "2")
    done = one.train(
        image, "contract", HyperParameters={"epochs": "3", "name": "dry", "rate-x": "0.5"},
        InputDataConfig=[channel("train", "s3://trial/contract/train/", ContentType="text/csv")],
        Environment={"MINE": "yes"},
    )
    assert done["TrainingJobStatus"] == "Completed", done.get("FailureReason")
    base = f"s3://{BUCKET}/out/contract/output"
    assert done["ModelArtifacts"]["S3ModelArtifacts"] == f"{base}/model.tar.gz"
    assert members(one.get(f"{base}/model.tar.gz")) == {"weights": b"1 2 3"}
    found = json.loads(members(one.get(f"{base}/output.tar.gz"))["found.json"])
    assert found["data"] == {"train/a.csv": "1", "train/deep/b.csv": "2"}
    assert found["config"]["hyperparameters"] == {"epochs": "3", "name": "dry", "rate-x": "0.5"}
    assert found["config"]["inputdataconfig"]["train"]["TrainingInputMode"] == "File"
    assert found["config"]["inputdataconfig"]["train"]["ContentType"] == "text/csv"
    assert found["config"]["resourceconfig"]["hosts"] == ["algo-1"]
    env = found["env"]
    assert env["SM_MODEL_DIR"] == "/opt/ml/model"
    assert env["SM_CHANNEL_TRAIN"] == "/opt/ml/input/data/train"
    assert json.loads(env["SM_CHANNELS"]) == ["train"]
    assert json.loads(env["SM_HPS"]) == {"epochs": 3, "name": "dry", "rate-x": 0.5}
    assert env["SM_HP_EPOCHS"] == "3"
    assert env["SM_HP_RATE-X"] == "0.5"
    assert json.loads(env["SM_USER_ARGS"]) == [
        "--epochs", "3", "--name", "dry", "--rate-x", "0.5"
    ]
    assert env["TRAINING_JOB_NAME"] == "contract"
    assert env["MINE"] == "yes"


def test_statuses_follow_one_another(one: Lab) -> None:
    done = one.train(one.make_image("plain", train="print('hello')"), "plain")
    steps = done["SecondaryStatusTransitions"]
    assert [step["Status"] for step in steps] == [
        "Starting", "Downloading", "Training", "Uploading", "Completed"
    ]
    assert all(step["StartTime"] <= step["EndTime"] for step in steps)
    assert done["CreationTime"] <= done["TrainingStartTime"] <= done["TrainingEndTime"]
    assert done["TrainingTimeInSeconds"] == done["BillableTimeInSeconds"] >= 1
    assert "ModelArtifacts" not in done


def test_lines_and_figures_reach_cloudwatch(one: Lab) -> None:
    image = one.make_image("figures", train="for v in (0.5, 0.25): print(f'[1] loss={v};')")
    done = one.train(image, "figures", AlgorithmSpecification={
        "MetricDefinitions": [{"Name": "train:loss", "Regex": "loss=([0-9.]+);"}],
    })
    figure, = done["FinalMetricDataList"]
    assert (figure["MetricName"], figure["Value"]) == ("train:loss", 0.25)
    assert one.log("/aws/sagemaker/TrainingJobs", "figures/algo-1-") == [
        "[1] loss=0.5;", "[1] loss=0.25;"
    ]
    watch = one.cloud.client("cloudwatch")
    found = watch.list_metrics(Namespace="/aws/sagemaker/TrainingJobs")["Metrics"]
    assert [(m["MetricName"], m["Dimensions"][0]["Value"]) for m in found] == [
        ("train:loss", "figures")
    ] * len(found)
    assert found


def test_a_failure_is_told_in_the_words_of_its_file(one: Lab) -> None:
    image = one.make_image("fails", train=(
        "open('/opt/ml/output/failure', 'w').write('x' * 2000); raise SystemExit(3)"
    ))
    done = one.train(image, "fails")
    assert (done["TrainingJobStatus"], done["SecondaryStatus"]) == ("Failed", "Failed")
    assert done["FailureReason"] == ("AlgorithmError: " + "x" * 2000)[:1024]
    assert "ModelArtifacts" not in done


def test_a_failure_without_words_has_its_exit_code(one: Lab) -> None:
    done = one.train(one.make_image("code", train="raise SystemExit(7)"), "code")
    assert done["FailureReason"] == "AlgorithmError: , exit code: 7"


def test_a_failure_file_that_leads_elsewhere_tells_nothing(one: Lab, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("of the desk")
    image = one.make_image("link", train=(
        f"import os; os.symlink({str(secret)!r}, '/opt/ml/output/failure')\n"
        f"os.symlink({str(tmp_path)!r}, '/opt/ml/output/data/there'); raise SystemExit(1)"
    ))
    assert one.train(image, "link")["FailureReason"] == "AlgorithmError: , exit code: 1"
    assert one.keys("out/link/") == []


def test_an_image_without_program_fails(one: Lab) -> None:
    done = one.train(one.make_image("nothing"), "nothing")
    assert done["TrainingJobStatus"] == "Failed"
    assert done["FailureReason"].startswith("AlgorithmError: , exit code: ")
    assert any("sagemaker_program" in line for line in one.log("/aws/sagemaker/TrainingJobs"))


def test_a_script_of_the_submit_directory_is_run(one: Lab) -> None:
    """Script mode: source from S3, hyperparameters as arguments, as the SDK's estimators do."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in {
            "fit.py": "import sys, near; print('args', sys.argv[1:], near.WORD)",
            "near.py": "WORD = 'beside'",
        }.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    source = one.put("script/source.tar.gz", packed.getvalue())
    done = one.train(one.make_image("script"), "script", HyperParameters={
        "sagemaker_program": "fit.py", "sagemaker_submit_directory": source, "epochs": "2",
    })
    assert done["TrainingJobStatus"] == "Completed", done.get("FailureReason")
    assert one.log("/aws/sagemaker/TrainingJobs", "script/") == [
        "args ['--epochs', '2'] beside"
    ]


# ---------------------------------------------------------------- ends before the end

PATIENT = """
import os, signal, sys, time
def told(*_):
    print("told", flush=True)
    open("/opt/ml/model/saved", "w").write("in time")
    if {leave}: sys.exit(0)
signal.signal(signal.SIGTERM, told)
print("ready", flush=True)
while True: time.sleep(0.05)
"""


def test_a_stopped_job_may_save_its_model(one: Lab) -> None:
    image = one.make_image("stops", train=PATIENT.format(leave=True))
    one.sm.create_training_job(**one.job(image, "stops"))
    one.said("ready")
    one.sm.stop_training_job(TrainingJobName="stops")
    done = one.ended("stops")
    assert (done["TrainingJobStatus"], done["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert [s["Status"] for s in done["SecondaryStatusTransitions"]][-2:] == ["Stopping", "Stopped"]
    assert members(one.get(done["ModelArtifacts"]["S3ModelArtifacts"])) == {"saved": b"in time"}
    with pytest.raises(ClientError) as caught:
        one.sm.stop_training_job(TrainingJobName="stops")
    assert code_of(caught) == "ValidationException"


def test_who_does_not_listen_is_killed_after_120_seconds(one: Lab) -> None:
    image = one.make_image("deaf", train=PATIENT.format(leave=False))
    one.sm.create_training_job(**one.job(image, "deaf"))
    one.until(lambda: one.log("/aws/sagemaker/TrainingJobs", "deaf/"), lambda f: "ready" in f)
    one.sm.stop_training_job(TrainingJobName="deaf")
    one.until(lambda: one.log("/aws/sagemaker/TrainingJobs", "deaf/"), lambda f: "told" in f)
    one.cloud.advance(60)
    assert one.sm.describe_training_job(TrainingJobName="deaf")["TrainingJobStatus"] == "Stopping"
    one.cloud.advance(61)
    done = one.ended("deaf")
    assert done["TrainingJobStatus"] == "Stopped"
    assert done["TrainingTimeInSeconds"] >= 121  # of the cloud's clock


def test_the_longest_time_ends_a_job(one: Lab) -> None:
    image = one.make_image("long", train=PATIENT.format(leave=True))
    limits = {"MaxRuntimeInSeconds": 600}
    one.sm.create_training_job(**one.job(image, "long", StoppingCondition=limits))
    one.until(lambda: one.log("/aws/sagemaker/TrainingJobs", "long/"), lambda f: "ready" in f)
    one.cloud.advance(601)
    done = one.ended("long")
    assert (done["TrainingJobStatus"], done["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_too_much_memory_ends_a_job(one: Lab) -> None:
    image = one.make_image("greedy", train="x = b'x' * (4400 << 20)")
    machine = {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1}
    done = one.train(image, "greedy", ResourceConfig=machine)
    assert done["TrainingJobStatus"] == "Failed"
    assert "instance type with more memory" in done["FailureReason"]


COUNTING = """
import os, pathlib, signal, sys, time
place = pathlib.Path("/opt/ml/checkpoints/step")
step = int(place.read_text()) if place.exists() else 0
print("from", step, flush=True)
def told(*_):
    place.write_text(str(step)); sys.exit(0)
signal.signal(signal.SIGTERM, told)
while step < 100000:
    step += 1
    if step == 5: place.write_text("5"); print("at 5", flush=True)
    if step > 5 and "after" not in os.environ: time.sleep(0.02)
    if place.exists() and step > int(place.read_text()) > 5: break
pathlib.Path("/opt/ml/model/steps").write_text(str(step))
"""


def test_spot_capacity_that_is_taken_back_costs_no_work(one: Lab) -> None:
    image = one.make_image("spot", train=COUNTING)
    one.sm.create_training_job(**one.job(
        image, "spot", EnableManagedSpotTraining=True,
        StoppingCondition={"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200},
        CheckpointConfig={"S3Uri": f"s3://{BUCKET}/checkpoints/spot"},
        Tags=[{"Key": "lab", "Value": "spot"}],
    ))
    one.until(lambda: one.keys("checkpoints/spot"), bool)  # sent while it runs
    one.cloud.advance(100)
    assert one.cloud.tell("sagemaker", "interrupt", job="spot") == 1
    done = one.ended("spot")
    assert done["TrainingJobStatus"] == "Completed", done.get("FailureReason")
    assert [s["Status"] for s in done["SecondaryStatusTransitions"]] == [
        "Starting", "Downloading", "Training", "Interrupted",
        "Starting", "Downloading", "Training", "Uploading", "Completed",
    ]
    first, _, again = one.log("/aws/sagemaker/TrainingJobs", "spot/")
    assert first == "from 0"
    assert int(again.removeprefix("from ")) >= 5
    assert done["TrainingTimeInSeconds"] >= 100
    assert 0 < done["BillableTimeInSeconds"] < done["TrainingTimeInSeconds"]
    used, = [u for u in one.cloud.usage_records if u.resource.endswith("/spot")]
    assert (used.item, used.unit, used.tags) == ("ml.m5.large", "second", {"lab": "spot"})
    assert int(used.exact) == done["BillableTimeInSeconds"]


def test_only_spot_capacity_is_taken_back(one: Lab) -> None:
    with pytest.raises(Exception, match="no job 'plain' that trains on spot"):
        one.cloud.tell("sagemaker", "interrupt", job="plain")


# ---------------------------------------------------------------- rights

def test_a_role_that_does_not_trust_sagemaker_is_refused(one: Lab) -> None:
    image = one.make_image("trust", train="")
    other = one.cloud.role("NotForJobs", one.cloud.identity("somebody"))
    for role in (other.arn, "arn:aws:iam::123456789012:role/none"):
        with pytest.raises(ClientError, match=r"Could not assume role .*sagemaker"):
            one.sm.create_training_job(**one.job(image, "trust") | {"RoleArn": role})


def test_who_starts_a_job_must_be_allowed_to_pass_its_role(one: Lab) -> None:
    image = one.make_image("passes", train="")
    started = allow(["sagemaker:*"])
    passing = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "iam:PassRole", "Resource": one.role.arn,
        "Condition": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
    }]}
    without = one.cloud.identity("starter", policies=[started])
    having = one.cloud.identity("passer", policies=[started, passing])
    with pytest.raises(ClientError, match="iam:PassRole") as caught:
        one.cloud.client("sagemaker", without).create_training_job(**one.job(image, "passes"))
    assert code_of(caught) == "AccessDeniedException"
    one.cloud.client("sagemaker", having).create_training_job(**one.job(image, "passes"))
    assert one.ended("passes")["TrainingJobStatus"] == "Completed"


def test_a_policy_may_limit_the_kinds_of_machines(one: Lab) -> None:
    policy = allow(["sagemaker:*", "iam:PassRole"])
    policy["Statement"].append({
        "Effect": "Deny", "Action": "sagemaker:CreateTrainingJob", "Resource": "*",
        "Condition": {"ForAnyValue:StringNotLike": {"sagemaker:InstanceTypes": "ml.m5.*"}},
    })
    client = one.cloud.client("sagemaker", one.cloud.identity("frugal", policies=[policy]))
    machine = {"InstanceType": "ml.p3.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1}
    image = one.make_image("frugal", train="")
    with pytest.raises(ClientError, match="explicit deny"):
        client.create_training_job(**one.job(image, "frugal", ResourceConfig=machine))
    client.create_training_job(**one.job(image, "frugal"))


def test_data_is_read_with_the_rights_of_the_role(one: Lab) -> None:
    poor = one.cloud.role("Poor", TRUST)
    one.put("rights/x", "1")
    image = one.make_image("rights", train="")
    done = one.train(image, "rights", RoleArn=poor.arn, InputDataConfig=[
        channel("train", f"s3://{BUCKET}/rights/")
    ])
    assert done["TrainingJobStatus"] == "Failed"
    assert 'No S3 objects found under S3 URL "s3://trial/rights/"' in done["FailureReason"]
    assert "s3:ListBucket" in done["FailureReason"]


def test_a_program_has_the_rights_of_its_role_and_no_others(one: Lab) -> None:
    image = one.make_image("inside", train=(
        "import boto3\n"
        "s3 = boto3.client('s3')\n"
        "s3.put_object(Bucket='trial', Key='inside/x', Body=b'1')\n"
        "print(boto3.client('sts').get_caller_identity()['Arn'])\n"
        "try: boto3.client('iam').list_users()\n"
        "except Exception as error: print(error.response['Error']['Code'])\n"
    ))
    done = one.train(image, "inside")
    assert done["TrainingJobStatus"] == "Completed", one.log("/aws/sagemaker/TrainingJobs")
    assert one.log("/aws/sagemaker/TrainingJobs", "inside/") == [
        "arn:aws:sts::123456789012:assumed-role/Trainer/SageMaker", "AccessDenied"
    ]
    assert one.get("s3://trial/inside/x") == b"1"
    put, = [c for c in one.cloud.log if c.resource.endswith("x") and c.operation == "PutObject"
            and "inside" in c.resource]
    assert "assumed-role/Trainer" in put.principal


# ---------------------------------------------------------------- bad input

def test_an_image_that_is_not_there_is_refused(one: Lab) -> None:
    with pytest.raises(ClientError, match="Cannot find repository: gone in registry ID") as caught:
        one.sm.create_training_job(**one.job(f"{REGISTRY}/gone:1", "gone"))
    assert code_of(caught) == "ValidationException"
    assert "ladder cloud image add" in str(caught.value)


def test_a_name_is_used_once(one: Lab) -> None:
    image = one.make_image("twice", train="")
    one.train(image, "twice")
    with pytest.raises(ClientError, match="already exists") as caught:
        one.sm.create_training_job(**one.job(image, "twice"))
    assert code_of(caught) == "ResourceInUse"


def test_a_job_that_is_not_there_is_not_found(one: Lab) -> None:
    for call in (one.sm.describe_training_job, one.sm.stop_training_job):
        with pytest.raises(ClientError, match="Requested resource not found") as caught:
            call(TrainingJobName="never")
        assert code_of(caught) == "ValidationException"


WRONG: list[tuple[dict[str, object], str, str]] = [
    ({"TrainingJobName": "a_b"}, "ValidationException", "trainingJobName.*regular expression"),
    ({"RoleArn": "x" * 30}, "ValidationException", "roleArn"),
    ({"StoppingCondition": {"MaxRuntimeInSeconds": 10, "MaxWaitTimeInSeconds": 20}},
     "ValidationException", "MaxWaitTimeInSeconds"),
    ({"EnableManagedSpotTraining": True}, "ValidationException", "MaxWaitTimeInSeconds"),
    ({"OutputDataConfig": {"S3OutputPath": "https://x"}}, "ValidationException", "S3 URI"),
    ({"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}},
     "ResourceLimitExceeded", "one instance a job"),
    ({"ResourceConfig": {"InstanceType": "large", "InstanceCount": 1, "VolumeSizeInGB": 1}},
     "ValidationException", "enum value set"),
    ({"AlgorithmSpecification": {"TrainingInputMode": "Pipe"}}, "ValidationException", "Pipe"),
    ({"AlgorithmSpecification": {"MetricDefinitions": [{"Name": "x", "Regex": "("}]}},
     "ValidationException", "MetricDefinition x"),
    ({"InputDataConfig": [channel("a", "s3://b"), channel("a", "s3://b")]},
     "ValidationException", "unique"),
    ({"InputDataConfig": [channel("a", "s3://b", kind="AugmentedManifestFile")]},
     "ValidationException", "AugmentedManifestFile"),
]


@pytest.mark.parametrize(("more", "code", "says"), WRONG, ids=lambda v: str(v)[:40])
def test_bad_input_is_refused_in_the_services_words(
    one: Lab, more: dict[str, object], code: str, says: str
) -> None:
    if "twice" not in [path.name for path in one.folder.iterdir()]:
        one.make_image("twice", train="")
    with pytest.raises(ClientError, match=says) as caught:
        one.sm.create_training_job(**one.job(f"{REGISTRY}/twice", "wrong", **more))
    assert code_of(caught) == code


def test_channels_may_come_by_manifest(one: Lab) -> None:
    image = one.make_image("manifest", train=(
        "import os; print(sorted(os.listdir('/opt/ml/input/data/train')))"
    ))
    one.put("manifest/x/1.csv", "")
    one.put("manifest/x/2.csv", "")
    uri = one.put("manifest/list", json.dumps([{"prefix": "s3://trial/manifest/x/"}, "2.csv"]))
    done = one.train(image, "manifest", InputDataConfig=[
        channel("train", uri, kind="ManifestFile", InputMode="FastFile")
    ])
    assert done["TrainingJobStatus"] == "Completed", done.get("FailureReason")
    assert one.log("/aws/sagemaker/TrainingJobs", "manifest/") == ["['2.csv']"]


def test_lists_come_in_pages(one: Lab) -> None:
    image = one.make_image("pages", train="")
    for number in range(3):
        one.train(image, f"pages-{number}")
    pages = one.sm.get_paginator("list_training_jobs").paginate(
        NameContains="pages-", SortBy="Name", SortOrder="Descending",
        PaginationConfig={"PageSize": 2},
    )
    found = [[one["TrainingJobName"] for one in page["TrainingJobSummaries"]] for page in pages]
    assert found == [["pages-2", "pages-1"], ["pages-0"]]
    with pytest.raises(ClientError, match="NextToken"):
        one.sm.list_training_jobs(NextToken="x")
    done = one.sm.list_training_jobs(NameContains="pages-", StatusEquals="Failed")
    assert done["TrainingJobSummaries"] == []


def test_what_runs_nothing_is_refused(one: Lab) -> None:
    with pytest.raises(ClientError, match="would run nothing"):
        one.sm.list_processing_jobs()
