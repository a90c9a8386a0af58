"""What a supervisor does about staff, step by step: which dialog, then which question to the library.

What belongs here: the flows of the staff screen. Keys and what is drawn are ``staff`` and ``staff_view``.
"""

from __future__ import annotations

from functools import partial

from core.errors import CounterError
from core.staff_list import Member, Page
from core.staff_register import NewPin
from counter.dialogs.form import Field, Form, Typed
from counter.dialogs.new_pin import NewPinDialog
from counter.dialogs.question import Question
from counter.i18n import _, counted
from counter.screens.sell_turns import Turns
from counter.screens.staff_desk import StaffDesk


class StaffFlows(Turns):
    """The flows; see the module's docstring. ``page`` is what the list shows, of what fits ``wanted``."""

    def __init__(self) -> None:
        super().__init__()
        self.page = Page((), 0, 0)
        self.wanted = ""
        self._number = 0
        self._stale = self._looking = False

    @property
    def desk(self) -> StaffDesk:
        """The library, for whoever works here."""
        return StaffDesk.of(self.counter)

    # To be overridden

    def fill(self, marked: str) -> None:
        """List the page; the member of that number stays or becomes the marked one."""

    # -- the list

    def look(self, wanted: str | None = None, page: int | None = None) -> None:
        """Read the list again, behind the keys: the last wish counts."""
        if wanted is not None and wanted != self.wanted:
            self.wanted, self._number = wanted, 0
        if page is not None:
            self._number = max(0, page)
        self._stale = True
        if not self._looking:
            self._looking = True
            self.run_worker(self._look(), name="staff")

    async def _look(self) -> None:
        try:
            while self._stale:
                self._stale = False
                await self.reload()
        except CounterError as error:
            self.report(error)
        finally:
            self._looking = False

    async def reload(self, marked: str = "") -> None:
        """Read the page that is wanted now."""
        found = await self.counter.in_thread(partial(self.desk.listed, self.wanted, self._number))
        if not found.members and found.number:
            self._number = 0
            found = await self.counter.in_thread(partial(self.desk.listed, self.wanted, 0))
        self.page = found
        self.fill(marked)

    # -- people

    async def add(self) -> None:
        """Somebody new."""
        desk = self.desk

        def enter(typed: Typed) -> NewPin:
            return desk.add(typed["number"], typed["name"], typed["role"], typed["stations"])

        roles = ", ".join(_(role) for role in desk.roles)
        made = await self.counter.ask(Form(_("Somebody new"), [
            Field("number", _("Staff number"), missing=_("Type a number.")),
            Field("name", _("Name"), missing=_("Type the name.")),
            Field("stations", _("Stations"), placeholder=_("empty: every station")),
            Field("role", _("Role"), placeholder=roles, missing=_("Type a role.")),
        ], enter, note=_("Stations by their codes, such as YK GMR; Tab goes there.")))  # fmt: skip
        if made is not None:
            await self._tell_pin(made)
            self.say(_("{who} is entered.", who=_who(made.member)))

    async def _tell_pin(self, made: NewPin) -> None:
        await self.counter.ask(NewPinDialog(made))
        await self.reload(made.member.number)

    async def change(self, member: Member) -> None:
        """Another name or role."""
        desk = self.desk

        def write(typed: Typed) -> Member:
            return desk.change(member, typed["name"], typed["role"])

        done = await self.counter.ask(Form(_("Change {who}", who=_who(member)), [
            Field("name", _("Name"), value=member.name, missing=_("Type the name.")),
            Field("role", _("Role"), value=_(member.role), missing=_("Type a role.")),
        ], write, note=_("Another role signs that person off.")))  # fmt: skip
        await self._changed(done)

    async def _changed(self, done: Member | None) -> None:
        if done is not None:
            await self.reload(done.number)
            self.say(_("{who} is changed.", who=_who(done)))

    async def stations(self, member: Member) -> None:
        """Where somebody may work."""
        desk = self.desk

        def write(typed: Typed) -> Member:
            return desk.set_stations(member, typed["stations"])

        field = Field("stations", _("Stations"), value=" ".join(member.stations), placeholder=_("empty: every station"))
        title = _("Where does {who} work?", who=_who(member))
        await self._changed(await self.counter.ask(Form(title, [field], write)))

    async def unlock(self, member: Member) -> None:
        """Forget the wrong PINs."""
        done = await self.counter.in_thread(partial(self.desk.unlock, member))
        await self.reload(done.number)
        self.say(_("{who} can try again.", who=_who(done)))

    async def new_pin(self, member: Member) -> None:
        """A new PIN, after asking: the old one is gone then."""
        sentence = _("Give {who} a new PIN? The old one is gone then, and every session ends.", who=_who(member))
        if await self.counter.ask(Question(sentence, yes=_("new PIN"), no=_("leave it"))):
            await self._tell_pin(await self.counter.in_thread(partial(self.desk.reset_pin, member)))
            self.say(_("{who} has a new PIN.", who=_who(member)))

    async def sign_off(self, member: Member) -> None:
        """End somebody's sessions, and why."""
        desk = self.desk

        def end(typed: Typed) -> int:
            return desk.sign_off(member, typed["reason"])

        reason = Field("reason", _("Reason"), missing=_("Say why; it goes on record."))
        ended = await self.counter.ask(Form(_("Sign {who} off everywhere?", who=_who(member)), [reason], end))
        if ended is not None:
            await self.reload(member.number)
            self.say(counted("{n} session was ended.", "{n} sessions were ended.", ended))

    async def switch(self, member: Member) -> None:
        """Off after asking, on at once."""
        sentence = _("Let {who} sign in no more? Every session ends.", who=_who(member))
        if member.is_active and not await self.counter.ask(Question(sentence, yes=_("switch off"), no=_("leave it"))):
            return
        done = await self.counter.in_thread(partial(self.desk.switch, member))
        await self.reload(done.number)
        active = _("{who} can sign in again.", who=_who(done))
        self.say(active if done.is_active else _("{who} is not active any more.", who=_who(done)))


def _who(member: Member) -> str:
    return f"{member.number} {member.name}"
