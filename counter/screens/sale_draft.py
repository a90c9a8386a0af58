"""A sale as far as it has got: what the clerk typed, what is held for it, what was paid. Nothing typed is ever lost.

What belongs here: the state of one sale and its moves, without a screen, a database or a clock of its own; the sell
screen shows a draft and asks it where the cursor goes next. Several drafts can lie parked at the same time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID, uuid4

from core.booking import HoldRequest
from core.errors import CounterError, Refused, UsageError
from core.identity import Finding, PassengerType
from core.passengers import PassengerDetails, PassengerInput, check_party, check_passenger
from core.payments import Tender
from core.payments.standing import Standing
from core.pending import Hold
from core.promotions import PromotionRefused
from core.quote import Quote
from core.sale import Sale
from counter.entry import Entry
from counter.screens.sale_money import SaleMoney
from counter.screens.sale_parts import Holding, Spot, Step, Submission, Terms, Traveller
from counter.screens.sale_price import SalePrice
from counter.screens.typed_names import plain_name, split_identity, split_infant

__all__ = ["Holding", "SaleDraft", "Spot", "Step", "Submission", "Terms", "Traveller"]

#: Seconds before the end of a hold at which it is extended while somebody types.
EXTEND_BELOW: Final = 120.0
#: A key this many seconds ago means that somebody is still at it.
STILL_TYPING: Final = 60.0

CASH: Final = "cash"
_FIRST: Final = Spot(0, "name")
_ORDER: Final = (PassengerType.ADULT, PassengerType.SENIOR, PassengerType.CHILD, PassengerType.INFANT)


@dataclass
class SaleDraft:
    """See the module's docstring. ``line`` is the question as typed, ``tendered`` the cash field."""

    line: str = ""
    entry: Entry | None = None
    offered: bool = False
    party: list[Traveller] = field(default_factory=list)
    price: SalePrice = field(default_factory=SalePrice)
    money: SaleMoney = field(default_factory=SaleMoney)
    holding: Holding | None = None
    expired: bool = False
    spot: Spot = field(default_factory=lambda: _FIRST)
    paying: bool = False
    tendered: str = ""
    submission: Submission | None = None
    outcome_unknown: bool = False
    sale: Sale | None = None
    _asked: tuple[HoldRequest, UUID] | None = None

    # -- where it stands --------------------------------------------------------------------------------------------

    @property
    def step(self) -> Step:
        """Where the sale stands, as follows from what it has."""
        if self.sale is not None:
            return Step.FINISHED
        if self.holding is not None:
            return Step.PAYMENT if self.paying else Step.PASSENGERS
        return Step.OFFERS if self.offered else Step.QUESTION

    @property
    def held(self) -> Hold | None:
        """The seats held for it."""
        return self.holding.hold if self.holding else None

    @property
    def is_open(self) -> bool:
        """Whether seats are held that somebody has to decide about."""
        return self.holding is not None and self.sale is None

    def seconds_left(self, now: float) -> float:
        """How long the seats are still held; 0 when they are gone."""
        return 0.0 if self.expired or self.holding is None else max(0.0, self.holding.ends_at - now)

    def wants_extension(self, now: float, last_key: float) -> bool:
        """Whether the hold should be extended: it ends soon, and somebody typed a moment ago."""
        return self.is_open and 0 < self.seconds_left(now) < EXTEND_BELOW and now - last_key < STILL_TYPING

    # -- question, offers, hold ---------------------------------------------------------------------------------------

    def ask(self, entry: Entry) -> None:
        """A question was understood. What was typed about travellers stays with them as far as the party is alike."""
        before, counts = self.party, _counts(entry)
        if self.entry is None or _counts(self.entry) != counts:
            self.party = [Traveller(kind) for kind, count in zip(_ORDER, counts, strict=True) for _ in range(count)]
            for place, (now, old) in enumerate(zip(self.party, before, strict=False)):
                if now.type is old.type:
                    self.party[place] = old
        self.line, self.entry = entry.line, entry
        for traveller, named in zip(self.party, entry.passengers, strict=False):
            traveller.name, traveller.identity = named.name, named.identity.number

    @property
    def is_one_line_sale(self) -> bool:
        """Whether the line said everything: who travels, and that it is paid in cash."""
        entry = self.entry
        return entry is not None and entry.pay_method == CASH and len(entry.passengers) >= len(self.party)

    @property
    def infants(self) -> int:
        """Travellers without a seat of their own."""
        return sum(1 for traveller in self.party if traveller.type is PassengerType.INFANT)

    @property
    def seats(self) -> int:
        """Travellers with a seat of their own."""
        return len(self.party) - self.infants

    def key_for(self, request: HoldRequest) -> UUID:
        """The key to hold under: the same one while the answer to the same request is still owed."""
        if self._asked is None or self._asked[0] != request:
            self._asked = request, uuid4()
        return self._asked[1]

    def forget_key(self) -> None:
        """The request was answered."""
        self._asked = None

    def hold(self, holding: Holding) -> None:
        """Seats are held: the passengers follow, or whatever of them is still missing."""
        if not self.party:  # found in the database after a restart, which may know no more than how many
            adults = [Traveller(PassengerType.ADULT) for _seat in holding.hold.seats]
            self.party = adults + [Traveller(PassengerType.INFANT) for _ in range(holding.hold.infants)]
            self.price.codes = list(holding.hold.promotions)
        self.holding, self.expired, self.money = holding, False, SaleMoney()
        self.forget_key()
        self.spot = self.first_missing() or _FIRST

    def recall(self, passengers: Sequence[PassengerInput]) -> None:
        """The passengers as they were stored before the terminal stopped."""
        self.party = [
            Traveller(one.type, one.name, one.identity or str(one.birth_date or ""), one.reduction)
            for one in passengers
        ]

    def move(self, held: Hold) -> None:
        """The hold now has these seats."""
        assert self.holding is not None
        self.holding = replace(self.holding, hold=held)

    def extend(self, ends_at: float) -> None:
        """The hold now lasts longer."""
        assert self.holding is not None
        self.holding = replace(self.holding, ends_at=ends_at)

    def release(self) -> None:
        """The seats were given back; what was typed stays for the next hold of this question."""
        self.holding = self.submission = None
        self.money = SaleMoney()
        self.paying = self.expired = self.outcome_unknown = False

    def expire(self) -> None:
        """The hold has run out; everything typed stays."""
        self.expired = True

    # -- passengers -------------------------------------------------------------------------------------------------

    def seat_of(self, line: int) -> str:
        """The label of the seat a line gets; empty for infants."""
        if self.held is None or self.party[line].type is PassengerType.INFANT:
            return ""
        seated = [index for index, one in enumerate(self.party) if one.type is not PassengerType.INFANT]
        place = seated.index(line)
        return self.held.seats[place].label if place < len(self.held.seats) else ""

    def enter_name(self, line: int) -> Spot | None:
        """Enter in a name: a number behind it goes where it belongs. Returns where to go next, None for payment.

        Raises:
            Refused: the name cannot stand on a ticket.
        """
        traveller = self.party[line]
        name, number = split_identity(traveller.name, infant=traveller.type is PassengerType.INFANT)
        if number:
            traveller.name, traveller.identity = name, number
        plain_name(traveller.name)
        return self.enter_identity(line) if number else Spot(line, "identity")

    def enter_identity(self, line: int) -> Spot | None:
        """Enter in an identity: checks the passenger. Returns where to go next, None for payment.

        Raises:
            Refused, UsageError: the passenger cannot travel like this.
        """
        self.check(line)
        if self._held().terms.exclusive and self._repeats(line):
            raise Refused(
                "Two passengers have the same identity number.",
                code="identity_repeated",
                hint="On this train each passenger needs a number of their own.",
            )
        return self.first_missing(after=line) or self.first_missing()

    def _repeats(self, line: int) -> bool:
        number = self.party[line].number
        return bool(number) and any(one.number == number for place, one in enumerate(self.party) if place != line)

    def findings(self, line: int) -> list[Finding]:
        """What of a complete line deserves a second look."""
        details = self.check(line)
        again = Finding("identity_repeated", f"{details.name} has the number of another passenger.")
        return [*details.findings, *([again] if self._repeats(line) else [])]

    def check(self, line: int) -> PassengerDetails:
        """A line as it will be stored, with what is worth a second look.

        Raises:
            Refused, UsageError: see ``core.passengers.check_passenger``.
        """
        held = self._held()
        day, terms = held.hold.journey.day, held.terms
        return check_passenger(self._input(line), day, terms.today, terms.limits)

    def problem(self, line: int) -> CounterError | None:
        """Why a line cannot travel yet."""
        try:
            self.check(line)
        except (Refused, UsageError) as refusal:
            return refusal
        return None

    def is_blank(self, line: int) -> bool:
        traveller = self.party[line]
        return not traveller.name.strip() and not traveller.identity.strip()

    def first_missing(self, after: int = -1) -> Spot | None:
        """The first field behind a line that still needs typing."""
        for line in range(after + 1, len(self.party)):
            refusal = self.problem(line)
            if refusal is not None:
                return Spot(line, "identity" if self.party[line].has_name else "name")
        return None

    def _held(self) -> Holding:
        assert self.holding is not None, "passengers are typed once seats are held"
        return self.holding

    def _input(self, line: int) -> PassengerInput:
        traveller = self.party[line]
        name = plain_name(traveller.name)
        if traveller.type is not PassengerType.INFANT:
            return PassengerInput(name, traveller.identity, traveller.type, reduction=traveller.reduction)
        identity, birth = split_infant(traveller.identity, self._held().terms.today)
        return PassengerInput(name, identity, traveller.type, birth)

    def passengers(self) -> list[PassengerInput]:
        """The party as the library wants it, in the order of its lines."""
        return [self._input(line) for line in range(len(self.party))]

    def next_type(self, line: int) -> PassengerType:
        """What the type key would make of a line."""
        kinds = list(PassengerType)
        return kinds[(kinds.index(self.party[line].type) + 1) % len(kinds)]

    def needs_other_seats(self, line: int, kind: PassengerType) -> bool:
        """Whether making a line this type changes the number of seats, and with it the hold."""
        return (self.party[line].type is PassengerType.INFANT) is not (kind is PassengerType.INFANT)

    def set_type(self, line: int, kind: PassengerType) -> None:
        """Make a line a traveller of another kind; its name and number stay."""
        self.party[line].type = kind

    # -- price ------------------------------------------------------------------------------------------------------

    def set_reduction(self, line: int, kind: str | None) -> None:
        """Ask for this reduction, or for none; a senior's is asked for by the type."""
        traveller, senior = self.party[line], PassengerType.SENIOR
        traveller.reduction = None if kind == senior.value else kind
        if kind == senior.value:
            traveller.type = senior
        elif kind is None and traveller.type is senior:
            traveller.type = PassengerType.ADULT

    def half_typed(self) -> list[PassengerInput]:
        """What of the party makes the price, as far as it is typed."""
        return [PassengerInput("", one.identity, one.type, reduction=one.reduction) for one in self.party]

    def _priced_by(self) -> tuple[object, ...]:
        held = self._held().hold
        return held.booking_id, held.seat_fare, len(held.seats), self.half_typed(), list(self.price.codes)

    @property
    def wants_quote(self) -> bool:
        """Whether its price is another one than that of its seats."""
        if self.holding is None or self.holding.hold.is_priced:
            return False
        return bool(self.price.codes) or any(one.claim for one in self.half_typed())

    @property
    def needs_quote(self) -> bool:
        """Whether its price has to be asked for."""
        return self.is_open and self.wants_quote and not self.price.is_of(self._priced_by())

    def take_quote(self, quote: Quote) -> Mapping[str, PromotionRefused]:
        """What it costs now; returns which promotions were given up for that, and why."""
        refused = self.price.take(quote, None)
        self.price.take(quote, self._priced_by())
        return refused

    @property
    def quote(self) -> Quote | None:
        """What it costs, as it was last asked; None where only the seats count."""
        return self.price.quote if self.wants_quote or self.money.is_fixed else None

    @property
    def due(self) -> int:
        """What is to be paid, all in all."""
        if self.money.is_fixed and self.money.standing is not None:
            return self.money.standing.due
        return self.quote.due if self.quote else self._held().hold.total

    @property
    def owed(self) -> int:
        """What is left to pay."""
        return self.money.owed if self.money.is_fixed else self.due

    @property
    def to_pay(self) -> int:
        """What is paid next: all that is left, or a part of it."""
        return self.owed if self.money.part is None else self.money.part

    @property
    def terms(self) -> Terms:
        """What passengers are held against."""
        return self._held().terms

    # -- payment ----------------------------------------------------------------------------------------------------

    def pay(self) -> None:
        """All passengers are known: on to the money.

        Raises:
            Refused: they cannot travel together like this; see ``core.passengers.check_party``.
        """
        held = self._held()
        check_party(
            self.passengers(), held.hold.journey.day, held.terms.today, held.terms.limits,
            exclusive=held.terms.exclusive,
        )  # fmt: skip
        self.paying = True

    def tell_money(self, standing: Standing, ends_at: float) -> None:
        """The database has said how the money stands; ``ends_at`` is the hold's new end."""
        held = self._held()
        self.money.tell(standing)
        self.holding = replace(held, hold=replace(held.hold, is_priced=standing.is_priced), ends_at=ends_at)

    def submit(self, tender: Tender) -> Submission:
        """What to confirm: the very same as before while nobody knows whether that was saved."""
        if self.submission is not None and self.outcome_unknown:
            return self.submission
        held = self._held()
        in_parts = self.money.is_fixed or self.money.part is not None
        self.submission = Submission(
            held.hold.booking_id, uuid4() if in_parts else held.key, tuple(self.passengers()), tender,
            tuple(self.price.codes), in_parts, self.money.part,
        )  # fmt: skip
        return self.submission

    def lost_answer(self) -> None:
        """The connection broke while the sale was being saved: it has to be asked again, unchanged."""
        self.outcome_unknown = True

    def refused(self) -> None:
        """The library said no: nothing was saved, everything may be changed."""
        self.submission, self.outcome_unknown = None, False

    def finish(self, sale: Sale) -> None:
        """Paid."""
        self.sale, self.outcome_unknown = sale, False


def _counts(entry: Entry) -> tuple[int, ...]:
    return entry.adults, entry.seniors, entry.children, entry.infants
