"""The fare summary of the sell screen: what it costs, at the same place from the first offer to the last coin.

What belongs here: charges as a clerk reads them out, and sums in large figures. Fares are ``core.fares``.
"""

from __future__ import annotations

from dataclasses import dataclass

from rich.table import Table
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Digits, Static

from core.money import grouped
from core.pending import Hold
from core.search import Offer
from counter.i18n import _, counted
from counter.screens.sell_offers import class_label
from counter.screens.sell_words import Words
from counter.symbols import drawn, in_ascii


@dataclass(frozen=True, slots=True)
class Charges:
    """What a party pays, in minor units."""

    seats: int
    label: str
    seat_fare: int
    infants: int
    booking_fee: int

    @property
    def total(self) -> int:
        return self.seats * self.seat_fare + self.booking_fee

    @classmethod
    def of_offer(cls, offer: Offer, seats: int, infants: int, booking_fee: int) -> Charges:
        """What an offer will cost."""
        return cls(seats, class_label(offer.travel_class.code, offer.subclass), offer.fare, infants, booking_fee)

    @classmethod
    def of_hold(cls, held: Hold) -> Charges:
        """What a hold costs."""
        label = class_label(held.travel_class.code, held.subclass)
        return cls(len(held.seats), label, held.seat_fare, held.infants, held.booking_fee)

    def lines(self) -> list[tuple[str, str]]:
        """Words and amounts, at most three lines."""
        times = "x" if in_ascii() else "×"
        seats = f"{self.seats} {times} {self.label}  {grouped(self.seat_fare)}"
        found = [(seats, grouped(self.seats * self.seat_fare))]
        if self.infants:
            found.append((counted("{n} infant", "{n} infants", self.infants), grouped(0)))
        found.append((_("booking fee"), grouped(self.booking_fee)))
        return found


class Figure(Horizontal):
    """A word and a sum large enough to be read from the other side of the counter."""

    DEFAULT_CSS = """
    Figure {
        height: 3;
        & > .word { width: auto; padding: 1 1 0 0; text-style: bold; }
        & > Digits { width: 1fr; text-align: right; text-style: bold; }
        & > .plain { width: 1fr; height: 3; text-align: right; padding-top: 1; text-style: bold; display: none; }
        &.-plain > Digits { display: none; }
        &.-plain > .plain { display: block; }
    }
    """

    def compose(self) -> ComposeResult:
        """Both ways to draw the sum; one is shown."""
        yield Static("", classes="word", markup=False)
        yield Digits("")
        yield Words("", classes="plain")

    def show(self, word: str, amount: int | None) -> None:
        """A sum with its word; ``None`` shows neither."""
        text = "" if amount is None else grouped(amount)
        self.set_class(in_ascii(), "-plain")
        label, said = self.query_one(".word", Static), drawn(word) if text else ""
        if label.content != said:
            label.update(said)
        self.query_one(Digits).update(text)
        self.query_one(".plain", Words).say(Content(text))


class FareSummary(Vertical):
    """Charges line by line, and the total in large figures under them."""

    def compose(self) -> ComposeResult:
        """Three lines and the total."""
        yield Words("", id="charges")
        yield Figure(id="total")

    def show(self, charges: Charges | None, word: str) -> None:
        """The charges of an offer, a hold or a finished sale; ``None`` leaves the place empty."""
        lines = self.query_one("#charges", Words)
        if charges is None:
            lines.say(Content(""))
        else:
            table = Table.grid(expand=True)
            table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
            table.add_column(justify="right", no_wrap=True)
            for left, right in charges.lines():
                table.add_row(drawn(left), right)
            lines.say(table)
        self.query_one("#total", Figure).show(word, charges.total if charges else None)
