"""SageMaker behind the door: which operation is ours, which a record of moto's, which refused.

Limit: what would run something that this cloud does not run is refused, never shown as done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from infra.cloud.calls import Call
from infra.cloud.errors import Answer, AwsError
from infra.cloud.inside import Inside, Later
from infra.cloud.island import Served, Work, forward
from infra.cloud.sagemaker import (
    configs,
    constraints,
    endpoints,
    models,
    packages,
    records,
    rights,
    runtime,
    survivors,
    tags,
    training,
    transforms,
)

_PARTS = (training, models, packages, configs, endpoints, transforms, tags)
OPERATIONS: dict[str, Work] = {
    name: work for part in _PARTS for name, work in part.OPERATIONS.items()
}
# moto answers these as if the work had been done.
PRETENDED = (
    "ProcessingJob", "HyperParameterTuningJob", "AutoMLJob", "AutoMLJobV2", "CompilationJob",
    "PipelineExecution", "Cluster", "InvokeEndpoint", "Search", "JobDefinition",
)


def answer(call: Call, inside: Inside) -> Answer | Later:
    """Answer one call."""
    if call.operation in runtime.OPERATIONS:
        return runtime.OPERATIONS[call.operation](call, inside)
    if call.operation in OPERATIONS:
        constraints.check("sagemaker", call.operation, call.params)
        return OPERATIONS[call.operation](call, inside)
    if any(name in call.operation for name in PRETENDED):
        raise AwsError(
            "NotImplemented",
            f"The emulated SageMaker has no {call.operation}: it would run nothing.", 501,
        )
    return forward(call)


def add_image(inside: Inside, name: str, folder: str) -> None:
    """Make a folder or a Python environment known as an image."""
    records.store(inside).images[name] = folder


def images_file(inside: Inside, path: str) -> None:
    """Name the file in which a desk keeps its images."""
    records.store(inside).images_file = path


ORDERS: dict[str, Callable[..., Any]] = {
    "image": add_image, "images_file": images_file, "interrupt": training.interrupt,
}
SERVED = Served(
    "sagemaker", rights.needs, answer, OPERATIONS, ORDERS, endpoints.meter,
    survivors.hold, survivors.revive,
)
