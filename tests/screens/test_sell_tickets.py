"""After the sale: tickets on paper and on the screen, printed again for every reason there is; keys and languages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from textual.widgets import Input, Static

from core import print_journal, tickets
from counter.commands import available
from counter.dialogs.choice import Choice
from counter.dialogs.reading import Reading
from counter.dialogs.reason import Reason
from counter.screens.sale_draft import Step
from counter.widgets.key_bar import KeyBar, fitting
from tests.screens.till import Till

BUDI = "3171010101900001"
SALE = f"gmr +2 eks\r\rBudi {BUDI}\r\r"


@pytest.fixture
async def till(counter) -> AsyncIterator[Till]:
    async with counter("1001") as pilot:
        yield await Till(pilot).ready()


async def printed(till: Till) -> None:
    await till.until(lambda: "printing" not in till.screen.print_states.values())
    await till.settled()


async def test_a_ticket_is_shown_and_a_copy_is_printed_with_its_reason(till: Till, tmp_path: Path) -> None:
    assert ("printer", "unsure") in till.app.bar.lights, "nobody has heard of it yet"
    await till.type(SALE)
    await printed(till)
    assert ("printer", "on") in till.app.bar.lights
    before = (tmp_path / "printer.bin").stat().st_size
    await till.press("p")
    assert isinstance(till.app.screen, Reading)
    assert "BUDI" in till.text
    await till.press("escape", "r")
    assert isinstance(till.app.screen, Reason)
    await till.type("\r")
    assert "Say why" in till.text
    await till.press("escape")
    assert till.sale().tickets[0].copies == 0
    await till.press("r")
    await till.type("torn\r")
    assert till.sale().tickets[0].copies == 1
    assert "copy was printed" in till.message
    assert (tmp_path / "printer.bin").stat().st_size > before
    await till.press("escape")
    assert till.screen.draft.step is Step.QUESTION


@pytest.mark.parametrize(("keys", "states", "copies"), [(("enter",), ["confirmed"], 0), (("down", "enter"), [
    "cancelled", "confirmed"], 1)])  # fmt: skip
async def test_a_printer_that_gave_no_answer_is_the_clerks_to_judge(
    till: Till, keys, states, copies, monkeypatch
) -> None:
    from counter.devices import transports

    def no_answer(self, *_args: object) -> transports.Delivery:
        return transports.Delivery(transports.Outcome.UNKNOWN, "nothing was heard")

    with monkeypatch.context() as silent:
        silent.setattr(transports.FileTransport, "send", no_answer)
        await till.type(SALE)
        await printed(till)
    assert "no answer" in till.text
    assert ("printer", "unsure") in till.app.bar.lights
    assert "1 ticket was not printed. R prints it again." in till.message
    await till.press("r")
    assert isinstance(till.app.screen, Choice)
    await till.press("escape")
    assert "no answer" in till.text
    await till.press("r", *keys)
    assert "✔ printed" in till.text
    sold = till.sale().tickets[0]
    assert sold.copies == copies
    found = till.office.database.transaction(lambda tx: tx.raw("SELECT state FROM print_jobs ORDER BY id").scalars())
    assert found == states
    assert print_journal.open_jobs(till.office, till.app.actor) == []


async def test_a_printer_that_is_off_leaves_the_ticket_in_the_queue_and_the_sale_whole(till: Till, monkeypatch) -> None:
    from counter.devices import transports

    def off(self, *_args: object) -> transports.Delivery:
        return transports.Delivery(transports.Outcome.NOT_SENT, "no such device")

    with monkeypatch.context() as broken:
        broken.setattr(transports.FileTransport, "send", off)
        await till.type(SALE)
        await printed(till)
        assert "✘ not printed yet" in till.text
        assert ("printer", "away") in till.app.bar.lights
        await till.press("r")
        assert "✘ not printed yet" in till.text
    await till.press("enter", "f9", "enter")
    assert till.screen.draft.step is Step.FINISHED
    await till.press("r")
    assert "✔ printed" in till.text
    assert ("printer", "on") in till.app.bar.lights
    assert till.sale().tickets[0].copies == 0, "the first paper is no copy"


async def test_without_a_printer_tickets_say_so(till: Till, monkeypatch) -> None:
    from counter.devices.printer import NoPrinter

    monkeypatch.setattr(till.app.workplace, "printer", NoPrinter())
    await till.type(SALE)
    assert "○ no printer" in till.text
    await till.press("r")
    await till.type("torn\r")
    assert "This terminal has no printer." in till.message


async def test_every_key_of_a_step_is_in_the_help_and_in_the_footer_if_there_is_room(till: Till) -> None:
    way = ((Step.QUESTION, "gmr +2 eks\r"), (Step.OFFERS, "\r"), (Step.PASSENGERS, f"Budi {BUDI}\r"),
           (Step.PAYMENT, "\r"), (Step.FINISHED, ""))  # fmt: skip
    for step, keys in way:
        assert till.screen.draft.step is step
        footer, labels = till.lines[-1], till.screen.query_one(KeyBar).entries()
        crowded = len(fitting(labels, 80)) < len(labels)
        mine = [entry.command for entry in available(till.screen) if entry.node is till.screen]
        for command in mine:
            assert hasattr(till.screen, f"action_{command.id}")
            assert not command.label or command.label in footer or crowded, (step, command.id)
        assert all(word in footer for word in ("Enter ", "Esc ", "F1 keys"))
        await till.press("f1")
        listed = str(till.app.screen.query_one("#keys", Static).content)
        assert [command.help for command in mine if command.help not in listed] == []
        await till.press("escape")
        await till.type(keys)


async def test_the_language_changes_in_the_middle_of_a_sale(till: Till) -> None:
    await till.type("gmr +2 eks 1a1i\r\rBudi San")
    till.app.speak("id")
    await till.settled()
    assert "dewasa" in till.text
    assert "bayi" in till.text
    assert "BAYAR" in till.text
    field = till.screen.passengers.lines[0].field("name")
    assert (field.value, till.app.focused) == ("Budi San", field)
    await till.type(f"toso {BUDI}\rRafi 2/3/2025\r\r")
    assert "Terjual" in till.text
    assert [one.passenger_name for one in till.sale().tickets] == ["BUDI SANTOSO", "RAFI"]


async def test_nothing_is_wider_than_the_screen_and_nothing_jumps(till: Till) -> None:
    def places() -> set[tuple[str, int, int]]:
        return {
            (one.id, one.region.y, one.region.height) for one in till.screen.query("#question, #desk, #fare, #detail")
        }

    first = places()
    for keys in ("gmr +2 3a1i", "\r", "\r", f"\x1b[200~{'x' * 5000}\x1b[201~", "\r", "\x7f"):
        await till.type(keys)
        assert places() == first
        assert {len(line) <= 80 for line in till.lines} == {True}


async def test_pasted_control_characters_are_refused_in_a_sentence(till: Till) -> None:
    await till.type("gmr +2 eks\r\r")
    await till.type("\x1b[200~Bu\x07di\tSan\x1btoso\x1b[201~")
    field = till.app.focused
    assert isinstance(field, Input)
    await till.type("\r")
    assert "cannot be seen" in till.text
    assert till.screen.draft.step is Step.PASSENGERS
    assert "Bu" in field.value
    assert field.value.isprintable()


async def test_a_gate_agent_may_not_sell(counter) -> None:
    async with counter("2001") as pilot:
        assert pilot.app.current_mode != "sell"


def test_a_ticket_has_a_state_in_words_for_every_state_there_is() -> None:
    from core.states import PRINT_JOB
    from counter.screens.sell_finished import print_state_in_words

    words = {print_state_in_words(tickets.shown_state(state)) for state in (None, *PRINT_JOB)}
    assert len(words) == 4
    assert all(" " in one for one in words)
