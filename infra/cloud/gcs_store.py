"""What Cloud Storage keeps: gcp-storage-emulator's handlers, called in this process and mended.

The one module that knows the emulator's own names; it is pinned, and tests/infra/contract holds it.
Limit: answers whoever asks; `gcs_door` decides who may, and serves no path but those it names.
"""

from __future__ import annotations

import base64
import json
import logging
import re
from collections.abc import Callable
from typing import Any

from gcp_storage_emulator import storage
from gcp_storage_emulator.handlers import buckets, objects
from gcp_storage_emulator.server import Request, Response

from infra.cloud import gcs_places
from infra.cloud.door import Incoming
from infra.cloud.errors import Answer
from infra.cloud.gcs_errors import GcsError

# It logs what a client got wrong, to whoever listens; our own log has that already.
for _name in ("gcp_storage_emulator", "api"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

Handler = Callable[[Any, Any, Any], None]


def _move(request: Any, response: Any, kept: Any) -> None:
    """Copy within a bucket, then delete the source."""
    params = request.params
    params["dest_bucket_name"] = params["bucket_name"]
    objects.copy(request, response, kept)
    if int(response.status) < 300 and params["object_id"] != params["dest_object_id"]:
        kept.delete_file(params["bucket_name"], params["object_id"])


def _compose(request: Any, response: Any, kept: Any) -> None:
    """Compose an object, and count what it is made of: the emulator leaves that out."""
    place = request.params["bucket_name"]
    there = kept.objects.get(place, {})
    parts = [there.get(one["name"], {}) for one in request.data["sourceObjects"]]
    count = sum(int(one.get("componentCount", 1)) for one in parts)
    objects.compose(request, response, kept)
    if int(response.status) < 300:
        made = kept.get_file_obj(place, request.params["object_id"])
        made["componentCount"] = count
        kept.patch_object(place, request.params["object_id"], made)
        response.json(made)


HANDLERS: dict[str, Handler] = {
    "storage.buckets.list": buckets.ls,
    "storage.buckets.insert": gcs_places.insert,
    "storage.buckets.get": buckets.get,
    "storage.buckets.patch": gcs_places.patch,
    "storage.buckets.delete": buckets.delete,
    "storage.buckets.getIamPolicy": buckets.get_iam_policy,
    "storage.buckets.setIamPolicy": buckets.set_iam_policy,
    "storage.objects.list": objects.ls,
    "storage.objects.insert": objects.insert,
    "storage.objects.resume": objects.upload_partial,
    "storage.objects.put": objects.xml_upload,
    "storage.objects.get": objects.get,
    "storage.objects.download": objects.download,
    "storage.objects.patch": objects.patch,
    "storage.objects.delete": objects.delete,
    "storage.objects.copy": objects.copy,
    "storage.objects.rewrite": objects.rewrite,
    "storage.objects.move": _move,
    "storage.objects.compose": _compose,
    "storage.objects.restore": objects.restore,
}
_NEW = {"insert", "resume", "put", "copy", "rewrite", "move", "compose", "restore"}
_HELD_APART = ("content-encoding", "transfer-encoding", "x-http-method-override", "range")


class _Files(storage._FileStore):  # type: ignore[misc]
    """Keys are keys: "a//b", "./a" and "a/" are three objects, ".." is a name like another."""

    @staticmethod
    def _norm(path: str) -> str:
        return path


class _Storage(storage.Storage):  # type: ignore[misc]
    """In memory, and without a copy of every object's description at each change."""

    def __init__(self) -> None:
        super().__init__(use_memory_fs=True)
        self._store = _Files(use_memory=True)

    def _object_path(self, bucket_name: str, file_name: str) -> str:
        return f"{bucket_name}/{file_name}"

    def _write_config_to_file(self) -> None:
        """Nothing is read back from this process's memory."""


class _Wire:
    """What the emulator asks of an HTTP server's handler."""

    def __init__(self, incoming: Incoming) -> None:
        self.path = incoming.target
        self.headers = _Headers(
            {k: v for k, v in incoming.headers.items() if k not in _HELD_APART}
        )
        self.server = self
        self.server_address = ("127.0.0.1", 0)


class _Headers(dict[str, str]):
    """Headers found by any case of their names."""

    def get(self, key: str, default: Any = None) -> Any:
        return super().get(key.lower(), default)


class Store:
    """Buckets and objects of one cloud."""

    def __init__(self) -> None:
        self.storage = _Storage()

    def bucket(self, name: str) -> dict[str, Any] | None:
        """Return a bucket's resource."""
        found: dict[str, Any] | None = self.storage.buckets.get(name)
        return found

    def object(self, bucket: str, name: str) -> dict[str, Any] | None:
        """Return an object's resource."""
        found: dict[str, Any] | None = self.storage.objects.get(bucket, {}).get(name)
        return found

    def resumed(self, upload: str) -> dict[str, Any] | None:
        """Return the resource that an upload under way will have."""
        found: dict[str, Any] | None = self.storage.resumable.get(upload)
        return found

    def run(self, operation: str, match: re.Match[str], incoming: Incoming) -> Answer:
        """Carry out one operation, which may answer with an error's status and no body."""
        request, response = Request(_Wire(incoming), incoming.method), Response(None)
        request.set_match(match)
        request._data = _body(incoming, operation)
        before = self._metadata(request.params) if operation == "storage.objects.patch" else {}
        HANDLERS[operation](request, response, self.storage)
        content = response._content
        if operation == "storage.objects.put" and int(response.status) < 300:
            self._label(request.params, incoming.headers)
        if int(response.status) < 300:
            if operation == "storage.objects.rewrite":
                self._class(request.params, request._data)
            content = self._mend(operation, request.params, content, before)
        body = content.encode() if isinstance(content, str) else content
        headers = {name.lower(): str(value) for name, value in response._headers.items()}
        return Answer(int(response.status), headers, body)

    def _label(self, params: dict[str, str], headers: dict[str, str]) -> None:
        """Keep the metadata that the XML API takes in headers."""
        found = self.object(params["bucket_name"], params["object_id"]) or {}
        mark = "x-goog-meta-"
        pairs = {k.removeprefix(mark): v for k, v in headers.items() if k.startswith(mark)}
        if pairs:
            found["metadata"] = pairs

    def _class(self, params: dict[str, str], wanted: Any) -> None:
        """Give what was rewritten the storage class that was asked for."""
        found = self.object(params["dest_bucket_name"], params["dest_object_id"])
        if found is not None and isinstance(wanted, dict) and wanted.get("storageClass"):
            found["storageClass"] = wanted["storageClass"]

    def _metadata(self, params: dict[str, str]) -> dict[str, str]:
        found = self.object(params["bucket_name"], params["object_id"]) or {}
        return dict(found.get("metadata") or {})

    def _mend(
        self, operation: str, params: dict[str, str], content: Any, before: dict[str, str]
    ) -> Any:
        """Set what the emulator leaves wrong in an object that was made or changed."""
        verb = operation.rpartition(".")[2]
        if operation.startswith("storage.buckets") or verb not in {*_NEW, "patch"} or (
            verb != "put" and not content
        ):
            return content
        data = json.loads(content) if content else {}
        told = data.get("resource", data)
        bucket = told.get("bucket", params.get("dest_bucket_name", params["bucket_name"]))
        name = told.get("name", params.get("dest_object_id", params.get("object_id", "")))
        found = self.object(bucket, name)
        if found is None:
            return content
        if verb in _NEW:
            found["metageneration"] = "1"
        elif found.get("metadata") is not None:
            merged = {**before, **found["metadata"]}
            found["metadata"] = {key: v for key, v in merged.items() if v is not None}
        found["size"] = str(found["size"])
        mark = f"{found['generation']}/{found['metageneration']}"
        found["etag"] = base64.b64encode(mark.encode()).decode()
        told.clear()
        told.update(found)
        return json.dumps(data) if content else content


def name_in(incoming: Incoming) -> str:
    """Return the name that the body of an upload gives its object."""
    body = _body(incoming, "storage.objects.insert")
    if isinstance(body, dict):
        name = body.get("meta", body).get("name")
        if isinstance(name, str) and name:
            return name
    raise GcsError(400, "Required object name is missing.", reason="required")


def _body(incoming: Incoming, operation: str) -> Any:
    """Return a body as the emulator's handlers take it: JSON, an upload's two parts, or bytes."""
    kind = incoming.headers.get("content-type", "")
    if operation == "storage.objects.insert" and "uploadType=multipart" in incoming.target:
        return _parts(incoming.body, kind)
    if operation in {"storage.objects.resume", "storage.objects.put"}:
        return incoming.body
    if operation == "storage.objects.insert" and "uploadType=media" in incoming.target:
        return incoming.body
    if not incoming.body:
        return None
    return _object(incoming.body)


def _object(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise GcsError(400, "Parse Error", reason="parseError") from None
    if not isinstance(found, dict):
        raise GcsError(400, "The body is not a JSON object.", reason="parseError")
    return found


def _parts(body: bytes, kind: str) -> dict[str, Any]:
    """Split multipart/related: a JSON description and the object's bytes, untouched."""
    found = re.search(r'boundary="?([^";]+)"?', kind)
    mark = b"--" + found[1].encode("latin-1") if found else b"--"
    first, last = body.find(mark), body.rfind(mark + b"--")
    second = body.find(mark, first + len(mark))
    try:
        meta = _object(_part(body[first + len(mark) : second])[1])
        headers, content = _part(body[second + len(mark) : last])
    except ValueError:
        raise GcsError(400, "Malformed multipart body.", reason="badContent") from None
    kind = headers.get("content-type", "application/octet-stream")
    return {"meta": meta, "content": content, "content-type": kind}


def _part(piece: bytes) -> tuple[dict[str, str], bytes]:
    """Return the headers and content of one part between two boundaries."""
    head, gap, content = piece.partition(b"\r\n\r\n")
    if not gap:
        raise ValueError("no empty line")
    lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines if ":" in line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return headers, content.removesuffix(b"\r\n")
