"""Where the payment gateway is and the secret that opens it.

From the environment (``COUNTER_GATEWAY_URL``, ``COUNTER_GATEWAY_SERVER_KEY`` or ``…_SERVER_KEY_FILE``) or
``settings.toml`` (``gateway_url = …``); never from the database. The server key is shown by nothing.

Training knows neither: its gateway is the simulator on this machine, which the trial key opens and nothing else.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError

from core.config import Settings
from core.payments.gateway_errors import GatewayNotReady

#: Printable, and without the colon that ends a name in Basic authentication (RFC 7617).
_SERVER_KEY: Final = re.compile(r"[!-9;-~]{8,200}")
#: No secret: it opens nothing but a simulator.
TRIAL_KEY: Final = "SB-Mid-server-trial"
#: Where ``counter admin gateway-simulator`` answers unless it is told otherwise.
SIMULATOR_PORT: Final = 8799


class GatewaySettings(Settings):
    """This machine's gateway settings. Times are in seconds; ``total`` bounds one attempt from connect to last byte."""

    gateway_url: str | None = None
    training_gateway_url: str | None = None
    gateway_server_key: SecretStr | None = None
    gateway_server_key_file: Path | None = None
    gateway_acquirer: str = Field(default="gopay", pattern=r"^[a-z0-9 _-]{1,30}$")
    gateway_merchant: str | None = Field(default=None, description="the NMID that codes must name")
    gateway_proxy: SecretStr | None = None
    gateway_ca_file: Path | None = Field(default=None, description="PEM; instead of the usual authorities")
    gateway_connect_seconds: float = Field(default=5, gt=0, le=60)
    gateway_read_seconds: float = Field(default=10, gt=0, le=120)
    gateway_total_seconds: float = Field(default=20, gt=0, le=240)
    gateway_attempts: int = Field(default=3, ge=1, le=10)


@dataclass(frozen=True, slots=True)
class GatewayAccess:
    """Everything a client needs, checked. Times in seconds."""

    url: str
    server_key: SecretStr
    acquirer: str = "gopay"
    merchant: str | None = None
    proxy: SecretStr | None = None
    ca_file: Path | None = None
    connect: float = 5
    read: float = 10
    total: float = 20
    attempts: int = 3

    def __post_init__(self) -> None:
        """
        Raises:
            GatewayNotReady: an address the key would travel to in the open, or a key that cannot be one.
        """
        _require_safe(self.url)
        require_server_key(self.server_key.get_secret_value())


def require_server_key(key: str) -> None:
    """
    Raises:
        GatewayNotReady: a key that cannot be one: shorter than 8 or longer than 200 characters, spaces, a colon.
    """
    if _SERVER_KEY.fullmatch(key) is None:
        raise GatewayNotReady(
            "The payment gateway's server key is not one.",
            hint="Copy it again, without spaces or line breaks, to COUNTER_GATEWAY_SERVER_KEY or its file.",
        )


def _require_safe(url: str) -> None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    safe = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or ""))
    if not safe or not parts.hostname or parts.username is not None or parts.query or parts.fragment:
        raise GatewayNotReady(
            "The payment gateway's address is not usable.",
            hint="COUNTER_GATEWAY_URL is https://… without a name or a query; http only to this machine.",
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def gateway_access() -> GatewayAccess:
    """This machine's way to the gateway.

    Raises:
        GatewayNotReady: none is set, a value is not of its kind, or the key's file cannot be read.
    """
    try:
        chosen = GatewaySettings()
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False)[0]
        problem = f"The setting COUNTER_{'_'.join(str(part) for part in first['loc']).upper()} is not usable."
    except ValueError:
        problem = "settings.toml is not valid TOML."
    else:
        return _access(chosen)
    raise GatewayNotReady(problem, hint="Correct it and start again.")  # not in the handler: it knows the values


def _access(chosen: GatewaySettings) -> GatewayAccess:
    if chosen.training:
        return _simulated(chosen)
    key = chosen.gateway_server_key or _read_key(chosen.gateway_server_key_file)
    if chosen.gateway_url is None or key is None:
        raise GatewayNotReady(
            "No payment gateway is set up.",
            hint="Set COUNTER_GATEWAY_URL and COUNTER_GATEWAY_SERVER_KEY_FILE, or take another way to pay.",
        )
    return GatewayAccess(
        url=chosen.gateway_url.rstrip("/"),
        server_key=key,
        acquirer=chosen.gateway_acquirer,
        merchant=chosen.gateway_merchant,
        proxy=chosen.gateway_proxy,
        ca_file=chosen.gateway_ca_file,
        connect=chosen.gateway_connect_seconds,
        read=chosen.gateway_read_seconds,
        total=chosen.gateway_total_seconds,
        attempts=chosen.gateway_attempts,
    )


def _simulated(chosen: GatewaySettings) -> GatewayAccess:
    """The gateway of training: a simulator on this machine. A real one's address, key and proxy are left alone."""
    url = chosen.training_gateway_url
    if url is None and _leads_here(chosen.gateway_url):
        url = chosen.gateway_url  # the line that the simulator prints
    if url is not None and not _leads_here(url):
        raise GatewayNotReady(
            "In training no real payment gateway is asked.",
            hint="Start counter admin gateway-simulator and set COUNTER_TRAINING_GATEWAY_URL to its address.",
        )
    return GatewayAccess(
        url=(url or f"http://127.0.0.1:{SIMULATOR_PORT}").rstrip("/"),
        server_key=SecretStr(TRIAL_KEY),
        acquirer=chosen.gateway_acquirer,
        connect=chosen.gateway_connect_seconds,
        read=chosen.gateway_read_seconds,
        total=chosen.gateway_total_seconds,
        attempts=chosen.gateway_attempts,
    )


def _leads_here(url: str | None) -> bool:
    try:
        return _is_loopback(urlsplit(url or "").hostname or "")
    except ValueError:
        return False


def _read_key(path: Path | None) -> SecretStr | None:
    if path is None:
        return None
    try:
        return SecretStr(path.read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError):
        raise GatewayNotReady(
            f"The payment gateway's key file {path} cannot be read.",
            hint="Check COUNTER_GATEWAY_SERVER_KEY_FILE and its permissions.",
        ) from None
