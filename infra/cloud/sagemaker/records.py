"""What SageMaker keeps, by kind and name: records, tags, pages, and errors in its words.

Limit: in memory, one account; a name is unique in its kind, whatever the region.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.cloud.calls import Call
from infra.cloud.dispatch import ACCOUNT
from infra.cloud.errors import AwsError
from infra.cloud.inside import Inside

Tags = list[dict[str, str]]


@dataclass
class Record:
    """One thing: what it was asked to be, when, and its tags. Times are the cloud's, in seconds."""

    name: str
    arn: str
    asked: dict[str, Any]
    created: float
    modified: float
    tags: Tags = field(default_factory=list)
    status: str = ""

    @property
    def labels(self) -> dict[str, str]:
        """Its tags as a mapping."""
        return {one["Key"]: one["Value"] for one in self.tags}


@dataclass
class Store:
    """Everything that SageMaker keeps in one cloud, and the images it knows (name -> folder)."""

    kinds: dict[str, dict[str, Any]] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    images_file: str = ""

    def kind(self, name: str) -> dict[str, Any]:
        """Return the records of one kind by name."""
        return self.kinds.setdefault(name, {})

    def by_arn(self, arn: str) -> Record | None:
        """Return the record with an ARN."""
        return next((r for k in self.kinds.values() for r in k.values() if r.arn == arn), None)


def store(inside: Inside) -> Store:
    """Return what this cloud's SageMaker keeps."""
    made: Store = inside.store("sagemaker", Store)
    return made


def arn(call: Call, kind: str, name: str) -> str:
    """Return the ARN of a thing; its name is in lower case there, as in the service's."""
    return f"arn:aws:sagemaker:{call.region}:{ACCOUNT}:{kind}/{name.lower()}"


def fresh(call: Call, kind: str, parameter: str) -> dict[str, Any]:
    """Return the fields of a new record for the thing that a call makes."""
    name = call.params[parameter]
    return {
        "name": name, "arn": arn(call, kind, name), "created": call.time, "modified": call.time,
        "asked": {k: v for k, v in call.params.items() if k != "Tags"},
        "tags": list(call.params.get("Tags", ())),
    }


def invalid(message: str) -> AwsError:
    """Return a ValidationException."""
    return AwsError("ValidationException", message)


def find(inside: Inside, call: Call, kind: str, parameter: str, message: str) -> Any:
    """Return the record that a call names; `message` may hold {arn} and {name}."""
    name = str(call.params.get(parameter, ""))
    found = store(inside).kind(kind).get(name)
    if found is None:
        raise invalid(message.format(arn=arn(call, kind, name), name=name))
    return found


def page(
    call: Call, found: Iterable[Record], summary: Callable[[Any], dict[str, Any]], member: str, *,
    order: str = "Descending", size: int = 10,
) -> dict[str, Any]:
    """Return one page of summaries: filtered, sorted and cut as the call asks."""
    params = call.params
    kept = [record for record in found if _fits(record, params)]
    keys: dict[str, Callable[[Record], Any]] = {
        "Name": lambda r: r.name, "Status": lambda r: (r.status, r.created),
        "LastModifiedTime": lambda r: r.modified,
    }
    kept.sort(
        key=keys.get(params.get("SortBy", ""), lambda r: r.created),
        reverse=params.get("SortOrder", order) == "Descending",
    )
    start = _offset(call, params.get("NextToken"))
    end = start + int(params.get("MaxResults", size))
    answer: dict[str, Any] = {member: [summary(record) for record in kept[start:end]]}
    if end < len(kept):
        answer["NextToken"] = _token(call.operation, end)
    return answer


def _fits(record: Record, params: Mapping[str, Any]) -> bool:
    return (
        params.get("NameContains", "").lower() in record.name.lower()
        and record.status == params.get("StatusEquals", record.status)
        and params.get("CreationTimeAfter", float("-inf")) <= record.created
        and record.created <= params.get("CreationTimeBefore", float("inf"))
        and params.get("LastModifiedTimeAfter", float("-inf")) <= record.modified
        and record.modified <= params.get("LastModifiedTimeBefore", float("inf"))
    )


def _token(operation: str, offset: int) -> str:
    return base64.b64encode(json.dumps([operation, offset]).encode()).decode()


def _offset(call: Call, token: Any) -> int:
    if token is None:
        return 0
    try:
        operation, offset = json.loads(base64.b64decode(token, validate=True))
    except (binascii.Error, ValueError, TypeError):
        operation, offset = "", 0
    if operation != call.operation or not isinstance(offset, int):
        raise invalid("The NextToken is not valid for this operation.")
    return offset


def described(record: Record, names: Iterable[str]) -> dict[str, Any]:
    """Return those of the named parameters that the record was made with."""
    return {name: record.asked[name] for name in names if record.asked.get(name) is not None}
