"""What the process of a query asks of its cloud, answered with the rights of who started it.

Limit: the operations of Glue listed here, objects of S3, prepared statements of the workgroup.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from infra.cloud.athena.launch import Box

GLUE = frozenset({
    "get_table", "get_tables", "get_database", "get_databases", "get_partitions", "create_table",
    "update_table", "delete_table", "create_database", "delete_database",
    "batch_create_partition", "delete_partition",
})  # fmt: skip
LARGEST = 2 << 30


@dataclass
class Rights:
    """A caller, as a query of theirs meets the cloud. `client` makes clients with their rights."""

    client: Callable[[str], Any]
    box: Box
    statements: Callable[[str, str, str], Any]
    fetched: int = 0
    made: dict[str, Any] = field(default_factory=dict)

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """Answer one question; what a service refuses is an answer too."""
        try:
            return {"result": self._answer(question)}
        except ClientError as error:
            found = error.response.get("Error", {})
            return {"error": {"code": found.get("Code", ""), "message": found.get("Message", "")}}
        except ParamValidationError as error:
            return {"error": {"code": "ValidationException", "message": str(error)}}
        except (LookupError, ValueError, OSError, TypeError) as error:
            return {"error": {"code": "InvalidRequestException", "message": str(error)}}

    def _answer(self, question: dict[str, Any]) -> Any:
        what = question["ask"]
        if what == "glue":
            return self._glue(question["operation"], question["params"])
        if what == "list":
            return self._list(question["location"])
        if what == "fetch":
            return self._fetch(question["location"], question["name"])
        if what == "put":
            return self._put(question["name"], question["location"])
        if what in {"prepared", "prepare", "deallocate"}:
            return self.statements(what, question["name"], question.get("text", ""))
        raise ValueError(f"nothing here answers {what!r}")

    def _of(self, service: str) -> Any:
        if service not in self.made:
            self.made[service] = self.client(service)
        return self.made[service]

    def _glue(self, operation: str, params: dict[str, Any]) -> Any:
        if operation not in GLUE:
            raise ValueError(f"a query does not call glue:{operation}")
        found = getattr(self._of("glue"), operation)(**params)
        found.pop("ResponseMetadata", None)
        return found

    def _list(self, location: str) -> list[dict[str, Any]]:
        bucket, prefix = split(location)
        prefix = prefix if not prefix or prefix.endswith("/") else prefix + "/"
        pages = self._of("s3").get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=prefix)
        return [
            {"key": one["Key"], "size": one["Size"]}
            for page in pages for one in page.get("Contents", [])
        ]

    def _fetch(self, location: str, name: str) -> None:
        bucket, key = split(location)
        body = self._of("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        self.fetched += len(body)
        if self.fetched > LARGEST:
            raise ValueError(f"a query here reads at most {LARGEST >> 30} GiB")
        self.box.place(name).write_bytes(body)

    def _put(self, name: str, location: str) -> None:
        bucket, key = split(location)
        body = self.box.written(name)
        self._of("s3").put_object(Bucket=bucket, Key=key, Body=body)


def split(location: str) -> tuple[str, str]:
    """Return bucket and key of an s3:// location. ValueError: it is none."""
    if not location.startswith("s3://"):
        raise ValueError(f"{location!r} is no location in S3")
    bucket, _, key = location.removeprefix("s3://").partition("/")
    return bucket, key
