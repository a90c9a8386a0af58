"""A sale from hold to ticket, on a real database."""

from __future__ import annotations

from uuid_utils.compat import uuid7

from core import booking, sale
from core.booking import HoldRequest
from core.database import Actor
from core.office import Office
from core.ops import integrity
from core.passengers import PassengerInput
from core.payments import Tender
from core.search import Offer


def test_a_sale_holds_pays_and_issues(office: Office, clerk: Actor, taksaka: Offer) -> None:
    held = booking.hold(office, clerk, HoldRequest(taksaka.journey.schedule_id, "EKS", "YK", "GMR", 1))
    done = sale.confirm(
        office, clerk, held.booking_id, [PassengerInput("Budi", "3171010101900001")], Tender("cash", held.total + 500),
        key=uuid7(),
    )  # fmt: skip
    assert done.status == "confirmed"
    assert done.change == 500
    assert done.tickets[0].seat == held.seats[0]
    assert sale.find(office, held.booking_id).tickets == done.tickets
    assert all(check.ok for check in integrity.verify(office))
