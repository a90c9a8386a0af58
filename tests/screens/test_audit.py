"""The audit trail on the screen: pages, filters, check, export, alerts, reports; all by keyboard."""

from __future__ import annotations

import csv
import io
import json
import threading
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core import staff, terminals
from core.audit import alerts as alerting
from core.audit import proof
from core.audit.trail import Filter
from core.database import Database
from core.errors import NotSignedIn
from core.office import Office
from core.ops.demo import PIN
from counter.dialogs.choice import Choice
from counter.dialogs.form import Form
from counter.dialogs.reading import Reading
from counter.screens.audit import AuditScreen
from counter.screens.audit_check import ChainCheck
from counter.screens.audit_flows import Face
from tests.conftest import sign_in
from tests.screens.till import Till


class Bureau(Till):
    """A supervisor at the audit workstation."""

    @property
    def audit(self) -> AuditScreen:
        screen = self.app.screen_stack[0]
        assert isinstance(screen, AuditScreen)
        return screen

    @property
    def message(self) -> str:
        shown = self.app.workstation.line.message
        return f"{shown[1]} {shown[2]}".strip() if shown else ""

    async def quiet(self) -> None:
        """Wait for the end of a flow."""
        await self.until(lambda: not self.audit.busy)
        await self.settled()

    async def do(self, *keys: str) -> None:
        """Press keys, each after the flow of the one before."""
        for key in keys:
            await self.pilot.press(key)
            await self.quiet()

    async def open(self, key: str, dialog: type[Any]) -> None:
        """Press a key that opens a dialog."""
        await self.pilot.press(key)
        await self.until(lambda: isinstance(self.app.screen, dialog))
        await self.settled()

    @property
    def filter(self) -> str:
        return self.audit.typed

    async def search(self, line: str) -> None:
        """Write a filter and ask."""
        await self.press("slash")
        self.audit.query_one("#filter", expect_type=None).value = ""
        await self.type(line)
        await self.type("\r")
        await self.quiet()

    def looks(self) -> list[str]:
        """What is on record about looks into the trail, oldest first: which, and by what filter."""
        rows = self.office.database.transaction(
            lambda tx: tx.raw(
                "SELECT entity_id, new_values ->> 'filter' AS filter FROM audit_logs"
                " WHERE entity_type = 'audit_logs' ORDER BY created_at, chain_no"
            ).all()
        )
        return [f"{row.entity_id} {row.filter}" for row in rows]


@pytest.fixture
def things(office: Office) -> Callable[[int], None]:
    """Writes so many rows about things, as clerk 1001."""
    clerk = sign_in(office)

    def write(rows: int) -> None:
        for number in range(rows):
            old, new = {"colour": "red", "n": number}, {"colour": "blue", "n": number}
            office.database.transaction(
                lambda tx, number=number, old=old, new=new: tx.audit("update", "things", number, old=old, new=new),
                actor=clerk,
            )

    return write


@pytest.fixture
async def bureau(counter: Any, things: Callable[[int], None]) -> AsyncIterator[Bureau]:
    """A supervisor who looks at the newest rows, a hundred of them about things."""
    things(130)
    async with counter("3001") as pilot:
        bureau = Bureau(pilot)
        await arrive(bureau)
        yield bureau


async def arrive(bureau: Bureau) -> None:
    await bureau.pilot.press("ctrl+l")
    await bureau.until(lambda: bureau.app.current_mode == "audit")
    await bureau.until(lambda: not bureau.audit.busy and bool(bureau.audit.page.entries))
    await bureau.settled()


# Rows


async def test_the_newest_rows_and_the_whole_of_the_marked_one(bureau: Bureau) -> None:
    assert "Audit trail · 100 rows · page 1" in bureau.text
    await bureau.search("entity things")
    assert "update  things 129" in bureau.text
    assert [line.split() for line in bureau.lines if "colour" in line] == [["colour", "red", "blue"]]
    chain = bureau.audit.page.entries[0]
    assert f"chain {chain.terminal_id}/{chain.chain_no} {chain.row_hash.hex()[:16]}" in bureau.text
    await bureau.press("down")
    assert "update  things 128" in bureau.text


