"""Whose key signed a request? Keys that were issued, sessions that still hold, nothing else.

Limit: says who calls, not what they may; a listener of the judge's knows one key more.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from dataclasses import dataclass, field

from infra.cloud import sigv4, state, sts
from infra.cloud.calls import Caller
from infra.cloud.chunks import Chunked
from infra.cloud.clock import Clock
from infra.cloud.dispatch import ACCOUNT
from infra.cloud.errors import AwsError
from infra.cloud.iam import Principal
from infra.cloud.table import protocol

ROOT = Principal("root", state.ROOT, ACCOUNT, ACCOUNT, "root")


@dataclass(frozen=True)
class RootKey:
    """The judge's credentials; only its own listeners take them."""

    key_id: str = field(default_factory=lambda: sts.new_key_id("AKIA"))
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(30))


class Keys:
    """Every credential of one cloud."""

    def __init__(self, root: RootKey, clock: Clock, lock: threading.Lock) -> None:
        self.root = root
        self.lock = lock
        self.clock = clock
        self.sessions = sts.Sessions()

    def authenticate(
        self, message: sigv4.Message, signature: sigv4.Signature, now: float, *, judge: bool
    ) -> tuple[Caller, Chunked]:
        """Return who calls, and the body as verified; raise as the service would."""
        with self.lock:  # another connection may be making users
            caller, secret, token = self._lookup(signature.key_id, signature.service, judge)
        if not hmac.compare_digest(token.encode(), signature.token.encode()):
            raise _bad_token(signature.service)
        sigv4.check_time(signature, self.clock.age(signature.time), now)
        body = sigv4.payload(message, signature, secret)
        session = self.sessions.known.get(signature.key_id)
        if session is not None and self.clock.age(session.issued) >= session.seconds:
            raise _expired(signature.service)
        return caller, body

    def credentials(self, key_id: str) -> tuple[str, str]:
        """Return secret and token of a key id that has just called. AwsError: it is gone."""
        with self.lock:
            _, secret, token = self._lookup(key_id, "sts", judge=True)
        return secret, token

    def _lookup(self, key_id: str, service: str, judge: bool) -> tuple[Caller, str, str]:
        """Return the caller, secret and token behind a key id that was issued."""
        if judge and key_id == self.root.key_id:
            return Caller(ROOT, self.root.key_id, restricted=False), self.root.secret, ""
        session = self.sessions.known.get(key_id)
        if session is not None and _still_exists(session.principal):
            return sts.caller(session), session.secret, session.token
        key = state.access_key(key_id)
        user = state.user(key.user_name) if key is not None else None
        if key is None or user is None or key.status != "Active":
            raise _unknown_key(service)
        principal = Principal(
            "user", user.arn, ACCOUNT, user.id, user.name, tags=state.pairs(user.tags)
        )
        return Caller(principal, key.access_key_id), key.secret_access_key, ""


def _still_exists(principal: Principal) -> bool:
    """Sessions end with their role or user."""
    if principal.kind == "session":
        role = state.role_by_arn(principal.role)
        return role is not None and principal.id.startswith(f"{role.id}:")
    user = state.user(principal.name)
    return user is not None and user.id == principal.id


def _unknown_key(service: str) -> AwsError:
    if service == "s3":
        return AwsError(
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.", 403,
        )
    return _bad_token(service)


def _bad_token(service: str) -> AwsError:
    if service == "s3":
        return AwsError("InvalidToken", "The provided token is malformed or invalid.", 400)
    code = "InvalidClientTokenId" if protocol(service) == "query" else "UnrecognizedClientException"
    return AwsError(code, "The security token included in the request is invalid.", 403)


def _expired(service: str) -> AwsError:
    plain = protocol(service) in {"rest-xml", "query"}
    code = "ExpiredToken" if plain else "ExpiredTokenException"
    status = 400 if service == "s3" else 403
    return AwsError(code, "The security token included in the request is expired", status)
