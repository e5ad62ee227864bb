"""The front door: authenticates, names, authorises and logs every call, then asks the engine.

Limit: serves the services of `services.toml` and nothing else; engines are never reached
by a path, a host or a header that a client chose.
"""

from __future__ import annotations

import json
import secrets
import threading
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import unquote, urlencode

from infra.cloud import (
    accounts,
    batches,
    dispatch,
    documents,
    island,
    kms,
    objects,
    registry,
    routes,
    s3,
    sigv4,
    state,
    sts,
    surroundings,
    verdicts,
    versions,
)
from infra.cloud import secrets as secretsmanager
from infra.cloud.calls import Call, Caller, Need
from infra.cloud.clock import Clock
from infra.cloud.errors import Answer, AwsError, access_denied, render
from infra.cloud.iam import Decision
from infra.cloud.inside import Inside, Later
from infra.cloud.keys import Keys, RootKey
from infra.cloud.log import CallLog
from infra.cloud.table import ENTRIES, is_form
from infra.cloud.usage import UsageLog

_JSON = "application/x-amz-json-1.1"
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Incoming:
    """An HTTP request as the server read it; header names in lower case.

    `spelt` has the names as they were sent, for services whose metadata keep their case.
    """

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""
    address: str = "127.0.0.1"
    secure: bool = False
    spelt: dict[str, str] = field(default_factory=dict)