async def test_pages_turn_by_key_and_every_page_is_on_record(bureau: Bureau) -> None:
    await bureau.search("entity things")
    before = len(bureau.looks())
    await bureau.do("o")
    assert bureau.audit.page.entries[0].entity_id == "29"
    assert "30 rows · page 2" in bureau.text
    await bureau.do("o")  # there is nothing older
    await bureau.do("n")
    assert bureau.audit.page.entries[0].entity_id == "129"
    assert bureau.looks()[before:] == ['list {"entity": "things"}'] * 2


async def test_what_has_something_in_common_with_the_marked_row(bureau: Bureau) -> None:
    await bureau.search("entity things")
    row = bureau.audit.chosen
    assert row is not None
    await bureau.do("p")
    assert bureau.filter == "who 1001 entity things"
    await bureau.do("e")
    assert bureau.audit.page.entries == (row,)
    await bureau.do("x", "down")
    await bureau.search("entity things")
    await bureau.do("c")
    assert (bureau.audit.wanted.correlation, bureau.audit.page.entries[0].id) == (row.correlation_id, row.id)
    await bureau.do("x")
    assert (bureau.filter, bureau.audit.wanted) == ("", Filter())


async def test_a_row_nobody_was_signed_in_for_has_no_person(bureau: Bureau) -> None:
    await bureau.search("entity terminals")
    await bureau.do("p")
    assert bureau.message == "Nobody was signed in for this row."


async def test_a_filter_that_says_nothing_right_stays_to_be_mended(bureau: Bureau) -> None:
    rows = bureau.audit.page
    await bureau.search("who 1001 entity")
    assert "its value is missing" in bureau.message
    assert (bureau.audit.page, bureau.filter, bureau.audit.is_typing) == (rows, "who 1001 entity", True)
    await bureau.type(" things\r")
    await bureau.quiet()
    assert {one.entity for one in bureau.audit.page.entries} == {"things"}
    await bureau.search("who 4711")
    assert "Nobody has the staff number '4711'." in bureau.message
    await bureau.press("escape")
    assert bureau.filter == "entity things who 1001" or bureau.filter == "who 1001 entity things"


async def test_a_row_is_read_as_a_whole(bureau: Bureau) -> None:
    await bureau.search("entity things id 7")
    await bureau.open("enter", Reading)
    assert "before: red" in bureau.text
    assert "after: blue" in bureau.text


async def test_what_is_stored_cannot_write_on_the_terminal(bureau: Bureau) -> None:
    bad = "\x1b[2J\u202egone"
    bureau.office.database.transaction(lambda tx: tx.audit("update", "things", bad, new={bad: bad}))
    await bureau.search("entity things")
    assert "\x1b" not in bureau.text
    assert "\u202e" not in bureau.text
    assert "[2J" in bureau.text


# Is it whole?


async def test_all_chains_are_checked(bureau: Bureau) -> None:
    await bureau.open("v", Choice)
    await bureau.open("enter", ChainCheck)
    await bureau.until(lambda: "fit together" in bureau.text)
    await bureau.press("escape")
    await bureau.quiet()
    assert bureau.message.startswith("✔ Nothing was changed: ")


async def test_one_chain_is_checked_and_what_is_wrong_is_named(bureau: Bureau, owner_connection: Any) -> None:
    from sqlalchemy import text

    for statement in (
        "ALTER TABLE audit_logs DISABLE TRIGGER USER",
        "UPDATE audit_logs SET action = 'view' WHERE entity_type = 'things' AND entity_id = '50'",
        "ALTER TABLE audit_logs ENABLE TRIGGER USER",
    ):
        owner_connection.execute(text(statement))
    await bureau.open("v", Choice)
    await bureau.press("down")
    await bureau.open("enter", ChainCheck)
    await bureau.until(lambda: "1 thing is wrong" in bureau.text)
    assert "terminal TEST-1: row" in bureau.text
    await bureau.press("escape")
    await bureau.quiet()
    assert "was changed" in bureau.message
    assert bureau.looks()[-1] == "proof None"


