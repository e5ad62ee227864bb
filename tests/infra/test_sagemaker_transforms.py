"""Batch transform and the model registry."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

import infra.cloud.engine  # noqa: F401  (warm before the first fork)
from tests.infra.sagemaker_cases import REGISTRY, SERVE, Lab, lab

IMAGE = f"{REGISTRY}/serves:latest"


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A cloud with a model that serves; names tell the tests' things apart."""
    with lab(tmp_path_factory.mktemp("images")) as found:
        found.make_image("serves", serve=SERVE)
        found.model(IMAGE, "serves")
        yield found


def transform(
    one: Lab, name: str, output: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """Run a transform job over in/NAME to its end; return its description."""
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://trial/in/{name}/"}}
    one.sm.create_transform_job(**{
        "TransformJobName": name, "ModelName": "serves",
        "TransformInput": {"DataSource": source, "ContentType": "text/csv"}
        | more.pop("TransformInput", {}),
        "TransformOutput": {"S3OutputPath": f"s3://trial/out/{name}", **(output or {})},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1}, **more,
    })
    found: dict[str, Any] = one.until(
        lambda: one.sm.describe_transform_job(TransformJobName=name),
        lambda found: found["TransformJobStatus"] not in {"InProgress", "Stopping"},
    )
    return found


def bodies(one: Lab, key: str) -> list[str]:
    """What the container was asked, by its answers in one output object."""
    return [json.loads(line)["body"] for line in one.get(f"s3://trial/{key}").splitlines()]


def test_whole_objects_go_through(one: Lab) -> None:
    one.put("in/whole/a.csv", "1\n2\n")
    one.put("in/whole/deep/b.csv", "3\n")
    done = transform(one, "whole")
    assert done["TransformJobStatus"] == "Completed", done.get("FailureReason")
    assert one.keys("out/whole") == ["out/whole/a.csv.out", "out/whole/deep/b.csv.out"]
    answer = json.loads(one.get("s3://trial/out/whole/a.csv.out"))
    assert (answer["body"], answer["type"]) == ("1\n2\n", "text/csv")
    used, = [u for u in one.cloud.usage_records if u.resource.endswith("transform-job/whole")]
    assert used.item == "ml.m5.large"
    assert one.log("/aws/sagemaker/TransformJobs", "whole/")[0] == "serving serves"


def test_lines_one_by_one(one: Lab) -> None:
    one.put("in/single/a.csv", "1\n2\n3\n")
    transform(one, "single", {"AssembleWith": "Line"}, BatchStrategy="SingleRecord",
              TransformInput={"SplitType": "Line"})
    assert bodies(one, "out/single/a.csv.out") == ["1", "2", "3"]


def test_as_many_lines_as_fit(one: Lab) -> None:
    half = "x" * 700_000
    one.put("in/multi/a.csv", f"1\n2\n{half}\n{half}\n")
    transform(one, "multi", {"AssembleWith": "Line"}, BatchStrategy="MultiRecord",
              MaxPayloadInMB=1, TransformInput={"SplitType": "Line"})
    assert bodies(one, "out/multi/a.csv.out") == [f"1\n2\n{half}\n", f"{half}\n"]


def test_compressed_input_is_unpacked(one: Lab) -> None:
    one.put("in/zip/a.gz", gzip.compress(b"7"))
    transform(one, "zip", TransformInput={"CompressionType": "Gzip"})
    assert bodies(one, "out/zip/a.gz.out") == ["7"]


def test_a_bad_object_fails_the_job_and_keeps_the_good(one: Lab) -> None:
    one.put("in/mixed/a", "good")
    one.put("in/mixed/b", "status 400")
    done = transform(one, "mixed")
    assert done["TransformJobStatus"] == "Failed"
    assert "Bad HTTP status received from algorithm: 400" in done["FailureReason"]
    assert done["FailureReason"].startswith("ClientError")
    assert one.keys("out/mixed") == ["out/mixed/a.out"]


def test_a_server_error_is_tried_again(one: Lab) -> None:
    one.put("in/again/a", "status 500")
    done = transform(one, "again", ModelClientConfig={"InvocationsMaxRetries": 2})
    assert done["FailureReason"].startswith("AlgorithmError")
    asked = [line for line in one.log("/aws/sagemaker/TransformJobs", "again/") if "asked" in line]
    assert len(asked) == 3


def test_a_record_that_is_too_large_fails_the_job(one: Lab) -> None:
    one.put("in/large/a", "x" * 1_100_000)
    done = transform(one, "large", MaxPayloadInMB=1)
    assert "larger than MaxPayloadInMB" in done["FailureReason"]


def test_nothing_to_do_is_a_failure(one: Lab) -> None:
    assert "No S3 objects found" in transform(one, "nothing")["FailureReason"]


