"""A sale on the screen from the first key to the tickets, on a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from textual.widgets import Digits

from core.ops import integrity
from counter.screens.sale_draft import Step
from tests.screens.till import Till

BUDI, SITI, JOKO = "3171010101900001", "3171014507920003", "3171010101900002"
#: What a clerk types for a party of four: what is counted, and what the passengers' papers say.
PARTY_OF_FOUR = (
    ("gmr +2 3a1i", ""), ("\r", ""), ("\r", ""),
    ("", "Budi Santoso"), ("\r", ""), ("", BUDI), ("\r", ""),
    ("", "Siti Aminah"), ("\r", ""), ("", SITI), ("\r", ""),
    ("", "Joko"), ("\r", ""), ("", JOKO), ("\r", ""),
    ("", "Rafi"), ("\r", ""), ("", "02/03/2025"), ("\r", ""),
    ("\r", ""),
)  # fmt: skip


@pytest.fixture
async def till(counter) -> AsyncIterator[Till]:
    async with counter("1001") as pilot:
        yield await Till(pilot).ready()


async def test_a_party_of_four_in_22_keys_beyond_names_numbers_and_the_birth_date(till: Till, tmp_path) -> None:
    assert sum(len(keys) for keys, _ in PARTY_OF_FOUR) == 22
    for keys, papers in PARTY_OF_FOUR:
        await till.type(keys + papers)
    sold = till.sale()
    await till.until(lambda: set(till.screen.print_states.values()) == {"confirmed"})
    assert [ticket.passenger_name for ticket in sold.tickets] == ["BUDI SANTOSO", "SITI AMINAH", "JOKO", "RAFI"]
    assert [bool(ticket.seat) for ticket in sold.tickets] == [True, True, True, False]
    assert (sold.status, sold.paid, sold.change) == ("confirmed", 1_357_500, 0)
    assert (tmp_path / "printer.bin").stat().st_size > 0
    assert sold.booking_number in till.text
    assert till.text.count("✔ printed") == 4
    assert all(check.ok for check in integrity.verify(till.office))


async def test_typed_in_one_breath_it_is_the_same_sale(till: Till) -> None:
    """Faster than the database answers: every key waits for its turn."""
    await till.type("".join(keys + papers for keys, papers in PARTY_OF_FOUR))
    await till.until(lambda: till.screen.draft.step is Step.FINISHED)
    assert [ticket.passenger_name for ticket in till.sale().tickets] == ["BUDI SANTOSO", "SITI AMINAH", "JOKO", "RAFI"]
    assert till.count("bookings") == 1


async def test_the_money_stands_still_from_the_first_offer_to_the_last_coin(till: Till) -> None:
    def total() -> tuple[int, int, str]:
        figure = till.screen.query_one("#total Digits", Digits)
        return figure.region.right, figure.region.y, figure.value

    await till.type("gmr +2 eks\r")
    places = [total()]
    await till.type("\r")
    places.append(total())
    await till.type(f"Budi {BUDI}\r")
    places.append(total())
    await till.type("500k")
    assert "CHANGE" in till.text
    given_back = till.screen.query_one("#change Digits", Digits)
    where, amount = (given_back.region.right, given_back.region.y), given_back.value
    assert amount == "42.500"
    await till.type("\r")
    places.append(total())
    assert len(set(places)) == 1
    back = till.screen.query_one("#given-back Digits", Digits)
    assert ((back.region.right, back.region.y), back.value) == (where, amount), "the change stays where it was counted"
    assert till.sale().change == 42_500
    await till.type("\r")
    assert (till.screen.draft.step, till.screen.question.input.value) == (Step.QUESTION, "")


async def test_one_line_shows_the_sale_to_be_confirmed_with_one_more_enter(till: Till) -> None:
    await till.type(f"gmr +2 eks Budi Santoso {BUDI} cash\r")
    assert till.screen.draft.step is Step.PAYMENT
    assert "43 Taksaka" in till.text
    await till.type("\r")
    assert [ticket.passenger_name for ticket in till.sale().tickets] == ["BUDI SANTOSO"]
    assert till.sale().paid == 457_500


async def test_enter_twice_never_sells_twice_and_the_change_is_seen(till: Till) -> None:
    await till.type(f"gmr +2 eks\r\rBudi {BUDI}\r")
    await till.type("1000k\r\r\r\r")
    assert till.screen.draft.step is Step.FINISHED, "what was typed ahead of the money is dropped"
    assert "CHANGE" in till.text
    assert till.count("bookings") == till.count("payments") == 1


async def test_suggested_sums_are_one_key_away(till: Till) -> None:
    await till.type(f"gmr +2 eks\r\rBudi {BUDI}\r")
    cash = till.screen.query_one("#cash")
    assert list(cash.notes) == [457_500, 460_000, 500_000]
    await till.type("c")
    assert cash.value == "500.000"
    await till.type("b")
    assert cash.value == "460.000"
    await till.press("down", "down")
    assert cash.value == "457.500"
    await till.press("up")
    assert cash.value == "500.000"
    await till.press("ctrl+u")
    await till.type("500rb")
    assert cash.amount == 500_000, "b is a letter of its own only where no amount goes on with it"
    await till.press("ctrl+u")
    await till.type("400k\r")
    assert "too little" in till.message
    assert (till.screen.draft.step, cash.value) == (Step.PAYMENT, "400k")
    assert till.count("payments") == 0


async def test_going_back_by_one_step_and_forth_again_loses_nothing(till: Till) -> None:
    await till.type(f"gmr +2 eks 2a\r\rBudi {BUDI}\rSiti {SITI}\r")
    assert till.screen.draft.step is Step.PAYMENT
    await till.type("1000k")
    await till.press("escape")
    assert till.screen.draft.step is Step.PASSENGERS
    await till.press("up", "up")
    await till.type(" Santoso\r\r")
    assert till.screen.draft.step is Step.PAYMENT
    assert till.screen.query_one("#cash").value == "1.000k"
    await till.press("escape", "escape")
    assert "are held" in till.text
    await till.press("escape")
    assert till.screen.draft.step is Step.PASSENGERS, "no choice, nothing given back"
    await till.press("escape", "down", "enter")
    assert till.screen.draft.step is Step.OFFERS
    assert till.count("seat_holds") == 0
    assert till.count("bookings WHERE status = 'cancelled'") == 1
    await till.type("\r")
    assert [one.name for one in till.screen.draft.party] == ["Budi Santoso", "Siti"]
    assert till.screen.draft.first_missing() is None
    await till.press("escape", "down", "enter", "escape", "escape")
    assert (till.screen.draft.step, till.screen.question.input.value) == (Step.QUESTION, "")
    assert till.screen.draft.party == [], "the next customer has other names"


async def test_a_traveller_changes_type_and_the_seats_follow(till: Till) -> None:
    await till.type("gmr +2 eks 1a1i\r\r")
    await till.type(f"Budi {BUDI}\rRafi 2/3/2019\r")
    assert "infants are under 3" in till.text
    assert till.screen.draft.step is Step.PASSENGERS
    await till.press("f4", "f4")
    assert [one.type.value for one in till.screen.draft.party] == ["adult", "adult"]
    assert len(till.screen.draft.held.seats) == 2
    assert till.count("seat_holds") == 1
    assert [one.name for one in till.screen.draft.party] == ["Budi", "Rafi"]
    await till.press("f4", "f4")
    assert [one.type.value for one in till.screen.draft.party] == ["adult", "infant"]
    assert len(till.screen.draft.held.seats) == 1
    await till.press("down")
    field = till.screen.passengers.lines[1].field("identity")
    till.screen.set_focus(field)
    await till.press("ctrl+u")
    await till.type("2/3/2025\r\r")
    assert [ticket.passenger_type for ticket in till.sale().tickets] == ["adult", "infant"]
    assert all(check.ok for check in integrity.verify(till.office))


async def test_a_doubtful_number_is_said_and_never_stops_the_sale(till: Till) -> None:
    await till.type("gmr +2 eks 2a\r\rBudi 9971010101900001\r")
    assert "Check the card of passenger 1: No province has the code 99." in till.message
    assert "▲ EKS" in till.text
    await till.type(f"Siti {SITI}\r\r")
    assert till.screen.draft.step is Step.FINISHED
    assert "No province has the" in till.text, "said once more where the change is"


async def test_a_dropped_question_comes_back_with_up(till: Till) -> None:
    await till.type("gmr +2 eks")
    await till.press("escape", "up")
    assert till.screen.question.input.value == "gmr +2 eks"
