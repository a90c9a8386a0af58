"""The whole of selling and boarding in Indonesian: no word on any screen that is not Indonesian, a name or typed."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from importlib.resources import files

import pytest
from babel.messages.pofile import read_po

from core.ops.demo import STAFF
from counter.dialogs.departures import DepartureDialog
from counter.i18n import day_in_words, set_language
from tests.screens.till import Till

BUDI, SITI = "3171010101900001", "3171014507920003"
WORD = re.compile(r"\b[^\W\d_]{3,}\b")
HOLE = re.compile(r"\{\w+\}")
#: Keys, codes and what stands on papers is the same in every language.
INTERNATIONAL = {"enter", "esc", "space", "pgdn", "pgup", "tab", "ctrl", "qris", "demo", "nik", "test", "printer"}
EXAMPLES = "gmr 25 2a1i eks bd sgu +1 pagi gubeng besok ka60"


def words(text: str) -> set[str]:
    return {word.casefold() for word in WORD.findall(text)}


class Walk:
    """A till, and every word it has shown so far."""

    def __init__(self, till: Till) -> None:
        self.till = till
        self.seen: set[str] = set()

    def look(self) -> None:
        self.seen |= words(self.till.text)

    async def type(self, *texts: str) -> None:
        for text in texts:
            await self.till.type(text)
            self.look()

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.till.press(key)
            self.look()


def indonesian() -> set[str]:
    with (files("counter") / "locale" / "id.po").open("rb") as stream:
        return {word for entry in read_po(stream, locale="id") for word in words(HOLE.sub(" ", str(entry.string)))}


def names(till: Till) -> set[str]:
    """What the railway and its people are called."""
    network, today = till.office.network(), till.screen.lexis.today
    called = [till.office.operator.name, *(name for name, _role in STAFF.values())]
    called += [f"{one.code} {one.name}" for one in network.stations.values()]
    called += [one.name for one in network.trains.values()]
    called += [f"{one.code} {one.name}" for one in network.classes.values()]
    called += [day_in_words(today + timedelta(days=ahead)) for ahead in range(-1, 9)]
    return words(" ".join(called))


def booking_numbers(till: Till) -> list[str]:
    """Numbers are made of letters too, by chance of nothing else."""
    return till.office.database.transaction(lambda tx: tx.raw("SELECT booking_number FROM bookings").scalars())


@pytest.fixture
async def walk(counter) -> AsyncIterator[Walk]:
    async with counter("1001") as pilot:
        till = await Till(pilot).ready()
        till.app.speak("id")
        await till.settled()
        yield Walk(till)
        set_language("en")


async def test_no_english_on_the_way_from_the_question_to_the_gate(walk: Walk, until) -> None:
    till = walk.till
    typed = words(f"{EXAMPLES} gmrr bd cn budi siti rafi TK-1")
    known = indonesian() | names(till) | INTERNATIONAL | typed
    await walk.press("f1", "escape")
    await walk.type("gmrr", "\r")
    await walk.press("escape")
    await walk.type("bd cn\r")
    await walk.press("escape")
    await walk.type("gmr +2 eks 2a1i\r")
    await walk.press("right", "left", "f1", "escape")
    await walk.type("\r")
    await walk.press("f3", "right", "space", "left", "f1", "escape", "pagedown")
    await walk.type("7z", "1a", " ")
    await walk.press("escape", "escape", "escape", "f1", "escape")
    await walk.type("\r", "Budi\r", "12\r")
    await walk.press("ctrl+u")
    await walk.type(f"{BUDI}\r", f"Siti {SITI}\r", "Rafi 2/3/2025\r")
    await walk.press("f1", "escape", "f8", "f9", "enter")
    await walk.type("x", "10k\r")
    await walk.press("ctrl+u")
    await walk.type("c\r")
    await till.until(lambda: "printing" not in till.screen.print_states.values())
    await walk.press("f1", "escape", "r")
    await walk.type("\r")
    await walk.press("escape", "enter", "f9", "f11", "f1", "escape")
    await walk.type("TK-1\r")
    await till.pilot.press("f2")
    await until(till.pilot, lambda: isinstance(till.app.screen, DepartureDialog) and "Taksaka" in till.text)
    walk.look()
    await walk.press("escape", "f12")
    known |= words(" ".join(booking_numbers(till)))
    assert " ".join(sorted(walk.seen - known)) == ""
