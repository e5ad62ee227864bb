"""Clients of a cloud's learner's listener, and refusals in few words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.cloud import fixtures
from infra.cloud.fixtures import Cloud, Identity


def of(cloud: Cloud, service: str, who: Identity, **config: Any) -> Any:
    """Return a boto3 client at the learner's listener."""
    return fixtures.client(service, cloud.url, who, cloud.region, **config)


def code(call: Callable[..., Any], **arguments: Any) -> str:
    """Return the code of the error that a call must end with."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return str(caught.value.response["Error"]["Code"])
