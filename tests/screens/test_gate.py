"""The gate: scans in, answers out, in order, once each, whatever the database does meanwhile."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import count, islice
from typing import Any, TypeAlias

import pytest
from sqlalchemy import Connection, text
from textual.pilot import Pilot
from textual.widgets import OptionList, Static
from uuid_utils.compat import uuid7

from core import boarding, booking, sale
from core.booking import HoldRequest
from core.clock import local
from core.database import Actor
from core.office import Office
from core.ops import migrate
from core.ops.demo import PIN
from core.passengers import PassengerInput
from core.payments import Tender
from core.policy import BOARDING_CLOSES_MINUTES, BOARDING_OPENS_MINUTES, Policy
from core.search import departure
from core.tickets import TicketRecord
from counter.app import CounterApp
from counter.dialogs.departures import DepartureDialog
from counter.dialogs.question import Question
from counter.screens.gate import GateScreen
from counter.widgets.answer_board import AnswerBoard
from counter.widgets.scan_input import ScanInput, Scanned

Sell: TypeAlias = Callable[..., list[TicketRecord]]
WEEK = 7 * 24 * 60
PACES = {"at once": (0.0,), "0 to 8 ms": tuple(each / 1000 for each in (0, 3, 8, 1, 5, 0, 7, 2)), "8 ms": (0.008,)}


@dataclass
class Railway:
    """The owner's hand in the test's database."""

    connection: Connection

    def decide(self, policy: Policy[Any], value: int) -> None:
        """Enter a policy for the operator."""
        self.connection.execute(
            text(
                "INSERT INTO policy_configurations (operator_id, policy_type, config, is_override)"
                " VALUES (1, :policy, CAST(:config AS jsonb), false)"
            ),
            {"policy": policy.name, "config": json.dumps({"value": value})},
        )

    def scans(self) -> list[Any]:
        """Every check-in on record, in the order of the scans."""
        return list(self.connection.execute(text("SELECT * FROM checkins ORDER BY recorded_at, nonce")).all())


@pytest.fixture
def railway(owner_connection: Connection) -> Railway:
    """Where boarding is open a week ahead."""
    made = Railway(owner_connection)
    made.decide(BOARDING_OPENS_MINUTES, WEEK)
    return made


@pytest.fixture
def server_session(database: Any) -> Iterator[Connection]:
    """Another session in the same database, which may keep a ticket locked."""
    engine = migrate.owner_engine(database.owner_url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def sell(office: Office, clerk: Actor, travel_day: date) -> Sell:
    """Sells tickets from Yogyakarta to Gambir two days from now, four to a party."""
    people = count(1)

    def sold(wanted: int = 1, *, train: str = "43", class_code: str = "EKS") -> list[TicketRecord]:
        trip = departure(office, "YK", "GMR", travel_day, train)
        tickets: list[TicketRecord] = []
        while len(tickets) < wanted:
            party = min(4, wanted - len(tickets))
            held = booking.hold(office, clerk, HoldRequest(trip.schedule_id, class_code, "YK", "GMR", party, 0, ()))
            names = [PassengerInput(f"Budi {n} Santoso", f"317101010190{n:04}") for n in islice(people, party)]
            paid = sale.confirm(office, clerk, held.booking_id, names, Tender("cash"), key=uuid7(), printer="none")
            tickets += paid.tickets
        return tickets

    return sold


def face(pilot: Pilot[Any]) -> Any:
    return pilot.app.screen_stack[0].query_one(AnswerBoard).face


def shown(pilot: Pilot[Any], name: str) -> str:
    return str(pilot.app.screen_stack[0].query_one(f"#{name}", Static).content)


def scan(pilot: Pilot[Any], code: str) -> None:
    pilot.app.screen.post_message(Scanned(code, "wedge"))


async def test_a_good_ticket_boards(counter, until, sell, railway) -> None:
    (ticket,) = sell()
    async with counter("2001") as pilot:
        assert face(pilot).tone == "idle"
        scan(pilot, ticket.code)
        await until(pilot, lambda: face(pilot).tone == "go")
        seen = face(pilot)
        assert seen.word == "BOARD"
        assert seen.seat == f"{ticket.seat.coach.label} {ticket.seat.number}"
        assert seen.who == "BUDI 1 SANTOSO   …0001"
        assert "YK → GMR · 43 Taksaka" in seen.trip
        assert shown(pilot, "tally") == "1 boarded · 0 refused"
        assert shown(pilot, "last") == f"last: ✔ {ticket.seat.number} BUDI"
        assert ("scanner", "on") in pilot.app.bar.lights
    (row,) = railway.scans()
    assert (row.outcome, row.ticket_id, row.offline) == ("ok", int(ticket.number), False)


async def test_the_second_bearer_of_a_ticket_does_not(counter, until, sell, railway) -> None:
    (ticket,) = sell()
    async with counter("2001") as pilot:
        scan(pilot, ticket.code)
        scan(pilot, ticket.code)
        await until(pilot, lambda: face(pilot).tone == "stop")
        used = local(railway.scans()[0].scanned_at, "Asia/Jakarta")
        assert face(pilot).word == "USED"
        assert face(pilot).reason == f"Used at {used:%H:%M} on {used:%a} {used.day} {used:%b} in YK."
        assert shown(pilot, "tally") == "1 boarded · 1 refused"


async def test_a_refusal_rings_and_a_good_ticket_does_not(counter, until, sell, railway, monkeypatch) -> None:
    (ticket,) = sell()
    rung: list[str] = []
    async with counter("2001") as pilot:
        monkeypatch.setattr(pilot.app, "bell", lambda: rung.append(face(pilot).word))
        scan(pilot, ticket.code)
        await until(pilot, lambda: face(pilot).tone == "go")
        assert rung == []
        scan(pilot, "HELLO")
        await until(pilot, lambda: face(pilot).tone == "stop")
        assert len(rung) == 1


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda code: code[:-1] + ("A" if code[-1] != "A" else "B"), "FORGED"),
        (lambda code: "DBX" + code[3:], "FORGED"),
        (lambda _code: "https://example.org/ticket", "UNKNOWN"),
        (lambda _code: "x" * 5000, "UNKNOWN"),
        (lambda _code: "\N{PILE OF POO}\x00\x1b[2J", "UNKNOWN"),
    ],
)
async def test_what_is_no_ticket_of_ours(counter, until, sell, railway, spoil, word) -> None:
    (ticket,) = sell()
    async with counter("2001") as pilot:
        scan(pilot, spoil(ticket.code))
        await until(pilot, lambda: face(pilot).tone == "stop")
        assert face(pilot).word == word
        assert face(pilot).advice != ""


async def test_too_early_says_when(counter, until, sell, owner_connection) -> None:
    (ticket,) = sell()
    async with counter("2001") as pilot:
        scan(pilot, ticket.code)
        await until(pilot, lambda: face(pilot).tone == "stop")
        assert face(pilot).word == "TOO EARLY"
        assert face(pilot).reason.startswith("Boarding opens at 06:30 on ")


async def test_too_late(counter, until, sell, railway) -> None:
    (ticket,) = sell()
    railway.decide(BOARDING_CLOSES_MINUTES, WEEK)
    async with counter("2001") as pilot:
        scan(pilot, ticket.code)
        await until(pilot, lambda: face(pilot).tone == "stop")
        assert (face(pilot).word, face(pilot).reason) == ("DEPARTED", "43 Taksaka left at 07:30.")


async def test_typing_and_escape(counter, until, sell, railway) -> None:
    (ticket,) = sell()
    async with counter("2001") as pilot:
        field = pilot.app.screen.query_one(ScanInput)
        assert pilot.app.focused is field
        await pilot.press(*ticket.code[:5], "escape")
        assert field.value == ""
        await pilot.press(*ticket.code.lower(), "enter")
        await until(pilot, lambda: face(pilot).tone == "go")
        await pilot.press("escape")
        assert face(pilot).tone == "idle"
    assert [row.outcome for row in railway.scans()] == ["ok"]


@pytest.mark.parametrize("chunk", [1, 4, 64, 1000])
@pytest.mark.parametrize(("end", "pace"), [("\r", "at once"), ("\n", "0 to 8 ms"), ("\t", "8 ms")])
async def test_ten_scans_are_ten_check_ins(counter, wire, until, sell, railway, chunk, pace, end) -> None:
    tickets = sell(10)
    async with counter("2001") as pilot:
        await wire(pilot).send("".join(each.code + end for each in tickets), chunk=chunk, gaps=PACES[pace], ahead=60)
        await until(pilot, lambda: shown(pilot, "tally") == "10 boarded · 0 refused")
        assert pilot.app.screen.query_one(ScanInput).value == ""
    expected = [(hashlib.sha256(each.code.encode()).digest(), int(each.number), "ok") for each in tickets]
    assert [(row.code_digest, row.ticket_id, row.outcome) for row in railway.scans()] == expected


@pytest.mark.parametrize("chunk", [64, 1000])
async def test_the_same_at_a_real_pace(counter, wire, until, sell, railway, chunk) -> None:
    tickets = sell(10)
    async with counter("2001") as pilot:
        await wire(pilot).send("".join(f"{each.code}\r" for each in tickets), chunk=chunk, gaps=PACES["0 to 8 ms"])
        await until(pilot, lambda: shown(pilot, "tally") == "10 boarded · 0 refused")
    assert [row.ticket_id for row in railway.scans()] == [int(each.number) for each in tickets]


async def test_scans_wait_for_the_database_and_are_judged_in_order(counter, until, sell, railway, cable) -> None:
    tickets = sell(3)
    async with counter("2001") as pilot:
        cable.cut()
        for ticket in tickets:
            scan(pilot, ticket.code)
        await until(pilot, lambda: face(pilot).tone == "wait")
        assert face(pilot).reason == "Not decided: The database does not answer."
        assert ("db", "away") in pilot.app.bar.lights
        assert pilot.app.screen.has_work
        assert railway.scans() == []
        cable.mend()
        await until(pilot, lambda: shown(pilot, "tally") == "3 boarded · 0 refused")
    assert [row.ticket_id for row in railway.scans()] == [int(each.number) for each in tickets]


async def test_a_scan_repeated_while_it_waits_is_the_same_scan(counter, until, sell, railway, cable) -> None:
    (ticket,) = sell()
    async with counter("2001") as pilot:
        cable.cut()
        scan(pilot, ticket.code)
        await until(pilot, lambda: face(pilot).tone == "wait")
        scan(pilot, ticket.code)
        await pilot.press("f5")
        cable.mend()
        await until(pilot, lambda: face(pilot).tone == "go")
        assert shown(pilot, "tally") == "1 boarded · 0 refused"
    assert [row.outcome for row in railway.scans()] == ["ok"]


async def test_an_answer_lost_on_its_way_is_given_again(counter, until, sell, railway, cable) -> None:
    """The check-in was committed and the gate does not know: the same nonce gets the first answer, not *used*."""
    (ticket,) = sell()
    async with counter("2001") as pilot:
        cable.cut_after_commit(b"INTO checkins")
        scan(pilot, ticket.code)
        await until(pilot, lambda: cable.is_cut)
        await until(pilot, lambda: face(pilot).tone == "wait")
        assert [row.outcome for row in railway.scans()] == ["ok"]
        cable.mend()
        await until(pilot, lambda: face(pilot).tone == "go")
    assert [row.outcome for row in railway.scans()] == ["ok"]


async def test_a_scan_is_judged_as_of_when_it_was_made(counter, until, sell, railway, cable) -> None:
    (ticket,) = sell()
    async with counter("2001") as pilot:
        before = pilot.app.lifeline.clock.now
        cable.cut()
        scan(pilot, ticket.code)
        await until(pilot, lambda: face(pilot).tone == "wait")
        after = pilot.app.lifeline.clock.now
        cable.mend()
        await until(pilot, lambda: face(pilot).tone == "go")
    assert before <= railway.scans()[0].scanned_at <= after


async def test_signing_off_asks_while_scans_wait(counter, until, sell, railway, cable) -> None:
    (ticket,) = sell()
    async with counter("2001") as pilot:
        cable.cut()
        scan(pilot, ticket.code)
        await until(pilot, lambda: face(pilot).tone == "wait")
        await pilot.press("f12")
        await until(pilot, lambda: isinstance(pilot.app.screen, Question))
        await pilot.press("escape")
        assert pilot.app.current_mode == "gate"


async def set_to_taksaka(pilot: Pilot[Any], until: Any, day: str = "+2") -> None:
    await pilot.press("f2")
    await until(pilot, lambda: isinstance(pilot.app.screen, DepartureDialog))
    await pilot.press(*f"{day} 07:30 tak")
    dialog = pilot.app.screen
    found = dialog.query_one(OptionList)
    await until(pilot, lambda: found.option_count == 2 and "43 Taksaka" in str(found.options[0].prompt))
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, GateScreen))


async def test_a_gate_set_to_a_train(counter, until, sell, railway) -> None:
    (wrong,) = sell(train="45")
    right = sell(2)
    async with counter("2001") as pilot:
        assert shown(pilot, "train") == "GATE YK · any train"
        await set_to_taksaka(pilot, until)
        await until(pilot, lambda: shown(pilot, "tally") == "0 / 2 boarded · 0 refused")
        assert shown(pilot, "train") == "GATE YK · boarding 43 Taksaka 07:30"
        scan(pilot, right[0].code)
        await until(pilot, lambda: shown(pilot, "tally") == "1 / 2 boarded · 0 refused")
        scan(pilot, wrong.code)
        await until(pilot, lambda: face(pilot).word == "WRONG TRAIN")
        assert face(pilot).reason == "The ticket is for 45 Taksaka, not for 43."
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(pilot.app.screen, DepartureDialog))
        await until(pilot, lambda: pilot.app.screen.query_one(OptionList).option_count > 2)
        await pilot.press("up", *["pageup"] * 3, "enter")
        await until(pilot, lambda: shown(pilot, "train") == "GATE YK · any train")
        scan(pilot, wrong.code)
        await until(pilot, lambda: face(pilot).tone == "go")


async def test_the_list_of_trains_comes_by_itself_when_the_database_is_back(counter, until, cable) -> None:
    async with counter("2001") as pilot:
        cable.cut()
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(pilot.app.screen, DepartureDialog))
        dialog = pilot.app.screen
        await until(pilot, lambda: "does not answer" in str(dialog.query_one("#found", Static).content))
        cable.mend()
        await until(pilot, lambda: dialog.query_one(OptionList).option_count > 2)
        assert "trains today" in str(dialog.query_one("#found", Static).content)


async def test_the_wrong_day(counter, until, sell, railway) -> None:
    (ticket,) = sell()
    async with counter("2001") as pilot:
        await set_to_taksaka(pilot, until, "+1")
        scan(pilot, ticket.code)
        await until(pilot, lambda: face(pilot).word == "WRONG DATE")


@pytest.mark.parametrize(("station", "word"), [("SMT", "WRONG STATION"), ("GMR", "WRONG WAY")])
async def test_a_gate_elsewhere(until, sell, railway, desk_settings, station, word) -> None:
    (ticket,) = sell()
    app = CounterApp(desk_settings.model_copy(update={"station": station}))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.workplace is not None)
        await app.sign_in("2001", PIN)
        await until(pilot, lambda: app.current_mode == "gate")
        scan(pilot, ticket.code)
        await until(pilot, lambda: face(pilot).tone == "stop")
        assert face(pilot).word == word
        assert "YK Yogyakarta" in face(pilot).reason


async def test_the_language_changes_the_answer_that_is_shown(counter, until, sell, railway) -> None:
    (ticket,) = sell()
    async with counter("2001") as pilot:
        scan(pilot, ticket.code)
        await until(pilot, lambda: face(pilot).word == "BOARD")
        pilot.app.speak("id")
        await until(pilot, lambda: face(pilot).word == "SILAKAN")
        assert shown(pilot, "train") == "GERBANG YK · semua kereta"


async def test_departures_have_the_stations_own_clock(office, clerk) -> None:
    today = boarding.departures(office, "YK")
    assert [one.departs_at for one in today] == sorted(one.departs_at for one in today)
    assert {one.day for one in today} == {datetime.now(today[0].departs_at.tzinfo).date()}
    assert all(one.terminus.code != "YK" for one in today)


async def test_a_scan_while_a_dialog_is_open_is_judged_as_well(counter, until, sell, railway) -> None:
    tickets = sell(2)
    async with counter("2001") as pilot:
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(pilot.app.screen, DepartureDialog))
        scan(pilot, tickets[0].code)
        await until(pilot, lambda: face(pilot).tone == "go")
        await pilot.press("escape", "f1")
        scan(pilot, tickets[1].code)
        await until(pilot, lambda: shown(pilot, "tally") == "2 boarded · 0 refused")


async def test_an_answer_that_takes_long_does_not_leave_the_one_before_standing(
    counter, until, sell, railway, server_session
) -> None:
    tickets = sell(2)
    async with counter("2001") as pilot:
        scan(pilot, tickets[0].code)
        await until(pilot, lambda: face(pilot).tone == "go")
        locked = text("SELECT 1 FROM tickets WHERE id = :id FOR UPDATE")
        with server_session.begin():
            server_session.execute(locked, {"id": int(tickets[1].number)})
            scan(pilot, tickets[1].code)
            await until(pilot, lambda: face(pilot).tone == "wait")
            assert face(pilot).reason == "Asking the database…"
        await until(pilot, lambda: shown(pilot, "tally") == "2 boarded · 0 refused")


async def test_a_terminal_that_stands_nowhere_says_so_and_lets_nobody_through(
    until, sell, railway, desk_settings
) -> None:
    (ticket,) = sell()
    railway.connection.execute(text("UPDATE operators SET is_demonstration = false"))
    app = CounterApp(desk_settings.model_copy(update={"station": None, "terminal": "TEST-9"}))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.workplace is not None)
        await app.sign_in("2001", PIN)
        await until(pilot, lambda: app.current_mode == "gate")
        assert face(pilot).word == "NO STATION"
        scan(pilot, ticket.code)
        await until(pilot, lambda: face(pilot).word == "NOT CHECKED")
    assert railway.scans() == []
