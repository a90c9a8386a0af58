"""What stands where on a paper ticket: a pure function from a ticket to the lines of a strip of paper.

What belongs here: the face of the ticket, its lines and their preview on a screen. The bytes for a printer are made in
``escpos_ticket``; the harmless text of ``printable`` is all that ever reaches it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from babel.dates import format_date

from core import training
from core.money import grouped
from counter.devices.print_text import clean, cut_to, printable, two_ends, width_of, wrapped

Align: TypeAlias = Literal["left", "center", "right"]

#: Dots to a module: below 6 a worn or crumpled print stops scanning, above 8 it only costs paper.
_LARGEST_MODULE: Final = 8
_SMALLEST_MODULE: Final = 6
#: Modules across a ticket's QR symbol at level M, quiet zone of 4 on both sides included: version 6 (41) as printers
#: choose it for an alphanumeric text; version 8 (49) when one falls back to byte mode.
_WIDEST_SYMBOL: Final = 49 + 2 * 4
_CODE: Final = re.compile(r"[A-Z0-9]{1,140}")


@dataclass(frozen=True, slots=True)
class Paper:
    """A roll: its width in millimetres, in columns of font A, and in dots that can be printed."""

    millimetres: int
    columns: int
    dots: int


PAPER_80: Final = Paper(80, 48, 576)
PAPER_58: Final = Paper(58, 32, 384)


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text, already harmless and no wider than the paper."""

    line: str
    bold: bool = False
    double_width: bool = False
    double_height: bool = False
    align: Align = "left"


@dataclass(frozen=True, slots=True)
class Rule:
    """A line across the paper."""


@dataclass(frozen=True, slots=True)
class QR:
    """A QR symbol, model 2, level M, centred; ``module`` is the size of a module in dots."""

    data: str
    module: int


@dataclass(frozen=True, slots=True)
class Feed:
    """Empty lines."""

    lines: int = 1


@dataclass(frozen=True, slots=True)
class Cut:
    """The end of the ticket: feed it past the knife and cut through."""


Line: TypeAlias = Text | Rule | QR | Feed | Cut


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketFace:
    """Everything a ticket shows, ready for print.

    Times are aware and in the zone of their station, ``fare`` is in minor units of ``currency``, ``identity`` is masked
    already. ``coach`` and ``seat`` are empty for a traveller without a seat (an infant). ``copy_no`` is 0 on the
    original print, then 1, 2…; ``issue_no`` is 1 on the first issue of the ticket, above that it is a duplicate.
    """

    operator_name: str
    train_number: str
    train_name: str
    class_name: str
    subclass: str
    origin_code: str
    origin_name: str
    destination_code: str
    destination_name: str
    departs_at: datetime
    arrives_at: datetime
    coach: str
    seat: str
    passenger_name: str
    passenger_type: str
    identity: str
    booking_number: str
    ticket_number: str
    fare: int
    currency: str
    issued_at: datetime
    issued_by: str
    terminal: str
    code: str
    copy_no: int = 0
    issue_no: int = 1
    training: bool = False
    demo: bool = False


_LABELS: Final = MappingProxyType(
    {
        "id": {
            "ticket": "TIKET KERETA API",
            "copy": "SALINAN / COPY {n}",
            "duplicate": "DUPLIKAT / DUPLICATE {n}",
            "demo": "CONTOH - TIDAK BERLAKU",
            "coach": "Gerbong",
            "seat": "Kursi",
            "no_seat": "TANPA KURSI",
            "class": "Kelas",
            "passenger": "Penumpang",
            "type": "Tipe",
            "identity": "Identitas",
            "booking": "Kode booking",
            "number": "No. tiket",
            "fare": "Tarif",
            "issued": "Dicetak",
            "adult": "Dewasa",
            "child": "Anak",
            "infant": "Bayi",
            "senior": "Lansia",
            "at_gate": "Tunjukkan tiket dan identitas saat boarding",
        },
        "en": {
            "ticket": "TRAIN TICKET",
            "copy": "COPY {n}",
            "duplicate": "DUPLICATE {n}",
            "demo": "SAMPLE - NOT VALID",
            "coach": "Coach",
            "seat": "Seat",
            "no_seat": "NO SEAT",
            "class": "Class",
            "passenger": "Passenger",
            "type": "Type",
            "identity": "Identity",
            "booking": "Booking code",
            "number": "Ticket no.",
            "fare": "Fare",
            "issued": "Issued",
            "adult": "Adult",
            "child": "Child",
            "infant": "Infant",
            "senior": "Senior",
            "at_gate": "Show ticket and identity at the gate",
        },
    }
)


def ticket_lines(face: TicketFace, paper: Paper, language: str = "id") -> tuple[Line, ...]:
    """The ticket as lines of ``paper``, in Indonesian ("id") or English ("en", also for any other language).

    Train, date, time, coach and seat stand in double size. No line is wider than the paper, whatever the face says.
    Raises ValueError for paper too narrow for a QR symbol that scans, and for a code that is no ticket code.
    """
    locale = language if language in _LABELS else "en"
    words = _LABELS[locale]
    marks = tuple(_marks(face, words, paper.columns))
    notice = training_notice(paper) if face.training else ()
    return (
        *notice,
        Text(clean(face.operator_name, paper.columns), bold=True, align="center"),
        Text(words["ticket"], align="center"),
        *marks,
        Rule(),
        *_journey(face, words, locale, paper.columns),
        Rule(),
        *_details(face, words, paper.columns),
        Feed(),
        _symbol(face.code, paper),
        Feed(),
        *(Text(line, align="center") for line in wrapped(words["at_gate"], paper.columns, most=2)),
        *_issue(face, words, locale, paper.columns),
        *marks,
        *notice,
        Cut(),
    )


