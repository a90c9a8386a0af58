"""Who works at this terminal: signing in, signing off, and a session that is over.

What belongs here: what happens to the workstations when people come and go. Whether a PIN is right is the library's to
say, and which keys somebody may use is beside the keys (``counter.commands``).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, cast

from counter.modes import ASIDE, LOGIN, WORKSTATIONS
from counter.screens.login import LoginScreen

if TYPE_CHECKING:
    from core.database import Actor
    from core.staff import SignIn
    from counter.app import CounterApp


class Attendance:
    """The one person who is signed in, or nobody."""

    def __init__(self, app: CounterApp) -> None:
        self.signed_in: SignIn | None = None
        self._app = app
        self._paused_mode: str | None = None
        self._came_from: str | None = None

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
        signed_in = await app.in_thread(partial(place.sign_in, number, pin, program="counter"))
        paused, self._paused_mode = self._paused_mode, None
        if before is None or before.user_id != signed_in.actor.user_id:
            await self._forget_work()
            paused = None
        self.signed_in = signed_in
        app.bar = replace(app.bar, staff=f"{signed_in.actor.staff_number} {signed_in.actor.full_name}")
        app.note("signed in", staff=signed_in.actor.staff_number)
        await app.switch_mode(paused or self.modes()[0])

    async def sign_off(self) -> None:
        """Go back to the login screen; nothing of what was done here stays."""
        self._app.note("signed off")
        await self._app.switch_mode(LOGIN)
        self.signed_in = None
        self._app.bar = replace(self._app.bar, staff="")
        self._app.drawer.forget()
        await self._forget_work()

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

    def check(self, now: datetime) -> None:
        """End a session that is over: the same person signs in again and goes on; anybody else begins anew."""
        app, signed_in = self._app, self.signed_in
        if signed_in is None or now < signed_in.expires_at or app.current_mode == LOGIN:
            return
        self._paused_mode = app.current_mode
        app.bar = replace(app.bar, staff="")
        app.switch_mode(LOGIN)
        cast(LoginScreen, app.workstation).resume_as(signed_in.actor.staff_number)

    async def _forget_work(self) -> None:
        """Close every workstation; they begin anew when they are next switched to."""
        for mode in (*WORKSTATIONS, *ASIDE):
            if await self._app.close_mode(mode):
                self._app.add_mode(mode, self._app.MODES[mode])
