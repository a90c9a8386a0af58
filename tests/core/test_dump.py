"""What whoever gets hold of a backup can read: every table, dumped by the owner and searched."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql
from uuid_utils.compat import uuid7

from core import entitlement_register, keys, lookup, party, pending, personal_data, sale, staff, terminals
from core.checkin import Gate, check_in
from core.database import Actor
from core.entitlement_register import Registration
from core.errors import CounterError, NotSignedIn
from core.keys import sealed_in
from core.ops import erasure
from core.passengers import PassengerInput
from core.payments import Tender, card, parts
from tests.conftest import PIN, sign_in

if TYPE_CHECKING:
    from tests.conftest import TestDatabase
    from tests.core.conftest import Desk

#: Nothing of these occurs in the demonstration by chance.
SOLD, NAMED, SENIOR, ERASED, PASSPORT = (
    "3374125507810034", "5171036408920056", "3578014109550078", "1271065203660091", "XK7731920",
)  # fmt: skip
PHONE, MAIL = "+6281399887766", "wulandari.k@example.org"
APPROVAL, PART, VOID = "QX81ZV", "RW73YT", "VD55301188"
WRONG_PIN = "907315"


def dump(database: TestDatabase) -> dict[str, str]:
    """Every table as the owner's COPY writes it; bytes in hexadecimal digits."""
    with psycopg.connect(database.owner_url) as owner:
        tables = owner.execute(
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND NOT c.relisshared"
        ).fetchall()
        written = {}
        for (table,) in tables:
            copy = sql.SQL("COPY {} TO STDOUT").format(sql.SQL(table))
            with owner.cursor().copy(copy) as stream:
                written[table] = b"".join(bytes(block) for block in stream).decode()
    return written


def forms(secret: str | bytes) -> set[str]:
    """How a secret could stand in a dump: as text, as bytes in hexadecimal digits, in base64."""
    raw = secret.encode() if isinstance(secret, str) else secret
    said = {raw.hex(), base64.b64encode(raw).decode().rstrip("=")}
    return said | ({secret, json.dumps(secret)[1:-1]} if isinstance(secret, str) else set())


def found(written: dict[str, str], secret: str | bytes) -> list[str]:
    lowered = {table: text.lower() for table, text in written.items()}
    return [table for table, text in lowered.items() if any(form.lower() in text for form in forms(secret))]


@pytest.fixture
def supervisor(desk: Desk) -> Actor:
    return sign_in(desk.office, "3001", "DESK-1")


def a_customer(desk: Desk, booking: Any) -> None:
    """Whose contacts are sealed as every service does."""
    ring, key = desk.office.keys, uuid7()
    desk.owner(
        "INSERT INTO users (operator_id, id, role, full_name, email, email_digest, phone_number, phone_digest)"
        " VALUES (1, :id, 'customer', 'K', :mail, :mail_digest, :phone, :phone_digest)",
        id=key,
        mail=ring.encrypt(MAIL, sealed_in("users.email", key)),
        mail_digest=ring.digest(MAIL),
        phone=ring.encrypt(PHONE, sealed_in("users.phone_number", key)),
        phone_digest=ring.digest(PHONE),
    )
    desk.owner(
        "UPDATE bookings SET contact_phone = :phone, contact_phone_digest = :digest WHERE id = :id",
        id=booking,
        phone=ring.encrypt(PHONE, sealed_in("bookings.contact_phone", booking)),
        digest=ring.digest(PHONE),
    )


