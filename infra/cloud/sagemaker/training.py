"""Training jobs as the API shows them: made, described, listed, stopped, interrupted.

`jobs` runs them. Limit: one instance a job; File mode, and FastFile, which downloads as File does.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.cloud.calls import Call
from infra.cloud.errors import Answer, AwsError
from infra.cloud.inside import Inside
from infra.cloud.island import plain
from infra.cloud.sagemaker import containers, images, jobs, places, records, rights
from infra.cloud.sagemaker.journal import Figures
from infra.cloud.sagemaker.records import Record, invalid

KIND = "training-job"
_DAY = 86400
_SHOWN = (
    "HyperParameters", "AlgorithmSpecification", "RoleArn", "InputDataConfig", "OutputDataConfig",
    "ResourceConfig", "VpcConfig", "StoppingCondition", "EnableManagedSpotTraining",
    "CheckpointConfig", "Environment", "RetryStrategy", "ExperimentConfig", "DebugHookConfig",
    "ProfilerConfig",
)


@dataclass
class TrainingJob(Record):
    """One training job: what `jobs` has made of it so far. Times are the cloud's, in seconds."""

    secondary: str = ""
    transitions: list[dict[str, Any]] = field(default_factory=list)
    failure: str = ""
    artifacts: str = ""
    began: float = 0.0
    ended: float = 0.0
    spent: float = 0.0
    attempts: int = 0
    asked_to_stop: bool = False
    interruptions: int = 0
    figures: Figures = field(default_factory=lambda: Figures(()))
    turn: threading.Event = field(default_factory=threading.Event)

    @property
    def spot(self) -> bool:
        """Whether it runs on spot capacity."""
        return bool(self.asked.get("EnableManagedSpotTraining"))

    @property
    def longest(self) -> int:
        """Seconds that it may run."""
        return int(self.asked["StoppingCondition"].get("MaxRuntimeInSeconds", _DAY))

    @property
    def patience(self) -> float:
        """Seconds that it may take with all waiting for spot capacity."""
        found = self.asked["StoppingCondition"].get("MaxWaitTimeInSeconds")
        return float(found) if found is not None and self.spot else float("inf")

    def move(self, secondary: str, message: str, now: float) -> None:
        """Go on to another secondary status."""
        if self.transitions:
            self.transitions[-1]["EndTime"] = now
        self.transitions.append({"Status": secondary, "StartTime": now, "StatusMessage": message})
        self.secondary, self.modified = secondary, now


def create(call: Call, inside: Inside) -> Answer:
    """CreateTrainingJob."""
    params = call.params
    kept = records.store(inside).kind(KIND)
    resource = records.arn(call, KIND, params["TrainingJobName"])
    if params["TrainingJobName"] in kept:
        raise AwsError(
            "ResourceInUse",
            "Training job names must be unique within an AWS account and region, and a training"
            f" job with this name already exists ({resource})",
        )
    _check(params)
    rights.check_trust(params["RoleArn"], resource)
    specification = params["AlgorithmSpecification"]
    image = images.for_training(inside, specification["TrainingImage"], params["RoleArn"])
    containers.broker(inside, "CreateTrainingJob")
    job = TrainingJob(**records.fresh(call, KIND, "TrainingJobName"))
    job.figures = Figures(specification.get("MetricDefinitions", ()))
    job.status = "InProgress"
    job.move("Starting", "Preparing the instances for training", call.time)
    kept[job.name] = job
    jobs.begin(inside, job, image)
    return plain({"TrainingJobArn": job.arn})


def _check(params: dict[str, Any]) -> None:
    """Raise for what no model of parameters knows, in the service's words where they are known."""
    specification = params.get("AlgorithmSpecification")
    if not specification or not params.get("ResourceConfig"):
        raise invalid("AlgorithmSpecification and ResourceConfig are required.")
    if "TrainingImage" not in specification:
        raise invalid(
            "TrainingImage is required: the emulated cloud has no AlgorithmName of a marketplace."
        )
    modes = [specification["TrainingInputMode"]]
    modes += [one["InputMode"] for one in params.get("InputDataConfig", ()) if "InputMode" in one]
    if "Pipe" in modes:
        raise invalid("The emulated cloud has no input mode Pipe: use File or FastFile.")
    _check_machines(params["ResourceConfig"])
    _check_time(params)
    _check_channels(params.get("InputDataConfig", ()))
    wanted = {"OutputDataConfig": "S3OutputPath", "CheckpointConfig": "S3Uri"}
    for name, member in wanted.items():
        if name in params:
            _check_uri(params[name][member])
    for one in specification.get("MetricDefinitions", ()):
        _check_expression(one)


