"""What stands between Azure's clients and Azurite: passes every request on, and logs it.

Limit: Azurite checks signatures and shared access signatures itself; nothing is decided here.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from pathlib import Path
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from infra.cloud import asked
from infra.cloud.door import Incoming
from infra.cloud.errors import Answer
from infra.cloud.gate import HOP, Request, Upstream
from infra.cloud.log import CallLog


class _Connection(Upstream):
    """A connection to a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("azurite", timeout=60)
        self.path = path

    def connect(self) -> None:
        """Open it."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


def _plain(name: str) -> str:
    """Return a header's name in lower case, unless its letters say something."""
    lower = name.lower()
    return name if lower.startswith("x-ms-meta-") else lower


class Forwarder:
    """One service's forwarder; its threads keep a connection each."""

    def __init__(self, service: str, path: Path, log: CallLog) -> None:
        self.service = service
        self.path = path
        self.log = log
        self.local = threading.local()

    def handle(self, incoming: Incoming, *, judge: bool = False) -> Answer:
        """Answer as Azurite does; 503 while it cannot be reached."""
        began = time.time()
        try:
            answer = self._named(incoming, self._ask(incoming))
        except (OSError, http.client.HTTPException) as error:
            self.local.upstream = None
            said = f"The emulated Azure Storage has gone: {type(error).__name__}"
            answer = Answer(503, {"x-ms-error-code": "ServerBusy"}, said.encode())
        self._record(incoming, answer, began, judge)
        return answer

    def _ask(self, incoming: Incoming) -> Answer:
        upstream = getattr(self.local, "upstream", None)
        if upstream is None:
            upstream = self.local.upstream = _Connection(self.path)
        upstream.refresh()
        upstream.putrequest(
            incoming.method, incoming.target, skip_host=True, skip_accept_encoding=True
        )
        for name, value in incoming.headers.items():
            if name not in HOP:
                spelt = incoming.spelt.get(name, name)
                upstream.putheader(spelt, value.encode("latin-1"))
        upstream.putheader("content-length", str(len(incoming.body)))
        upstream.endheaders(incoming.body or None)
        response = upstream.getresponse()
        body = response.read()
        headers = {_plain(name): value for name, value in response.getheaders()}
        kept = {n: v for n, v in headers.items() if n not in HOP or n == "content-length"}
        return Answer(response.status, kept, body)

    def _named(self, incoming: Incoming, answer: Answer) -> Answer:
        """Name the call in Azurite's "not implemented", which names none."""
        if answer.status != 501:
            return answer
        request = Request(incoming.method, incoming.target, tuple(incoming.headers.items()))
        found = asked.name("azure", self.service, request)
        query = parse_qs(incoming.target.partition("?")[2], keep_blank_values=True)
        parts = " ".join(f"{key}={query[key][0]}" for key in ("restype", "comp") if key in query)
        name = found.operation or f"{incoming.method} {parts}".strip()
        said = f"This emulated Azure Storage has no {self.service}:{name}."
        code = answer.headers.get("x-ms-error-code", "APINotImplemented")
        if self.service == "table":
            told = {"code": "NotImplemented", "message": {"lang": "en-US", "value": said}}
            answer.body = json.dumps({"odata.error": told}).encode()
        else:
            words = f"<Code>{code}</Code><Message>{escape(said)}</Message>"
            answer.body = f'<?xml version="1.0" encoding="UTF-8"?><Error>{words}</Error>'.encode()
        answer.headers.pop("content-length", None)
        return answer

    def _record(self, incoming: Incoming, answer: Answer, began: float, judge: bool) -> None:
        request = Request(incoming.method, incoming.target, tuple(incoming.headers.items()))
        found = asked.name("azure", self.service, request)
        query = parse_qs(incoming.target.partition("?")[2])
        self.log.add(
            found.key, time=began, service=self.service, operation=found.operation,
            action=found.operation, principal="sas" if "sig" in query else "key", key_id="",
            status=answer.status, error=answer.headers.get("x-ms-error-code", ""),
            received=len(incoming.body), bytes=len(answer.body), tls=incoming.secure,
            by="judge" if judge else "learner", presigned="sig" in query, virtual=began,
            detail=incoming.method,
        )
