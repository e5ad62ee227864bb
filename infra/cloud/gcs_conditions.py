"""Preconditions of Cloud Storage: generations and metagenerations that a request insists on.

Limit: an object has one generation, the live one; ETags (If-Match) are not conditions here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.cloud.gcs_errors import GcsError

_HEADERS = {
    "ifGenerationMatch": "x-goog-if-generation-match",
    "ifMetagenerationMatch": "x-goog-if-metageneration-match",
}


def given(query: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, str]:
    """Return the conditions of a request, from its query or from the XML API's headers."""
    found = {
        name: value for name, value in query.items()
        if name.startswith(("ifGeneration", "ifMetageneration", "ifSource"))
    }
    for name, header in _HEADERS.items():
        if header in headers:
            found[name] = headers[header]
    return found


def check(
    conditions: Mapping[str, str], found: Mapping[str, Any] | None, *, reading: bool,
    source: bool = False,
) -> None:
    """Raise 412 (304 when reading unless changed) if a resource does not meet the conditions.

    A resource that is not there has generation 0; it has no metageneration at all.
    """
    prefix = "ifSource" if source else "if"
    generation = int(found["generation"]) if found and "generation" in found else 0
    meta = int(found["metageneration"]) if found else None
    for name, actual in (("Generation", generation), ("Metageneration", meta)):
        wanted = _number(conditions, f"{prefix}{name}Match")
        if wanted is not None and wanted != actual:
            raise _unmet(412)
        unwanted = _number(conditions, f"{prefix}{name}NotMatch")
        if unwanted is not None and unwanted == actual:
            raise _unmet(304 if reading else 412)


def _number(conditions: Mapping[str, str], name: str) -> int | None:
    text = conditions.get(name)
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        raise GcsError(400, f"Invalid value for {name}: {text!r}") from None


def _unmet(status: int) -> GcsError:
    return GcsError(
        status, "At least one of the pre-conditions you specified did not hold.",
        reason="conditionNotMet",
    )
