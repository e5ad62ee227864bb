"""boto3 clients of one process: one session, its models loaded once and shared by forks.

The user's profile and configuration are not read. Limit: clients never retry by themselves, so
that a log shows what a caller did.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

SERVICES = ("s3", "iam", "sts", "kms", "secretsmanager")


def core() -> Any:
    """Return a session of botocore that knows no profile and reads no file of the user's.

    A new one each time: what makes a client of S3 changes the models that its session has loaded.
    """
    import botocore.session

    return botocore.session.Session({
        "profile": (None, None, None, None), "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    })


@cache
def _session() -> Any:
    import boto3

    return boto3.session.Session(botocore_session=core())


def client(
    service: str, endpoint: str, key_id: str, secret: str, token: str, region: str, *,
    ca: str = "", **config: Any,
) -> Any:
    """Return a client with these credentials at an endpoint; `ca` is a file, for https."""
    from botocore.config import Config

    settings: dict[str, Any] = {"retries": {"max_attempts": 0}, "s3": {"addressing_style": "path"}}
    return _session().client(
        service, endpoint_url=endpoint, region_name=region, aws_access_key_id=key_id,
        aws_secret_access_key=secret, aws_session_token=token or None,
        verify=ca if endpoint.startswith("https:") else None,
        config=Config(**(settings | config)),
    )


@cache
def warm() -> None:
    """Load every service's model, so that a fork's first client is as cheap as its second."""
    for service in SERVICES:
        client(service, "http://127.0.0.1:1", "A" * 20, "x", "", "us-east-1")
