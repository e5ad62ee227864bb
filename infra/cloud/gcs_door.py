"""The front door of the emulated Cloud Storage: who, may they, under which condition; and the log.

Limit: roles count for the whole project, bucket policies and access lists decide nothing; a request
without a token or a signature is refused, whatever a bucket says: nothing is public here.
"""

from __future__ import annotations

import hmac
import json
import threading
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, unquote

from infra.cloud import (
    gcs_absent,
    gcs_batch,
    gcs_conditions,
    gcs_pages,
    gcs_pieces,
    gcs_routes,
    gcs_signed,
)
from infra.cloud.clock import Clock
from infra.cloud.door import Incoming
from infra.cloud.errors import Answer
from infra.cloud.gcs_accounts import Account, Accounts, Token
from infra.cloud.gcs_errors import GcsError, render
from infra.cloud.gcs_routes import Route
from infra.cloud.gcs_store import Store, name_in
from infra.cloud.log import CallLog

TOKEN_PATH = "/token"
# What names a generation means the live one; to restore means another.
_OF_ONE = {f"storage.objects.{verb}" for verb in ("get", "download", "patch", "delete")}
LONGEST_NAME = 1024
_WRITES = {"insert", "put", "resume"}


@dataclass
class _Trace:
    """What the log will say of a call."""

    operation: str = ""
    resource: str = ""
    principal: str = ""
    presigned: bool = False
    time: float = field(default=0.0)


