"""Endpoints: health, shares of the traffic, updates without a gap, ends, errors, cost."""

from __future__ import annotations

import io
import os
import signal
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

import infra.cloud.engine  # noqa: F401  (warm before the first fork)
from infra.cloud.fixtures import allow
from tests.infra.sagemaker_cases import REGISTRY, SERVE, TRUST, Lab, lab


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A cloud with an image that serves; names tell the tests' things apart."""
    with lab(tmp_path_factory.mktemp("images")) as found:
        found.make_image("serves", serve=SERVE)
        yield found


IMAGE = f"{REGISTRY}/serves:latest"


def code_of(caught: pytest.ExceptionInfo[ClientError]) -> str:
    """The code of an error."""
    return str(caught.value.response["Error"]["Code"])


def processes(one: Lab, word: str) -> list[int]:
    """The processes of this machine that run a program of our images with this variable."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and word.encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def archive(**files: str) -> bytes:
    """A model.tar.gz."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as made:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            made.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


def test_an_endpoint_answers_with_its_model(one: Lab) -> None:
    uri = one.put("models/first.tar.gz", archive(weights="4 5 6"))
    one.model(IMAGE, "first", ModelDataUrl=uri)
    one.config("first", ("AllTraffic", "first", 1))
    made = one.sm.create_endpoint(EndpointName="first", EndpointConfigName="first")
    assert made["EndpointArn"].endswith(":endpoint/first")
    found = one.serving("first")
    assert found["EndpointStatus"] == "InService", found
    variant, = found["ProductionVariants"]
    assert (variant["VariantName"], variant["CurrentInstanceCount"]) == ("AllTraffic", 1)
    answer = one.runtime.invoke_endpoint(
        EndpointName="first", Body=b"1,2", ContentType="text/csv", Accept="application/json",
    )
    assert answer["ContentType"] == "application/json"
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    assert answer["CustomAttributes"] == "own=1"
    said = one.ask("first", b"1,2", ContentType="text/csv", Accept="application/json")
    assert (said["model"], said["body"]) == ("4 5 6", "1,2")
    assert (said["type"], said["accept"]) == ("text/csv", "application/json")
    one.said("serving first", "/aws/sagemaker/Endpoints/first")
    one.sm.delete_endpoint(EndpointName="first")


def test_deleting_an_endpoint_ends_its_processes(one: Lab) -> None:
    one.model(IMAGE, "goes")
    one.config("goes", ("AllTraffic", "goes", 1))
    one.sm.create_endpoint(EndpointName="goes", EndpointConfigName="goes")
    one.serving("goes")
    assert processes(one, "NAME=goes")
    one.sm.delete_endpoint(EndpointName="goes")
    assert processes(one, "NAME=goes") == []
    with pytest.raises(ClientError, match='Could not find endpoint "arn:aws:sagemaker') as caught:
        one.sm.describe_endpoint(EndpointName="goes")
    assert code_of(caught) == "ValidationException"
    with pytest.raises(ClientError, match="Endpoint goes of account") as caught:
        one.ask("goes")
    assert code_of(caught) == "ValidationError"
    used = [u for u in one.cloud.usage_records if u.resource.endswith("endpoint/goes")]
    assert [(u.item, u.unit) for u in used] == [("ml.m5.large", "second")]


def test_an_endpoint_that_is_forgotten_costs(one: Lab) -> None:
    one.model(IMAGE, "costs")
    one.config("costs", ("AllTraffic", "costs", 1))
    one.sm.create_endpoint(
        EndpointName="costs", EndpointConfigName="costs", Tags=[{"Key": "lab", "Value": "x"}]
    )
    one.serving("costs")
    one.cloud.advance(3600)
    used, = [u for u in one.cloud.usage_records if u.resource.endswith("endpoint/costs")]
    assert used.exact >= 3600
    assert used.tags == {"lab": "x"}
    one.sm.delete_endpoint(EndpointName="costs")


