"""Handing one message to a mail server or a webhook, and saying honestly whether it has left.

Each message carries the key of its delivery: as Message-ID in mail, as Idempotency-Key over HTTP. ``hand_over`` is
called right before the message's text leaves this machine. What fails before that has not been sent. A webhook that
keeps to its key may be asked again whatever happened; a mail server would deliver twice, so what is lost after
``hand_over`` is unknown and nobody sends it again by himself.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import smtplib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from typing import Any, Final, Protocol
from uuid import UUID

import httpx

from core.notification_catalogue import Message
from core.notification_settings import MailServer, Webhook, certificates

_OK: Final = 250
_GO_ON: Final = 354
_PERMANENT: Final = 500
#: Answers after which it is worth asking again.
_AGAIN: Final = (408, 425, 429)


@dataclass(frozen=True, slots=True)
class Letter:
    """A message to one recipient. ``id`` is the key of its delivery."""

    id: UUID
    channel: str
    event_type: str
    to: str
    language: str
    words: Message
    params: Mapping[str, Any]
    at: datetime


class NotSent(Exception):
    """It has not been taken; ``permanent`` when asking again is no use."""

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.permanent = reason, permanent


class MaybeSent(Exception):
    """It left this machine, and nobody said what became of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Sender(Protocol):
    """A way out. ``repeatable``: the other side knows a message by its key and takes it once."""

    repeatable: bool

    def send(self, letter: Letter, hand_over: Callable[[], None], timeout: float) -> None:
        """
        Raises:
            NotSent, MaybeSent: see there.
        """


class Mail:
    """A mail server; a connection for each message."""

    repeatable = False

    def __init__(self, server: MailServer) -> None:
        self._server = server

    def send(self, letter: Letter, hand_over: Callable[[], None], timeout: float) -> None:
        """See ``Sender``. ``timeout`` in seconds, for each answer of the server."""
        try:
            letter.to.encode("ascii")
            written = self._written(letter)
        except ValueError:
            raise NotSent("no mail can be written to this address", permanent=True) from None
        try:
            line = self._connect(timeout)
        except smtplib.SMTPAuthenticationError as error:
            raise NotSent(f"the mail server refused the login ({error.smtp_code})") from None
        except (OSError, smtplib.SMTPException) as error:
            raise NotSent(f"no mail server: {_said(error)}") from None
        try:
            self._envelope(line, letter.to)
            hand_over()
            self._text(line, written)
        finally:
            with suppress(OSError, smtplib.SMTPException):
                line.quit()

    def _connect(self, timeout: float) -> smtplib.SMTP:
        server = self._server
        if server.security == "tls":
            line: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, timeout=timeout, context=certificates(server.ca_file)
            )
        else:
            line = smtplib.SMTP(server.host, server.port, timeout=timeout)
        try:
            if server.security == "starttls":
                line.starttls(context=certificates(server.ca_file))
            if server.user is not None and server.password is not None:
                line.login(server.user, server.password.get_secret_value())
        except BaseException:
            line.close()
            raise
        return line

    def _envelope(self, line: smtplib.SMTP, to: str) -> None:
        try:
            line.ehlo_or_helo_if_needed()
            for code, said in (line.mail(self._server.sender), line.rcpt(to)):
                if code // 100 != 2:
                    raise _refused(code, said)
        except (OSError, smtplib.SMTPException) as error:
            raise NotSent(f"the mail server hung up: {_said(error)}") from None

    def _text(self, line: smtplib.SMTP, written: bytes) -> None:
        try:
            code, said = line.data(written)
        except smtplib.SMTPDataError as error:  # it did not want the text
            raise _refused(error.smtp_code, error.smtp_error) from None
        except (OSError, smtplib.SMTPException) as error:
            raise MaybeSent(f"the mail server did not answer to the text: {_said(error)}") from None
        if code != _OK:
            raise _refused(code, said)

    def _written(self, letter: Letter) -> bytes:
        mail = EmailMessage(policy=SMTP_POLICY)
        mail["From"], mail["To"], mail["Subject"] = self._server.sender, letter.to, letter.words.subject
        mail["Date"] = format_datetime(letter.at)
        mail["Message-ID"] = f"<{letter.id}@{self._server.sender.rpartition('@')[2]}>"
        mail["Content-Language"] = letter.language
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(letter.words.body)
        return mail.as_bytes()


def _refused(code: int, said: object) -> NotSent:
    words = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    return NotSent(f"the mail server said {code} {words[:200]}", permanent=code >= _PERMANENT)


def _said(error: BaseException) -> str:
    return f"{type(error).__name__} {error}"[:200]


class Hook:
    """A webhook: JSON by POST, signed where there is a secret (X-Signature: sha256=HMAC of the body)."""

    repeatable = True

    def __init__(self, hook: Webhook) -> None:
        self._hook = hook
        self._verify = certificates(hook.ca_file)

    def send(self, letter: Letter, hand_over: Callable[[], None], timeout: float) -> None:
        """See ``Sender``. ``timeout`` in seconds."""
        body = json.dumps(
            {
                "id": str(letter.id),
                "channel": letter.channel,
                "event": letter.event_type,
                "to": letter.to,
                "language": letter.language,
                "subject": letter.words.subject,
                "text": letter.words.body,
                "params": dict(letter.params),
            },
            separators=(",", ":"),
        ).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(letter.id)}
        if self._hook.secret is not None:
            signed = hmac.new(self._hook.secret.get_secret_value().encode(), body, hashlib.sha256).hexdigest()
            headers["X-Signature"] = f"sha256={signed}"
        hand_over()
        try:
            with httpx.Client(verify=self._verify, trust_env=False, timeout=timeout) as client:
                status = client.post(self._hook.url, content=body, headers=headers).status_code
        except httpx.HTTPError as error:
            raise NotSent(f"no answer from the webhook: {_said(error)}") from None
        if not 200 <= status < 300:
            permanent = status < _PERMANENT and status not in _AGAIN
            raise NotSent(f"the webhook answered {status}", permanent=permanent)


def sender_for(channel: MailServer | Webhook) -> Sender:
    """The way out through a channel of this machine."""
    return Mail(channel) if isinstance(channel, MailServer) else Hook(channel)
