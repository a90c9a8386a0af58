"""The top line of every workstation: where, who, what answers, whether this is for practice, and the time.

What belongs here: the line as a pure function of what it is told, and the widget around it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal, TypeAlias

from rich.cells import cell_len
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from counter.i18n import _, clock_time, day_in_words
from counter.symbols import cut, drawn, symbols

Light: TypeAlias = Literal["on", "off", "unsure", "away"]

_STYLES: Final[dict[Light, str]] = {"on": "$success", "off": "$text-muted", "unsure": "$warning", "away": "$error bold"}
#: Cells that a place and a name keep at least when the line is full.
_LEAST: Final = 6


@dataclass(frozen=True, slots=True)
class BarState:
    """What the bar shows; what is not known yet is left out. ``now`` is on the station's clock."""

    station: str = ""
    terminal: str = ""
    staff: str = ""
    lights: tuple[tuple[str, Light], ...] = ()
    mark: str = ""
    now: datetime | None = None
    shift: str = ""

    def with_light(self, name: str, light: Light) -> BarState:
        """The same with one light changed, or added behind the others."""
        lights = dict(self.lights) | {name: light}
        return replace(self, lights=tuple(lights.items()))


def bar(state: BarState, width: int) -> Content:
    """The line in exactly so many cells; where they are too few, the day goes first, then names are cut."""
    mark = symbols()
    lights = Content(" ").join([_lamp(name, light) for name, light in state.lights])
    shift = f"{_('Shift')} {state.shift}" if state.shift else ""
    between = f" {mark.between} "
    place = f"{state.station} {state.terminal}".strip()
    fixed = sum(cell_len(part) + len(between) for part in (lights.plain, shift) if part) + len(between) + 3
    right = _clock(state)
    if shift and width - fixed - cell_len(right.plain) < _LEAST + cell_len(state.staff):
        right = _clock(state, with_day=False)
    place, staff = _names(place, state.staff, width - fixed - cell_len(right.plain))
    parts = [Content.styled(place, "bold") if place else None, Content(staff) if staff else None]
    parts += [Content(shift) if shift else None, lights if lights.plain else None]
    left = Content(between).join([part for part in parts if part is not None])
    gap = max(1, width - 2 - cell_len(left.plain) - cell_len(right.plain))
    return Content.assemble(" ", left, " " * gap, right, " ")


def _names(place: str, staff: str, room: int) -> tuple[str, str]:
    """Both names in so many cells: first the place gives way, then the person."""
    over = cell_len(place) + cell_len(staff) - room
    if over > 0:
        kept = max(_LEAST, cell_len(place) - over)
        over -= cell_len(place) - kept
        place = cut(place, kept)
    if over > 0:
        staff = cut(staff, max(_LEAST, cell_len(staff) - over))
    return drawn(place), drawn(staff)


def _lamp(name: str, light: Light) -> Content:
    mark = symbols()
    symbol = {"on": mark.on, "off": mark.off, "unsure": mark.unsure, "away": mark.no}[light]
    words = f"{_(name)} {_('away')}" if light == "away" else _(name)
    return Content.assemble((symbol, _STYLES[light]), (f" {words}", "$error bold" if light == "away" else ""))


def _clock(state: BarState, *, with_day: bool = True) -> Content:
    day = f"{day_in_words(state.now.date())} " if state.now is not None and with_day else ""
    now = "" if state.now is None else f"{day}{clock_time(state.now)}"
    if not state.mark:
        return Content(now)
    return Content.assemble((f" {_(state.mark)} ", "bold reverse"), f" {now}" if now else "")


class StateBar(Widget):
    """The bar at the top of a screen; told its ``state``."""

    DEFAULT_CSS = """
    StateBar {
        dock: top;
        height: 1;
        background: $panel;
        color: $foreground;
    }
    """

    state: reactive[BarState] = reactive(BarState())

    def render(self) -> Content:
        """The line for the width there is."""
        return bar(self.state, self.size.width)
