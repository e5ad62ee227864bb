"""TLS with the course CA: trusted by who has it, by nobody else, for loopback only."""

from __future__ import annotations

import http.client
import socket
import ssl
from pathlib import Path

import pytest
from botocore.exceptions import SSLError
from cryptography import x509

from infra.cloud import fixtures, tls
from infra.cloud.fixtures import Cloud, allow
from tests.infra import raw


def test_the_learners_port_speaks_tls(cloud: Cloud, tmp_path: Path) -> None:
    ann = cloud.identity("ann", [allow(["s3:*"])])
    ca = tmp_path / "ca.pem"
    ca.write_bytes(cloud.ca)
    s3 = fixtures.client("s3", cloud.https_url, ann, cloud.region, ca=str(ca))
    assert s3.list_buckets()["Buckets"] == []
    assert (cloud.log[-1].tls, cloud.log[-1].by) == (True, "learner")


def test_another_ca_does_not_do(cloud: Cloud, tmp_path: Path) -> None:
    ann = cloud.identity("ann", [allow(["s3:*"])])
    other = tmp_path / "other.pem"
    other.write_bytes(tls.create().ca)
    s3 = fixtures.client("s3", cloud.https_url, ann, cloud.region, ca=str(other))
    with pytest.raises(SSLError):
        s3.list_buckets()


def test_plain_http_on_the_tls_port_is_nothing(cloud: Cloud) -> None:
    reply = raw.exchange(raw.port_of(cloud.https_url), b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    assert raw.statuses(reply) == []
    assert cloud.usage()["cpu"] > 0


def test_a_hung_handshake_holds_nobody(cloud: Cloud) -> None:
    port = raw.port_of(cloud.https_url)
    context = ssl.create_default_context(cadata=cloud.ca.decode())
    with socket.create_connection(("127.0.0.1", port)):
        wire = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=20)
        wire.request("GET", "/")
        assert wire.getresponse().status == 403
        wire.close()


def test_the_names_of_the_certificate() -> None:
    made = tls.create()
    server = x509.load_pem_x509_certificate(made.chain)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert {str(a) for a in names.get_values_for_type(x509.IPAddress)} == {"127.0.0.1", "::1"}
    ca = x509.load_pem_x509_certificate(made.ca)
    server.verify_directly_issued_by(ca)
    assert ca.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert tls.create().ca != made.ca
