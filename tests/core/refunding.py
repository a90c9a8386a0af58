"""What the tests of refunds share: somebody who approves, and the way from a booking to its money."""

from __future__ import annotations

from dataclasses import dataclass

from core import approvals, payouts, refunds, staff, terminals
from core.approvals import Approval
from core.closing import Sale
from core.database import Actor
from core.payouts import Payout, WaitingRefund
from core.refunds import Cancellation, Cancelled
from tests.conftest import PIN
from tests.core.conftest import Desk

#: The first of ``Desk.people``.
IDENTITY = "3171010101900001"
TRANSFER = Payout(reference="TRX-1", account="BCA 1234567890 PENUMPANG SATU")


def somebody(desk: Desk, number: str, terminal: str = "DESK-2") -> Actor:
    """Somebody else, signed in at another terminal."""
    at = terminals.register(desk.office, terminal, station="YK")
    return staff.sign_in(desk.office, at, number, PIN, program="test").actor


@dataclass
class Refunder:
    """A desk with a supervisor across the hall."""

    desk: Desk
    supervisor: Actor

    def ask(self, sold: Sale | str, *tickets: str, identity: str = IDENTITY, **more: object) -> Approval:
        number = sold if isinstance(sold, str) else sold.booking_number
        wanted = Cancellation(number, tickets or None, **more)  # type: ignore[arg-type]
        return refunds.request(self.desk.office, self.desk.clerk, wanted, identity, "does not travel")

    def approve(self, asked: Approval) -> Approval:
        return approvals.decide(self.desk.office, self.supervisor, asked.id, approve=True)

    def cancel(self, sold: Sale | str, *tickets: str, **more: object) -> Cancelled:
        """Asked, approved and carried out."""
        return refunds.carry_out(self.desk.office, self.desk.clerk, self.approve(self.ask(sold, *tickets, **more)))

    def pay(self, reference: str, how: Payout = TRANSFER) -> WaitingRefund:
        return payouts.pay(self.desk.office, self.desk.clerk, reference, how)

    def ledger(self, sold: Sale) -> tuple[int, int, int]:
        """Paid, refunded, charged."""
        key = {"id": sold.booking_id}
        paid = "SELECT coalesce(sum(amount), 0) FROM payments WHERE booking_id = :id AND payment_status IN"
        back = (
            "SELECT coalesce(sum(r.refund_amount), 0) FROM refunds r JOIN payments p ON p.id = r.payment_id"
            " WHERE p.booking_id = :id AND r.refund_status = 'completed'"
        )
        return (
            int(self.desk.value(f"{paid} ('completed', 'refunded')", **key)),
            int(self.desk.value(back, **key)),
            int(self.desk.value("SELECT sum(amount) FROM booking_charges WHERE booking_id = :id", **key)),
        )

    def tickets(self, sold: Sale) -> list[str]:
        rows = self.desk.owner("SELECT * FROM tickets WHERE booking_id = :id ORDER BY id", id=sold.booking_id)
        return [row.ticket_status for row in rows]
