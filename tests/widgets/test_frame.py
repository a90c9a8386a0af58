"""State bar, key bar and message line: never wider than the screen, and what matters is never what gives way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult

from counter.commands import key_name
from counter.i18n import set_language
from counter.symbols import ASCII, FULL, cut, drawn, use_ascii
from counter.widgets.key_bar import KeyLabel, fitting
from counter.widgets.message_line import MessageLine
from counter.widgets.state_bar import BarState, bar

NOW = datetime(2026, 11, 20, 8, 41)  # noqa: DTZ001 - already on the station's clock
LIGHTS = (("db", "on"), ("printer", "on"), ("scanner", "off"))
FULL_STATE = BarState("YK", "loket-utara-3f7a", "1001 Sari Rahmawati Kusumaningrum", LIGHTS, "DEMO", NOW)


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    use_ascii(False)
    set_language("en")


def test_the_bar_with_room_for_everything() -> None:
    shown = bar(FULL_STATE, 120).plain
    assert shown.startswith(" YK loket-utara-3f7a │ 1001 Sari Rahmawati Kusumaningrum │ ● db ● printer ○ scanner ")
    assert shown.endswith("  DEMO  Fri 20 Nov 08:41 ")
    assert cell_len(shown) == 120


def test_at_80_columns_names_are_cut_and_lights_and_time_stay() -> None:
    shown = bar(FULL_STATE.with_light("db", "away"), 80).plain
    assert cell_len(shown) == 80
    assert "✘ db away ● printer ○ scanner" in shown
    assert shown.endswith(" DEMO  Fri 20 Nov 08:41 ")
    assert "YK" in shown
    assert "1001" in shown


@given(
    station=st.sampled_from(["", "YK", "PWT"]),
    terminal=st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=31),
    staff=st.text(max_size=60),
    away=st.booleans(),
    width=st.integers(80, 200),
)
def test_the_bar_fits_whatever_people_are_called(
    station: str, terminal: str, staff: str, away: bool, width: int
) -> None:
    visible = "".join(letter for letter in staff if letter.isprintable())
    state = BarState(station, terminal, visible, LIGHTS, "DEMO", NOW).with_light("db", "away" if away else "on")
    shown = bar(state, width).plain
    assert cell_len(shown) <= width
    assert "08:41" in shown
    assert ("✘ db away" in shown) == away


def test_what_is_not_known_yet_is_left_out() -> None:
    assert bar(BarState("counter", lights=(("db", "unsure"),)), 80).plain.split() == ["counter", "│", "◐", "db"]


def test_a_light_is_told_by_its_symbol_and_word() -> None:
    plain = [bar(FULL_STATE.with_light("printer", light), 120).plain for light in ("on", "off", "unsure", "away")]
    assert len(set(plain)) == 4


KEYS = [
    KeyLabel("a", "Enter", "choose", True),
    KeyLabel("b", "F3", "seats", True),
    KeyLabel("back", "Esc", "back", True),
    KeyLabel("c", "F8", "hold", True),
    KeyLabel("help", "F1", "keys", True),
]


@given(st.integers(0, 100))
def test_help_and_the_way_back_stay_on_the_line(width: int) -> None:
    kept = [each.action for each in fitting(KEYS, width)]
    assert {"back", "help"} <= set(kept)
    assert kept == [each.action for each in KEYS if each.action in kept]
    least = sum(each.cells for each in KEYS if each.action in ("back", "help"))
    assert sum(each.cells for each in fitting(KEYS, width)) <= max(width, least)


def test_with_room_every_key_is_shown() -> None:
    assert fitting(KEYS, 80) == KEYS


@pytest.mark.parametrize(
    ("key", "name"),
    [("f3", "F3"), ("escape", "Esc"), ("ctrl+g,f11", "Ctrl+G"), ("pageup", "PgUp"), ("up", "↑"), ("a", "a")],
)
def test_keys_are_called_what_is_printed_on_them(key: str, name: str) -> None:
    assert key_name(key) == name


def test_arrows_without_symbols() -> None:
    assert key_name("up", ascii_only=True) == "Up"


def test_ascii_stands_in_for_every_symbol() -> None:
    assert all(len(full) == len(plain) == 1 and plain.isascii() for full, plain in zip(FULL, ASCII, strict=True))
    assert all(cell_len(each) == 1 for each in FULL)
    use_ascii(True)
    assert drawn("".join(FULL)).isascii()
    assert bar(FULL_STATE, 80).plain.isascii()


@given(st.text(max_size=40), st.integers(0, 50))
def test_a_text_is_cut_to_its_room_and_says_so(text: str, cells: int) -> None:
    shown = cut(text, cells)
    assert cell_len(shown) <= cells
    assert shown == text or cells == 0 or shown.endswith("…")


class Desk(App[None]):
    """One line on a narrow screen."""

    def compose(self) -> ComposeResult:
        yield MessageLine()


async def test_a_message_says_its_kind_and_takes_the_lines_it_needs() -> None:
    app = Desk()
    async with app.run_test(size=(40, 5)) as pilot:
        line = app.query_one(MessageLine)
        line.show("Only three seats\nare left.", kind="warning", hint="Offer another train or class.")
        await pilot.pause()
        assert str(line.render()) == "▲ Note: Only three seats are left. Offer another train or class."
        shown = ["".join(part.text for part in strip).strip() for strip in app.screen._compositor.render_strips()]
        assert " ".join(shown).split() == str(line.render()).split()
        assert line.size.height == 2
        line.show("Printed.")
        await pilot.pause()
        assert str(line.render()) == "› Printed."
        assert line.sentence == "Printed."
        assert line.size.height == 1
        line.clear()
        await pilot.pause()
        assert str(line.render()) == ""
        assert line.sentence == ""
        assert line.size.height == 1
