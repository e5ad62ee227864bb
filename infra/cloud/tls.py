"""The course's certificate authority: a fresh one for each cloud, for loopback names only.

Limit: keys live in memory and in files of mode 0600; nothing is ever added to a system's store.
"""

from __future__ import annotations

import datetime
import ipaddress
import json
import os
import ssl
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from infra.cloud.desk import Folder

NAMES = ("localhost",)
ADDRESSES = ("127.0.0.1", "::1")
_YEAR = datetime.timedelta(days=365)


@dataclass(frozen=True)
class Authority:
    """A CA's certificate, and a server's certificate with its key, all PEM."""

    ca: bytes
    chain: bytes
    key: bytes

    def context(self) -> ssl.SSLContext:
        """Return a server's TLS context; the key touches the disk only while it is read."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "server.pem"
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(self.key + self.chain)
            context.load_cert_chain(path)
        return context


def create() -> Authority:
    """Make a CA, sign one server certificate with it and forget the CA's key."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = _name("Cloud AI Ladder course CA (loopback only)")
    ca = _certificate(issuer, issuer, ca_key.public_key(), ca_key, ca=True)
    server = _certificate(_name("127.0.0.1"), issuer, key.public_key(), ca_key, ca=False)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Authority(ca.public_bytes(pem), server.public_bytes(pem), private)


def kept(folder: Folder) -> Authority:
    """Return the CA of a desk's folder, so that a restart leaves no client with a stale one."""
    found = folder.read("tls.json")
    if isinstance(found, dict) and time.time() < float(found.get("until", 0)):
        return Authority(*(str(found[k]).encode() for k in ("ca", "chain", "key")))
    made = create()
    until = time.time() + 300 * 24 * 3600
    parts = {"ca": made.ca.decode(), "chain": made.chain.decode(), "key": made.key.decode()}
    folder.write("tls.json", json.dumps(parts | {"until": until}))
    return made


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    signer: ec.EllipticCurvePrivateKey,
    *,
    ca: bool,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + _YEAR)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=0 if ca else None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(_usage(ca), critical=True)
    )
    if not ca:
        extended = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        builder = builder.add_extension(_alternatives(), critical=False)
        builder = builder.add_extension(extended, critical=False)
    return builder.sign(signer, hashes.SHA256())


def _usage(ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=ca, crl_sign=ca,
        encipher_only=False, decipher_only=False,
    )


def _alternatives() -> x509.SubjectAlternativeName:
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in NAMES]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in ADDRESSES]
    return x509.SubjectAlternativeName(names)
