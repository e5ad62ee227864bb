"""A cloud with a bucket, a role and images, for the tests of SageMaker. Clients are boto3's own."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.cloud.employers import Run
from infra.cloud.fixtures import Cloud, Role, allow, loopback, private_cloud

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }],
}
BUCKET = "trial"
REGISTRY = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"


@dataclass
class Lab:
    """One cloud with what jobs need; `make_image` writes programs."""

    cloud: Cloud
    role: Role
    folder: Path

    def __post_init__(self) -> None:
        self.s3 = self.cloud.client("s3")
        self.sm = self.cloud.client("sagemaker")
        self.runtime = self.cloud.client("sagemaker-runtime")

    def make_image(self, name: str, **programs: str) -> str:
        """Write an image's programs in Python; return its URI."""
        folder = self.folder / name.replace("/", "-").replace(":", "-")
        folder.mkdir()
        for file, code in programs.items():
            path = folder / file
            path.write_text("#!/usr/bin/env python\n" + code)
            path.chmod(0o755)
        self.cloud.image(name, str(folder))
        return f"{REGISTRY}/{name}:latest"

    def put(self, key: str, body: str | bytes) -> str:
        """Store an object; return its URI."""
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        return f"s3://{BUCKET}/{key}"

    def get(self, uri: str) -> bytes:
        """Return an object by its URI."""
        bucket, key = uri.removeprefix("s3://").split("/", 1)
        return bytes(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys of the bucket below a prefix."""
        found = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return [one["Key"] for one in found.get("Contents", ())]

    def job(self, image: str, name: str = "job", **more: Any) -> dict[str, Any]:
        """Return the parameters of a training job."""
        specification = {"TrainingImage": image, "TrainingInputMode": "File"}
        return {
            "TrainingJobName": name, "RoleArn": self.role.arn,
            "AlgorithmSpecification": specification | more.pop("AlgorithmSpecification", {}),
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
            "ResourceConfig": {
                "InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 3600}, **more,
        }

    def train(self, image: str, name: str = "job", **more: Any) -> dict[str, Any]:
        """Run a training job to its end; return its description."""
        self.sm.create_training_job(**self.job(image, name, **more))
        return self.ended(name)

    def ended(self, name: str = "job") -> dict[str, Any]:
        """Wait for the end of a training job."""
        found: dict[str, Any] = self.until(
            lambda: self.sm.describe_training_job(TrainingJobName=name),
            lambda found: found["TrainingJobStatus"] not in {"InProgress", "Stopping"},
        )
        return found

    def model(self, image: str, name: str, **container: Any) -> str:
        """Make a model; return its name."""
        self.sm.create_model(
            ModelName=name, ExecutionRoleArn=self.role.arn,
            PrimaryContainer={"Image": image, "Environment": {"NAME": name}, **container},
        )
        return name

    def config(self, name: str, *variants: tuple[str, str, float], **more: Any) -> str:
        """Make an endpoint configuration of (variant, model, weight); return its name."""
        self.sm.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[
            {"VariantName": variant, "ModelName": model, "InitialVariantWeight": weight,
             "InstanceType": "ml.m5.large", "InitialInstanceCount": 1, **more}
            for variant, model, weight in variants
        ])
        return name

    def serving(self, name: str) -> dict[str, Any]:
        """Wait until an endpoint is in service or has failed."""
        found: dict[str, Any] = self.until(
            lambda: self.sm.describe_endpoint(EndpointName=name),
            lambda found: found["EndpointStatus"] in {"InService", "Failed"},
        )
        return found

    def ask(self, name: str, body: bytes = b"1", **more: Any) -> dict[str, Any]:
        """Invoke an endpoint; return its answer and who gave it."""
        found = self.runtime.invoke_endpoint(EndpointName=name, Body=body, **more)
        answer: dict[str, Any] = json.loads(found["Body"].read())
        return answer | {"variant": found["InvokedProductionVariant"]}

    def log(self, group: str, stream: str = "") -> list[str]:
        """Return the messages of a log group."""
        logs = self.cloud.client("logs")
        streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
        return [
            event["message"] for one in streams if one["logStreamName"].startswith(stream)
            for event in logs.get_log_events(
                logGroupName=group, logStreamName=one["logStreamName"], startFromHead=True
            )["events"]
        ]

    def said(self, word: str, group: str = "/aws/sagemaker/TrainingJobs") -> None:
        """Wait until a log has a line with this word."""
        def lines() -> list[str]:
            try:
                return self.log(group)
            except Exception:  # the group is not there before the first line
                return []

        self.until(lines, lambda found: any(word in line for line in found))

    @staticmethod
    def until(ask: Any, holds: Any) -> Any:
        """Ask until it holds; a minute and a half at most."""
        end = time.monotonic() + 90
        while time.monotonic() < end:
            found = ask()
            if holds(found):
                return found
            time.sleep(0.05)
        raise AssertionError(f"never: {json.dumps(found, default=str)[:2000]}")


@contextmanager
def lab(folder: Path, run: Run = "here") -> Iterator[Lab]:
    """Run a cloud with a bucket and a role that may do everything in it."""
    with loopback() as listener, private_cloud(listener, run=run) as cloud:
        cloud.bucket(BUCKET)
        role = cloud.role("Trainer", TRUST, policies=[
            allow(["s3:*"], [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]),
        ])
        yield Lab(cloud, role, folder)


SERVE = """
import json, os, sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer
NAME = os.environ.get("NAME", "")
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass
    def reply(self, status, body, **headers):
        self.send_response(status)
        for name, value in headers.items(): self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.reply(200 if self.path == "/ping" else 404, b"")
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        print("asked", body[:40], flush=True)
        if body == b"die": os._exit(3)
        if body.startswith(b"status "): return self.reply(int(body.split()[1]), b"as you wish")
        model = ""
        weights = "/opt/ml/model/weights"
        if os.path.exists(weights): model = open(weights).read()
        found = {"name": NAME, "model": model, "body": body.decode(),
                 "type": self.headers["Content-Type"], "accept": self.headers["Accept"],
                 "pid": os.getpid(),
                 "batch": os.environ.get("SAGEMAKER_BATCH_STRATEGY")}
        self.reply(200, json.dumps(found).encode(), Content_Type="application/json",
                   X_Amzn_SageMaker_Custom_Attributes="own=1")
print("serving", NAME, flush=True)
HTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
"""
