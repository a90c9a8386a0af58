"""Where this machine sends messages: a mail server, and the addresses that take messages for phones.

From the environment (``COUNTER_SMTP_HOST``, ``COUNTER_SMS_WEBHOOK_URL`` …) or ``settings.toml``; never from the
database. Secrets are shown by nothing. Training has none of them: it sends nothing.
"""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError

from core.config import Settings
from core.errors import NotReady

_LONGEST: Final = 4096


class NotificationSettings(Settings):
    """This machine's settings for messages; see the module's docstring."""

    smtp_host: str | None = None
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_password_file: Path | None = None
    smtp_from: str | None = Field(default=None, pattern=r"^[^@\s<>]{1,64}@[^@\s<>]{1,190}$")
    smtp_ca_file: Path | None = None
    sms_webhook_url: str | None = None
    sms_webhook_secret: SecretStr | None = None
    sms_webhook_secret_file: Path | None = None
    whatsapp_webhook_url: str | None = None
    whatsapp_webhook_secret: SecretStr | None = None
    whatsapp_webhook_secret_file: Path | None = None
    webhook_ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class MailServer:
    """A mail server. ``security`` is ``starttls``, ``tls``, or ``none``, which only this machine itself may have."""

    host: str
    port: int
    sender: str
    security: str = "starttls"
    user: str | None = None
    password: SecretStr | None = field(default=None, repr=False)
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        """
        Raises:
            NotReady: messages would travel in the open (code ``channel_not_safe``).
        """
        if self.security == "none" and not is_here(self.host):
            raise _not_safe("COUNTER_SMTP_SECURITY is starttls or tls; none only to this machine.")


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that takes messages by HTTP. ``secret`` signs them."""

    url: str
    secret: SecretStr | None = field(default=None, repr=False)
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        """
        Raises:
            NotReady: the address is none, or messages would travel in the open (code ``channel_not_safe``).
        """
        try:
            parts = urlsplit(self.url)
            _ = parts.port
        except ValueError:
            parts = urlsplit("")
        safe = parts.scheme == "https" or (parts.scheme == "http" and is_here(parts.hostname or ""))
        if not safe or not parts.hostname or parts.username is not None or parts.fragment:
            raise _not_safe("A webhook is https://… without a name in it; http only to this machine.")


def _not_safe(hint: str) -> NotReady:
    return NotReady("The address for messages is not usable.", code="channel_not_safe", hint=hint)


def is_here(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def certificates(ca_file: Path | None) -> ssl.SSLContext:
    """Verifies names and certificates, by the machine's authorities or a file of one's own.

    Raises:
        NotReady: the file cannot be read (code ``certificates_unreadable``).
    """
    try:
        return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except (OSError, ssl.SSLError):
        raise NotReady(
            f"The certificates in {ca_file} cannot be read.", code="certificates_unreadable", hint="Check the file."
        ) from None


def channels() -> dict[str, MailServer | Webhook]:
    """The channels this machine can send by; none in training.

    Raises:
        NotReady: a value is not of its kind, a file cannot be read, or an address is not safe.
    """
    try:
        chosen = NotificationSettings()
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False)[0]
        problem = f"The setting COUNTER_{'_'.join(str(part) for part in first['loc']).upper()} is not usable."
    except ValueError:
        problem = "settings.toml is not valid TOML."
    else:
        return {} if chosen.training else _channels(chosen)
    raise NotReady(problem, code="channel_not_ready", hint="Correct it and start again.")


def _channels(chosen: NotificationSettings) -> dict[str, MailServer | Webhook]:
    found: dict[str, MailServer | Webhook] = {}
    if chosen.smtp_host:
        if chosen.smtp_from is None:
            raise NotReady(
                "Messages need a sender.", code="channel_not_ready", hint="Set COUNTER_SMTP_FROM to an address."
            )
        found["email"] = MailServer(
            chosen.smtp_host,
            chosen.smtp_port,
            chosen.smtp_from,
            chosen.smtp_security,
            chosen.smtp_user,
            chosen.smtp_password or _secret(chosen.smtp_password_file),
            chosen.smtp_ca_file,
        )
    if chosen.sms_webhook_url:
        secret = chosen.sms_webhook_secret or _secret(chosen.sms_webhook_secret_file)
        found["sms"] = Webhook(chosen.sms_webhook_url, secret, chosen.webhook_ca_file)
    if chosen.whatsapp_webhook_url:
        secret = chosen.whatsapp_webhook_secret or _secret(chosen.whatsapp_webhook_secret_file)
        found["whatsapp"] = Webhook(chosen.whatsapp_webhook_url, secret, chosen.webhook_ca_file)
    return found


def _secret(path: Path | None) -> SecretStr | None:
    if path is None:
        return None
    try:
        return SecretStr(path.read_text(encoding="utf-8")[:_LONGEST].strip())
    except (OSError, UnicodeDecodeError):
        raise NotReady(
            f"The secret in {path} cannot be read.", code="channel_not_ready", hint="Check the file's permissions."
        ) from None
