"""Import this in a process that forks clouds with queues, tables and functions: they are warm.

Limit: SQS, DynamoDB, Lambda and the five core services; starts no thread, opens no socket.
"""

from __future__ import annotations

from functools import cache

from infra.cloud import warm


@cache
def ready() -> None:
    """Ask each of them once."""
    warm.services({"sqs", "dynamodb", "lambda"})


ready()
