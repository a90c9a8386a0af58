"""The ways a finished document gets to a printer, and what is known afterwards.

What belongs here: files and network sockets, their time limits and the printer's confirmation. A transport never
raises for trouble with the device: it says confirmed, unknown or not sent, and why. Unknown is never printed again by
itself, so "not sent" is said only when it is certain that not one byte got out.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import stat
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Protocol

from counter.devices.printer_dialogue import (
    PAPER_STATUS_REQUEST,
    PaperStatus,
    ProcessDone,
    ReplyParser,
    process_id_request,
)


class Outcome(StrEnum):
    """What is known about a document after it was sent."""

    CONFIRMED = "confirmed"
    UNKNOWN = "unknown"
    NOT_SENT = "not_sent"


@dataclass(frozen=True, slots=True)
class Delivery:
    """An outcome and, for people, why."""

    outcome: Outcome
    reason: str = ""


class Transport(Protocol):
    """A way to a printer. ``hears_replies`` says whether a document should end with a process id request."""

    @property
    def hears_replies(self) -> bool: ...

    def send(self, document: bytes, process_id: str | None = None, /) -> Delivery:
        """Send the whole document and wait for what confirms it. Blocks; call it from a worker."""
        ...


@dataclass(frozen=True, slots=True)
class FileTransport:
    """Appends to a file, device or named pipe; confirmed when everything is written and synced.

    ``timeout`` (seconds) bounds how long a full pipe or a stopped device may hold the document up.
    """

    path: Path
    timeout: float = 5.0
    hears_replies: ClassVar[bool] = False

    def send(self, document: bytes, _process_id: str | None = None, /) -> Delivery:
        """Write, flush to the disk, confirm. A file cannot say a process id back."""
        try:
            # Non-blocking, or a named pipe without a reader would hold the caller for ever.
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, 0o600)
        except OSError as error:
            return Delivery(Outcome.NOT_SENT, f"{self.path} cannot be opened: {_why(error)}")
        try:
            return self._write(descriptor, document)
        finally:
            os.close(descriptor)

    def _write(self, descriptor: int, document: bytes) -> Delivery:
        deadline = time.monotonic() + self.timeout
        data, written = memoryview(document), 0
        try:
            while written < len(data):
                written += _write_some(descriptor, data[written:], deadline)
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.fsync(descriptor)
        except OSError as error:
            outcome = Outcome.UNKNOWN if written else Outcome.NOT_SENT
            return Delivery(outcome, f"{self.path}: {_why(error)} after {written} of {len(document)} bytes")
        return Delivery(Outcome.CONFIRMED, "written and synced")


def _write_some(descriptor: int, data: memoryview, deadline: float) -> int:
    """One write, waiting for room until the deadline. Raises OSError, TimeoutError among them."""
    while True:
        try:
            return os.write(descriptor, data)
        except BlockingIOError:
            waiting = select.poll()
            waiting.register(descriptor, select.POLLOUT)
            if not waiting.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise TimeoutError(errno.ETIMEDOUT, "the device takes no more data") from None


@dataclass(frozen=True, slots=True)
class NetworkTransport:
    """A printer on a raw TCP port (usually 9100). Times are in seconds.

    Only a reply confirms: a first write to a dead peer succeeds. The printer is given half of ``reply_timeout`` to say
    the process id back (GS ( H); then it is asked for its paper status (GS r 1), which it answers in its turn, after
    the cut. A printer that answers neither leaves the outcome unknown.
    """

    host: str
    port: int
    connect_timeout: float = 3.0
    reply_timeout: float = 5.0
    hears_replies: ClassVar[bool] = True

    def send(self, document: bytes, process_id: str | None = None, /) -> Delivery:
        """Raises ValueError for a process id that is not four printable ASCII characters."""
        if process_id is not None:
            process_id_request(process_id)
        try:
            connection = socket.create_connection((self.host, self.port), timeout=self.connect_timeout)
        except (OSError, UnicodeError) as error:  # UnicodeError: a host name that IDNA cannot encode
            return Delivery(Outcome.NOT_SENT, f"{self._name} cannot be reached: {_why(error)}")
        with connection:
            return self._converse(connection, document, process_id)

    @property
    def _name(self) -> str:
        return f"printer {self.host} port {self.port}"

    def _converse(self, connection: socket.socket, document: bytes, process_id: str | None) -> Delivery:
        data, sent = memoryview(document), 0
        try:
            connection.settimeout(self.reply_timeout)
            while sent < len(data):
                sent += connection.send(data[sent:])
        except OSError as error:
            outcome = Outcome.UNKNOWN if sent else Outcome.NOT_SENT
            return Delivery(outcome, f"{self._name}: {_why(error)} after {sent} of {len(document)} bytes")
        try:
            return self._await_confirmation(connection, process_id)
        except OSError as error:
            return Delivery(Outcome.UNKNOWN, f"{self._name} broke off before it confirmed: {_why(error)}")

    def _await_confirmation(self, connection: socket.socket, process_id: str | None) -> Delivery:
        """Raises OSError when the connection breaks."""
        begun = time.monotonic()
        parser = ReplyParser()
        if process_id is not None:
            first = self._listen(connection, parser, begun + self.reply_timeout / 2, process_id, status_asked=False)
            if first is not None:
                return first
        connection.sendall(PAPER_STATUS_REQUEST)
        second = self._listen(connection, parser, begun + self.reply_timeout, process_id, status_asked=True)
        return second or Delivery(Outcome.UNKNOWN, f"{self._name} took the ticket and did not answer")

    def _listen(
        self,
        connection: socket.socket,
        parser: ReplyParser,
        deadline: float,
        process_id: str | None,
        *,
        status_asked: bool,
    ) -> Delivery | None:
        """What the printer's replies until ``deadline`` settle; None when they settle nothing."""
        while (left := deadline - time.monotonic()) > 0:
            connection.settimeout(left)
            try:
                data = connection.recv(1024)
            except TimeoutError:
                return None
            if not data:
                return Delivery(Outcome.UNKNOWN, f"{self._name} closed the connection before it confirmed")
            for reply in parser.feed(data):
                match reply:
                    case ProcessDone(said) if said == process_id:
                        return Delivery(Outcome.CONFIRMED, "the printer said the process id back")
                    case PaperStatus() if status_asked and reply.paper_end:
                        return Delivery(Outcome.UNKNOWN, f"{self._name} says that it has no paper")
                    case PaperStatus() if status_asked:
                        return Delivery(Outcome.CONFIRMED, "the printer answered after the cut")
        return None


def _why(error: OSError | UnicodeError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
