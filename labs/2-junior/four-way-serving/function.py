"""The function: the scorer behind API Gateway's HTTP API, payload format 2.0.

One environment answers one event at a time, and is used again for the next.
"""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any

import neighbours
from core import Refused, Scorer, read

JSON = {"content-type": "application/json"}


@cache
def scorer() -> Scorer:
    """Return the scorer of this environment."""
    return Scorer(neighbours.model())


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one request: 200 and the answer, 422 what does not fit, 400 no JSON, 503 no board."""
    # TODO: read the body (which may be base64), answer it, or say what is wrong with it
    raise NotImplementedError


def reply(status: int, content: dict[str, Any]) -> dict[str, Any]:
    """Return what the gateway wants to hear."""
    return {"statusCode": status, "headers": JSON, "body": json.dumps(content)}
