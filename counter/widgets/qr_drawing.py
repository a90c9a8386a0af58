"""How a QR code looks in a terminal: rows of characters, dark on light whatever the theme.

Three ways, by what the terminal can draw and how much room there is: half blocks (one cell wide and half a cell high
per module), sextants (half a cell wide and a third of a cell high: the only one that fits a QRIS code into 24 lines,
where the font has Unicode 13's symbols) and plain ASCII (two cells per module, for any terminal).
What belongs here: pure functions from a text to rows. A scanner needs dark on light and a quiet zone of four modules
(ISO/IEC 18004), so both are part of the drawing and no business of a stylesheet.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from itertools import groupby
from typing import Final, NamedTuple

import qrcode
from textual.content import Content

QUIET_ZONE: Final = 4

#: Fixed colours: a theme's or a terminal's own "black" and "white" may be neither.
INK_ON_PAPER: Final = "#000000 on #ffffff"
_ALL_INK: Final = "#000000 on #000000"
_ANSI_PAPER: Final = "\x1b[38;2;0;0;0;48;2;255;255;255m"
_ANSI_INK: Final = "\x1b[38;2;0;0;0;48;2;0;0;0m"
_ANSI_OFF: Final = "\x1b[0m"

_HALVES: Final = (" ", "▀", "▄", "█")
_ASCII_INK: Final = "#"

Modules = Sequence[Sequence[bool]]


class Style(Enum):
    """Modules per cell: across and down. ASCII takes two cells for one."""

    HALF_BLOCKS = (1, 2)
    SEXTANTS = (2, 3)
    ASCII = (1, 1)


class QrDrawing(NamedTuple):
    """Rows of equal length, quiet zone included."""

    rows: tuple[str, ...]
    style: Style

    @property
    def width(self) -> int:
        return len(self.rows[0])

    @property
    def height(self) -> int:
        return len(self.rows)


def modules_of(text: str) -> tuple[tuple[bool, ...], ...]:
    """The code's modules with the quiet zone around them; True is dark.

    Error correction is the lowest: a screen has no torn corners, and every version less is easier to show and to scan.

    Raises:
        ValueError: nothing to draw, or more than a code can hold.
    """
    if not text:
        raise ValueError("an empty text has no code")
    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_L, border=QUIET_ZONE)
    code.add_data(text)
    try:
        code.make(fit=True)
    except (qrcode.exceptions.DataOverflowError, ValueError):
        raise ValueError("the text is too long for a code") from None
    return tuple(tuple(bool(module) for module in row) for row in code.get_matrix())


def draw(modules: Modules, style: Style) -> QrDrawing:
    """The modules as rows of characters."""
    if style is Style.ASCII:
        return QrDrawing(tuple("".join(_ASCII_INK * 2 if dark else "  " for dark in row) for row in modules), style)
    across, down = style.value
    symbol = _half_block if style is Style.HALF_BLOCKS else _sextant
    rows = tuple(
        "".join(symbol(_bits(modules, left, top, across, down)) for left in range(0, len(modules[0]), across))
        for top in range(0, len(modules), down)
    )
    return QrDrawing(rows, style)


def _bits(modules: Modules, left: int, top: int, across: int, down: int) -> int:
    """The modules of one cell, row by row, the first one in the lowest bit; light beyond the edges."""
    bits = 0
    for y in range(down):
        for x in range(across):
            inside = top + y < len(modules) and left + x < len(modules[0])
            if inside and modules[top + y][left + x]:
                bits |= 1 << (y * across + x)
    return bits


def _half_block(bits: int) -> str:
    return _HALVES[bits]


def _sextant(bits: int) -> str:
    """Unicode leaves out the four patterns that are in other blocks: nothing, both halves, everything."""
    elsewhere = {0: " ", 21: "▌", 42: "▐", 63: "█"}
    return elsewhere.get(bits) or chr(0x1FB00 + bits - 1 - (bits > 21) - (bits > 42))


def fitting(
    text: str, columns: int, lines: int, *, ascii_only: bool = False, sextants: bool = True
) -> QrDrawing | None:
    """The most readable drawing that fits; None when none does (print the code instead).

    Args:
        text: what the code says.
        columns: cells across.
        lines: cells down.
        ascii_only: the terminal draws nothing but ASCII.
        sextants: its font has Unicode 13's sextants.
    """
    modules = modules_of(text)
    styles = [Style.ASCII] if ascii_only else [Style.HALF_BLOCKS, *([Style.SEXTANTS] if sextants else [])]
    drawings = (draw(modules, style) for style in styles)
    return next((found for found in drawings if found.width <= columns and found.height <= lines), None)


def as_content(drawing: QrDrawing) -> Content:
    """For a Textual widget."""
    rows = [
        Content.assemble(*((run, _ALL_INK if solid else INK_ON_PAPER) for solid, run in _runs(drawing, row)))
        for row in drawing.rows
    ]
    return Content("\n").join(rows)


def as_ansi(drawing: QrDrawing) -> str:
    """For a terminal without a screen application around it: one line per row, colours reset at each end."""
    return "\n".join(
        "".join((_ANSI_INK if solid else _ANSI_PAPER) + run for solid, run in _runs(drawing, row)) + _ANSI_OFF
        for row in drawing.rows
    )


def _runs(drawing: QrDrawing, row: str) -> list[tuple[bool, str]]:
    """Pieces of a row, and whether their background is dark too: a # alone leaves most of its cell light."""
    if drawing.style is not Style.ASCII:
        return [(False, row)]
    return [(solid, "".join(run)) for solid, run in groupby(row, key=lambda cell: cell == _ASCII_INK)]