def training_notice(paper: Paper) -> tuple[Text, ...]:
    """What stands first and last on everything that is printed in training, in both languages of the railway."""
    return tuple(replace(_large(words, paper.columns), align="center") for words in training.NOTICES)


def preview(lines: Sequence[Line], columns: int) -> list[str]:
    """The same lines for a screen, ``columns`` wide: double width is letter-spaced, the symbol is a placeholder."""
    return [shown for line in lines for shown in _preview_of(line, columns)]


def _preview_of(line: Line, columns: int) -> Iterator[str]:
    match line:
        case Text():
            text = "".join(c + " " * width_of(c) for c in line.line) if line.double_width else line.line
            yield _aligned(text.rstrip(), line.align, columns)
        case Rule():
            yield "-" * columns
        case QR():
            yield _aligned(cut_to(f"[ QR {line.data[:8]}..{line.data[-4:]} ]", columns), "center", columns)
        case Feed():
            yield from [""] * line.lines
        case Cut():
            yield "- " * (columns // 2)


def _aligned(text: str, align: Align, columns: int) -> str:
    room = max(0, columns - width_of(text))
    indent = {"left": 0, "center": room // 2, "right": room}[align]
    return " " * indent + text


def _symbol(code: str, paper: Paper) -> QR:
    module = min(_LARGEST_MODULE, paper.dots // _WIDEST_SYMBOL)
    if module < _SMALLEST_MODULE:
        raise ValueError(f"{paper.dots} dots are too narrow for a ticket's QR symbol")
    if not _CODE.fullmatch(code):
        raise ValueError("a ticket code is upper-case letters and digits, 140 at most")
    return QR(code, module)


def _marks(face: TicketFace, words: Mapping[str, str], columns: int) -> Iterator[Text]:
    """What a ticket must not be mistaken for, above everything else and once more at the foot."""
    said = (
        (face.demo and not face.training, "demo"),
        (face.copy_no > 0, "copy"),
        (face.issue_no > 1, "duplicate"),
    )
    numbers = {"copy": face.copy_no, "duplicate": face.issue_no}
    for applies, word in said:
        if applies:
            mark = words[word].format(n=numbers.get(word))
            yield Text(cut_to(f"*** {mark} ***", columns), bold=True, double_height=True, align="center")


def _journey(face: TicketFace, words: Mapping[str, str], locale: str, columns: int) -> Iterator[Text]:
    """What a traveller looks for on the platform, readable at arm's length."""
    yield _large(f"KA {face.train_number} {face.train_name}", columns)
    day = format_date(face.departs_at, "EEE d MMM y", locale=locale)
    yield from _large_pair(day, f"{face.departs_at:%H:%M}", columns)
    if face.seat:
        yield Text(two_ends(words["coach"], words["seat"], columns))
        yield from _large_pair(face.coach, face.seat, columns)
    else:
        yield _large(words["no_seat"], columns)
    days_later = (face.arrives_at.date() - face.departs_at.date()).days
    stops = (
        (face.origin_code, face.origin_name, face.departs_at, 0),
        (face.destination_code, face.destination_name, face.arrives_at, days_later),
    )
    for code, name, at, later in stops:
        clock = f"{f'+{later} ' if later > 0 else ''}{at:%H:%M} {at.tzname() or ''}"
        yield Text(two_ends(f"{code} {name}", clock, columns), bold=True)


def _details(face: TicketFace, words: Mapping[str, str], columns: int) -> Iterator[Text]:
    yield Text(words["passenger"])
    yield from (Text(line, bold=True) for line in wrapped(printable(face.passenger_name), columns, most=2))
    subclass = f" ({face.subclass})" if face.subclass else ""
    rows = (
        ("type", words.get(face.passenger_type, face.passenger_type)),
        ("identity", face.identity),
        ("class", face.class_name + subclass),
        ("fare", f"{'Rp' if face.currency == 'IDR' else face.currency} {grouped(face.fare)}"),
        ("booking", face.booking_number),
        ("number", face.ticket_number),
    )
    for word, value in rows:
        yield Text(two_ends(words[word], value, columns))


def _issue(face: TicketFace, words: Mapping[str, str], locale: str, columns: int) -> Iterator[Text]:
    when = f"{format_date(face.issued_at, 'd MMM y', locale=locale)} {face.issued_at:%H:%M}"
    yield Text(two_ends(words["issued"], when, columns))
    yield Text(two_ends(face.terminal, face.issued_by, columns))


def _large(text: str, columns: int) -> Text:
    """Double size where it fits; a text too long for that keeps the double height and the whole width."""
    text = clean(text, columns)
    return Text(text, bold=True, double_width=2 * width_of(text) <= columns, double_height=True)


def _large_pair(left: str, right: str, columns: int) -> Iterator[Text]:
    """Two values in double size at both margins, or below each other where they do not fit side by side."""
    left, right = printable(left), printable(right)
    if width_of(left) + 1 + width_of(right) <= columns // 2:
        yield Text(two_ends(left, right, columns // 2), bold=True, double_width=True, double_height=True)
    else:
        yield from (_large(left, columns), _large(right, columns))