class Door:
    """All state of the door: root key, sessions, log, quota, one lock around the engine."""

    def __init__(self, root: RootKey, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.lock = threading.Lock()
        self.keys = Keys(root, self.clock, self.lock)
        self.log = CallLog()
        self.inside = Inside(self)
        self.usage = UsageLog()
        self.stored = 0
        self.quota = 1 << 30

    def handle(self, incoming: Incoming, *, judge: bool = False, by: str = "") -> Answer:
        """Answer one request, whatever it is; every outcome is logged.

        `judge`: it came by a judge's listener; `by` "service": a service of this cloud asks.
        """
        by = by or ("judge" if judge else "learner")
        trace = _Trace(self.clock.real())
        request_id = secrets.token_hex(8).upper()
        try:
            answer = self._serve(incoming, by != "learner", trace)
        except AwsError as error:
            path = incoming.target.partition("?")[0]
            form = is_form(trace.service, incoming.headers)
            answer = render(error, _dialect(incoming, trace.service), request_id, path, form=form)
        except Exception as error:  # an engine's bug must be an answer, not a dropped connection
            trace.detail = f"{type(error).__name__}: {error}"[:500]
            form = is_form(trace.service, incoming.headers)
            dialect = _dialect(incoming, trace.service)
            answer = render(_failure(error, trace), dialect, request_id, form=form)
        self._record(incoming, by, trace, answer)
        answer.headers.setdefault("x-amz-request-id", request_id)
        return answer

    def _serve(self, incoming: Incoming, judge: bool, trace: _Trace) -> Answer:
        message = _message(incoming)
        signature = sigv4.parse(message)
        if signature is None:
            raise _unsigned(incoming)
        trace.service, trace.key_id = signature.service, signature.key_id
        trace.presigned = signature.presigned
        if signature.service not in registry.SERVICES:
            raise AwsError(
                "NotImplemented", f"This cloud has no service {signature.service!r}.", 501
            )
        if signature.region not in dispatch.regions():
            raise AwsError("AuthorizationHeaderMalformed", "There is no such region.", 400)
        caller, body = self.keys.authenticate(message, signature, trace.time, judge=judge)
        trace.principal = caller.principal.arn
        with self.lock:
            call = self._call(incoming, message, signature, caller, body)
            trace.operation = call.operation
            answer = self._run(call, trace)
        return answer() if callable(answer) else answer

    # --- what ---------------------------------------------------------------------------------

    def _call(
        self, incoming: Incoming, message: sigv4.Message, signature: sigv4.Signature,
        caller: Caller, body: Any,
    ) -> Call:
        service = signature.service
        query = sigv4.without_signature(message.query)
        headers = dict(message.headers) | body.trailer
        path = unquote(message.path)
        if service == "s3":
            operation = routes.s3(incoming.method, path, query, headers)
            objects.check_digests(body.body, headers)
        else:
            if not island.is_rest(service) and _elsewhere(incoming.method, path, query):
                raise AwsError("InvalidAction", f"{service} is called by POST to / only.")
            operation = island.read(service, incoming.method, path, query, headers, body.body)
        return Call(
            service, signature.region, operation.name, operation.params, caller,
            incoming.method, path, query, headers, body.body, incoming.secure,
            incoming.address, self.clock.now(), signature.presigned,
            self.clock.age(signature.time), self.clock.real(),
        )

    # --- may it ---------------------------------------------------------------------------------

    def _run(self, call: Call, trace: _Trace) -> Answer | Later:
        if call.service == "iam":
            accounts.before(call)
        needs = registry.needs(call.service)(call)
        if needs:
            trace.action, trace.resource = needs[0].action, needs[0].resource
        if call.caller.restricted:
            for need in needs:
                self._require(call, need)
            self._within_quota(call)
        documents.check(call)
        if call.service == "sts":
            return sts.answer(call, self.keys.sessions)
        answer = self._forward(call, trace)
        if call.caller.restricted and isinstance(answer, Answer) and answer.status < 300:
            for used in kms.requests(call, needs):
                self.usage.add(used)
        return answer

    def _grant(self, call: Call, need: Need) -> None:
        """Require a need, unless a judge calls."""
        if call.caller.restricted:
            self._require(call, need)

    def _require(self, call: Call, need: Need) -> None:
        decision = decide(call, need)
        if not decision.allowed:
            if call.service == "secretsmanager" and need.action.startswith("kms:"):
                raise access_denied(call.service, "Access to KMS is not allowed")
            raise access_denied(call.service, verdicts.refusal(call, need, decision))
        error = kms.broken(need.key) if need.key is not None and need.working else None
        if error is None:
            return
        if call.service == "s3":
            raise AwsError(f"KMS.{error.code}", error.message)
        raise secretsmanager.broken(call) if call.service == "secretsmanager" else error

    def _within_quota(self, call: Call) -> None:
        if call.service == "s3" and call.method == "PUT":
            self.stored += len(call.body)
            if self.stored > self.quota:
                raise _no_room()

    # --- do it ----------------------------------------------------------------------------------

    def _forward(self, call: Call, trace: _Trace) -> Answer | Later:
        if call.service in registry.ISLANDS:
            return registry.ISLANDS[call.service].answer(call, self.inside)
        if call.service == "s3":
            return self._forward_s3(call, trace)
        if call.service == "iam":
            own = accounts.own_work(call)
            if own is not None:
                return own
            form = urlencode({"Action": call.operation, "Version": "2010-05-08", **call.params})
            answer = dispatch.call(
                "iam", call.region, "POST", headers={"content-type": _FORM}, body=form.encode()
            )
            accounts.after(call, answer)
            return answer
        if call.operation == "BatchGetSecretValue":
            return batches.answer(call, self._grant)
        own = versions.own_work(call) if call.service == "secretsmanager" else None
        if own is not None:
            return own
        if call.service == "kms":
            kms.prepare(call)
        headers = {"content-type": _JSON, "x-amz-target": call.headers["x-amz-target"]}
        body = json.dumps(call.params).encode()
        answer = dispatch.call(call.service, call.region, "POST", headers=headers, body=body)
        if call.service == "kms":
            return kms.checked(call, answer, self.clock.now())
        return versions.labelled(call, answer)

    def _forward_s3(self, call: Call, trace: _Trace) -> Answer:
        if call.operation == "DeleteObjects":
            trace.action, trace.resource = "s3:DeleteObject", s3.arn(call.params["Bucket"], "*")
            return objects.delete_many(call, lambda need: self._may(call, need))
        answer = objects.forward(call)
        missing = answer.status == 404 and call.operation in {"GetObject", "HeadObject"}
        bucket_is_there = state.bucket(call.params.get("Bucket", "")) is not None
        if missing and bucket_is_there and not self._may(call, s3.list_need(call)):
            raise access_denied("s3", "Access Denied")
        return answer

    def _may(self, call: Call, need: Need) -> bool:
        return not call.caller.restricted or decide(call, need).allowed

    def _record(self, incoming: Incoming, by: str, trace: _Trace, answer: Answer) -> None:
        error = answer.error or (objects.error_code(answer) if answer.status >= 400 else "")
        self.log.add(
            **asdict(trace), status=answer.status, error=error, received=len(incoming.body),
            bytes=len(answer.body), tls=incoming.secure, by=by,
            virtual=self.clock.now(),
        )


@dataclass
class _Trace:
    """What is known of a request so far, for the log."""

    time: float
    service: str = ""
    operation: str = ""
    action: str = ""
    resource: str = ""
    principal: str = ""
    key_id: str = ""
    presigned: bool = False
    detail: str = ""


def decide(call: Call, need: Need) -> Decision:
    """Evaluate one need of a call with every policy that has a say."""
    return verdicts.decide(call.principal, need, call.context(), call.caller.session)


def _unsigned(incoming: Incoming) -> AwsError:
    if incoming.headers.get("content-type", "").startswith("multipart/form-data"):
        return AwsError("NotImplemented", "This cloud has no s3:PostObject (forms).", 501)
    return AwsError("AccessDenied", "Access Denied: the request is not signed.", 403)


def _failure(error: Exception, trace: _Trace) -> AwsError:
    """Return what a client is told of an engine that lacks a call, or breaks in it."""
    entry = ENTRIES.get(trace.service)
    name = f"{entry.prefix if entry else trace.service}:{trace.operation}".strip(":")
    if isinstance(error, NotImplementedError):
        return AwsError("NotImplemented", f"This cloud has no {name or 'such call'}.", 501)
    if surroundings.full(error):
        return _no_room()
    said = f"The emulated cloud failed in {name or 'this call'} ({type(error).__name__})."
    return AwsError("InternalError", said, 500)


def _no_room() -> AwsError:
    return AwsError("ServiceUnavailable", "This cloud's disk is full.", 507)


def _elsewhere(method: str, path: str, query: sigv4.Pairs) -> bool:
    return method != "POST" or path != "/" or bool(query)


def _dialect(incoming: Incoming, service: str) -> str:
    """Return a service that writes errors the way this client can read."""
    if service in registry.SERVICES:
        return service
    if "x-amz-target" in incoming.headers:
        return "kms"
    return "iam" if incoming.headers.get("content-type", "").startswith(_FORM) else "s3"


def _message(incoming: Incoming) -> sigv4.Message:
    """Split the request target; anything but an absolute path is refused."""
    path, _, query = incoming.target.partition("?")
    if not path.startswith("/") or "#" in incoming.target:
        raise AwsError("InvalidURI", "Couldn't parse the specified URI.", 400)
    pairs = []
    for part in query.split("&") if query else []:
        name, _, value = part.partition("=")
        pairs.append((unquote(name), unquote(value)))
    return sigv4.Message(incoming.method, path, pairs, incoming.headers, incoming.body)
