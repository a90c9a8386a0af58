"""Training: its numbers, codes and marks, and that neither mode ever works on the other one's database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr
from sqlalchemy import Connection
from uuid_utils.compat import uuid7

from core import approvals, keys, lookup, sale, tickets, training
from core import office as offices
from core.audit import compliance, export
from core.audit.trail import Filter
from core.booking import _ALPHABET, _number
from core.checkin import Gate, Outcome, check_in
from core.config import Settings
from core.errors import NotReady, Refused
from core.keys import KeyRing
from core.office import Office
from core.ops import integrity, practice, prepare
from core.payments import Tender, parts
from core.payments.gateway_errors import GatewayNotReady
from core.payments.gateway_settings import TRIAL_KEY, GatewaySettings, _access
from core.sale import Sale
from core.shifts import closing, counting
from core.shifts import export as spreadsheets
from core.ticket_code import decode
from tests.conftest import TestDatabase, sign_in
from tests.core.conftest import Desk

YK = Gate("YK")
DRAWER = {100_000: 1}


def problems(office: Office) -> list[str]:
    return [problem for check in integrity.verify(office) for problem in check.problems]


@pytest.fixture
def practising(
    database: TestDatabase, key_ring: KeyRing, travel_day: date, owner_connection: Connection
) -> Iterator[Desk]:
    """A clerk in training, on the demonstration railway."""
    practice.mark(owner_connection)
    connected = offices.connect(database.counter_url, logins=database.logins)
    office = offices.open_office(connected, key_ring, in_training=True)
    yield Desk(office, sign_in(office), travel_day, owner_connection)
    office.close()


def as_if(office: Office, *, in_training: bool) -> Office:
    """The office as a program of that mode would have it, were there one ring and one database for both."""
    return replace(office, operator=replace(office.operator, is_training=in_training))


def foreign(office: Office, sold: Sale, *, in_training: bool) -> str:
    """The code of a ticket that another ring signed, in one mode or the other."""
    ring = replace(office.keys, ticket_keys={office.keys.signing_key_id: Ed25519PrivateKey.generate()})
    other = replace(as_if(office, in_training=in_training), keys=ring)
    ticket = sold.tickets[0]
    return tickets.code_for(other, ticket.journey, ticket.travel_class, ticket.seat, serial=ticket.serial)


def test_numbers_and_codes_of_training_are_told_from_real_ones(practising: Desk) -> None:
    office = practising.office
    for sold in (practising.sell(2), practising.sell(1, first=3)):
        assert len(sold.booking_number) == 7
        assert sold.booking_number[0] == "0"
        assert set(sold.booking_number[1:]) <= set(_ALPHABET)
        for ticket in sold.tickets:
            assert len(ticket.number) == 12
            assert ticket.number.startswith("9000000")
            read = decode(ticket.code, issuer="KAI", public_keys=office.public_keys)
            assert read.payload is not None
            assert read.payload.training
            again = office.database.transaction(
                lambda tx, number=ticket.number: tickets.by_number(tx, office.network(), number)
            )
            assert again.booking_number == sold.booking_number
        assert lookup.booking(office, practising.clerk, sold.booking_number.lower()).as_json()["status"] == "confirmed"
    assert problems(office) == []


def test_no_real_number_is_one_of_training(desk: Desk) -> None:
    assert training.BOOKING_PREFIX not in _ALPHABET
    assert all(len(number) == 7 for number in (_number(""), _number(training.BOOKING_PREFIX)))
    sold = desk.sell()
    assert not sold.booking_number.startswith("0")
    assert sold.tickets[0].serial < training.FIRST_SERIAL
    read = decode(sold.tickets[0].code, issuer="KAI", public_keys=desk.office.public_keys)
    assert (read.payload.training if read.payload else None, read.says_training) == (False, False)
    assert problems(desk.office) == []


def test_a_ticket_of_training_boards_at_a_gate_of_training(practising: Desk) -> None:
    ticket = practising.sell().tickets[0]
    agent = sign_in(practising.office, "2001", "GATE-1")
    when = ticket.journey.departs_at - timedelta(minutes=1)
    assert check_in(practising.office, agent, ticket.code, YK, at=when).outcome is Outcome.OK


@pytest.mark.parametrize("at_a_real_gate", [True, False])
def test_neither_gate_takes_the_others_tickets(practising: Desk, at_a_real_gate: bool) -> None:
    sold = practising.sell()
    agent = sign_in(practising.office, "2001", "GATE-1")
    gate = as_if(practising.office, in_training=not at_a_real_gate)
    stray = check_in(gate, agent, foreign(gate, sold, in_training=at_a_real_gate), YK)
    said = "training" if at_a_real_gate else "real"
    assert (stray.outcome, stray.claim, stray.as_json()["claim"]) == (Outcome.FORGED, said, said)
    plain = check_in(gate, agent, foreign(gate, sold, in_training=not at_a_real_gate), YK)
    assert (plain.outcome, plain.claim, "claim" in plain.as_json()) == (Outcome.FORGED, None, False)


def test_a_code_of_training_signed_with_a_real_key_is_no_ticket_either(practising: Desk) -> None:
    """Should the two ever be given one ring, the bit in the code still keeps them apart."""
    code = practising.sell().tickets[0].code
    agent = sign_in(practising.office, "2001", "GATE-1")
    real = as_if(practising.office, in_training=False)
    assert check_in(real, agent, code, YK).outcome is Outcome.UNKNOWN


def test_neither_mode_opens_the_others_database(database: TestDatabase, key_ring: KeyRing, practising: Desk) -> None:
    connected = offices.connect(database.counter_url)
    for refused in (
        lambda: offices.open_office(connected, key_ring),
        lambda: offices.require_kind(connected, in_training=False),
        lambda: prepare.prepare(database.owner_url, database.keys_folder, with_demo=False),
        lambda: prepare.require_kind(database.owner_url, in_training=False),
        lambda: prepare.add_operator(database.owner_url, database.keys_folder, "XY", "Other", "XYZ", "Asia/Jakarta"),
    ):
        with pytest.raises(NotReady) as caught:
            refused()
        assert caught.value.reason == "training_mismatch"
    connected.close()


def test_training_does_not_open_a_database_of_real_sales(database: TestDatabase, key_ring: KeyRing) -> None:
    connected = offices.connect(database.counter_url)
    for refused in (
        lambda: offices.open_office(connected, key_ring, in_training=True),
        lambda: offices.require_kind(connected, in_training=True),
        lambda: prepare.require_kind(database.owner_url, in_training=True),
    ):
        with pytest.raises(NotReady) as caught:
            refused()
        assert caught.value.reason == "training_mismatch"
        assert "COUNTER_TRAINING_DATABASE_URL" in caught.value.hint
    connected.close()


def test_a_database_with_sales_never_becomes_one_of_training(desk: Desk, database: TestDatabase) -> None:
    desk.sell()
    before = desk.value("SELECT last_value FROM ticket_serial")
    with pytest.raises(Refused) as caught:
        prepare.prepare(database.owner_url, database.keys_folder, training=True)
    assert caught.value.reason == "training_on_real_data"
    assert desk.value("SELECT bool_or(is_training) FROM operators") is False
    assert desk.value("SELECT last_value FROM ticket_serial") == before
    assert problems(desk.office) == []


def test_nor_does_one_that_is_about_to_sell(database: TestDatabase, tmp_path: Path) -> None:
    """It has keys already, and training signs with none of those."""
    with pytest.raises(NotReady):
        prepare.prepare(database.owner_url, tmp_path, training=True)
    prepare.require_kind(database.owner_url, in_training=False)
    assert not list(tmp_path.iterdir())


def test_an_empty_database_is_made_one_of_training_again_and_again(
    empty_database: TestDatabase, tmp_path: Path, empty_owner_connection: Connection
) -> None:
    folder = tmp_path / "training" / "keys"
    first = prepare.prepare(empty_database.owner_url, folder, training=True, days=1)
    ring = keys.load(folder).fingerprints()
    again = prepare.prepare(empty_database.owner_url, folder, training=True, days=1)
    assert (first.demo, first.opened > 0, again.opened) == (True, True, 0)
    assert keys.load(folder).fingerprints() == ring
    rows = empty_owner_connection.exec_driver_sql("SELECT is_training FROM operators").scalars().all()
    assert rows == [True]
    prepare.require_kind(empty_database.owner_url, in_training=True)


def test_a_railway_of_ones_own_to_practise_on(empty_database: TestDatabase, tmp_path: Path) -> None:
    prepare.prepare(empty_database.owner_url, tmp_path, with_demo=False, training=True)
    prepare.add_operator(empty_database.owner_url, tmp_path, "OWN", "Own Railway", "OWN", "Asia/Jakarta", training=True)
    prepare.require_kind(empty_database.owner_url, in_training=True)
    with pytest.raises(NotReady):
        prepare.add_operator(empty_database.owner_url, tmp_path / "b", "REA", "Real", "REA", "Asia/Jakarta")


def test_verify_names_what_lost_or_took_the_marks(desk: Desk, database: TestDatabase, key_ring: KeyRing) -> None:
    sold = desk.sell()
    desk.owner("UPDATE operators SET is_training = true")
    office = offices.open_office(offices.connect(database.counter_url), key_ring, in_training=True)
    found = problems(office)
    office.close()
    assert found == [
        f"booking {sold.booking_number}: its number does not bear the mark of training",
        f"ticket {sold.tickets[0].number}: its number does not bear the mark of training",
        f"ticket {sold.tickets[0].number}: its code does not bear the mark of training",
    ]


def test_what_is_typed_from_a_slip_is_marked(practising: Desk) -> None:
    office, clerk = practising.office, practising.clerk
    for first, method in enumerate(("debit_card", "wallet"), start=1):
        held = practising.hold()
        people = practising.people(first=first)
        taken = parts.take(office, clerk, held.booking_id, people, Tender(method, None, "123456"), 50_000, key=uuid7())
        assert taken.sale is None
        sale.confirm(office, clerk, held.booking_id, people, Tender(method, None, "123456"), key=uuid7())
    rows = practising.owner("SELECT payment_method, edc_terminal, external_reference FROM payments")
    assert len(rows) == 4
    for row in rows:
        if row.payment_method == "debit_card":
            assert row.edc_terminal == "TRAINING"
        else:
            assert row.external_reference == "TRAINING 123456"


def test_a_real_slip_is_not(desk: Desk) -> None:
    held = desk.hold()
    sale.confirm(desk.office, desk.clerk, held.booking_id, desk.people(), Tender("wallet", None, "123456"), key=uuid7())
    assert desk.value("SELECT external_reference FROM payments") == "123456"


def test_reports_say_so_themselves(practising: Desk, tmp_path: Path) -> None:
    practising.sell()
    office, clerk = practising.office, practising.clerk
    assert closing.x_report(office, clerk)["training"] is True
    counted = counting.count(office, clerk, dict.fromkeys(counting.DENOMINATIONS, 0) | DRAWER, ())
    supervisor = sign_in(office, "3001", "DESK-3")

    asked = approvals.request(office, clerk, counted.wish(), "practice")
    approvals.decide(office, supervisor, asked.id, approve=True)
    closed = closing.close(office, clerk, reason="practice", approval_id=asked.id)
    report = closed.report.as_json()
    assert report["training"] is True
    table = tmp_path / "z.csv"
    spreadsheets.write(table, spreadsheets.z_table(report), in_training=True)
    lines = table.read_text(encoding="utf-8").splitlines()
    assert (lines[0], lines[-1], lines[1]) == (training.NOTICE, training.NOTICE, "section,item,count,amount,text")
    assert problems(office) == []


def test_what_auditors_get_says_so_first_and_last(practising: Desk, tmp_path: Path) -> None:
    practising.sell()
    supervisor = sign_in(practising.office, "3001", "DESK-3")
    for form in ("csv", "jsonl"):
        file = tmp_path / f"trail.{form}"
        signed = export.export(practising.office, supervisor, Filter(), file, form=form)
        lines = file.read_text(encoding="utf-8").splitlines()
        assert training.NOTICE in lines[0]
        assert training.NOTICE in lines[-1]
        assert signed.statement["training"] is True
        assert signed.statement["rows"] == len(lines) - (3 if form == "csv" else 2)
        export.check(file, export.keys_of(practising.office))
    now = practising.office.database.transaction(lambda tx: tx.now)
    made = compliance.report(practising.office, supervisor, now - timedelta(days=1), now)
    lines = list(made.csv_lines())
    assert (lines[0].strip(), lines[-1].strip(), made.as_json()["training"]) == (training.NOTICE, training.NOTICE, True)


# Settings


def test_in_training_the_real_databases_and_keys_are_not_known(tmp_path: Path) -> None:
    earnest = {name: f"postgresql://earnest/{name}" for name in ("database_url", "owner_database_url")}
    chosen = Settings(
        home=tmp_path, training=True, **earnest, gate_database_url="postgresql://earnest/gate",
        keys=tmp_path / "earnest", training_database_url="postgresql://try",
    )  # fmt: skip
    assert chosen.database_url == "postgresql://try"
    assert (chosen.owner_database_url, chosen.gate_database_url) == (None, None)
    assert chosen.keys_folder == tmp_path / "training" / "keys"
    assert chosen.audit_heads_file == tmp_path / "training" / "audit" / "heads.jsonl"
    assert not any("earnest" in str(value) for value in chosen.model_dump().values())


def test_without_training_its_settings_change_nothing(tmp_path: Path) -> None:
    chosen = Settings(home=tmp_path, database_url="postgresql://real", training_database_url="postgresql://try")
    assert chosen.database_url == "postgresql://real"
    assert chosen.keys_folder == tmp_path / "keys"


@pytest.mark.parametrize("named", ["database_url", "owner_database_url"])
def test_beside_an_operators_server_training_needs_a_database_of_its_own(tmp_path: Path, named: str) -> None:
    with pytest.raises(NotReady) as caught:
        Settings(home=tmp_path, training=True, **{named: "postgresql://real"})
    assert caught.value.reason == "training_not_set_up"
    assert "COUNTER_TRAINING_DATABASE_URL" in caught.value.hint


def test_training_never_signs_with_the_real_keys(tmp_path: Path) -> None:
    for real in (None, tmp_path / "elsewhere"):
        with pytest.raises(NotReady) as caught:
            Settings(home=tmp_path, training=True, keys=real, training_keys=real or tmp_path / "keys")
        assert caught.value.reason == "training_keys"


# Payments


def test_in_training_no_real_gateway_is_known(tmp_path: Path) -> None:
    real = GatewaySettings(
        home=tmp_path, training=True, gateway_url="https://api.example.com",
        gateway_server_key=SecretStr("real-secret"), gateway_proxy=SecretStr("http://proxy.example.com"),
    )  # fmt: skip
    access = _access(real)
    assert (access.url, access.server_key.get_secret_value()) == ("http://127.0.0.1:8799", TRIAL_KEY)
    assert access.proxy is None


@pytest.mark.parametrize("named", ["gateway_url", "training_gateway_url"])
def test_the_simulator_may_be_at_another_port(tmp_path: Path, named: str) -> None:
    chosen = GatewaySettings(home=tmp_path, training=True, **{named: "http://127.0.0.1:9001/"})
    assert _access(chosen).url == "http://127.0.0.1:9001"


def test_a_gateway_of_training_is_on_this_machine(tmp_path: Path) -> None:
    for url in ("https://api.example.com", "http://127.0.0.1.example.com", "http://[", "nonsense"):
        with pytest.raises(GatewayNotReady):
            _access(GatewaySettings(home=tmp_path, training=True, training_gateway_url=url))
