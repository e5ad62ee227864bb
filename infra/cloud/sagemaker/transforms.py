"""Batch transform: a model's container, every object of a prefix through it, results beside.

Limit: records end at a newline or are whole objects; one request at a time.
"""

from __future__ import annotations

import contextlib
import gzip
import http.client
import threading
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.cloud.broker import BrokerError
from infra.cloud.calls import Call
from infra.cloud.errors import Answer, AwsError
from infra.cloud.inside import Inside
from infra.cloud.island import plain
from infra.cloud.sagemaker import containers, models, places, records
from infra.cloud.sagemaker.models import Model
from infra.cloud.sagemaker.places import PlaceError, Places
from infra.cloud.sagemaker.records import Record, invalid
from infra.cloud.sagemaker.servers import Server
from infra.cloud.usage import Usage

KIND = "transform-job"
GROUP = "/aws/sagemaker/TransformJobs"
_MISSING = "Could not find requested job with name: {name}."
_SHOWN = (
    "ModelName", "MaxConcurrentTransforms", "ModelClientConfig", "MaxPayloadInMB", "BatchStrategy",
    "Environment", "TransformInput", "TransformOutput", "TransformResources", "DataProcessing",
)
_MIB = 1 << 20


class TransformError(Exception):
    """A job cannot go on: its FailureReason."""


class Stopped(Exception):
    """A job was asked to stop."""


@dataclass
class TransformJob(Record):
    """One job."""

    failure: str = ""
    began: float = 0.0
    ended: float = 0.0
    asked_to_stop: bool = False


def create(call: Call, inside: Inside) -> Answer:
    """CreateTransformJob."""
    kept, params = records.store(inside).kind(KIND), call.params
    if params["TransformJobName"] in kept:
        raise AwsError(
            "ResourceInUse",
            "Job name must be unique within an AWS account and region, and a job with this name"
            f" already exists ({kept[params['TransformJobName']].arn})",
        )
    containers.broker(inside, "CreateTransformJob")
    model = models.find(inside, call)
    _check(params)
    job = TransformJob(**records.fresh(call, KIND, "TransformJobName"), status="InProgress")
    kept[job.name] = job
    threading.Thread(target=_run, args=(inside, job, model), daemon=True, name=job.name).start()
    return plain({"TransformJobArn": job.arn})


def _check(params: Mapping[str, Any]) -> None:
    split = params["TransformInput"].get("SplitType", "None")
    if split not in {"None", "Line"}:
        raise invalid(f"The emulated cloud has no SplitType {split}: use Line or None.")
    if split == "None" and params.get("BatchStrategy"):
        raise invalid("BatchStrategy needs a SplitType other than None.")
    if params["TransformInput"]["DataSource"]["S3DataSource"]["S3DataType"] != "S3Prefix":
        raise invalid("The emulated cloud transforms objects of an S3Prefix only.")
    if params.get("DataProcessing"):
        raise invalid("The emulated cloud has no DataProcessing.")
    if params["TransformResources"]["InstanceCount"] > 1:
        raise AwsError(
            "ResourceLimitExceeded", "The emulated cloud runs one instance a transform job."
        )
    concurrent, size = params.get("MaxConcurrentTransforms", 1), params.get("MaxPayloadInMB", 6)
    if concurrent * size > 100:
        raise invalid("MaxConcurrentTransforms * MaxPayloadInMB cannot exceed 100 MB.")
    for uri in (
        params["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"],
        params["TransformOutput"]["S3OutputPath"],
    ):
        try:
            places.split(uri)
        except ValueError as error:
            raise invalid(f"Invalid S3 URI: {error}") from None


def _run(inside: Inside, job: TransformJob, model: Model) -> None:
    """Do the job in its thread; whatever goes wrong becomes its FailureReason."""
    status, failure = "Completed", ""
    try:
        _transform(inside, job, model)
    except Stopped:
        status = "Stopped"
    except (TransformError, PlaceError, BrokerError) as error:
        status, failure = "Failed", str(error)
    except Exception as error:  # our own fault must end the job, not leave it running for ever
        traceback.print_exc()
        status, failure = "Failed", f"InternalServerError: {type(error).__name__}: {error}"
    now = inside.clock.now()
    if job.began:
        inside.usage.add(Usage(
            "sagemaker", job.asked["TransformResources"]["InstanceType"],
            round(now - job.began, 3), "second", resource=job.arn, tags=job.labels,
            region=inside.region,
        ))
    with inside.door.lock:
        job.status, job.failure = status, failure[:1024]
        job.ended = job.modified = now


def _transform(inside: Inside, job: TransformJob, model: Model) -> None:
    kind = job.asked["TransformResources"]["InstanceType"]
    payload = job.asked.get("MaxPayloadInMB", 6)
    env = {
        "SAGEMAKER_BATCH": "true", "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(payload),
        "SAGEMAKER_BATCH_STRATEGY": job.asked.get("BatchStrategy", "SingleRecord"),
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": str(job.asked.get("MaxConcurrentTransforms", 1)),
        **job.asked.get("Environment", {}),
    }
    store = Places(inside, model.role)
    job.began = inside.clock.now()
    server = Server(inside, model, kind, GROUP, f"{job.name}/i-0", env)
    with contextlib.closing(server):
        wrong = server.start(given_up=lambda: job.asked_to_stop)
        if job.asked_to_stop:
            raise Stopped
        if wrong:
            raise TransformError(
                "The primary container did not pass the ping health check. Please check"
                f" CloudWatch logs in {GROUP}." if wrong == "ping" else wrong
            )
        _objects(job, server, store)


