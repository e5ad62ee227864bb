"""A piece of a resumable upload: what its Content-Range says has to be what its body holds.

Limit: a body of a whole object needs no Content-Range, and a piece may be of any size from 256 KiB
on; Cloud Storage keeps whole multiples of that and asks for the rest again.
"""

from __future__ import annotations

import re

from infra.cloud.gcs_errors import GcsError

LEAST = 256 * 1024
_SPAN = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_NONE = re.compile(r"bytes \*/(\d+|\*)")


def check(span: str | None, size: int) -> None:
    """Raise GcsError 400 if a Content-Range cannot be read or is not that of `size` bytes."""
    if span is None or _NONE.fullmatch(span):
        return
    found = _SPAN.fullmatch(span)
    first, last = (int(found[1]), int(found[2])) if found else (0, -1)
    if found is None or last < first or (found[3] != "*" and last >= int(found[3])):
        raise GcsError(400, "Failed to parse Content-Range header.")
    if last - first + 1 != size:
        raise GcsError(
            400, f"Invalid request. There were {size} byte(s) in the request body. There should "
            f"have been {last - first + 1} byte(s) (starting at offset {first} and ending at "
            f"offset {last}) according to the Content-Range header.",
        )
    whole = found[3] != "*" and last + 1 == int(found[3])
    if size < LEAST and not whole:
        raise GcsError(
            400, "Invalid request. The number of bytes uploaded is required to be equal or "
            f"greater than {LEAST}, except for the final request. The received request contained "
            f"{size} bytes, which does not meet this requirement.",
        )
