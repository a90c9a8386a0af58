"""What the screens ask of the library about service requests, notices and fines: blocking calls for ``in_thread``.

What belongs here: which services a step needs, in which order. No widget, no decision of the railway.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from uuid_utils.compat import uuid7

from core import escalations, fine_settling, fines, notices, service_requests
from core.database import Actor
from core.errors import DatabaseUnreachable
from core.fines import Fine, FineOrder
from core.notices import Notice
from core.payments import Tender
from core.permissions import allowed
from core.service_requests import ServiceRequest, Wanted
from counter.printing import kick_drawer, print_report
from counter.session import Workplace
from counter.widgets.money_input import parse_money

if TYPE_CHECKING:
    from counter.app import CounterApp


@dataclass(frozen=True)
class ServiceDesk:
    """One person at one terminal. Every method blocks and raises ``CounterError``s."""

    place: Workplace
    actor: Actor

    @classmethod
    def of(cls, app: CounterApp) -> ServiceDesk:
        """For whoever works at this application.

        Raises:
            DatabaseUnreachable: the workplace is not open.
        """
        if app.workplace is None or app.actor is None:
            raise DatabaseUnreachable("The database does not answer.", hint="What was typed is kept; try again.")
        return cls(app.workplace, app.actor)

    def queue(self) -> list[ServiceRequest]:
        """Who waits; empty for those who answer no requests."""
        if not allowed(self.actor, "handle_requests"):
            return []
        return service_requests.listed(self.place.office, self.actor)

    def open(self, typed: Mapping[str, str]) -> ServiceRequest:
        """Enter a request as a form has it."""
        wanted = Wanted(
            kind=typed["kind"].strip().lower().replace(" ", "_"),
            customer=typed["customer"],
            note=typed["note"],
            phone=typed["phone"],
            priority=typed["priority"].strip().lower() or "normal",
            staff=typed["staff"].strip() or None,
        )
        return service_requests.open_request(self.place.office, self.actor, wanted)

    def take(self, number: int) -> ServiceRequest:
        """Begin with a request."""
        return service_requests.take(self.place.office, self.actor, number)

    def assign(self, number: int, staff: str) -> ServiceRequest:
        """Give it to somebody."""
        return service_requests.assign(self.place.office, self.actor, number, staff)

    def resolve(self, number: int, note: str) -> ServiceRequest:
        """End it with what was done."""
        return service_requests.resolve(self.place.office, self.actor, number, note)

    def cancel(self, number: int, reason: str) -> ServiceRequest:
        """End it unanswered."""
        return service_requests.cancel(self.place.office, self.actor, number, reason)

    def escalate(self, number: int, reason: str) -> ServiceRequest:
        """Tell the supervisors of it."""
        return escalations.escalate(self.place.office, self.actor, number, reason)[0]

    # -- notices ----

    def notices(self) -> list[Notice]:
        """What is unread, newest first."""
        return notices.listed(self.place.office, self.actor)

    def mark_read(self, ids: Sequence[UUID]) -> list[Notice]:
        """Mark some as read; returns what is still unread."""
        notices.mark_read(self.place.office, self.actor, ids)
        return self.notices()

    def look_after(self) -> int:
        """Escalate what is late, where this person's work may; how many notices are unread."""
        if allowed(self.actor, "handle_requests"):
            escalations.escalate_due(self.place.office)
        return notices.count_unread(self.place.office, self.actor)

    # -- fines ----

    def fine(self, typed: Mapping[str, str]) -> Fine:
        """Write a fine as a form has it."""
        order = FineOrder(
            name=typed["name"],
            identity=typed["identity"],
            ticket=typed["ticket"].strip() or None,
            train=typed["train"].strip() or None,
            origin=typed["origin"].strip() or None,
            destination=typed["destination"].strip() or None,
            note=typed["note"],
        )
        return fines.issue(self.place.office, self.actor, order)

    def find_fine(self, number: str) -> Fine:
        """A fine by the number that was typed."""
        return fines.find(self.place.office, self.actor, int(number) if number.strip().isdigit() else 0)

    def pay_fine(self, fine: Fine, typed: Mapping[str, str]) -> Fine:
        """Take the money for a fine and print its receipt."""
        method = typed["method"].strip().lower().replace(" ", "_")
        cash = method == "cash"
        tendered = parse_money(typed["tendered"]) if cash and typed["tendered"].strip() else None
        tender = Tender(method, tendered, None if cash else typed["reference"].strip() or None)
        done = fine_settling.pay(
            self.place.office, self.actor, fine.number, tender, key=uuid7(), printer=self.place.printer_kind
        )
        if cash:
            kick_drawer(self.place)
        if done.job_id is not None:
            print_report(self.place, self.actor, done.job_id)
        return done.fine
