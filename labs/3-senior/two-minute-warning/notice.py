"""Has the cloud asked for the machine back? Two ways of being told; the third is not being told.

EC2 sends no signal before a spot interruption: one asks the metadata service (IMDSv2). Kubernetes,
SageMaker and `systemd` on a machine that shuts down send SIGTERM.
"""

from __future__ import annotations

import os
import signal
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

ACTION = "/latest/meta-data/spot/instance-action"  # 404 until there is something to say
TOKEN = "/latest/api/token"
ASK = 2  # steps between two looks at the metadata service: four seconds
TTL = {"X-aws-ec2-metadata-token-ttl-seconds": "21600"}


class Notice:
    """Both channels behind one question. Make it in the main thread: it takes SIGTERM over."""

    def __init__(self) -> None:
        self.signalled = False
        self.token = ""
        self.address = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", "")
        signal.signal(signal.SIGTERM, self._on_signal)

    def given(self, step: int) -> bool:
        """Return whether this machine is about to go away; it looks every ASK steps."""
        return self.signalled or (step % ASK == 0 and self._interrupted())

    def _on_signal(self, number: int, frame: object) -> None:
        """Remember the signal and nothing else: it may arrive in the middle of a step."""
        # TODO: what is safe to do between any two instructions?
        raise NotImplementedError

    def _interrupted(self) -> bool:
        """Return whether the metadata service announces an interruption.

        A service that is not there, or does not answer, announces nothing. A token may die early.
        """
        # TODO: ask with the token, fetch a new token when it is refused
        raise NotImplementedError

    def _key(self) -> dict[str, str]:
        return {"X-aws-ec2-metadata-token": self.token} if self.token else {}

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
        """Return status and text of one short conversation with the metadata service."""
        service = HTTPConnection(urlsplit(self.address).netloc, timeout=1)
        try:
            service.request(method, path, headers=headers)
            answer = service.getresponse()
            return answer.status, answer.read().decode()
        finally:
            service.close()
