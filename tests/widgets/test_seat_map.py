"""The seat map: its drawing, its keys, and what happens when others buy at the same time."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import ComposeResult

from core.ops.demo import coaches as templates
from counter.widgets.coach_view import CoachView, SeatCell
from counter.widgets.scan_capture import ScanningApp
from counter.widgets.seat_drawing import LOOKS
from counter.widgets.seat_map import SeatMap

TEMPLATES = {
    "EKS 1": templates.EXECUTIVE_50,
    "EKO 2": templates.PUBLIC_SERVICE_106,
    "LUX 3": templates.LUXURY_26,
    "EKS 4": templates.NEW_GENERATION_72,
}


def coach(label: str, number: int | None = None, **states: str) -> CoachView:
    """A coach of the reference railway, all free but for ``_5B="taken"``."""
    place = list(TEMPLATES).index(label) + 1
    seats = tuple(
        SeatCell(
            seat_id=place * 1000 + index,
            row=seat.row,
            column=seat.letter,
            place=seat.place,
            kind=seat.seat_type,
            accessible=seat.is_accessible,
            state=states.get(f"_{seat.number}", "free"),
            note="from PWT" if states.get(f"_{seat.number}") == "partial" else "",
        )
        for index, seat in enumerate(TEMPLATES[label].seats())
    )
    return CoachView(number or place, label, label[:3], seats)


def ids(view: CoachView, *numbers: str) -> tuple[int, ...]:
    return tuple(view.seat(number).seat_id for number in numbers)


class Chooser(ScanningApp[None]):
    def __init__(self, *coaches: CoachView, **options) -> None:
        super().__init__()
        self.given = (coaches, options)
        self.said: list[tuple[str, tuple[int, ...]]] = []

    def compose(self) -> ComposeResult:
        coaches, options = self.given
        yield SeatMap(coaches, **options)

    @property
    def map(self) -> SeatMap:
        return self.query_one(SeatMap)

    @property
    def drawn(self) -> list[str]:
        return [self.map.render_line(y).text for y in range(self.map.size.height)]

    @property
    def at(self) -> str:
        return self.map.cursor_seat.number if self.map.cursor_seat else ""

    def on_seat_map_changed(self, message: SeatMap.Changed) -> None:
        self.said.append(("changed", message.seat_ids))

    def on_seat_map_accepted(self, message: SeatMap.Accepted) -> None:
        self.said.append(("accepted", message.seat_ids))

    def on_seat_map_seat_lost(self, message: SeatMap.SeatLost) -> None:
        self.said.append(("lost", message.seat_ids))


async def test_the_drawing() -> None:
    first = coach("EKS 1", _4A="taken", _9B="partial", _5B="taken")
    app = Chooser(first, coach("EKO 2"), party=2, chosen=ids(first, "2C", "2B"))
    async with app.run_test(size=(80, 24)):
        assert [line.rstrip() for line in app.drawn] == [
            " EKS 1 (45)                                                       EKO 2 (106) ▸",
            "     1   2   3   4   5   6   7   8   9  10  11  12  13",
            "  A  ·   ·   ·   ■   ·   ·   ·   ·   ·   ·   ·   ·   ·   ≡ window",
            "  B  ·  [●]  ·   ·   ■   ·   ·   ·   ◐   ·   ·   ·   ·",
            "   ─────────────────────────────────────────────────── aisle",
            "  C  a   ●   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·",
            "  D  a   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·           ≡ window",
            "",
            " · free   ■ taken   ● yours   ◐ part of the way   a accessible",
            " 2B aisle, yours                                                  2 of 2: 2B 2C",
        ]


async def test_only_the_cursor_s_brackets_stand_out() -> None:
    app = Chooser(coach("EKS 1"))
    async with app.run_test(size=(80, 24)):
        reversed_text = [
            segment.text
            for y in range(app.map.size.height)
            for segment in app.map.render_line(y)
            if segment.style and segment.style.reverse
        ]
        assert reversed_text == ["[", "]"]


async def test_the_same_in_ascii_switched_while_it_is_shown() -> None:
    first = coach("EKS 1", _4A="taken", _9B="partial")
    app = Chooser(first, coach("EKO 2"), party=2, chosen=ids(first, "2B"))
    async with app.run_test(size=(80, 24)) as pilot:
        app.map.ascii = True
        await pilot.pause()
        assert all(line.isascii() for line in app.drawn)
        assert "[o]" in app.drawn[3]
        assert app.drawn[2].startswith("  A  .   .   .   #")
        app.map.ascii = False
        await pilot.pause()
        assert "[●]" in app.drawn[3]


def test_every_symbol_is_one_cell() -> None:
    assert {cell_len(symbol) for look in LOOKS.values() for symbol in (look.symbol, look.plain)} == {1}
    assert len({look.symbol for look in LOOKS.values()}) == len({look.plain for look in LOOKS.values()}) == len(LOOKS)


@pytest.mark.parametrize("label", TEMPLATES)
@pytest.mark.parametrize("width", [24, 40, 60, 80, 120])
async def test_no_line_is_wider_than_the_screen_and_the_cursor_is_always_seen(label: str, width: int) -> None:
    view = coach(label)
    app = Chooser(view, party=4)
    async with app.run_test(size=(width, 24)):
        for seat in (*view.seats[::5], view.seats[0]):
            number = seat.number
            app.map.go_to(seat)
            lines = app.drawn
            assert {cell_len(line) for line in lines} == {width}
            line = next(each for each in lines if "[" in each)
            assert line[2] == number[-1], "in the line of its letter"
            shown = lines[1][line.index("[") : line.index("]")].strip()
            assert shown == number[:-1], "under its row's number"


async def test_a_coach_with_22_rows_fits_80_columns_and_scrolls_on_fewer() -> None:
    app = Chooser(coach("EKO 2"))
    async with app.run_test(size=(80, 24)):
        assert app.drawn[1].split() == [str(row) for row in range(1, 23)]
    app = Chooser(coach("EKO 2"))
    async with app.run_test(size=(50, 24)) as pilot:
        assert app.drawn[1].split()[-2:] == ["15", "▸"]
        await pilot.press("end")
        assert (app.at, app.drawn[1].split()[0], app.drawn[1].split()[-1]) == ("22A", "◂", "22")
        await pilot.press("left")
        assert app.drawn[1].split()[-1] == "22", "only as much scrolls as must"
        await pilot.press("home")
        assert app.drawn[1].split()[0] == "1"


async def test_arrows_go_to_seats_that_exist() -> None:
    app = Chooser(coach("EKS 4"), coach("EKO 2"))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("2", "a")
        await pilot.press("left")
        assert app.at == "1C", "row 1 has only C and D"
        await pilot.press("up")
        assert app.at == "2B"
        await pilot.press("down", "down", "down", "down")
        assert app.at == "2D"
        await pilot.press("end", "right")
        assert app.at == "19B", "row 19 has only A and B"
        await pilot.press("right")
        assert app.at == "19B"
        await pilot.press("pagedown", "pagedown")
        assert (app.map.coach.label, app.at) == ("EKO 2", "19B")
        await pilot.press("pageup")
        assert (app.map.coach.label, app.at) == ("EKS 4", "19B")


async def test_a_typed_number_goes_there() -> None:
    app = Chooser(coach("EKS 1"))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("1", "0")
        assert "go to 10_" in app.drawn[-1]
        await pilot.press("c")
        assert app.at == "10C"
        await pilot.press("9", "9", "z")
        assert (app.at, "EKS 1 has no seat 99Z." in app.drawn[-1]) == ("10C", True)
        await pilot.press("1", "2", "backspace", "B")
        assert app.at == "1B"
        await pilot.press("7", "escape", "d")
        assert (app.at, "go to" in app.drawn[-1]) == ("1B", False)


async def test_space_takes_and_gives_up_and_one_too_many_gives_up_the_oldest() -> None:
    view = coach("EKS 1", _2A="taken", _3A="partial")
    app = Chooser(view, party=2)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("4", "a", "space", "5", "a", "space")
        assert app.map.chosen == ids(view, "4A", "5A")
        await pilot.press("1", "a", "space")
        assert app.map.chosen == ids(view, "1A", "5A"), "in the order of the train"
        await pilot.press("space")
        assert app.map.chosen == ids(view, "5A")
        app.said.clear()
        await pilot.press("2", "a", "space")
        assert "2A is taken." in app.drawn[-1]
        await pilot.press("3", "a", "space")
        assert "3A is free only from PWT." in app.drawn[-1]
        assert (app.said, app.map.chosen) == ([], ids(view, "5A"))


async def test_enter_accepts_when_everybody_has_a_seat() -> None:
    view = coach("EKS 1")
    app = Chooser(view, party=2, chosen=ids(view, "5B"))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("enter")
        assert (app.said, "Choose 1 more seat." in app.drawn[-1]) == ([], True)
        await pilot.press("down", "space", "enter")
        both = ids(view, "5B", "5C")
        assert app.said == [("changed", both), ("accepted", both)]


async def test_seats_held_already_are_chosen_when_it_opens() -> None:
    view = coach("EKS 1", _5B="yours", _5C="yours")
    app = Chooser(coach("LUX 3"), view, party=2)
    async with app.run_test(size=(80, 24)):
        assert (app.map.chosen, app.at, app.map.coach.label) == (ids(view, "5B", "5C"), "5B", "EKS 1")
        assert [app.map.label(each) for each in app.map.chosen] == ["EKS 1/5B", "EKS 1/5C"]


async def test_sales_elsewhere_appear_and_keep_cursor_and_choice() -> None:
    view = coach("EKS 1")
    app = Chooser(view, coach("EKO 2"), party=2, chosen=ids(view, "5B", "5C"))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("8", "d")
        app.map.update_coaches([coach("EKS 1", _8D="taken", _9D="taken"), coach("EKO 2")])
        await pilot.pause()
        assert (app.at, app.map.chosen, app.said) == ("8D", ids(view, "5B", "5C"), [])
        assert "[■]" in app.drawn[6]
        assert "8D window, taken" in app.drawn[-1]


async def test_a_chosen_seat_sold_elsewhere_is_reported_and_given_up() -> None:
    view = coach("EKS 1")
    app = Chooser(view, party=2, chosen=ids(view, "5B", "5C"))
    async with app.run_test(size=(80, 24)) as pilot:
        app.map.update_coaches([coach("EKS 1", _5C="taken")])
        await pilot.pause()
        assert app.said == [("lost", ids(view, "5C")), ("changed", ids(view, "5B"))]
        assert app.map.chosen == ids(view, "5B")
        assert "Sold elsewhere: 5C. Choose again." in app.drawn[-1]


async def test_a_coach_that_was_taken_off_the_train() -> None:
    view = coach("EKS 1")
    app = Chooser(view, coach("EKO 2"), party=1, chosen=ids(view, "5B"))
    async with app.run_test(size=(80, 24)) as pilot:
        app.map.update_coaches([coach("EKO 2")])
        await pilot.pause()
        assert (app.said[0], app.map.chosen, app.map.coach.label, app.at) == (
            ("lost", ids(view, "5B")),
            (),
            "EKO 2",
            "5B",
        )
        app.map.update_coaches([])
        await pilot.pause()
        assert app.drawn[0].strip() == "No seats to show."
        await pilot.press("left", "space", "pagedown", "5", "c", "enter")
        app.map.update_coaches([view])
        await pilot.pause()
        assert app.map.coach.label == "EKS 1"


async def test_a_smaller_party_gives_up_its_oldest_seats() -> None:
    view = coach("EKS 1")
    app = Chooser(view, party=3, chosen=ids(view, "7A", "5B", "5C"))
    async with app.run_test(size=(80, 24)) as pilot:
        app.map.party = 2
        await pilot.pause()
        assert app.said == [("changed", ids(view, "5B", "5C"))]


async def test_a_click_takes_a_seat() -> None:
    view = coach("EKS 1")
    app = Chooser(view)
    async with app.run_test(size=(80, 24)) as pilot:
        x = app.drawn[1].index("7")
        await pilot.click(SeatMap, offset=(x, 2))
        assert app.map.chosen == ids(view, "7A")
        for offset in ((x, 0), (x, 4), (0, 2), (78, 2)):
            await pilot.click(SeatMap, offset=offset)
        assert app.map.chosen == ids(view, "7A")


@given(st.sampled_from(list(TEMPLATES)), st.data())
def test_a_step_and_the_way_back(label: str, data: st.DataObject) -> None:
    view = coach(label)
    seat = data.draw(st.sampled_from(view.seats))
    for way, back in (("left", "right"), ("up", "down")):
        there = view.step(seat, way)
        if there != seat and (there.row == seat.row or there.place == seat.place):
            assert view.step(there, back) == seat
    assert view.step(seat, "home").row <= seat.row <= view.step(seat, "end").row


@pytest.mark.parametrize("label", TEMPLATES)
def test_arrows_reach_every_seat(label: str) -> None:
    view = coach(label)
    reached, edge = set(), [view.seats[0]]
    while edge:
        seat = edge.pop()
        if seat not in reached:
            reached.add(seat)
            edge += [view.step(seat, way) for way in ("left", "right", "up", "down")]
    assert reached == set(view.seats)


def test_a_view_is_a_value() -> None:
    assert coach("EKS 1") == coach("EKS 1")
    assert dataclasses.replace(coach("EKS 1").seats[0], state="taken") != coach("EKS 1").seats[0]
