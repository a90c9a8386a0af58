"""The simulated gateway as an HTTP server on this machine's loopback, for tests and for trying.

Besides the gateway's own calls under ``/v2`` it has a desk under ``/simulator`` for another process to play customer,
bank and bad weather. What belongs here: HTTP. It listens on 127.0.0.1 and nowhere else.
"""

from __future__ import annotations

import base64
import hmac
import io
import json
import re
import threading
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self

import qrcode
from pydantic import SecretStr
from qrcode.image.svg import SvgPathImage

from core.payments.gateway_settings import TRIAL_KEY, GatewayAccess
from counter.simulator.faults import Fault, FaultPlan
from counter.simulator.misbehaviour import Misbehaviour, Weather
from counter.simulator.order import Body, reply
from counter.simulator.transactions import CannotHappen, Orders

ADDRESS: Final = "127.0.0.1"

_CALL: Final = re.compile(r"/v2/([^/]+)/(status|cancel|expire|refund)")
_QR_CODE: Final = re.compile(r"/v2/qris/([^/]+)/qr-code")
_DESK: Final = re.compile(r"/simulator/orders/([^/]+)/(settle|settle-late|deny|expire|chargeback)")
_LARGEST_REQUEST: Final = 64 * 1024


def _unheard(_line: str) -> None:
    """Nobody listens."""


