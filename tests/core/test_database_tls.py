"""Servers on other machines: they prove who they are before anything is said to them, and nothing falls back to plain.

The server is this run's PostgreSQL behind a front that speaks TLS for it, as a pooler does. ``127.1`` leads to this
machine and is no address that counts as its own, so what is tried here is what happens over a network.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from core import database_address
from core.database import Database
from core.driver_errors import translated
from core.errors import DatabaseUnreachable
from core.ops import migrate

#: Reaches this machine, and could be anybody's name in a resolver.
ELSEWHERE = "127.1"
#: What a client asks a PostgreSQL server first if it wants TLS (protocol 3.0, SSLRequest).
SSL_REQUEST = bytes.fromhex("0000000804d2162f")
_VARIABLES = ("PGHOST", "PGHOSTADDR", "PGSSLMODE", "PGSSLROOTCERT", "PGSERVICE", "PGSERVICEFILE", "PGSYSCONFDIR")


@pytest.fixture(autouse=True)
def _nothing_said_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def signed(folder: Path, *names: x509.GeneralName) -> Path:
    """A certificate of its own authority for these names with its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "database")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "server.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return path


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For 127.0.0.1, which ``127.1`` is, and a name."""
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    return signed(tmp_path_factory.mktemp("tls"), address, x509.DNSName("db.test"))


@pytest.fixture(scope="module")
def other_name(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return signed(tmp_path_factory.mktemp("other"), x509.DNSName("db.test"))


@dataclass
class Front:
    """Where the front listens, and what it heard."""

    port: int = 0
    asked_for_tls: list[bool] = field(default_factory=list)
    heard: bytearray = field(default_factory=bytearray)  # by the server, whatever way it came


def _pass_on(source: socket.socket, target: socket.socket, heard: bytearray | None) -> None:
    with suppress(OSError):
        while block := source.recv(65536):
            if heard is not None:
                heard += block
            target.sendall(block)
    for line in (source, target):
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)


def _serve(line: socket.socket, front: Front, certificate: Path | None, reach: Callable[[], socket.socket]) -> None:
    """One client: TLS if it asks for it and there is a certificate, plain otherwise, to the server behind."""
    with line:
        begin = line.recv(8, socket.MSG_WAITALL)
        front.asked_for_tls.append(begin == SSL_REQUEST)
        if begin == SSL_REQUEST:
            line.sendall(b"S" if certificate else b"N")
            begin = b""
            if certificate:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(certificate)
                try:
                    line = context.wrap_socket(line, server_side=True)
                except OSError:
                    return
        with line, reach() as behind:
            front.heard += begin
            behind.sendall(begin)
            back = threading.Thread(target=_pass_on, args=(behind, line, None), daemon=True)
            back.start()
            _pass_on(line, behind, front.heard)
            back.join()


@pytest.fixture
def fronted(database: Any) -> Callable[..., Any]:
    """A front before this test's database, with a certificate or without TLS."""
    address = make_url(database.counter_url)
    host, port = address.query.get("host") or address.host or "localhost", address.query.get("port") or address.port

    def reach() -> socket.socket:
        if not str(host).startswith("/"):
            return socket.create_connection((str(host), int(str(port))))
        line = socket.socket(socket.AF_UNIX)
        line.connect(f"{host}/.s.PGSQL.{port}")
        return line

    @contextmanager
    def listening(certificate: Path | None) -> Iterator[Front]:
        front, clients = Front(), []
        with socket.create_server(("127.0.0.1", 0)) as server:
            front.port = server.getsockname()[1]

            def accept() -> None:
                while True:
                    try:
                        line, _ = server.accept()
                    except OSError:
                        return
                    clients.append(threading.Thread(target=_serve, args=(line, front, certificate, reach), daemon=True))
                    clients[-1].start()

            thread = threading.Thread(target=accept, daemon=True)
            thread.start()
            try:
                yield front
            finally:
                with suppress(OSError):
                    server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for client in clients:
            client.join()

    return listening


