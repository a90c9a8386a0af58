"""Telling a keyboard-wedge scanner from a person: which key strokes are one scanned text, and which are typing.

A wedge scanner is a keyboard that types very fast and ends with Enter or Tab. What belongs here: the decision and
its figures, as a pure class fed with strokes and their own times. It knows no terminal, no screen and no clock.

How it decides, in the order in which it matters:

* Nothing is lost and nothing changes places. Every stroke is either handed on, in the order in which it came, or
  is part of a scan.
* A text of the length and alphabet of a ticket code before Enter or Tab is a scan however it arrived: in one burst,
  in several, or slowly by hand; only the end of a longer text without a blank is none. Strokes of it that were handed
  on already are named, so that they can be taken back.
* A character waits for :data:`GLANCE` before it is handed on, too short to be seen. When several have come that
  fast it is a burst, and they wait together through pauses of up to :data:`PAUSE`. So a scan normally leaves no
  trace at all where the focus is, not even for a moment, and presses no one-letter command.
* Another long fast burst is a scan only where scans are expected (``scan_field``); elsewhere it is typing.

Times are seconds of any monotonic clock, taken where the stroke was read: a busy screen must not stretch a burst.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

Key = TypeVar("Key")

#: A ticket code: 140 characters of base32, whose case Caps Lock may have turned over, and before it the symbology's
#: name ("]Q1") where a scanner is set to send that (ISO/IEC 15424).
CODE_LENGTH: Final = 140
SYMBOLOGY_LENGTH: Final = 3
_CODE: Final = re.compile(r"(?:\][A-Za-z][0-9A-Za-z])?([A-Za-z2-7]{140})")

#: A gap of up to this belongs to a burst (seconds); 30 ms lost scans on a busy machine.
PAUSE: Final = 0.100
#: Strokes no further apart than this come from a machine (seconds); the slowest USB wedges need 20 ms a character.
GLANCE: Final = 0.030
#: So many strokes at that speed, not all the same, are a burst: a key held down repeats itself as fast.
BURST_STROKES: Final = 6
BURST_VARIETY: Final = 3
#: The shortest burst that counts as a scan of something else than a ticket.
FOREIGN_LENGTH: Final = 20
#: So many characters of a code's alphabet directly before a code are no name somebody was typing: a long text.
LONGEST_WORD: Final = 40
#: The longest text a QR code holds; what waits or is remembered never grows beyond it.
LONGEST: Final = 4296


def plain_code(text: str) -> str | None:
    """The ticket code a text is, in capitals and without the symbology's name, or ``None`` if it is none."""
    match = _CODE.fullmatch(text)
    return match[1].upper() if match else None


def is_code(text: str) -> bool:
    """Whether a text has the length and the alphabet of a ticket code, in either case."""
    return plain_code(text) is not None


def codes_in(text: str, recognises: Callable[[str], bool] = is_code) -> list[str]:
    """The ticket codes a pasted text consists of; empty unless it is nothing but codes.

    One code to a line, or a single code that a mail program broke over several lines.
    """
    words = text.split()
    for codes in (words, ["".join(words)]):
        if codes and all(recognises(code) for code in codes):
            return [plain_code(code) or code for code in codes]
    return []


@dataclass(frozen=True, slots=True)
class Deliver(Generic[Key]):
    """Hand these strokes to whatever has the focus, in this order."""

    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Scan(Generic[Key]):
    """A scanned text: a plain ticket code in capitals, anything else as it came."""

    text: str
    #: The strokes of it that were handed on before it was known for a scan; they must be taken back.
    delivered: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class _Stroke(Generic[Key]):
    key: Key
    character: str
    at: float


