"""The signed list for gates that are cut off: what it names, and which lists a gate does not take."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from core import keys, revocations
from core import office as offices
from core.audit.export import keys_of
from core.audit.signing import EXPORT, sign
from core.errors import IntegrityFailure, NotReady
from core.office import Office
from core.ops import key_rotation
from core.revocations import Revocations
from core.ticket_code import TicketPayload, decode
from core.tickets import TicketRecord
from core.verdict import Outcome

if TYPE_CHECKING:
    from tests.conftest import TestDatabase
    from tests.core.conftest import Desk


def payload(office: Office, ticket: TicketRecord) -> TicketPayload:
    read = decode(ticket.code, issuer="KAI", public_keys=office.public_keys).payload
    assert read is not None
    return read


def fetched(office: Office) -> Revocations:
    """The list as a gate has it after it went over a wire."""
    return revocations.read(json.loads(json.dumps(revocations.make(office))), "KAI", keys_of(office))


def test_it_names_what_is_no_longer_good_and_nothing_else(desk: Desk) -> None:
    good, *others = (desk.sell(1, first=n).tickets[0] for n in range(1, 7))
    cancelled, superseded, voided, reissued, booking_cancelled = others
    desk.open_modifications()
    for ticket, state in ((cancelled, "cancelled"), (superseded, "superseded"), (voided, "voided")):
        desk.owner("UPDATE tickets SET ticket_status = :state WHERE id = :id", state=state, id=ticket.serial)
    desk.owner("UPDATE tickets SET issue_no = 2 WHERE id = :id", id=reissued.serial)
    desk.owner("UPDATE bookings SET status = 'cancelled' WHERE id = :id", id=booking_cancelled.booking_id)
    found = fetched(desk.office)
    said = {ticket.serial: found.refuses(payload(desk.office, ticket)) for ticket in (good, *others)}
    assert list(said.values()) == [
        None, Outcome.CANCELLED, Outcome.SUPERSEDED, Outcome.CANCELLED, Outcome.DUPLICATE, Outcome.CANCELLED,
    ]  # fmt: skip
    assert found.refuses(replace(payload(desk.office, reissued), issue_no=2)) is None
    assert good.serial not in found.tickets


def test_departures_of_the_past_are_not_on_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    ticket = desk.sell(1).tickets[0]
    desk.open_modifications()
    desk.owner("UPDATE tickets SET ticket_status = 'cancelled'")
    assert set(fetched(desk.office).tickets) == {ticket.serial}
    monkeypatch.setattr(revocations, "_UNDER_WAY", -timedelta(days=3))  # as if the travel day were long past
    assert fetched(desk.office).tickets == {}


def test_a_revoked_key_is_on_it(desk: Desk, database: TestDatabase, tmp_path: Path) -> None:
    ticket = desk.sell(1).tickets[0]
    shutil.copy(database.keys_folder / "ring.json", tmp_path / "ring.json")
    key_rotation.rotate(database.owner_url, tmp_path, "ticket", announce=False)
    key_rotation.revoke(database.owner_url, tmp_path, 1, "stolen")
    office = offices.open_office(offices.connect(database.counter_url), keys.load(tmp_path))
    found = fetched(office)
    assert (found.keys, found.refuses(payload(office, ticket))) == (frozenset({1}), Outcome.REVOKED)
    desk.office.refresh_keys()
    with pytest.raises(NotReady):  # the older ring's keys sign no lists any more
        revocations.make(desk.office)
    office.close()


@pytest.mark.parametrize(
    "change",
    [
        {"statement": None},
        {"signature": "00" * 64},
        {"signature": "zz"},
        {"key_id": 9},
        {"key_id": None},
    ],
)
def test_a_list_that_was_changed_is_not_taken(desk: Desk, change: dict[str, Any]) -> None:
    made = {**revocations.make(desk.office), **change}
    with pytest.raises(IntegrityFailure):
        revocations.read(made, "KAI", keys_of(desk.office))


def test_a_ticket_taken_off_the_list_is_noticed(desk: Desk) -> None:
    desk.sell(1)
    desk.open_modifications()
    desk.owner("UPDATE tickets SET ticket_status = 'cancelled'")
    made = revocations.make(desk.office)
    made["statement"]["tickets"].clear()
    with pytest.raises(IntegrityFailure):
        revocations.read(made, "KAI", keys_of(desk.office))


def test_lists_of_others_and_other_statements_are_not_taken(desk: Desk) -> None:
    office = desk.office
    made = revocations.make(office)
    with pytest.raises(IntegrityFailure):
        revocations.read(made, "PJN", keys_of(office))
    office.revoked_keys = frozenset({made["key_id"]})  # what this gate knows already
    with pytest.raises(IntegrityFailure):
        revocations.read(made, "KAI", keys_of(office))
    office.revoked_keys = frozenset()
    export = {**made, "signature": sign(office.keys, EXPORT, made["statement"]).hex()}
    revoking_itself = {**made["statement"], "keys": [made["key_id"]]}
    itself = {**made, "statement": revoking_itself}
    itself["signature"] = sign(office.keys, revocations.REVOCATIONS, revoking_itself).hex()
    for wrong in (export, itself):
        with pytest.raises(IntegrityFailure):
            revocations.read(wrong, "KAI", keys_of(office))


def test_it_tells_nothing_about_people(desk: Desk) -> None:
    desk.sell(2)
    desk.open_modifications()
    desk.owner("UPDATE tickets SET ticket_status = 'cancelled'")
    text = json.dumps(revocations.make(desk.office))
    assert "3171" not in text
    assert "enumpang" not in text.lower()
