"""How the simulated gateway answers when something goes wrong.

What belongs here: the bytes of each fault. Which request gets which fault is ``faults``' business.
"""

from __future__ import annotations

import gzip
import json
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Protocol

from counter.simulator.faults import Fault
from counter.simulator.order import Body, reply, rupiah

_HUGE: Final = 8 * 1024 * 1024
_NOT_DONE: Final = frozenset({Fault.SILENT, Fault.ERROR, Fault.ERROR_IN_BODY, Fault.RATE_LIMIT, Fault.REDIRECT})


class Handler(Protocol):
    """What is needed of the HTTP handler whose request goes wrong."""

    close_connection: bool
    connection: Any
    wfile: Any

    def http_status(self, body: Body) -> int:
        """The HTTP status that goes with a body."""

    def send(self, status: int, raw: bytes, content_type: str = ..., **headers: str) -> None:
        """A whole answer."""


@dataclass(frozen=True, slots=True)
class Weather:
    """How slow slow is, in seconds: an unanswered request is held and LATE takes ``patience``; ``drip`` a byte."""

    patience: float = 60
    drip: float = 0.05
    closing: threading.Event = field(default_factory=threading.Event)


class Misbehaviour:
    """Answers one request, with its fault if it has one."""

    def __init__(self, handler: Handler, fault: Fault | None, weather: Weather) -> None:
        self._handler, self._fault, self._weather = handler, fault, weather

    def respond(self, do: Callable[[], Body]) -> None:
        """Do what was asked, unless the fault comes before that, and answer as the fault has it."""
        fault = self._fault
        if fault in _NOT_DONE:
            self._refuse()
            return
        if fault is Fault.TWICE:
            do()
        body = do()
        if fault is Fault.LATE:
            self._weather.closing.wait(self._weather.patience)
        self._tell(body)

    def _refuse(self) -> None:
        handler = self._handler
        match self._fault:
            case Fault.SILENT:
                self._say_nothing()
            case Fault.ERROR:
                handler.send(HTTPStatus.BAD_GATEWAY, b"<html>bad gateway</html>", "text/html")
            case Fault.ERROR_IN_BODY:
                handler.send(HTTPStatus.OK, json.dumps(reply("500", "Sorry.")).encode())
            case Fault.RATE_LIMIT:
                handler.send(HTTPStatus.TOO_MANY_REQUESTS, json.dumps(reply("429", "Too many.")).encode())
            case _:
                handler.send(HTTPStatus.FOUND, b"", Location="/elsewhere")

    def _tell(self, body: Body) -> None:
        handler = self._handler
        raw = json.dumps(_distorted(body, self._fault)).encode()
        status = handler.http_status(body)
        match self._fault:
            case Fault.LOST:
                self._say_nothing()
            case Fault.ERROR_AFTER:
                handler.send(HTTPStatus.INTERNAL_SERVER_ERROR, json.dumps(reply("500", "Sorry.")).encode())
            case Fault.MALFORMED:
                handler.send(status, raw[: len(raw) // 2])
            case Fault.HTML:
                handler.send(status, b"<html>Everything is fine.</html>", "text/html")
            case Fault.HUGE:
                handler.send(status, raw[:-1] + b', "padding": "' + b"." * _HUGE + b'"}')
            case Fault.PACKED:
                handler.send(status, gzip.compress(raw), Content_Encoding="gzip")
            case Fault.RESET | Fault.CUT:
                self._break_off(status, raw)
            case Fault.DRIP | Fault.DRIP_HEAD:
                self._drip(status, raw)
            case _:
                handler.send(status, raw)

    def _say_nothing(self) -> None:
        self._handler.close_connection = True
        self._weather.closing.wait(self._weather.patience)

    def _break_off(self, status: int, raw: bytes) -> None:
        handler = self._handler
        handler.close_connection = True
        handler.wfile.write(_head(status, len(raw)) + raw[: len(raw) // 2])
        if self._fault is Fault.RESET:
            # Closing with linger 0 sends RST instead of FIN.
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()

    def _drip(self, status: int, raw: bytes) -> None:
        handler = self._handler
        handler.close_connection = True
        head = _head(status, len(raw))
        if self._fault is Fault.DRIP:
            handler.wfile.write(head)
            head = b""
        for byte in head + raw:
            handler.wfile.write(bytes([byte]))
            if self._weather.closing.wait(self._weather.drip):
                return


def _head(status: int, length: int) -> bytes:
    return f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n".encode()


def _distorted(body: Body, fault: Fault | None) -> Body:
    """The answer with something wrong in it; what it does not have cannot be wrong."""
    changed = dict(body)
    if fault is Fault.WRONG_AMOUNT and "gross_amount" in body:
        changed["gross_amount"] = rupiah(int(float(body["gross_amount"])) + 1_000)
    elif fault is Fault.WRONG_ORDER and "order_id" in body:
        changed["order_id"] = f"{body['order_id'][:-1]}~"
    elif fault is Fault.WRONG_CURRENCY and "currency" in body:
        changed["currency"] = "USD"
    elif fault is Fault.WRONG_STATE and "transaction_status" in body:
        changed["transaction_status"] = "marvellous"
    elif fault is Fault.WRONG_CODE and "qr_string" in body:
        changed["qr_string"] = body["qr_string"].replace("5802ID", "5802SG")
    elif fault is Fault.NO_CODE:
        changed.pop("qr_string", None)
    return changed