class WedgeAssembler(Generic[Key]):
    """Collects strokes and answers each with what is to be done now.

    ``Key`` is whatever stands for a stroke outside; it is handed back untouched. After every call :attr:`due` says
    when :meth:`pause` wants to be called if nothing else comes.

    Args:
        recognises: what counts as a ticket code; something wider than :func:`is_code` where scanners may send through
            a foreign keyboard layout. It is asked about texts of :data:`CODE_LENGTH` characters, and about those
            with the symbology's name before them.
    """

    def __init__(self, recognises: Callable[[str], bool] = is_code) -> None:
        self._recognises = recognises
        self._held: list[_Stroke[Key]] = []
        self._is_burst = False
        self._delivered: deque[_Stroke[Key]] = deque(maxlen=LONGEST)
        self._scan_ended: float | None = None

    @property
    def due(self) -> float | None:
        """When the strokes that wait have waited long enough, or ``None`` if none wait."""
        if not self._held:
            return None
        return self._held[-1].at + (PAUSE if self._is_burst else GLANCE)

    def character(self, key: Key, character: str, at: float) -> list[Deliver[Key] | Scan[Key]]:
        """A printable character was struck at the time ``at``."""
        self._scan_ended = None
        handed_on = []
        if self._held and (at - self._held[-1].at > PAUSE or len(self._held) >= LONGEST):
            handed_on = self._hand_on()
        self._held.append(_Stroke(key, character, at))
        self._is_burst = self._is_burst or self._looks_like_burst()
        return handed_on

    def terminator(self, key: Key, at: float, *, scan_field: bool = False) -> list[Deliver[Key] | Scan[Key]]:
        """Enter or Tab was struck. It disappears with the scan it ends, or is handed on after what waits.

        Args:
            scan_field: the focus is where scans of anything are expected.
        """
        strokes = [*self._delivered, *self._held]
        begin = self._find_code(strokes)
        if begin is None and scan_field:
            begin = self._find_foreign(strokes, at)
        if begin is not None:
            return self._scan(strokes, begin, at)
        if not strokes and self._scan_ended is not None and at - self._scan_ended <= PAUSE:
            # The second half of CR LF, or a scanner set to send both Tab and Enter.
            return []
        return self.other(key)

    def other(self, key: Key) -> list[Deliver[Key] | Scan[Key]]:
        """Any other key (an arrow, Backspace, Esc …): what waits goes first, and no text reaches across it."""
        keys = (*(stroke.key for stroke in self._held), key)
        self._forget()
        return [Deliver(keys)]

    def release(self) -> list[Deliver[Key] | Scan[Key]]:
        """Something else than a key happens (a click, a paste): what waits goes first, and nothing reaches across."""
        handed_on = self._hand_on()
        self._forget()
        return handed_on

    def pause(self, now: float) -> list[Deliver[Key] | Scan[Key]]:
        """Nothing has come for a while: hand on what has waited long enough."""
        return self._hand_on() if self.due is not None and now >= self.due else []

    def _looks_like_burst(self) -> bool:
        last = self._held[-BURST_STROKES:]
        if len(last) < BURST_STROKES or len({stroke.character for stroke in last}) < BURST_VARIETY:
            return False
        return (last[-1].at - last[0].at) / (BURST_STROKES - 1) <= GLANCE

    def _hand_on(self) -> list[Deliver[Key] | Scan[Key]]:
        if not self._held:
            return []
        keys = tuple(stroke.key for stroke in self._held)
        self._delivered.extend(self._held)
        self._held.clear()
        self._is_burst = False
        return [Deliver(keys)]

    def _forget(self) -> None:
        self._held.clear()
        self._is_burst = False
        self._delivered.clear()
        self._scan_ended = None

    def _find_code(self, strokes: list[_Stroke[Key]]) -> int | None:
        """Where the code before a terminator begins; characters before it were typed by somebody."""
        text = "".join(stroke.character for stroke in strokes[-LONGEST_WORD - CODE_LENGTH :])
        for length in (SYMBOLOGY_LENGTH + CODE_LENGTH, CODE_LENGTH):
            if len(text) >= length and self._recognises(text[-length:]):
                is_tail = len(text) == LONGEST_WORD + CODE_LENGTH and self._recognises(text[:CODE_LENGTH])
                return None if is_tail else len(strokes) - length
        return None

    @staticmethod
    def _find_foreign(strokes: list[_Stroke[Key]], at: float) -> int | None:
        """Where a long burst at scanner speed before a terminator begins."""
        begin, later = len(strokes), at
        while begin > 0 and later - strokes[begin - 1].at <= PAUSE:
            begin -= 1
            later = strokes[begin].at
        length = len(strokes) - begin
        if not FOREIGN_LENGTH <= length <= LONGEST:
            return None
        pace = (strokes[-1].at - strokes[begin].at) / (length - 1)
        return begin if pace <= GLANCE else None

    def _scan(self, strokes: list[_Stroke[Key]], begin: int, at: float) -> list[Deliver[Key] | Scan[Key]]:
        handed_on = len(self._delivered)
        text = "".join(stroke.character for stroke in strokes[begin:])
        scan = Scan(plain_code(text) or text, tuple(stroke.key for stroke in strokes[begin:handed_on]))
        typed_before = tuple(stroke.key for stroke in strokes[handed_on:begin])
        self._forget()
        self._scan_ended = at
        return [Deliver(typed_before), scan] if typed_before else [scan]
