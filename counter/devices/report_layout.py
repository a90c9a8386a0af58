"""What stands where on a printed X or Z report: a pure function from its figures to the lines of a strip of paper.

What belongs here: words and lines. The figures come as ``core.shifts`` made them and JSON kept them, so that a report
printed years later is the one that was printed then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from babel.dates import format_date

from core.money import grouped
from counter.devices.print_text import clean, printable, two_ends, wrapped
from counter.devices.ticket_layout import Cut, Feed, Line, Paper, Rule, Text, training_notice

_WORDS: Final = MappingProxyType(
    {
        "id": {
            "x": "LAPORAN X", "z": "LAPORAN Z", "copy": "SALINAN / COPY {n}", "demo": "CONTOH - TIDAK BERLAKU",
            "shift": "Sif", "terminal": "Loket", "clerk": "Petugas", "opened": "Dibuka", "counted_at": "Dihitung",
            "closed": "Ditutup", "closed_by": "Ditutup oleh", "made": "Dicetak", "sales": "PENJUALAN",
            "refunds": "PENGEMBALIAN", "fines": "DENDA", "discounts": "POTONGAN", "total": "Jumlah",
            "drawer": "LACI KAS", "float": "Modal awal", "cash_sales": "Penjualan tunai",
            "cash_refunds": "Pengembalian tunai", "cash_fines": "Denda tunai", "cash_in": "Kas masuk",
            "cash_out": "Kas keluar", "drop": "Setoran", "drops": "Setoran",
            "expected": "Seharusnya", "counted": "Terhitung", "over": "LEBIH", "short": "KURANG", "even": "Selisih",
            "reason": "Alasan", "approved_by": "Disetujui", "count": "PENGHITUNGAN {n}", "movements": "GERAK KAS",
            "work": "PEKERJAAN", "bookings": "Pesanan", "first": "Pertama", "last": "Terakhir", "tickets": "Tiket",
            "printed": "Tercetak", "copies": "Salinan", "no_sales": "Buka laci", "no_sale": "Buka laci",
            "spoilt": "Blangko rusak", "missing": "Blangko tak terjelaskan", "roll": "Rol {mark}",
            "under_way": "Pembayaran berjalan", "sign_clerk": "Petugas", "sign_supervisor": "Pengawas",
            "digest": "Jejak", "audit": "Audit", "cash": "Tunai", "debit_card": "Kartu debit",
            "credit_card": "Kartu kredit", "wallet": "Dompet digital", "bank_transfer": "Transfer bank", "qris": "QRIS",
        },
        "en": {
            "x": "X REPORT", "z": "Z REPORT", "copy": "COPY {n}", "demo": "SAMPLE - NOT VALID",
            "shift": "Shift", "terminal": "Terminal", "clerk": "Clerk", "opened": "Opened", "counted_at": "Counted",
            "closed": "Closed", "closed_by": "Closed by", "made": "Printed", "sales": "SALES",
            "refunds": "REFUNDS", "fines": "FINES", "discounts": "DISCOUNTS", "total": "Total", "drawer": "DRAWER",
            "float": "Float", "cash_sales": "Cash sales", "cash_refunds": "Cash refunds", "cash_fines": "Cash fines",
            "cash_in": "Cash in", "cash_out": "Cash out", "drop": "Drop", "drops": "Drops",
            "expected": "Expected", "counted": "Counted", "over": "OVER", "short": "SHORT", "even": "Difference",
            "reason": "Reason", "approved_by": "Approved by", "count": "COUNT {n}", "movements": "MOVEMENTS",
            "work": "WORK", "bookings": "Bookings", "first": "First", "last": "Last", "tickets": "Tickets",
            "printed": "Printed", "copies": "Copies", "no_sales": "No-sales", "no_sale": "No-sale",
            "spoilt": "Blanks spoilt", "missing": "Blanks unaccounted for", "roll": "Roll {mark}",
            "under_way": "Payments under way", "sign_clerk": "Clerk", "sign_supervisor": "Supervisor",
            "digest": "Digest", "audit": "Audit", "cash": "Cash", "debit_card": "Debit card",
            "credit_card": "Credit card", "wallet": "Wallet", "bank_transfer": "Bank transfer", "qris": "QRIS",
        },
    }
)  # fmt: skip
_DIGEST_SHOWN: Final = 32


def report_lines(
    report: Mapping[str, Any], paper: Paper, language: str = "id", *, copy_no: int = 0, demo: bool = False
) -> tuple[Line, ...]:
    """The report as lines of ``paper``, in Indonesian ("id") or English (any other language).

    ``report`` is the body of an X or Z report as ``core.shifts.closing`` makes it; one of training says so itself.
    ``copy_no`` is 0 on the original.
    """
    practised = bool(report.get("training"))
    notice = training_notice(paper) if practised else ()
    sheet = _Sheet(report, paper.columns, language if language in _WORDS else "en")
    marks = tuple(sheet.marks(copy_no, demo and not practised))
    return (
        *notice,
        *sheet.title(),
        *marks,
        Rule(),
        *sheet.heading(),
        Rule(),
        *sheet.money(),
        Rule(),
        *sheet.drawer(),
        *sheet.counts(),
        *sheet.movements(),
        Rule(),
        *sheet.work(),
        *sheet.end(),
        *marks,
        *notice,
        Cut(),
    )


class _Sheet:
    """A report being laid out."""

    def __init__(self, report: Mapping[str, Any], columns: int, locale: str) -> None:
        self._report, self._columns, self._locale = report, columns, locale
        self._words: Mapping[str, str] = _WORDS[locale]

    @property
    def _is_z(self) -> bool:
        return bool(self._report["report"] == "z")

    def _row(self, left: str, right: object, *, bold: bool = False) -> Text:
        return Text(two_ends(left, str(right), self._columns), bold=bold)

    def _amount(self, left: str, amount: int, *, bold: bool = False) -> Text:
        return self._row(left, grouped(amount), bold=bold)

    def _head(self, word: str, **values: object) -> Text:
        return Text(clean(self._words[word].format(**values), self._columns), bold=True)

    def _when(self, stored: str | None) -> str:
        if stored is None:
            return ""
        moment = datetime.fromisoformat(stored)
        return f"{format_date(moment, 'd MMM y', locale=self._locale)} {moment:%H:%M}"

    def title(self) -> Iterator[Line]:
        number = f" {self._report['z_number']}" if self._is_z else ""
        title = f"{self._words[self._report['report']]}{number}"
        yield Text(clean(self._report["operator"], self._columns), bold=True, align="center")
        yield Text(clean(title, self._columns // 2), bold=True, double_width=True, double_height=True, align="center")

    def marks(self, copy_no: int, demo: bool) -> Iterator[Line]:
        if copy_no:
            yield Text(clean(self._words["copy"].format(n=copy_no), self._columns), bold=True, align="center")
        if demo:
            yield Text(clean(self._words["demo"], self._columns), bold=True, align="center")

    def heading(self) -> Iterator[Line]:
        words, report = self._words, self._report
        yield self._row(words["shift"], report["shift_number"])
        yield self._row(words["terminal"], f"{report['station']} {report['terminal']}")
        yield self._row(words["clerk"], f"{report['staff_number']} {report['clerk']}")
        yield self._row(words["opened"], self._when(report["opened_at"]))
        if report.get("counted_at"):
            yield self._row(words["counted_at"], self._when(report["counted_at"]))
        if self._is_z:
            yield self._row(words["closed"], self._when(report["closed_at"]))
            if report["closed_by"] != report["clerk"]:
                yield self._row(words["closed_by"], report["closed_by"])
        else:
            yield self._row(words["made"], self._when(report["made_at"]))

    def money(self) -> Iterator[Line]:
        yield from self._sums("sales", always=True)
        yield from self._sums("refunds")
        yield from self._sums("fines")
        yield from self._sums("discounts")

    def _sums(self, name: str, *, always: bool = False) -> Iterator[Line]:
        # Reports from before there were fines say nothing of them.
        sums: Mapping[str, Mapping[str, int]] = self._report.get(name, {})
        if not sums and not always:
            return
        yield self._head(name)
        for kind, one in sums.items():
            word = kind if name == "discounts" else self._words.get(kind, kind)
            yield self._amount(f"{word} x{one['count']}", one["amount"])
        both = [(one["count"], one["amount"]) for one in sums.values()]
        count, amount = sum(one[0] for one in both), sum(one[1] for one in both)
        yield self._amount(f"{self._words['total']} x{count}", amount, bold=True)

    def drawer(self) -> Iterator[Line]:
        words, report = self._words, self._report
        yield self._head("drawer")
        yield self._amount(words["float"], report["float"])
        yield self._amount(words["cash_sales"], report["sales"].get("cash", {}).get("amount", 0))
        if "cash" in report["refunds"]:
            yield self._amount(words["cash_refunds"], -report["refunds"]["cash"]["amount"])
        if "cash" in report.get("fines", {}):
            yield self._amount(words["cash_fines"], report["fines"]["cash"]["amount"])
        for name, sign in (("cash_in", 1), ("cash_out", -1), ("drops", -1)):
            if report[name]["count"]:
                yield self._amount(f"{words[name]} x{report[name]['count']}", sign * report[name]["amount"])
        if report["expected"] is None:
            return
        yield self._amount(words["expected"], report["expected"], bold=True)
        if "counted" in report:
            yield self._amount(words["counted"], report["counted"], bold=True)
            yield from self._difference(report["difference"])

    def _difference(self, difference: int) -> Iterator[Line]:
        side = "over" if difference > 0 else "short" if difference < 0 else "even"
        yield self._amount(self._words[side], difference, bold=True)
        for name in ("reason", "approved_by"):
            said = self._report["difference_reason" if name == "reason" else name]
            if said:
                yield from map(Text, wrapped(printable(f"{self._words[name]}: {said}"), self._columns, most=4))

    def counts(self) -> Iterator[Line]:
        attempts: list[list[dict[str, int]]] = self._report.get("counts", [])
        for number, lines in enumerate(attempts, start=1):
            yield Rule()
            yield self._head("count", n=number)
            for one in lines:
                if one["pieces"]:
                    yield self._amount(f"{grouped(one['denomination'])} x {one['pieces']}", one["amount"])
            yield self._amount(self._words["total"], sum(one["amount"] for one in lines), bold=True)

    def movements(self) -> Iterator[Line]:
        moves: list[dict[str, Any]] = self._report["movements"]
        if moves:
            yield Rule()
            yield self._head("movements")
        for one in moves:
            at = f"{datetime.fromisoformat(one['at']):%H:%M}"
            sign = -1 if one["kind"] in ("cash_out", "drop") else 1
            bag = f" {one['bag']}" if one["bag"] else ""
            yield self._amount(f"{at} {self._words[one['kind']]}{bag}", sign * one["amount"])
            yield from (Text(f"  {line}") for line in wrapped(printable(one["reason"]), self._columns - 2, most=2))

    def work(self) -> Iterator[Line]:
        words, report = self._words, self._report
        yield self._head("work")
        rows = [
            ("bookings", report["bookings"]), ("first", report["first_booking"]), ("last", report["last_booking"]),
            ("tickets", report["tickets"]), ("printed", report["originals_printed"]),
            ("copies", report["copies_printed"]), ("no_sales", report["no_sales"]),
        ]  # fmt: skip
        yield from (self._row(words[name], value) for name, value in rows if value is not None)
        if report["payments_under_way"]:
            yield self._row(words["under_way"], report["payments_under_way"], bold=True)
        for roll in report["rolls"]:
            end = "" if roll["next_number"] is None else f"{roll['next_number'] - 1}"
            yield self._row(words["roll"].format(mark=roll["roll"]), f"{roll['first_number']} - {end} ({roll['used']})")
        if report["rolls"]:
            yield self._row(words["spoilt"], report["stock_spoilt"])
        if report["stock_unaccounted"] is not None:
            yield self._row(words["missing"], report["stock_unaccounted"], bold=report["stock_unaccounted"] != 0)

    def end(self) -> Iterator[Line]:
        if not self._is_z:
            return
        line = "_" * (self._columns // 2 - 2)
        yield Feed(2)
        yield self._row(line, line)
        yield self._row(self._words["sign_clerk"], self._words["sign_supervisor"])
        head = self._report.get("audit_head")  # reports of earlier versions have none
        if head is not None:
            yield self._row(f"{self._words['audit']} {head['chain']}/{head['row']}", head["hash"])
        if "digest" in self._report:
            yield Text(clean(f"{self._words['digest']} {self._report['digest'][:_DIGEST_SHOWN]}", self._columns))
