"""Models: an image, a role and where its artifacts are; and the packages that they come from.

Limit: one container a model; archives and uncompressed prefixes, no multi-model mode.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.cloud.calls import Call
from infra.cloud.errors import Answer
from infra.cloud.inside import Inside, Later
from infra.cloud.island import plain
from infra.cloud.sagemaker import images, packages, places, records, rights, trees
from infra.cloud.sagemaker.records import Record, invalid

KIND = "model"
_MISSING = 'Could not find model "{arn}".'
_SHOWN = (
    "PrimaryContainer", "Containers", "ExecutionRoleArn", "VpcConfig", "InferenceExecutionConfig",
)


@dataclass
class Model(Record):
    """One model: `container` is its only one, as resolved from a package where it names one."""

    container: dict[str, Any] | None = None

    @property
    def role(self) -> str:
        """The role that its programs have."""
        return str(self.asked["ExecutionRoleArn"])

    @property
    def image(self) -> str:
        """The URI of its image."""
        assert self.container is not None
        return str(self.container["Image"])

    @property
    def environment(self) -> dict[str, str]:
        """The variables that its container was given."""
        assert self.container is not None
        return dict(self.container.get("Environment", {}))

    def load(self, inside: Inside, folder: str) -> None:
        """Bring its artifacts into a folder, with its role's rights. PlaceError."""
        assert self.container is not None
        source = _source(self.container)
        if source is None:
            return
        store = places.Places(inside, self.role)
        if source["CompressionType"] == "None":
            store.download({"S3DataType": "S3Prefix", "S3Uri": source["S3Uri"]}, folder)
            return
        try:
            trees.unpack(store.get(*places.split(source["S3Uri"])), folder)
        except ValueError as error:
            raise places.PlaceError(
                f"Failed to extract model data archive from URL {source['S3Uri']}: {error}."
            ) from None


def _source(container: Mapping[str, Any]) -> dict[str, str] | None:
    if "ModelDataSource" in container:
        found = container["ModelDataSource"].get("S3DataSource")
        return {"S3Uri": found["S3Uri"], "CompressionType": found["CompressionType"]}
    if "ModelDataUrl" in container:
        return {"S3Uri": container["ModelDataUrl"], "CompressionType": "Gzip"}
    return None


def create(call: Call, inside: Inside) -> Answer | Later:
    """CreateModel: S3 is asked for the artifacts, so the answer takes a moment."""
    params, kept = call.params, records.store(inside).kind(KIND)
    resource = records.arn(call, KIND, params["ModelName"])
    if params["ModelName"] in kept:
        raise invalid(f'Cannot create already existing model "{resource}".')
    containers = params.get("Containers") or [params.get("PrimaryContainer") or {}]
    if len(containers) != 1:
        raise invalid("The emulated cloud has no inference pipelines: give one container.")
    container = packages.resolve(inside, call, containers[0])
    if "Image" not in container:
        raise invalid("A model needs an Image or a ModelPackageName.")
    if container.get("Mode", "SingleModel") != "SingleModel":
        raise invalid("The emulated cloud has no multi-model endpoints.")
    role = params.get("ExecutionRoleArn")
    if not role:
        raise invalid("ExecutionRoleArn is required.")
    rights.check_trust(role, resource)
    images.for_model(inside, container["Image"])
    model = Model(**records.fresh(call, KIND, "ModelName"), container=container)

    def finish() -> Answer:
        _check_data(inside, model)
        with inside.door.lock:
            kept[model.name] = model
        return plain({"ModelArn": model.arn})

    return finish


def _check_data(inside: Inside, model: Model) -> None:
    """Raise as CreateModel does when the role cannot read the artifacts."""
    assert model.container is not None
    source = _source(model.container)
    if source is None:
        return
    store = places.Places(inside, model.role)
    try:
        bucket, key = places.split(source["S3Uri"])
        if source["CompressionType"] != "None":
            store.s3.head_object(Bucket=bucket, Key=key)
        elif not any(True for _ in store.keys(source["S3Uri"])):
            raise places.PlaceError("nothing there")
    except ValueError as error:
        raise invalid(f"Invalid S3 URI: {error}") from None
    except (places.PlaceError, store.s3.exceptions.ClientError):
        raise invalid(
            f"Could not access model data at {source['S3Uri']}. Please ensure that the role"
            f' "{model.role}" exists and that its trust relationship policy allows the action'
            f' "sts:AssumeRole" for the service principal "{rights.SERVICE}". Also ensure that the'
            f' role has "s3:GetObject" permissions and that the object is located in'
            f" {inside.region}."
        ) from None


def describe(call: Call, inside: Inside) -> Answer:
    """DescribeModel."""
    model = find(inside, call)
    return plain({
        "ModelName": model.name, "ModelArn": model.arn, "CreationTime": model.created,
        "EnableNetworkIsolation": False, **records.described(model, _SHOWN),
    })


def names(call: Call, inside: Inside) -> Answer:
    """ListModels."""
    found = records.store(inside).kind(KIND).values()
    return plain(records.page(call, found, lambda m: {
        "ModelName": m.name, "ModelArn": m.arn, "CreationTime": m.created,
    }, "Models"))


def delete(call: Call, inside: Inside) -> Answer:
    """DeleteModel: the artifacts stay, and so does what runs."""
    del records.store(inside).kind(KIND)[find(inside, call).name]
    return plain({})


def find(inside: Inside, call: Call, name: str = "") -> Model:
    """Return the model that a call or a part of it names."""
    wanted = name or str(call.params.get("ModelName", ""))
    found: Model | None = records.store(inside).kind(KIND).get(wanted)
    if found is None:
        raise invalid(_MISSING.format(arn=records.arn(call, KIND, wanted)))
    return found


OPERATIONS = {
    "CreateModel": create, "DescribeModel": describe, "ListModels": names, "DeleteModel": delete,
}
