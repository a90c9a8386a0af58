"""The one-cell symbols of the screen, and their stand-ins for terminals that draw some of them two cells wide.

What belongs here: single characters and the switch between the two sets (``COUNTER_ASCII=1``).
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Symbols(NamedTuple):
    """What the screens draw with; every field is one character and one cell."""

    on: str = "●"
    off: str = "○"
    unsure: str = "◐"
    yes: str = "✔"
    no: str = "✘"
    info: str = "›"
    warning: str = "▲"
    prompt: str = "▸"
    between: str = "│"
    arrow: str = "→"
    dot: str = "·"
    rule: str = "─"
    block: str = "█"
    cut: str = "…"


FULL: Final = Symbols()
ASCII: Final = Symbols(
    on="*", off="o", unsure="?", yes="+", no="X", info=">", warning="!", prompt=">", between="|", arrow=">", dot="-",
    rule="-", block="#", cut="~",
)  # fmt: skip

_TO_ASCII: Final = {ord(full): plain for full, plain in zip(FULL, ASCII, strict=True)} | {0x2013: "-", 0x2212: "-"}
_ascii = False


def use_ascii(wanted: bool) -> None:
    """Draw with ASCII only from now on, or with everything again."""
    global _ascii
    _ascii = wanted


def in_ascii() -> bool:
    """Whether only ASCII is drawn."""
    return _ascii


def symbols() -> Symbols:
    """The set in use."""
    return ASCII if _ascii else FULL


def drawn(text: str) -> str:
    """A text with its symbols as the terminal can draw them."""
    return text.translate(_TO_ASCII) if _ascii else text


def cut(text: str, cells: int) -> str:
    """A text in at most so many cells, with a mark where something is missing."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= cells:
        return text
    return set_cell_size(text, max(0, cells - 1)).rstrip() + symbols().cut if cells > 0 else ""
