"""The worker: orders from a queue, answers and tallies into a table, each order once.

    python worker.py             go on until killed
    python worker.py --drain     end with 0 when the queue gives nothing more

LARKMOOR_QUEUE is the queue's URL, LARKMOOR_TABLE the table's name.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import boto3
import neighbours
from botocore.exceptions import ClientError
from core import Refused, Scorer, read

QUEUE, TABLE = os.environ.get("LARKMOOR_QUEUE", ""), os.environ.get("LARKMOOR_TABLE", "")


def main(arguments: Iterable[str]) -> int:
    """Work through the queue; return the exit code."""
    # TODO: receive, have the effect once, delete only what has had it
    raise NotImplementedError


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
