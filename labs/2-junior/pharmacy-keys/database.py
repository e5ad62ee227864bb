"""The client of the pharmacy's database. Given; it stays as it is.

The database knows one account. It accepts the password and, after `change`, the one before it
too, until `forget_old`: what MySQL calls RETAIN CURRENT PASSWORD and DISCARD OLD PASSWORD.
It remembers two passwords and never three. Changing nothing is a change like any other.
"""

from __future__ import annotations

import json
import socket
from typing import Any

Credential = dict[str, str]  # {"user": ..., "password": ...}


class Refused(Exception):
    """The database does not accept this credential."""


class Database:
    """The database behind a host and a port. One connection for each request."""

    def __init__(self, host: str, port: int) -> None:
        self.address = (host, port)

    def read(self, credential: Credential, number: str) -> dict[str, Any]:
        """The prescription with this number."""
        return self._ask("read", credential, number=number)["row"]

    def accepts(self, credential: Credential) -> bool:
        """Would this credential be let in?"""
        try:
            self._ask("hello", credential)
        except Refused:
            return False
        return True

    def change(self, credential: Credential, new: str) -> None:
        """Accept `new` from now on, and the password that was the account's until now."""
        self._ask("change", credential, new=new)

    def forget_old(self, credential: Credential) -> None:
        """Accept only the newest password from now on; it is the one to ask with."""
        self._ask("forget_old", credential)

    def _ask(self, request: str, credential: Credential, **rest: str) -> dict[str, Any]:
        message = {"request": request, "user": credential["user"], **rest}
        message["password"] = credential["password"]
        with socket.create_connection(self.address, timeout=60) as line:
            line.sendall(json.dumps(message).encode() + b"\n")
            answer = json.loads(line.makefile("rb").readline())
        if not answer["accepted"]:
            raise Refused(request)
        return answer
