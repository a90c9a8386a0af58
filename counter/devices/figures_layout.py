"""What stands where on a printed report of figures, and on a conductor's manifest: pure functions to lines of paper.

What belongs here: words and lines for ``core.reports``. X and Z reports are ``report_layout``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import groupby
from types import MappingProxyType
from typing import Any, Final

from babel.dates import format_date

from core.money import grouped
from core.reports.riders import Manifest, Rider
from counter.devices.print_text import clean, printable, two_ends, width_of, wrapped
from counter.devices.ticket_layout import Cut, Line, Paper, Rule, Text, training_notice

#: English label or word → Indonesian; English papers print the keys.
_INDONESIAN: Final = MappingProxyType(
    {
        "Sales by day": "Penjualan per hari", "Sales by shift": "Penjualan per sif",
        "Sales by clerk": "Penjualan per petugas", "Sales by method": "Penjualan per cara bayar",
        "Sales by train": "Penjualan per kereta", "Sales by class": "Penjualan per kelas", "Occupancy": "Okupansi",
        "Refunds": "Pengembalian", "Changes of bookings": "Perubahan pesanan", "Over and short": "Selisih kas",
        "Use of promotions": "Pemakaian promosi", "Day": "Hari", "Shift": "Sif", "Clerk": "Petugas",
        "Method": "Cara bayar", "Train": "Kereta", "Class": "Kelas", "Bookings": "Pesanan", "Payments": "Pembayaran",
        "Sold": "Terjual", "Refunded": "Dikembalikan", "Net": "Bersih", "Passengers": "Penumpang", "Fares": "Tarif",
        "Discounts": "Potongan", "Fees": "Biaya", "Changes": "Perubahan", "From": "Dari", "To": "Ke", "Seats": "Kursi",
        "Held": "Ditahan", "Free": "Kosong", "Full": "Terisi", "Departs": "Berangkat", "Tickets": "Tiket",
        "Fullest leg": "Ruas terpadat", "On average": "Rata-rata", "Tickets to seats": "Tiket per kursi",
        "Reason": "Alasan", "Change": "Perubahan", "Status": "Status", "Amount": "Jumlah", "Costs": "Biaya",
        "Policy": "Kebijakan", "Approved": "Disetujui", "Terminal": "Loket", "Closed": "Ditutup",
        "Expected": "Seharusnya", "Counted": "Terhitung", "Over": "Lebih", "Short": "Kurang",
        "Approved by": "Disetujui oleh", "Code": "Kode", "Name": "Nama", "Uses": "Pemakaian", "Discount": "Potongan",
        "Given back": "Dilepas", "Ever used": "Total pakai", "Limit": "Batas", "Total": "Jumlah",
        "Printed": "Dicetak", "By": "Oleh", "SAMPLE - NOT VALID": "CONTOH - TIDAK BERLAKU", "Manifest": "Manifes",
        "Coach": "Gerbong", "Travellers": "Penumpang", "Stops": "Perhentian", "No seat": "Tanpa kursi",
        "on {on}, off {off}, aboard {aboard}": "naik {on}, turun {off}, di kereta {aboard}", "infant": "bayi",
        "Fines": "Denda", "Kind": "Jenis", "Date": "Tanggal", "Nothing is on record.": "Tidak ada catatan.",
    }
)  # fmt: skip


def figures_lines(
    report: Mapping[str, Any], paper: Paper, language: str = "id", *, demo: bool = False
) -> tuple[Line, ...]:
    """A report as ``core.reports.table.Report.document`` made it and JSON kept it, as lines of ``paper``."""
    return tuple(_framed(_Figures(report, paper.columns, language), paper, bool(report.get("training")), demo))


def manifest_lines(
    made: Manifest,
    paper: Paper,
    language: str = "id",
    *,
    operator: str = "",
    demo: bool = False,
    training: bool = False,
) -> tuple[Line, ...]:
    """A manifest: coach by coach who sits where, and stop by stop who gets on and off."""
    return tuple(_framed(_Passengers(made, paper.columns, language, operator), paper, training, demo))


class _Sheet:
    """A paper being laid out."""

    def __init__(self, columns: int, language: str) -> None:
        self._columns, self._language = columns, language if language in ("id", "en") else "en"

    def _say(self, words: str) -> str:
        return _INDONESIAN.get(words, words) if self._language == "id" else words

    def _row(self, left: str, right: object, *, bold: bool = False) -> Text:
        return Text(two_ends(left, str(right), self._columns), bold=bold)

    def _head(self, words: str) -> Text:
        return Text(clean(words, self._columns), bold=True)

    def _big(self, words: str) -> Text:
        if width_of(words) * 2 > self._columns:
            return Text(clean(words, self._columns), bold=True, double_height=True, align="center")
        return Text(clean(words, self._columns), bold=True, double_width=True, double_height=True, align="center")

    def _day(self, written: str) -> str:
        return format_date(date.fromisoformat(written), "EEE d MMM y", locale=self._language)

    def sample(self) -> Text:
        return Text(clean(self._say("SAMPLE - NOT VALID"), self._columns), bold=True, align="center")

    def title(self) -> Iterator[Line]:
        raise NotImplementedError

    def body(self) -> Iterator[Line]:
        raise NotImplementedError


def _framed(sheet: _Sheet, paper: Paper, training: bool, demo: bool) -> Iterator[Line]:
    notice = training_notice(paper) if training else ()
    marks = (sheet.sample(),) if demo and not training else ()
    yield from notice
    yield from sheet.title()
    yield from marks
    yield Rule()
    yield from sheet.body()
    yield from marks
    yield from notice
    yield Cut()


class _Figures(_Sheet):
    """Columns do not fit side by side on a strip: each row has its words, its last figure, and the others below."""

    def __init__(self, report: Mapping[str, Any], columns: int, language: str) -> None:
        super().__init__(columns, language)
        self._report = report
        self._heads: Sequence[tuple[str, str, str]] = [(one[0], one[1], one[2]) for one in report["columns"]]

    def title(self) -> Iterator[Line]:
        report, facts = self._report, self._report["facts"]
        yield Text(clean(report["operator"], self._columns), bold=True, align="center")
        yield self._big(self._say(report["title"]))
        train = " ".join(str(facts[name]) for name in ("train", "train_name") if facts.get(name))
        days = [self._day(facts[name]) for name in ("date", "from", "to") if facts.get(name)]
        for words in (train, " - ".join(dict.fromkeys(days))):
            if words:
                yield from (Text(line, align="center") for line in wrapped(printable(words), self._columns, most=2))
        made = datetime.fromisoformat(report["made_at"])
        when = f"{format_date(made, 'd MMM y', locale=self._language)} {made:%H:%M}"
        yield self._row(self._say("Printed"), when)
        yield self._row(self._say("By"), report["made_by"])

    def body(self) -> Iterator[Line]:
        rows: Sequence[Sequence[Any]] = self._report["rows"]
        if not rows:
            yield Text(clean(self._say("Nothing is on record."), self._columns))
        for row in rows:
            yield from self._of(row)
        totals: Sequence[Any] = self._report["totals"]
        if rows and any(value is not None for value in totals):
            yield Rule()
            yield from self._of([self._say("Total"), *totals[1:]], bold=True)

    def _of(self, row: Sequence[Any], *, bold: bool = False) -> Iterator[Line]:
        words = [str(cell) for cell, head in zip(row, self._heads, strict=True) if head[2] == "text" and cell]
        words = words or ["-"] if not bold else [str(row[0])]
        figures = [
            (self._say(label), _figure(cell, kind))
            for cell, (_key, label, kind) in zip(row, self._heads, strict=True)
            if kind != "text" and cell is not None
        ]
        yield self._row(" ".join(words), figures[-1][1] if figures else "", bold=True)
        rest = ", ".join(f"{label} {value}" for label, value in figures[:-1])
        yield from (Text(f"  {line}") for line in wrapped(printable(rest), self._columns - 2, most=4))


def _figure(value: Any, kind: str) -> str:
    if kind == "percent":
        return f"{value} %"
    return grouped(value) if kind == "money" else str(value)


class _Passengers(_Sheet):
    """Coach by coach: the seat, the name, from where to where; the masked identity below."""

    def __init__(self, made: Manifest, columns: int, language: str, operator: str) -> None:
        super().__init__(columns, language)
        self._made, self._operator = made, operator

    def title(self) -> Iterator[Line]:
        made = self._made
        yield Text(clean(self._operator, self._columns), bold=True, align="center")
        yield self._big(f"{self._say('Manifest')} {made.train}")
        yield Text(clean(made.train_name, self._columns), align="center")
        yield Text(clean(f"{self._day(made.day.isoformat())}  {made.origin} > {made.destination}", self._columns),
                   align="center")  # fmt: skip
        yield self._row(self._say("Travellers"), len(made.riders), bold=True)

    def body(self) -> Iterator[Line]:
        yield self._head(self._say("Stops"))
        for halt in self._made.halts:
            said = self._say("on {on}, off {off}, aboard {aboard}")
            counts = said.format(on=halt.on, off=halt.off, aboard=halt.aboard)
            yield self._row(f"{halt.departs} {halt.station}", counts)
        for coach, riders in groupby(self._made.riders, key=lambda one: one.coach):
            yield Rule()
            yield self._head(f"{self._say('Coach')} {coach}" if coach else self._say("No seat"))
            for one in riders:
                yield from self._rider(one)

    def _rider(self, one: Rider) -> Iterator[Line]:
        codes = self._made.codes
        mark = "x" if one.is_boarded else "_"
        seat = one.seat or self._say("infant")
        stretch = f"{codes[one.board]}-{codes[one.leave]} {mark}"
        yield self._row(f"{seat:<4}{one.name}", stretch)
        yield self._row(f"    {one.identity}", one.booking)
