"""A sale from hold to ticket: money, passengers, what is put on record, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from uuid_utils.compat import uuid7

from core import booking, party, policy, sale
from core.booking import HoldRequest
from core.database import NOBODY, Actor
from core.errors import CounterError, NotPermitted, NotSignedIn, Refused, StateConflict, UsageError
from core.identity import PassengerType
from core.office import Office
from core.ops import integrity
from core.passengers import PassengerInput
from core.payments import Tender
from core.sale import Sale
from core.search import Offer
from core.ticket_code import decode

if TYPE_CHECKING:
    from tests.core.conftest import Desk

SUBSIDISED = {"train": "281", "class_code": "EKO", "origin": "ML", "destination": "PSE"}


def refused(error: type[CounterError], code: str, work: Callable[[], object]) -> CounterError:
    """What ``work`` is refused with."""
    with pytest.raises(error) as caught:
        work()
    assert caught.value.reason == code
    return caught.value


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


# What is put on record


def test_everything_of_a_sale_stands_together(desk: Desk) -> None:
    done = desk.sell(3, infants=1, printer="file")
    assert (done.total_amount, done.final_amount, done.paid) == (1_357_500, 1_357_500, 1_357_500)
    assert [ticket.print_state for ticket in done.tickets] == ["queued"] * 4
    counted = {
        table: desk.count(table)
        for table in ("passengers", "tickets", "booking_charges", "payments", "print_jobs", "seat_holds")
    }
    assert counted == {
        "passengers": 4, "tickets": 4, "booking_charges": 4, "payments": 1, "print_jobs": 4, "seat_holds": 0,
    }  # fmt: skip
    kinds = desk.owner("SELECT charge_kind, sum(amount) FROM booking_charges GROUP BY 1 ORDER BY 1")
    assert [tuple(row) for row in kinds] == [("fare", 1_350_000), ("fee", 7_500)]
    trail = desk.owner("SELECT user_id, terminal_id, correlation_id FROM audit_logs WHERE entity_type = 'bookings'")
    assert {(row.user_id, row.terminal_id) for row in trail} == {(desk.clerk.user_id, desk.clerk.terminal_id)}
    assert desk.value("SELECT count(*) FROM domain_events WHERE event_type = 'booking.confirmed'") == 1
    desk.require_sound()


def test_nobody_finds_an_identity_in_the_database(desk: Desk) -> None:
    """Not in any column of any table, in no encoding a dump would show."""
    number = desk.people()[0].identity
    desk.sell()
    tables = [
        row.relname for row in desk.owner("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 2200")
    ]
    for table in tables:
        found = desk.value(
            f'SELECT count(*) FROM "{table}" t WHERE t::text LIKE :plain OR t::text LIKE :hex',
            plain=f"%{number}%",
            hex=f"%{number.encode().hex()}%",
        )
        assert found == 0, table
    row = desk.owner("SELECT * FROM passengers")[0]
    stored = desk.office.database.transaction(lambda tx: party.stored(tx, desk.office, row.booking_id))
    assert stored[0].identity == number
    assert (bytes(row.identity_digest), row.identity_last_four) == (desk.office.keys.digest(number), number[-4:])


def test_tickets_say_what_their_codes_say(desk: Desk) -> None:
    done = desk.sell(2, infants=1, origin="CN")
    for ticket in done.tickets:
        said = decode(ticket.code, issuer="KAI", public_keys=desk.office.public_keys).payload
        assert said is not None
        assert (said.ticket_serial, said.schedule_id) == (ticket.serial, ticket.journey.schedule_id)
        assert (said.from_stop, said.to_stop, said.issue_no) == (3, 4, 1)
        seat = (ticket.seat.coach.number, ticket.seat.index) if ticket.seat else (0, 0)
        assert (said.coach, said.seat) == seat
    assert [ticket.fare for ticket in done.tickets][2] == 0
    assert len({ticket.number for ticket in done.tickets}) == 3


def test_a_sale_that_is_looked_up_is_the_sale_that_was_made(desk: Desk) -> None:
    held = desk.hold(2, infants=1)
    done = sale.confirm(
        desk.office, desk.clerk, held.booking_id, desk.people(2, infants=1), Tender("cash", 2_000_000),
        key=uuid7(), printer="file",
    )  # fmt: skip
    assert sale.find(desk.office, held.booking_id) == done
    assert done.change == 2_000_000 - held.total


# Money


def test_cash_is_taken_with_change_or_exactly(desk: Desk) -> None:
    held = desk.hold()
    short = Tender("cash", held.total - 1)
    error = refused(Refused, "tendered_too_little", lambda: pay(desk, held.booking_id, desk.people(), short))
    assert error.details == {"due": held.total, "missing": 1}
    absurd = Tender("cash", 10**30)
    refused(UsageError, "not_storable", lambda: pay(desk, held.booking_id, desk.people(), absurd))
    assert (desk.count("payments"), desk.count("tickets"), desk.status(held.booking_id)) == (0, 0, "pending")
    done = pay(desk, held.booking_id, desk.people(), Tender("cash"))
    assert (done.paid, done.change) == (held.total, 0)
    desk.require_sound()


@pytest.mark.parametrize("method", ["beans", "", "CASH", "x" * 5000])
def test_a_method_nobody_takes(desk: Desk, method: str) -> None:
    held = desk.hold()
    error = refused(Refused, "method_not_taken", lambda: pay(desk, held.booking_id, desk.people(), Tender(method)))
    assert len(error.message) < 100


def test_a_fare_is_what_was_held_whatever_the_tariff_says_since(desk: Desk) -> None:
    held = desk.hold()
    desk.owner("UPDATE train_classes SET base_price = base_price * 2")
    desk.decide(policy.BOOKING_FEE, 99_000)
    assert desk.confirm(held).paid == held.total


# Passengers


def pay(desk: Desk, booking_id: object, people: Sequence[PassengerInput], tender: Tender) -> Sale:
    return sale.confirm(desk.office, desk.clerk, booking_id, people, tender, key=uuid7())


def infant(desk: Desk, *, years: int = 0) -> PassengerInput:
    return PassengerInput("Bayi", "", PassengerType.INFANT, desk.day - timedelta(days=366 * years + 30))


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda desk: [], "passengers_do_not_fit_hold"),
        (lambda desk: desk.people(1, infants=1), "passengers_do_not_fit_hold"),
        (lambda desk: desk.people(3), "passengers_do_not_fit_hold"),
        (lambda desk: desk.people(3, infants=1), "passengers_do_not_fit_hold"),
        (lambda desk: desk.people(2, infants=2), "passengers_do_not_fit_hold"),
        (lambda desk: [infant(desk)] * 3, "infant_alone"),
        (lambda desk: [*desk.people(1), infant(desk), infant(desk)], "too_many_infants"),
        (lambda desk: [*desk.people(2), infant(desk, years=3)], "infant_too_old"),
        (lambda desk: [*desk.people(2), replace(infant(desk), birth_date=None)], "birth_date_missing"),
        (lambda desk: [*desk.people(1), PassengerInput("Sari", " "), infant(desk)], "identity_missing"),
        (lambda desk: [*desk.people(1), PassengerInput("Sari", "123"), infant(desk)], "identity_invalid"),
        (lambda desk: [*desk.people(1), PassengerInput("\x00", "A1234567"), infant(desk)], "name_invalid"),
        (lambda desk: [*desk.people(1), PassengerInput("x" * 5000, "A1234567"), infant(desk)], "name_invalid"),
    ],
)
def test_passengers_that_do_not_fit(desk: Desk, make: Callable[[Desk], list[PassengerInput]], code: str) -> None:
    held = desk.hold(2, infants=1)
    error = refused(Refused, code, lambda: pay(desk, held.booking_id, make(desk), Tender("cash")))
    assert len(error.message) < 200
    assert (desk.count("passengers"), desk.count("tickets"), desk.count("payments")) == (0, 0, 0)
    assert desk.status(held.booking_id) == "pending"
    desk.confirm(held)


def test_a_doubtful_nik_is_sold_with_a_warning(desk: Desk) -> None:
    held = desk.hold(2)
    doubtful = PassengerInput("Siti", "9971014507920000")
    done = pay(desk, held.booking_id, [doubtful, *desk.people(1)], Tender("cash"))
    assert len(done.findings) == 2
    assert done.as_json()["warnings"] == list(done.findings)
    row = desk.owner("SELECT * FROM passengers WHERE position = 1")[0]
    assert (row.passenger_name, row.gender, str(row.passenger_dob)) == ("SITI", "female", "1992-07-05")


def test_a_foreigner_travels_on_a_passport(desk: Desk) -> None:
    held = desk.hold()
    done = pay(desk, held.booking_id, [PassengerInput("Müller-Lüdenscheidt", "c01x 0006h")], Tender("cash"))
    assert (done.tickets[0].passenger_name, done.tickets[0].identity) == ("MÜLLER-LÜDENSCHEIDT", "…006H")
    assert desk.value("SELECT identity_kind FROM passengers") == "passport"


# One ticket per identity on subsidised trains


def test_an_identity_travels_once_on_a_subsidised_departure(desk: Desk) -> None:
    desk.sell(1, **SUBSIDISED)
    second = desk.hold(2, **SUBSIDISED)
    refused(Refused, "one_ticket_per_identity", lambda: desk.confirm(second))
    assert (desk.status(second.booking_id), desk.count("tickets")) == ("pending", 1)
    part = desk.hold(1, **SUBSIDISED | {"origin": "SMC"})
    refused(Refused, "one_ticket_per_identity", lambda: desk.confirm(part))
    desk.confirm(second, first=2)
    desk.sell(1, train="286", class_code="EKO", origin="LPN", destination="KTG")
    desk.sell(1)
    desk.sell(1)  # not subsidised: as often as one likes
    desk.require_sound()


def test_two_of_a_party_with_one_identity_on_a_subsidised_train(desk: Desk) -> None:
    held = desk.hold(2, **SUBSIDISED)
    twice = [*desk.people(1), *desk.people(1)]
    refused(Refused, "identity_repeated", lambda: pay(desk, held.booking_id, twice, Tender("cash")))
    other = desk.hold(2)
    assert pay(desk, other.booking_id, twice, Tender("cash")).findings


def test_who_gave_the_ticket_back_may_buy_again(desk: Desk) -> None:
    """A cancelled ticket has given up its seat as well: both here by the owner's hand."""
    done = desk.sell(1, **SUBSIDISED)
    desk.owner("UPDATE tickets SET ticket_status = 'cancelled' WHERE id = :id", id=done.tickets[0].serial)
    desk.owner("UPDATE seat_inventory SET occupied = 0 WHERE occupied <> 0")
    assert desk.sell(1, **SUBSIDISED).status == "confirmed"