class GcsDoor:
    """One emulated Cloud Storage: accounts, store, log, one lock around them."""

    def __init__(self, root: str, clock: Clock | None = None) -> None:
        self.root = root  # the judge's bearer token; only its own listener takes it
        self.clock = clock or Clock()
        self.accounts = Accounts(self.clock)
        self.store = Store()
        self.log = CallLog()
        self.lock = threading.Lock()
        self.stored = 0
        self.quota = 1 << 30

    def handle(self, incoming: Incoming, *, judge: bool = False) -> Answer:
        """Answer one request, whatever it is; every outcome is logged, a batch's one by one."""
        path, _, text = incoming.target.partition("?")
        if incoming.method == "POST" and path in gcs_batch.PATHS:
            return self._batch(incoming, judge)
        trace = _Trace(time=self.clock.real())
        query = dict(parse_qsl(text, keep_blank_values=True))
        route = gcs_routes.find(incoming.method, path, query)
        try:
            with self.lock:
                answer = self._serve(incoming, route, query, trace, judge)
        except GcsError as error:
            answer = render(error, xml=route is not None and route.xml)
        except Exception as error:  # the emulator's bug must be an answer
            wrong = GcsError(500, f"The emulated cloud failed: {type(error).__name__}: {error}")
            answer = render(wrong, xml=route is not None and route.xml)
        self._record(incoming, trace, answer, judge)
        return answer

    def _batch(self, incoming: Incoming, judge: bool) -> Answer:
        try:
            return gcs_batch.answer(incoming, partial(self.handle, judge=judge))
        except GcsError as error:
            refusal = render(error, xml=False)
            self._record(incoming, _Trace("batch", time=self.clock.real()), refusal, judge)
            return refusal

    def _serve(
        self, incoming: Incoming, route: Route | None, query: dict[str, str], trace: _Trace,
        judge: bool,
    ) -> Answer:
        path, _, text = incoming.target.partition("?")
        if incoming.method == "POST" and path == TOKEN_PATH:
            trace.operation = "token"
            audience = f"http://{incoming.headers.get('host', '')}{TOKEN_PATH}"
            return self.accounts.sell(incoming.body, audience)
        if route is None:
            raise GcsError(
                501, f"This emulated Cloud Storage does not have {incoming.method} {unquote(path)}"
            )
        trace.operation = route.operation
        trace.resource = _resource(route, query)
        trace.presigned = gcs_signed.is_signed(text)
        self._admit(incoming, route, query, trace, judge)
        return self._run(incoming, route, query, trace)

    # --- may they ---------------------------------------------------------------------------------

    def _admit(
        self, incoming: Incoming, route: Route, query: dict[str, str], trace: _Trace, judge: bool
    ) -> None:
        bearer = incoming.headers.get("authorization", "").removeprefix("Bearer ")
        if judge and hmac.compare_digest(bearer.encode(), self.root.encode()):
            trace.principal = "judge"
            return
        who: Token | Account | None
        if trace.presigned:
            who = gcs_signed.signer(
                incoming.method, incoming.target, incoming.headers, self.accounts.accounts.get,
                self.clock,
            )
            account = who
        else:
            who = self.accounts.holder(bearer)
            if who is None:
                raise _stranger(bearer, xml=route.xml)
            account = who.account
        trace.principal = account.email
        for permission in self._permissions(route, query, incoming):
            if not (who.may(permission) and account.may(permission)):
                raise GcsError(
                    403, f"{account.email} does not have {permission} access to the Google Cloud"
                    f" Storage object. Permission '{permission}' denied on resource (or it may"
                    " not exist).",
                )

    def _permissions(
        self, route: Route, query: dict[str, str], incoming: Incoming
    ) -> tuple[str, ...]:
        """Return what a call takes: to replace an object is to delete it, too."""
        if route.permissions[0] != "storage.objects.create":
            return route.permissions
        bucket, name = self._made(route, query, incoming)
        there = self.store.object(bucket, name) is not None
        return (*route.permissions, "storage.objects.delete") if there else route.permissions

    # --- do it ------------------------------------------------------------------------------------

    def _run(
        self, incoming: Incoming, route: Route, query: dict[str, str], trace: _Trace
    ) -> Answer:
        verb = route.operation.rpartition(".")[2]
        gcs_absent.check(route, incoming)
        bucket, name = self._made(route, query, incoming)
        trace.resource = f"{bucket}/{name}" if name else bucket
        if len(name.encode()) > LONGEST_NAME:
            raise GcsError(400, f"The object's name is longer than {LONGEST_NAME} bytes in UTF-8.")
        self._hold(incoming, route, query, bucket, name)
        if verb == "resume":
            gcs_pieces.check(incoming.headers.get("content-range"), len(incoming.body))
        if verb in _WRITES:
            self._take(len(incoming.body))
        answer = self.store.run(route.operation, route.match, incoming)
        if answer.status >= 400:
            there = self.store.bucket(bucket) is not None
            raise _refused(answer, route, bucket, name if there else "")
        if verb == "list":
            gcs_pages.cut(answer, query)
        elif verb == "download":
            self._describe(answer, bucket, name, incoming)
        elif verb == "delete":
            answer.status = 204
        return answer

    def _hold(
        self, incoming: Incoming, route: Route, query: dict[str, str], bucket: str, name: str
    ) -> None:
        """Check a request's conditions against what is there now."""
        reading = route.permissions == ("storage.objects.get",) or incoming.method == "GET"
        found = self.store.object(bucket, name) if name else self.store.bucket(bucket)
        conditions = gcs_conditions.given(query, incoming.headers)
        named = query.get("generation") if route.operation in _OF_ONE else None
        if named and found is not None and named != found["generation"]:
            raise _missing(bucket, name)
        if reading and found is None:
            return  # "not found" says more than "condition not met"
        gcs_conditions.check(conditions, found, reading=reading)
        source = self.store.object(route.bucket, route.object) if route.object else None
        gcs_conditions.check(conditions, source, reading=False, source=True)

    def _take(self, size: int) -> None:
        if self.stored + size > self.quota:
            raise GcsError(403, "This emulated cloud takes no more bytes.", reason="quotaExceeded")
        self.stored += size

    def _made(self, route: Route, query: dict[str, str], incoming: Incoming) -> tuple[str, str]:
        """Return the bucket and name of the object that a request reads, makes or changes."""
        verb = route.operation.rpartition(".")[2]
        if verb in {"copy", "rewrite", "move"}:
            return route.target
        if verb in {"insert", "resume"}:
            under_way = self.store.resumed(query.get("upload_id", ""))
            if under_way is not None:
                return under_way["bucket"], under_way["name"]
            if route.operation == "storage.buckets.insert":
                return "", ""
            return route.bucket, query.get("name") or name_in(incoming)
        return route.bucket, route.object

    def _describe(self, answer: Answer, bucket: str, name: str, incoming: Incoming) -> None:
        """Add a download's headers, and cut its range."""
        found: dict[str, Any] = self.store.object(bucket, name) or {}
        stamp = datetime.fromisoformat(found["updated"])
        answer.headers |= {
            "x-goog-generation": found["generation"],
            "x-goog-metageneration": found["metageneration"],
            "x-goog-stored-content-length": str(len(answer.body)),
            "x-goog-stored-content-encoding": found.get("contentEncoding") or "identity",
            "x-goog-storage-class": found["storageClass"],
            "etag": f'"{found["etag"]}"', "accept-ranges": "bytes",
            "last-modified": format_datetime(stamp, usegmt=True),
        }
        for field_name, header in (
            ("cacheControl", "cache-control"), ("contentEncoding", "content-encoding"),
            ("contentDisposition", "content-disposition"),
        ):
            if found.get(field_name):
                answer.headers.setdefault(header, found[field_name])
        if "range" in incoming.headers:
            gcs_pages.slice_body(answer, incoming.headers["range"])
        if incoming.method == "HEAD":
            answer.headers["content-length"] = str(len(answer.body))

    def _record(self, incoming: Incoming, trace: _Trace, answer: Answer, judge: bool) -> None:
        self.log.add(
            trace.resource, time=trace.time, service="gcs", operation=trace.operation,
            action=trace.operation, principal=trace.principal, key_id="", status=answer.status,
            error=answer.error, received=len(incoming.body), bytes=len(answer.body),
            tls=incoming.secure, by="judge" if judge else "learner", presigned=trace.presigned,
            virtual=self.clock.now(), detail=incoming.method,
        )


def _resource(route: Route, query: dict[str, str]) -> str:
    name = route.object or query.get("name", "")
    return f"{route.bucket}/{name}" if name else route.bucket


def _stranger(bearer: str, *, xml: bool) -> GcsError:
    if not bearer:
        return GcsError(
            403 if xml else 401, "Anonymous caller does not have storage access to the Google"
            " Cloud Storage resource. Nothing is public in this cloud: sign in with its key file.",
        )
    return GcsError(401, "Invalid Credentials", reason="authError")


def _missing(bucket: str, name: str) -> GcsError:
    if name:
        return GcsError(404, f"No such object: {bucket}/{name}", code="NoSuchKey")
    return GcsError(404, "The specified bucket does not exist.", code="NoSuchBucket")


def _refused(answer: Answer, route: Route, bucket: str, name: str) -> GcsError:
    """Return the emulator's refusal, in the words of Cloud Storage where it has none."""
    if answer.status == 404:
        return _missing(bucket, name)
    said = answer.body.decode(errors="replace")
    try:
        message = json.loads(said)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        message = said or f"{route.operation} was refused with {answer.status}"
    if answer.status == 409 and route.operation == "storage.buckets.delete":
        message = "The bucket you tried to delete is not empty."
    return GcsError(answer.status, message)
