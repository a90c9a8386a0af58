"""What the bookings screen asks of the library: blocking calls for ``CounterApp.in_thread``.

What belongs here: which services a step needs, and how what was typed is read. No widget, no decision of the railway.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from core import finding, lookup, payouts, refunds
from core.approvals import Approval
from core.clock import local
from core.days import parse_day
from core.errors import DatabaseUnreachable
from core.finding import Page, Wanted
from core.lookup import BookingFile
from core.payments import METHODS
from core.payments.qris_sale import QrisDesk
from core.payments.reconciliation import send_back
from core.payouts import Payout, WaitingRefund
from core.refund_ways import CASH
from core.refunds import Cancellation, Cancelled, Quoted
from counter.printing import kick_drawer
from counter.shift_desk import ShiftDesk

if TYPE_CHECKING:
    from counter.app import CounterApp

_NAME_TRAIN_DAY = 3


@dataclass(frozen=True)
class BookingsDesk(ShiftDesk):
    """One person at one terminal. Every method blocks and raises ``CounterError``s."""

    @classmethod
    def of(cls, app: CounterApp) -> BookingsDesk:
        """As ``ShiftDesk.of``."""
        if app.workplace is None or app.actor is None:
            raise DatabaseUnreachable("The database does not answer.", hint="What was typed is kept; try again.")
        return cls(app.workplace, app.actor)

    def find(self, typed: str, after: UUID | None = None) -> Page:
        """Bookings that fit: a number, a ticket, a scan, an identity, a phone, or ``name train day``."""
        return finding.find(self.place.office, self.actor, self._wanted(typed), after=after)

    def _wanted(self, typed: str) -> Wanted:
        words = typed.split()
        if len(words) >= _NAME_TRAIN_DAY and words[0][0].isalpha():
            today = self.place.office.database.transaction(lambda tx: local(tx.now, self.place.time_zone).date())
            return Wanted(name=" ".join(words[:-2]), train=words[-2], day=parse_day(words[-1], today))
        return finding.understood(typed)

    def file(self, number: str) -> BookingFile:
        """Everything about a booking."""
        return lookup.booking(self.place.office, self.actor, number)

    def quote(self, asked: Cancellation) -> Quoted:
        """What cancelling comes to; nothing is changed."""
        return refunds.quote(self.place.office, self.actor, asked)

    def request_refund(self, asked: Cancellation, identity: str, reason: str) -> Approval:
        """Ask for it."""
        return refunds.request(self.place.office, self.actor, asked, identity, reason)

    def carry_out(self, approval: Approval) -> Cancelled:
        """Do what was approved."""
        return refunds.carry_out(self.place.office, self.actor, approval)

    def owed(self, number: str) -> list[WaitingRefund]:
        """What of a booking waits to be paid out."""
        states = ("initiated", "processing", "failed")
        found = payouts.waiting(self.place.office, self.actor, number)
        return [one for one in found if one.row.refund_status in states]

    def pay_out(self, refund: WaitingRefund, how: Payout) -> WaitingRefund:
        """Pay one out, and open the drawer for cash; the gateway pays QRIS."""
        if METHODS[refund.row.refund_method].asynchronous and how.method is None:
            payouts.require_payable(refund.row, "", by_gateway=True)
            gateway = QrisDesk.open(self.place.office, self.actor)
            try:
                send_back(gateway, refund.row.id)
            finally:
                gateway.close()
            return payouts.find(self.place.office, self.actor, refund.reference)
        paid = payouts.pay(self.place.office, self.actor, refund.reference, how)
        if paid.row.refund_method == CASH:
            kick_drawer(self.place)
        return paid