def test_the_operator_may_allow_several(desk: Desk) -> None:
    desk.decide(policy.ONE_TICKET_PER_IDENTITY, False, train="281")
    for _ in range(2):
        desk.sell(1, **SUBSIDISED)
    desk.require_sound()


# When and by whom


@pytest.mark.parametrize(
    ("happens", "code"),
    [
        ("UPDATE schedules SET status = 'cancelled' WHERE id = :id", "train_cancelled"),
        ("UPDATE schedules SET departs_at = now() - interval '1 minute' WHERE id = :id", "departed"),
    ],
)
def test_a_train_that_is_gone_when_the_money_comes(desk: Desk, happens: str, code: str) -> None:
    held = desk.hold()
    desk.owner(happens, id=held.journey.schedule_id)
    refused(Refused, code, lambda: desk.confirm(held))
    assert desk.count("payments") == 0


def test_who_may_sell(desk: Desk, gate_agent: Actor) -> None:
    held, people, key = desk.hold(), desk.people(), uuid7()
    for actor, error in ((NOBODY, NotSignedIn), (gate_agent, NotPermitted)):
        with pytest.raises(error):
            sale.confirm(desk.office, actor, held.booking_id, people, Tender("cash"), key=key)
        with pytest.raises(error):
            sale.sell(desk.office, actor, desk.request(), people, Tender("cash"), key=key)
    assert (desk.count("bookings"), desk.status(held.booking_id)) == (1, "pending")


def test_what_is_sold_is_not_sold_again_under_another_key(desk: Desk) -> None:
    held = desk.hold()
    desk.confirm(held)
    refused(StateConflict, "state_conflict", lambda: desk.confirm(held))
    assert desk.count("tickets") == 1
