"""A locked screen: left alone, at a key, signed off from afar; and what is behind it when the PIN was typed again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, text
from textual.widgets import Input

from core import staff, staff_register, terminals
from core.database import Actor
from core.office import Office
from core.ops.demo import PIN
from core.payments.qris_sale import QrisDesk
from counter.dialogs.form import Form
from counter.dialogs.qris import QrisDialog
from counter.dialogs.question import Question
from counter.dialogs.seats import SeatsDialog
from counter.dialogs.slip import Slip
from counter.screens.login import LoginScreen
from counter.screens.sale_draft import Step
from counter.screens.sell import SellScreen
from counter.simulator import GatewaySimulator
from tests.conftest import sign_in
from tests.screens.till import Till

BUDI = "3171010101900001"
TO_THE_MONEY = f"gmr +2 eks\r\rBudi {BUDI}\r"


class Counter(Till):
    """A counter that is left alone, and its clock."""

    def leave_alone(self, minutes: float) -> None:
        """Nobody touches a key for so long."""
        self.app.attendance.last_key -= minutes * 60
        self.app._tick()

    @property
    def is_locked(self) -> bool:
        return self.app.current_mode == "login"

    @property
    def sentence(self) -> str:
        return self.app.workstation.line.sentence

    async def locked(self) -> None:
        await self.until(lambda: self.is_locked and isinstance(self.app.screen, LoginScreen))
        await self.settled()

    async def come_back(self, mode: str = "sell", pin: str = PIN) -> None:
        """The same person types the PIN again; the number stands there already."""
        assert self.app.screen.query_one("#number", Input).value
        await self.type(f"{pin}\r")
        await self.until(lambda: self.app.current_mode == mode)
        await self.settled()

    @property
    def session_id(self) -> UUID:
        assert self.app.attendance.signed_in is not None
        return self.app.attendance.signed_in.session_id


@pytest.fixture
async def till(counter: Any) -> AsyncIterator[Counter]:
    async with counter("1001") as pilot:
        made = Counter(pilot)
        await made.ready()
        yield made


@pytest.fixture
def boss(office: Office) -> Actor:
    return sign_in(office, "3001", "DESK-9")


def decide(connection: Connection, minutes: int) -> None:
    connection.execute(
        text(
            "INSERT INTO policy_configurations (operator_id, policy_type, config)"
            " VALUES (1, 'idle_lock_minutes', jsonb_build_object('value', CAST(:minutes AS integer)))"
        ),
        {"minutes": minutes},
    )


def ended(connection: Connection, session: UUID) -> str | None:
    said = text("SELECT ended_because FROM user_sessions WHERE id = :id")
    return connection.execute(said, {"id": session}).scalar()


# Left alone


async def test_a_screen_left_alone_locks_and_the_half_typed_sale_comes_back(
    till: Counter, owner_connection: Connection
) -> None:
    await till.type("gmr +2 eks\r\rBudi San")
    screen, session = till.screen, till.session_id
    till.leave_alone(9.9)
    assert not till.is_locked
    till.leave_alone(0.2)
    await till.locked()
    assert till.sentence == "Locked, since nobody touched a key. Your PIN opens it again."
    assert till.app.screen.query_one("#number", Input).value == "1001"
    assert till.app.bar.staff == ""
    assert "Budi" not in till.text
    await till.come_back()
    assert till.screen is screen
    assert (till.screen.draft.step, "Budi San" in till.text) == (Step.PASSENGERS, True)
    assert till.app.bar.staff.startswith("1001")
    assert till.session_id == session, "the session behind the lock goes on"
    await till.type(f"toso {BUDI}\r\r")
    assert till.sale().status == "confirmed"
    proofs = "SELECT ended_because FROM user_sessions WHERE user_agent = 'unlock'"
    assert owner_connection.execute(text(proofs)).scalars().all() == ["unlocked"]


async def test_a_key_begins_the_time_anew(till: Counter) -> None:
    till.leave_alone(9)
    await till.type("g")
    till.leave_alone(9)
    assert not till.is_locked
    till.leave_alone(1.1)
    await till.locked()


async def test_the_policy_says_how_long_and_nought_is_never(counter: Any, owner_connection: Connection) -> None:
    decide(owner_connection, 3)
    async with counter("1001") as pilot:
        till = Counter(pilot)
        await till.ready()
        await till.until(lambda: till.app.attendance.idle_lock_minutes == 3)
        owner_connection.execute(text("UPDATE policy_configurations SET config = '{\"value\": 0}'"))
        till.app.attendance.look()
        await till.until(lambda: till.app.attendance.idle_lock_minutes == 0)
        till.leave_alone(600)
        assert not till.is_locked
        owner_connection.execute(text("UPDATE policy_configurations SET config = '{\"value\": 3}'"))
        till.app.attendance.look()
        await till.until(lambda: till.app.attendance.idle_lock_minutes == 3)
        till.leave_alone(0)
        await till.locked()


async def test_the_pin_is_proved_again_and_failures_lock_the_number(
    till: Counter, owner_connection: Connection
) -> None:
    till.app.attendance.lock()
    await till.locked()
    for _ in range(5):
        await till.type("999999\r")
        await till.until(lambda: till.app.screen.query_one("#pin", Input).value == "" and till.sentence != "")
        assert till.is_locked
    await till.type(f"{PIN}\r")
    await till.until(lambda: "is locked for" in till.sentence)
    assert till.is_locked
    owner_connection.execute(text("UPDATE users SET locked_until = NULL WHERE staff_number = '1001'"))
    await till.come_back()


async def test_somebody_else_begins_anew(till: Counter, owner_connection: Connection) -> None:
    await till.type("gmr +2 eks\r\rBudi San")
    screen, session = till.screen, till.session_id
    till.leave_alone(11)
    await till.locked()
    await till.press("escape", "escape")
    await till.type(f"3001\r{PIN}\r")
    await till.until(lambda: till.app.current_mode == "sell" and till.app.bar.staff.startswith("3001"))
    await till.ready()
    assert till.screen is not screen
    assert till.screen.draft.step is Step.QUESTION
    assert "Budi" not in till.text
    await till.until(lambda: ended(owner_connection, session) == "somebody else signed in")
    await till.press("f9")
    assert "Bring back which sale?" in till.text, "the held seats stay this terminal's until they run out"


# At a key


async def test_a_key_locks_also_above_a_dialog(till: Counter) -> None:
    await till.type("gmr +2 eks\r\r")
    await till.press("f3")
    assert isinstance(till.app.screen, SeatsDialog)
    seats = till.app.screen
    await till.press("ctrl+r")
    await till.locked()
    assert till.sentence == "Locked. Your PIN opens it again; what was typed is kept."
    await till.come_back()
    assert till.app.screen is seats
    await till.press("escape")
    assert till.screen.draft.held is not None


async def test_the_palette_locks_too(till: Counter) -> None:
    await till.press("ctrl+p")
    await till.type("lock the")
    await till.until(lambda: "Lock the screen" in till.text)
    await till.press("enter")
    await till.locked()
    await till.come_back()


async def test_behind_the_lock_nobody_goes_anywhere(till: Counter) -> None:
    await till.press("ctrl+r")
    await till.locked()
    await till.press("ctrl+g", "ctrl+t", "ctrl+o", "ctrl+l", "ctrl+n", "f12", "ctrl+r")
    assert till.is_locked
    till.leave_alone(60)
    assert till.sentence.startswith("Locked.")
    await till.come_back()


async def test_a_workstation_aside_comes_back_where_it_was(counter: Any) -> None:
    async with counter("3001") as pilot:
        till = Counter(pilot)
        await till.until(lambda: till.app.current_mode == "sell")
        await till.press("ctrl+n")
        await till.until(lambda: till.app.current_mode == "staff")
        await till.type("100")
        await till.press("f2")
        await till.until(lambda: isinstance(till.app.screen, Form))
        await till.type("1044\rDewi")
        till.leave_alone(11)
        await till.locked()
        await till.come_back("staff")
        assert isinstance(till.app.screen, Form)
        assert till.app.screen.query_one("#name", Input).value == "Dewi"


# Money in flight


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[GatewaySimulator]:
    """A gateway that this machine is set up for and asks without pauses."""
    with GatewaySimulator(drip=0.02) as running:
        monkeypatch.setenv("COUNTER_GATEWAY_URL", running.url)
        monkeypatch.setenv("COUNTER_GATEWAY_SERVER_KEY", running.server_key)
        monkeypatch.setenv("COUNTER_GATEWAY_ATTEMPTS", "1")
        monkeypatch.setattr(QrisDesk, "pause_after", staticmethod(lambda _payment, _asked: timedelta(seconds=0.05)))
        yield running


async def test_a_code_that_is_being_paid_stays_in_sight(till: Counter, gateway: GatewaySimulator) -> None:
    await till.type(TO_THE_MONEY)
    await till.press("f6")
    await till.until(lambda: isinstance(till.app.screen, QrisDialog))
    till.leave_alone(60)
    assert not till.is_locked
    await till.press("escape")
    till.leave_alone(60)
    assert not till.is_locked, "what about this payment? is part of it"
    await till.press("enter")
    await till.until(lambda: isinstance(till.app.screen, QrisDialog))
    gateway.orders.settle(till.app.screen._payment.order_id)
    await till.until(lambda: till.screen.draft.step is Step.FINISHED)
    till.leave_alone(9)
    assert not till.is_locked, "the time begins when it is paid"
    till.leave_alone(2)
    await till.locked()
    await till.come_back()
    assert till.screen.draft.step is Step.FINISHED


async def test_a_code_is_paid_behind_a_locked_screen(
    till: Counter, gateway: GatewaySimulator, office: Office, boss: Actor
) -> None:
    """Signed off from afar in the middle of it: nothing of the payment is lost, and it goes on with the new session."""
    await till.type(TO_THE_MONEY)
    await till.press("f6")
    await till.until(lambda: isinstance(till.app.screen, QrisDialog))
    order = till.app.screen._payment.order_id
    staff_register.sign_off(office, boss, "1001", "wanted elsewhere")
    till.app.attendance.look()
    await till.locked()
    gateway.orders.settle(order)
    await till.type(f"{PIN}\r")
    await till.until(lambda: till.app.current_mode == "sell" and till.screen.draft.step is Step.FINISHED)
    assert till.sale().paid == 457_500


async def test_a_slip_half_typed_is_not_locked_while_its_seats_are_held(till: Counter) -> None:
    await till.type(TO_THE_MONEY)
    await till.press("f5")
    assert isinstance(till.app.screen, Slip)
    await till.type("A1B2")
    till.leave_alone(60)
    assert not till.is_locked
    till.screen.draft.expire()
    till.leave_alone(11)
    await till.locked()
    await till.come_back()
    assert isinstance(till.app.screen, Slip)
    assert till.app.screen.query_one("#reference", Input).value == "A1B2"


async def test_an_answer_that_is_owed_is_waited_for(till: Counter, cable: Any) -> None:
    await till.type(TO_THE_MONEY)
    await till.until(lambda: till.count("bookings WHERE booking_details ? 'named'") == 1)
    cable.cut_after_commit(b"INTO tickets")
    await till.type("500k\r")
    await till.until(lambda: cable.is_cut)
    assert till.screen.draft.outcome_unknown
    till.leave_alone(60)
    assert not till.is_locked
    cable.mend()
    till.app.lifeline.nudge()
    await till.until(lambda: till.screen.draft.sale is not None)
    till.leave_alone(11)
    await till.locked()


# Over


async def test_signed_off_from_afar_the_screen_says_why_and_goes_on_for_the_same_person(
    till: Counter, office: Office, boss: Actor
) -> None:
    await till.type("gmr +2 eks\r\rBudi San")
    screen, session = till.screen, till.session_id
    staff_register.sign_off(office, boss, "1001", "left the counter")
    till.app.attendance.look()
    await till.locked()
    assert till.sentence == "Signed off by 3001: left the counter"
    await till.come_back()
    assert till.screen is screen
    assert till.session_id != session
    await till.type(f"toso {BUDI}\r\r")
    assert till.sale().status == "confirmed"


async def test_whatever_meets_the_end_of_the_session_locks_at_once(till: Counter, office: Office, boss: Actor) -> None:
    await till.type("gmr +2 eks\r")
    staff_register.sign_off(office, boss, "1001", "left the counter")
    await till.type("\r")
    await till.locked()
    assert till.sentence == "Signed off by 3001: left the counter"
    await till.come_back()
    await till.press("enter")
    await till.until(lambda: till.screen.draft.step is Step.PASSENGERS)


async def test_signed_in_elsewhere_is_told_here(till: Counter, office: Office) -> None:
    there = terminals.register(office, "DESK-2", station="YK")
    staff.sign_in(office, there, "1001", PIN, program="counter", interactive=True)
    till.app.attendance.look()
    await till.locked()
    assert till.sentence == "You have signed in at another terminal; sign in again to go on here."
    await till.come_back()
    await till.until(lambda: till.sentence == "You were signed off at DESK-2.")


async def test_another_pin_is_asked_for(till: Counter, office: Office) -> None:
    staff.change_pin(office, terminals.register(office, "DESK-2", station="YK"), "1001", PIN, "847261")
    till.app.attendance.look()
    await till.locked()
    assert "sign in with the new one" in till.sentence
    await till.come_back(pin="847261")


async def test_with_another_role_one_begins_anew_where_one_may_work(till: Counter, office: Office, boss: Actor) -> None:
    await till.type("gmr +2 eks\r\rBudi San")
    staff_register.change(office, boss, "1001", {"role": "gate"})
    till.app.attendance.look()
    await till.locked()
    assert till.sentence == "You were given another role; sign in again."
    await till.come_back("gate")


async def test_a_session_that_ends_behind_the_lock_is_opened_anew(till: Counter, office: Office, boss: Actor) -> None:
    await till.press("ctrl+r")
    await till.locked()
    session = till.session_id
    staff_register.sign_off(office, boss, "1001", "late")
    till.app.attendance.look()
    await till.until(lambda: till.sentence == "Signed off by 3001: late")
    await till.come_back()
    assert till.session_id != session


async def test_a_session_that_ends_unnoticed_behind_the_lock_is_opened_anew(
    till: Counter, office: Office, boss: Actor
) -> None:
    await till.press("ctrl+r")
    await till.locked()
    session = till.session_id
    staff_register.sign_off(office, boss, "1001", "late")
    await till.come_back()
    assert till.session_id != session
    assert till.app.attendance.signed_in is not None
    assert staff.standing(office, till.app.attendance.signed_in) is None


async def test_a_database_that_is_away_locks_nobody_out_of_his_work(till: Counter, cable: Any) -> None:
    await till.type("gmr")
    cable.cut()
    till.app.attendance.look()
    till.leave_alone(11)
    await till.locked()
    await till.type(f"{PIN}\r")
    await till.until(lambda: "does not answer" in till.sentence or till.app.lifeline.away)
    cable.mend()
    till.app.lifeline.nudge()
    await till.until(lambda: till.app.current_mode == "sell")
    await till.settled()
    assert till.screen.question.input.value == "gmr"


# Signing off


async def test_signing_off_ends_the_session_in_the_database(till: Counter, owner_connection: Connection) -> None:
    session = till.session_id
    await till.press("f12")
    await till.locked()
    await till.until(lambda: ended(owner_connection, session) == "signed off")
    assert till.app.actor is None
    assert till.app.screen.query_one("#number", Input).value == ""


async def test_ending_the_program_ends_the_session(till: Counter, owner_connection: Connection) -> None:
    session = till.session_id
    await till.type("gmr +2 eks\r\r")
    await till.press("ctrl+q")
    assert isinstance(till.app.screen, Question)
    await till.pilot.press("enter")
    await till.until(lambda: not till.app.is_running)
    assert ended(owner_connection, session) == "program ended"


async def test_it_says_so_in_indonesian(till: Counter, office: Office, boss: Actor) -> None:
    till.app.action_language()
    staff_register.sign_off(office, boss, "1001", "pulang")
    till.app.attendance.look()
    await till.locked()
    assert till.sentence == "Dikeluarkan oleh 3001: pulang"
    assert isinstance(till.app._screen_stacks["sell"][0], SellScreen)
