"""Messages to customers and staff, sent in the background by tills that have a way to send them.

What belongs here: when the application does it. What is planned and sent is ``core.notification_dispatch``; a machine
that does nothing else runs ``counter admin dispatch``.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from core.errors import CounterError

if TYPE_CHECKING:
    from counter.app import CounterApp
    from counter.session import Workplace

#: Seconds between two looks, and messages of one look: the till's own work comes first.
INTERVAL: Final = 30.0
_MOST: Final = 20


class NotificationWatch:
    """Plans what happened and sends what is due now and then; a channel that is away delays nothing else."""

    def __init__(self, app: CounterApp) -> None:
        self._app = app
        self._busy = False

    def begin(self) -> None:
        """The workplace is open: look every so often."""
        self._app.set_interval(INTERVAL, self.look)

    def look(self) -> None:
        """Look, unless a look is under way, nobody works here, or whoever does may not sell."""
        place, actor = self._app.workplace, self._app.actor
        if self._busy or place is None or actor is None or self._app.lifeline.away:
            return
        from core.permissions import allowed

        if allowed(actor, "sell"):
            self._busy = True
            self._app.run_worker(self._look(place), name="notifications")

    async def _look(self, place: Workplace) -> None:
        try:
            await self._app.in_background(partial(_run, place))
        except CounterError:
            return  # what is away shows elsewhere; the next look makes up for it
        finally:
            self._busy = False


def _run(place: Workplace) -> None:
    from core import notification_dispatch
    from core.notification_senders import sender_for
    from core.notification_settings import channels

    senders = {name: sender_for(one) for name, one in channels().items()}
    notification_dispatch.run(place.office, senders, most=_MOST)
