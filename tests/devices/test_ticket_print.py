"""A ticket on paper: what the layout says, what the bytes print, and that the printed symbol scans."""

from __future__ import annotations

import os
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import zxingcpp
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.errors import UsageError
from counter.devices.escpos_ticket import escpos_bytes, paper_for, profile_names
from counter.devices.print_text import printable, width_of
from counter.devices.printer_dialogue import process_id_of, process_id_request
from counter.devices.ticket_layout import PAPER_58, PAPER_80, QR, Paper, Text, TicketFace, preview, ticket_lines

PAPERS = pytest.mark.parametrize("paper", [PAPER_80, PAPER_58], ids=["80 mm", "58 mm"])
LANGUAGES = pytest.mark.parametrize("language", ["id", "en"])
MakeFace = Callable[..., TicketFace]

# Names as typing, scanners and imports make them, with what a printer or a terminal would obey.
HOSTILE_TEXT = st.one_of(
    st.text(st.characters(), max_size=120),
    st.lists(
        st.sampled_from(
            [
                "\x1b@",
                "\x1bp\x00\x19\xfa",
                "\x1dV\x00",
                "\x10\x14\x08",
                "\x1b[2J",
                "\x9b31m",
                "\u202e",
                "\u2066",
                "\u200d",
                "\ufeff",
                "\r\n",
                "\t",
                "\x00",
                "\x7f",
                "\ud800",
                "👨‍👩‍👧",
                "🚆",
                "名前",
                "ｱ",
                "שלום",
                "سلام",
                "é",
                "e\u0301",
                "Z\u0335\u0321",
                "Ł",
                "€",
                "ß",
                "½",
                "ﬁ",
                "नि",
                "\ue000",
                "Budi",
                " ",
            ]
        ),
        max_size=40,
    ).map("".join),
)


@PAPERS
def test_the_printed_symbol_scans_to_the_code(
    paper: Paper, escpos: ModuleType, make_face: MakeFace, ticket_code: str
) -> None:
    printout = escpos.interpret(escpos_bytes(ticket_lines(make_face(), paper), paper), paper.dots)
    [scanned] = zxingcpp.read_barcodes(printout.paper)
    assert scanned.text == ticket_code
    assert scanned.format == zxingcpp.BarcodeFormat.QRCode


@pytest.mark.parametrize(("millimetres", "profile"), [(80, "default"), (80, "TM-T88V"), (58, "Sunmi-V2")])
def test_native_symbols_fit_the_paper_with_their_quiet_zone(
    millimetres: int, profile: str, escpos: ModuleType, make_face: MakeFace, ticket_code: str
) -> None:
    paper = paper_for(millimetres, profile)
    document = escpos_bytes(ticket_lines(make_face(), paper), paper, profile=profile)
    printout = escpos.interpret(document, paper.dots)
    [symbol] = printout.symbols
    assert (symbol.data, symbol.model, symbol.level) == (ticket_code, 50, 49)
    assert symbol.module >= 6
    assert symbol.size == 41 * symbol.module, "version 6"
    quiet = 4 * symbol.module
    assert symbol.left >= quiet
    assert symbol.left + symbol.size + quiet <= paper.dots
    assert [scanned.text for scanned in zxingcpp.read_barcodes(printout.paper)] == [ticket_code]


def test_a_printer_without_native_symbols_gets_a_drawn_one(
    escpos: ModuleType, make_face: MakeFace, ticket_code: str
) -> None:
    printout = escpos.interpret(
        escpos_bytes(ticket_lines(make_face(), PAPER_58), PAPER_58, profile="POS-5890"), PAPER_58.dots
    )
    assert printout.symbols == []
    assert [scanned.text for scanned in zxingcpp.read_barcodes(printout.paper)] == [ticket_code]
    assert printout.cuts == 0, "this printer has no knife"


@pytest.mark.parametrize("profile", profile_names())
def test_every_profile_prints_a_ticket_that_scans(
    profile: str, escpos: ModuleType, make_face: MakeFace, ticket_code: str
) -> None:
    paper = paper_for(80, profile)
    document = escpos_bytes(ticket_lines(make_face(), paper), paper, profile=profile)
    printout = escpos.interpret(document, paper.dots)
    assert [scanned.text for scanned in zxingcpp.read_barcodes(printout.paper)] == [ticket_code]


@PAPERS
@LANGUAGES
def test_train_date_time_coach_and_seat_are_large(
    paper: Paper, language: str, escpos: ModuleType, make_face: MakeFace
) -> None:
    printout = escpos.interpret(escpos_bytes(ticket_lines(make_face(), paper, language), paper), paper.dots)
    large = " ".join(printed.text for printed in printout.texts if printed.width == printed.height == 2)
    for fact in ("43 Taksaka", "25 Nov 2026", "07:30", "EKS 3", "5B"):
        assert fact in large


