"""Lists cut into pages, and downloads cut into ranges: what the store answers with in one piece.

Limit: a page is cut from the whole list at each call; a range is one, never several.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from infra.cloud.errors import Answer
from infra.cloud.gcs_errors import GcsError

MOST = 1000


def cut(answer: Answer, query: Mapping[str, str]) -> None:
    """Leave one page of a list in its answer, with the token of the next one."""
    found: dict[str, Any] = json.loads(answer.body)
    entries: list[tuple[str, Any]] = [(item["name"], item) for item in found.pop("items", [])]
    entries += [(prefix, None) for prefix in found.pop("prefixes", [])]
    entries.sort(key=lambda entry: entry[0].encode())
    page, token = _page([e for e in entries if _wanted(e[0], query)], query)
    items = [item for _, item in page if item is not None]
    prefixes = [name for name, item in page if item is None]
    found |= {name: value for name, value in (("items", items), ("prefixes", prefixes)) if value}
    if token:
        found["nextPageToken"] = token
    answer.body = json.dumps(found).encode()


def _wanted(name: str, query: Mapping[str, str]) -> bool:
    if name < query.get("startOffset", ""):
        return False
    end = query.get("endOffset", "")
    return not end or name < end


def _page(
    entries: list[tuple[str, Any]], query: Mapping[str, str]
) -> tuple[list[tuple[str, Any]], str]:
    size = query.get("maxResults", str(MOST))
    if not size.isdigit() or size == "0":
        raise GcsError(400, f"Invalid value for maxResults: {size!r}")
    after = _after(query.get("pageToken", ""))
    left = [entry for entry in entries if after is None or entry[0].encode() > after.encode()]
    page = left[: min(int(size), MOST)]
    more = len(left) > len(page)
    return page, base64.urlsafe_b64encode(page[-1][0].encode()).decode() if more else ""


def _after(token: str) -> str | None:
    if not token:
        return None
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except ValueError:
        raise GcsError(400, "Invalid pageToken") from None


def slice_body(answer: Answer, wanted: str) -> None:
    """Leave the bytes of one range; raise 416 when it begins behind the end."""
    found = re.fullmatch(r"\s*bytes=(\d*)-(\d*)\s*", wanted)
    if not found or found[0].strip() == "bytes=-":
        return
    size = len(answer.body)
    first, last = found[1], found[2]
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    if start >= size or (last and first and int(last) < start):
        raise GcsError(416, "The requested range cannot be satisfied.", code="InvalidRange")
    answer.body = answer.body[start : end + 1]
    answer.status = 206
    answer.headers["content-range"] = f"bytes {start}-{end}/{size}"
