"""Moving sealed values to a new identity key while sales go on, and after whoever did it was killed."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Connection, text

from core import fines, keys, party, service_requests
from core import office as offices
from core.errors import CounterError, IntegrityFailure, NotReady
from core.fines import FineOrder
from core.keys import sealed_in
from core.office import Office
from core.ops import key_rotation, reencryption
from core.service_requests import Wanted

if TYPE_CHECKING:
    from tests.conftest import TestDatabase
    from tests.core.conftest import Desk


@pytest.fixture
def folder(database: TestDatabase, tmp_path: Path) -> Path:
    """A ring of this test's own, to be changed."""
    made = tmp_path / "keys"
    made.mkdir()
    shutil.copy(database.keys_folder / "ring.json", made / "ring.json")
    return made


@pytest.fixture
def start(database: TestDatabase, folder: Path) -> Iterator[Callable[[], Office]]:
    """Starts a terminal with this test's ring."""
    started: list[Office] = []

    def one() -> Office:
        started.append(offices.open_office(offices.connect(database.counter_url), keys.load(folder)))
        return started[-1]

    yield one
    for office in started:
        office.close()


def sealed_with(desk: Desk) -> list[int]:
    """The keys that passengers' identities are sealed with, by passenger number."""
    rows = desk.owner(
        "SELECT get_byte(identity_number, 0) AS key_id FROM passengers ORDER BY split_part(passenger_name, ' ', 2)::int"
    )
    return [row.key_id for row in rows]


def identities(desk: Desk, office: Office) -> list[str]:
    rows = desk.owner("SELECT id, identity_number FROM passengers WHERE identity_number IS NOT NULL")
    said = [(bytes(row.identity_number), sealed_in("passengers.identity_number", row.id)) for row in rows]
    return sorted(office.keys.decrypt(sealed, purpose) for sealed, purpose in said)


def fill_in(desk: Desk, office: Office) -> dict[str, str]:
    """A value in every sealed column there is but the passengers'; what they are by column."""
    booking = desk.value("SELECT id FROM bookings LIMIT 1")
    user = desk.value("SELECT id FROM users LIMIT 1")
    desk.owner("INSERT INTO user_profiles (operator_id, id, user_id) VALUES (1, gen_random_uuid(), :user)", user=user)
    profile = desk.value("SELECT id FROM user_profiles")
    fine = fines.issue(office, desk.clerk, FineOrder(name="Budi", identity="P1234567", train="43")).id
    waits = service_requests.open_request(office, desk.clerk, Wanted("complaint", "Siti", "noise")).id
    message = desk.value(
        "INSERT INTO notification_deliveries (operator_id, id, event_id, event_type, channel, recipient_digest,"
        " template, language, next_try_at)"
        " SELECT 1, gen_random_uuid(), id, event_type, 'sms', '', 'x', 'id', now() FROM domain_events LIMIT 1"
        " RETURNING id"
    )
    rows = {"users": user, "user_profiles": profile, "bookings": booking, "fines": fine, "callback_requests": waits}
    rows["notification_deliveries"] = message
    rows["refunds"] = desk.value(
        "WITH asked AS (INSERT INTO approvals (operator_id, id, approval_number, approval_kind, subject_type,"
        " subject_id, amount, fingerprint, reason, requested_by, terminal_id, expires_at, status, decided_by,"
        " decided_at) SELECT 1, gen_random_uuid(), 900, 'refund', 'bookings', p.booking_id::text, 1, '', 'x',"
        " p.taken_by, p.terminal_id, now(), 'approved', u.id, now() FROM payments p, users u"
        " WHERE u.staff_number = '3001' LIMIT 1 RETURNING id, subject_id),"
        " opened AS (INSERT INTO booking_modifications (operator_id, id, booking_id, modification_type, reason,"
        " approval_id) SELECT 1, gen_random_uuid(), subject_id::uuid, 'cancel', 'x', id FROM asked"
        " RETURNING id, booking_id)"
        " INSERT INTO refunds (operator_id, id, payment_id, refund_reference, refund_reason, refund_amount,"
        " refund_method, modification_id) SELECT 1, gen_random_uuid(), p.id, 'R', 'cancellation', 1, 'bank_transfer',"
        " o.id FROM payments p JOIN opened o USING (booking_id) LIMIT 1 RETURNING id"
    )
    digests = {"users.email": "email_digest", "users.phone_number": "phone_digest"}
    digests["bookings.contact_phone"] = "contact_phone_digest"
    digests["bookings.contact_email"] = "contact_email_digest"
    digests["callback_requests.contact_phone"] = "contact_phone_digest"
    filled = {}
    for table, column in reencryption.sealed_columns():
        if table.name == "passengers":
            continue
        name, row = f"{table.name}.{column.name}", rows[table.name]
        beside = f", {digests[name]} = :digest" if name in digests else ""
        desk.owner(
            f"UPDATE {table.name} SET {column.name} = :sealed{beside} WHERE id = :id",
            id=row,
            sealed=office.keys.encrypt(f"secret of {name}", sealed_in(name, row)),
            **({"digest": office.keys.digest(name)} if beside else {}),
        )
        filled[name] = str(row)
    return filled


