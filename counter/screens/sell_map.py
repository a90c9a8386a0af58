"""The seats of a held class beside the passengers, where the screen is large enough; following other counters.

What belongs here: the passive map. Choosing seats happens in ``counter.dialogs.seats``.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from textual.app import ComposeResult
from textual.containers import Vertical

from core.pending import Hold
from core.seat_map import MappedCoach
from counter.dialogs.seats import coach_views
from counter.symbols import in_ascii
from counter.widgets.seat_map import SeatMap


class LiveMap(Vertical):
    """A seat map that only shows; F3 is the way to choose."""

    def compose(self) -> ComposeResult:
        """Empty until seats are held."""
        yield SeatMap(ascii=in_ascii())

    def on_mount(self) -> None:
        """Nothing is held yet."""
        self.query_one(SeatMap).can_focus = False
        self._of: tuple[UUID, tuple[int, ...]] | None = None

    async def _renew(self, held: Hold, coaches: Sequence[MappedCoach]) -> None:
        seats = tuple(seat.id for seat in held.seats)
        fresh = SeatMap(coach_views(coaches, held.travel_class.code), party=len(seats), chosen=seats, ascii=in_ascii())
        fresh.can_focus = False
        await self.query(SeatMap).remove()
        await self.mount(fresh)

    async def show(self, held: Hold, coaches: Sequence[MappedCoach]) -> None:
        """How the seats stand now."""
        shown = held.booking_id, tuple(seat.id for seat in held.seats)
        if shown != self._of:
            self._of = shown
            await self._renew(held, coaches)
        else:
            self.query_one(SeatMap).update_coaches(coach_views(coaches, held.travel_class.code))
