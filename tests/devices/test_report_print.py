"""Printed X and Z reports, and the drawer's pulse: pure functions, read back from the printer's own bytes."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UsageError
from counter.devices.drawer import DrawerPort, parse_drawer
from counter.devices.escpos_ticket import escpos_bytes
from counter.devices.print_text import width_of
from counter.devices.report_layout import report_lines
from counter.devices.ticket_layout import PAPER_58, PAPER_80, Cut, Paper, Text, preview

Z: dict[str, Any] = {
    "report": "z", "z_number": 14, "operator": "Kereta Api Contoh", "currency": "IDR", "shift_number": 15,
    "status": "closed", "clerk": "Sari", "staff_number": "1001", "terminal": "LOKET-2", "station": "YK",
    "scripted": False, "opened_at": "2026-11-20T07:58:00+07:00", "counted_at": "2026-11-20T15:01:00+07:00",
    "closed_at": "2026-11-20T15:04:00+07:00", "closed_by": "Wulan", "float": 300_000,
    "sales": {"cash": {"count": 12, "amount": 5_400_000}, "qris": {"count": 3, "amount": 1_350_000}},
    "sales_total": {"count": 15, "amount": 6_750_000}, "refunds": {"cash": {"count": 1, "amount": 112_500}},
    "refunds_total": {"count": 1, "amount": 112_500}, "cash_in": {"count": 1, "amount": 50_000},
    "cash_out": {"count": 1, "amount": 20_000}, "drops": {"count": 1, "amount": 4_000_000}, "no_sales": 2,
    "movements": [
        {"kind": "drop", "amount": 4_000_000, "reason": "full drawer", "bag": "B-77", "by": "Sari",
         "at": "2026-11-20T12:00:00+07:00"},
        {"kind": "no_sale", "amount": 0, "reason": "change for a colleague", "bag": None, "by": "Sari",
         "at": "2026-11-20T12:30:00+07:00"},
    ],
    "discounts": {"LEBARAN": {"count": 2, "amount": 100_000}}, "bookings": 15, "first_booking": "ABX4K7Q",
    "last_booking": "K7Q2MNP", "tickets": 22, "originals_printed": 22, "copies_printed": 1, "payments_under_way": 0,
    "rolls": [{"roll": "A17", "first_number": 100, "next_number": 125, "used": 25, "spoilt": 1}], "stock_spoilt": 1,
    "stock_unaccounted": 1, "expected": 1_617_500, "counted": 1_597_500, "difference": -20_000,
    "counts": [[{"denomination": 100_000, "pieces": 15, "amount": 1_500_000},
                {"denomination": 50_000, "pieces": 0, "amount": 0},
                {"denomination": 500, "pieces": 195, "amount": 97_500}]],
    "difference_reason": "one note too few in the change of the ten o'clock group", "approved_by": "Wulan",
    "approval_number": 7, "previous_digest": "", "digest": "ab" * 32,
}  # fmt: skip
X = {key: value for key, value in Z.items() if key not in ("z_number", "counts", "counted", "difference")} | {
    "report": "x", "status": "open", "made_at": "2026-11-20T11:00:00+07:00", "expected": None, "counted_at": None,
}  # fmt: skip


def text_of(report: dict[str, Any], paper: Paper, language: str = "en", **more: Any) -> str:
    return "\n".join(preview(report_lines(report, paper, language, **more), paper.columns))


def ends(text: str, left: str, right: str) -> bool:
    return any(line.startswith(left) and line.endswith(right) for line in text.splitlines())


@pytest.mark.parametrize("paper", [PAPER_58, PAPER_80])
def test_the_audit_head_is_on_a_z_report_whole(paper: Paper) -> None:
    head = {"chain": 12, "row": 345_678, "hash": "0123456789abcdef"}
    assert ends(text_of({**Z, "audit_head": head}, paper), "Audit 12/345678 ", " 0123456789abcdef")
    for report in (Z, {**Z, "audit_head": None}, {**X, "audit_head": head}):
        assert "Audit" not in text_of(report, paper)


@pytest.mark.parametrize("paper", [PAPER_58, PAPER_80])
def test_every_figure_of_a_z_report_is_on_the_paper(paper: Paper) -> None:
    text = text_of(Z, paper)
    for left, right in (
        ("Cash x12", "5.400.000"), ("QRIS x3", "1.350.000"), ("Total x15", "6.750.000"), ("Cash x1", "112.500"),
        ("LEBARAN x2", "100.000"), ("Float", "300.000"), ("Cash sales", "5.400.000"), ("Cash refunds", "-112.500"),
        ("Cash in x1", "50.000"), ("Cash out x1", "-20.000"), ("Drops x1", "-4.000.000"), ("Expected", "1.617.500"),
        ("Counted", "1.597.500"), ("SHORT", "-20.000"), ("100.000 x 15", "1.500.000"), ("500 x 195", "97.500"),
        ("Bookings", "15"), ("Tickets", "22"), ("No-sales", "2"), ("Roll A17", "100 - 124 (25)"),
        ("Blanks spoilt", "1"), ("Blanks unaccounted for", "1"), ("Closed by", "Wulan"),
        ("12:00 Drop B-77", "-4.000.000"),
    ):  # fmt: skip
        assert ends(text, left, right), f"{left} … {right}\n{text}"
    assert "Approved by: Wulan" in text
    assert "50.000 x" not in text  # nothing was counted of it
    assert "abababababab" in text


def test_an_x_report_keeps_to_itself_what_should_be_there() -> None:
    text = text_of(X, PAPER_80)
    assert "Expected" not in text
    assert "SHORT" not in text
    assert ends(text, "Cash sales", "5.400.000")
    assert ends(text_of({**X, "expected": 5}, PAPER_80), "Expected", "5")


def test_copies_and_the_demonstration_are_marked_at_both_ends() -> None:
    assert text_of(Z, PAPER_80, copy_no=2, demo=True).count("COPY 2") == 2
    assert text_of(Z, PAPER_80, demo=True).count("SAMPLE - NOT VALID") == 2
    assert "LAPORAN Z 14".replace("", " ").strip() in text_of(Z, PAPER_80, "id")


@given(st.text(max_size=300), st.integers(-(10**15), 10**15), st.sampled_from([PAPER_58, PAPER_80]))
def test_no_line_is_wider_than_the_paper(words: str, amount: int, paper: Paper) -> None:
    odd = {**Z, "operator": words, "clerk": words, "difference_reason": words, "difference": amount,
           "sales": {words or "x": {"count": 1, "amount": amount}},
           "movements": [{**Z["movements"][0], "reason": words, "bag": words}]}  # fmt: skip
    lines = report_lines(odd, paper, "en")
    for line in lines:
        if isinstance(line, Text):
            assert width_of(line.line) * (2 if line.double_width else 1) <= paper.columns
            assert line.line.isprintable()
    assert isinstance(lines[-1], Cut)


def test_a_report_is_printed_and_cut(escpos: ModuleType) -> None:
    printed = escpos.interpret(escpos_bytes(report_lines(Z, PAPER_80, "en"), PAPER_80), PAPER_80.dots)
    assert any("Z REPORT 14" in line for line in printed.lines)


# The drawer


@pytest.mark.parametrize(
    ("setting", "pulse", "kick"),
    [
        ("printer", 100, b"\x1bp\x00\x32\x7d"),
        ("printer:2", 100, b"\x1bp\x00\x32\x7d"),
        ("PRINTER:5", 200, b"\x1bp\x01\x64\x7d"),
        (" printer:5 ", 510, b"\x1bp\x01\xff\xff"),
        ("printer", 2, b"\x1bp\x00\x01\x7d"),
    ],
)
def test_the_pulse_that_opens_the_drawer(setting: str, pulse: int, kick: bytes) -> None:
    port = parse_drawer(setting, pulse)
    assert port is not None
    assert port.kick == kick


def test_a_terminal_without_a_drawer() -> None:
    assert parse_drawer("none", 100) is None
    assert DrawerPort(5, 100) == parse_drawer("printer:5", 100)


@pytest.mark.parametrize(
    ("setting", "pulse", "code"),
    [("printer:3", 100, "drawer_address"), ("", 100, "drawer_address"), ("usb", 100, "drawer_address"),
     ("printer", 1, "drawer_pulse"), ("none", 511, "drawer_pulse")],
)  # fmt: skip
def test_drawers_that_cannot_be(setting: str, pulse: int, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_drawer(setting, pulse)
    assert caught.value.reason == code