def test_traffic_is_shared_by_weight(one: Lab) -> None:
    for name in ("heavy", "light"):
        one.model(IMAGE, name)
    one.config("shares", ("a", "heavy", 3), ("b", "light", 1))
    one.sm.create_endpoint(EndpointName="shares", EndpointConfigName="shares")
    one.serving("shares")
    answers = [one.ask("shares") for _ in range(20)]
    assert Counter((a["variant"], a["name"]) for a in answers) == {
        ("a", "heavy"): 15, ("b", "light"): 5
    }
    assert {one.ask("shares", TargetVariant="b")["name"] for _ in range(3)} == {"light"}
    with pytest.raises(ClientError, match="Variant c not found"):
        one.ask("shares", TargetVariant="c")
    one.sm.update_endpoint_weights_and_capacities(
        EndpointName="shares",
        DesiredWeightsAndCapacities=[{"VariantName": "a", "DesiredWeight": 0}],
    )
    assert {one.ask("shares")["variant"] for _ in range(8)} == {"b"}
    one.sm.update_endpoint_weights_and_capacities(
        EndpointName="shares",
        DesiredWeightsAndCapacities=[{"VariantName": "b", "DesiredInstanceCount": 2}],
    )
    one.serving("shares")
    assert len({one.ask("shares", TargetVariant="b")["pid"] for _ in range(4)}) <= 2
    assert len(processes(one, "NAME=light")) == 2
    with pytest.raises(ClientError, match="not present within endpoint configuration"):
        one.sm.update_endpoint_weights_and_capacities(
            EndpointName="shares", DesiredWeightsAndCapacities=[{"VariantName": "z"}]
        )
    one.sm.delete_endpoint(EndpointName="shares")


def test_an_update_leaves_no_gap(one: Lab) -> None:
    """The old model answers until the new one is healthy: every request has an answer."""
    slow = one.make_image("slow", serve="import time; time.sleep(1)\n" + SERVE)
    one.model(IMAGE, "old")
    one.model(slow, "new")
    one.config("old", ("AllTraffic", "old", 1))
    one.config("new", ("AllTraffic", "new", 1))
    one.sm.create_endpoint(EndpointName="moves", EndpointConfigName="old")
    one.serving("moves")
    one.sm.update_endpoint(EndpointName="moves", EndpointConfigName="new")
    assert one.sm.describe_endpoint(EndpointName="moves")["EndpointStatus"] == "Updating"
    answers: list[str] = []

    def ask() -> str:
        answers.append(one.ask("moves")["name"])
        return answers[-1]

    one.until(ask, lambda name: name == "new")
    assert set(answers) == {"old", "new"}
    assert answers == sorted(answers, reverse=True)  # old, old, ... new
    found = one.serving("moves")
    assert found["EndpointConfigName"] == "new"
    one.until(lambda: processes(one, "NAME=old"), lambda found: found == [])
    one.sm.delete_endpoint(EndpointName="moves")


SICK = "import sys; print('cannot load', flush=True); sys.exit(1)"


def test_a_container_without_health_fails_the_endpoint(one: Lab) -> None:
    one.model(one.make_image("sick", serve=SICK), "sick")
    one.config("sick", ("AllTraffic", "sick", 1))
    one.sm.create_endpoint(EndpointName="sick", EndpointConfigName="sick")
    found = one.serving("sick")
    assert found["EndpointStatus"] == "Failed"
    assert "AllTraffic did not pass the ping health check" in found["FailureReason"]
    assert one.log("/aws/sagemaker/Endpoints/sick") == ["cannot load"]
    with pytest.raises(ClientError, match="of account"):
        one.ask("sick")
    with pytest.raises(ClientError, match="in status Failed"):
        one.sm.update_endpoint(EndpointName="sick", EndpointConfigName="sick")
    one.sm.delete_endpoint(EndpointName="sick")


def test_a_failed_update_leaves_the_old_model(one: Lab) -> None:
    one.model(IMAGE, "stays")
    one.model(one.make_image("sicker", serve=SICK), "sicker")
    one.config("stays", ("AllTraffic", "stays", 1))
    one.config("sicker", ("AllTraffic", "sicker", 1))
    one.sm.create_endpoint(EndpointName="stays", EndpointConfigName="stays")
    one.serving("stays")
    one.sm.update_endpoint(EndpointName="stays", EndpointConfigName="sicker")
    found = one.serving("stays")
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", "stays")
    assert "did not pass the ping health check" in found["FailureReason"]
    assert one.ask("stays")["name"] == "stays"
    one.sm.delete_endpoint(EndpointName="stays")


