"""What SageMaker has left after a restart: records; jobs have failed, endpoints start again.

Limit: an endpoint comes back with the machines that it had last, from the start of its containers.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from infra.cloud.inside import Inside
from infra.cloud.sagemaker import endpoints, records, training, transforms
from infra.cloud.sagemaker.endpoints import Endpoint
from infra.cloud.sagemaker.fleets import Variant

ENDED = "InternalServerError: the emulated cloud was ended meanwhile."
JOBS = (training.KIND, transforms.KIND)
RUNNING = {"InProgress", "Stopping"}


@dataclass
class Left:
    """Records by kind and name, without what ran for them; the variants of endpoints by name."""

    kinds: dict[str, dict[str, Any]]
    images: dict[str, str]
    variants: dict[str, list[Variant]] = field(default_factory=dict)


def hold(inside: Inside) -> Left:
    """Return what a kept cloud writes."""
    store = records.store(inside)
    kinds = {name: dict(found) for name, found in store.kinds.items()}
    left = Left(kinds, dict(store.images))
    for name, one in kinds.get(endpoints.KIND, {}).items():
        kinds[endpoints.KIND][name] = replace(one, fleet=None)
        if one.fleet is not None:
            left.variants[name] = [
                replace(each, servers=[], credit=0.0, turn=0) for each in one.fleet.variants
            ]
    return left


def revive(inside: Inside, held: Left | None) -> None:
    """Take that over."""
    if held is None:
        return
    store, now = records.store(inside), inside.clock.now()
    store.kinds |= held.kinds
    store.images = held.images | store.images
    for kind in JOBS:
        for job in store.kind(kind).values():
            if job.status in RUNNING:
                _fail(job, now)
    for one in store.kind(endpoints.KIND).values():
        _again(inside, one, held.variants.get(one.name))


def _fail(job: Any, now: float) -> None:
    job.status, job.failure, job.ended, job.modified = "Failed", ENDED, now, now
    if isinstance(job, training.TrainingJob):
        job.move("Failed", "Training job failed", now)


def _again(inside: Inside, endpoint: Endpoint, variants: list[Variant] | None) -> None:
    """Bring up what answered; what had not come up yet has failed."""
    if variants is not None:
        endpoint.status = "Creating"
        endpoints.bring_up(inside, endpoint, variants, endpoint.config)
    elif endpoint.status != "Failed":
        endpoint.status, endpoint.failure = "Failed", ENDED