def test_a_train_too_long_for_double_width_keeps_the_double_height(escpos: ModuleType, make_face: MakeFace) -> None:
    face = make_face(train_number="2", train_name="Argo Bromo Anggrek")
    printout = escpos.interpret(escpos_bytes(ticket_lines(face, PAPER_58), PAPER_58), PAPER_58.dots)
    [train] = [printed for printed in printout.texts if "Anggrek" in printed.text]
    assert (train.text, train.width, train.height) == ("KA 2 Argo Bromo Anggrek", 1, 2)


@PAPERS
def test_the_rest_of_the_ticket_is_there(paper: Paper, escpos: ModuleType, make_face: MakeFace) -> None:
    printout = escpos.interpret(escpos_bytes(ticket_lines(make_face(), paper), paper), paper.dots)
    text = "\n".join(printout.lines)
    for fact in (
        "PT Kereta Api Indonesia",
        "YK Yogyakarta",
        "GMR Gambir",
        "13:45 WIB",
        "BUDI SANTOSO",
        "...0001",
        "Eksekutif (A)",
        "Rp 450.000",
        "ABX4K7Q",
        "T2611250000123",
        "20 Nov 2026 08:41",
        "YK-2",
        "1001 Sari",
    ):
        assert fact in text
    for mark in ("COPY", "DUPLI", "LATIHAN", "CONTOH"):
        assert mark not in text


@PAPERS
@LANGUAGES
def test_copies_duplicates_and_samples_say_so_at_both_ends(
    paper: Paper, language: str, escpos: ModuleType, make_face: MakeFace
) -> None:
    face = make_face(copy_no=3, issue_no=2, demo=True)
    printout = escpos.interpret(escpos_bytes(ticket_lines(face, paper, language), paper), paper.dots)
    marked = [printed.text for printed in printout.texts if printed.text.startswith("*** ")]
    said = {
        "id": ["CONTOH - TIDAK BERLAKU", "SALINAN / COPY 3", "DUPLIKAT / DUPLICATE 2"],
        "en": ["SAMPLE - NOT VALID", "COPY 3", "DUPLICATE 2"],
    }[language]
    assert marked == 2 * [f"*** {mark} ***" for mark in said]


@pytest.mark.parametrize(("language", "words"), [("id", "TANPA KURSI"), ("en", "NO SEAT"), ("fr", "NO SEAT")])
def test_an_infant_has_no_seat(language: str, words: str, make_face: MakeFace) -> None:
    lines = ticket_lines(make_face(coach="", seat=""), PAPER_80, language)
    assert Text(words, bold=True, double_width=True, double_height=True) in lines


def test_an_arrival_on_another_day_says_so(make_face: MakeFace) -> None:
    face = make_face()
    night = make_face(arrives_at=face.arrives_at.replace(day=26, hour=1))
    assert any("+1 01:45 WIB" in line for line in preview(ticket_lines(night, PAPER_80), 48))
    assert not any("+" in line for line in preview(ticket_lines(face, PAPER_80), 48))


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    name=HOSTILE_TEXT,
    train=HOSTILE_TEXT,
    station=HOSTILE_TEXT,
    small=HOSTILE_TEXT,
    paper=st.sampled_from([PAPER_80, PAPER_58]),
)
@example(name="A" * 5000, train="B" * 5000, station="C" * 5000, small="D" * 5000, paper=PAPER_58)
@example(name="名" * 5000, train="🚆" * 5000, station=" " * 5000, small="\x1b" * 5000, paper=PAPER_80)
def test_no_text_reaches_the_printer_as_a_command_or_leaves_the_paper(
    name: str, train: str, station: str, small: str, paper: Paper, escpos: ModuleType, make_face: MakeFace,
    ticket_code: str,
) -> None:  # fmt: skip
    face = make_face(
        operator_name=station,
        train_number=small,
        train_name=train,
        class_name=train,
        subclass=small,
        origin_code=small,
        origin_name=station,
        destination_name=station,
        coach=small,
        seat="5B" + small,
        passenger_name=name,
        passenger_type=small,
        identity=small,
        booking_number=small,
        ticket_number=name,
        currency=small,
        issued_by=name,
        terminal=small,
    )
    lines = ticket_lines(face, paper)
    profile = "RP-F10-58mm" if paper is PAPER_58 else ""
    printout = escpos.interpret(escpos_bytes(lines, paper, profile=profile), paper.dots)
    assert [symbol.data for symbol in printout.symbols] == [ticket_code]
    assert printout.cuts == 1
    assert len(printout.texts) <= 40
    for line in preview(lines, paper.columns):
        assert width_of(line) <= paper.columns
        assert not {unicodedata.category(c) for c in line} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def test_a_control_character_in_a_line_built_elsewhere_stops_at_the_encoder(escpos: ModuleType) -> None:
    printout = escpos.interpret(escpos_bytes([Text("a\x1b@b\x7f\u202e名")], PAPER_80), PAPER_80.dots)
    assert printout.lines == ["a?@b????"]


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("\x1b[31mBUDI\x1b[0m", "[31mBUDI [0m"),
        ("a\u202eb\u2066c", "abc"),
        ("e\u200d\u0301", "é"),
        ("  two\r\n\tlines  ", "two lines"),
        ("…0001", "...0001"),
        ("Rp\u00a0450", "Rp 450"),
        ("\ud800\ue000", "??"),
        ("Z\u0335\u0336", "Z"),
        ("", ""),
    ],
)
def test_printable(text: str, harmless: str) -> None:
    assert printable(text) == harmless


