"""Unread notices of whoever is signed in, told while they work: one calm line, and the key that lists them.

What belongs here: when the application asks, and when it says so. The same look escalates what waits too long, so that
a counter that is staffed needs no job for it; several at once do no harm (``core.escalations``).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from core.errors import CounterError
from counter.i18n import _, counted

if TYPE_CHECKING:
    from core.database import Actor
    from core.notices import Notice
    from counter.app import CounterApp
    from counter.service_desk import ServiceDesk

#: Seconds between two looks, and between two tries to say it where the message line is free.
INTERVAL: Final = 60.0
_RETRY: Final = 5.0


class NoticeWatch:
    """Counts unread notices now and then; ``number`` is what it found last."""

    def __init__(self, app: CounterApp) -> None:
        self._app = app
        self._busy = False
        self._to_tell = False
        self.number = 0

    def begin(self) -> None:
        """The workplace is open: look every so often."""
        self._app.set_interval(INTERVAL, self.look)
        self._app.set_interval(_RETRY, self._tell)

    def forget(self) -> None:
        """Nobody works here any more."""
        self.number, self._to_tell = 0, False

    def look(self) -> None:
        """Look, unless a look is under way or nobody is signed in."""
        app = self._app
        if self._busy or app.workplace is None or app.actor is None or app.lifeline.away:
            return
        from counter.service_desk import ServiceDesk

        self._busy = True
        app.run_worker(self._look(ServiceDesk.of(app), app.actor), name="notices")

    async def _look(self, desk: ServiceDesk, actor: Actor) -> None:
        try:
            found = await self._app.in_background(desk.look_after)
        except CounterError:
            return  # the light of the database says it; the next look makes up for it
        finally:
            self._busy = False
        if self._app.actor == actor:
            self._to_tell = self._to_tell or found > self.number
            self.number = found
            self._tell()

    def _tell(self) -> None:
        """Say it once, where nothing else is being said."""
        app = self._app
        if not self._to_tell or not self.number or app.actor is None or app.current_mode == "login":
            return
        if app.workstation.line.message is None:
            self._to_tell = False
            app.workstation.say(counted("{n} new notice: Ctrl+D", "{n} new notices: Ctrl+D", self.number))

    def show(self) -> None:
        """List them above the workstation in front."""
        self._app.workstation.run_worker(self._show(), name="notices list")

    async def _show(self) -> None:
        from counter.dialogs.notices import Notices
        from counter.service_desk import ServiceDesk

        app = self._app
        station = app.workstation
        try:
            desk = ServiceDesk.of(app)
            found: list[Notice] = await app.in_thread(desk.notices)
        except CounterError as error:
            station.report(error)
            return
        if not found:
            station.say(_("There is nothing new."))
            return
        await app.ask(Notices(found, lambda ids: app.in_thread(partial(desk.mark_read, ids))))
        self._to_tell = False
        self.look()
