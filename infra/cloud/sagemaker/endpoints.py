"""Endpoints: made, updated without a gap, invoked, deleted with everything that runs for them.

Limit: a failed update leaves what was there, as the real service does; see `fleets` for the rest.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.cloud.broker import BrokerError
from infra.cloud.calls import Call
from infra.cloud.errors import Answer
from infra.cloud.inside import Inside, Later
from infra.cloud.island import plain
from infra.cloud.sagemaker import configs, containers, models, records
from infra.cloud.sagemaker.fleets import Fleet, FleetError, Variant
from infra.cloud.sagemaker.records import Record, invalid
from infra.cloud.usage import Usage

KIND = "endpoint"
MISSING = 'Could not find endpoint "{arn}".'


@dataclass
class Endpoint(Record):
    """One endpoint: the configuration that it has or is to have, and what answers now."""

    config: str = ""
    failure: str = ""
    fleet: Fleet | None = None
    gone: bool = False


def create(call: Call, inside: Inside) -> Answer:
    """CreateEndpoint."""
    kept, name = records.store(inside).kind(KIND), call.params["EndpointName"]
    if name in kept:
        raise invalid(f'Cannot create already existing endpoint "{kept[name].arn}".')
    containers.broker(inside, "CreateEndpoint")
    variants = _variants(inside, call, configs.find(inside, call))
    endpoint = Endpoint(**records.fresh(call, KIND, "EndpointName"), status="Creating")
    endpoint.config = call.params["EndpointConfigName"]
    kept[name] = endpoint
    bring_up(inside, endpoint, variants, endpoint.config)
    return plain({"EndpointArn": endpoint.arn})


def update(call: Call, inside: Inside) -> Answer:
    """UpdateEndpoint: what answers now goes on until all of the new fleet is healthy."""
    endpoint = _find(inside, call)
    if endpoint.status != "InService":
        raise invalid(f'Cannot update endpoint "{endpoint.arn}" in status {endpoint.status}.')
    config = configs.find(inside, call)
    variants = _variants(inside, call, config)
    if call.params.get("RetainAllVariantProperties") and endpoint.fleet is not None:
        for old in endpoint.fleet.variants:
            for new in variants:
                if new.name == old.name:
                    new.weight, new.count = old.weight, old.count
    endpoint.status, endpoint.modified = "Updating", call.time
    bring_up(inside, endpoint, variants, config.name)
    return plain({"EndpointArn": endpoint.arn})


def _variants(inside: Inside, call: Call, config: Record) -> list[Variant]:
    return [
        Variant(
            one, models.find(inside, call, one["ModelName"]),
            float(one.get("InitialVariantWeight", 1.0)), int(one["InitialInstanceCount"]),
        )
        for one in config.asked["ProductionVariants"]
    ]


def bring_up(inside: Inside, endpoint: Endpoint, variants: list[Variant], config: str) -> None:
    """Start a fleet in a thread; it takes over when all of it is healthy."""
    fleet = Fleet(inside, endpoint.name, endpoint.arn, endpoint.labels, variants)

    def run() -> None:
        failure = ""
        try:
            fleet.start(lambda: endpoint.gone)
        except (FleetError, BrokerError) as error:
            failure = str(error)
        except Exception as error:  # our own fault must not leave it Creating for ever
            failure = f"InternalServerError: {type(error).__name__}: {error}"
        old = _settle(inside, endpoint, fleet, config, failure)
        if old is not None:
            old.close()

    threading.Thread(target=run, daemon=True, name=endpoint.name).start()


def _settle(
    inside: Inside, endpoint: Endpoint, fleet: Fleet, config: str, failure: str
) -> Fleet | None:
    """Put a fleet in charge, or say why not; return the one that is to end."""
    with inside.door.lock:
        endpoint.modified, endpoint.failure = inside.clock.now(), failure
        if endpoint.gone:
            return fleet
        if failure:
            endpoint.status = "Failed" if endpoint.fleet is None else "InService"
            return None
        old, endpoint.fleet = endpoint.fleet, fleet
        endpoint.status, endpoint.config = "InService", config
        return old


def describe(call: Call, inside: Inside) -> Answer:
    """DescribeEndpoint."""
    endpoint = _find(inside, call)
    found: dict[str, Any] = _summary(endpoint) | {"EndpointConfigName": endpoint.config}
    if endpoint.fleet is not None:
        found["ProductionVariants"] = [_variant(one) for one in endpoint.fleet.variants]
    if endpoint.failure:
        found["FailureReason"] = endpoint.failure
    return plain(found)


def _variant(one: Variant) -> dict[str, Any]:
    image = {"SpecifiedImage": one.model.image, "ResolvedImage": one.model.image}
    return {
        "VariantName": one.name, "DeployedImages": [image], "CurrentWeight": one.weight,
        "DesiredWeight": one.weight, "CurrentInstanceCount": len(one.servers),
        "DesiredInstanceCount": one.count,
    }


def _summary(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "EndpointName": endpoint.name, "EndpointArn": endpoint.arn,
        "CreationTime": endpoint.created, "LastModifiedTime": endpoint.modified,
        "EndpointStatus": endpoint.status,
    }


def names(call: Call, inside: Inside) -> Answer:
    """ListEndpoints."""
    found = records.store(inside).kind(KIND).values()
    return plain(records.page(call, found, _summary, "Endpoints"))


def delete(call: Call, inside: Inside) -> Later:
    """DeleteEndpoint: answers when nothing runs for it any more."""
    endpoint = _find(inside, call)
    endpoint.gone = True
    del records.store(inside).kind(KIND)[endpoint.name]

    def finish() -> Answer:
        if endpoint.fleet is not None:
            endpoint.fleet.close()
        return plain({})

    return finish


def reweigh(call: Call, inside: Inside) -> Answer:
    """UpdateEndpointWeightsAndCapacities: weights at once, machines when they are there."""
    endpoint = _find(inside, call)
    fleet = endpoint.fleet
    if endpoint.status != "InService" or fleet is None:
        raise invalid(f'Cannot update endpoint "{endpoint.arn}" in status {endpoint.status}.')
    wanted: Mapping[str, Any] = {
        one["VariantName"]: one for one in call.params["DesiredWeightsAndCapacities"]
    }
    known = {one.name: one for one in fleet.variants}
    for name in wanted:
        if name not in known:
            raise invalid(
                f'The variant name(s) "{name}" is/are not present within endpoint configuration'
                f' "{endpoint.config}".'
            )
        configs.check_count(known[name].kind, wanted[name].get("DesiredInstanceCount", 1))
    counts = {}
    for name, one in wanted.items():
        known[name].weight = float(one.get("DesiredWeight", known[name].weight))
        counts[name] = int(one.get("DesiredInstanceCount", known[name].count))
    if counts != {name: known[name].count for name in counts}:
        endpoint.status = "Updating"
        _rescale(inside, endpoint, fleet, counts)
    endpoint.modified = call.time
    return plain({"EndpointArn": endpoint.arn})


def _rescale(inside: Inside, endpoint: Endpoint, fleet: Fleet, counts: Mapping[str, int]) -> None:
    def run() -> None:
        failure = ""
        try:
            for variant in fleet.variants:
                fleet.scale(variant, counts.get(variant.name, variant.count), lambda: endpoint.gone)
        except (FleetError, BrokerError) as error:
            failure = str(error)
        with inside.door.lock:
            endpoint.status, endpoint.failure = "InService", failure

    threading.Thread(target=run, daemon=True, name=endpoint.name).start()


def meter(inside: Inside) -> list[Usage]:
    """Return what runs now and has not been billed: a forgotten endpoint costs, too."""
    found = records.store(inside).kind(KIND).values()
    return [used for one in found if one.fleet is not None for used in one.fleet.meter()]


def _find(inside: Inside, call: Call) -> Endpoint:
    found: Endpoint = records.find(inside, call, KIND, "EndpointName", MISSING)
    return found


OPERATIONS = {
    "CreateEndpoint": create, "UpdateEndpoint": update, "DescribeEndpoint": describe,
    "ListEndpoints": names, "DeleteEndpoint": delete,
    "UpdateEndpointWeightsAndCapacities": reweigh,
}
