"""One HTTP exchange with the payment gateway, bounded in time and size, ending in a reply or in one word.

A new connection for every exchange: an idle one that the other side has dropped fails in the middle of a charge and
leaves a doubt that costs more than the handshake. Redirects are not followed, certificates are verified, and the
environment's proxies and .netrc are left alone. What belongs here: bytes; meanings are ``core.payments.gateway``'s.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx

from core.payments.gateway_answer import Unreadable, read_object, read_status_code
from core.payments.gateway_errors import GatewayNotReady
from core.payments.gateway_settings import GatewayAccess

#: A real answer has one or two kB.
LARGEST_BODY: Final = 64 * 1024

_NOT_SENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)


@dataclass(frozen=True, slots=True)
class Reply:
    """The gateway's JSON and the status code in it."""

    status_code: str
    body: Mapping[str, Any]


class Failure(Exception):
    """No readable reply. ``sent`` tells whether the gateway can have acted on the request."""

    def __init__(self, cause: str, *, sent: bool = True) -> None:
        super().__init__(cause)
        self.cause = cause
        self.sent = sent


class Watchdog:
    """Hangs up when an exchange takes too long as a whole.

    A read timeout starts anew with every byte, so a server that drips one now and then would be listened to for
    hours. Works on a duplicate of the socket, which stays valid when TLS takes the original over.
    """

    def __init__(self, seconds: float) -> None:
        self.expired = False
        self._lock = threading.Lock()
        self._line: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._timer.cancel()
        with self._lock:
            if self._line is not None:
                self._line.close()
                self._line = None

    def trace(self, event: str, details: Mapping[str, Any]) -> None:
        """For httpx's ``trace`` extension: learns the socket once it is connected."""
        if event != "connection.connect_tcp.complete":
            return
        line = details["return_value"].get_extra_info("socket").dup()
        with self._lock:
            self._line = line
            if self.expired:
                _hang_up(line)

    def _expire(self) -> None:
        with self._lock:
            self.expired = True
            if self._line is not None:
                _hang_up(self._line)


def _hang_up(line: socket.socket) -> None:
    try:
        line.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other side was faster


@lru_cache(maxsize=2)
def _certificates(ca_file: Path | None) -> ssl.SSLContext:
    """Verifies names and certificates. Kept: loading all authorities takes longer than a charge."""
    if ca_file is None:
        return httpx.create_ssl_context(trust_env=False)
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except (OSError, ssl.SSLError):
        raise GatewayNotReady(
            f"The certificates in {ca_file} cannot be read.", hint="Check COUNTER_GATEWAY_CA_FILE."
        ) from None


class Wire:
    """A way to the gateway; several threads may use one.

    Raises:
        GatewayNotReady: the file of certificates cannot be read.
    """

    def __init__(self, access: GatewayAccess) -> None:
        self._total = access.total
        self._client = httpx.Client(
            base_url=access.url,
            auth=httpx.BasicAuth(access.server_key.get_secret_value(), ""),
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            timeout=httpx.Timeout(access.read, connect=access.connect),
            limits=httpx.Limits(max_keepalive_connections=0),
            proxy=None if access.proxy is None else access.proxy.get_secret_value(),
            verify=_certificates(access.ca_file),
            trust_env=False,
            follow_redirects=False,
        )

    def close(self) -> None:
        self._client.close()

    def exchange(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, idempotency_key: str | None = None
    ) -> Reply:
        """
        Raises:
            Failure: see the table in ``core.payments.gateway_errors`` for its causes.
        """
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        failure = None
        with Watchdog(self._total) as watchdog:
            try:
                with self._client.stream(
                    method, path, json=body, headers=headers, extensions={"trace": watchdog.trace}
                ) as response:
                    _require_acceptable(response)
                    raw = _read(response)
            except Failure as error:
                failure = error
            except (httpx.HTTPError, OSError) as error:
                cause = "timeout" if isinstance(error, httpx.TimeoutException) else "connection"
                failure = Failure(cause, sent=not isinstance(error, _NOT_SENT))
        if watchdog.expired:
            failure = Failure("timeout", sent=failure is None or failure.sent)
        if failure is not None:
            raise failure  # outside the handlers: httpx's errors carry the request with its headers
        return _understood(raw, response.status_code)


def _require_acceptable(response: httpx.Response) -> None:
    """Refuse what needs no reading. The order matters: proxies answer 429 and 5xx in HTML."""
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        raise Failure("rate_limit", sent=False)
    if response.is_server_error:
        raise Failure("server_error")
    if response.is_redirect or response.is_informational:
        raise Failure("redirect")
    if response.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Failure("content_type")
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise Failure("encoding")  # not asked for, and a few bytes can unpack to gigabytes


def _read(response: httpx.Response) -> bytes:
    raw = bytearray()
    for piece in response.iter_raw():
        raw += piece
        if len(raw) > LARGEST_BODY:
            raise Failure("too_large")
    return bytes(raw)


def _understood(raw: bytes, http_status: int) -> Reply:
    try:
        body = read_object(raw)
        code = read_status_code(body)
    except Unreadable as error:
        raise Failure(error.cause) from None
    if http_status >= HTTPStatus.BAD_REQUEST and code[0] == "2":
        raise Failure("contradiction")
    if code[0] == "5":
        raise Failure("server_error")
    if code == "429":
        raise Failure("rate_limit", sent=False)
    return Reply(code, body)
