"""How selling looks at every step, at the smallest screen and at a comfortable one, with data that never changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from core.database import Actor
from core.seat_map import MappedCoach, MappedSeat
from counter.app import CounterApp
from counter.dialogs.choice import Choice
from counter.dialogs.part import PartDialog
from counter.dialogs.promotion import PromotionDialog
from counter.dialogs.qris import QrisDialog
from counter.dialogs.registering import Registering
from counter.dialogs.seats import SeatsDialog, coach_views
from counter.dialogs.slip import Machine, Slip
from counter.i18n import set_language
from counter.lifeline import Lifeline
from counter.screens.sale_draft import SaleDraft, Spot
from counter.screens.sell import SellScreen
from counter.screens.sell_map import LiveMap
from counter.screens.sell_offers import journey_in_words
from counter.screens.sell_payment import PaymentPanel
from counter.screens.sell_price import reduction_lines
from counter.symbols import use_ascii
from counter.widgets.state_bar import BarState
from tests.screens import sale_samples as samples

SIZES = [(80, 24), (120, 40)]


class Shop(CounterApp):
    """The application at the sell screen, without a database behind it."""

    DEFAULT_MODE = "sell"
    actor = Actor(role="clerk", staff_number="1001", full_name="Sari")


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[CounterApp]:
    async def nothing(_self: object) -> None:
        return

    async def learn(screen: SellScreen) -> None:
        screen.lexis = samples.LEXIS
        screen.question.learn(samples.LEXIS)

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(Lifeline, "keep", nothing)
    monkeypatch.setattr(SellScreen, "_learn", learn)
    monkeypatch.setattr(SellScreen, "now", staticmethod(lambda: 1.0))
    monkeypatch.setattr(SellScreen, "_tick", lambda _screen: None)
    monkeypatch.setattr(SellScreen, "follow_map", lambda _screen: None)
    app = Shop()
    app.bar = BarState(
        "YK", "LOKET-2", "1001 Sari", (("db", "on"), ("printer", "on"), ("scanner", "off")), "DEMO",
        datetime(2026, 11, 20, 8, 41, tzinfo=samples.WIB),
    )  # fmt: skip
    yield app
    set_language("en")
    use_ascii(False)


Scene = Callable[[Pilot[Any], SellScreen], Any]


async def put(screen: SellScreen, draft: SaleDraft) -> None:
    screen.draft = draft
    if draft.entry is not None:
        screen.put_line(draft.entry.line)
    screen.found = samples.found()
    screen.show_offers(None)
    if draft.is_open:
        await screen.seat_passengers()
    screen.show()
    screen.place_cursor()


async def asking(pilot: Pilot[Any], _screen: SellScreen) -> None:
    await pilot.press(*"gmr 31/2 2a gambr")


async def offers(_pilot: Pilot[Any], screen: SellScreen) -> None:
    draft = SaleDraft()
    draft.ask(samples.entry("gmr 25 3a1i"))
    draft.offered = True
    await put(screen, draft)


async def passengers(_pilot: Pilot[Any], screen: SellScreen) -> None:
    draft = samples.named(samples.draft())
    draft.party[1].identity = "9971014507920003"
    draft.party[2].identity = "317"
    draft.party[3].name = draft.party[3].identity = ""
    draft.spot = Spot(1, "identity")
    await put(screen, draft)
    await screen.query_one(LiveMap).show(draft.held, coaches())
    screen.show()


async def reduced(pilot: Pilot[Any], screen: SellScreen) -> None:
    """A veteran, a senior whose document has ended, a promotion."""
    draft = samples.named(samples.draft())
    draft.set_reduction(0, "veteran")
    draft.set_reduction(1, "senior")
    draft.price.codes.append("LEBARAN")
    draft.take_quote(samples.quote(draft))
    draft.spot = Spot(1, "identity")
    await put(screen, draft)
    await screen.query_one(LiveMap).show(draft.held, coaches())
    screen.show()
    await pilot.pause()


async def promotion(pilot: Pilot[Any], screen: SellScreen) -> None:
    await reduced(pilot, screen)
    notice = "The promotion MUDIK needs fares of 2.000.000 or more. Sell without it."
    pilot.app.push_screen(PromotionDialog(screen.draft.quote.uses, "mudik", notice))


async def reductions(pilot: Pilot[Any], screen: SellScreen) -> None:
    await reduced(pilot, screen)
    pilot.app.push_screen(Choice("Which reduction for Siti Aminah?", reduction_lines(samples.POSSIBLE, 450_000)))


async def registering(pilot: Pilot[Any], screen: SellScreen) -> None:
    await reduced(pilot, screen)
    title = "Register for Siti Aminah: military"
    pilot.app.push_screen(Registering(title, samples.TODAY, "KTA 5511", "", "", may_be_for_life=False))


async def refused(pilot: Pilot[Any], screen: SellScreen) -> None:
    await passengers(pilot, screen)
    await pilot.press("down", "enter")


async def paying(pilot: Pilot[Any], screen: SellScreen) -> None:
    draft = samples.named(samples.draft())
    draft.pay()
    await put(screen, draft)
    await screen.query_one(LiveMap).show(draft.held, coaches())
    screen.query_one(PaymentPanel).cash.choose(2)
    await pilot.pause()


async def card(pilot: Pilot[Any], screen: SellScreen) -> None:
    await paying(pilot, screen)
    pilot.app.push_screen(Slip("debit_card", screen.draft.to_pay, Machine("12345678", "000017")))


async def part_paid(pilot: Pilot[Any], screen: SellScreen) -> None:
    await paying(pilot, screen)
    screen.draft.tell_money(samples.standing(screen.draft, ("cash", 500_000), ("debit_card", 300_000)), 600.0)
    screen.draft.tendered = ""
    screen.query_one(PaymentPanel).cash.value = ""
    screen.show()


async def split(pilot: Pilot[Any], screen: SellScreen) -> None:
    await part_paid(pilot, screen)
    pilot.app.push_screen(PartDialog(screen.draft.owed, screen.draft.money.parts))


async def qris(pilot: Pilot[Any], screen: SellScreen) -> None:
    await paying(pilot, screen)
    pilot.app.push_screen(QrisDialog(samples.awaited(screen.draft), lambda _payment: None))
    await pilot.pause()
    dialog = pilot.app.screen
    assert isinstance(dialog, QrisDialog)
    dialog.workers.cancel_all()
    dialog.clock.stop()
    dialog.query_one("#time", Static).update("4:38")


async def finished(_pilot: Pilot[Any], screen: SellScreen) -> None:
    draft = samples.named(samples.draft())
    draft.pay()
    draft.finish(samples.sale(draft))
    await put(screen, draft)
    screen.say("Paid 1.357.500. Booking ABX4K7Q.")


async def out_of_time(pilot: Pilot[Any], screen: SellScreen) -> None:
    await passengers(pilot, screen)
    screen._expire()


def coaches() -> list[MappedCoach]:
    """A short coach: some seats taken, one free for a part of the way."""
    first = samples.SEATS[0]
    seats = []
    for row in range(1, 14):
        for place, letter in ((0, "A"), (1, "B"), (3, "C"), (4, "D")):
            number = f"{row}{letter}"
            mine = next((seat for seat in samples.SEATS[:3] if seat.number == number), None)
            kind, accessible = ("window" if place in (0, 4) else "aisle"), row == 1 and place > 1
            seat = mine or type(first)(
                row * 10 + place + 100, 1, first.coach, number, row * 4 + place, row, letter, place, kind, accessible
            )
            standing = "yours" if mine else ("taken" if (row * 7 + place) % 5 == 0 else "free")
            partial = number == "9B"
            seats.append(MappedSeat(seat, "partial" if partial else standing, *(("CN", "GMR") if partial else ())))
    return [MappedCoach(first.coach, tuple(seats))]


async def seat_map(pilot: Pilot[Any], screen: SellScreen) -> None:
    await passengers(pilot, screen)
    held = screen.draft.held
    mine = [seat.id for seat in held.seats]
    views = coach_views(coaches(), "EKS")
    pilot.app.push_screen(SeatsDialog(journey_in_words(held.journey), views, mine, coaches))


async def leaving(pilot: Pilot[Any], screen: SellScreen) -> None:
    await passengers(pilot, screen)
    lines = [("park", "Park: keep them, serve somebody else, F9 brings this back"),
             ("give_up", "Give them up: back to the offers, what was typed stays")]  # fmt: skip
    pilot.app.push_screen(Choice("EKS 2: 12A 12B 12C are held. What about them?", lines))


SCENES = (
    asking,
    offers,
    passengers,
    reduced,
    promotion,
    reductions,
    registering,
    refused,
    paying,
    card,
    part_paid,
    split,
    qris,
    finished,
    out_of_time,
    seat_map,
    leaving,
)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_selling(snap_compare, shop: CounterApp, scene: Scene, size: tuple[int, int]) -> None:
    assert snap_compare(shop, terminal_size=size, run_before=_staged(scene))


@pytest.mark.parametrize("scene", [reduced, paying, card, split, finished], ids=lambda scene: scene.__name__)
def test_selling_in_indonesian(snap_compare, shop: CounterApp, scene: Scene) -> None:
    set_language("id")
    assert snap_compare(shop, terminal_size=(80, 24), run_before=_staged(scene))


def test_selling_in_ascii(snap_compare, shop: CounterApp) -> None:
    use_ascii(True)
    assert snap_compare(shop, terminal_size=(80, 24), run_before=_staged(paying))


def _staged(scene: Scene) -> Callable[[Pilot[Any]], Any]:
    async def run_before(pilot: Pilot[Any]) -> None:
        screen = pilot.app.screen
        assert isinstance(screen, SellScreen)
        while screen.busy or screen.lexis is None:
            await pilot.pause()
        await scene(pilot, screen)
        await pilot.pause()
        for field in screen.query("Input"):
            field.cursor_blink = False
        await pilot.pause()

    return run_before
