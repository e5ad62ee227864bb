"""The function: everything that outlives an event is made when the module is loaded."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import neighbours
from core import Refused, Scorer, read

SCORER = Scorer(neighbours.model())


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one request."""
    text = event.get("body") or ""
    try:
        parcel = read(json.loads(b64decode(text).decode() if event["isBase64Encoded"] else text))
        status, content = 200, SCORER.answer(parcel, neighbours.load)
    except Refused as error:
        status, content = 422, {"refused": error.field}
    except ValueError:
        status, content = 400, {"refused": "body"}
    except neighbours.Silent:
        status, content = 503, {"refused": "board"}
    return {"statusCode": status, "body": json.dumps(content)}
