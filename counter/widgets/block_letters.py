"""Letters five rows high, to be read from across a gate.

What belongs here: the shapes and how a word is set in them. Textual's ``Digits`` has figures only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from counter.symbols import symbols

ROWS: Final = 5
_GAP: Final = 1
_BLANK: Final = 3

_SHAPES: Final[dict[str, Sequence[str]]] = {
    "A": (" ### ", "#   #", "#####", "#   #", "#   #"),
    "B": ("#### ", "#   #", "#### ", "#   #", "#### "),
    "C": (" ####", "#    ", "#    ", "#    ", " ####"),
    "D": ("#### ", "#   #", "#   #", "#   #", "#### "),
    "E": ("#####", "#    ", "#### ", "#    ", "#####"),
    "F": ("#####", "#    ", "#### ", "#    ", "#    "),
    "G": (" ####", "#    ", "#  ##", "#   #", " ####"),
    "H": ("#   #", "#   #", "#####", "#   #", "#   #"),
    "I": ("###", " # ", " # ", " # ", "###"),
    "J": ("  ###", "   # ", "   # ", "#  # ", " ##  "),
    "K": ("#   #", "#  # ", "###  ", "#  # ", "#   #"),
    "L": ("#    ", "#    ", "#    ", "#    ", "#####"),
    "M": ("#   #", "## ##", "# # #", "#   #", "#   #"),
    "N": ("#   #", "##  #", "# # #", "#  ##", "#   #"),
    "O": (" ### ", "#   #", "#   #", "#   #", " ### "),
    "P": ("#### ", "#   #", "#### ", "#    ", "#    "),
    "Q": (" ### ", "#   #", "# # #", "#  # ", " ## #"),
    "R": ("#### ", "#   #", "#### ", "#  # ", "#   #"),
    "S": (" ####", "#    ", " ### ", "    #", "#### "),
    "T": ("#####", "  #  ", "  #  ", "  #  ", "  #  "),
    "U": ("#   #", "#   #", "#   #", "#   #", " ### "),
    "V": ("#   #", "#   #", "#   #", " # # ", "  #  "),
    "W": ("#   #", "#   #", "# # #", "## ##", "#   #"),
    "X": ("#   #", " # # ", "  #  ", " # # ", "#   #"),
    "Y": ("#   #", " # # ", "  #  ", "  #  ", "  #  "),
    "Z": ("#####", "   # ", "  #  ", " #   ", "#####"),
    "0": (" ### ", "#  ##", "# # #", "##  #", " ### "),
    "1": (" # ", "## ", " # ", " # ", "###"),
    "2": ("#### ", "    #", " ### ", "#    ", "#####"),
    "3": ("#### ", "    #", " ### ", "    #", "#### "),
    "4": ("#   #", "#   #", "#####", "    #", "    #"),
    "5": ("#####", "#    ", "#### ", "    #", "#### "),
    "6": (" ### ", "#    ", "#### ", "#   #", " ### "),
    "7": ("#####", "    #", "   # ", "  #  ", "  #  "),
    "8": (" ### ", "#   #", " ### ", "#   #", " ### "),
    "9": (" ### ", "#   #", " ####", "    #", " ### "),
    "-": ("   ", "   ", "###", "   ", "   "),
    "/": ("    #", "   # ", "  #  ", " #   ", "#    "),
    "✔": ("    #", "   ##", "#  # ", " ##  ", " #   "),
    "✘": ("#   #", " # # ", "  #  ", " # # ", "#   #"),
    "?": ("#### ", "    #", "  ## ", "     ", "  #  "),
}


def can_set(text: str) -> bool:
    """Whether every character of a text has a shape."""
    return all(character == " " or character in _SHAPES for character in text.upper())


def columns(text: str) -> int:
    """How many cells wide a text is in single size."""
    wide = [_BLANK if character == " " else len(_SHAPES[character][0]) for character in text.upper()]
    return sum(wide) + _GAP * (len(wide) - 1) if wide else 0


def block_letters(text: str, width: int) -> list[str] | None:
    """A text as :data:`ROWS` lines of equal length, twice as wide where that fits; ``None`` if it does not fit at all.

    Characters without a shape make it ``None`` as well.
    """
    if not can_set(text) or not text or columns(text) > width:
        return None
    scale = 2 if 2 * columns(text) <= width else 1
    blank = [" " * _BLANK] * ROWS
    shapes = [blank if character == " " else _SHAPES[character] for character in text.upper()]
    lines = [(" " * _GAP).join(shape[row] for shape in shapes) for row in range(ROWS)]
    block = symbols().block
    return ["".join((block if cell == "#" else " ") * scale for cell in line) for line in lines]
