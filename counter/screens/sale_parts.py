"""What a sale in the making consists of: steps, fields, travellers as typed, seats held, what was sent.

What belongs here: plain values. How they go together is ``sale_draft``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import NamedTuple
from uuid import UUID

from core.booking import HoldRequest
from core.errors import Refused
from core.identity import PassengerType, parse_identity
from core.passengers import PartyLimits, PassengerInput
from core.payments import Tender
from core.pending import Hold
from counter.screens.typed_names import plain_name


class Step(Enum):
    """Where a sale stands; Esc goes back by one."""

    QUESTION = "question"
    OFFERS = "offers"
    PASSENGERS = "passengers"
    PAYMENT = "payment"
    FINISHED = "finished"


class Spot(NamedTuple):
    """A field for a passenger: whose line (from 0), and ``name`` or ``identity``."""

    line: int
    field: str


@dataclass
class Traveller:
    """One line of the party, just as typed; ``identity`` may be an infant's birth date."""

    type: PassengerType
    name: str = ""
    identity: str = ""
    reduction: str | None = None  #: asked for; a senior's own is asked for by the type

    @property
    def number(self) -> str:
        """The identity number, empty where none is typed."""
        try:
            return parse_identity(self.identity).number
        except Refused:
            return ""

    @property
    def has_name(self) -> bool:
        """Whether the name can stand on a ticket."""
        try:
            plain_name(self.name)
        except Refused:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Terms:
    """What passengers are held against: the database's day and the policies of this train."""

    today: date
    limits: PartyLimits
    exclusive: bool
    """Whether an identity may have one ticket only."""


@dataclass(frozen=True)
class Holding:
    """Seats held for a sale. ``key`` names the sale from here on; ``ends_at`` is on this process's monotonic clock."""

    hold: Hold
    request: HoldRequest
    terms: Terms
    key: UUID
    ends_at: float


@dataclass(frozen=True)
class Submission:
    """A confirmation as it was sent. Asked again it is word for word the same, so it can only be one sale."""

    booking_id: UUID
    key: UUID
    passengers: tuple[PassengerInput, ...]
    tender: Tender
    promotions: tuple[str, ...] = ()
    in_parts: bool = False
    amount: int | None = None  #: of a part, minor units; None: all that is left
