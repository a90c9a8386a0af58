"""What the staff screen asks of the library: blocking calls for ``CounterApp.in_thread``.

What belongs here: which services a step needs, and how what was typed is read. No widget, no decision about staff.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core import staff_register as register
from core.database import Actor
from core.errors import DatabaseUnreachable, UsageError
from core.staff_list import Member, Page
from core.staff_register import NewPin
from counter.i18n import _
from counter.session import Workplace

if TYPE_CHECKING:
    from counter.app import CounterApp


@dataclass(frozen=True)
class StaffDesk:
    """One supervisor at one terminal. Every method blocks and raises ``CounterError``s, unless it says otherwise."""

    place: Workplace
    actor: Actor

    @classmethod
    def of(cls, app: CounterApp) -> StaffDesk:
        """For whoever works at this application.

        Raises:
            DatabaseUnreachable: the workplace is not open.
        """
        if app.workplace is None or app.actor is None:
            raise DatabaseUnreachable("The database does not answer.", hint="What was typed is kept; try again.")
        return cls(app.workplace, app.actor)

    @property
    def roles(self) -> Sequence[str]:
        """The kinds of staff this supervisor looks after; asks nothing."""
        return register.manageable(self.actor)

    def may_manage(self, member: Member) -> bool:
        """Whether this supervisor looks after somebody; asks nothing."""
        return register.may_manage(self.actor, member)

    def listed(self, wanted: str, page: int) -> Page:
        """A page of the staff."""
        return register.listed(self.place.office, self.actor, wanted, page=page)

    def add(self, number: str, name: str, role: str, stations: str) -> NewPin:
        """Enter somebody."""
        return register.add(self.place.office, self.actor, number, name, role_of(role), stations.split())

    def change(self, member: Member, name: str, role: str) -> Member:
        """Another name or role."""
        return register.change(self.place.office, self.actor, member.number, {"name": name, "role": role_of(role)})

    def set_stations(self, member: Member, stations: str) -> Member:
        """Where somebody may work; no word at all means everywhere."""
        return register.set_stations(self.place.office, self.actor, member.number, stations.split())

    def unlock(self, member: Member) -> Member:
        """Forget the wrong PINs."""
        return register.unlock(self.place.office, self.actor, member.number)

    def reset_pin(self, member: Member) -> NewPin:
        """A new PIN."""
        return register.reset_pin(self.place.office, self.actor, member.number)

    def switch(self, member: Member) -> Member:
        """Off, or on again."""
        switch = register.deactivate if member.is_active else register.activate
        return switch(self.place.office, self.actor, member.number)

    def sign_off(self, member: Member, reason: str) -> int:
        """End somebody's sessions."""
        return register.sign_off(self.place.office, self.actor, member.number, reason)


def role_of(typed: str) -> str:
    """A role by the beginning of its name, in English or in the language of the screen.

    Raises:
        UsageError: none begins like that (``staff_invalid``).
    """
    word = " ".join(typed.casefold().split())
    fitting = [role for role in register.ROLES if role.startswith(word) or _(role).casefold().startswith(word)]
    exact = [role for role in fitting if word in (role, _(role).casefold())]
    if word and len(exact or fitting) == 1:
        return (exact or fitting)[0]
    roles = ", ".join(_(role) for role in register.ROLES)
    raise UsageError(_("This is no role."), code="staff_invalid", hint=_("Type one of: {roles}.", roles=roles))