def test_every_sealed_value_is_moved_and_reads_as_before(desk: Desk, folder: Path, database: Any, start: Any) -> None:
    desk.sell(3, infants=1)
    filled = fill_in(desk, desk.office)
    assert len(filled) >= 6
    key_rotation.rotate(database.owner_url, folder, "identity", announce=True)
    before = desk.owner("SELECT identity_digest FROM passengers ORDER BY id")

    done = reencryption.reencrypt(database.owner_url, folder, batch=2)

    assert (done.key_id, done.moved, done.left) == (2, 3 + len(filled), 0)
    office = start()
    assert office.keys.encryption_key_id == 2
    assert identities(desk, office) == [f"317101010190000{n}" for n in (1, 2, 3)]
    for name, row in filled.items():
        table, column = name.split(".")
        sealed = bytes(desk.value(f"SELECT {column} FROM {table} WHERE id = :id", id=row))
        assert (sealed[0], office.keys.decrypt(sealed, sealed_in(name, row))) == (2, f"secret of {name}")
    assert desk.owner("SELECT identity_digest FROM passengers ORDER BY id") == before
    assert reencryption.reencrypt(database.owner_url, folder).moved == 0
    desk.require_sound()


def test_a_key_leaves_only_when_nothing_is_sealed_with_it(desk: Desk, folder: Path, database: Any, start: Any) -> None:
    owner = database.owner_url
    held = desk.hold(1)
    party.name_passengers(desk.office, desk.clerk, held.booking_id, desk.people(1))

    def refused(work: Callable[[], object]) -> str:
        with pytest.raises(CounterError) as caught:
            work()
        return caught.value.reason

    key_rotation.rotate(owner, folder, "identity", announce=False)
    assert refused(lambda: key_rotation.retire(owner, folder, "identity", 1)) == "key_seals_values"
    reencryption.reencrypt(owner, folder)
    key_rotation.retire(owner, folder, "identity", 1)
    assert refused(lambda: key_rotation.drop(owner, folder, "identity", 1)) == "just_retired"
    desk.owner("UPDATE key_rings SET retired_at = retired_at - interval '1 hour' WHERE retired_at IS NOT NULL")
    key_rotation.drop(owner, folder, "identity", 1)
    office = start()
    assert sorted(office.keys.identity_keys) == [2]
    assert party.named(office, desk.clerk, held.booking_id)[0].identity == "3171010101900001"
    assert [one.sealed_values for one in key_rotation.listed(owner, folder) if one.purpose == "identity"] == [0, 1]


