"""What must not cost a sale: the database going away, time running out, a restart, a scan in the middle of typing."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from uuid_utils.compat import uuid7

from core import booking, pending
from core.booking import HoldRequest
from core.ops import integrity
from core.passengers import PassengerInput
from core.payments import Tender
from core.sale import Sale, confirm, sell
from counter.dialogs.help import HelpDialog
from counter.dialogs.reading import Reading
from counter.dialogs.seats import SeatsDialog
from counter.screens.sale_draft import SaleDraft, Step
from counter.widgets.scan_capture import LONGEST_TYPED
from tests.conftest import sign_in
from tests.screens.till import Till

BUDI, SITI = "3171010101900001", "3171014507920003"


@pytest.fixture
async def till(counter) -> AsyncIterator[Till]:
    async with counter("1001") as pilot:
        yield await Till(pilot).ready()


async def back(till: Till, cable) -> None:
    cable.mend()
    till.app.lifeline.nudge()
    await till.until(lambda: not till.app.lifeline.away)


async def test_the_database_is_away_at_every_step_and_the_same_key_goes_on_when_it_is_back(till: Till, cable) -> None:
    await till.type("gmr +2 eks 2a")
    for keys, step, typed in (
        ("\r", Step.QUESTION, "gmr +2 eks 2a"),
        ("\r", Step.OFFERS, ""),
    ):
        cable.cut()
        await till.type(keys)
        assert "does not answer" in till.message
        assert till.screen.draft.step is step
        assert typed in till.screen.question.input.value
        await back(till, cable)
        await till.until(lambda: "is back" in till.message)
        await till.type(keys)
    assert till.screen.draft.step is Step.PASSENGERS
    cable.cut()
    await till.type(f"Budi {BUDI}\rSiti\r{SITI}\r")  # nobody needs a database for names
    await till.type("1000k\r")
    assert "does not answer" in till.message
    assert (till.screen.draft.step, till.screen.query_one("#cash").value) == (Step.PAYMENT, "1.000k")
    await back(till, cable)
    await till.type("\r")
    assert till.screen.draft.step is Step.FINISHED
    assert [ticket.passenger_name for ticket in till.sale().tickets] == ["BUDI", "SITI"]
    assert till.count("bookings") == till.count("payments") == 1
    await till.until(lambda: set(till.screen.print_states.values()) == {"confirmed"})
    assert all(check.ok for check in integrity.verify(till.office))


async def test_a_lost_answer_to_the_payment_is_asked_for_again_and_sold_once(till: Till, cable) -> None:
    await till.type(f"gmr +2 eks\r\rBudi {BUDI}\r")
    await till.until(lambda: till.count("bookings WHERE booking_details ? 'named'") == 1)
    cable.cut_after_commit(b"INTO tickets")
    await till.type("500k\r")
    await till.until(lambda: cable.is_cut)
    assert "was this sale saved? It asks again by itself." in till.message
    assert till.screen.draft.outcome_unknown
    await till.press("escape", "f8", "f9", "f3")
    assert till.screen.draft.step is Step.PAYMENT, "nothing else until it is known"
    await till.type("\r")
    assert till.screen.draft.outcome_unknown, "still nobody knows"
    await back(till, cable)
    await till.until(lambda: till.screen.draft.step is Step.FINISHED)
    assert till.count("bookings") == till.count("payments") == till.count("tickets") == 1
    assert till.sale().change == 42_500
    assert till.screen.draft.sale.change == 42_500


async def test_a_lost_answer_to_a_part_is_asked_for_again_and_taken_once(till: Till, cable) -> None:
    await till.type(f"gmr +2 eks\r\rBudi {BUDI}\r")
    await till.until(lambda: till.count("bookings WHERE booking_details ? 'named'") == 1)
    await till.press("f2")
    await till.type("200k\r")
    cable.cut_after_commit(b"INTO payments")
    await till.type("\r")
    await till.until(lambda: cable.is_cut)
    assert till.screen.draft.outcome_unknown
    await back(till, cable)
    await till.until(lambda: till.screen.draft.money.is_fixed)
    assert (till.count("payments"), till.screen.draft.owed) == (1, 257_500)
    await till.type("\r")
    assert till.sale().paid == 457_500
    assert till.count("payments") == 2


async def test_a_lost_answer_to_the_hold_holds_no_seats_twice(till: Till, cable) -> None:
    await till.type("gmr +2 eks 2a\r")
    cable.cut_after_commit(b"INTO seat_holds")
    await till.type("\r")
    assert till.screen.draft.step is Step.OFFERS
    await till.until(lambda: cable.is_cut)
    await back(till, cable)
    await till.type("\r")
    assert till.screen.draft.step is Step.PASSENGERS
    assert till.count("seat_holds") == 1
    assert till.count("seat_inventory WHERE occupied <> 0") == 2


async def test_time_runs_out_and_one_key_holds_again_for_the_same_passengers(till: Till) -> None:
    await till.type(f"gmr +2 eks 2a\r\rBudi {BUDI}\rSi")
    pending.give_up(till.office, till.app.actor, till.screen.draft.held.booking_id)
    ends_in(till.screen.draft, -1)
    await till.until(lambda: till.screen.draft.expired)
    assert "what was typed is kept. F5 holds seats again." in till.message
    assert "no longer held" in till.text
    assert "F5 hold again" in till.text
    first = till.screen.draft.held
    await till.type("ti")
    await till.press("f5")
    again = till.screen.draft.held
    assert (again.seats, again.booking_id != first.booking_id) == (first.seats, True)
    assert [one.name for one in till.screen.draft.party] == ["Budi", "Siti"]
    assert "the same seats" in till.message
    await till.type(f"\r{SITI}\r\r")
    assert till.screen.draft.step is Step.FINISHED


async def test_seats_sold_meanwhile_are_replaced_by_others_and_money_waits(till: Till) -> None:
    await till.type(f"gmr +2 eks\r\rBudi {BUDI}\r")
    assert till.screen.draft.step is Step.PAYMENT
    lost = till.screen.draft.held
    pending.give_up(till.office, till.app.actor, lost.booking_id)
    label = (lost.seats[0].label,)
    other = HoldRequest(lost.journey.schedule_id, "EKS", "YK", "GMR", 1, seat_labels=label)
    booking.hold(till.office, sign_in(till.office, "1001", "TEST-2"), other)
    await till.type("500k\r")
    assert "is already cancelled" in till.message
    assert till.count("payments") == 0
    await till.type("\r")
    assert "other seats" in till.message
    assert till.screen.draft.step is Step.PAYMENT
    assert till.screen.query_one("#cash").value == "500k"
    await till.type("\r")
    assert till.sale().tickets[0].seat.label != lost.seats[0].label
    assert till.count("payments") == 1


async def test_a_hold_lasts_while_somebody_types(till: Till) -> None:
    await till.type("gmr +2 eks\r\r")
    draft = till.screen.draft
    ends_in(draft, 60)
    await till.type("B")
    await till.until(lambda: draft.seconds_left(time.monotonic()) > 300)
    assert not draft.expired


async def test_parked_sales_come_back_with_everything_typed(till: Till) -> None:
    await till.type(f"gmr +2 eks 2a\r\rBudi {BUDI}\rSi")
    await till.press("f8")
    assert "Parked as" in till.message
    assert (till.screen.draft.step, till.screen.question.input.value) == (Step.QUESTION, "")
    await till.type(f"gmr +1 lux\r\rRatna {SITI}\r700k")
    await till.press("f9", "enter")
    assert [one.name for one in till.screen.draft.party] == ["Budi", "Si"]
    assert till.screen.question.input.value == "gmr +2 eks 2a"
    await till.type(f"ti\r{SITI}\r\r")
    assert [ticket.passenger_name for ticket in till.sale().tickets] == ["BUDI", "SITI"]
    await till.press("f9", "enter")
    assert (till.screen.draft.step, till.screen.query_one("#cash").value) == (Step.PAYMENT, "700k")
    assert till.screen.has_work
    await till.press("escape")
    assert till.screen.passengers.lines[0].field("name").value == "Ratna"


def ends_in(draft: SaleDraft, seconds: float) -> None:
    assert draft.holding is not None
    draft.holding = replace(draft.holding, ends_at=time.monotonic() + seconds)


async def test_a_parked_sale_says_how_long_it_is_held_and_is_held_longer_when_it_comes_back(till: Till) -> None:
    await till.type("gmr +2 eks\r\rBudi")
    await till.press("f8")
    parked = till.screen.parked[0]
    ends_in(parked, 95)
    before = till.office.database.transaction(lambda tx: tx.raw("SELECT max(expires_at) FROM bookings").scalar())
    await till.press("f9")
    listed = next(line for line in till.lines if parked.held.booking_number in line)
    assert "Budi" in listed
    assert "43 Taksaka" in listed
    assert "▲ held for 1:3" in listed
    await till.press("enter")
    assert parked.seconds_left(time.monotonic()) > 300
    after = till.office.database.transaction(lambda tx: tx.raw("SELECT max(expires_at) FROM bookings").scalar())
    assert after > before


async def test_a_parked_sale_that_ran_out_of_time_says_so_and_keeps_what_was_typed(till: Till) -> None:
    await till.type("gmr +2 eks\r\rBudi")
    await till.press("f8")
    parked, first = till.screen.parked[0], till.screen.parked[0].held
    pending.give_up(till.office, till.app.actor, first.booking_id)
    ends_in(parked, -1)
    await till.until(lambda: "no longer held. F9 brings back what was typed." in till.message)
    assert first.booking_number in till.message
    await till.press("f9")
    listed = next(line for line in till.lines if first.booking_number in line and "parked sale" not in line)
    assert "✘ no longer held" in listed
    await till.press("enter")
    assert "The hold has ended; what was typed is kept." in till.message
    await till.press("f5")
    assert "the same seats" in till.message
    assert [one.name for one in till.screen.draft.party] == ["Budi"]


async def test_a_parked_sale_that_was_given_up_elsewhere_comes_back_without_its_seats(till: Till) -> None:
    await till.type("gmr +2 eks\r\rBudi")
    await till.press("f8")
    pending.give_up(till.office, till.app.actor, till.screen.parked[0].held.booking_id)
    await till.press("f9", "enter")
    assert "The hold has ended; what was typed is kept." in till.message
    assert till.screen.draft.expired


async def test_a_parked_sale_comes_back_while_the_database_is_away(till: Till, cable) -> None:
    await till.type("gmr +2 eks\r\rBudi")
    await till.press("f8")
    cable.cut()
    await till.press("f9", "enter")
    assert till.screen.draft.party[0].name == "Budi"
    assert "does not answer" in till.message
    await back(till, cable)
    await till.until(lambda: "is back" in till.message)


async def test_after_a_restart_the_terminal_finds_its_open_work(counter) -> None:
    async with counter("1001") as pilot:
        till = await Till(pilot).ready()
        await till.type(f"gmr +2 eks 1a1i\r\rBudi {BUDI}\rRafi 2/3/2025\r")
        assert till.screen.draft.step is Step.PAYMENT
        await till.until(lambda: till.count("bookings WHERE booking_details ? 'named'") == 1)
        number = till.screen.draft.held.booking_number
    async with counter("1001") as pilot:
        till = await Till(pilot).ready()
        assert "1 sale was left unfinished here." in till.message
        await till.press("f9")
        assert number in till.text
        await till.press("enter")
        assert [one.name for one in till.screen.draft.party] == ["BUDI", "RAFI"]
        assert till.screen.question.input.value.startswith("yk gmr ")
        assert till.screen.question.input.value.endswith(" 1a1i eks")
        await till.type("\r\r")
        assert till.screen.draft.step is Step.PAYMENT
        await till.type("\r")
        assert till.sale().booking_number == number


async def test_a_paid_sale_whose_tickets_were_never_printed_comes_back_after_a_restart(counter, desk_settings) -> None:
    async with counter("1001") as pilot:
        till = await Till(pilot).ready()
        sold = _sold(till)
        assert {ticket.print_state for ticket in sold.tickets} == {"queued"}
    async with counter("1001") as pilot:
        till = await Till(pilot).ready()
        await till.press("f9")
        listed = next(line for line in till.lines if sold.booking_number in line)
        assert "BUDI" in listed
        assert "paid, 1 not printed" in listed
        await till.press("enter")
        assert "not printed yet" in till.text
        await till.press("r")
        assert "✔ printed" in till.text
        assert till.sale().tickets[0].print_state == "confirmed"


def _sold(till: Till) -> Sale:
    """A sale of this terminal made without its screen: paid, its ticket queued."""
    office, actor, place = till.office, till.app.actor, till.app.workplace
    from datetime import timedelta

    from core.search import offers

    day = till.screen.lexis.today + timedelta(days=2)
    trip = offers(office, "YK", "GMR", day, class_code="EKS")[0].journey
    return sell(
        office, actor, HoldRequest(trip.schedule_id, "EKS", "YK", "GMR", 1), [PassengerInput("Budi", BUDI)],
        Tender("cash"), key=uuid7(), printer=place.printer_kind,
    )  # fmt: skip


@pytest.mark.parametrize("chunk", [1, 4, 64, 1000])
async def test_ten_scans_arrive_intact_while_a_name_is_typed(till: Till, chunk: int) -> None:
    genuine = _sold(till).tickets[0].code
    codes = [genuine, *(genuine[:9] + letter + genuine[10:] for letter in "ABCDEFGHI")]
    seen: list[str] = []
    take = till.screen.take_scan
    till.screen.take_scan = lambda text: (seen.append(text), take(text))
    await till.type("gmr +2 eks\r\rBudi San")
    field = till.screen.passengers.lines[0].field("name")
    gaps = tuple(each / 1000 for each in (0, 3, 8, 1, 5, 0, 7, 2))
    await till.wire.send("".join(code + "\r" for code in codes), chunk=chunk, gaps=gaps, ahead=60)
    await till.until(lambda: not till.screen._scans and len(seen) == 10)
    assert seen == codes
    assert field.value == "Budi San"
    assert till.screen.draft.party[0].name == "Budi San"


async def test_a_scanned_ticket_opens_its_booking_and_typing_goes_on(till: Till) -> None:
    sold = _sold(till)
    await till.type("gmr +2 eks\r\rBudi San")
    await till.wire.send(sold.tickets[0].code + "\r", ahead=60)
    await till.until(lambda: isinstance(till.app.screen, Reading))
    await till.settled()
    assert sold.booking_number in till.text
    assert "BUDI" in till.text
    await till.press("escape")
    await till.type("toso\r")
    assert till.screen.draft.party[0].name == "Budi Santoso"
    forged = sold.tickets[0].code[:-1] + ("A" if sold.tickets[0].code[-1] != "A" else "B")
    await till.wire.send(forged + "\r", ahead=60)
    await till.until(lambda: "forged" in till.message)
    assert till.screen.draft.spot.field == "identity"


async def test_a_booking_that_was_paid_before_is_shown_and_not_paid_again(till: Till) -> None:
    await till.type(f"gmr +2 eks\r\rBudi {BUDI}\r")
    held = till.screen.draft.held
    confirm(till.office, till.app.actor, held.booking_id, [PassengerInput("Budi", BUDI)], Tender("cash"), key=uuid7())
    await till.type("500k\r")
    assert "paid before. Do not take the money again." in till.message
    assert till.screen.draft.step is Step.FINISHED
    assert till.count("payments") == 1


async def test_while_the_library_works_keys_wait_but_the_help_is_there(till: Till) -> None:
    till.screen.busy = True
    await till.pilot.press("f1")
    await till.until(lambda: isinstance(till.app.screen, HelpDialog))
    await till.pilot.press("escape")
    await till.until(lambda: till.app.screen is till.screen)
    await till.wire.send("gmr")
    await till.pilot.pause()
    assert till.screen.question.input.value == ""
    till.screen.busy = False
    await till.app.go_on()
    await till.settled()
    assert till.screen.question.input.value == "gmr"


async def test_keys_typed_ahead_survive_a_glance_at_the_help(till: Till) -> None:
    till.screen.busy = True
    await till.wire.send("gmr +2")
    await till.pilot.press("f1")
    await till.until(lambda: isinstance(till.app.screen, HelpDialog))
    await till.wire.send(" 2a")  # for the help, which has no use for it
    await till.pilot.press("escape")
    await till.until(lambda: till.app.screen is till.screen)
    await till.wire.send(" eks")
    assert till.screen.question.input.value == ""
    till.screen.busy = False
    await till.app.go_on()
    await till.settled()
    assert till.screen.question.input.value == "gmr +2 eks"


async def test_work_that_ends_behind_the_help_leaves_the_keys_to_the_screen(till: Till) -> None:
    till.screen.busy = True
    await till.wire.send("gmr")
    await till.pilot.press("f1")
    await till.until(lambda: isinstance(till.app.screen, HelpDialog))
    till.screen.busy = False
    await till.app.go_on()
    await till.pilot.press("escape")
    await till.until(lambda: till.screen.question.input.value == "gmr")


async def test_keys_typed_ahead_of_a_failure_are_dropped_behind_the_help_too(till: Till) -> None:
    till.screen.busy = True
    await till.wire.send("gmr")
    await till.pilot.press("f1")
    await till.until(lambda: isinstance(till.app.screen, HelpDialog))
    till.app.drop_keys(till.screen)
    till.screen.busy = False
    await till.pilot.press("escape")
    await till.type("yk")
    assert till.screen.question.input.value == "yk"


async def test_an_outage_is_told_whole_and_taken_back_when_it_is_over(till: Till, cable) -> None:
    await till.type("gmr +2 eks")
    cable.cut()
    await till.type("\r")
    assert f"The database does not answer. {'What was typed is kept.'}" in till.text, "all of it on the screen"
    await back(till, cable)
    await till.until(lambda: "is back" in till.message)
    assert "does not answer" not in till.text
    await till.type("\r\r")
    await till.press("f3")
    assert isinstance(till.app.screen, SeatsDialog)
    cable.cut()
    await till.until(lambda: "does not answer" in till.text)
    await back(till, cable)
    await till.until(lambda: "does not answer" not in till.text)


@pytest.mark.parametrize("text", ["gmr yk 25 budi " * 334, "abcdefg" * 715, "abcdefg" * 715 + "\r"])
async def test_a_text_that_is_far_too_long_is_refused_and_what_stood_there_is_kept(till: Till, text: str) -> None:
    """As a terminal without bracketed paste sends it: key by key."""
    await till.type("bd cn")
    read = till.screen.question.understand
    readings: list[str] = []
    till.screen.question.understand = lambda: (readings.append(till.screen.question.input.value), read())
    await till.wire.send(text, ahead=60)
    await till.until(lambda: "No more than 500 characters" in till.message)
    await till.settled()
    assert till.screen.question.input.value == "bd cn"
    assert till.screen.draft.step is Step.QUESTION
    assert readings == [], "nothing was read again for each of the keys"
    assert not isinstance(till.app.screen, Reading)


async def test_a_party_too_long_for_the_hand_arrives_in_one_piece(till: Till) -> None:
    line = "gmr +2 eks " + " ".join(f"Budi Santoso {int(BUDI) + number}" for number in range(4))
    assert len(line) > LONGEST_TYPED
    await till.wire.send(line)
    await till.until(lambda: till.screen.question.input.value == line)
    await till.settled()
    assert len(till.screen.question.entry.passengers) == 4
