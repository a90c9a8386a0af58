"""Promotions and reductions at the sell screen, on a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from textual.widgets import Digits

from core import entitlement_register, party, pending, promotion_register
from core.entitlement_register import Registration
from core.ops import integrity
from counter.dialogs.choice import Choice
from counter.dialogs.promotion import PromotionDialog
from counter.dialogs.registering import Registering
from counter.i18n import set_language
from counter.screens.sale_draft import Step
from counter.screens.sell_passengers import notes_on
from tests.conftest import sign_in
from tests.screens.till import Till

OLD, YOUNG = "3171010101500001", "3171010101900001"


@pytest.fixture
async def till(counter) -> AsyncIterator[Till]:
    async with counter("1001") as pilot:
        yield await Till(pilot).ready()


def due(till: Till) -> str:
    return till.screen.query_one("#total Digits", Digits).value


def notes(till: Till) -> str:
    """What is said about the passenger under the cursor, however it is wrapped."""
    return notes_on(till.screen.draft, till.screen.draft.spot.line, till.screen.trouble).plain


async def hold(till: Till, party: str = "") -> None:
    await till.type(f"gmr +2 eks {party}".rstrip() + "\r\r")
    await till.until(lambda: till.screen.draft.step is Step.PASSENGERS)


# Promotions


async def test_a_code_shows_what_it_takes_off_and_is_paid_like_that(till: Till) -> None:
    await hold(till)
    await till.press("f7")
    assert isinstance(till.app.screen, PromotionDialog)
    await till.type("demo10\r")
    assert "DEMO10 takes off 45.000." in till.message
    assert due(till) == "412.500"
    assert "−45.000" in till.text
    await till.type(f"Budi {YOUNG}\r\r")
    await till.until(lambda: till.screen.draft.step is Step.FINISHED)
    sold = till.sale()
    assert (sold.discount_amount, sold.paid, sold.change) == (45_000, 412_500, 0)
    assert due(till) == "412.500"
    assert till.count("booking_promotions") == 1
    assert all(check.ok for check in integrity.verify(till.office))


async def test_a_refused_code_says_why_and_can_be_corrected(till: Till) -> None:
    await hold(till)
    await till.press("f7")
    await till.type("demo50k\r")
    assert "needs fares of 500.000 or more" in till.text
    assert till.app.screen.focused is not None
    assert till.app.screen.focused.value == "demo50k"  # type: ignore[attr-defined]
    await till.press("ctrl+u")
    await till.type("\r")
    assert "Type the code as printed." in till.text
    await till.type("demolast\r")
    assert "DEMOLAST takes off 25.000." in till.message
    await till.press("f7")
    assert "DEMOLAST  First ten customers" in till.text
    await till.type("demolast\r")
    assert "DEMOLAST is used already." in till.text
    await till.press("ctrl+u")
    await till.type("demo10\r")
    assert "A booking takes at most 1 promotion." in till.text
    await till.press("f8")
    assert till.message == "No promotion is used."
    assert due(till) == "457.500"
    await till.press("f7", "escape")
    assert till.screen.draft.price.codes == []


async def test_a_promotion_that_ends_before_the_money_is_taken_is_taken_off(till: Till) -> None:
    await hold(till)
    await till.press("f7")
    await till.type(f"demolast\rBudi {YOUNG}\r")
    await till.until(lambda: till.screen.draft.step is Step.PAYMENT)
    assert due(till) == "432.500"
    supervisor = sign_in(till.office, "3001", "OFFICE-1")
    promotion_register.switch_off(till.office, supervisor, "DEMOLAST")
    await till.type("\r")
    await till.until(lambda: not till.screen.busy)
    assert "The promotion DEMOLAST is not on." in till.message
    assert (till.screen.draft.step, due(till)) == (Step.PAYMENT, "457.500")
    await till.type("\r")
    await till.until(lambda: till.screen.draft.step is Step.FINISHED)
    assert till.sale().paid == 457_500


async def test_a_parked_sale_keeps_its_promotion(till: Till) -> None:
    await hold(till)
    await till.press("f7")
    await till.type("demo10\r")
    await till.press("f8")
    await hold(till)
    assert due(till) == "457.500"
    await till.press("f8", "f9")
    assert isinstance(till.app.screen, Choice)
    await till.press("down", "enter")
    await till.until(lambda: due(till) == "412.500")
    assert till.screen.draft.price.codes == ["DEMO10"]


# Reductions


async def test_a_senior_is_registered_and_reduced_at_the_counter(till: Till) -> None:
    await hold(till)
    await till.type("Budi")
    await till.press("f6")
    assert "Type the identity number first" in till.message
    await till.type(f" {OLD}\r")
    await till.press("escape")  # on to the money, and back
    assert "Old enough for a reduction: F6" in notes(till)
    await till.press("f6")
    assert isinstance(till.app.screen, Choice)
    assert "not registered: Enter registers it" in till.text
    await till.press("enter")
    assert isinstance(till.app.screen, Registering)
    await till.type("KTP 77\r\r")
    assert "Registered until 9999-12-31." in till.message
    assert due(till) == "367.500"
    assert "1 senior" in till.text
    await till.press("enter", "enter", "enter")
    await till.until(lambda: till.screen.draft.step is Step.FINISHED)
    sold = till.sale()
    assert (sold.discount_amount, sold.tickets[0].fare, sold.tickets[0].passenger_type) == (90_000, 360_000, "senior")
    assert all(check.ok for check in integrity.verify(till.office))


async def test_the_document_is_asked_for_until_it_can_be(till: Till) -> None:
    await hold(till)
    await till.type(f"Budi {YOUNG}\r")
    await till.press("escape", "f6", "down", "enter")
    assert isinstance(till.app.screen, Registering)
    await till.type("\r")
    assert "Type the number on the card or letter." in till.text
    await till.type("V 12\r\r")
    assert "Type the document's last day." in till.text
    await till.type("31/2\r")
    assert "does not exist" in till.text
    await till.press("ctrl+u")
    await till.type("2020-01-01\r")
    await till.until(lambda: isinstance(till.app.screen, Registering) and "ended on 2020-01-01" in till.text)
    await till.press("tab", "ctrl+u")
    await till.type("+400\r")
    await till.until(lambda: till.screen.draft.party[0].reduction == "veteran")
    assert "1 veteran" in till.text
    assert till.count("entitlements") == 1
    await till.press("f6", "down", "down", "down", "enter")
    await till.until(lambda: due(till) == "457.500")
    assert till.screen.draft.party[0].reduction is None


async def test_a_claim_without_a_document_stops_before_the_money(till: Till) -> None:
    """Registered for one number, typed over by another."""
    register(till, "military")
    await hold(till)
    await till.type(f"Budi {YOUNG}\r")
    await till.press("escape", "f6", "down", "down", "enter")
    await till.until(lambda: due(till) == "345.500")
    await till.press("enter", "ctrl+u")
    await till.type(f"{OLD}\r")
    await till.until(lambda: not till.screen.busy)
    assert till.screen.draft.step is Step.PASSENGERS
    assert "No military entitlement is registered for this identity." in notes(till)
    assert due(till) == "457.500"


def register(till: Till, kind: str, identity: str = YOUNG) -> None:
    clerk, lexis = till.app.actor, till.screen.lexis
    assert clerk is not None
    assert lexis is not None
    shown = Registration(kind, "Budi", identity, "DOC", lexis.today + timedelta(days=400))
    entitlement_register.register(till.office, clerk, shown)


async def test_an_unregistered_senior_is_told_and_pays_in_full(till: Till) -> None:
    await hold(till, "1s")
    await till.type(f"Budi {OLD}\r")
    await till.until(lambda: till.screen.draft.step is Step.PAYMENT)
    assert due(till) == "457.500"
    await till.press("escape")
    assert "No senior entitlement is registered for this identity." in notes(till)
    register(till, "senior", OLD)
    await till.press("f6", "enter")
    await till.until(lambda: due(till) == "367.500")


async def test_reductions_and_promotions_survive_a_restart(counter) -> None:
    async with counter("1001") as pilot:
        till = await Till(pilot).ready()
        register(till, "military")
        await hold(till)
        await till.press("f7")
        await till.type(f"demo10\rBudi {YOUNG}\r")
        await till.press("escape", "f6", "down", "down", "enter")
        await till.until(lambda: due(till) == "311.700")
        await till.press("enter", "enter")
        await till.until(lambda: till.screen.draft.step is Step.PAYMENT)
        clerk, office = till.app.actor, till.office
        held = till.screen.draft.held
        assert clerk is not None
        assert held is not None
        await till.until(lambda: [one.promotions for one in pending.open_work(office, clerk)] == [("DEMO10",)])
        assert [one.reduction for one in party.named(office, clerk, held.booking_id)] == ["military"]
    async with counter("1001") as pilot:
        till = await Till(pilot).ready()
        await till.press("f9", "enter")
        await till.until(lambda: due(till) == "311.700")
        assert "1 military" in till.text
        await till.press("enter", "enter", "enter")
        await till.until(lambda: till.screen.draft.step is Step.FINISHED)
        assert till.sale().paid == 311_700


async def test_in_indonesian(till: Till) -> None:
    await hold(till)
    set_language("id")
    await till.press("f7")
    assert "Promosi yang mana?" in till.text
    await till.type("demo50k\r")
    assert "memerlukan tarif 500.000 atau lebih" in till.text
