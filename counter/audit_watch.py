"""Security alerts that nobody has looked at, told to supervisors while they work: one calm line, and where to look.

What belongs here: when the application asks, and when it says so. What an alert is ``core.audit.alerts`` decides.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from core.errors import CounterError
from counter.i18n import counted

if TYPE_CHECKING:
    from core.database import Actor
    from counter.app import CounterApp
    from counter.session import Workplace

#: Seconds between two looks, and between two tries to say it where the message line is free.
INTERVAL: Final = 120.0
_RETRY: Final = 5.0


class AlertWatch:
    """Counts the open alerts of the last day now and then; ``number`` is what it found last."""

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
        """Look, unless a look is under way or nobody is here who should know."""
        place, actor = self._app.workplace, self._app.actor
        if self._busy or place is None or actor is None or self._app.lifeline.away:
            return
        from core.permissions import allowed

        if allowed(actor, "look_into_audit"):
            self._busy = True
            self._app.run_worker(self._look(place, actor), name="alerts")

    async def _look(self, place: Workplace, actor: Actor) -> None:
        try:
            found = await self._app.in_background(partial(_count, place, actor))
        except CounterError:
            return  # the light of the database says it; the next look makes up for it
        finally:
            self._busy = False
        if self._app.actor == actor:
            self.number, self._to_tell = found, found > 0
            self._tell()

    def _tell(self) -> None:
        """Say it once, where nothing else is being said; on the audit screen its title says it."""
        app = self._app
        if not self._to_tell or app.actor is None or app.current_mode in ("login", "audit"):
            return
        if app.workstation.line.message is None:
            self._to_tell = False
            app.workstation.say(counted("{n} security alert: Ctrl+L", "{n} security alerts: Ctrl+L", self.number))


def _count(place: Workplace, actor: Actor) -> int:
    from core.audit import alerts

    return alerts.count_open(place.office, actor)
