"""Who works at this terminal: signing in, signing off, a locked screen, and a session that is over.

A screen locks when nobody has touched a key for as long as policy says, at a key, and when the session is over: the
login screen is in front, every workstation stays as it is behind it, and the same person goes on after the PIN. Nothing
locks by itself while a customer pays (``Workstation.keeps_awake``); a session that is over always does.

What belongs here: what happens to the workstations when people come and go. Whether a PIN is right is the library's to
say, and which keys somebody may use is beside the keys (``counter.commands``).
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from core.errors import CounterError
from counter.asides import ASIDE
from counter.i18n import _, reworded
from counter.modes import LOGIN, WORKSTATIONS
from counter.screens.login import LoginScreen

if TYPE_CHECKING:
    from core.database import Actor
    from core.staff import SignIn
    from counter.app import CounterApp
    from counter.session import Workplace

#: Seconds between two looks at whether the session still stands.
INTERVAL: Final = 60.0
#: Minutes without a key after which the screen locks, until the policy was read.
_FIRST_MINUTES: Final = 10
#: Why a screen locks that could go on: the session behind it stands.
IDLE, BY_KEY = "idle", "by key"
_SENTENCES: Final = {
    IDLE: "Locked, since nobody touched a key. Your PIN opens it again.",
    BY_KEY: "Locked. Your PIN opens it again; what was typed is kept.",
    "expired": "The session is over; sign in again to go on.",
    "signed in elsewhere": "You have signed in at another terminal; sign in again to go on here.",
    "secret changed": "The PIN was changed; sign in with the new one to go on.",
    "role changed": "You were given another role; sign in again.",
    "stations changed": "You do not work at this station any more.",
    "deactivated": "This number is not active any more.",
}


class Attendance:
    """The one person who is signed in, or nobody."""

    def __init__(self, app: CounterApp) -> None:
        self.signed_in: SignIn | None = None
        self.last_key = self.now()
        self.idle_lock_minutes = _FIRST_MINUTES
        self._app = app
        self._paused_mode: str | None = None
        self._came_from: str | None = None
        self._is_over = False
        self._looking = self._look_again = False
        self._looked_at = self.last_key

    @staticmethod
    def now() -> float:
        """The clock that an idle screen is measured by, in seconds."""
        return time.monotonic()

    @property
    def actor(self) -> Actor | None:
        """Who works here; ``None`` before sign-in."""
        return self.signed_in.actor if self.signed_in else None

    async def sign_in(self, number: str, pin: str) -> None:
        """Check number and PIN, and go to the first workstation this person may work at.

        Whoever comes back after the session was over goes on where it was.

        Raises:
            NotSignedIn: they do not fit, or the number is locked.
            Unreachable: the database does not answer.
        """
        app, before = self._app, self.actor
        place = app.workplace
        assert place is not None, "the login screen waits for the workplace"
        same = before is not None and number.strip() == before.staff_number
        if same and not self._is_over and await self._unlocked(place, pin):
            return
        signed_in = await app.in_thread(partial(place.sign_in, number, pin, program="counter", interactive=True))
        paused, self._paused_mode = self._paused_mode, None
        self._end("signed in again" if same else "somebody else signed in")
        if before is None or (before.user_id, before.role) != (signed_in.actor.user_id, signed_in.actor.role):
            await self._forget_work()
            paused = None
        self.signed_in, self._is_over = signed_in, False
        await self._go_to(paused or self.modes()[0])
        app.note("signed in", staff=signed_in.actor.staff_number)
        if signed_in.ended:
            await self._tell_where(place, signed_in)

    async def _unlocked(self, place: Workplace, pin: str) -> bool:
        """Open a locked screen again, if the session behind it still stands."""
        signed_in = self.signed_in
        assert signed_in is not None
        if not await self._app.in_thread(partial(place.unlock, signed_in, pin)):
            return False
        paused, self._paused_mode = self._paused_mode, None
        self._is_over = False  # it stands; what was heard of it meanwhile is asked for again
        await self._go_to(paused or self.modes()[0])
        self._app.note("unlocked", staff=signed_in.actor.staff_number)
        return True

    async def _go_to(self, mode: str) -> None:
        app, actor = self._app, self.actor
        assert actor is not None
        app.bar = replace(app.bar, staff=f"{actor.staff_number} {actor.full_name}")
        self.touch()
        await app.switch_mode(mode)
        app.alerts.look()
        app.notices.look()
        self.look()

    async def _tell_where(self, place: Workplace, signed_in: SignIn) -> None:
        with suppress(CounterError):
            where = await self._app.in_thread(partial(place.signed_off_at, signed_in))
            if where and self.signed_in is signed_in:
                self._app.workstation.say(_("You were signed off at {terminals}.", terminals=", ".join(where)))

    async def sign_off(self) -> None:
        """Go back to the login screen; nothing of what was done here stays."""
        self._app.note("signed off")
        await self._app.switch_mode(LOGIN)
        self._end("signed off")
        self.signed_in = self._paused_mode = None
        self._is_over = False
        self._app.bar = replace(self._app.bar, staff="")
        self._app.drawer.forget()
        self._app.alerts.forget()
        self._app.notices.forget()
        self._app.note_audit_head()
        await self._forget_work()

    def _end(self, why: str) -> None:
        """Have the database end the session of whoever was here; nobody waits for it."""
        if self.signed_in is not None:
            self._app.run_worker(self._end_session(self.signed_in, why), name="sign off")

    async def leave(self) -> None:
        """The program ends: so does the session, if the database answers."""
        if self.signed_in is not None and not self._app.lifeline.away:
            await self._end_session(self.signed_in, "program ended")

    async def _end_session(self, signed_in: SignIn, why: str) -> None:
        place = self._app.workplace
        if place is not None:
            with suppress(CounterError):  # a session that cannot be ended now runs out
                await self._app.in_background(partial(place.sign_off, signed_in.actor, why))

    def modes(self) -> list[str]:
        """Where whoever is signed in may work."""
        if self.actor is None:
            return []
        from core.permissions import allowed

        return [mode for mode, permission in WORKSTATIONS.items() if allowed(self.actor, permission)]

    async def next_workstation(self) -> None:
        """Go to the next workstation this person may work at."""
        modes = self.modes()
        at = modes.index(self._app.current_mode) + 1 if self._app.current_mode in modes else 0
        await self._app.switch_mode(modes[at % len(modes)])

    async def go_aside(self, mode: str) -> None:
        """Go to a workstation for a moment; asked again while there, go back."""
        if self._app.current_mode == mode:
            await self.come_back()
            return
        if self._app.current_mode in WORKSTATIONS:
            self._came_from = self._app.current_mode
        await self._app.switch_mode(mode)

    async def come_back(self) -> None:
        """Back to where this person works."""
        modes = self.modes()
        await self._app.switch_mode(self._came_from if self._came_from in modes else modes[0])

    # Locked, and over

    def begin(self) -> None:
        """The workplace is open: look every so often whether the session stands."""
        self._app.set_interval(INTERVAL, self.look)

    def touch(self) -> None:
        """Somebody has touched a key."""
        self.last_key = self.now()

    def check(self, now: datetime) -> None:
        """Lock a screen whose session is over, or that nobody has touched for long."""
        app, signed_in = self._app, self.signed_in
        if signed_in is None or app.current_mode == LOGIN:
            return
        if now >= signed_in.expires_at:
            self.lock("expired")
        elif app.workstation.keeps_awake:
            self.touch()
        elif 0 < self.idle_lock_minutes * 60 <= self.now() - self.last_key:
            self.lock(IDLE)

    def lock(self, why: str = BY_KEY) -> None:
        """The login screen in front: the same person goes on after the PIN, anybody else begins anew.

        Args:
            why: ``IDLE``, ``BY_KEY``, or what ended the session.
        """
        app, signed_in = self._app, self.signed_in
        if signed_in is None:
            return
        self._is_over = self._is_over or why not in (IDLE, BY_KEY)
        if app.current_mode == LOGIN:
            app.workstation.warn(why_in_words(why))
            return
        self._paused_mode = app.current_mode
        app.bar = replace(app.bar, staff="")
        app.switch_mode(LOGIN)
        cast(LoginScreen, app.workstation).resume_as(signed_in.actor.staff_number, why_in_words(why))
        app.note("locked", why=why.partition(":")[0])

    def look(self) -> None:
        """Ask the database whether the session stands, and the policy when an idle screen locks."""
        self._look_again = True
        if not self._looking and not self._app.lifeline.away and self.signed_in is not None:
            self._looking = True
            self._app.run_worker(self._look(), name="attendance")

    async def _look(self) -> None:
        try:
            while self._look_again and self.signed_in is not None and self._app.workplace is not None:
                self._look_again = False
                await self._look_once(self._app.workplace, self.signed_in)
        except CounterError:
            return  # the light of the database says it; the next look makes up for it
        finally:
            self._looking = False

    async def _look_once(self, place: Workplace, signed_in: SignIn) -> None:
        at_work, self._looked_at = self.last_key >= self._looked_at, self.now()
        found = await self._app.in_background(partial(place.attend, signed_in, at_work=at_work))
        if self.signed_in is signed_in:
            self.idle_lock_minutes = found.idle_lock_minutes
            if found.over is not None and not self._is_over:
                self.lock(found.over)

    async def _forget_work(self) -> None:
        """Close every workstation; they begin anew when they are next switched to."""
        for mode in (*WORKSTATIONS, *ASIDE):
            if await self._app.close_mode(mode):
                self._app.add_mode(mode, self._app.MODES[mode])


def why_in_words(why: str) -> str:
    """Why a screen is locked, and what to do about it."""
    if why in _SENTENCES:
        return _(_SENTENCES[why])
    if why.startswith("signed off by "):
        return f"{reworded(why[0].upper() + why[1:])}"
    return _(_SENTENCES["expired"])
