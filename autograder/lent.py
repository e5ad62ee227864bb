"""Sandboxes of a judge, which is confined and can open none: the grader's process opens them.

Limit: one request at a time; what a sandbox does is between its supervisor and the judge.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
from collections.abc import Mapping
from dataclasses import asdict

from autograder.errors import GraderError
from autograder.sandbox import Box, Limits
from autograder.sandbox.message import Channel


class Lent:
    """Boxes that the grader's process opens on request, also of a check's clouds in their threads.

    It closes its own end of each, with all that lies there, when told that one was closed here.
    """

    def __init__(self, channel: Channel) -> None:
        self.channel, self.numbers = channel, itertools.count()

    def open(self, files: Mapping[str, bytes], limits: Limits) -> Box:
        """Ask for a sandbox. Raises GraderError when none can be had."""
        sizes, number = [[name, len(data)] for name, data in files.items()], next(self.numbers)
        head = {"say": "box", "box": number, "files": sizes, "limits": asdict(limits)}
        with self.channel.turn:
            self.channel.send(head, b"".join(files.values()))
            reply = self.channel.receive()
        if "failed" in reply.head:
            raise GraderError(f"no sandbox: {reply.head['failed']}")
        cleanup = contextlib.ExitStack()
        cleanup.callback(self._closed, number)
        return Box(socket.socket(fileno=reply.fds[0]), cleanup)

    def _closed(self, number: int) -> None:
        with contextlib.suppress(OSError):  # whoever asked has seen enough
            self.channel.send({"say": "closed", "box": number})
