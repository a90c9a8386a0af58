"""Codes in a terminal: what is drawn is read back by a real scanner library, cell by cell as a terminal shows it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import zxingcpp
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from textual.content import Content

from core.payments.qris import Merchant, build_payload
from counter.widgets.qr_drawing import QUIET_ZONE, QrDrawing, Style, as_ansi, as_content, draw, fitting, modules_of

CODE = build_payload(
    Merchant("ID1020021181745", "PT Kereta Api Uji", "Yogyakarta", "55232"),
    amount=789_000,
    reference="SC-20261120-000123-1",
    terminal="YK2",
)
WIDE, HIGH = 6, 12  # pixels of a cell; terminals have cells about twice as high as wide
HALVES = {" ": 0b00, "▀": 0b01, "▄": 0b10, "█": 0b11}
SIXTHS = {" ": 0, "▌": 0b010101, "▐": 0b101010, "█": 0b111111}


def sixths(symbol: str) -> int:
    """The pattern of a sextant from Unicode's own table: U+1FB00 to U+1FB3B in order, without four patterns."""
    if symbol in SIXTHS:
        return SIXTHS[symbol]
    return [bits for bits in range(64) if bits not in SIXTHS.values()][ord(symbol) - 0x1FB00]


def pixels(drawing: QrDrawing) -> np.ndarray:
    """What a terminal shows: black symbols on white, on a black terminal."""
    page = np.full((drawing.height * HIGH, drawing.width * WIDE), 255, np.uint8)
    for row, line in enumerate(drawing.rows):
        for column, symbol in enumerate(line):
            cell = page[row * HIGH : (row + 1) * HIGH, column * WIDE : (column + 1) * WIDE]
            if drawing.style is Style.HALF_BLOCKS:
                bits, across, down = HALVES[symbol], 1, 2
            elif drawing.style is Style.SEXTANTS:
                bits, across, down = sixths(symbol), 2, 3
            else:
                bits, across, down = int(symbol == "#"), 1, 1
            for part in range(across * down):
                if bits >> part & 1:
                    top, left = part // across * HIGH // down, part % across * WIDE // across
                    cell[top : top + HIGH // down, left : left + WIDE // across] = 0
    return cv2.copyMakeBorder(page, 40, 40, 40, 40, cv2.BORDER_CONSTANT, value=0)


def scanned(drawing: QrDrawing) -> list[str]:
    return [found.text for found in zxingcpp.read_barcodes(pixels(drawing))]


@pytest.mark.parametrize("style", Style)
def test_what_is_drawn_can_be_scanned(style: Style) -> None:
    assert scanned(draw(modules_of(CODE), style)) == [CODE]


@hypothesis_settings(max_examples=20)
@given(
    text=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=200),
    style=st.sampled_from(Style),
)
def test_any_text_comes_back(text: str, style: Style) -> None:
    assert scanned(draw(modules_of(text), style)) == [text]


@pytest.mark.parametrize("style", Style)
def test_rows_are_equally_long_and_have_a_quiet_zone(style: Style) -> None:
    modules = modules_of(CODE)
    drawing = draw(modules, style)
    assert {len(row) for row in drawing.rows} == {drawing.width}
    light = [not any(row) for row in modules]
    assert light[:QUIET_ZONE] == light[-QUIET_ZONE:] == [True] * QUIET_ZONE
    assert not any(any(row[:QUIET_ZONE]) or any(row[-QUIET_ZONE:]) for row in modules)


def test_plain_ascii_is_plain() -> None:
    assert set("".join(draw(modules_of(CODE), Style.ASCII).rows)) == {" ", "#"}


@pytest.mark.parametrize(
    ("columns", "lines", "options", "style"),
    [
        (120, 40, {}, Style.HALF_BLOCKS),
        (80, 24, {}, Style.SEXTANTS),
        (80, 24, {"sextants": False}, None),
        (80, 24, {"ascii_only": True}, None),
        (130, 70, {"ascii_only": True}, Style.ASCII),
        (20, 10, {}, None),
    ],
)
def test_the_largest_drawing_that_fits_is_taken(
    columns: int, lines: int, options: dict[str, bool], style: Style | None
) -> None:
    drawing = fitting(CODE, columns, lines, **options)
    assert (drawing and drawing.style) == style
    assert drawing is None or (drawing.width <= columns and drawing.height <= lines)


@pytest.mark.parametrize("style", Style)
def test_colours_are_fixed_whatever_the_theme(style: Style) -> None:
    drawing = draw(modules_of(CODE), style)
    content = as_content(drawing)
    assert isinstance(content, Content)
    assert content.plain == "\n".join(drawing.rows)
    assert {str(span.style) for span in content.spans} <= {"#000000 on #ffffff", "#000000 on #000000"}
    covered = {at for span in content.spans for at in range(span.start, span.end)}
    assert covered == {at for at, symbol in enumerate(content.plain) if symbol != "\n"}


def test_a_hash_is_dark_all_over() -> None:
    content = as_content(draw(modules_of(CODE), Style.ASCII))
    dark = {at for span in content.spans if "on #000000" in str(span.style) for at in range(span.start, span.end)}
    assert dark == {at for at, symbol in enumerate(content.plain) if symbol == "#"}


def test_every_line_on_a_plain_terminal_resets_its_colours() -> None:
    for line in as_ansi(draw(modules_of(CODE), Style.HALF_BLOCKS)).split("\n"):
        assert line.startswith("\x1b[38;2;0;0;0;48;2;255;255;255m")
        assert line.endswith("\x1b[0m")


@pytest.mark.parametrize("text", ["", "x" * 3000], ids=["nothing", "too much"])
def test_what_no_code_can_hold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"has no code|too long for a code"):
        modules_of(text)