@pytest.fixture
def url(database: Any) -> Callable[..., str]:
    """The counter's address through a front."""
    address = make_url(database.counter_url).difference_update_query(["host", "port"])

    def through(front: Front, host: str = ELSEWHERE, **parameters: str) -> str:
        password = address.password or "hunter2"
        made = address.set(host=host, port=front.port, password=password).update_query_dict(parameters)
        return made.render_as_string(hide_password=False)

    return through


def encrypted(address: str) -> bool:
    """Whether a connection to it comes about, and how."""
    database = Database(address)
    try:
        connection = database.engine.raw_connection()
        try:
            driver: Any = connection.dbapi_connection
            assert driver.execute("SELECT 1").fetchone() == (1,)
            return bool(driver.pgconn.ssl_in_use)
        finally:
            connection.close()
    finally:
        database.close()


def refusal(address: str) -> DatabaseUnreachable:
    """What a terminal and an owner are told; both the same."""
    database = Database(address)
    with pytest.raises(DatabaseUnreachable) as refused:
        database.ask("SELECT 1")
    engine = migrate.owner_engine(address)
    with pytest.raises(DatabaseUnreachable) as refused_owner, translated(), engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    engine.dispose()
    assert refused_owner.value.as_json() == refused.value.as_json()
    assert "hunter2" not in str(refused.value.as_json())
    assert refused.value.hint
    return refused.value


def test_a_server_that_proves_who_it_is_is_used_encrypted(fronted: Any, url: Any, certificate: Path) -> None:
    with fronted(certificate) as front:
        assert encrypted(url(front, sslrootcert=str(certificate)))
        assert front.asked_for_tls == [True]


