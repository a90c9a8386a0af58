"""What a printer is asked and what it says back, in bytes.

What belongs here: the two requests that confirm a print and the pure parser of ESC/POS replies. Nothing frames replies
but their fixed bits (Epson's and Citizen's command references, "identification of transmitted status"):

    XON, XOFF            11H, 13H           anywhere, even inside other replies
    automatic status     0xx1xx00 + three bytes 0xx0xxxx
    DLE EOT              0xx1xx10           one byte
    GS r, GS I           0xx0xxxx           one byte
    block                37H, 3BH, 53H, 5FH … NUL      37H 22H d1 d2 d3 d4 NUL answers GS ( H, function 48
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from string import ascii_uppercase, digits
from typing import Final, TypeAlias

#: GS r 1: transmit the paper sensor's status, in its turn after everything before it.
PAPER_STATUS_REQUEST: Final = b"\x1dr\x01"

_FLOW_CONTROL: Final = (0x11, 0x13)
_BLOCK_HEADERS: Final = (0x37, 0x3B, 0x53, 0x5F)
_PROCESS_ID_HEADER: Final = b"\x37\x22"
_LONGEST_BLOCK: Final = 256
_AUTOMATIC_STATUS_REST: Final = 3
_PROCESS_ID: Final = re.compile(r"[ -~]{4}")
_DIGITS: Final = digits + ascii_uppercase


def process_id_of(number: int) -> str:
    """Four characters for the printer to say back: ``number`` in base 36, the same again after 1,679,616 prints."""
    written = ""
    for _ in range(4):
        number, digit = divmod(number, len(_DIGITS))
        written = _DIGITS[digit] + written
    return written


def process_id_request(process_id: str) -> bytes:
    """GS ( H, function 48: answer 37H 22H, these four characters, NUL when what came before is printed.

    Source: Epson's ESC/POS command reference, "GS ( H <Function 48>". Raises ValueError for anything but four
    characters from 20H to 7EH.
    """
    if not _PROCESS_ID.fullmatch(process_id):
        raise ValueError(f"a process id is four printable ASCII characters, not {process_id!r}")
    return b"\x1d(H\x06\x0000" + process_id.encode("ascii")


@dataclass(frozen=True, slots=True)
class ProcessDone:
    """Everything before the request with this process id is printed."""

    process_id: str


@dataclass(frozen=True, slots=True)
class PaperStatus:
    """One byte of GS r 1. It means nothing unless it was asked for."""

    value: int

    @property
    def paper_end(self) -> bool:
        return self.value & 0x0C != 0


Reply: TypeAlias = ProcessDone | PaperStatus


@dataclass(slots=True)
class ReplyParser:
    """Collects bytes as they arrive, in whatever pieces, and hands out the replies that matter."""

    _block: bytearray = field(default_factory=bytearray)
    _status_bytes_due: int = 0

    def feed(self, data: bytes) -> Iterator[Reply]:
        for byte in data:
            reply = self._take(byte)
            if reply is not None:
                yield reply

    def _take(self, byte: int) -> Reply | None:
        if self._block:
            return self._take_in_block(byte)
        if byte in _FLOW_CONTROL:
            return None
        is_plain = byte & 0x90 == 0
        if self._status_bytes_due and is_plain:
            self._status_bytes_due -= 1
            return None
        self._status_bytes_due = 0
        if byte in _BLOCK_HEADERS:
            self._block.append(byte)
        elif byte & 0x93 == 0x10:
            self._status_bytes_due = _AUTOMATIC_STATUS_REST
        elif is_plain:
            return PaperStatus(byte)
        return None

    def _take_in_block(self, byte: int) -> Reply | None:
        if byte != 0 and len(self._block) < _LONGEST_BLOCK:
            if byte not in _FLOW_CONTROL:
                self._block.append(byte)
            return None
        block, self._block = bytes(self._block), bytearray()
        if block.startswith(_PROCESS_ID_HEADER) and len(block) == len(_PROCESS_ID_HEADER) + 4:
            return ProcessDone(block[len(_PROCESS_ID_HEADER) :].decode("ascii", "replace"))
        return None
