"""What the dialogs for changing a ticket ask of the library: blocking calls for ``CounterApp.in_thread``.

What belongs here: from what was typed to a change with its quote, and carrying it out. No widget, no rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from uuid_utils.compat import uuid7

from core import corrections, print_journal, reissue, reschedules
from core.approvals import Wish
from core.clock import local
from core.corrections import Wanted
from core.days import parse_day
from core.errors import DatabaseUnreachable
from core.money import grouped
from core.payments import Tender, find
from core.reschedules import Order
from core.tickets import TicketRecord, shown_state
from counter.i18n import _, clock_time, day_in_words
from counter.printing import kick_drawer, print_job, print_queued
from counter.screens.bookings_desk import BookingsDesk
from counter.widgets.money_input import parse_money

if TYPE_CHECKING:
    from counter.app import CounterApp

Said = Mapping[str, str]


@dataclass(frozen=True)
class Done:
    """What came of a change: the ticket in force, its print, and the money."""

    ticket: str
    print_state: str
    paid: int = 0
    change: int = 0


@dataclass(frozen=True)
class Draft:
    """A change as it was quoted. ``wish`` is what a supervisor has to allow, or None; ``due`` in minor units."""

    note: str
    due: int
    wish: Wish | None
    why: str
    carry_out: Callable[[Tender | None, UUID | None], Done]


@dataclass(frozen=True)
class ChangesDesk(BookingsDesk):
    """One person at one terminal. Every method blocks and raises ``CounterError``s."""

    @classmethod
    def of(cls, app: CounterApp) -> ChangesDesk:
        """As ``ShiftDesk.of``."""
        if app.workplace is None or app.actor is None:
            raise DatabaseUnreachable("The database does not answer.", hint="What was typed is kept; try again.")
        return cls(app.workplace, app.actor)

    def move(self, ticket: TicketRecord, said: Said) -> Draft:
        """To another train, day or class."""
        zone = ticket.journey.origin.time_zone
        today = self.place.office.database.transaction(lambda tx: local(tx.now, zone).date())
        day = parse_day(said["day"], today)
        trip = reschedules.journey_for(self.place.office, self.actor, ticket.number, said["train"], day)
        order = Order(
            ticket.number, trip.schedule_id, trip.origin.code, trip.destination.code,
            said["class"].strip() or None, said["seat"].strip() or None,
        )  # fmt: skip
        return self._draft(order, said["identity"])

    def upgrade(self, ticket: TicketRecord, said: Said) -> Draft:
        """To a dearer class of the same train."""
        seat = said["seat"].strip() or None
        order = reschedules.upgrade_order(self.place.office, self.actor, ticket.number, said["class"], seat=seat)
        return self._draft(order, said["identity"])

    def _draft(self, order: Order, identity: str) -> Draft:
        plan = reschedules.quote(self.place.office, self.actor, order, identity)
        trip, main, key = plan.wanted.journey, plan.moves[0], uuid7()
        seat = main.seat.label if main.seat else _("on a lap")
        lines = [
            f"{trip.train.number} {trip.train.name}  {day_in_words(trip.day)} {clock_time(trip.departs_at)}  {seat}",
            _("Fare {old}, new fare {new}", old=grouped(main.cost.old_fare), new=grouped(main.cost.new_fare)),
            _("Difference {difference}, fee {fee}", difference=grouped(plan.difference), fee=grouped(plan.fee)),
            *plan.notes,
        ]

        def carry_out(tender: Tender | None, approval: UUID | None) -> Done:
            done = reschedules.carry_out(
                self.place.office, self.actor, order, identity, tender, key=key, approval_id=approval,
                printer=self.place.printer_kind,
            )  # fmt: skip
            state = self._printed(tender, *(one.serial for one, _old in done.tickets))
            return Done(done.tickets[0][0].number, state, done.paid, done.change)

        wish = None if plan.verdict.within_policy else plan.wish(order)
        return Draft("\n".join(lines), plan.due, wish, plan.why_outside if wish else "", carry_out)

    def correct(self, ticket: TicketRecord, said: Said) -> Draft:
        """Name or identity."""
        wanted = Wanted(
            ticket.number, said["name"].strip() or None, said["identity"].strip() or None,
            said["holder"].strip() or None,
        )  # fmt: skip
        plan, key = corrections.quote(self.place.office, self.actor, wanted), uuid7()

        def carry_out(tender: Tender | None, approval: UUID | None) -> Done:
            done = corrections.carry_out(
                self.place.office, self.actor, wanted, tender, key=key, approval_id=approval,
                printer=self.place.printer_kind,
            )  # fmt: skip
            return Done(done.ticket.number, self._printed(tender, done.ticket.serial), done.paid, done.change)

        note = "\n".join((f"{plan.before.name} → {plan.details.name}", *(one.message for one in plan.details.findings)))
        return Draft(
            note, plan.fee, plan.wish() if plan.outside else None, plan.why_outside() if plan.outside else "", carry_out
        )

    def lost(self, ticket: TicketRecord, said: Said) -> Draft:
        """The ticket once more, as a duplicate."""
        quoted, key = reissue.duplicate_quote(self.place.office, self.actor, ticket.number, said["identity"]), uuid7()

        def carry_out(tender: Tender | None, approval: UUID | None) -> Done:
            done = reissue.duplicate(
                self.place.office, self.actor, ticket.number, said["identity"], said["reason"], tender, key=key,
                approval_id=approval, printer=self.place.printer_kind,
            )  # fmt: skip
            return Done(done.ticket.number, self._printed(tender, done.ticket.serial), done.paid, done.change)

        note = _("{name}: the lost ticket opens no gate any more.", name=ticket.passenger_name)
        why = _("This ticket was issued anew {n} times already.", n=quoted.before)
        return Draft(note, quoted.fee, None if quoted.within_policy else quoted.wish, why, carry_out)

    def spoilt(self, ticket: TicketRecord, said: Said) -> Done:
        """The print once more."""
        done = reissue.spoilt(
            self.place.office, self.actor, ticket.number, said["reason"], self.place.printer_kind, key=uuid7(),
            blank=said["blank"].strip() or None,
        )  # fmt: skip
        job = print_journal.find(self.place.office, done.job_id)
        assert job is not None, "it was queued a moment ago"
        state = print_job(self.place, self.actor, job) if job.state == "queued" else shown_state(job.state)
        return Done(done.ticket_number, state)

    def tender(self, said: Said) -> Tender:
        """How something is paid, as it was typed; nothing is cash.

        Raises:
            Refused: there is no such method (code ``method_not_taken``).
            UsageError: an amount that is none.
        """
        method = find("_".join(said["method"].lower().split()) or "cash")
        tendered = parse_money(said["tendered"]) if said["tendered"].strip() else None
        return Tender(method.code, tendered, said["reference"].strip() or None)

    def finish(self, draft: Draft, approval: UUID | None, said: Said) -> Done:
        """Take the money and do it."""
        return draft.carry_out(self.tender(said) if draft.due else None, approval)

    def print_only(self, draft: Draft, approval: UUID | None) -> Done:
        """Do it; nothing is to be paid."""
        return draft.carry_out(None, approval)

    def _printed(self, tender: Tender | None, *serials: int) -> str:
        if tender is not None and tender.method == "cash":
            kick_drawer(self.place)
        states = print_queued(self.place, self.actor, serials)
        return states.get(serials[0], "off")