def _check_machines(config: Mapping[str, Any]) -> None:
    kind, count = config.get("InstanceType"), config.get("InstanceCount", 1)
    if kind is None or "InstanceGroups" in config:
        raise invalid("The emulated cloud needs an InstanceType and has no InstanceGroups.")
    if count > 1:
        raise AwsError(
            "ResourceLimitExceeded",
            f"The account-level service limit '{kind} for training job usage' is 1 Instances, with"
            f" current utilization of 0 Instances and a request delta of {count} Instances."
            " (The emulated cloud runs one instance a job.)",
        )


def _check_time(params: Mapping[str, Any]) -> None:
    limits = params.get("StoppingCondition") or {}
    wait, spot = limits.get("MaxWaitTimeInSeconds"), params.get("EnableManagedSpotTraining")
    if spot and (wait is None or wait < limits.get("MaxRuntimeInSeconds", _DAY)):
        raise invalid(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to"
            " MaxRuntimeInSeconds"
        )
    if wait is not None and not spot:
        raise invalid("MaxWaitTimeInSeconds above 0 is not supported for this training job.")


def _check_channels(found: Any) -> None:
    names = [one["ChannelName"] for one in found]
    if len(set(names)) != len(names):
        raise invalid("Channel names must be unique.")
    for one in found:
        source = one["DataSource"].get("S3DataSource")
        if source is None:
            raise invalid("The emulated cloud has no data source but S3DataSource.")
        if source["S3DataType"] not in {"S3Prefix", "ManifestFile"}:
            raise invalid(f"The emulated cloud has no S3DataType {source['S3DataType']}.")
        _check_uri(source["S3Uri"])


def _check_uri(uri: str) -> None:
    try:
        places.split(uri)
    except ValueError as error:
        raise invalid(f"Invalid S3 URI: {error}") from None


def _check_expression(definition: Mapping[str, str]) -> None:
    try:
        groups = re.compile(definition["Regex"]).groups
    except re.error as error:
        raise invalid(f"MetricDefinition {definition['Name']}: {error}") from None
    if groups < 1:
        raise invalid(f"MetricDefinition {definition['Name']}: the expression has no group.")


def describe(call: Call, inside: Inside) -> Answer:
    """DescribeTrainingJob."""
    job = _find(inside, call)
    found = {
        "TrainingJobName": job.name, "TrainingJobArn": job.arn, "TrainingJobStatus": job.status,
        "SecondaryStatus": job.secondary, "CreationTime": job.created,
        "LastModifiedTime": job.modified, "SecondaryStatusTransitions": job.transitions,
        "EnableNetworkIsolation": False, "EnableInterContainerTrafficEncryption": False,
        **records.described(job, _SHOWN),
    }
    found.setdefault("EnableManagedSpotTraining", False)
    if job.artifacts:
        found["ModelArtifacts"] = {"S3ModelArtifacts": job.artifacts}
    if job.failure:
        found["FailureReason"] = job.failure
    if job.began:
        found["TrainingStartTime"] = job.began
    if job.ended:
        found["TrainingEndTime"] = job.ended
        found["TrainingTimeInSeconds"] = jobs.training_time(job)
        found["BillableTimeInSeconds"] = jobs.billable_time(job)
    if job.figures.last:
        found["FinalMetricDataList"] = job.figures.final()
    return plain(found)


def names(call: Call, inside: Inside) -> Answer:
    """ListTrainingJobs."""
    found = records.store(inside).kind(KIND).values()
    return plain(records.page(call, found, _summary, "TrainingJobSummaries", order="Ascending"))


def _summary(job: TrainingJob) -> dict[str, Any]:
    ended = {"TrainingEndTime": job.ended} if job.ended else {}
    return {
        "TrainingJobName": job.name, "TrainingJobArn": job.arn, "CreationTime": job.created,
        "LastModifiedTime": job.modified, "TrainingJobStatus": job.status,
        "SecondaryStatus": job.secondary, **ended,
    }


def stop(call: Call, inside: Inside) -> Answer:
    """StopTrainingJob."""
    job = _find(inside, call)
    if job.status not in {"InProgress", "Stopping"}:
        raise invalid(
            "The request was rejected because the training job is in status"
            f" {job.status}."
        )
    if not job.asked_to_stop:
        job.asked_to_stop, job.status = True, "Stopping"
        job.move("Stopping", "Stopping the training job", call.time)
        job.turn.set()
    return plain({})


def interrupt(inside: Inside, job: str) -> int:
    """Take the spot capacity of a running job away; return how often that has happened to it."""
    found: TrainingJob | None = records.store(inside).kind(KIND).get(job)
    if found is None or not found.spot or found.secondary != "Training":
        raise ValueError(f"there is no job {job!r} that trains on spot capacity")
    found.interruptions += 1
    found.turn.set()
    return found.interruptions


def _find(inside: Inside, call: Call) -> TrainingJob:
    job: TrainingJob = records.find(
        inside, call, KIND, "TrainingJobName", "Requested resource not found."
    )
    return job


OPERATIONS = {
    "CreateTrainingJob": create, "DescribeTrainingJob": describe, "ListTrainingJobs": names,
    "StopTrainingJob": stop,
}
