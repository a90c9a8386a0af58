"""EMVCo merchant-presented QR codes: fields of tag, length and value, and the checksum over them.

Source: EMVCo QR Code Specification for Payment Systems, Merchant-Presented Mode 1.1, chapters 3 and 4. What belongs
here: the notation. What an Indonesian code must say is in ``core.payments.qris``.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable
from typing import Final

from core.errors import Refused

#: The specification's limits, in characters.
LONGEST: Final = 512
LONGEST_VALUE: Final = 99

CHECKSUM: Final = "63"
_CHECKSUM_HEAD: Final = CHECKSUM + "04"
_HEAD: Final = 4


class QrRefused(Refused):
    """A code that must not be shown to a customer. ``code`` says why; ``core.payments.qris`` lists the codes."""

    code = "qris_refused"


def refusal(code: str, message: str, **details: object) -> QrRefused:
    """The error for a code, with the one hint that fits them all."""
    return QrRefused(message, code=code, hint="Do not show this code: ask the gateway for a new one.", details=details)


def crc16(text: str) -> str:
    """CRC-16/CCITT-FALSE (polynomial 1021, start FFFF) as four upper-case hexadecimal digits.

    >>> crc16("123456789")
    '29B1'
    """
    return f"{binascii.crc_hqx(text.encode(), 0xFFFF):04X}"


def parse(text: str) -> dict[str, str]:
    """The fields of a code or of one of its templates, in their order.

    Raises:
        QrRefused: characters outside printable ASCII (``qris_characters``); a tag that is no number or comes twice,
            a length that is no number or leads past the end (``qris_malformed``).
    """
    if not (text.isascii() and text.isprintable()):
        raise refusal("qris_characters", "The code holds characters that no QRIS code may hold.")
    fields: dict[str, str] = {}
    at = 0
    while at < len(text):
        head, start = text[at : at + _HEAD], at + _HEAD
        if len(head) < _HEAD or not head.isdigit():
            raise refusal("qris_malformed", "The code cannot be read: a field does not begin as fields do.", at=at)
        tag, end = head[:2], start + int(head[2:])
        if end > len(text) or end == start or tag in fields:
            raise refusal("qris_malformed", "The code cannot be read: a field is empty, doubled or too long.", at=at)
        fields[tag] = text[start:end]
        at = end
    return fields


def pack(fields: Iterable[tuple[str, str]]) -> str:
    """The reverse of ``parse``.

    Raises:
        ValueError: a tag that is not two digits, or a value of no or more than 99 characters or outside printable
            ASCII.
    """
    return "".join(_packed(tag, value) for tag, value in fields)


def _packed(tag: str, value: str) -> str:
    if len(tag) != 2 or not (tag.isascii() and tag.isdigit()):
        raise ValueError(f"{tag!r} is no tag")
    if not 1 <= len(value) <= LONGEST_VALUE or not (value.isascii() and value.isprintable()):
        raise ValueError(f"field {tag} cannot hold {value!r}")
    return f"{tag}{len(value):02d}{value}"


def sealed(body: str) -> str:
    """A code with its checksum behind it; the checksum covers its own tag and length."""
    covered = body + _CHECKSUM_HEAD
    return covered + crc16(covered)


def unsealed(text: str) -> dict[str, str]:
    """The fields of a whole code, its checksum verified and left out.

    A checksum of 16 bits finds every single changed character and every change within two neighbouring ones.

    Raises:
        QrRefused: as ``parse``; also longer than 512 characters or without a checksum at its end
            (``qris_malformed``), or with a wrong one (``qris_crc``).
    """
    if len(text) > LONGEST:
        raise refusal("qris_malformed", f"The code is longer than the {LONGEST} characters a code may have.")
    fields = parse(text)
    found = fields.pop(CHECKSUM, "")
    if not text.endswith(_CHECKSUM_HEAD + found) or len(found) != 4:
        raise refusal("qris_malformed", "The code does not end with its checksum.")
    if crc16(text[:-4]) != found:
        raise refusal("qris_crc", "The code's checksum is wrong: it was damaged or changed on its way.")
    return fields
