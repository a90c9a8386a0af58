"""The line under the entry field: what was understood, in the clerk's language.

What belongs here: putting an ``Entry`` into words. It is a pure function of the entry, so that a screen may call it at
every key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Literal

from core.identity import mask
from counter.entry import Entry, Place, TimeOfDay

Language = Literal["en", "id"]

_PEOPLE: Mapping[str, tuple[tuple[str, str], tuple[str, str], tuple[str, str], tuple[str, str]]] = {
    "en": (("adult", "adults"), ("child", "children"), ("infant", "infants"), ("senior", "seniors")),
    "id": (("dewasa", "dewasa"), ("anak", "anak"), ("bayi", "bayi"), ("lansia", "lansia")),
}
_TIMES: Mapping[str, Mapping[TimeOfDay, str]] = {
    "en": {time: time.value for time in TimeOfDay},
    "id": {
        TimeOfDay.MORNING: "pagi",
        TimeOfDay.MIDDAY: "siang",
        TimeOfDay.AFTERNOON: "sore",
        TimeOfDay.EVENING: "malam",
    },
}
_PAYMENTS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "cash": "cash",
        "qris": "QRIS",
        "wallet": "wallet",
        "debit_card": "debit card",
        "credit_card": "credit card",
        "bank_transfer": "bank transfer",
    },
    "id": {
        "cash": "tunai",
        "qris": "QRIS",
        "wallet": "dompet",
        "debit_card": "kartu debit",
        "credit_card": "kartu kredit",
        "bank_transfer": "transfer",
    },
}


def format_summary(entry: Entry, language: Language, class_names: Mapping[str, str] | None = None) -> str:
    """``YK Yogyakarta → GMR Gambir · Wed 25 Nov 2026 · 2 adults, 1 infant · executive``.

    ``class_names`` maps class codes to what they are called in that language; a code without a name stands for
    itself. A station that is not known yet is a question mark.
    """
    return " · ".join(_parts(entry, language, class_names or {}))


def _parts(entry: Entry, language: Language, class_names: Mapping[str, str]) -> Iterator[str]:
    yield f"{_place(entry.origin)} → {_place(entry.destination)}"
    day = _day(entry.day, language)
    yield f"{day} {_TIMES[language][entry.time_of_day]}" if entry.time_of_day else day
    counts = (entry.adults, entry.children, entry.infants, entry.seniors)
    people = zip(counts, _PEOPLE[language], strict=True)
    yield ", ".join(f"{count} {one if count == 1 else many}" for count, (one, many) in people if count)
    if entry.class_code:
        yield class_names.get(entry.class_code, entry.class_code)
    if entry.train_number:
        yield f"KA {entry.train_number}"
    if entry.passengers:
        yield ", ".join(f"{draft.name} {mask(draft.identity.number)}".strip() for draft in entry.passengers)
    if entry.pay_method:
        yield _PAYMENTS[language][entry.pay_method]


def _place(place: Place | None) -> str:
    return f"{place.code} {place.name}" if place else "?"


def _day(day: date, language: Language) -> str:
    from babel.dates import format_date  # its locale data would slow down the first paint of the login screen

    return format_date(day, "EEE d MMM y", locale=language)
