"""What a printer makes of a ticket and of reports of training: nobody takes one for the real thing."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from counter.devices.escpos_ticket import escpos_bytes
from counter.devices.report_layout import report_lines
from counter.devices.ticket_layout import PAPER_58, PAPER_80, Line, Paper, TicketFace, preview, ticket_lines
from tests.devices.test_report_print import X, Z

MakeFace = Callable[..., TicketFace]
PAPERS = pytest.mark.parametrize("paper", [PAPER_80, PAPER_58], ids=["80 mm", "58 mm"])
LANGUAGES = pytest.mark.parametrize("language", ["id", "en"])
INDONESIAN, ENGLISH = "LATIHAN - TIDAK BERLAKU", "TRAINING - NOT VALID FOR TRAVEL"


def notices(escpos: ModuleType, lines: tuple[Line, ...], paper: Paper) -> tuple[list[Any], list[Any]]:
    """The first and the last two lines on the paper, as the printer printed them."""
    texts = escpos.interpret(escpos_bytes(lines, paper), paper.dots).texts
    return texts[:2], texts[-2:]


def require_notice(printed: list[Any], paper: Paper) -> None:
    """Both languages, bold and twice as high; twice as wide as well where the paper has room for it."""
    assert [line.text for line in printed] == [INDONESIAN, ENGLISH]
    assert all(line.bold and line.height == 2 and line.align == 1 for line in printed)
    assert [line.width for line in printed] == [2 if paper is PAPER_80 else 1, 1]


@PAPERS
@LANGUAGES
def test_a_ticket_of_training_says_so_first_and_last(
    paper: Paper, language: str, escpos: ModuleType, make_face: MakeFace
) -> None:
    for face in (make_face(training=True), make_face(training=True, demo=True, copy_no=2)):
        for printed in notices(escpos, ticket_lines(face, paper, language), paper):
            require_notice(printed, paper)


@PAPERS
@LANGUAGES
@pytest.mark.parametrize("report", [X, Z], ids=["X", "Z"])
def test_a_report_of_training_says_so_first_and_last(
    paper: Paper, language: str, report: dict[str, Any], escpos: ModuleType
) -> None:
    for demo in (False, True):
        lines = report_lines({**report, "training": True}, paper, language, demo=demo)
        for printed in notices(escpos, lines, paper):
            require_notice(printed, paper)


@PAPERS
def test_nothing_real_says_so(paper: Paper, escpos: ModuleType, make_face: MakeFace) -> None:
    for lines in (ticket_lines(make_face(demo=True, copy_no=1), paper), report_lines(Z, paper), report_lines(X, paper)):
        text = "\n".join(escpos.interpret(escpos_bytes(lines, paper), paper.dots).lines)
        assert "TRAINING" not in text
        assert "LATIHAN" not in text


@PAPERS
def test_a_screen_shows_it_as_well(paper: Paper, make_face: MakeFace) -> None:
    for lines in (ticket_lines(make_face(training=True), paper), report_lines({**Z, "training": True}, paper)):
        shown = preview(lines, paper.columns)
        assert sum(ENGLISH in line for line in shown) == 2
        assert max(map(len, shown)) <= paper.columns
