"""The last thing that happens to a line before the terminal gets it: nothing in it that a terminal obeys.

Screens show what was typed, stored and imported, and Textual hands on escape characters within it. Every line of every
widget passes here, so no screen has to think of it. What takes no room goes, what takes some is replaced: the line
stays as wide as it was measured.
"""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter


class TerminalText(LineFilter):
    """Takes control characters, direction marks and half characters out of what is drawn."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002 - Textual's signature
        """The same segments, where nothing has to be changed; the program's own control segments always are."""
        if all(segment.text.isprintable() or segment.control for segment in segments):
            return segments
        return [
            segment if segment.control else Segment(visible(segment.text), segment.style, None) for segment in segments
        ]


def visible(text: str) -> str:
    """A text of the same width without anything that cannot be shown."""
    return "".join(letter if letter.isprintable() else _instead(letter) for letter in text)


def _instead(letter: str) -> str:
    return (" " if letter.isspace() else "?") * cell_len(letter)