def _objects(job: TransformJob, server: Server, store: Places) -> None:
    """Transform every object; those that went well are stored even if others did not."""
    source = job.asked["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
    target = job.asked["TransformOutput"]["S3OutputPath"].rstrip("/")
    found = [(b, k) for b, k in store.keys(source) if not k.endswith("/")]
    if not found:
        raise TransformError(f"ClientError: No S3 objects found under S3 URL {source!r}")
    failures = []
    for bucket, key in found:
        try:
            result = _one(job, server, store.get(bucket, key), f"s3://{bucket}/{key}")
        except TransformError as error:
            failures.append(str(error))
            continue
        path = places.relative(key, places.split(source)[1])
        store.put(f"{target}/{path}.out", result)
    if failures:
        raise TransformError(failures[0])


def _one(job: TransformJob, server: Server, data: bytes, name: str) -> bytes:
    asked = job.asked
    if asked["TransformInput"].get("CompressionType") == "Gzip":
        data = _unzipped(data, name)
    joint = b"\n" if asked["TransformOutput"].get("AssembleWith") == "Line" else b""
    return b"".join(
        _ask(job, server, batch, name) + joint for batch in batches(data, asked, name)
    )


def _unzipped(data: bytes, name: str) -> bytes:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError) as error:
        raise TransformError(f"ClientError: {name}: not gzip: {error}") from None


def batches(data: bytes, asked: Mapping[str, Any], name: str) -> Iterator[bytes]:
    """Yield the payloads of an object: whole, by line, or as many lines as fit."""
    limit = asked.get("MaxPayloadInMB", 6) * _MIB
    split = asked["TransformInput"].get("SplitType", "None") == "Line"
    single = asked.get("BatchStrategy", "MultiRecord") == "SingleRecord"
    batch = b""
    for record in data.splitlines(keepends=True) if split else [data]:
        if limit and len(record) > limit:
            raise TransformError(
                f"ClientError: {name}: a record of {len(record)} bytes is larger than"
                f" MaxPayloadInMB, {limit // _MIB} MB"
            )
        if batch and (single or (limit and len(batch) + len(record) > limit)):
            yield batch.removesuffix(b"\n") if single else batch
            batch = b""
        batch += record
    if batch:
        yield batch.removesuffix(b"\n") if single else batch


def _ask(job: TransformJob, server: Server, batch: bytes, name: str) -> bytes:
    config = job.asked.get("ModelClientConfig", {})
    headers = {
        "Content-Type": job.asked["TransformInput"].get("ContentType", ""),
        "Accept": job.asked["TransformOutput"].get("Accept", ""),
    }
    said = ""
    for _ in range(1 + config.get("InvocationsMaxRetries", 3)):
        if job.asked_to_stop:
            raise Stopped
        try:
            reply = server.ask(
                "POST", "/invocations", {k: v for k, v in headers.items() if v}, batch,
                config.get("InvocationsTimeoutInSeconds", 600),
            )
        except (OSError, http.client.HTTPException) as error:
            said = f"InternalServerError: {name}: the container gave no answer: {error!r}"
            continue
        server.look()
        if reply.status // 100 == 2:
            return reply.body
        text = reply.body[:400].decode(errors="replace")
        said = f"{name}: Bad HTTP status received from algorithm: {reply.status}: {text}"
        if reply.status // 100 == 4:
            raise TransformError(f"ClientError: {said}")
        said = f"AlgorithmError: {said}"
    raise TransformError(said)


def describe(call: Call, inside: Inside) -> Answer:
    """DescribeTransformJob."""
    job = _find(inside, call)
    found = {**_summary(job), **records.described(job, _SHOWN)}
    if job.began:
        found["TransformStartTime"] = job.began
    found.pop("LastModifiedTime")
    return plain(found)


def _summary(job: TransformJob) -> dict[str, Any]:
    found: dict[str, Any] = {
        "TransformJobName": job.name, "TransformJobArn": job.arn, "CreationTime": job.created,
        "TransformJobStatus": job.status, "LastModifiedTime": job.modified,
    }
    if job.ended:
        found["TransformEndTime"] = job.ended
    return found | ({"FailureReason": job.failure} if job.failure else {})


def names(call: Call, inside: Inside) -> Answer:
    """ListTransformJobs."""
    found = records.store(inside).kind(KIND).values()
    return plain(records.page(call, found, _summary, "TransformJobSummaries"))


def stop(call: Call, inside: Inside) -> Answer:
    """StopTransformJob: ends before the next request."""
    job = _find(inside, call)
    if job.status not in {"InProgress", "Stopping"}:
        raise invalid(f"The job is in status {job.status} and cannot be stopped.")
    job.asked_to_stop, job.status = True, "Stopping"
    return plain({})


def _find(inside: Inside, call: Call) -> TransformJob:
    found: TransformJob = records.find(inside, call, KIND, "TransformJobName", _MISSING)
    return found


OPERATIONS = {
    "CreateTransformJob": create, "DescribeTransformJob": describe, "ListTransformJobs": names,
    "StopTransformJob": stop,
}
