"""The life of ticket keys while counters and gates run: rotated, announced, retired, revoked; rings that differ."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from core import key_files, keys
from core import office as offices
from core.checkin import Gate, Outcome, check_in
from core.database import Actor
from core.errors import CounterError, NotFound, NotReady, StateConflict
from core.key_states import KeyState
from core.office import Office
from core.ops import key_rotation
from core.ticket_code import decode
from core.tickets import TicketRecord

if TYPE_CHECKING:
    from tests.conftest import TestDatabase
    from tests.core.conftest import Desk

YK = Gate("YK")


@pytest.fixture
def folder(database: TestDatabase, tmp_path: Path) -> Path:
    """A ring of this test's own, to be changed."""
    return copied(database.keys_folder, tmp_path / "keys")


def copied(folder: Path, to: Path) -> Path:
    to.mkdir()
    shutil.copy(folder / "ring.json", to / "ring.json")
    return to


@pytest.fixture
def start(database: TestDatabase) -> Iterator[Callable[[Path], Office]]:
    """Starts a terminal with the ring in a folder."""
    started: list[Office] = []

    def one(folder: Path) -> Office:
        started.append(offices.open_office(offices.connect(database.counter_url), keys.load(folder)))
        return started[-1]

    yield one
    for office in started:
        office.close()


@pytest.fixture
def sold(desk: Desk) -> TicketRecord:
    """Signed with the first key, by the terminal of ``desk``, whose ring never changes."""
    return desk.sell(1).tickets[0]


def board(office: Office, agent: Actor, ticket: TicketRecord) -> Outcome:
    return check_in(office, agent, ticket.code, YK, at=ticket.journey.departs_at - timedelta(minutes=1)).outcome


def key_of(ticket: TicketRecord, office: Office) -> int:
    payload = decode(ticket.code, issuer="KAI", public_keys=office.public_keys).payload
    assert payload is not None
    return payload.key_id


def refusal(work: Callable[[], object]) -> str:
    with pytest.raises(CounterError) as caught:
        work()
    return caught.value.reason


# Rotation


def test_a_rotation_stops_nobody(
    desk: Desk, gate_agent: Actor, sold: TicketRecord, folder: Path, database: TestDatabase, start: Any
) -> None:
    gate, here = start(database.keys_folder), start(folder)
    assert key_rotation.rotate(database.owner_url, folder, "ticket", announce=False) == (2, KeyState.IN_USE)

    here.refresh_keys()  # a running terminal whose file has the new key
    assert here.keys.signing_key_id == 2
    old_ring = start(database.keys_folder)  # one that starts again with the old ring
    assert old_ring.keys.signing_key_id == 1
    desk.office = here
    new = desk.sell(1, first=2).tickets[0]
    desk.office = old_ring
    later = desk.sell(1, first=3).tickets[0]
    assert [key_of(ticket, old_ring) for ticket in (sold, new, later)] == [1, 2, 1]
    assert 2 not in gate.public_keys  # it has not heard of it; the first ticket tells
    assert [board(gate, gate_agent, ticket) for ticket in (new, sold, later)] == [Outcome.OK] * 3
    assert start(folder).keys.signing_key_id == 2


def test_an_announced_key_signs_nothing_before_it_is_activated(
    desk: Desk, folder: Path, database: TestDatabase, start: Any
) -> None:
    owner = database.owner_url
    assert key_rotation.rotate(owner, folder, "ticket", announce=True) == (2, KeyState.ANNOUNCED)
    office = start(folder)
    assert (office.keys.signing_key_id, set(office.public_keys)) == (1, {1, 2})
    assert refusal(lambda: key_rotation.rotate(owner, folder, "ticket", announce=False)) == "key_announced"
    key_rotation.activate(owner, folder, "ticket", 2)
    key_rotation.activate(owner, folder, "ticket", 2)  # it is in use already
    office.refresh_keys()
    assert office.keys.signing_key_id == 2