def a_day_at_the_station(desk: Desk, gate_agent: Actor, supervisor: Actor, database: TestDatabase) -> None:
    """Sales of every kind, one not finished, one given up; entitlements, scans, look-ups and an erasure."""
    office, clerk = desk.office, desk.clerk
    tender = Tender("credit_card", reference=APPROVAL, card_last_four="4242", edc_terminal="T1", edc_batch="B1")
    held = desk.hold(2)
    people = [PassengerInput("Xaverina", SOLD), PassengerInput("John", PASSPORT)]
    sold = sale.confirm(office, clerk, held.booking_id, people, tender, key=uuid7(), printer="file")
    a_customer(desk, sold.booking_id)

    half_typed = desk.hold(1)
    party.name_passengers(office, clerk, half_typed.booking_id, [PassengerInput("Ketut", NAMED)])

    in_parts = desk.hold(1)
    part = Tender("debit_card", reference=PART, card_last_four="1881")
    parts.take(office, clerk, in_parts.booking_id, [PassengerInput("Ketut", NAMED)], part, 50_000, key=uuid7())
    pending.give_up(office, clerk, in_parts.booking_id, voids={f"{in_parts.booking_number}-1": VOID})

    entitlement_register.register(office, clerk, Registration("senior", "Slamet", SENIOR, f"KTP {SENIOR}"))
    entitlement_register.listed(office, clerk, SENIOR)
    check_in(office, gate_agent, sold.tickets[0].code, Gate("YK"))
    check_in(office, gate_agent, SOLD, Gate("YK"))  # somebody scans an identity card
    lookup.booking(office, clerk, sold.booking_number)

    erased = desk.hold(1)
    party.name_passengers(office, clerk, erased.booking_id, [PassengerInput("Togar", ERASED)])
    pending.give_up(office, clerk, erased.booking_id)
    for named in ({"identity": SOLD}, {"identity": ERASED}, {"phone": PHONE}, {"customer": MAIL}):
        personal_data.export(office, supervisor, personal_data.person(office.keys, **named))
    gone = personal_data.person(office.keys, identity=ERASED)
    erasure.erase(database.owner_url, database.keys_folder, supervisor, gone)

    here = terminals.register(office, "TEST-1", station="YK")
    for number, pin in (("1001", WRONG_PIN), (WRONG_PIN, PIN)):  # a PIN typed where the number belongs
        with pytest.raises(NotSignedIn):
            staff.sign_in(office, here, number, pin, program="tests")
    with pytest.raises(CounterError):
        sale.confirm(office, clerk, half_typed.booking_id, [PassengerInput("Ketut", "12")], tender, key=uuid7())


def test_a_dump_can_be_read_by_anybody_without_harm(
    desk: Desk, gate_agent: Actor, supervisor: Actor, database: TestDatabase
) -> None:
    a_day_at_the_station(desk, gate_agent, supervisor, database)
    written = dump(database)
    assert len(written) > 30
    assert found(written, "XAVERINA") == ["passengers"]  # what is to be found is found
    for secret in (SOLD, NAMED, SENIOR, ERASED, PASSPORT, PHONE, PHONE[3:], MAIL, APPROVAL, PART, VOID):
        assert found(written, secret) == [], secret
    for secret in (PIN, WRONG_PIN):
        standing_alone = [
            table
            for table, text in written.items()
            if any(f"{before}{secret}{after}" in text for before in '\t" ' for after in '\t" \n')
        ]
        assert standing_alone == [], secret


def test_a_dump_holds_no_key(desk: Desk, gate_agent: Actor, supervisor: Actor, database: TestDatabase) -> None:
    a_day_at_the_station(desk, gate_agent, supervisor, database)
    written = dump(database)
    document = json.loads((Path(database.keys_folder) / "ring.json").read_text(encoding="utf-8"))
    secrets = [*document["ticket"].values(), *document["identity"].values(), document["digest"]]
    for secret in secrets:
        assert found(written, base64.b64decode(secret)) == []
        assert found(written, secret) == []
    public = keys.load(Path(database.keys_folder)).public_key(1)
    assert found(written, public) == ["key_rings"]  # the half that everybody may have
    for actor in (desk.clerk, gate_agent, supervisor):
        if actor.session:
            assert found(written, actor.session) == []


def test_who_may_reads_a_cards_reference_and_nobody_else_does(desk: Desk, gate_agent: Actor) -> None:
    held = desk.hold(1)
    tender = Tender("credit_card", reference=APPROVAL)
    sold = sale.confirm(desk.office, desk.clerk, held.booking_id, desk.people(1), tender, key=uuid7())
    row = desk.owner("SELECT payment_reference, external_reference FROM payments")[0]
    shown = lookup.booking(desk.office, desk.clerk, sold.booking_number).as_json()["payments"][0]
    assert shown["external_reference"] == APPROVAL
    assert card.shown_reference(row.external_reference) == "…1ZV"
    with pytest.raises(CounterError):  # it belongs to its own payment
        card.whole_reference(desk.office.keys, "ANOTHER-1", row.external_reference)
    for plain in ("TRF-20261121", "", None, "…"):
        assert card.shown_reference(plain) == plain
        assert card.whole_reference(desk.office.keys, row.payment_reference, plain) == plain
