"""The worker's side of the wire: one JSON object a line, a question out, an answer in.

What a query may reach is what its cloud answers here, with the caller's rights.
Limit: one question at a time; files do not travel, both sides see the query's own folder.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, BinaryIO

from infra.cloud.athena.failures import QueryError


class Refused(Exception):
    """A service of the cloud said no: its code, its message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass
class Wire:
    """Two streams to the cloud, and the path at which this process sees the query's folder."""

    source: BinaryIO
    sink: BinaryIO
    folder: str = "/"

    def ask(self, question: str, **details: Any) -> Any:
        """Ask and return the answer. Refused: the cloud's error."""
        self.say({"ask": question, **details})
        answer = self.hear()
        if "error" in answer:
            raise Refused(answer["error"]["code"], answer["error"]["message"])
        return answer["result"]

    def say(self, message: dict[str, Any]) -> None:
        """Send one message."""
        self.sink.write(json.dumps(message).encode() + b"\n")
        self.sink.flush()

    def hear(self) -> dict[str, Any]:
        """Receive one message. EOFError: the cloud has gone."""
        line = self.source.readline()
        if not line:
            raise EOFError("the cloud has gone")
        found: dict[str, Any] = json.loads(line)
        return found

    def glue(self, operation: str, **params: Any) -> Any:
        """Call Glue as the caller. QueryError: not allowed; Refused: everything else."""
        try:
            return self.ask("glue", operation=operation, params=params)
        except Refused as refused:
            if refused.code != "AccessDeniedException":
                raise
            raise QueryError(
                "", f"Insufficient permissions to execute the query. {refused.message}"
            ) from None

    def objects(self, location: str) -> list[dict[str, Any]]:
        """Return what lies below an s3:// location: key, size; hidden names and folders apart."""
        found = self._s3("list", location, location=location)
        return [one for one in found if one["size"] and not _hidden(one["key"])]

    def fetch(self, location: str, name: str) -> str:
        """Copy an object into the folder and return its path there."""
        self._s3("fetch", location, location=location, name=name)
        return self.inside("in", name)

    def put(self, name: str, location: str) -> None:
        """Copy a file of the folder to S3."""
        self._s3("put", location, location=location, name=name)

    def inside(self, *parts: str) -> str:
        """Return a path in the query's folder."""
        return "/".join([self.folder.rstrip("/"), *parts])

    def _s3(self, question: str, path: str, **details: Any) -> Any:
        try:
            return self.ask(question, **details)
        except Refused as refused:
            if refused.code in {"AccessDenied", "403"}:
                raise QueryError("", f"Permission denied on S3 path: {path}") from None
            raise QueryError(
                "HIVE_CANNOT_OPEN_SPLIT" if question == "fetch" else "HIVE_METASTORE_ERROR",
                f"{refused.message} (Service: Amazon S3; Error Code: {refused.code}; path: {path})",
            ) from None


def _hidden(key: str) -> bool:
    return key.endswith("/") or key.rpartition("/")[2].startswith(("_", "."))
