"""The code inside a ticket's QR symbol: what it says, how it is signed, how a reading of it is judged.

A code is 140 characters of the base32 alphabet ``[A-Z2-7]``: four characters of issuer and version ("KAI" + "A"), then
the base32 text (RFC 4648) of exactly 85 bytes. 85 bytes fill 136 characters without spare bits; with spare bits a
changed last character would still verify. The bytes are 21 of payload and a 64-byte Ed25519 signature (RFC 8032) over
prefix and payload. Upper-case letters and digits fit QR's alphanumeric mode and survive Caps Lock.

The payload, most significant bit first:

    key id 8 | ticket serial 64 | schedule 32 | service date 14 | from stop 6 | to stop 6 | issue 4 | class 4 |
    coach 6 | seat 8 | training 1 | zero 15

The service date counts days from 1 January 2020, so the last date is 8 November 2064. The fifteen zero bits are room
for a later version and are checked. What belongs here: text to payload and back, nothing that asks a database whether
the ticket is still good.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from string import ascii_lowercase, ascii_uppercase
from types import MappingProxyType

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from core.errors import UsageError

CODE_LENGTH = 140
VERSION = "A"
EPOCH = date(2020, 1, 1)

_PREFIX_LENGTH = 4
_PAYLOAD_BYTES = 21
_ZERO_BITS = 15
_FORM = re.compile(r"[A-Z2-7]{140}")
_ISSUER = re.compile(r"[A-Z]{3}")
# ISO/IEC 15424: "]", the symbology's letter, a modifier. Scanners put it before the data when told to.
_AIM_IDENTIFIER = re.compile(r"\A\][A-Z][0-9A-Z]")


def _both_cases(keys: Mapping[str, str]) -> dict[int, str]:
    return str.maketrans({**keys, **{typed.upper(): sent for typed, sent in keys.items()}})


# Only ASCII is upper-cased: str.upper() would turn a dotless i into an I and let two texts be one code.
_US = dict(zip(map(ord, ascii_lowercase), ascii_uppercase, strict=True))
# What is typed -> the key that was sent. Digits stand on the shifted row of AZERTY; with the shift lock of German and
# Swiss keyboards they come out shifted. "]" (of the AIM identifier) is "$" there and "+" here.
_AZERTY = (
    _US
    | _both_cases({"a": "Q", "q": "A", "z": "W", "w": "Z", "m": ";", "é": "2", "è": "7"})
    | str.maketrans({",": "M", "?": "M", '"': "3", "'": "4", "(": "5", "-": "6", "§": "6", "&": "1", "$": "]"})
)
_QWERTZ = (
    _US
    | _both_cases({"z": "Y", "y": "Z", "ç": "4"})
    | str.maketrans({'"': "2", "§": "3", "*": "3", "$": "4", "%": "5", "&": "6", "/": "7", "!": "1", "+": "]"})
)
_LAYOUTS = (_US, _AZERTY, _QWERTZ)

# Width in bits of each field of TicketPayload, in the order of its declaration, which is the order on the wire.
FIELD_BITS: MappingProxyType[str, int] = MappingProxyType(
    {
        "key_id": 8,
        "ticket_serial": 64,
        "schedule_id": 32,
        "service_date": 14,
        "from_stop": 6,
        "to_stop": 6,
        "issue_no": 4,
        "travel_class": 4,
        "coach": 6,
        "seat": 8,
        "training": 1,
    }
)


@dataclass(frozen=True, slots=True)
class TicketPayload:
    """What a ticket code says. Stops, coach and seat are ordinal numbers, ``travel_class`` a small class number.

    Raises UsageError ``ticket_field_range`` when a value does not fit its bits.
    """

    key_id: int
    ticket_serial: int
    schedule_id: int
    service_date: date
    from_stop: int
    to_stop: int
    issue_no: int
    travel_class: int
    coach: int
    seat: int
    training: bool

    def __post_init__(self) -> None:
        for name, value in zip(FIELD_BITS, self._numbers(), strict=True):
            if not 0 <= value < 1 << FIELD_BITS[name]:
                raise UsageError(
                    f"The ticket code has no room for {name} {getattr(self, name)}.",
                    hint=f"{name} takes {FIELD_BITS[name]} bits.",
                    code="ticket_field_range",
                    details={"field": name},
                )

    def _numbers(self) -> tuple[int, ...]:
        values = (getattr(self, name) for name in FIELD_BITS)
        return tuple((value - EPOCH).days if isinstance(value, date) else int(value) for value in values)

    def to_bytes(self) -> bytes:
        """The 21 bytes that are signed (after the prefix)."""
        bits = 0
        for width, value in zip(FIELD_BITS.values(), self._numbers(), strict=True):
            bits = bits << width | value
        return (bits << _ZERO_BITS).to_bytes(_PAYLOAD_BYTES, "big")

    @classmethod
    def from_bytes(cls, data: bytes) -> TicketPayload | None:
        """The payload in 21 bytes, or None when a reserved bit is set."""
        bits = int.from_bytes(data, "big")
        if bits & (1 << _ZERO_BITS) - 1:
            return None
        bits >>= _ZERO_BITS
        values: dict[str, int] = {}
        for name, width in reversed(tuple(FIELD_BITS.items())):
            values[name] = bits & (1 << width) - 1
            bits >>= width
        service_date = EPOCH + timedelta(days=values.pop("service_date"))
        training = bool(values.pop("training"))
        return cls(service_date=service_date, training=training, **values)


class Reading(StrEnum):
    """How a scanned or typed text is to be taken."""

    VALID = "valid"
    FORGED = "forged"
    UNKNOWN = "unknown"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Decoded:
    """The judgement of one text. ``payload`` and ``code`` (as printed) are there only when it is valid.

    ``key_id`` is the key that a code with our prefix names, whoever signed it; ``says_training`` what such a code says
    of training, None where it says nothing that can be read.
    """

    reading: Reading
    payload: TicketPayload | None = None
    code: str = ""
    key_id: int | None = field(default=None, compare=False)
    says_training: bool | None = field(default=None, compare=False)


def encode(payload: TicketPayload, issuer: str, private_key: Ed25519PrivateKey) -> str:
    """The signed code of a ticket, 140 characters.

    ``private_key`` must be the partner of the public key that gates know as ``payload.key_id``.
    Raises UsageError ``ticket_issuer`` when ``issuer`` is not three letters A to Z.
    """
    prefix = _prefix(issuer)
    data = payload.to_bytes()
    signature = private_key.sign(prefix.encode("ascii") + data)
    return prefix + base64.b32encode(data + signature).decode("ascii")


def decode(text: str, *, issuer: str, public_keys: Mapping[int, Ed25519PublicKey]) -> Decoded:
    """Judge a scanned or typed text; never raises for what the text contains.

    Unreadable is nothing but white space. Our length and alphabet with a wrong prefix, key, signature or reserved
    bit is forged. Anything else is unknown. Case, surrounding white space and an AIM identifier do not matter, and
    a scanner on the wrong keyboard layout is understood (``keyboard_variants``).
    Raises UsageError ``ticket_issuer`` when ``issuer`` is not three letters A to Z.
    """
    prefix = _prefix(issuer)
    candidates = keyboard_variants(text)
    if not any(candidates):
        return Decoded(Reading.UNREADABLE)
    reading, key_id, claimed = Reading.UNKNOWN, None, None
    for position, candidate in enumerate(candidates):
        if not _FORM.fullmatch(candidate):
            continue
        is_ours = candidate.startswith(prefix)
        payload = _verified(candidate, prefix, public_keys) if is_ours else None
        if payload is not None:
            return Decoded(Reading.VALID, payload, candidate, payload.key_id, payload.training)
        # A text that has our form only after a layout was undone is ours only if it also names us.
        if position == 0 or is_ours:
            reading = Reading.FORGED
        if is_ours and key_id is None:
            data = base64.b32decode(candidate[_PREFIX_LENGTH:])
            key_id, claimed = data[0], TicketPayload.from_bytes(data[:_PAYLOAD_BYTES])
    return Decoded(reading, key_id=key_id, says_training=claimed.training if claimed else None)


def has_our_form(text: str, issuer: str) -> bool:
    """Whether a text, read plainly or on a known wrong layout, has this issuer's prefix, our length and alphabet.

    Says nothing about the signature: it tells a scan from typing. Raises UsageError like ``decode``.
    """
    prefix = _prefix(issuer)
    return any(_FORM.fullmatch(reading) and reading.startswith(prefix) for reading in keyboard_variants(text))


def keyboard_variants(text: str) -> tuple[str, ...]:
    """The texts a scanner may have meant, the plain reading first, without repetitions.

    A wedge scanner sends the keys of a US keyboard; a host set to AZERTY or QWERTZ types other characters for them.
    Each variant undoes one layout, upper-cased, without surrounding white space and AIM identifier.
    """
    stripped = text.strip()
    readings = (stripped.translate(layout) for layout in _LAYOUTS)
    return tuple(dict.fromkeys(_AIM_IDENTIFIER.sub("", reading) for reading in readings))


def _prefix(issuer: str) -> str:
    if not _ISSUER.fullmatch(issuer):
        raise UsageError(
            f"{issuer!r} is no ticket issuer.", hint="An issuer is three letters A to Z.", code="ticket_issuer"
        )
    return issuer + VERSION


def _verified(code: str, prefix: str, public_keys: Mapping[int, Ed25519PublicKey]) -> TicketPayload | None:
    data = base64.b32decode(code[_PREFIX_LENGTH:])
    payload, signature = data[:_PAYLOAD_BYTES], data[_PAYLOAD_BYTES:]
    public_key = public_keys.get(payload[0])  # the key id is the payload's first field and fills its first byte
    if public_key is None:
        return None
    try:
        public_key.verify(signature, prefix.encode("ascii") + payload)
    except InvalidSignature:
        return None
    return TicketPayload.from_bytes(payload)


def prefixes_of_key(issuer: str, key_id: int) -> tuple[str, ...]:
    """What the codes that a key has signed begin with: its eight bits are a letter and the first three of the next.

    Raises UsageError like ``decode``.
    """
    prefix, alphabet = _prefix(issuer), ascii_uppercase + "234567"
    return tuple(prefix + alphabet[key_id >> 3] + alphabet[(key_id & 7) << 2 | rest] for rest in range(4))
