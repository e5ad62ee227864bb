"""STS, our own: temporary credentials that the front door honours, with trust policies.

Limit: AssumeRole, GetCallerIdentity, GetSessionToken, GetAccessKeyInfo; no federation.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from infra.cloud import state, trusted
from infra.cloud.calls import Call, Caller, Context, Need, request_tags, resource_tags
from infra.cloud.dispatch import ACCOUNT
from infra.cloud.errors import Answer, AwsError, namespace
from infra.cloud.forms import members, members_of, values
from infra.cloud.iam import Document, Principal

SUPPORTED = {"AssumeRole", "GetCallerIdentity", "GetSessionToken", "GetAccessKeyInfo"}
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_NAME = re.compile(r"[\w+=,.@-]{2,64}")


@dataclass(frozen=True)
class Session:
    """Temporary credentials: whose they are, what limits them, until when."""

    key_id: str
    secret: str
    token: str
    issued: float
    seconds: int
    principal: Principal
    policies: Sequence[Document] | None = None
    transitive: dict[str, str] = field(default_factory=dict)


@dataclass
class Sessions:
    """Every set of temporary credentials that was handed out."""

    known: dict[str, Session] = field(default_factory=dict)

    def open(
        self, principal: Principal, now: float, seconds: int,
        policies: Sequence[Document] | None = None, transitive: dict[str, str] | None = None,
    ) -> Session:
        """Hand out credentials for a principal; `transitive` tags go along a chain of roles."""
        session = Session(
            new_key_id("ASIA"), secrets.token_urlsafe(30), secrets.token_urlsafe(240),
            now, seconds, principal, policies, transitive or {},
        )
        self.known[session.key_id] = session
        return session


def new_key_id(prefix: str) -> str:
    """Return a fresh access key id."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(16))


def needs(call: Call) -> list[Need]:
    """Return what an STS call needs; knowing who you are needs nothing."""
    if call.operation not in SUPPORTED:
        raise AwsError("InvalidAction", f"This cloud has no sts:{call.operation}.")
    if call.operation != "AssumeRole":
        return []
    arn = str(call.params.get("RoleArn", ""))
    found = state.role_by_arn(arn)
    trust = trusted.policy(found) if found else None
    keys = _context(call, found)
    names = ["sts:AssumeRole"]
    if members(call.params, "Tags.member"):
        names.append("sts:TagSession")
    if "sts:sourceidentity" in keys:
        names.append("sts:SetSourceIdentity")
    found_needs = [Need(name, arn, keys, trust, must_delegate=True) for name in names]
    if call.principal.kind == "session" and "sts:sourceidentity" in keys:
        # In a chain of roles the caller's own policies must allow it, whoever the trust names.
        found_needs.append(Need("sts:SetSourceIdentity", arn, keys))
    return found_needs


def _context(call: Call, found: Any) -> Context:
    keys: Context = {}
    for name in ("ExternalId", "RoleSessionName", "SourceIdentity"):
        if name in call.params:
            keys[f"sts:{name.lower()}"] = call.params[name]
    if call.principal.source:
        keys.setdefault("sts:sourceidentity", call.principal.source)
    transitive = values(call.params, "TransitiveTagKeys.member")
    if transitive:
        keys["sts:transitivetagkeys"] = transitive
    if found is not None:
        keys |= resource_tags(state.pairs(found.tags), "iam")
    return keys | request_tags(members(call.params, "Tags.member"))


def answer(call: Call, sessions: Sessions) -> Answer:
    """Do an allowed STS call."""
    if call.operation == "GetCallerIdentity":
        who = call.principal
        return _xml(call, UserId=who.id, Account=ACCOUNT, Arn=who.arn)
    if call.operation == "GetAccessKeyInfo":
        return _xml(call, Account=ACCOUNT)
    if call.operation == "GetSessionToken":
        return _session_token(call, sessions)
    return _assume_role(call, sessions)


def role_principal(
    found: Any, name: str, tags: dict[str, str] | None = None, source: str = ""
) -> Principal:
    """Return the principal of a role's session; its tags replace the role's, case ignored."""
    own = {key.lower() for key in tags or {}}
    kept = {k: v for k, v in state.pairs(found.tags).items() if k.lower() not in own}
    return Principal(
        "session", f"arn:aws:sts::{ACCOUNT}:assumed-role/{found.name}/{name}", ACCOUNT,
        f"{found.id}:{name}", name, found.arn, kept | (tags or {}), source,
    )


