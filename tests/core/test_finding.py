"""Finding a booking by whatever the customer has, a page at a time, on record."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core import booking, finding, sale
from core.database import NOBODY
from core.errors import CounterError, NotSignedIn, UsageError
from core.finding import Wanted, understood
from core.passengers import PassengerInput
from core.payments import Tender
from tests.core.conftest import Desk
from tests.core.refunding import IDENTITY, Refunder, somebody


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("abx4k7q", Wanted(number="abx4k7q")),
        (" ABX4K7Q ", Wanted(number="ABX4K7Q")),
        ("000001000001", Wanted(ticket="000001000001")),
        ("1000001", Wanted(ticket="1000001")),
        ("3171010101900001", Wanted(identity="3171010101900001")),
        ("3171 0101 0190 0001", Wanted(identity="3171010101900001")),
        ("A12345678", Wanted(identity="A12345678")),
        ("0812 3456 7890", Wanted(phone="0812 3456 7890")),
        ("+62 812 3456 7890", Wanted(phone="+62 812 3456 7890")),
        ("K" * 140, Wanted(code="K" * 140)),
    ],
)
def test_a_word_is_understood(text: str, wanted: Wanted) -> None:
    assert understood(text) == wanted


@pytest.mark.parametrize("text", ["", "budi", "Budi Santoso", "…"])
def test_a_word_that_is_nothing_of_the_kind(text: str) -> None:
    with pytest.raises(UsageError):
        understood(text)


def numbers(desk: Desk, wanted: Wanted) -> list[str]:
    return [one.number for one in finding.find(desk.office, desk.clerk, wanted).bookings]


def test_found_by_whatever_there_is(desk: Desk) -> None:
    sold, other = desk.sell(2, infants=1), desk.sell(1, first=3)
    ticket = sold.tickets[0]
    assert numbers(desk, Wanted(number=sold.booking_number.lower())) == [sold.booking_number]
    assert numbers(desk, Wanted(ticket=ticket.number)) == [sold.booking_number]
    assert numbers(desk, Wanted(ticket=str(ticket.serial))) == [sold.booking_number]
    assert numbers(desk, Wanted(code=f" {ticket.code.lower()}\n")) == [sold.booking_number]
    assert numbers(desk, Wanted(identity="3171010101900003")) == [other.booking_number]
    assert numbers(desk, Wanted(identity="3171010101900009")) == []
    assert numbers(desk, Wanted(number="NOSUCH2")) == []
    assert numbers(desk, Wanted(ticket="999999999999")) == []
    assert numbers(desk, Wanted(code="K" * 140)) == []
    phone = desk.office.keys.digest("+6281234567890")
    desk.owner(
        "UPDATE bookings SET contact_phone = 'x', contact_phone_digest = :digest WHERE id = :id",
        digest=phone, id=other.booking_id,
    )  # fmt: skip
    assert numbers(desk, Wanted(phone="0812-3456-7890")) == [other.booking_number]
    (found,) = finding.find(desk.office, desk.clerk, Wanted(number=sold.booking_number)).bookings
    assert (found.passengers, found.tickets, found.live, found.train) == (
        ("PENUMPANG 1", "PENUMPANG 2", "BAYI 1"), 3, 3, "43",
    )  # fmt: skip


def test_found_by_name_on_a_train_of_a_day(desk: Desk) -> None:
    sold = desk.sell(2)
    here = {"train": "43", "day": desk.day}
    assert numbers(desk, Wanted(name="penumpang", **here)) == [sold.booking_number]
    assert numbers(desk, Wanted(name=" Penumpang  2", **here)) == [sold.booking_number]
    assert numbers(desk, Wanted(name="numpang", **here)) == []
    assert numbers(desk, Wanted(name="penumpang%", **here)) == []
    assert numbers(desk, Wanted(name="penumpang", train="43", day=desk.day + timedelta(days=1))) == []
    for half in (Wanted(name="penumpang"), Wanted(name="penumpang", train="43"), Wanted(), Wanted("A", "1")):
        with pytest.raises(UsageError):
            numbers(desk, half)
    with pytest.raises(CounterError):
        numbers(desk, Wanted(name="penumpang", train="999", day=desk.day))


def test_a_train_after_midnight_is_found_by_the_day_it_is_boarded(desk: Desk) -> None:
    trip = booking.hold(desk.office, desk.clerk, desk.request(train="60", origin="MN", destination="SGU"))
    sold = sale.confirm(
        desk.office, desk.clerk, trip.booking_id, [PassengerInput("Budi", IDENTITY)], Tender("cash"),
        key=trip.booking_id,
    )  # fmt: skip
    boarded, service = trip.journey.day, trip.journey.service_date
    assert boarded == service + timedelta(days=1)
    for day in (boarded, service):
        assert numbers(desk, Wanted(name="budi", train="60", day=day)) == [sold.booking_number]
    assert numbers(desk, Wanted(name="budi", train="60", day=boarded + timedelta(days=1))) == []


def test_pages_by_key(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "PAGE", 2)
    sold = [desk.sell(1).booking_number for _ in range(5)]
    seen: list[str] = []
    after = None
    for size in (2, 2, 1):
        page = finding.find(desk.office, desk.clerk, Wanted(identity=IDENTITY), after=after)
        assert len(page.bookings) == size
        seen += [one.number for one in page.bookings]
        after = page.next
    assert (seen, after) == (sold[::-1], None)


def test_who_looked_for_whom_is_on_record(desk: Desk) -> None:
    sold = desk.sell(1)
    numbers(desk, Wanted(identity=IDENTITY))
    (row,) = desk.owner("SELECT * FROM audit_logs WHERE action = 'view' AND entity_id = :id", id=str(sold.booking_id))
    assert row.new_values["person"].startswith("identity ")
    assert IDENTITY not in str(row.new_values)
    with pytest.raises(NotSignedIn):
        finding.find(desk.office, NOBODY, Wanted(number="ABX4K7Q"))


def test_what_is_left_of_a_cancelled_booking_is_shown(desk: Desk) -> None:
    sold = desk.sell(2)
    Refunder(desk, somebody(desk, "3001")).cancel(sold, sold.tickets[0].number)
    (found,) = finding.find(desk.office, desk.clerk, Wanted(number=sold.booking_number)).bookings
    assert (found.tickets, found.live) == (2, 1)