def test_sales_go_on_in_between(
    desk: Desk, folder: Path, database: Any, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A counter that knows the new key and one that does not sell between the batches; nobody waits for anybody."""
    desk.sell(4)
    old_ring, sold = desk.office, []
    key_rotation.rotate(database.owner_url, folder, "identity", announce=True)
    new_ring = start()
    real = reencryption._batch

    def batch(*arguments: Any) -> Any:
        rows = real(*arguments)
        if rows and len(sold) < 4:  # while these rows are ours and not yet changed
            desk.office = new_ring if len(sold) % 2 else old_ring
            desk.office.refresh_keys()
            sold.append(desk.sell(1, first=5 + len(sold)))
        return rows

    monkeypatch.setattr(reencryption, "_batch", batch)
    done = reencryption.reencrypt(database.owner_url, folder, batch=1)
    assert len(sold) == 4
    assert done.left == 0
    assert set(sealed_with(desk)) == {2}
    assert len(identities(desk, new_ring)) == 8
    desk.require_sound()


def test_a_row_somebody_holds_is_passed_over(
    desk: Desk, folder: Path, database: Any, owner_session: Connection
) -> None:
    desk.sell(2)
    key_rotation.rotate(database.owner_url, folder, "identity", announce=True)
    owner_session.execute(text("SELECT * FROM passengers WHERE position = 1 FOR UPDATE"))
    done = reencryption.reencrypt(database.owner_url, folder)
    assert (done.moved, done.left, sealed_with(desk)) == (1, 1, [1, 2])
    owner_session.rollback()
    assert reencryption.reencrypt(database.owner_url, folder).left == 0


def test_killed_in_the_middle_it_is_simply_run_again(desk: Desk, folder: Path, database: Any, start: Any) -> None:
    desk.sell(4)
    key_rotation.rotate(database.owner_url, folder, "identity", announce=True)
    code = (
        "import os, pathlib, signal, sys; from core.ops import reencryption as it\n"
        "real, calls = it._reseal, []\n"
        "def reseal(*a):\n"
        "    calls.append(a)\n"
        "    len(calls) == 4 and os.kill(os.getpid(), signal.SIGKILL)\n"
        "    real(*a)\n"
        "it._reseal = reseal\n"
        "it.reencrypt(sys.argv[1], pathlib.Path(sys.argv[2]), batch=2)"
    )
    died = subprocess.run([sys.executable, "-c", code, database.owner_url, str(folder)], check=False)
    assert died.returncode == -signal.SIGKILL
    assert sorted(sealed_with(desk)) == [1, 1, 2, 2]  # the first batch stands, the second never happened
    office = start()
    assert len(identities(desk, office)) == 4
    assert reencryption.reencrypt(database.owner_url, folder, batch=2).moved == 2
    assert len(identities(desk, office)) == 4


def test_a_running_counter_reads_what_another_sealed_with_a_key_it_has_on_file_only(
    desk: Desk, folder: Path, database: Any, start: Any
) -> None:
    office = start()
    key_rotation.rotate(database.owner_url, folder, "identity", announce=False)
    assert sorted(office.keys.identity_keys) == [1]
    sealed = start().keys.encrypt("x", "p")
    assert (sealed[0], office.keys.decrypt(sealed, "p")) == (2, "x")
    (folder / "ring.json").unlink()
    with pytest.raises(IntegrityFailure):
        office.keys.decrypt(sealed, "p")


def test_a_value_that_was_changed_stops_it_and_is_named(desk: Desk, folder: Path, database: Any) -> None:
    desk.sell(1)
    desk.owner("UPDATE passengers SET identity_number = overlay(identity_number PLACING '\\x00' FROM 20)")
    key_rotation.rotate(database.owner_url, folder, "identity", announce=True)
    with pytest.raises(IntegrityFailure) as caught:
        reencryption.reencrypt(database.owner_url, folder)
    assert str(desk.value("SELECT id FROM passengers")) in caught.value.message


def test_a_ring_without_the_new_key_moves_nothing(desk: Desk, folder: Path, database: Any, tmp_path: Path) -> None:
    desk.sell(1)
    for announce in (True, False):
        if not announce:
            key_rotation.activate(database.owner_url, folder, "identity", 2)
        else:
            key_rotation.rotate(database.owner_url, folder, "identity", announce=True)
        with pytest.raises(NotReady) as caught:
            reencryption.reencrypt(database.owner_url, database.keys_folder)
        assert caught.value.reason == "ring_outdated"
    assert sealed_with(desk) == [1]
