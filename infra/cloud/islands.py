"""Import this in a process that forks clouds with every service: all engines loaded and warm.

Limit: starts no thread, opens no socket; 5.4 CPU-s and 270 MB, once, which all forks share.
`infra.cloud.engine` alone does for whoever needs the five core services only, and
`infra.cloud.serverless` for whoever needs queues, tables and functions with them.
"""

from __future__ import annotations

from functools import cache

from infra.cloud import rounds, sns, warm


@cache
def ready() -> None:
    """Ask every service once."""
    sns.key()
    warm.services({service for service, _, _ in rounds.CALLS})


ready()