def test_silence_is_ended_by_the_clouds_clock(one: Lab) -> None:
    one.model(one.make_image("silent", serve="import time; print('up', flush=True)\n"
                             "time.sleep(600)"), "silent")
    one.config("silent", ("AllTraffic", "silent", 1))
    one.sm.create_endpoint(EndpointName="silent", EndpointConfigName="silent")
    one.said("up", "/aws/sagemaker/Endpoints/silent")
    assert one.sm.describe_endpoint(EndpointName="silent")["EndpointStatus"] == "Creating"
    one.cloud.advance(481)
    assert one.serving("silent")["EndpointStatus"] == "Failed"


def test_what_a_container_refuses_is_a_model_error(one: Lab) -> None:
    one.model(IMAGE, "errs")
    one.config("errs", ("AllTraffic", "errs", 1))
    one.sm.create_endpoint(EndpointName="errs", EndpointConfigName="errs")
    one.serving("errs")
    for status, kind in ((400, "client"), (500, "server")):
        with pytest.raises(one.runtime.exceptions.ModelError) as caught:
            one.ask("errs", f"status {status}".encode())
        found = caught.value.response
        assert found["ResponseMetadata"]["HTTPStatusCode"] == 424
        assert found["OriginalStatusCode"] == status
        assert found["OriginalMessage"] == "as you wish"
        assert f"Received {kind} error ({status}) from primary" in found["Error"]["Message"]
    watch = one.cloud.client("cloudwatch")
    names = {m["MetricName"] for m in watch.list_metrics(Namespace="AWS/SageMaker")["Metrics"]}
    assert {"Invocations", "ModelLatency", "Invocation5XXErrors"} <= names
    with pytest.raises(ClientError, match="less than or equal to 6291456") as size:
        one.ask("errs", b"x" * (6 * 1024 * 1024 + 1))
    assert code_of(size) == "ValidationError"
    one.sm.delete_endpoint(EndpointName="errs")


def test_a_container_that_dies_is_started_again(one: Lab) -> None:
    one.model(IMAGE, "dies")
    one.config("dies", ("AllTraffic", "dies", 1))
    one.sm.create_endpoint(EndpointName="dies", EndpointConfigName="dies")
    one.serving("dies")
    before = processes(one, "NAME=dies")
    with pytest.raises(one.runtime.exceptions.ModelError):
        one.ask("dies", b"die")

    refusals: set[str] = set()

    def again() -> str:
        try:
            return str(one.ask("dies")["name"])
        except ClientError as error:
            refusals.add(error.response["Error"]["Code"])
            return ""

    assert one.until(again, bool) == "dies"
    after = processes(one, "NAME=dies")
    assert after
    assert not set(before) & set(after)
    os.kill(after[0], signal.SIGKILL)
    one.until(again, bool)
    assert refusals <= {"ServiceUnavailable", "ModelError"}
    one.sm.delete_endpoint(EndpointName="dies")


def test_invoking_needs_its_own_right(one: Lab) -> None:
    one.model(IMAGE, "rights")
    one.config("rights", ("AllTraffic", "rights", 1))
    one.sm.create_endpoint(EndpointName="rights", EndpointConfigName="rights")
    one.serving("rights")
    arn = "arn:aws:sagemaker:eu-central-1:123456789012:endpoint/rights"
    caller = one.cloud.identity("caller", policies=[allow(["sagemaker:InvokeEndpoint"], [arn])])
    stranger = one.cloud.identity("stranger")
    mine = one.cloud.client("sagemaker-runtime", caller)
    assert mine.invoke_endpoint(EndpointName="rights", Body=b"1")["Body"].read()
    with pytest.raises(ClientError) as caught:
        one.cloud.client("sagemaker-runtime", stranger).invoke_endpoint(
            EndpointName="rights", Body=b"1"
        )
    assert code_of(caught) == "AccessDeniedException"
    call, = [c for c in one.cloud.log if c.operation == "InvokeEndpoint" and c.error == ""
             and "caller" in c.principal]
    assert (call.action, call.resource) == ("sagemaker:InvokeEndpoint", arn)
    one.sm.delete_endpoint(EndpointName="rights")


# ---------------------------------------------------------------- models and configurations

