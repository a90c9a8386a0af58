"""The fare summary of the sell screen: what it costs, at the same place from the first offer to the last coin.

What belongs here: charges as a clerk reads them out, and sums in large figures. Fares are ``core.fares``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.table import Table
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Digits, Static

from core.money import grouped
from core.payments import METHODS
from core.pending import Hold
from core.quote import Quote
from core.sale import Sale
from core.search import Offer
from counter.i18n import _, counted
from counter.screens.sell_offers import class_label
from counter.screens.sell_words import Words
from counter.symbols import drawn, in_ascii

#: Payments that fit into the summary's three lines.
_MOST_PARTS: Final = 2


@dataclass(frozen=True, slots=True)
class Charges:
    """What a party pays, in minor units."""

    seats: int
    label: str
    seat_fare: int
    infants: int
    booking_fee: int
    deductions: tuple[tuple[str, int], ...] = ()  #: reductions and promotions, by name

    @property
    def total(self) -> int:
        return self.seats * self.seat_fare + self.booking_fee - sum(off for _name, off in self.deductions)

    @classmethod
    def of_offer(cls, offer: Offer, seats: int, infants: int, booking_fee: int) -> Charges:
        """What an offer will cost."""
        return cls(seats, class_label(offer.travel_class.code, offer.subclass), offer.fare, infants, booking_fee)

    @classmethod
    def of_hold(cls, held: Hold, quote: Quote | None = None, sale: Sale | None = None) -> Charges:
        """What a hold costs, less what a quote or the finished sale takes off."""
        label = class_label(held.travel_class.code, held.subclass)
        off = _deductions(quote)
        if sale is not None and sale.discount_amount != sum(amount for _name, amount in off):
            off = ((_("discount"), sale.discount_amount),)
        return cls(len(held.seats), label, held.seat_fare, held.infants, held.booking_fee, off)

    def lines(self) -> list[tuple[str, str]]:
        """Words and amounts, at most three lines."""
        times = "x" if in_ascii() else "×"
        seats = f"{self.seats} {times} {self.label}  {grouped(self.seat_fare)}"
        found = [(seats, grouped(self.seats * self.seat_fare))]
        if self.deductions:  # the party's list says that infants are free; there is one line for either
            names = " + ".join(dict.fromkeys(name for name, _off in self.deductions))
            found.append((names, f"−{grouped(sum(off for _name, off in self.deductions))}"))
        elif self.infants:
            found.append((counted("{n} infant", "{n} infants", self.infants), grouped(0)))
        found.append((_("booking fee"), grouped(self.booking_fee)))
        return found


def _deductions(quote: Quote | None) -> tuple[tuple[str, int], ...]:
    """What is taken off, by the name of the reduction or the code of the promotion."""
    if quote is None:
        return ()
    reductions = ((_(one.kind), one.discount) for one in quote.reductions.values())
    return (*reductions, *((use.code, use.discount) for use in quote.uses))


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
                table.add_row(drawn(left), drawn(right))
            lines.say(table)
        self.query_one("#total", Figure).show(word, charges.total if charges else None)

    def show_parts(self, due: int, parts: Sequence[tuple[str, int]], owed: int) -> None:
        """What was to pay, what was paid of it, and in large figures what is owed."""
        shown = [(_(METHODS[method].name), amount) for method, amount in parts]
        if len(shown) > _MOST_PARTS:
            shown = [(_("{n} parts", n=len(shown)), sum(amount for _method, amount in shown))]
        table = Table.grid(expand=True)
        table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        table.add_column(justify="right", no_wrap=True)
        table.add_row(drawn(_("to pay")), drawn(grouped(due)))
        for name, amount in shown:
            table.add_row(drawn(name), drawn(f"−{grouped(amount)}"))
        self.query_one("#charges", Words).say(table)
        self.query_one("#total", Figure).show(_("STILL OWED"), owed)
