"""What stands where on a printed receipt: a pure function from what was paid to the lines of a strip of paper.

What belongs here: words and lines. What a receipt says was decided when the money was taken (``core.fine_settling``),
so that one printed later is the one that was printed then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from babel.dates import format_date

from core.money import grouped
from counter.devices.print_text import clean, two_ends
from counter.devices.ticket_layout import Cut, Line, Paper, Rule, Text, training_notice

_WORDS: Final = MappingProxyType(
    {
        "id": {
            "title": "TANDA TERIMA DENDA", "copy": "SALINAN / COPY {n}", "demo": "CONTOH - TIDAK BERLAKU",
            "number": "Denda", "kind": "Jenis", "identity": "Identitas", "train": "KA", "date": "Tanggal",
            "stretch": "Relasi", "amount": "LUNAS", "tendered": "Tunai diterima", "change": "Kembali",
            "paid_at": "Dibayar", "clerk": "Petugas", "terminal": "Loket", "over_riding": "Melebihi relasi",
            "no_ticket": "Tanpa tiket", "wrong_class": "Salah kelas", "cash": "Tunai", "debit_card": "Kartu debit",
            "credit_card": "Kartu kredit", "wallet": "Dompet digital", "bank_transfer": "Transfer bank", "qris": "QRIS",
        },
        "en": {
            "title": "RECEIPT FOR A FINE", "copy": "COPY {n}", "demo": "SAMPLE - NOT VALID",
            "number": "Fine", "kind": "Kind", "identity": "Identity", "train": "Train", "date": "Date",
            "stretch": "From - to", "amount": "PAID", "tendered": "Cash taken", "change": "Change",
            "paid_at": "Paid", "clerk": "Clerk", "terminal": "Terminal", "over_riding": "Over-riding",
            "no_ticket": "No ticket", "wrong_class": "Wrong class", "cash": "Cash", "debit_card": "Debit card",
            "credit_card": "Credit card", "wallet": "Wallet", "bank_transfer": "Bank transfer", "qris": "QRIS",
        },
    }
)  # fmt: skip


def receipt_lines(
    receipt: Mapping[str, Any], paper: Paper, language: str = "id", *, copy_no: int = 0, demo: bool = False
) -> tuple[Line, ...]:
    """The receipt of a fine as lines of ``paper``, in Indonesian ("id") or English (any other language)."""
    practised = bool(receipt.get("training"))
    notice = training_notice(paper) if practised else ()
    locale = language if language in _WORDS else "en"
    marks = tuple(_marks(_WORDS[locale], paper.columns, copy_no, demo and not practised))
    return (*notice, *_title(receipt, paper.columns, locale), *marks, Rule(), *_body(receipt, paper.columns, locale),
            *marks, *notice, Cut())  # fmt: skip


def _marks(words: Mapping[str, str], columns: int, copy_no: int, demo: bool) -> Iterator[Line]:
    if copy_no:
        yield Text(clean(words["copy"].format(n=copy_no), columns), bold=True, align="center")
    if demo:
        yield Text(clean(words["demo"], columns), bold=True, align="center")


def _title(receipt: Mapping[str, Any], columns: int, locale: str) -> Iterator[Line]:
    yield Text(clean(receipt["operator"], columns), bold=True, align="center")
    yield Text(clean(_WORDS[locale]["title"], columns), bold=True, double_height=True, align="center")


def _body(receipt: Mapping[str, Any], columns: int, locale: str) -> Iterator[Line]:
    words: Mapping[str, str] = _WORDS[locale]

    def row(name: str, value: object, *, bold: bool = False) -> Text:
        return Text(two_ends(words[name], str(value), columns), bold=bold)

    day, paid = datetime.fromisoformat(receipt["date"]), datetime.fromisoformat(receipt["paid_at"])
    yield row("number", receipt["number"])
    yield row("kind", words.get(receipt["kind"], receipt["kind"]))
    yield row("identity", receipt["identity"].replace("…", "***"))
    yield row("train", receipt["train"])
    yield row("date", format_date(day, "d MMM y", locale=locale))
    if receipt["stretch"]:
        yield row("stretch", receipt["stretch"])
    yield Rule()
    yield row("amount", f"{receipt['currency']} {grouped(receipt['amount'])}", bold=True)
    method = words.get(receipt["method"], receipt["method"])
    if receipt["tendered"] is None:
        yield Text(clean(method, columns))
    else:
        yield row("tendered", grouped(receipt["tendered"]))
        yield row("change", grouped(receipt["change"] or 0))
    yield Rule()
    yield row("paid_at", f"{format_date(paid, 'd MMM y', locale=locale)} {paid:%H:%M}")
    yield row("clerk", receipt["clerk"])
    yield row("terminal", f"{receipt['station']} {receipt['terminal']}".strip())
