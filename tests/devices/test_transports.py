"""Documents on their way: real files, pipes and sockets, and printers that behave as printers do."""

from __future__ import annotations

import os
import resource
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from counter.devices.printer_dialogue import PAPER_STATUS_REQUEST, process_id_request
from counter.devices.transports import FileTransport, NetworkTransport, Outcome

PROCESS_ID = "AB12"
DOCUMENT = b"\x1b@ticket\n\x1dV\x00" + process_id_request(PROCESS_ID)
REPLY = b"\x37\x22AB12\x00"
ASB = b"\x10\x00\x00\x0f"

# Files


def test_a_file_takes_documents_one_after_the_other(tmp_path: Path) -> None:
    path = tmp_path / "tickets.bin"
    transport = FileTransport(path)
    assert not transport.hears_replies
    assert [transport.send(DOCUMENT).outcome for _ in range(2)] == [Outcome.CONFIRMED] * 2
    assert path.read_bytes() == DOCUMENT * 2
    assert path.stat().st_mode & 0o077 == 0, "tickets carry names and codes"


def test_documents_of_several_counters_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "tickets.bin"
    documents = [bytes([65 + number]) * 20_000 + b"\n" for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        deliveries = list(pool.map(FileTransport(path).send, documents))
    assert {delivery.outcome for delivery in deliveries} == {Outcome.CONFIRMED}
    assert sorted(path.read_bytes().splitlines(keepends=True)) == documents


def test_a_file_that_cannot_be_opened_is_not_sent(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing" / "file", tmp_path / ("x" * 300)):
        delivery = FileTransport(path).send(DOCUMENT)
        assert delivery.outcome is Outcome.NOT_SENT
        assert str(path) in delivery.reason


def test_special_files_need_no_sync() -> None:
    assert FileTransport(Path("/dev/null")).send(DOCUMENT).outcome is Outcome.CONFIRMED


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
def test_a_full_device_prints_nothing() -> None:
    delivery = FileTransport(Path("/dev/full")).send(DOCUMENT)
    assert delivery.outcome is Outcome.NOT_SENT
    assert "No space" in delivery.reason


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file of this process may grow past ``size``; the interpreter ignores the signal, so writing on fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_that_ends_in_the_middle_of_a_document_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "tickets.bin"
    with largest_file(10):
        assert FileTransport(path).send(DOCUMENT).outcome is Outcome.UNKNOWN
        assert FileTransport(path).send(DOCUMENT).outcome is Outcome.NOT_SENT
    assert path.read_bytes() == DOCUMENT[:10]


def test_a_pipe_with_a_reader_gets_the_document(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    document = DOCUMENT * 20_000  # more than a pipe holds: the sender has to wait for the reader
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(FileTransport(path, timeout=30).send, document)
        received = b""
        while len(received) < len(document):  # nothing is read until the sender has opened the pipe
            received += os.read(reader, 65_536)
        assert sending.result().outcome is Outcome.CONFIRMED
    os.close(reader)
    assert received == document


def test_a_pipe_without_a_reader_is_not_sent(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    assert FileTransport(path).send(DOCUMENT).outcome is Outcome.NOT_SENT


def test_a_pipe_that_nobody_empties_is_unknown_or_not_sent(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    transport = FileTransport(path, timeout=0.05)
    try:
        # A pipe holds 64 KiB unless set otherwise: the first document fills it half way through.
        assert transport.send(b"x" * 1_000_000).outcome is Outcome.UNKNOWN
        assert transport.send(DOCUMENT).outcome is Outcome.NOT_SENT
    finally:
        os.close(reader)


# Network

Behaviour = Callable[[socket.socket], None]


class Printer:
    """A printer on a loopback port that serves one connection at a time the way ``behaviour`` says."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve)

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                self.behaviour(connection)

    def __enter__(self) -> Printer:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()

    def transport(self, reply_timeout: float = 10.0) -> NetworkTransport:
        return NetworkTransport("127.0.0.1", self.port, connect_timeout=5.0, reply_timeout=reply_timeout)


def read_until(connection: socket.socket, wanted: bytes) -> bytes:
    received = b""
    while wanted not in received:
        data = connection.recv(4096)
        if not data:
            break
        received += data
    return received


def answer_process_id(connection: socket.socket) -> None:
    if read_until(connection, process_id_request(PROCESS_ID)):
        connection.sendall(REPLY)
        read_until(connection, b"nothing more comes")


def test_a_printer_that_says_the_process_id_back_confirms() -> None:
    heard: list[bytes] = []

    def behaviour(connection: socket.socket) -> None:
        heard.append(read_until(connection, process_id_request(PROCESS_ID)))
        connection.sendall(REPLY)
        heard.append(read_until(connection, b"nothing more comes"))

    with Printer(behaviour) as printer:
        transport = printer.transport()
        assert transport.hears_replies
        delivery = transport.send(DOCUMENT, PROCESS_ID)
    assert delivery.outcome is Outcome.CONFIRMED
    assert "process id" in delivery.reason
    assert heard == [DOCUMENT, b""], "the document and nothing else"


def test_replies_in_pieces_among_others_confirm() -> None:
    def behaviour(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(ASB)  # a printer with automatic status greets with it
        read_until(connection, process_id_request(PROCESS_ID))
        for byte in ASB + b"\x13\x16" + b"\x37\x22AB11\x00" + ASB[:2] + REPLY:
            connection.sendall(bytes([byte]))
        read_until(connection, b"nothing more comes")

    with Printer(behaviour) as printer:
        delivery = printer.transport().send(DOCUMENT, PROCESS_ID)
    assert delivery.outcome is Outcome.CONFIRMED
    assert "process id" in delivery.reason


def status_only(status: bytes, heard: list[bytes]) -> Behaviour:
    def behaviour(connection: socket.socket) -> None:
        connection.sendall(ASB)
        heard.append(read_until(connection, PAPER_STATUS_REQUEST))
        connection.sendall(status)

    return behaviour


@pytest.mark.parametrize("status", [b"\x00", b"\x03", ASB + b"\x11\x60"])
def test_a_status_after_the_cut_confirms(status: bytes) -> None:
    heard: list[bytes] = []
    with Printer(status_only(status, heard)) as printer:
        delivery = printer.transport().send(DOCUMENT)
    assert delivery.outcome is Outcome.CONFIRMED
    assert "after the cut" in delivery.reason
    assert heard == [DOCUMENT + PAPER_STATUS_REQUEST]


def test_a_printer_that_knows_no_process_id_is_asked_for_its_status() -> None:
    heard: list[bytes] = []
    with Printer(status_only(b"\x00", heard)) as printer:
        # Half of it goes by before the status is asked for.
        delivery = printer.transport(reply_timeout=2.0).send(DOCUMENT, PROCESS_ID)
    assert delivery.outcome is Outcome.CONFIRMED
    assert heard == [DOCUMENT + PAPER_STATUS_REQUEST]


def test_a_status_that_nobody_asked_for_does_not_confirm() -> None:
    def behaviour(connection: socket.socket) -> None:
        connection.sendall(b"\x00" * 5)
        read_until(connection, process_id_request(PROCESS_ID))

    with Printer(behaviour) as printer:
        delivery = printer.transport().send(DOCUMENT, PROCESS_ID)
    assert delivery.outcome is Outcome.UNKNOWN
    assert "closed" in delivery.reason


def test_a_printer_without_paper_does_not_confirm() -> None:
    def behaviour(connection: socket.socket) -> None:
        read_until(connection, PAPER_STATUS_REQUEST)
        connection.sendall(b"\x0c")

    with Printer(behaviour) as printer:
        delivery = printer.transport().send(DOCUMENT)
    assert delivery.outcome is Outcome.UNKNOWN
    assert "paper" in delivery.reason


@pytest.mark.parametrize(
    "said",
    [b"", ASB * 3, b"\x37\x22ZZZZ\x00", b"\x11\x13\x12\x16", b"\x37\x22AB12"],
    ids=["silence", "automatic status", "another process id", "flow control", "half a reply"],
)
def test_a_printer_that_says_nothing_to_the_point_is_unknown(said: bytes) -> None:
    heard: list[bytes] = []

    def behaviour(connection: socket.socket) -> None:
        begun = read_until(connection, process_id_request(PROCESS_ID))
        connection.sendall(said)
        heard.append(begun + read_until(connection, b"nothing more comes"))

    with Printer(behaviour) as printer:
        delivery = printer.transport(reply_timeout=0.3).send(DOCUMENT, PROCESS_ID)
    assert delivery.outcome is Outcome.UNKNOWN
    assert str(printer.port) in delivery.reason
    assert heard == [DOCUMENT + PAPER_STATUS_REQUEST]


def hang_up(connection: socket.socket) -> None:
    """Close with a reset, as a printer does that is switched off and on."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_a_connection_closed_before_the_reply_is_unknown() -> None:
    def behaviour(connection: socket.socket) -> None:
        read_until(connection, process_id_request(PROCESS_ID))

    with Printer(behaviour) as printer:
        delivery = printer.transport().send(DOCUMENT, PROCESS_ID)
    assert delivery.outcome is Outcome.UNKNOWN
    assert "closed" in delivery.reason


def test_a_connection_reset_before_the_reply_is_unknown() -> None:
    def behaviour(connection: socket.socket) -> None:
        read_until(connection, process_id_request(PROCESS_ID))
        hang_up(connection)

    with Printer(behaviour) as printer:
        assert printer.transport().send(DOCUMENT, PROCESS_ID).outcome is Outcome.UNKNOWN


def test_a_connection_reset_in_the_middle_of_a_document_is_unknown() -> None:
    def behaviour(connection: socket.socket) -> None:
        connection.recv(100)
        hang_up(connection)

    with Printer(behaviour) as printer:
        delivery = printer.transport().send(b"x" * 50_000_000, PROCESS_ID)
    assert delivery.outcome is Outcome.UNKNOWN
    assert "of 50000000 bytes" in delivery.reason


def test_a_printer_that_stops_reading_is_unknown() -> None:
    release = threading.Event()

    def behaviour(connection: socket.socket) -> None:
        release.wait()

    with Printer(behaviour) as printer:
        delivery = printer.transport(reply_timeout=0.2).send(b"x" * 50_000_000, PROCESS_ID)
        release.set()
    assert delivery.outcome is Outcome.UNKNOWN


def test_a_dead_peer_takes_the_first_write_and_is_unknown() -> None:
    # A listener that never accepts: the system completes the connection and takes the bytes, nobody reads them.
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        transport = NetworkTransport("127.0.0.1", listener.getsockname()[1], reply_timeout=0.2)
        assert transport.send(DOCUMENT, PROCESS_ID).outcome is Outcome.UNKNOWN


def test_a_refused_connection_is_not_sent() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    delivery = NetworkTransport("127.0.0.1", port).send(DOCUMENT, PROCESS_ID)
    assert delivery.outcome is Outcome.NOT_SENT
    assert "refused" in delivery.reason


@pytest.mark.parametrize("host", ["printer.invalid", "a" * 70 + ".invalid", "..", "256.256.256.256"])
def test_a_host_that_does_not_exist_is_not_sent(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(name: str, *_: object, **__: object) -> list[object]:
        name.encode("idna")  # what the real one does first
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    delivery = NetworkTransport(host, 9100).send(DOCUMENT, PROCESS_ID)
    assert delivery.outcome is Outcome.NOT_SENT
    assert host in delivery.reason


def test_ten_tickets_in_a_row_are_ten_confirmations() -> None:
    with Printer(answer_process_id) as printer:
        transport = printer.transport()
        outcomes = [transport.send(DOCUMENT, PROCESS_ID).outcome for _ in range(10)]
    assert outcomes == [Outcome.CONFIRMED] * 10


def test_a_process_id_of_another_form_is_a_mistake_of_the_program() -> None:
    with pytest.raises(ValueError, match="process id"):
        NetworkTransport("127.0.0.1", 9).send(DOCUMENT, "abc")