def test_a_model_needs_what_it_names(one: Lab) -> None:
    def make(**more: object) -> None:
        container = {"Image": IMAGE, **more}
        one.sm.create_model(
            ModelName="needs", ExecutionRoleArn=one.role.arn, PrimaryContainer=container
        )

    with pytest.raises(ClientError, match=r"Requested image .*/gone:1 not found"):
        make(Image=f"{REGISTRY}/gone:1")
    with pytest.raises(ClientError, match="Could not access model data at s3://trial/none"):
        make(ModelDataUrl="s3://trial/none.tar.gz")
    with pytest.raises(ClientError, match="multi-model"):
        make(Mode="MultiModel")
    with pytest.raises(ClientError, match="Could not assume role"):
        one.sm.create_model(
            ModelName="needs", PrimaryContainer={"Image": IMAGE},
            ExecutionRoleArn="arn:aws:iam::123456789012:role/none",
        )
    make()
    with pytest.raises(ClientError, match="Cannot create already existing model"):
        make()
    found = one.sm.describe_model(ModelName="needs")
    assert found["PrimaryContainer"]["Image"] == IMAGE
    assert found["ExecutionRoleArn"] == one.role.arn
    assert "needs" in [m["ModelName"] for m in one.sm.list_models(MaxResults=100)["Models"]]
    one.sm.delete_model(ModelName="needs")
    with pytest.raises(ClientError, match='Could not find model "arn'):
        one.sm.describe_model(ModelName="needs")


def test_artifacts_are_read_with_the_models_role(one: Lab) -> None:
    uri = one.put("models/secret.tar.gz", archive(weights="1"))
    poor = one.cloud.role("PoorModel", TRUST)
    with pytest.raises(ClientError, match='role has "s3:GetObject" permissions'):
        one.sm.create_model(
            ModelName="poor", ExecutionRoleArn=poor.arn,
            PrimaryContainer={"Image": IMAGE, "ModelDataUrl": uri},
        )


def test_an_archive_that_is_none_fails_the_endpoint(one: Lab) -> None:
    uri = one.put("models/broken.tar.gz", b"not an archive")
    one.model(IMAGE, "broken", ModelDataUrl=uri)
    one.config("broken", ("AllTraffic", "broken", 1))
    one.sm.create_endpoint(EndpointName="broken", EndpointConfigName="broken")
    found = one.serving("broken")
    assert found["EndpointStatus"] == "Failed"
    assert "Failed to extract model data archive" in found["FailureReason"]


def test_a_configuration_needs_what_it_names(one: Lab) -> None:
    with pytest.raises(ClientError, match='Could not find model "arn'):
        one.config("bad", ("AllTraffic", "nobody", 1))
    one.model(IMAGE, "somebody")
    with pytest.raises(ClientError, match="must be unique"):
        one.config("bad", ("a", "somebody", 1), ("a", "somebody", 1))
    with pytest.raises(ClientError, match="service limit") as caught:
        one.config("bad", ("a", "somebody", 1), InitialInstanceCount=9)
    assert code_of(caught) == "ResourceLimitExceeded"
    with pytest.raises(ClientError, match="serverless"):
        one.sm.create_endpoint_config(EndpointConfigName="bad", ProductionVariants=[{
            "VariantName": "a", "ModelName": "somebody",
            "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1},
        }])
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        one.sm.create_endpoint(EndpointName="bad", EndpointConfigName="bad")
    one.config("good", ("a", "somebody", 1))
    with pytest.raises(ClientError, match="Cannot create already existing endpoint conf"):
        one.config("good", ("a", "somebody", 1))
    found = one.sm.describe_endpoint_config(EndpointConfigName="good")
    assert found["ProductionVariants"][0]["InitialVariantWeight"] == 1.0
    one.sm.delete_endpoint_config(EndpointConfigName="good")


def test_tags_are_kept_changed_and_listed(one: Lab) -> None:
    one.sm.create_model(
        ModelName="tagged", ExecutionRoleArn=one.role.arn, PrimaryContainer={"Image": IMAGE},
        Tags=[{"Key": "team", "Value": "a"}],
    )
    arn = one.sm.describe_model(ModelName="tagged")["ModelArn"]
    tags = [{"Key": "team", "Value": "b"}, {"Key": "x", "Value": ""}]
    one.sm.add_tags(ResourceArn=arn, Tags=tags)
    assert one.sm.list_tags(ResourceArn=arn)["Tags"] == tags
    one.sm.delete_tags(ResourceArn=arn, TagKeys=["x"])
    assert one.sm.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "b"}]
    with pytest.raises(ClientError, match="Could not find resource"):
        one.sm.list_tags(ResourceArn=arn + "-not")
