"""What people type as a reason or a note, as it is kept: one line of printable characters."""

from __future__ import annotations

from typing import Final

LONGEST_REASON: Final = 200


def one_line(text: str, longest: int = LONGEST_REASON) -> str:
    """The text without control characters, blanks at its ends or line breaks, cut at ``longest`` characters.

    Empty if nothing that can be read is left.
    """
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(plain.split())[:longest].rstrip()
