"""Service accounts of the emulated Google Cloud: their keys, roles, and the tokens they buy.

A token costs what it costs at Google: a JWT signed with the account's key, sent to `/token`.
Limit: four roles, given for the whole project; no users, groups, impersonation or conditions.
"""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from infra.cloud.clock import Clock
from infra.cloud.errors import Answer

PROJECT = "larkmoor-123456"
LIFETIME = 3600
AUDIENCE = "https://oauth2.googleapis.com/token"  # what Google's own library writes, always
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LEEWAY = 600.0  # a client's clock may be off by that much
_READ = ("storage.objects.get", "storage.objects.list")
_OBJECTS = (*_READ, "storage.objects.create", "storage.objects.delete", "storage.objects.update")
# What the roles hold of the permissions that this cloud asks for.
ROLES: dict[str, tuple[str, ...]] = {
    "roles/storage.objectViewer": _READ,
    "roles/storage.objectCreator": ("storage.objects.create",),
    "roles/storage.objectAdmin": _OBJECTS,
    "roles/storage.admin": (
        *_OBJECTS, "storage.buckets.create", "storage.buckets.delete", "storage.buckets.get",
        "storage.buckets.list", "storage.buckets.update", "storage.buckets.getIamPolicy",
        "storage.buckets.setIamPolicy",
    ),
}
_SCOPE = "https://www.googleapis.com/auth/"
_READS = frozenset({*_READ, "storage.buckets.get", "storage.buckets.list"})
_WRITING = {f"{_SCOPE}{name}" for name in (
    "devstorage.full_control", "devstorage.read_write", "cloud-platform",
)}  # fmt: skip
_READING = {f"{_SCOPE}{name}" for name in ("devstorage.read_only", "cloud-platform.read-only")}


@dataclass(frozen=True)
class Account:
    """A service account: who it is, what it may, and its public key (cryptography's object)."""

    email: str
    role: str
    key_id: str
    public: Any

    def may(self, permission: str) -> bool:
        """Whether the account's role holds a permission."""
        return permission in ROLES[self.role]


@dataclass(frozen=True)
class Token:
    """A bearer token that was sold: to whom, when, for which scopes."""

    account: Account
    issued: float
    scopes: frozenset[str]

    def may(self, permission: str) -> bool:
        """Whether the token's scopes cover a permission."""
        if self.scopes & _WRITING:
            return True
        return bool(self.scopes & _READING) and permission in _READS


class Refusal(Exception):
    """Why the token endpoint sells nothing."""


@dataclass
class Accounts:
    """Every account and token of one cloud."""

    clock: Clock
    accounts: dict[str, Account] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)

    def create(self, name: str, role: str, pem: str = "") -> dict[str, str]:
        """Make an account and return its key file's fields, all but `token_uri`.

        `pem` is the private key that it shall have in place of a fresh one.
        """
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa

        if role not in ROLES:
            raise ValueError(f"there is no role {role!r}; there are {', '.join(ROLES)}")
        private: Any = (
            serialization.load_pem_private_key(pem.encode(), None) if pem
            else rsa.generate_private_key(65537, 2048)
        )
        email, key_id = f"{name}@{PROJECT}.iam.gserviceaccount.com", secrets.token_hex(20)
        self.accounts[email] = Account(email, role, key_id, private.public_key())
        text = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return {
            "type": "service_account", "project_id": PROJECT, "private_key_id": key_id,
            "private_key": text.decode(), "client_email": email,
            "client_id": str(secrets.randbelow(10**21)), "universe_domain": "googleapis.com",
        }

    def holder(self, bearer: str) -> Token | None:
        """Return the token behind a bearer's string while it holds."""
        token = self.tokens.get(bearer)
        if token is None or self.clock.age(token.issued) >= LIFETIME:
            return None
        return token

    def sell(self, body: bytes, audience: str) -> Answer:
        """Answer the token endpoint: a signed assertion for a bearer token."""
        try:
            found = self._exchange(parse_qs(body.decode("latin-1")), audience)
        except Refusal as refusal:
            wrong = {"error": "invalid_grant", "error_description": str(refusal)}
            return Answer(400, {"content-type": "application/json"}, json.dumps(wrong).encode(),
                          "invalid_grant")  # fmt: skip
        return Answer(200, {"content-type": "application/json"}, json.dumps(found).encode())

    def _exchange(self, form: dict[str, list[str]], audience: str) -> dict[str, object]:
        if form.get("grant_type") != [GRANT]:
            raise Refusal(f"grant_type must be {GRANT}")
        account, claims = self._verify(form.get("assertion", [""])[0])
        if claims.get("aud") not in {AUDIENCE, audience}:
            raise Refusal(f"aud must be {AUDIENCE} or {audience}")
        now = self.clock.now()
        issued, ends = float(claims.get("iat", 0)), float(claims.get("exp", 0))
        if not issued - LEEWAY <= now <= ends or ends - issued > LIFETIME + LEEWAY:
            raise Refusal("Invalid JWT: Token must be a short-lived token (60 minutes)")
        bearer = f"ya29.{secrets.token_urlsafe(48)}"
        scopes = frozenset(str(claims.get("scope", "")).split())
        self.tokens[bearer] = Token(account, self.clock.real(), scopes)
        return {"access_token": bearer, "expires_in": LIFETIME - 1, "token_type": "Bearer"}

    def _verify(self, assertion: str) -> tuple[Account, dict[str, Any]]:
        try:
            head, payload, signature = assertion.split(".")
            header, claims = json.loads(unpack(head)), json.loads(unpack(payload))
            account = self.accounts.get(claims["iss"])
        except (ValueError, KeyError, TypeError):
            raise Refusal("Invalid JWT") from None
        if account is None:
            raise Refusal("Invalid grant: account not found")
        good = header.get("alg") == "RS256" and signed(
            account, unpack(signature), f"{head}.{payload}".encode()
        )
        if not good:
            raise Refusal("Invalid JWT Signature.")
        return account, claims


def unpack(text: str) -> bytes:
    """Return what URL-safe base64 without padding says; ValueError for anything else."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def signed(account: Account, signature: bytes, message: bytes) -> bool:
    """Whether the account's key made this RSA signature with SHA-256."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    try:
        account.public.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True
