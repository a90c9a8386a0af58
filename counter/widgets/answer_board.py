"""The answer that fills the screen: a word to be read from afar, and what stands behind it.

What belongs here: drawing a face into whatever room there is, the most important first. What outcomes are called and
what is to be done about them is in ``counter.screens.gate_faces``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from counter.symbols import cut, drawn, symbols
from counter.widgets.block_letters import block_letters

Tone: TypeAlias = Literal["idle", "go", "stop", "wait"]


@dataclass(frozen=True, slots=True)
class Face:
    """What the board shows.

    ``seat`` is drawn large as well where a traveller may go; ``who`` and ``trip`` say whose ticket it is; ``reason``
    and ``advice`` are what happened and what to do next.
    """

    tone: Tone
    word: str
    seat: str = ""
    who: str = ""
    trip: str = ""
    reason: str = ""
    advice: str = ""


def board(face: Face, width: int, height: int) -> list[str]:
    """The face as lines of text, centred in a room of so many cells; blank lines go first where it is low."""
    large = max(1, width - 2)
    signs = {"go": "✔ ", "stop": "✘ ", "wait": "? ", "idle": ""}
    mark = {"go": symbols().yes, "stop": symbols().no, "wait": symbols().unsure, "idle": ""}[face.tone]
    spelled = f"{mark} {face.word} {mark}".strip()
    word = block_letters(signs[face.tone] + face.word, large) or block_letters(face.word, large) or [spelled]
    seat = (block_letters(face.seat, large) if face.tone == "go" else None) or ([face.seat] if face.seat else [])
    text = [line for line in (face.who, face.trip) if line]
    why = [f"{mark} {face.reason}".strip()] if face.reason else []
    why += [face.advice] if face.advice else []
    blocks = [word, seat, text, why] if face.tone == "go" else [word, why, seat + text]
    return _centred([block for block in blocks if block], width, height)


def _centred(blocks: list[list[str]], width: int, height: int) -> list[str]:
    spare = height - sum(len(block) for block in blocks)
    lines: list[str] = []
    for number, block in enumerate(blocks):
        if number and spare > 0:
            lines.append("")
            spare -= 1
        lines += block
    top = max(0, (height - len(lines)) // 2)
    fitted = [drawn(cut(line, width)) for line in [""] * top + lines][:height]
    return [_centre(line, width) for line in fitted]


def _centre(line: str, width: int) -> str:
    from rich.cells import cell_len

    return " " * max(0, (width - cell_len(line)) // 2) + line


class AnswerBoard(Widget):
    """The board; told its ``face``."""

    DEFAULT_CSS = """
    AnswerBoard {
        height: 1fr;
        text-style: bold;
        &.-idle { background: $background; color: $text-muted; text-style: none; }
        &.-go { background: $success; color: $background; }
        &.-stop { background: $error; color: $background; }
        &.-wait { background: $warning; color: $background; }
    }
    """

    face: reactive[Face] = reactive(Face("idle", ""))

    def watch_face(self, face: Face) -> None:
        """Colour follows the tone; symbol and word have said it already."""
        for tone in ("idle", "go", "stop", "wait"):
            self.set_class(face.tone == tone, f"-{tone}")

    def render(self) -> Content:
        """The lines for the room there is."""
        return Content("\n".join(board(self.face, self.size.width, self.size.height)))
