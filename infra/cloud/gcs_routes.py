"""Which request is which operation of Cloud Storage: JSON API, and objects of the XML API.

Limit: a request that stands not here is not served; the emulator's own control paths do not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

_BUCKET = r"/b/(?P<bucket_name>[-.\w]+)"
_OBJECT = rf"{_BUCKET}/o/(?P<object_id>[^/]+)"
_TARGET = r"/b/(?P<dest_bucket_name>[-.\w]+)/o/(?P<dest_object_id>[^/]+)"
_API = "/storage/v1"

# operation, method, path, permissions; the first that fits is taken.
_TABLE: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("storage.buckets.list", "GET", f"{_API}/b", ("storage.buckets.list",)),
    ("storage.buckets.insert", "POST", f"{_API}/b", ("storage.buckets.create",)),
    ("storage.buckets.get", "GET", f"{_API}{_BUCKET}", ("storage.buckets.get",)),
    ("storage.buckets.patch", "PATCH", f"{_API}{_BUCKET}", ("storage.buckets.update",)),
    ("storage.buckets.delete", "DELETE", f"{_API}{_BUCKET}", ("storage.buckets.delete",)),
    ("storage.buckets.getIamPolicy", "GET", f"{_API}{_BUCKET}/iam",
     ("storage.buckets.getIamPolicy",)),
    ("storage.buckets.setIamPolicy", "PUT", f"{_API}{_BUCKET}/iam",
     ("storage.buckets.setIamPolicy",)),
    ("storage.objects.list", "GET", f"{_API}{_BUCKET}/o", ("storage.objects.list",)),
    ("storage.objects.insert", "POST", f"/upload{_API}{_BUCKET}/o", ("storage.objects.create",)),
    ("storage.objects.resume", "PUT", f"/upload{_API}{_BUCKET}/o", ("storage.objects.create",)),
    ("storage.objects.download", "GET", f"/download{_API}{_OBJECT}", ("storage.objects.get",)),
    ("storage.objects.get", "GET", f"{_API}{_OBJECT}", ("storage.objects.get",)),
    ("storage.objects.patch", "PATCH", f"{_API}{_OBJECT}", ("storage.objects.update",)),
    ("storage.objects.delete", "DELETE", f"{_API}{_OBJECT}", ("storage.objects.delete",)),
    ("storage.objects.copy", "POST", f"{_API}{_OBJECT}/copyTo{_TARGET}",
     ("storage.objects.create", "storage.objects.get")),
    ("storage.objects.rewrite", "POST", f"{_API}{_OBJECT}/rewriteTo{_TARGET}",
     ("storage.objects.create", "storage.objects.get")),
    ("storage.objects.move", "POST", f"{_API}{_OBJECT}/moveTo/o/(?P<dest_object_id>[^/]+)",
     ("storage.objects.create", "storage.objects.get", "storage.objects.delete")),
    ("storage.objects.restore", "POST", f"{_API}{_OBJECT}/restore", ("storage.objects.create",)),
    ("storage.objects.compose", "POST", f"{_API}{_OBJECT}/compose",
     ("storage.objects.create", "storage.objects.get")),
)  # fmt: skip
_XML = r"/(?!storage/v1/|upload/|download/|batch/)(?P<bucket_name>[-.\w]+)/(?P<object_id>.+)"
_OVER_XML = {
    "GET": ("storage.objects.download", "storage.objects.get"),
    "HEAD": ("storage.objects.download", "storage.objects.get"),
    "PUT": ("storage.objects.put", "storage.objects.create"),
    "DELETE": ("storage.objects.delete", "storage.objects.delete"),
}


@dataclass(frozen=True)
class Route:
    """An operation on a bucket or object, and what it takes."""

    operation: str
    permissions: tuple[str, ...]
    match: re.Match[str]
    xml: bool = False

    @property
    def bucket(self) -> str:
        """The bucket's name, "" when the operation has none."""
        return unquote(self.match.groupdict().get("bucket_name") or "")

    @property
    def object(self) -> str:
        """The object's name as the path gives it, "" when it gives none."""
        return unquote(self.match.groupdict().get("object_id") or "")

    @property
    def target(self) -> tuple[str, str]:
        """Bucket and name of the object that a copy or a move makes."""
        groups = self.match.groupdict()
        bucket = groups.get("dest_bucket_name") or groups["bucket_name"]
        return unquote(bucket), unquote(groups["dest_object_id"])


_COMPILED = [(name, method, re.compile(path), may) for name, method, path, may in _TABLE]
_ANY = re.compile(_XML, re.DOTALL)


def find(method: str, path: str, query: Mapping[str, str]) -> Route | None:
    """Return what a request asks for, or None when this cloud does not serve it."""
    for operation, wanted, pattern, permissions in _COMPILED:
        match = pattern.fullmatch(path) if wanted == method else None
        if match:
            if operation == "storage.objects.get" and query.get("alt") == "media":
                operation = "storage.objects.download"
            return Route(operation, permissions, match)
    match = _ANY.fullmatch(path)
    if match and method in _OVER_XML:
        operation, permission = _OVER_XML[method]
        return Route(operation, (permission,), match, xml=True)
    return None