async def test_a_check_can_be_left(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()
    whole = proof.check

    def slow(*arguments: Any, **options: Any) -> Any:
        begun.set()
        go_on.wait()
        try:
            return whole(*arguments, **options)
        finally:
            ended.set()

    monkeypatch.setattr(proof, "check", slow)
    await bureau.open("v", Choice)
    await bureau.open("enter", ChainCheck)
    await bureau.until(begun.is_set)
    await bureau.press("escape")
    await bureau.quiet()
    go_on.set()
    await bureau.until(ended.is_set)
    assert "proof" not in " ".join(bureau.looks())


# To a file


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
async def test_what_the_filter_finds_is_exported_and_signed(bureau: Bureau, tmp_path: Path, name: str) -> None:
    await bureau.search("entity things")
    await bureau.open("w", Form)
    form = bureau.app.screen
    form.query_one("#file", expect_type=None).value = str(tmp_path / name)
    await bureau.press("enter")
    await bureau.until(lambda: bureau.app.screen is not form)
    await bureau.quiet()
    assert bureau.message.startswith("130 rows are in ")
    text = (tmp_path / name).read_text(encoding="utf-8")
    rows = list(csv.reader(io.StringIO(text)))[1:] if name.endswith("csv") else text.splitlines()
    assert len(rows) == 130
    assert json.loads((tmp_path / f"{name}.sig").read_bytes())["statement"]["rows"] == 130
    await bureau.open("w", Form)
    bureau.app.screen.query_one("#file", expect_type=None).value = str(tmp_path / name)
    await bureau.press("enter")
    await bureau.until(lambda: "is there already" in " ".join(bureau.text.split()))


# Alerts


@pytest.fixture
def guesses(office: Office) -> None:
    """Five wrong PINs for clerk 1001."""
    here = terminals.register(office, "DESK-9", station="YK")
    for _ in range(5):
        with pytest.raises(NotSignedIn):
            staff.sign_in(office, here, "1001", "000000", program="tests")


async def test_supervisors_are_told_once_and_acknowledge(counter: Any, guesses: None) -> None:
    async with counter(None) as pilot:
        bureau = Bureau(pilot)
        await bureau.app.sign_in("3001", PIN)
        await bureau.until(lambda: bureau.app.alerts.number > 0)
        number = bureau.app.alerts.number
        assert number in (1, 2)  # at night refusals are one more
        bureau.app.workstation.line.clear()
        bureau.app.alerts._to_tell = True
        bureau.app.alerts._tell()
        assert bureau.message == ("1 security alert: Ctrl+L" if number == 1 else "2 security alerts: Ctrl+L")
        bureau.app.workstation.line.clear()
        bureau.app.alerts._tell()
        assert bureau.message == ""
        await arrive(bureau)
        assert f"{number} security alert" in bureau.lines[1]
        await bureau.do("a")
        assert "Wrong PINs for one number" in bureau.text
        at = next(n for n, one in enumerate(bureau.audit.alerts) if one.kind == "failed_pins")
        await bureau.press(*["down"] * at)
        await bureau.open("k", Form)
        await bureau.type("forgot it\r")
        await bureau.until(lambda: not isinstance(bureau.app.screen, Form))
        await bureau.quiet()
        assert bureau.message == "The alert is acknowledged."
        assert "3001 has looked at it: forgot it" in bureau.text
        await bureau.until(lambda: bureau.app.alerts.number == number - 1)
        supervisor = bureau.app.actor
        assert supervisor is not None
        now = bureau.office.database.transaction(lambda tx: tx.now)
        found = alerting.alerts(bureau.office, supervisor, now - timedelta(days=1), now)
        assert [one.acknowledged.by for one in found if one.acknowledged] == ["3001"]
        await bureau.pilot.press("f12")
        await bureau.until(lambda: bureau.app.current_mode == "login")
        assert bureau.app.alerts.number == 0


async def test_others_are_told_nothing_and_cannot_look(counter: Any, guesses: None) -> None:
    async with counter("2001") as pilot:
        bureau = Bureau(pilot)
        bureau.app.alerts.look()
        assert not bureau.app.alerts._busy
        await bureau.pilot.press("ctrl+l")
        await bureau.settled()
        assert bureau.app.current_mode == "gate"
        assert "does not allow this" in bureau.message


# Reports


async def test_a_compliance_report_is_read_and_saved(bureau: Bureau, tmp_path: Path) -> None:
    await bureau.open("r", Form)
    await bureau.press("enter")
    await bureau.until(lambda: bureau.audit.face is Face.REPORT)
    await bureau.quiet()
    assert "Nobody decided on a request of their own." in bureau.text
    assert "Looks at data" in bureau.text
    await bureau.open("w", Form)
    form = bureau.app.screen
    form.query_one("#file", expect_type=None).value = str(tmp_path / "report.json")
    await bureau.press("enter")
    await bureau.until(lambda: bureau.app.screen is not form)
    await bureau.quiet()
    assert json.loads((tmp_path / "report.json").read_bytes())["problems"] == []
    await bureau.press("escape")
    assert bureau.audit.face is Face.TRAIL


async def test_days_that_are_none_stay_in_the_form(bureau: Bureau) -> None:
    await bureau.open("r", Form)
    bureau.app.screen.query_one("#since", expect_type=None).value = "2026-02-30"
    await bureau.press("enter")
    await bureau.until(lambda: "is no day or time" in " ".join(bureau.text.split()))
    assert isinstance(bureau.app.screen, Form)


# Everywhere


async def test_in_indonesian_and_wide(counter: Any, things: Callable[[int], None]) -> None:
    things(3)
    async with counter("3001", size=(120, 40)) as pilot:
        bureau = Bureau(pilot)
        await arrive(bureau)
        bureau.app.speak("id")
        await bureau.search("entity things")
        assert "Jejak audit · 3 baris" in bureau.text
        assert '"colour": "red"' in bureau.text  # where there is room, values stand in the list
        assert "sebelum" in bureau.text
        await bureau.search("who")
        assert "nilainya belum ada" in bureau.message
        await bureau.press("escape")
        await bureau.do("a")
        assert "tujuh hari terakhir" in bureau.text or "Peringatan keamanan" in bureau.text


async def test_back_goes_to_where_one_came_from(bureau: Bureau) -> None:
    await bureau.press("f", "escape")
    assert bureau.app.current_mode == "audit"
    await bureau.pilot.press("escape")
    await bureau.until(lambda: bureau.app.current_mode == "sell")


async def test_the_screen_never_asks_the_database_where_it_draws(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, asked = threading.get_ident(), []
    whole = Database.transaction

    def watched(*arguments: Any, **options: Any) -> Any:
        if threading.get_ident() == here:
            asked.append(arguments)
        return whole(*arguments, **options)

    monkeypatch.setattr(Database, "transaction", watched)
    await bureau.do("o", "n", "e", "x", "a", "escape")
    await bureau.open("r", Form)
    await bureau.press("enter")
    await bureau.until(lambda: bureau.audit.face is Face.REPORT)
    await bureau.quiet()
    bureau.app.alerts.look()
    bureau.app.action_language()
    await bureau.settled()
    assert asked == []


async def test_heads_are_noted_at_the_start_and_at_sign_off(bureau: Bureau) -> None:
    assert bureau.app.workplace is not None
    heads = bureau.app.workplace.settings.audit_heads_file

    def noted() -> list[int]:
        lines = heads.read_text(encoding="utf-8").splitlines() if heads.exists() else []
        return [json.loads(line)["chain_no"] for line in lines]

    await bureau.until(lambda: len(noted()) == 1)
    await bureau.pilot.press("f12")
    await bureau.until(lambda: len(noted()) == 2)
    assert noted() == sorted(noted())
