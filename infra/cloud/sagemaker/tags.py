"""Tags of what this SageMaker keeps.

Limit: what moto keeps as a record is tagged by moto.
"""

from __future__ import annotations

from infra.cloud.calls import Call
from infra.cloud.errors import Answer
from infra.cloud.inside import Inside
from infra.cloud.island import forward, plain
from infra.cloud.sagemaker import records
from infra.cloud.sagemaker.records import Record, invalid

# What moto keeps as a record, by the kind in its ARN.
_MOTO = (
    ":experiment", ":notebook-instance", ":pipeline/", ":feature-group/", ":domain/", ":model-card/"
)


def add(call: Call, inside: Inside) -> Answer:
    """AddTags."""
    record = _find(call, inside)
    if record is None:
        return forward(call)
    tags = record.labels | {one["Key"]: one["Value"] for one in call.params["Tags"]}
    if len(tags) > 50:
        raise invalid("A resource has at most 50 tags.")
    record.tags = [{"Key": key, "Value": value} for key, value in tags.items()]
    return plain({"Tags": record.tags})


def names(call: Call, inside: Inside) -> Answer:
    """ListTags."""
    record = _find(call, inside)
    return forward(call) if record is None else plain({"Tags": record.tags})


def delete(call: Call, inside: Inside) -> Answer:
    """DeleteTags."""
    record = _find(call, inside)
    if record is None:
        return forward(call)
    record.tags = [one for one in record.tags if one["Key"] not in call.params["TagKeys"]]
    return plain({})


def _find(call: Call, inside: Inside) -> Record | None:
    resource = call.params["ResourceArn"]
    found = records.store(inside).by_arn(resource)
    if found is None and not any(kind in resource for kind in _MOTO):
        raise invalid(f"Could not find resource with ARN {resource}.")
    return found


OPERATIONS = {"AddTags": add, "ListTags": names, "DeleteTags": delete}
