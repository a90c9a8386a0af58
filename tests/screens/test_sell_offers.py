"""Questions, offers and seats on the sell screen: what is shown, what is refused, and what others sell meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from core import booking, pending
from core.booking import HoldRequest
from counter.dialogs.seats import SeatsDialog
from counter.screens.sale_draft import Step
from counter.screens.sell_offers import OffersPanel
from counter.widgets.seat_map import SeatMap
from tests.conftest import sign_in
from tests.screens.till import Till


@pytest.fixture
async def till(counter) -> AsyncIterator[Till]:
    async with counter("1001") as pilot:
        yield await Till(pilot).ready()


def trains(till: Till) -> list[str]:
    return [f"{one.journey.train.number} {one.travel_class.code}" for one in till.screen.found.offers]


def chosen(till: Till) -> str:
    offer = till.screen.query_one(OffersPanel).chosen
    return f"{offer.journey.train.number} {offer.travel_class.code}"


async def test_what_is_understood_shows_as_one_types_and_what_is_not_has_a_guess(till: Till) -> None:
    await till.type("gmr +2 2a1i")
    assert "YK Yogyakarta → GMR Gambir" in till.text
    assert "2 adults, 1 infant" in till.text
    await till.type(" gambr")
    assert "✘ gambr is not known, GMR?" in till.text
    await till.type("\r")
    assert till.message == "gambr is not known, GMR? Tab takes the guess."
    assert till.screen.draft.step is Step.QUESTION
    await till.press("tab")
    assert till.screen.question.input.value == "gmr +2 2a1i GMR"
    assert "said twice" in till.text


REFUSED = (
    ("", "Type where to"),
    ("eks", "Name the station to go to"),
    ("gmr 31/2", "31/2 does not exist"),
    ("gmr 2020-01-01", "is past"),
    ("gmr xyzzy", "is not known"),
    ("sura", "may be SGU or SBI"),
    ("gmr +2 9a", "A booking has at most 4 seats."),
    ("gmr +2 ka4711", "There is no train"),
    ("mn bd gmr", "said twice"),
    ("bwi", "No direct train"),
)


async def test_a_question_that_cannot_be_asked_is_one_sentence_and_stays(till: Till) -> None:
    for line, sentence in REFUSED:
        await till.press("ctrl+u")
        await till.type(f"{line}\r")
        assert sentence in till.message
        assert till.screen.question.input.value == line
        assert till.app.focused is till.screen.question.input
        assert till.screen.draft.step is Step.QUESTION


async def test_offers_are_filtered_by_class_train_and_time_and_the_one_meant_is_chosen(till: Till) -> None:
    await till.type("gmr +2\r")
    assert trains(till) == ["43 EKS", "43 LUX", "45 EKS", "45 LUX", "59 EKS", "59 SUI"]
    for words, expected in (
        ("lux", ["43 LUX", "45 LUX"]),
        ("pagi", ["43 EKS", "43 LUX"]),
        ("ka45", ["45 EKS", "45 LUX"]),
        ("malam eks", ["45 EKS", "59 EKS"]),
        ("sui", ["59 SUI"]),
    ):
        await till.press("escape", "ctrl+u")
        await till.type(f"gmr +2 {words}\r")
        assert trains(till) == expected
        assert chosen(till) == expected[0]
    await till.press("escape", "ctrl+u")
    await till.type("gmr +2 siang\r")
    assert "No train in that part of the day; there are 6 offers at other times." in till.message


async def test_the_evening_reaches_into_the_small_hours(till: Till) -> None:
    await till.type("mn gmr +2 malam\r")  # 59 Bima leaves Madiun at 21:10, 281 Matarmaja goes to Pasar Senen only
    evening = trains(till)
    await till.press("escape", "ctrl+u")
    await till.type("cn gmr +2 malam\r")
    late = [one.journey for one in till.screen.found.offers if one.journey.departs_at.hour < 4]
    assert evening
    assert late
    assert "+1" in till.text
    assert all(trip.day == till.screen.draft.entry.day + timedelta(days=1) for trip in late)


async def test_arrows_change_the_day_and_the_line_with_it(till: Till) -> None:
    await till.type("gmr +1 eks\r")
    today = till.screen.lexis.today
    await till.press("right")
    day = today + timedelta(days=2)
    assert till.screen.question.input.value == f"gmr {day.day}/{day.month} eks"
    assert till.screen.found.offers[0].journey.day == day
    await till.press("left", "left", "left")
    assert "is past" in till.message
    assert till.screen.draft.entry.day == today


async def test_earlier_questions_come_back_in_the_empty_line(till: Till) -> None:
    for line in ("gmr +1", "bd cn +2", "gmr +1"):
        await till.type(f"{line}\r")
        await till.press("escape", "escape")
    entry = till.screen.question.input
    await till.press("up")
    assert entry.value == "gmr +1"
    await till.press("up")
    assert entry.value == "bd cn +2"
    await till.press("up", "down", "down")
    assert entry.value == ""
    await till.type("sg")
    await till.press("up")
    assert entry.value == "sg", "what is half typed stays"


async def test_what_is_sold_out_says_so_and_cannot_be_held(till: Till) -> None:
    day = till.screen.lexis.today + timedelta(days=2)
    await till.type("gmr +2 sui\r")
    schedule = till.screen.found.offers[0].journey.schedule_id
    actor = sign_in(till.office, "1001", "TEST-2")
    for _ in range(4):
        booking.hold(till.office, actor, HoldRequest(schedule, "SUI", "YK", "GMR", 4))
    await till.type("\r")
    assert "fewer than 1 seats left" in till.message
    assert "sold out" in till.text
    assert till.screen.draft.step is Step.OFFERS
    assert till.screen.found.offers[0].journey.day == day


async def test_seats_are_held_at_once_and_moved_on_the_map(till: Till) -> None:
    await till.type("gmr +2 eks 2a\r")
    await till.press("f3")
    assert isinstance(till.app.screen, SeatsDialog)
    assert till.count("seat_holds") == 1
    before = {seat.id for seat in till.screen.draft.held.seats}
    await till.type("3a ")
    await till.type("3b \r")
    assert till.screen.draft.step is Step.PASSENGERS
    assert [seat.number for seat in till.screen.draft.held.seats] == ["3A", "3B"]
    assert "3A 3B" in till.text
    held = pending.open_work(till.office, till.app.actor)[0]
    assert {seat.id for seat in held.seats} == {seat.id for seat in till.screen.draft.held.seats} != before
    await till.press("f3", "escape")
    assert [seat.number for seat in till.screen.draft.held.seats] == ["3A", "3B"]


async def test_the_map_follows_other_counters_and_a_lost_seat_is_said(till: Till) -> None:
    await till.type("gmr +2 eks\r\r")
    held = till.screen.draft.held
    mine = held.seats[0]
    await till.press("f3")
    await till.type("3a ")
    seats = till.app.screen.query_one(SeatMap)
    other = sign_in(till.office, "1001", "TEST-2")
    label = f"{mine.coach.label}/3A"
    sold = booking.hold(
        till.office, other, HoldRequest(held.journey.schedule_id, "EKS", "YK", "GMR", 1, seat_labels=(label,))
    )
    await till.until(lambda: not seats.chosen)
    assert "Another counter has sold a seat you chose" in till.text
    pending.give_up(till.office, other, sold.booking_id)
    await till.until(lambda: seats.cursor_seat.state == "free")


async def test_a_seat_lost_between_two_looks_is_said_and_the_held_one_is_kept(till: Till, monkeypatch) -> None:
    monkeypatch.setattr("counter.dialogs.seats.EVERY", 3600.0)
    await till.type("gmr +2 eks\r\r")
    held = till.screen.draft.held
    await till.press("f3")
    await till.type("3a ")
    other = sign_in(till.office, "1001", "TEST-2")
    label = f"{held.seats[0].coach.label}/3A"
    booking.hold(till.office, other, HoldRequest(held.journey.schedule_id, "EKS", "YK", "GMR", 1, seat_labels=(label,)))
    await till.type("\r")
    assert "is taken on this stretch" in till.text
    assert isinstance(till.app.screen, SeatsDialog), "the map is there again, as it is now"
    await till.press("escape")
    assert till.screen.draft.held.seats == held.seats
