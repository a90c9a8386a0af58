"""What the policies screen asks of the library: blocking calls for ``CounterApp.in_thread``.

What belongs here: which services a step needs, and how what was typed is read. No widget, no decision about policies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core import policy_register as register
from core.database import Actor
from core.errors import DatabaseUnreachable
from core.policy_values import Entered, InForce, Place, parse_value
from counter.session import Workplace

if TYPE_CHECKING:
    from counter.app import CounterApp


@dataclass(frozen=True)
class PolicyDesk:
    """One supervisor at one terminal. Every method blocks and raises ``CounterError``s."""

    place: Workplace
    actor: Actor

    @classmethod
    def of(cls, app: CounterApp) -> PolicyDesk:
        """For whoever works at this application.

        Raises:
            DatabaseUnreachable: the workplace is not open.
        """
        if app.workplace is None or app.actor is None:
            raise DatabaseUnreachable("The database does not answer.", hint="What was typed is kept; try again.")
        return cls(app.workplace, app.actor)

    def listed(self, where: Place) -> list[InForce]:
        """Every policy as it holds at a place."""
        return register.listed(self.place.office, self.actor, where)

    def place_of(self, station: str, train: str) -> Place:
        """A place by codes; an empty one does not matter."""
        return register.place_of(self.place.office, station=station.strip() or None, train=train.strip() or None)

    def set_value(self, seen: InForce, written: str, where: Place) -> InForce:
        """Let what was typed hold at a place, unless somebody else has changed it since it was read."""
        value = parse_value(seen.policy, written)
        return register.set_value(
            self.place.office, self.actor, seen.policy.name, value, where, seen=_row_at(seen, where)
        )

    def withdraw(self, seen: InForce, where: Place) -> InForce:
        """Take away what stands at exactly this place."""
        return register.withdraw(self.place.office, self.actor, seen.policy.name, where, seen=_row_at(seen, where))

    def history(self, name: str) -> list[Entered]:
        """Everything that ever stood for a policy."""
        return register.history(self.place.office, self.actor, name)


def _row_at(seen: InForce, where: Place) -> int:
    standing = seen.at(where)
    return 0 if standing is None else standing.id
