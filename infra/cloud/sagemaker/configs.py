"""Endpoint configurations: which models on which machines with which share of the traffic.

Limit: instances only, at most four a variant; no serverless, asynchronous or shadow variants.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.cloud.calls import Call
from infra.cloud.errors import Answer, AwsError
from infra.cloud.inside import Inside
from infra.cloud.island import plain
from infra.cloud.sagemaker import models, records
from infra.cloud.sagemaker.records import Record, invalid

KIND = "endpoint-config"
MISSING = 'Could not find endpoint configuration "{arn}".'
MOST = 4
_REFUSED = ("AsyncInferenceConfig", "ShadowProductionVariants", "ExplainerConfig")


def create(call: Call, inside: Inside) -> Answer:
    """CreateEndpointConfig."""
    kept, name = records.store(inside).kind(KIND), call.params["EndpointConfigName"]
    if name in kept:
        raise invalid(
            f'Cannot create already existing endpoint configuration "{kept[name].arn}".'
        )
    for member in _REFUSED:
        if call.params.get(member):
            raise invalid(f"The emulated cloud has no {member}.")
    variants = call.params["ProductionVariants"]
    names = [one["VariantName"] for one in variants]
    if len(set(names)) != len(names):
        raise invalid("Variant names must be unique within an endpoint configuration.")
    for one in variants:
        _check(call, inside, one)
    kept[name] = Record(**records.fresh(call, KIND, "EndpointConfigName"))
    return plain({"EndpointConfigArn": kept[name].arn})


def _check(call: Call, inside: Inside, variant: Mapping[str, Any]) -> None:
    if "ServerlessConfig" in variant:
        raise invalid("The emulated cloud has no serverless variants: give an InstanceType.")
    if not {"ModelName", "InstanceType", "InitialInstanceCount"} <= variant.keys():
        raise invalid(
            f"Variant {variant['VariantName']} needs ModelName, InstanceType and"
            " InitialInstanceCount."
        )
    models.find(inside, call, variant["ModelName"])
    check_count(variant["InstanceType"], variant["InitialInstanceCount"])


def check_count(kind: str, count: int) -> None:
    """Raise for more instances than this cloud runs."""
    if count > MOST:
        raise AwsError(
            "ResourceLimitExceeded",
            f"The account-level service limit '{kind} for endpoint usage' is {MOST} Instances, with"
            f" current utilization of 0 Instances and a request delta of {count} Instances.",
        )


def describe(call: Call, inside: Inside) -> Answer:
    """DescribeEndpointConfig."""
    found = find(inside, call)
    return plain({
        "EndpointConfigName": found.name, "EndpointConfigArn": found.arn,
        "CreationTime": found.created,
        "ProductionVariants": [
            {"InitialVariantWeight": 1.0, **one} for one in found.asked["ProductionVariants"]
        ],
        **records.described(found, ["DataCaptureConfig", "KmsKeyId"]),
    })


def names(call: Call, inside: Inside) -> Answer:
    """ListEndpointConfigs."""
    found = records.store(inside).kind(KIND).values()
    return plain(records.page(call, found, lambda c: {
        "EndpointConfigName": c.name, "EndpointConfigArn": c.arn, "CreationTime": c.created,
    }, "EndpointConfigs"))


def delete(call: Call, inside: Inside) -> Answer:
    """DeleteEndpointConfig: endpoints that were made with it go on."""
    del records.store(inside).kind(KIND)[find(inside, call).name]
    return plain({})


def find(inside: Inside, call: Call) -> Record:
    """Return the configuration that a call names."""
    found: Record = records.find(inside, call, KIND, "EndpointConfigName", MISSING)
    return found


OPERATIONS = {
    "CreateEndpointConfig": create, "DescribeEndpointConfig": describe,
    "ListEndpointConfigs": names, "DeleteEndpointConfig": delete,
}
