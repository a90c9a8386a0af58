"""The gateway behind TLS: a certificate nobody vouches for gets no request, and slowness is bounded there too."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from core.payments.gateway import Gateway
from core.payments.gateway_errors import GatewayNotReady, GatewayUnreachable
from core.payments.gateway_settings import GatewayAccess

KEY = SecretStr("SB-Mid-server-abc123")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1 with its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path_factory.mktemp("tls") / "gateway.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return path


@contextmanager
def listening(certificate: Path | None) -> Iterator[tuple[str, list[bytes], threading.Event]]:
    """A server that hears one request and drips an answer: its address, what it heard, and when it is done.

    Without a certificate it accepts the connection and drips what is no handshake.
    """
    heard: list[bytes] = []
    hung_up = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            line, _ = server.accept()
            with line:
                try:
                    if certificate is not None:
                        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                        context.load_cert_chain(certificate)
                        line = context.wrap_socket(line, server_side=True)
                        heard.append(line.recv(4096))
                    else:
                        line.sendall(b"\x16\x03\x03\x40\x00")  # a record of 16 kB begins
                    while not hung_up.wait(0.02):
                        line.sendall(b"H")
                except OSError:
                    hung_up.set()
                finally:
                    line.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.getsockname()[1]}", heard, hung_up
        finally:
            hung_up.set()
            thread.join()


def asked(url: str, ca_file: Path | None, *, total: float = 20) -> GatewayUnreachable:
    access = GatewayAccess(url, KEY, ca_file=ca_file, connect=20, read=20, total=total, attempts=1)
    with Gateway(access) as gateway, pytest.raises(GatewayUnreachable) as caught:
        gateway.status("SC-1")
    return caught.value


def test_an_unknown_certificate_gets_no_request(certificate: Path) -> None:
    with listening(certificate) as (url, heard, _):
        error = asked(url, None)
    assert error.details["cause"] == "connection"
    assert not any(heard)


def test_a_certificate_for_another_name_gets_no_request(certificate: Path) -> None:
    with listening(certificate) as (url, heard, _):
        asked(url.replace("127.0.0.1", "localhost"), certificate)
    assert not any(heard)


def test_a_dripping_answer_over_tls_ends_in_time(certificate: Path) -> None:
    with listening(certificate) as (url, heard, hung_up):
        error = asked(url, certificate, total=0.3)
        assert hung_up.wait(20), "the connection is closed, not just left"
    assert error.details["cause"] == "timeout"
    assert heard[0].startswith(b"GET /v2/SC-1/status HTTP/1.1\r\n")


def test_a_dripping_handshake_ends_in_time() -> None:
    with listening(None) as (url, _, hung_up):
        assert asked(url, None, total=0.3).details["cause"] == "timeout"
        assert hung_up.wait(20)


def test_certificates_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.pem", tmp_path):
        with pytest.raises(GatewayNotReady, match=path.name):
            Gateway(GatewayAccess("https://gateway.example", KEY, ca_file=path))
