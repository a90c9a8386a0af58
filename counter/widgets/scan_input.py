"""The field of the gate screen, for scanning and for typing, and the message both arrive as.

What belongs here: what a scan looks like to a screen. How scans are told from typing is in
``counter.devices.wedge``; how they are kept away from what has the focus, in ``counter.widgets.scan_capture``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Literal, TypeAlias

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

#: Characters; longer than any code or barcode.
LONGEST_SCAN: Final = 4096

Source: TypeAlias = Literal["wedge", "paste", "typed", "camera", "serial"]


@dataclass
class Scanned(Message):
    """A text was scanned, pasted or typed as a whole. Posted to the screen in front; handle ``on_scanned`` there.

    ``text`` is a ticket code in capitals if it looks like one, and anything else just as it came: whether it is
    genuine is for the gate to say.
    """

    text: str
    source: Source


class ScanInput(Input):
    """A field that takes scans of anything, and typing with Enter at the end.

    It posts :class:`Scanned` and empties itself at once, so what follows the Enter in the same breath is the
    beginning of the next text. A scan leaves half-typed text as it is. ``Input.Submitted`` is never posted.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        # Line feed is what some scanners send for Enter.
        Binding("ctrl+j", "submit", "Submit", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, max_length=LONGEST_SCAN)

    async def action_submit(self) -> None:
        """Post what was typed; an empty field has nothing to say."""
        text = self.value.strip()
        self.clear()
        if text:
            self.post_message(Scanned(text, "typed"))
