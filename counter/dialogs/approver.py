"""A second person at this desk: named first, then the PIN. Or at his own desk: then this closes by itself.

What belongs here: the dialog. What is approved stands in the request, which waits for somebody until it is too old.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from textual import work

from core.approvals import Approval
from core.errors import CounterError
from counter.dialogs.form import Field, Form, Typed
from counter.i18n import _
from counter.shift_desk import ShiftDesk

#: Seconds between two looks whether somebody has decided elsewhere.
_EVERY: Final = 2.0


class Approver(Form[Approval]):
    """Waits for a decision on a request; Esc leaves the request waiting."""

    def __init__(self, desk: ShiftDesk, asked: Approval, sentence: str) -> None:
        super().__init__(
            _("Request {number}: a supervisor decides", number=asked.number),
            (
                Field("approver", _("Staff number"), missing=_("Type the supervisor's own number first.")),
                Field("pin", _("PIN"), "secret", missing=_("The supervisor types the PIN.")),
            ),
            self._approve,
            note=sentence,
        )
        self._desk, self._asked, self._looking = desk, asked, False

    def on_mount(self) -> None:
        """Somebody may decide elsewhere."""
        self.set_interval(_EVERY, self._look)

    def _approve(self, typed: Typed) -> Approval:
        return self._desk.approve_here(self._asked, typed["approver"], typed["pin"])

    @work
    async def _look(self) -> None:
        if self._looking or self._doing:
            return
        self._looking = True
        try:
            now = await self.counter.in_thread(partial(self._desk.approval, self._asked))
        except CounterError:
            return  # the next look says it
        finally:
            self._looking = False
        if now.status != "pending" and not self._doing:
            self.dismiss(now)
