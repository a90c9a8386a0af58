"""One person's data: told whole, erased but for what accounting keeps, and forgotten in time."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from core import entitlement_register, lookup, party, personal_data
from core.checkin import Gate, check_in
from core.database import Actor
from core.entitlement_register import Registration
from core.errors import CounterError, NotFound, NotPermitted, UsageError
from core.keys import KeyRing, sealed_in
from core.office import Office
from core.ops import erasure, retention
from core.personal_data import Person
from core.policy import RETENTION_DAYS, RETENTION_DAYS_UNSOLD

if TYPE_CHECKING:
    from tests.conftest import TestDatabase
    from tests.core.conftest import Desk

NIK = "3171010101900001"
PHONE, MAIL = "+6281234567890", "sari@example.org"


@pytest.fixture
def supervisor(office: Office) -> Actor:
    from tests.conftest import sign_in

    return sign_in(office, "3001", "DESK-1")


@pytest.fixture
def traveller(key_ring: KeyRing) -> Person:
    return personal_data.person(key_ring, identity=NIK)


@pytest.fixture
def erase(database: TestDatabase, supervisor: Actor) -> Callable[..., dict[str, int]]:
    """Erases a person as the supervisor."""

    def one(who: Person, **options: Any) -> dict[str, int]:
        return erasure.erase(database.owner_url, database.keys_folder, supervisor, who, **options).as_json()

    return one


def counts(**found: int) -> dict[str, int]:
    """What an erasure says that found nothing but this."""
    return dict.fromkeys(("passengers", "bookings", "entitlements", "customers", "fines", "requests"), 0) | found


def sealed(desk: Desk, text: str, column: str, row: object) -> bytes:
    return desk.office.keys.encrypt(text, sealed_in(column, row))


def customer(desk: Desk) -> UUID:
    """An account with everything there is to know about somebody."""
    keys, key, profile = desk.office.keys, uuid7(), uuid7()
    desk.owner(
        "INSERT INTO users (operator_id, id, role, full_name, email, email_digest, phone_number, phone_digest,"
        " date_of_birth) VALUES (1, :id, 'customer', 'Sari Dewi', :mail, :mail_digest, :phone, :phone_digest,"
        " '1990-01-01')",
        id=key,
        mail=sealed(desk, MAIL, "users.email", key),
        mail_digest=keys.digest(MAIL),
        phone=sealed(desk, PHONE, "users.phone_number", key),
        phone_digest=keys.digest(PHONE),
    )
    desk.owner(
        "INSERT INTO user_profiles (operator_id, id, user_id, address, city) VALUES (1, :id, :user, :address, 'Solo')",
        id=profile,
        user=key,
        address=sealed(desk, "Jalan Mawar 1", "user_profiles.address", profile),
    )
    return key


def belongs_to_customer(desk: Desk, booking: UUID, user: UUID) -> None:
    desk.owner(
        "UPDATE bookings SET user_id = :user, contact_phone = :phone, contact_phone_digest = :digest WHERE id = :id",
        id=booking,
        user=user,
        phone=sealed(desk, PHONE, "bookings.contact_phone", booking),
        digest=desk.office.keys.digest(PHONE),
    )


# Who is meant


def test_a_person_is_named_in_one_way(key_ring: KeyRing) -> None:
    assert personal_data.person(key_ring, identity="3171 0101 0190 0001").digest == key_ring.digest(NIK)
    assert personal_data.person(key_ring, customer=f" {MAIL.upper()} ").digest == key_ring.digest(MAIL)
    for named in ({}, {"identity": NIK, "phone": PHONE}):
        with pytest.raises(UsageError):
            personal_data.person(key_ring, **named)


@pytest.mark.parametrize("text", ["081234567890", "+62 812-3456-7890", "0062 (812) 3456.7890", "62812 3456 7890"])
def test_a_phone_number_is_the_same_however_it_is_typed(text: str) -> None:
    assert personal_data.normalize_phone(text) == PHONE


@pytest.mark.parametrize("text", ["", "x", "123", "+62", "+6281234567890123", "08x1234567", "٠٨١٢٣٤٥٦٧٨٩٠"])
def test_what_is_no_phone_number(text: str) -> None:
    with pytest.raises(UsageError):
        personal_data.normalize_phone(text)


@pytest.mark.parametrize("text", ["", "x", "@", "a@", "@b", "a b@c", "a@b@c"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageError):
        personal_data.normalize_mail(text)


def test_a_person_on_record_is_not_readable(key_ring: KeyRing) -> None:
    for named, secret in (({"identity": NIK}, NIK), ({"phone": PHONE}, PHONE), ({"customer": MAIL}, "sari")):
        who = personal_data.person(key_ring, **named)
        assert secret not in who.pseudonym + who.masked


# Told


def test_everything_about_a_traveller_and_nothing_about_others(
    desk: Desk, gate_agent: Actor, supervisor: Actor, traveller: Person
) -> None:
    sold = desk.sell(2, infants=1)
    check_in(desk.office, gate_agent, sold.tickets[0].code, Gate("GMR"))
    told = personal_data.export(desk.office, supervisor, traveller)
    held = told["held"]
    assert [one["identity_number"] for one in held["passengers"]] == [NIK]
    assert [one["ticket_number"] for one in held["tickets"]] == [sold.tickets[0].number]
    assert held["tickets"][0]["train"] == "43 Taksaka"
    assert [one["outcome"] for one in held["checkins"]] == ["wrong_direction"]
    assert [one["booking_number"] for one in held["bookings"]] == [sold.booking_number]
    text = json.dumps(told)
    assert "0002" not in text.replace(sold.tickets[0].number, "")  # who travels along
    assert sold.tickets[0].code not in text
    assert traveller.digest.hex() not in text
    row = desk.owner("SELECT * FROM audit_logs WHERE entity_type = 'people'")[0]
    assert (row.action, row.user_id, row.entity_id) == ("view", supervisor.user_id, traveller.pseudonym)
    assert NIK not in json.dumps(row.new_values)


def test_everything_about_a_customer(desk: Desk, supervisor: Actor) -> None:
    user, sold = customer(desk), desk.sell(1)
    belongs_to_customer(desk, sold.booking_id, user)
    for named in ({"customer": MAIL}, {"phone": "0812 3456 7890"}):
        held = personal_data.export(desk.office, supervisor, personal_data.person(desk.office.keys, **named))["held"]
        assert [(one["full_name"], one["email"], one["phone_number"]) for one in held["users"]] == [
            ("Sari Dewi", MAIL, PHONE)
        ]
        assert [one["address"] for one in held["user_profiles"]] == ["Jalan Mawar 1"]
        assert [one["contact_phone"] for one in held["bookings"]] == [PHONE]
        assert [one["amount"] for one in held["payments"]] == [sold.final_amount]
        assert held["passengers"] == []
    by_traveller = personal_data.person(desk.office.keys, identity=NIK)
    assert PHONE not in json.dumps(personal_data.export(desk.office, supervisor, by_traveller))


def test_clerks_and_gates_neither_look_nor_erase(
    desk: Desk, gate_agent: Actor, database: TestDatabase, traveller: Person
) -> None:
    for actor in (desk.clerk, gate_agent):
        with pytest.raises(NotPermitted):
            personal_data.export(desk.office, actor, traveller)
        with pytest.raises(NotPermitted):
            erasure.erase(database.owner_url, database.keys_folder, actor, traveller)


# Erased


def past(desk: Desk) -> None:
    """The journeys are over."""
    desk.owner("UPDATE tickets SET ticket_status = 'expired' WHERE ticket_status = 'active'")
    desk.owner("UPDATE seat_inventory SET occupied = 0 WHERE occupied <> 0")


def test_what_accounting_needs_stays_without_the_person(
    desk: Desk, supervisor: Actor, erase: Any, traveller: Person
) -> None:
    sold = desk.sell(2)
    shown = Registration("senior", "Penumpang 1", NIK, "KTP 3171")
    entitlement_register.register(desk.office, desk.clerk, shown)
    past(desk)
    before = desk.owner("SELECT total_amount, final_amount, status FROM bookings")
    assert erase(traveller, dry_run=True) == counts(passengers=1, entitlements=1)
    assert desk.value("SELECT count(*) FROM passengers WHERE erased_at IS NOT NULL") == 0
    assert erase(traveller) == counts(passengers=1, entitlements=1)

    row = desk.owner("SELECT * FROM passengers WHERE position = 1")[0]
    assert (row.passenger_name, row.passenger_dob, row.gender) == ("ERASED", None, None)
    assert [bytes(row.identity_number), bytes(row.identity_digest), row.identity_last_four] == [b"", b"", ""]
    assert row.erased_at is not None
    other = desk.owner("SELECT * FROM passengers WHERE position = 2")[0]
    assert other.erased_at is None
    assert desk.office.keys.decrypt(
        bytes(other.identity_number), sealed_in("passengers.identity_number", other.id)
    ).endswith("0002")
    right = desk.owner("SELECT * FROM entitlements")[0]
    assert (right.holder_name, right.document_reference, right.revoked_at is None) == ("ERASED", "", False)
    assert desk.owner("SELECT total_amount, final_amount, status FROM bookings") == before
    assert personal_data.export(desk.office, supervisor, traveller)["held"]["passengers"] == []
    with pytest.raises(NotFound):
        erase(traveller)
    said = desk.owner("SELECT * FROM audit_logs WHERE entity_type = 'people' AND action = 'delete'")
    assert [(one.user_id, one.entity_id) for one in said] == [(supervisor.user_id, traveller.pseudonym)]
    assert "enumpang" not in json.dumps([one.new_values for one in said])
    shown_passenger = lookup.booking(desk.office, desk.clerk, sold.booking_number).as_json()["passengers"][0]
    assert (shown_passenger["name"], shown_passenger["identity"]) == ("ERASED", None)
    desk.require_sound()


def test_a_customer_is_erased_with_the_account(desk: Desk, erase: Any) -> None:
    user, sold = customer(desk), desk.sell(1)
    belongs_to_customer(desk, sold.booking_id, user)
    past(desk)
    who = personal_data.person(desk.office.keys, customer=MAIL)
    assert erase(who) == counts(bookings=1, customers=1)
    row = desk.owner("SELECT * FROM users WHERE id = :id", id=user)[0]
    assert (row.full_name, row.email, row.phone_digest, row.date_of_birth) == ("ERASED", None, None, None)
    assert row.is_active is False
    assert desk.count("user_profiles") == 0
    booking = desk.owner("SELECT * FROM bookings")[0]
    assert (booking.contact_phone, booking.contact_phone_digest, booking.user_id) == (None, None, user)


def test_nobody_is_erased_before_it_is_over(desk: Desk, erase: Any, traveller: Person) -> None:
    def refused() -> str:
        with pytest.raises(CounterError) as caught:
            erase(traveller)
        return caught.value.reason

    held = desk.hold(1)
    party.name_passengers(desk.office, desk.clerk, held.booking_id, desk.people(1))
    assert refused() == "sale_under_way"
    desk.confirm(held)
    assert refused() == "journey_to_come"
    past(desk)
    desk.open_modifications()
    assert refused() == "refund_open"
    desk.owner("UPDATE booking_modifications SET status = 'closed', closed_at = now()")
    assert erase(traveller)["passengers"] == 1


# Forgotten in time


@pytest.fixture
def in_days(desk: Desk, database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], dict[str, int]]:
    """What the job does so many days from now, and that it says the same beforehand."""
    real = retention._kept

    def run(days: int) -> dict[str, int]:
        def later(connection: Any, operator: Any) -> retention.Kept:
            kept, then = real(connection, operator), timedelta(days=days)
            return retention.Kept(kept.operator_id, kept.travelled + then, kept.unsold + then)

        with monkeypatch.context() as patch:
            patch.setattr(retention, "_kept", later)
            before = retention.retain(database.owner_url, dry_run=True, batch=2).as_json()
            done = retention.retain(database.owner_url, batch=2).as_json()
        assert before == done
        return done

    return run


def days_ahead(desk: Desk) -> int:
    """How far off the travel day is."""
    return int((desk.day - desk.value("SELECT (now() AT TIME ZONE 'Asia/Jakarta')::date")).days)


def test_how_long_is_policy(desk: Desk, in_days: Callable[[int], dict[str, int]]) -> None:
    sold = desk.sell(2, infants=1)
    belongs_to_customer(desk, sold.booking_id, customer(desk))
    desk.decide(RETENTION_DAYS, 30)
    ahead = days_ahead(desk)
    assert in_days(ahead + 30) == counts(sessions=1)
    assert in_days(ahead + 31) == counts(passengers=3, bookings=1, customers=1, sessions=0)
    assert in_days(ahead + 31) == counts(sessions=0)
    assert desk.value("SELECT count(*) FROM passengers WHERE passenger_name <> 'ERASED'") == 0
    assert desk.value("SELECT count(*) FROM passengers WHERE identity_number IS NULL") == 1  # the infant
    said = desk.owner("SELECT new_values FROM audit_logs WHERE entity_id = 'retention' ORDER BY chain_no")
    assert [row.new_values["passengers"] for row in said] == [0, 3]
    desk.require_sound()


def test_parties_that_never_travelled_are_forgotten_sooner(desk: Desk, database: TestDatabase) -> None:
    held, waiting = desk.hold(1), desk.hold(1)
    for number, one in enumerate((held, waiting), 1):
        party.name_passengers(desk.office, desk.clerk, one.booking_id, desk.people(1, first=number))
    desk.owner("UPDATE bookings SET status = 'expired' WHERE id = :id", id=held.booking_id)
    days = RETENTION_DAYS_UNSOLD.default
    desk.owner("UPDATE bookings SET booking_date = now() - make_interval(days => :days)", days=days - 1)
    assert retention.retain(database.owner_url).erased.passengers == 0
    desk.owner("UPDATE bookings SET booking_date = now() - make_interval(days => :days)", days=days + 2)
    assert retention.retain(database.owner_url).erased.passengers == 1  # the one that waits is somebody's work
    assert desk.status(waiting.booking_id) == "pending"


def test_who_waits_for_money_is_not_forgotten(desk: Desk, in_days: Callable[[int], dict[str, int]]) -> None:
    sold = desk.sell(1)
    long_after = days_ahead(desk) + RETENTION_DAYS.default + 1
    desk.open_modifications()
    assert in_days(long_after)["passengers"] == 0
    desk.owner("UPDATE booking_modifications SET status = 'closed', closed_at = now()")
    assert in_days(long_after)["passengers"] == 1
    assert desk.status(sold.booking_id) == "confirmed"
