"""Text that may go to a printer: harmless, and as wide as it is counted.

What belongs here: cleaning, measuring and cutting of text for a strip of fixed columns. A name can hold anything that
was typed, scanned or imported; a printer takes ESC, GS and DLE inside a name for commands, and a terminal that shows
the preview obeys escape sequences and bidirectional overrides.
"""

from __future__ import annotations

import unicodedata
from typing import Final

#: Typographic characters that few printers' code pages have, spelled with those that all have.
_PLAIN: Final = str.maketrans(
    {
        "…": "...",
        "‘": "'",
        "’": "'",
        "“": '"',
        "”": '"',
        "‐": "-",
        "‑": "-",
        "–": "-",
        "—": "-",
        "−": "-",
        "•": "*",
        "→": ">",
    }
)
_CUT_MARK: Final = ".."


def printable(text: str) -> str:
    """``text`` without anything that a printer or a terminal would obey, on one line, runs of space collapsed.

    Control characters and separators become spaces, invisible ones (bidirectional overrides, joiners, marks that do
    not compose) go, and what has no meaning of its own (lone surrogates, private use, unassigned) becomes "?".
    """
    visible = "".join(map(_harmless, text.translate(_PLAIN)))
    composed = unicodedata.normalize("NFC", visible)
    unmarked = "".join(c for c in composed if unicodedata.category(c) not in ("Mn", "Me"))
    # Once more: a mark taken out can bring two Korean letters together that compose.
    return " ".join(unicodedata.normalize("NFC", unmarked).split())


def _harmless(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Zs", "Zl", "Zp"):
        return " "
    if category == "Cf":
        return ""
    if category in ("Cs", "Co", "Cn", "Mc"):
        return "?"
    return character


def width_of(text: str) -> int:
    """The columns that ``text`` (of ``printable``) takes: wide East Asian characters and most emoji take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def cut_to(text: str, columns: int) -> str:
    """``text`` if it fits into ``columns``, else as much of its beginning as does, ending in a mark."""
    if width_of(text) <= columns:
        return text
    mark = _CUT_MARK if columns > len(_CUT_MARK) else ""
    return head_of(text, columns - len(mark)).rstrip() + mark


def head_of(text: str, columns: int) -> str:
    """The longest beginning of ``text`` that fits into ``columns``."""
    used = 0
    for index, character in enumerate(text):
        used += width_of(character)
        if used > columns:
            return text[:index]
    return text


def wrapped(text: str, columns: int, most: int) -> list[str]:
    """``text`` in at most ``most`` lines of ``columns``, broken at spaces where there are any; the last one is cut."""
    lines: list[str] = []
    while text and len(lines) < most - 1 and width_of(text) > columns:
        head = head_of(text, columns)
        # A head that ends where a word ends needs no search for a space inside it.
        at = len(head) if text[len(head)] == " " else head.rfind(" ")
        at = at if at > 0 else len(head)
        lines.append(text[:at].rstrip())
        text = text[at:].lstrip()
    return [*lines, cut_to(text, columns)]


def clean(text: str, columns: int) -> str:
    """Any text as one harmless line that fits into ``columns``."""
    return cut_to(printable(text), columns)


def two_ends(left: str, right: str, columns: int) -> str:
    """One line with a text at each margin. The right one (time, number, amount) is kept whole where it can be."""
    right = clean(right, columns - 1)
    left = clean(left, columns - width_of(right) - 1) if right else clean(left, columns)
    return left + " " * (columns - width_of(left) - width_of(right)) + right if right else left
