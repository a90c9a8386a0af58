"""Notifications that the gateway sends by itself: is this one from the gateway?

A counter cannot receive any; a web shop built on this library can. The signature is SHA-512 over order id, status
code, gross amount (verbatim) and the server key, written one after the other without separators. It covers **neither
the transaction status nor the time**: whoever has seen one notification can replay it with another status. So a
notification is never believed, only taken as a reason to ask the gateway for the order's status now.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

from core.errors import Refused
from core.payments.gateway_answer import Unreadable, read_amount, read_object, read_status_code

LARGEST_NOTIFICATION: Final = 64 * 1024

_SIGNATURE: Final = re.compile(r"[0-9a-f]{128}")


class NotificationRefused(Refused):
    """No notification of our gateway: ``webhook_malformed`` or ``webhook_forged``. Answer it with 403 and forget it."""

    code = "webhook_forged"


@dataclass(frozen=True, slots=True)
class Notification:
    """A reason to ask about an order; deliberately without the state it claims. ``amount`` is in rupiah.

    Fields run into each other in what is signed, so a valid signature also fits the same characters cut elsewhere
    (order "A" with code "200" and order "A2" with code "007"): compare order and amount with your own before acting.
    """

    order_id: str
    amount: int


def signature(order_id: str, status_code: str, gross_amount: str, server_key: SecretStr) -> str:
    """The signature the gateway would send, in lower-case hexadecimal."""
    signed = order_id + status_code + gross_amount + server_key.get_secret_value()
    return hashlib.sha512(signed.encode()).hexdigest()


def read_notification(raw: bytes, server_key: SecretStr) -> Notification:
    """Verify a notification's body.

    Raises:
        NotificationRefused: ``webhook_malformed``: no JSON object with the fields that are signed;
            ``webhook_forged``: signed with another key, or changed.
    """
    try:
        if len(raw) > LARGEST_NOTIFICATION:
            raise Unreadable("too_large")
        body = read_object(raw)
        status_code = read_status_code(body)
        amount = read_amount(body.get("gross_amount"))
        order_id, found = body.get("order_id"), body.get("signature_key")
        if not isinstance(order_id, str) or not order_id.isprintable() or not isinstance(found, str) or not order_id:
            raise Unreadable("incomplete")
    except Unreadable as error:
        raise NotificationRefused(
            "This is no notification of the payment gateway.",
            code="webhook_malformed",
            hint="Ignore it.",
            details={"cause": error.cause},
        ) from None
    expected = signature(order_id, status_code, body["gross_amount"], server_key)
    if _SIGNATURE.fullmatch(found) is None or not hmac.compare_digest(found, expected):
        raise NotificationRefused("This notification is not signed with our server key.", hint="Ignore it.")
    return Notification(order_id, amount)
