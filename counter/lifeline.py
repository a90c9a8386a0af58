"""The lifeline: opening the workplace behind the login screen, and getting the database back.

What belongs here: when to try, how often, and what the application is told. Everything that blocks runs in a thread;
the program that talks to the database is imported there too, so that the first paint waits for none of it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Final

from textual.message import Message

from core.errors import CounterError, DatabaseUnreachable, OutcomeUnknown

if TYPE_CHECKING:
    from core.config import Settings
    from counter.app import CounterApp
    from counter.session import Workplace

#: Seconds between two looks at a database that answers and that nobody has asked anything meanwhile.
HEARTBEAT: Final = 5.0
#: Seconds between two tries while it is away: doubled from the first to the last.
FIRST_RETRY, LAST_RETRY = 0.5, 5.0
_BREATH: Final = 0.2


@dataclass
class Opening(Message, bubble=False):
    """The workplace is being opened, and this is how far it is; ``total`` 0 where nobody can tell."""

    step: str
    done: int
    total: int


@dataclass
class OpeningFailed(Message, bubble=False):
    """The workplace could not be opened. ``again``: another try follows by itself."""

    error: CounterError
    again: bool


class Opened(Message, bubble=False):
    """The workplace is open."""


class DatabaseLost(Message, bubble=False):
    """The database has stopped answering."""


class DatabaseBack(Message, bubble=False):
    """The database answers again."""


class Clock:
    """The database's time between two looks at it, by this machine's monotonic clock."""

    def __init__(self) -> None:
        self._ahead: tuple[datetime, float] | None = None

    def set(self, now: datetime) -> None:
        """The database has just said what time it is."""
        self._ahead = (now, monotonic())

    @property
    def now(self) -> datetime | None:
        """What the database would say now; ``None`` before it was first asked."""
        if self._ahead is None:
            return None
        then, at = self._ahead
        return then + timedelta(seconds=monotonic() - at)


class Lifeline:
    """Keeps in touch with the database for as long as the application runs.

    Args:
        app: is told with the messages above.
        settings: this machine's, or ``None`` to read them from the environment.
    """

    def __init__(self, app: CounterApp, settings: Settings | None) -> None:
        self.clock = Clock()
        self.away = False
        self._app = app
        self._settings = settings
        self._nudge = asyncio.Event()

    def nudge(self) -> None:
        """Try now instead of later."""
        self._nudge.set()

    def lost(self) -> None:
        """Somebody was told that the database does not answer."""
        if not self.away:
            self.away = True
            self._app.post_message(DatabaseLost())
            self.nudge()

    def answered(self) -> None:
        """Somebody's work succeeded: if the database was away, it is worth a look."""
        if self.away:
            self.nudge()

    async def keep(self) -> None:
        """Open the workplace, then look after it; runs until it is cancelled."""
        retry = FIRST_RETRY
        while True:
            rest: float | None
            try:
                await (self._open() if self._app.workplace is None else self._look())
                rest, retry = HEARTBEAT, FIRST_RETRY
            except CounterError as error:
                rest = retry if self._goes_on_after(error) else None
                retry = min(retry * 2, LAST_RETRY)
                await asyncio.sleep(_BREATH)  # however often somebody asks for another try
            await self._rest(rest)

    async def _rest(self, seconds: float | None) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._nudge.wait(), seconds)
        self._nudge.clear()

    async def _open(self) -> None:
        place, now = await self._app.in_background(self._open_blocking)
        self.clock.set(now)
        self.away = False
        self._app.workplace = place
        self._app.post_message(Opened())

    async def _look(self) -> None:
        place = self._app.workplace
        assert place is not None
        self.clock.set(await self._app.in_background(place.look_after))
        if self.away:
            self.away = False
            self._app.post_message(DatabaseBack())

    def _goes_on_after(self, error: CounterError) -> bool:
        """Tell whom it concerns; False if another try makes sense only once something was changed."""
        passing = isinstance(error, DatabaseUnreachable | OutcomeUnknown)
        if self._app.workplace is None:
            self._app.post_message(OpeningFailed(error, passing))
        if passing or self._app.workplace is not None:
            self.lost()
            self._nudge.clear()
            return True
        return False

    def _open_blocking(self) -> tuple[Workplace, datetime]:
        from core.config import settings
        from counter import logs
        from counter.session import open_workplace

        own = self._settings or settings()
        logs.open_log(own.home)
        place = open_workplace(own, self._report)
        try:
            return place, place.reconnect()
        except BaseException:
            place.close()
            raise

    def _report(self, step: str, done: int, total: int) -> None:
        self._app.post_message(Opening(step, done, total))  # the one thing a thread may do to the application
