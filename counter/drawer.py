"""The drawer of this terminal, as the application knows it: whose shift stands open, and what to do where none does.

What belongs here: asking for a float after sign-in, and telling the state bar. How a shift goes on and ends is the
business of the shift workstation; what the library knows of it is asked for in ``counter.shift_desk``.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from core.errors import CounterError
from counter.i18n import _, clock_time, day_in_words

if TYPE_CHECKING:
    from core.shifts import Shift
    from counter.app import CounterApp
    from counter.screens.workstation import Workstation
    from counter.session import Workplace


class Drawer:
    """The shift at this terminal that is not closed; ``shift`` is as last read."""

    def __init__(self, app: CounterApp) -> None:
        self._app = app
        self.shift: Shift | None = None

    def show(self, shift: Shift | None) -> None:
        """This is the shift now; the state bar says so."""
        self.shift = shift
        number = "" if shift is None else str(shift.number)
        self._app.bar = replace(self._app.bar, shift=number)

    def forget(self) -> None:
        """Nobody works here."""
        self.show(None)

    def welcome(self, screen: Workstation) -> None:
        """Somebody begins to sell: say whose shift stands open, or ask for the float of a new one."""
        if self._app.workplace is not None and self._app.actor is not None:
            screen.run_worker(self._welcome(screen), name="drawer")

    async def _welcome(self, screen: Workstation) -> None:
        actor = self._app.actor
        try:
            await self.look()
        except CounterError:
            return  # the light of the database says it; a sale asks again
        shift = self.shift
        if actor is None or screen.counter.actor is not actor:
            return
        if shift is None:
            if actor.role == "clerk":
                await self.open(screen)
        elif shift.user_id != actor.user_id:
            screen.warn(_("The drawer belongs to shift {number} of {clerk}.", number=shift.number, clerk=shift.clerk),
                        _("Its clerk or a supervisor counts and closes it: Ctrl+T."))  # fmt: skip
        elif shift.status != "open":
            screen.warn(_("Shift {number} is counted and not closed yet.", number=shift.number), _("Ctrl+T closes it."))
        elif not shift.is_scripted and screen.line.message is None:
            screen.say(_("Shift {number} goes on; it stands open since {time}.", number=shift.number,
                         time=self._time_of(shift)))  # fmt: skip

    def _time_of(self, shift: Shift) -> str:
        from core.clock import local

        place = self._app.workplace
        assert place is not None
        opened = local(shift.opened_at, place.time_zone)
        return f"{day_in_words(opened.date())} {clock_time(opened)}"

    async def look(self) -> Shift | None:
        """Read again whose shift stands open here.

        Raises:
            CounterError: the database does not answer.
        """
        from core import shifts

        place, actor = self._app.workplace, self._app.actor
        assert place is not None
        assert actor is not None
        shift = await self._app.in_thread(partial(shifts.current, place.office, actor))
        self.show(shift)
        return shift

    async def open(self, screen: Workstation) -> bool:
        """Ask for the float and open a shift; to be awaited in a worker of that screen. False for Esc."""
        from counter.dialogs.open_shift import OpenShift
        from counter.shift_desk import ShiftDesk

        shift = await self._app.ask(OpenShift(ShiftDesk.of(self._app)))
        if shift is None:
            screen.warn(_("Without a shift nothing can be sold."), _("Ctrl+T opens one."))
            return False
        self.show(shift)
        screen.say(_("Shift {number} is open.", number=shift.number))
        return True

    def kick(self) -> None:
        """Open the drawer, if there is one; nobody waits for it."""
        place = self._app.workplace
        if place is not None and place.drawer is not None:
            self._app.run_worker(self._app.in_background(partial(_kick, place)), name="kick")


def _kick(place: Workplace) -> bool:
    from counter.printing import kick_drawer

    return kick_drawer(place)