def _assume_role(call: Call, sessions: Sessions) -> Answer:
    found = state.role_by_arn(str(call.params.get("RoleArn", "")))
    name = str(call.params.get("RoleSessionName", ""))
    if found is None or not _NAME.fullmatch(name):
        raise AwsError("ValidationError", f"RoleSessionName must match {_NAME.pattern}")
    longest = int(found.max_session_duration or 3600)
    if call.caller.issued is not None:
        longest = min(longest, 3600)
    seconds = _seconds(call, min(3600, longest), longest)
    before = sessions.known.get(call.caller.key_id)
    inherited = before.transitive if before is not None else {}
    tags = _session_tags(call, inherited)
    wanted = {key.lower() for key in values(call.params, "TransitiveTagKeys.member")}
    session = sessions.open(
        role_principal(found, name, tags, _source_identity(call)), call.real_time, seconds,
        _session_policies(call),
        inherited | {k: v for k, v in tags.items() if k.lower() in wanted},
    )
    user = f"<AssumedRoleUser><AssumedRoleId>{escape(session.principal.id)}</AssumedRoleId>"
    user += f"<Arn>{escape(session.principal.arn)}</Arn></AssumedRoleUser>"
    if session.principal.source:
        user += f"<SourceIdentity>{escape(session.principal.source)}</SourceIdentity>"
    return _xml(call, user + credentials(session))


def _session_tags(call: Call, inherited: dict[str, str]) -> dict[str, str]:
    """Return the tags of the new session: those passed, and those that come down the chain."""
    passed = members(call.params, "Tags.member")
    if len({key.lower() for key in passed}) != len(members_of(call.params, "Tags.member")):
        raise AwsError("InvalidParameterValue", "Duplicate tag keys found; case is ignored.")
    if {key.lower() for key in passed} & {key.lower() for key in inherited}:
        raise AwsError(
            "InvalidParameterValue",
            "One of the specified tags conflicts with a transitive tag of the calling session.",
        )
    missing = [
        key for key in values(call.params, "TransitiveTagKeys.member")
        if key.lower() not in {name.lower() for name in passed}
    ]
    if missing:
        raise AwsError(
            "InvalidParameterValue", f"The transitive tag key {missing[0]} is not among the tags."
        )
    return inherited | passed


def _source_identity(call: Call) -> str:
    """Return the source identity of the new session; once set, it stays along the chain."""
    given, before = call.params.get("SourceIdentity"), call.principal.source
    if given is None:
        return before
    if not _NAME.fullmatch(given) or given.startswith("aws:"):
        raise AwsError("ValidationError", f"SourceIdentity must match {_NAME.pattern}")
    if before and given != before:
        raise AwsError("AccessDenied", "The source identity of a session cannot be changed.", 403)
    return str(given)


def _session_policies(call: Call) -> list[Document] | None:
    params = call.params
    arns = [v for k, v in params.items() if re.fullmatch(r"PolicyArns\.member\.\d+\.arn", k)]
    if "Policy" not in params and not arns:
        return None
    found = [state.managed(arn) for arn in arns]
    if "Policy" in params:
        parsed = state.document(params["Policy"])
        if parsed is state.DENY_ALL:
            raise AwsError("MalformedPolicyDocument", "The session policy is not valid JSON.")
        found.append(parsed)
    return found


def _session_token(call: Call, sessions: Sessions) -> Answer:
    if call.principal.kind != "user" or call.caller.issued is not None:
        raise AwsError("AccessDenied", "Cannot call GetSessionToken with session credentials", 403)
    session = sessions.open(call.principal, call.real_time, _seconds(call, 43200, 129600))
    return _xml(call, credentials(session))


def _seconds(call: Call, default: int, longest: int) -> int:
    text = str(call.params.get("DurationSeconds", default))
    if not text.isdigit() or not 900 <= int(text) <= longest:
        raise AwsError("ValidationError", f"DurationSeconds must be between 900 and {longest}.")
    return int(text)


def credentials(session: Session) -> str:
    """Return credentials as STS writes them."""
    end = datetime.fromtimestamp(session.issued + session.seconds, UTC)
    return (
        f"<Credentials><AccessKeyId>{session.key_id}</AccessKeyId>"
        f"<SecretAccessKey>{session.secret}</SecretAccessKey>"
        f"<SessionToken>{session.token}</SessionToken>"
        f"<Expiration>{end:%Y-%m-%dT%H:%M:%SZ}</Expiration></Credentials>"
    )


def _xml(call: Call, inside: str = "", **fields: str) -> Answer:
    name, spoken = call.operation, namespace("sts")
    inside += "".join(f"<{k}>{escape(v)}</{k}>" for k, v in fields.items())
    body = (
        f'<{name}Response xmlns="{spoken}"><{name}Result>{inside}</{name}Result>'
        f"<ResponseMetadata><RequestId>{secrets.token_hex(16)}</RequestId></ResponseMetadata>"
        f"</{name}Response>"
    )
    return Answer(200, {"content-type": "text/xml"}, body.encode())


def caller(session: Session) -> Caller:
    """Return who calls with these credentials."""
    return Caller(session.principal, session.key_id, session.policies, session.issued)