class GatewaySimulator:
    """A running gateway; a context manager.

    Args:
        orders: its books.
        faults: what goes wrong.
        port: 0 takes a free one.
        server_key: what the caller must know.
        codes_in_body_only: answer every call with HTTP 200 and the code in the body, as some gateways do.
        patience: seconds for which an unanswered request is held open, and the length of LATE.
        drip: seconds between two bytes of a dripping answer.
        on_request: told in one line what was asked and answered.
    """

    def __init__(
        self,
        orders: Orders | None = None,
        faults: FaultPlan | None = None,
        *,
        port: int = 0,
        server_key: str = TRIAL_KEY,
        codes_in_body_only: bool = False,
        patience: float = 60,
        drip: float = 0.05,
        on_request: Callable[[str], None] = _unheard,
    ) -> None:
        self.orders = orders or Orders()
        self.faults = faults or FaultPlan()
        self.server_key = server_key
        self.codes_in_body_only = codes_in_body_only
        self.on_request = on_request
        self.closing = threading.Event()
        self.weather = Weather(patience, drip, self.closing)
        self._server = _Server((ADDRESS, port), self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://{ADDRESS}:{self._server.server_address[1]}"

    def access(self, **limits: Any) -> GatewayAccess:
        """What a client needs to reach it; ``limits`` are fields of ``GatewayAccess``."""
        return GatewayAccess(url=self.url, server_key=SecretStr(self.server_key), **limits)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], simulator: GatewaySimulator) -> None:
        self.simulator = simulator
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no news."""
        del request, client_address


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "gateway-simulator"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: ``on_request`` tells what matters."""

    def do_GET(self) -> None:
        self._handle(b"")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > _LARGEST_REQUEST:
            self.close_connection = True
            self._answer(reply("413", "The request body is too large."))
            return
        self._handle(self.rfile.read(int(length)))

    def _handle(self, raw: bytes) -> None:
        simulator = self.server.simulator
        if self.path.startswith("/simulator/"):
            self._desk(raw)
            return
        picture = _QR_CODE.fullmatch(self.path)
        if picture is not None and self.command == "GET":
            self._picture(picture[1])
            return
        call, name, body = self._understood(raw)
        if not self._knows_key():
            self._answer(reply("401", "Access denied due to unauthorized transaction, please check server key."))
        elif call is None:
            self._answer(reply("404", "The requested resource is not found."))
        elif body is None:
            self._answer(reply("413", "The request cannot be processed due to malformed syntax in the request body."))
        else:
            fault = simulator.faults.next(call, name)
            if fault is not None:
                simulator.on_request(f"{call} {name}: {fault}")
            Misbehaviour(self, fault, simulator.weather).respond(lambda: self._done(call, name, body))

    def _understood(self, raw: bytes) -> tuple[str | None, str, Body | None]:
        """The call, the order it is about, and its body; None for what is none."""
        try:
            body = json.loads(raw) if raw else {}
        except ValueError:
            body = None
        body = body if isinstance(body, dict) else None
        match = _CALL.fullmatch(self.path)
        if match is not None and (match[2] == "status") == (self.command == "GET"):
            return match[2], match[1], body
        if self.path == "/v2/charge" and self.command == "POST":
            details = (body or {}).get("transaction_details")
            name = details.get("order_id") if isinstance(details, dict) else None
            return "charge", str(name), body
        return None, "", body

    def _knows_key(self) -> bool:
        expected = "Basic " + base64.b64encode(f"{self.server.simulator.server_key}:".encode()).decode()
        return hmac.compare_digest(self.headers.get("Authorization", "").encode(), expected.encode())

    def _done(self, call: str, name: str, body: Body) -> Body:
        """Do what is asked, and say so."""
        orders = self.server.simulator.orders
        match call:
            case "charge":
                answer = orders.charge(body, self.headers.get("Idempotency-Key", ""))
            case "refund":
                answer = orders.refund(name, body)
            case "cancel":
                answer = orders.cancel(name)
            case "expire":
                answer = orders.expire(name)
            case _:
                answer = orders.status(name)
        if call != "status":
            self.server.simulator.on_request(f"{call} {name} → {answer['status_code']}")
        return answer

    def _answer(self, body: Body) -> None:
        self.send(self.http_status(body), json.dumps(body).encode())

    def http_status(self, body: Body) -> int:
        """The HTTP status that goes with a body."""
        return HTTPStatus.OK if self.server.simulator.codes_in_body_only else int(body["status_code"])

    def send(self, status: int, raw: bytes, content_type: str = "application/json", **headers: str) -> None:
        """A whole answer."""
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(raw)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(raw)

    def _picture(self, transaction_id: str) -> None:
        orders = (o for o in self.server.simulator.orders.all() if o.transaction_id == transaction_id)
        order = next(orders, None)
        if order is None:
            self._answer(reply("404", "Transaction doesn't exist."))
            return
        stream = io.BytesIO()
        qrcode.make(order.qr_string, image_factory=SvgPathImage).save(stream)
        self.send(HTTPStatus.OK, stream.getvalue(), "image/svg+xml")

    def _desk(self, raw: bytes) -> None:
        """Customer, bank and weather, for another process."""
        simulator = self.server.simulator
        try:
            wanted = json.loads(raw) if raw else {}
            match = _DESK.fullmatch(self.path)
            if self.path == "/simulator/orders" and self.command == "GET":
                body: Any = [order.stored() for order in simulator.orders.all()]
            elif match is not None and self.command == "POST":
                body = play(simulator.orders, match[2], match[1])
            elif self.path == "/simulator/clock" and self.command == "POST":
                simulator.orders.advance(timedelta(seconds=float(wanted["advance_seconds"])))
                body = "advanced"
            elif self.path == "/simulator/faults" and self.command == "POST":
                simulator.faults.add(
                    Fault(wanted["fault"]),
                    wanted.get("call"),
                    order_id=wanted.get("order_id"),
                    times=int(wanted.get("times", 1)),
                )
                body = "planned"
            else:
                self.send(HTTPStatus.NOT_FOUND, b'"no such desk"')
                return
        except (CannotHappen, KeyError, TypeError, ValueError, AttributeError) as error:
            self.send(HTTPStatus.CONFLICT, json.dumps(str(error)).encode())
            return
        self.send(HTTPStatus.OK, json.dumps(body).encode())


def play(orders: Orders, event: str, name: str) -> str:
    """Let something happen to an order; says what it is afterwards.

    Raises:
        CannotHappen: not to this order.
    """
    happenings: dict[str, Callable[[], Any]] = {
        "settle": lambda: orders.settle(name),
        "settle-late": lambda: orders.settle(name, late=True),
        "deny": lambda: orders.deny(name),
        "expire": lambda: orders.lapse(name),
        "chargeback": lambda: orders.charge_back(name),
    }
    return str(happenings[event]().line())