def test_a_job_can_be_stopped(one: Lab) -> None:
    slow = one.make_image("slow", serve=SERVE.replace('print("asked"', 'time.sleep(.2); print("a"'))
    one.model(slow, "slow")
    for number in range(40):
        one.put(f"in/stop/{number:02}", "1")
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://trial/in/stop/"}}
    one.sm.create_transform_job(
        TransformJobName="stop", ModelName="slow", TransformInput={"DataSource": source},
        TransformOutput={"S3OutputPath": "s3://trial/out/stop"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    one.until(lambda: one.keys("out/stop"), bool)
    one.sm.stop_transform_job(TransformJobName="stop")
    done = one.until(lambda: one.sm.describe_transform_job(TransformJobName="stop"),
                     lambda found: found["TransformJobStatus"] != "Stopping")
    assert done["TransformJobStatus"] == "Stopped"
    assert len(one.keys("out/stop")) < 40
    with pytest.raises(ClientError, match="cannot be stopped"):
        one.sm.stop_transform_job(TransformJobName="stop")


@pytest.mark.parametrize(("more", "says"), [
    ({"ModelName": "nobody"}, "Could not find model"),
    ({"BatchStrategy": "SingleRecord"}, "needs a SplitType"),
    ({"TransformInput": {"SplitType": "RecordIO"}}, "no SplitType RecordIO"),
    ({"MaxConcurrentTransforms": 20, "MaxPayloadInMB": 6}, "cannot exceed 100 MB"),
    ({"TransformJobName": "a_b"}, "regular expression"),
])
def test_bad_transforms_are_refused(one: Lab, more: dict[str, Any], says: str) -> None:
    with pytest.raises(ClientError, match=says):
        transform(one, "wrong", **more)


def test_transforms_are_found_and_listed(one: Lab) -> None:
    one.put("in/listed/a", "1")
    transform(one, "listed")
    found = one.sm.list_transform_jobs(NameContains="listed")["TransformJobSummaries"]
    assert [(j["TransformJobName"], j["TransformJobStatus"]) for j in found] == [
        ("listed", "Completed")
    ]
    with pytest.raises(ClientError, match="already exists"):
        transform(one, "listed")
    with pytest.raises(ClientError, match="Could not find requested job with name: never"):
        one.sm.describe_transform_job(TransformJobName="never")


# ---------------------------------------------------------------- the registry

SPECIFICATION = {
    "Containers": [{"Image": IMAGE, "Environment": {"NAME": "packaged"}}],
    "SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["application/json"],
}


def test_only_an_approved_version_is_deployed(one: Lab) -> None:
    one.sm.create_model_package_group(ModelPackageGroupName="parcels")
    arns = [
        one.sm.create_model_package(
            ModelPackageGroupName="parcels", InferenceSpecification=SPECIFICATION,
            ModelApprovalStatus="PendingManualApproval",
        )["ModelPackageArn"] for _ in range(2)
    ]
    assert [arn.rsplit("/", 2)[1:] for arn in arns] == [["parcels", "1"], ["parcels", "2"]]

    def deploy() -> None:
        one.sm.create_model(
            ModelName="packaged", ExecutionRoleArn=one.role.arn,
            Containers=[{"ModelPackageName": arns[1]}],
        )

    with pytest.raises(ClientError, match="must be Approved") as caught:
        deploy()
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    one.sm.update_model_package(
        ModelPackageArn=arns[1], ModelApprovalStatus="Approved", ApprovalDescription="looks good"
    )
    found = one.sm.describe_model_package(ModelPackageName=arns[1])
    assert (found["ModelApprovalStatus"], found["ModelPackageVersion"]) == ("Approved", 2)
    assert found["ApprovalDescription"] == "looks good"
    deploy()
    one.config("packaged", ("AllTraffic", "packaged", 1))
    one.sm.create_endpoint(EndpointName="packaged", EndpointConfigName="packaged")
    one.serving("packaged")
    assert one.ask("packaged")["name"] == "packaged"
    one.sm.delete_endpoint(EndpointName="packaged")


def test_versions_are_listed_by_group_and_approval(one: Lab) -> None:
    one.sm.create_model_package_group(
        ModelPackageGroupName="listed", ModelPackageGroupDescription="two versions"
    )
    for status in ("Approved", "Rejected", "Approved"):
        one.sm.create_model_package(
            ModelPackageGroupName="listed", InferenceSpecification=SPECIFICATION,
            ModelApprovalStatus=status,
        )

    def versions(**more: Any) -> list[int]:
        found = one.sm.list_model_packages(
            ModelPackageGroupName="listed", SortOrder="Ascending", **more
        )
        return [p["ModelPackageVersion"] for p in found["ModelPackageSummaryList"]]

    assert versions() == [1, 2, 3]
    assert versions(ModelApprovalStatus="Approved") == [1, 3]
    assert versions(MaxResults=2) == [1, 2]
    with pytest.raises(ClientError, match="contains model packages"):
        one.sm.delete_model_package_group(ModelPackageGroupName="listed")
    for number in (1, 2, 3):
        one.sm.delete_model_package(
            ModelPackageName=f"arn:aws:sagemaker:eu-central-1:123456789012:model-package/listed/{number}"
        )
    assert versions() == []
    one.sm.delete_model_package_group(ModelPackageGroupName="listed")
    with pytest.raises(ClientError, match="does not exist"):
        one.sm.describe_model_package_group(ModelPackageGroupName="listed")


def test_the_registry_refuses_what_cannot_be(one: Lab) -> None:
    with pytest.raises(ClientError, match="either ModelPackageName or"):
        one.sm.create_model_package(InferenceSpecification=SPECIFICATION)
    with pytest.raises(ClientError, match="does not exist"):
        one.sm.create_model_package(
            ModelPackageGroupName="nobody", InferenceSpecification=SPECIFICATION
        )
    one.sm.create_model_package(ModelPackageName="alone", InferenceSpecification=SPECIFICATION)
    arn = one.sm.describe_model_package(ModelPackageName="alone")["ModelPackageArn"]
    with pytest.raises(ClientError, match="versions of a Model Package Group only"):
        one.sm.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    with pytest.raises(ClientError, match="enum value set"):
        one.sm.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Maybe")