@given(st.text(st.characters(), max_size=200))
def test_printable_text_stays_as_it_is(text: str) -> None:
    once = printable(text)
    assert printable(once) == once
    assert not {unicodedata.category(c) for c in once} & {"Cc", "Cf", "Cs", "Co", "Cn", "Mn", "Me", "Zl", "Zp"}


def test_letters_with_accents_are_printed_and_others_keep_the_width(escpos: ModuleType) -> None:
    line = "José Łukasz Šćepan 50 € ½ 名前 Ω ǎ"
    printout = escpos.interpret(escpos_bytes([Text(line)], PAPER_80), PAPER_80.dots)
    assert printout.lines == ["José Łukasz Šćepan 50 € ½ ???? Ω a"]
    assert width_of(printout.lines[0]) == width_of(line)


def test_a_second_ticket_begins_like_the_first(make_face: MakeFace) -> None:
    lines = ticket_lines(make_face(passenger_name="Łukasz"), PAPER_80)
    assert escpos_bytes(lines, PAPER_80) == escpos_bytes(lines, PAPER_80)


def test_the_process_id_is_asked_for_after_the_cut(escpos: ModuleType, make_face: MakeFace) -> None:
    lines = ticket_lines(make_face(), PAPER_80)
    document = escpos_bytes(lines, PAPER_80, process_id="7 ~Z")
    assert document.endswith(b"\x1dV\x00\x1d(H\x06\x00007 ~Z")
    assert escpos.interpret(document, PAPER_80.dots).process_ids == ["7 ~Z"]
    assert escpos.interpret(escpos_bytes(lines, PAPER_80), PAPER_80.dots).process_ids == []


@pytest.mark.parametrize("wrong", ["", "abc", "abcde", "ab\nc", "ab\x7fc", "äbcd"])
def test_a_process_id_of_another_form_is_a_mistake_of_the_program(wrong: str) -> None:
    with pytest.raises(ValueError, match="process id"):
        process_id_request(wrong)


def test_process_ids_count() -> None:
    assert [process_id_of(n) for n in (0, 35, 36, 36**4 - 1, 36**4)] == ["0000", "000Z", "0010", "ZZZZ", "0000"]
    assert len({process_id_of(n) for n in range(5000)}) == 5000


def test_the_preview_has_the_geometry_of_the_paper(make_face: MakeFace, ticket_code: str) -> None:
    shown = preview(ticket_lines(make_face(copy_no=1), PAPER_58), PAPER_58.columns)
    assert shown[0] == "    PT Kereta Api Indonesia"
    assert "K A   4 3   T a k s a k a" in shown
    assert "    *** SALINAN / COPY 1 ***" in shown
    assert "-" * 32 in shown
    assert any(ticket_code[:8] in line for line in shown)


def test_the_symbol_is_as_large_as_the_paper_allows(make_face: MakeFace) -> None:
    def module(paper: Paper) -> int:
        [symbol] = [line for line in ticket_lines(make_face(), paper) if isinstance(line, QR)]
        return symbol.module

    assert (module(PAPER_80), module(PAPER_58)) == (8, 6)
    with pytest.raises(ValueError, match="too narrow"):
        module(Paper(44, 24, 288))


@pytest.mark.parametrize("code", ["", "KAIA" + "A" * 137, "kaia", "KAIA\x1b@"])
def test_only_a_code_goes_into_the_symbol(code: str, make_face: MakeFace) -> None:
    with pytest.raises(ValueError, match="ticket code"):
        ticket_lines(make_face(code=code), PAPER_80)


def test_paper_follows_the_profile() -> None:
    assert paper_for(80) == PAPER_80
    assert paper_for(58) == PAPER_58
    assert paper_for(80, "TM-T88V") == Paper(80, 42, 512)
    assert paper_for(80, "RP326") == Paper(80, 42, 504)


def test_unknown_paper_and_profiles_are_refused() -> None:
    with pytest.raises(UsageError, match="57 mm"):
        paper_for(57)
    for name in ("nonsense", "OCD-300"):
        with pytest.raises(UsageError, match=name):
            paper_for(80, name)
        with pytest.raises(UsageError, match=name):
            escpos_bytes([], PAPER_80, profile=name)


def test_the_library_leaves_no_folder_and_no_log_handler_behind(tmp_path: Path) -> None:
    program = "import logging, counter.devices.escpos_ticket; print(logging.getLogger().handlers)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
    assert list(tmp_path.iterdir()) == []
