"""Printed reports and manifests: everything fits the paper, nothing a printer would obey, sums below the rows."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.reports.riders import Halt, Manifest, Rider
from core.reports.table import Column, Report
from counter.devices.figures_layout import figures_lines, manifest_lines
from counter.devices.print_text import width_of
from counter.devices.ticket_layout import PAPER_58, PAPER_80, Cut, Line, Paper, Text

COLUMNS = (
    Column("train", "Train"),
    Column("bookings", "Bookings", "count"),
    Column("full", "Full", "percent"),
    Column("net", "Net", "money"),
)
HEADING = {"operator": "Kereta Api", "made_at": "2026-11-21T09:30:00+07:00", "made_by": "Wulan"}
papers = st.sampled_from([PAPER_58, PAPER_80])
languages = st.sampled_from(["id", "en"])


def texts(lines: tuple[Line, ...]) -> list[str]:
    return [line.line for line in lines if isinstance(line, Text)]


def require_harmless(lines: tuple[Line, ...], paper: Paper) -> None:
    for line in lines:
        if isinstance(line, Text):
            assert width_of(line.line) * (2 if line.double_width else 1) <= paper.columns
            assert all(letter.isprintable() for letter in line.line)
    assert isinstance(lines[-1], Cut)


@given(
    st.lists(
        st.tuples(st.text(max_size=60), st.integers(0, 10**6), st.integers(0, 300), st.integers(-(10**12), 10**12)),
        max_size=5,
    ),
    papers,
    languages,
)
def test_a_report_fits_its_paper(rows: list[tuple[str, int, int, int]], paper: Paper, language: str) -> None:
    made = Report("sales by train", "Sales by train", COLUMNS, tuple(rows), {"from": "2026-11-20", "to": "2026-11-21"})
    require_harmless(figures_lines(made.document(HEADING), paper, language), paper)


@given(st.text(max_size=80), st.text(max_size=40), papers, languages)
def test_a_manifest_fits_its_paper(name: str, label: str, paper: Paper, language: str) -> None:
    rider = Rider((1, 1), label, "10C", name, "…0001", "adult", 0, 1, False, "000001000001", "ZQSX99J")
    stops = (Halt(0, "YK", "07:30", 1, 0, 1), Halt(1, "GMR", "13:45", 0, 1, 0))
    made = Manifest("43", name, date(2026, 11, 23), "scheduled", "YK", "GMR", (rider,), stops, {0: "YK", 1: "GMR"})
    require_harmless(manifest_lines(made, paper, language, operator=name), paper)


@pytest.mark.parametrize(("language", "title", "total"), [("id", "Penjualan per kereta", "Jumlah"),
                                                          ("en", "Sales by train", "Total")])  # fmt: skip
def test_rows_and_sums_in_both_languages(language: str, title: str, total: str) -> None:
    rows = (("43 Taksaka", 2, 80, 1_000_000), ("6 Argo Wilis", 1, 5, 500_000))
    made = Report("sales by train", "Sales by train", COLUMNS, rows, {"from": "2026-11-20", "to": "2026-11-20"})
    lines = texts(figures_lines(made.document(HEADING), PAPER_80, language))
    assert title in lines
    assert next(line for line in lines if line.startswith("43 Taksaka")).endswith("1.000.000")
    assert next(line for line in lines if line.startswith(total)).endswith("1.500.000")


def test_who_sits_where_stands_below_the_coach() -> None:
    riders = (
        Rider((1, 1), "EKS 1", "1A", "BUDI", "…0001", "adult", 0, 1, True, "000001000001", "ZQSX99J"),
        Rider((1_000, 0), "", "", "BAYI", "", "infant", 0, 1, False, "000001000002", "ZQSX99J"),
    )
    stops = (Halt(0, "YK", "07:30", 2, 0, 2), Halt(1, "GMR", "13:45", 0, 2, 0))
    made = Manifest("43", "Taksaka", date(2026, 11, 23), "scheduled", "YK", "GMR", riders, stops, {0: "YK", 1: "GMR"})
    lines = texts(manifest_lines(made, PAPER_58, "id", operator="KAI", demo=True))
    where = {words: next(at for at, line in enumerate(lines) if words in line) for words in
             ("Gerbong EKS 1", "BUDI", "Tanpa kursi", "BAYI")}  # fmt: skip
    assert list(where.values()) == sorted(where.values())
    assert "YK-GMR x" in lines[where["BUDI"]]
    assert "YK-GMR _" in lines[where["BAYI"]]
    assert lines.count("CONTOH - TIDAK BERLAKU") == 2


def test_a_report_of_training_says_so_and_not_that_it_is_a_sample() -> None:
    made = Report("refunds", "Refunds", COLUMNS, (), {"from": "2026-11-20", "to": "2026-11-20"})
    lines = texts(figures_lines({**made.document(HEADING), "training": True}, PAPER_80, "id", demo=True))
    assert "CONTOH - TIDAK BERLAKU" not in lines
    assert any("LATIHAN" in line or "TRAINING" in line for line in lines)
    assert "Tidak ada catatan." in lines