def test_rotations_at_once_make_keys_of_their_own(folder: Path, database: TestDatabase) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = pool.map(
            lambda _: key_rotation.rotate(database.owner_url, folder, "ticket", announce=False)[0], range(4)
        )
        assert sorted(made) == [2, 3, 4, 5]
    assert sorted(keys.load(folder).ticket_keys) == [1, 2, 3, 4, 5]
    assert all(one.on_ring for one in key_rotation.listed(database.owner_url, folder))
    assert [path.name for path in folder.iterdir()] == ["ring.json"]
    assert (folder / "ring.json").stat().st_mode & 0o777 == 0o600


def test_a_ring_that_is_not_the_current_one_makes_no_keys(folder: Path, database: TestDatabase, tmp_path: Path) -> None:
    older = copied(folder, tmp_path / "older")
    key_rotation.rotate(database.owner_url, folder, "ticket", announce=False)
    assert refusal(lambda: key_rotation.rotate(database.owner_url, older, "ticket", announce=False)) == "ring_outdated"
    key_files.restore(folder / "ring.json", older)
    assert key_rotation.rotate(database.owner_url, older, "ticket", announce=False)[0] == 3


@pytest.mark.parametrize("moment", ["before the file", "after the file"])
def test_whoever_dies_in_a_rotation_leaves_a_ring_that_works(
    folder: Path, database: TestDatabase, start: Any, moment: str
) -> None:
    kill = "lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)"
    patch = {"before the file": f"pathlib.Path.replace = {kill}", "after the file": f"Keys.note = {kill}"}[moment]
    code = (
        "import os, pathlib, signal, sys; from core.ops import key_rotation; from core.ops.own_keys import Keys\n"
        f"{patch}\n"
        "key_rotation.rotate(sys.argv[1], pathlib.Path(sys.argv[2]), 'ticket', announce=False)"
    )
    died = subprocess.run([sys.executable, "-c", code, database.owner_url, str(folder)], check=False)
    assert died.returncode == -signal.SIGKILL
    before = keys.load(folder)
    assert start(folder).keys.signing_key_id == 1
    assert key_rotation.rotate(database.owner_url, folder, "ticket", announce=False)[0] == 2
    if moment == "after the file":
        assert keys.load(folder).public_key(2) == before.public_key(2)  # the key that was made is the one entered


def test_rotations_are_on_the_audit_trail(desk: Desk, folder: Path, database: TestDatabase) -> None:
    key_rotation.rotate(database.owner_url, folder, "ticket", announce=False)
    key_rotation.revoke(database.owner_url, folder, 1, "a terminal was stolen")
    rows = desk.owner(
        "SELECT action, entity_id, new_values FROM audit_logs WHERE entity_type = 'key_rings' ORDER BY chain_no"
    )
    assert [(row.action, row.entity_id, row.new_values["state"]) for row in rows] == [
        ("create", "ticket 2", "in_use"),
        ("update", "ticket 1", "revoked"),
    ]


# Retired and revoked


def test_a_retired_keys_tickets_board_and_a_revoked_keys_do_not(
    desk: Desk, gate_agent: Actor, sold: TicketRecord, folder: Path, database: TestDatabase, start: Any
) -> None:
    owner, gate, old_ring = database.owner_url, start(folder), start(database.keys_folder)
    other = desk.sell(1, first=2).tickets[0]
    key_rotation.rotate(owner, folder, "ticket", announce=False)
    key_rotation.retire(owner, folder, "ticket", 1)
    gate.refresh_keys()
    assert board(gate, gate_agent, sold) is Outcome.OK
    assert key_rotation.revoke(owner, folder, 1, "a terminal was stolen") == 2
    gate.refresh_keys()
    assert board(gate, gate_agent, other) is Outcome.REVOKED
    old_ring.refresh_keys()
    with pytest.raises(NotReady) as caught:
        _ = old_ring.keys.signing_key_id
    assert caught.value.reason == "no_signing_key"
    with pytest.raises(NotReady):
        start(database.keys_folder)


