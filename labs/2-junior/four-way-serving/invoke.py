"""What Lambda's runtime does, in small: load the function once, then hand it one event at a time.

    python invoke.py < events.jsonl        events in, one a line; replies into replies.jsonl

Limit: no time limit, no log, and an error is a reply that says its type.
"""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from typing import Any

import function


def reply(event: dict[str, Any]) -> dict[str, Any]:
    """Return what the function makes of an event."""
    try:
        found: dict[str, Any] = function.handler(event, SimpleNamespace(function_name="scorer"))
    except Exception as error:
        return {"errorType": type(error).__name__}
    return found


if __name__ == "__main__":
    with open("replies.jsonl", "w", encoding="utf-8") as replies:
        for line in sys.stdin:
            replies.write(json.dumps(reply(json.loads(line))) + "\n")
