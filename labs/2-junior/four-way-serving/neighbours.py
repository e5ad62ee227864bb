"""What the shells ask of others: the model in the store, and the board that knows a depot's load.

The environment says where they are: LARKMOOR_MODEL (s3://bucket/key) and LARKMOOR_BOARD (a URL).
"""

from __future__ import annotations

import json
import os
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote, urlsplit

import boto3


class Silent(Exception):
    """The board did not answer as it should."""


def model() -> dict[str, Any]:
    """Return the model's document from the store. Asks the store each time."""
    place = urlsplit(os.environ["LARKMOOR_MODEL"])
    found = boto3.client("s3").get_object(Bucket=place.netloc, Key=place.path.lstrip("/"))
    document: dict[str, Any] = json.loads(found["Body"].read())
    return document


def load(depot: str, day: str) -> int:
    """Return what a depot has booked for a day, percent. Asks the board each time, and waits.

    Raises Silent.
    """
    board = urlsplit(os.environ["LARKMOOR_BOARD"])
    connection = HTTPConnection(board.hostname or "", board.port, timeout=30)
    try:
        connection.request("GET", f"/load?depot={quote(depot)}&day={quote(day)}")
        reply = connection.getresponse()
        body = reply.read()
    except OSError as error:
        raise Silent(str(error)) from error
    finally:
        connection.close()
    if reply.status != 200:
        raise Silent(f"the board said {reply.status}")
    return int(json.loads(body)["load_pct"])
