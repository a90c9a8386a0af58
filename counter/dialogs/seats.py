"""Which seats: the map of a class on one departure, following what other counters sell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Final, TypeAlias

from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from core.errors import CounterError
from core.seat_map import MappedCoach, MappedSeat
from counter.commands import Command
from counter.dialogs.dialog import Dialog
from counter.i18n import _, reworded
from counter.symbols import drawn, in_ascii, symbols
from counter.widgets.coach_view import CoachView, SeatCell
from counter.widgets.key_bar import KeyBar
from counter.widgets.seat_map import SeatMap

#: Asks the database how the seats stand; blocks.
Look: TypeAlias = Callable[[], list[MappedCoach]]

#: Seconds between two looks at what other counters sell.
EVERY: Final = 1.0


def coach_views(coaches: Sequence[MappedCoach], class_code: str) -> list[CoachView]:
    """What the library knows of some coaches, as the seat map draws it."""
    return [
        CoachView(one.coach.number, one.coach.label, class_code, tuple(_cell(mapped) for mapped in one.seats))
        for one in coaches
    ]


def _cell(mapped: MappedSeat) -> SeatCell:
    seat = mapped.seat
    note = f"{mapped.free_from}-{mapped.free_to}" if mapped.standing == "partial" else ""
    return SeatCell(seat.id, seat.row, seat.column, seat.place, seat.kind, seat.accessible, mapped.standing, note)


class SeatsDialog(Dialog[tuple[int, ...]]):
    """The seats of a party; Enter on the map answers with their ids, Esc leaves them as they are."""

    CSS_PATH = "seats.tcss"
    #: The map, which always has the focus, does most of this; here it is named.
    COMMANDS: ClassVar[tuple[Command, ...]] = (
        Command("accept", "enter", "accept", "Take the chosen seats.", in_palette=False),
        Command(
            "take", "space", "choose", "Choose the seat under the cursor, or give it up; 5c goes to that seat.",
            in_palette=False,
        ),
        Command("coach(-1)", "pageup", "", "Show the coach before.", in_palette=False),
        Command("coach(1)", "pagedown", "next coach", "Show the next coach.", in_palette=False),
        Command("back", "escape", "back", "Keep the seats as they are.", in_palette=False),
    )  # fmt: skip

    def __init__(
        self, title: str, coaches: Sequence[CoachView], chosen: Sequence[int], look: Look, notice: str = ""
    ) -> None:
        super().__init__()
        self._title, self._notice = title, notice
        self._class_code = coaches[0].class_code if coaches else ""
        self._map = SeatMap(coaches, party=len(chosen), chosen=chosen, ascii=in_ascii())
        self._look = look
        self._looking = self._is_away = False
        self.touched = False

    def offers(self, command: Command) -> bool:
        """Another coach only where there is one."""
        return not command.id.startswith("coach") or self._map.coach_count > 1

    def compose(self) -> ComposeResult:
        """Which train, what happened, the map."""
        with Vertical(id="box"):
            yield Static(Content(drawn(self._title)), id="seats-title")
            yield Static("", id="seats-notice")
            yield self._map
        yield KeyBar()

    def on_mount(self) -> None:
        """Follow the other counters from now on."""
        self._say(self._notice)
        self._map.focus()
        self.set_interval(EVERY, self._follow)

    def _say(self, sentence: str) -> None:
        self.query_one("#seats-notice", Static).update(
            Content(drawn(f"{symbols().warning} {sentence}" if sentence else ""))
        )

    @work
    async def _follow(self) -> None:
        if self._looking or not self.is_current:
            return
        self._looking = True
        try:
            coaches = await self.counter.in_thread(self._look)
        except CounterError as error:
            self._is_away = True
            self._say(reworded(error.message))
        else:
            if self._is_away:
                self._is_away = False
                self._say("")
            self._map.update_coaches(coach_views(coaches, self._class_code))
        finally:
            self._looking = False

    def action_accept(self) -> None:
        """The chosen seats."""
        self._map.action_accept()

    def action_take(self) -> None:
        """The seat under the cursor."""
        self._map.action_take()

    def action_coach(self, step: int) -> None:
        """The coach before or after."""
        self._map.action_coach(step)

    def on_seat_map_changed(self, _message: SeatMap.Changed) -> None:
        """Somebody is at it: the hold may be extended."""
        self.touched = True

    def on_seat_map_seat_lost(self, _message: SeatMap.SeatLost) -> None:
        """Another counter has sold a seat that was chosen here."""
        self._say(_("Another counter has sold a seat you chose. Choose again."))

    def on_seat_map_accepted(self, message: SeatMap.Accepted) -> None:
        """There is a seat for everybody."""
        self.dismiss(message.seat_ids)