def test_the_authorities_may_come_from_the_environment_or_the_system(
    fronted: Any, url: Any, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fronted(certificate) as front:
        with monkeypatch.context() as patch:
            patch.setenv("PGSSLROOTCERT", str(certificate))
            assert encrypted(url(front))
        with monkeypatch.context() as patch:
            patch.setenv("SSL_CERT_FILE", str(certificate))  # where OpenSSL has the system's
            assert encrypted(url(front))
        own = Path.home() / ".postgresql" / "root.crt"
        own.parent.mkdir()
        own.write_bytes(certificate.read_bytes())
        assert encrypted(url(front))


@pytest.mark.parametrize("parameters", [{}, {"sslmode": ""}])
def test_a_server_without_tls_hears_nothing(fronted: Any, url: Any, parameters: dict[str, str]) -> None:
    with fronted(None) as front:
        refused = refusal(url(front, **parameters))
    assert refused.reason == "database_not_trusted"
    assert "no encrypted connection" in refused.message
    assert "sslmode=disable" in refused.hint
    assert set(front.asked_for_tls) == {True}
    assert front.heard == b""


def test_a_server_nobody_vouches_for_hears_nothing(fronted: Any, url: Any, certificate: Path) -> None:
    with fronted(certificate) as front:
        refused = refusal(url(front))
    assert refused.reason == "database_not_trusted"
    assert "No known authority" in refused.message
    assert "sslrootcert=" in refused.hint
    assert front.heard == b""


def test_a_certificate_for_another_name_is_refused(fronted: Any, url: Any, other_name: Path) -> None:
    with fronted(other_name) as front:
        refused = refusal(url(front, sslrootcert=str(other_name)))
    assert refused.reason == "database_not_trusted"
    assert "another name" in refused.message
    assert front.heard == b""


def test_authorities_that_cannot_be_read_are_named_as_the_cause(
    fronted: Any, url: Any, certificate: Path, tmp_path: Path
) -> None:
    (tmp_path / "none.pem").write_text("no certificate", encoding="ascii")
    with fronted(certificate) as front:
        for root in (tmp_path / "missing.pem", tmp_path / "none.pem"):
            refused = refusal(url(front, sslrootcert=str(root)))
            assert refused.reason == "database_not_trusted"
            assert "file of authorities" in refused.message
    assert front.heard == b""


@pytest.mark.parametrize("mode", ["disable", "prefer"])
def test_whoever_says_so_goes_without(fronted: Any, url: Any, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with fronted(None) as front:
        assert not encrypted(url(front, sslmode=mode))
        monkeypatch.setenv("PGSSLMODE", mode)
        assert not encrypted(url(front))


def test_a_tunnel_that_begins_on_this_machine_needs_none_and_may_have_it(
    fronted: Any, url: Any, certificate: Path
) -> None:
    with fronted(None) as front:
        assert not encrypted(url(front, host="db.test", hostaddr="127.0.0.1"))
    with fronted(certificate) as front:
        asked = {"sslmode": "verify-full", "sslrootcert": str(certificate)}
        assert encrypted(url(front, host="db.test", hostaddr="127.0.0.1", **asked))


def test_a_server_lost_while_it_is_used_is_no_question_of_trust(fronted: Any, url: Any, certificate: Path) -> None:
    with fronted(certificate) as front:
        engine = migrate.owner_engine(url(front, sslrootcert=str(certificate)))
        with engine.connect() as connection, pytest.raises(DatabaseUnreachable) as lost, translated():
            connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        engine.dispose()
    assert lost.value.reason == "database_unreachable"


def modes(address: str) -> str | None:
    return database_address.connect_arguments(database_address.read(address)).get("sslmode")


@pytest.mark.parametrize(
    "where",
    [
        "@db.example/railway", "@192.0.2.1/railway", "@[2001:db8::1]/railway", "@localhost.example/railway",
        "@/railway?host=/run/postgresql&hostaddr=192.0.2.1", "@/railway?host=localhost,db.example",
        "@/railway?host=localhost&host=db.example", "@127.0.0.1/railway?hostaddr=192.0.2.1", "@0.0.0.0/railway",
        "@/railway?hostaddr=,192.0.2.1&host=/run/postgresql,x", "@db.example/railway?service=nowhere",
    ],
)  # fmt: skip
def test_what_is_on_another_machine_has_to_prove_itself(where: str) -> None:
    assert modes(f"postgresql://counter{where}") == "verify-full"


@pytest.mark.parametrize(
    "where",
    [
        "@/railway", "@/railway?host=/run/postgresql", "@/railway?host=@abstract", "@localhost/railway",
        "@LOCALHOST/railway", "@127.0.0.1/railway", "@127.9.8.7:5433/railway", "@[::1]/railway",
        "@db.example/railway?hostaddr=127.0.0.1", "@db.example/railway?sslmode=require",
    ],
)  # fmt: skip
def test_what_is_here_or_says_so_itself_has_not(where: str) -> None:
    assert modes(f"postgresql://counter{where}") is None


def test_the_environment_and_a_service_are_read_as_libpq_does(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    services = tmp_path / "services.conf"
    services.write_text(
        "[far]\nhost=db.example\n[plain]\nhost=db.example\nsslmode=prefer\n[near]\nhost=localhost\n", encoding="ascii"
    )
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    found = {name: modes(f"postgresql://counter@/railway?service={name}") for name in ("far", "plain", "near")}
    assert found == {"far": "verify-full", "plain": None, "near": None}
    monkeypatch.setenv("PGSERVICE", "far")
    assert modes("postgresql://counter@/railway") == "verify-full"
    assert modes("postgresql://counter@localhost/railway") is None
    monkeypatch.setenv("PGHOSTADDR", "192.0.2.1")
    assert modes("postgresql://counter@localhost/railway") == "verify-full"
    monkeypatch.setenv("PGSSLMODE", "require")
    assert modes("postgresql://counter@db.example/railway") is None


def test_a_driver_error_that_is_none_of_ours_says_nothing_of_the_address(fronted: Any, url: Any) -> None:
    with fronted(None) as front:
        engine = migrate.owner_engine(url(front, sslmode="require"))
        with pytest.raises(OperationalError) as refused:
            engine.connect()
        engine.dispose()
    assert "hunter2" not in str(refused.value)