def test_a_running_gate_hears_of_a_revocation_by_itself(
    desk: Desk, gate_agent: Actor, sold: TicketRecord, folder: Path, database: TestDatabase, start: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    gate = start(folder)
    key_rotation.rotate(database.owner_url, folder, "ticket", announce=False)
    key_rotation.revoke(database.owner_url, folder, 1, "stolen")
    assert offices.KEYS_FRESH_SECONDS <= 60
    monkeypatch.setattr(offices, "KEYS_FRESH_SECONDS", 0)
    assert board(gate, gate_agent, sold) is Outcome.REVOKED


def test_what_is_refused(folder: Path, database: TestDatabase) -> None:
    owner = database.owner_url
    assert refusal(lambda: key_rotation.retire(owner, folder, "ticket", 1)) == "last_key"
    assert refusal(lambda: key_rotation.revoke(owner, folder, 1, "stolen")) == "last_key"
    assert refusal(lambda: key_rotation.revoke(owner, folder, 1, " ")) == "reason_missing"
    for work in (
        lambda: key_rotation.retire(owner, folder, "ticket", 9),
        lambda: key_rotation.revoke(owner, folder, 9, "stolen"),
        lambda: key_rotation.activate(owner, folder, "ticket", 9),
        lambda: key_rotation.drop(owner, folder, "ticket", 9),
    ):
        with pytest.raises(NotFound):
            work()
    key_rotation.rotate(owner, folder, "ticket", announce=False)
    key_rotation.retire(owner, folder, "ticket", 1)
    for again in (
        lambda: key_rotation.retire(owner, folder, "ticket", 1),
        lambda: key_rotation.activate(owner, folder, "ticket", 1),
        lambda: key_rotation.drop(owner, folder, "ticket", 2),
    ):
        with pytest.raises(StateConflict):
            again()
    key_rotation.drop(owner, folder, "ticket", 1)
    assert sorted(keys.load(folder).ticket_keys) == [2]
    assert refusal(lambda: key_rotation.retire(owner, folder, "ticket", 2)) == "last_key"


def test_another_operators_ring_changes_nothing(database: TestDatabase, tmp_path: Path) -> None:
    keys.create(tmp_path)
    for work in (
        lambda: key_rotation.rotate(database.owner_url, tmp_path, "ticket", announce=False),
        lambda: key_rotation.listed(database.owner_url, tmp_path),
    ):
        with pytest.raises(NotReady):
            work()
    assert sorted(keys.load(tmp_path).ticket_keys) == [1]


# A gate's ring, escrow


def test_a_gates_ring_verifies_and_issues_nothing(
    desk: Desk, gate_agent: Actor, sold: TicketRecord, folder: Path, database: TestDatabase, start: Any, tmp_path: Path
) -> None:
    at_gate = tmp_path / "gate"
    key_files.save(folder, at_gate / "ring.json", gate=True)
    written = (at_gate / "ring.json").read_text(encoding="utf-8")
    whole = json.loads((folder / "ring.json").read_text(encoding="utf-8"))
    assert whole["digest"] in written
    assert not any(secret in written for secret in (*whole["ticket"].values(), *whole["identity"].values()))
    gate = start(at_gate)
    assert board(gate, gate_agent, sold) is Outcome.OK
    held = desk.hold(1)
    desk.office = gate
    assert refusal(lambda: desk.confirm(held, first=5)) == "no_signing_key"
    assert refusal(lambda: gate.keys.signing_key_id) == "no_signing_key"
    key_rotation.rotate(database.owner_url, folder, "ticket", announce=False)
    assert start(at_gate).public_keys.keys() == {1, 2}  # a gate needs no new ring
    with pytest.raises(NotReady):
        key_rotation.rotate(database.owner_url, at_gate, "ticket", announce=False)


def test_another_operators_gate_ring_opens_nothing(database: TestDatabase, start: Any, tmp_path: Path) -> None:
    keys.create(tmp_path / "other")
    key_files.save(tmp_path / "other", tmp_path / "gate" / "ring.json", gate=True)
    with pytest.raises(NotReady):
        start(tmp_path / "gate")


@pytest.mark.parametrize("passphrase", [None, "kereta api ekspres malam"])
def test_an_escrowed_ring_is_the_ring(folder: Path, tmp_path: Path, passphrase: str | None) -> None:
    saved = tmp_path / "safe" / "ring.escrow"
    key_files.save(folder, saved, passphrase=passphrase)
    assert saved.stat().st_mode & 0o777 == 0o600
    digest = json.loads((folder / "ring.json").read_text(encoding="utf-8"))["digest"]
    assert (digest in saved.read_text(encoding="utf-8")) is (passphrase is None)
    restored = key_files.restore(saved, tmp_path / "new", passphrase=passphrase)
    assert restored.fingerprints() == keys.load(folder).fingerprints()
    assert restored.digest_key == keys.load(folder).digest_key
    assert refusal(lambda: key_files.save(folder, saved)) == "file_exists"


def test_a_sealed_escrow_opens_to_its_passphrase_alone(folder: Path, tmp_path: Path) -> None:
    saved, to = tmp_path / "ring.escrow", tmp_path / "new"
    assert refusal(lambda: key_files.save(folder, saved, passphrase="short")) == "passphrase_short"
    key_files.save(folder, saved, passphrase="kereta api ekspres malam")
    for wrong in (None, "kereta api ekspres siang"):
        assert refusal(lambda wrong=wrong: key_files.restore(saved, to, passphrase=wrong)) == "passphrase_wrong"
    for damage in ({"n": 1 << 30}, {"n": 0}, {"n": "x"}, {"salt": "?"}, {"nonce": None}):
        document = json.loads(saved.read_text(encoding="utf-8"))
        document["sealed"] |= damage
        broken = tmp_path / "broken"
        broken.touch(mode=0o600)
        broken.write_text(json.dumps(document), encoding="utf-8")
        with pytest.raises(NotReady):
            key_files.restore(broken, to, passphrase="kereta api ekspres malam")
    assert not to.exists()


def test_restoring_brings_keys_together_and_loses_none(folder: Path, tmp_path: Path) -> None:
    mine, brought = copied(folder, tmp_path / "mine"), copied(folder, tmp_path / "brought")
    key_files.add(mine, "identity", 2)
    key_files.add(brought, "ticket", 2)
    together = key_files.restore(brought / "ring.json", mine)
    assert (sorted(together.ticket_keys), sorted(together.identity_keys)) == ([1, 2], [1, 2])
    keys.create(tmp_path / "other")
    assert refusal(lambda: key_files.restore(tmp_path / "other" / "ring.json", mine)) == "keys_differ"
    key_files.save(mine, tmp_path / "gate.json", gate=True)
    assert refusal(lambda: key_files.restore(tmp_path / "gate.json", mine)) == "gate_ring"
    assert keys.load(mine).fingerprints() == together.fingerprints()
    assert key_files.restore(tmp_path / "gate.json", tmp_path / "new").is_gate
    assert refusal(lambda: key_files.save(tmp_path / "new", tmp_path / "again")) == "gate_ring"
    assert not key_files.restore(mine / "ring.json", tmp_path / "new").is_gate  # a gate becomes a counter


def test_a_disk_that_takes_nothing_costs_no_key(
    folder: Path, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (folder / "ring.json").read_bytes()

    def full(*_arguments: object) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(keys, "write_draft", full)
    assert refusal(lambda: key_rotation.rotate(database.owner_url, folder, "ticket", announce=False)) == (
        "file_not_written"
    )
    assert (folder / "ring.json").read_bytes() == before
    assert [one.key_id for one in key_rotation.listed(database.owner_url, folder)] == [1, 1]


@pytest.mark.parametrize(
    "damage", [{"identity": {}}, {"identity": {"1": "AAAA"}}, {"ticket": {"0": "A" * 43 + "="}}, {}]
)
def test_a_damaged_gate_ring_is_not_used(tmp_path: Path, damage: dict[str, Any]) -> None:
    keys.create(tmp_path)
    document = keys.gate_document(keys.load(tmp_path))
    if damage:
        document["gate"] |= damage
    else:
        document["gate"] = None
    (tmp_path / "ring.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(NotReady):
        keys.load(tmp_path)
