"""The party on the sell screen: one line per traveller, with seat and state, and what is said about the current one.

What belongs here: the lines and their fields. What is typed lives in ``SaleDraft``, which also decides what is wrong.
"""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content

from core.identity import PassengerType
from counter.i18n import _, reworded
from counter.screens.sale_draft import SaleDraft, Spot
from counter.screens.sell_fields import PlainInput
from counter.screens.sell_offers import class_label, journey_in_words
from counter.screens.sell_price_notes import price_notes
from counter.screens.sell_words import Words
from counter.symbols import drawn, symbols

_SOON = 120
_MINUTE = 60


def seats_in_words(draft: SaleDraft) -> str:
    """``EKS 2: 12A 12B  EKS 3: 1A``."""
    coaches: dict[str, list[str]] = {}
    for seat in draft.held.seats if draft.held else ():
        coaches.setdefault(seat.coach.label, []).append(seat.number)
    return "  ".join(f"{coach}: {' '.join(numbers)}" for coach, numbers in coaches.items())


def hold_in_words(draft: SaleDraft, now: float) -> str:
    """How long the seats are still held."""
    left = int(draft.seconds_left(now))
    if not left:
        return f"{symbols().no} {_('no longer held')}"
    mark = f"{symbols().warning} " if left < _SOON else ""
    return f"{mark}{_('held for {time}', time=f'{left // _MINUTE}:{left % _MINUTE:02d}')}"


class PassengerLine(Horizontal):
    """One traveller: kind, name, number, and at the end the seat and whether everything is known."""

    def __init__(self, place: int) -> None:
        super().__init__(id=f"passenger-{place}")
        self.place = place

    def compose(self) -> ComposeResult:
        """Kind, two fields, state."""
        yield Words("", classes="kind")
        yield PlainInput(classes="name")
        yield PlainInput(classes="identity")
        yield Words("", classes="state")

    def field(self, name: str) -> PlainInput:
        """The field for the name or for the identity."""
        return self.query_one(f".{name}", PlainInput)

    def fill(self, draft: SaleDraft) -> None:
        """Put what the draft knows into the fields."""
        traveller = draft.party[self.place]
        for name, value in (("name", traveller.name), ("identity", traveller.identity)):
            field = self.field(name)
            if field.value != value:
                field.value = value

    def put_into_words(self, draft: SaleDraft) -> None:
        """Kind, seat and state as they are now."""
        traveller = draft.party[self.place]
        infant = traveller.type is PassengerType.INFANT
        kind = _(traveller.reduction or traveller.type.value)
        self.query_one(".kind", Words).say(Content(f"{self.place + 1} {kind}"))
        self.field("name").placeholder = _("name")
        self.field("identity").placeholder = _("NIK or birth date") if infant else _("NIK or passport")
        self.query_one(".state", Words).say(Content(drawn(self._state(draft))))

    def _state(self, draft: SaleDraft) -> str:
        seat = draft.seat_of(self.place) or _("on a lap")
        if draft.is_blank(self.place):
            return f"  {seat}"
        refusal = draft.problem(self.place)
        if refusal is not None:
            return f"{symbols().dot} {seat}"
        doubts = draft.findings(self.place)
        return f"{symbols().warning if doubts else symbols().yes} {seat}"


class PassengersPanel(Vertical):
    """The train and its seats, how long they are held, and the party."""

    def compose(self) -> ComposeResult:
        """Two lines of heading, then the lines of the party."""
        yield Words("", id="held-journey")
        with Horizontal(id="held-row"):
            yield Words("", id="held-seats")
            yield Words("", id="held-time")
        yield VerticalScroll(id="party", can_focus=False)

    @property
    def lines(self) -> list[PassengerLine]:
        """The lines, from the top."""
        return list(self.query(PassengerLine))

    async def seat(self, draft: SaleDraft, now: float) -> None:
        """Make as many lines as the party has, and fill them."""
        party = self.query_one("#party", VerticalScroll)
        lines = self.lines
        for line in lines[len(draft.party) :]:
            await line.remove()
        if len(draft.party) > len(lines):
            await party.mount(*(PassengerLine(place) for place in range(len(lines), len(draft.party))))
        for line in self.lines:
            line.fill(draft)
            for name in ("name", "identity"):
                line.field(name).remove_class("-refused")
        self.put_into_words(draft, now)

    def put_into_words(self, draft: SaleDraft, now: float) -> None:
        """Everything but the typed text, as it is now."""
        if draft.held is None:
            return
        held = draft.held
        label = class_label(held.travel_class.code, held.subclass)
        journey = f"{journey_in_words(held.journey)} {symbols().dot} {label}"
        self.query_one("#held-journey", Words).say(Content(drawn(journey)))
        self.query_one("#held-seats", Words).say(Content(drawn(seats_in_words(draft))))
        self.tell_time(draft, now)
        for line in self.lines:
            line.put_into_words(draft)

    def tell_time(self, draft: SaleDraft, now: float) -> None:
        """How long the seats are held, once a second."""
        time = self.query_one("#held-time", Words)
        time.say(Content(drawn(hold_in_words(draft, now))))
        time.set_class(draft.seconds_left(now) < _SOON, "-soon")

    def field(self, spot: Spot) -> PlainInput | None:
        """The field at a spot."""
        lines = self.lines
        return lines[spot.line].field(spot.field) if spot.line < len(lines) else None

    def spot_of(self, field: object) -> Spot | None:
        """Where a field stands."""
        for line in self.lines:
            for name in ("name", "identity"):
                if line.field(name) is field:
                    return Spot(line.place, name)
        return None


def notes_on(draft: SaleDraft, line: int, refusal: str = "") -> Content:
    """What is said about a line beside the fields: a refusal first, else what deserves a second look, else help."""
    mark = symbols()
    if refusal:
        return Content.styled(drawn(f"{mark.no} {refusal}"), "$error bold")
    traveller = draft.party[line]
    price = price_notes(draft, line)
    if not draft.is_blank(line) and draft.problem(line) is None:
        doubts = draft.findings(line)
        said = [f"{mark.warning} {_('Check the card')}: {reworded(doubt.message)}" for doubt in doubts]
        if said or price:
            return Content("\n").join([*(Content.styled(drawn(each), "$warning") for each in said), *price])
    if traveller.type is PassengerType.INFANT:
        help_text = _("Without a seat. The NIK from the family card, or the birth date as 02/03/2025.")
    else:
        help_text = _("Name, Enter, number, Enter; or both in the first field.")
    return Content("\n").join([Content.styled(help_text, "dim"), *price])
