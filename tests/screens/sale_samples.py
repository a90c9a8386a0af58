"""A railway of one train, made by hand: what drafts and pictures of the sell screen are tested with."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from types import SimpleNamespace
from uuid import UUID

from core.booking import HoldRequest
from core.entitlement_register import Possibility
from core.entitlements import EntitlementRefused
from core.identity import PassengerType
from core.network import ClassInfo, CoachInfo, RouteInfo, SeatInfo, StationInfo, Stop, TrainInfo
from core.passengers import PartyLimits
from core.payments.awaited import Awaited
from core.payments.qris import Merchant, build_payload
from core.payments.standing import Standing
from core.pending import Hold
from core.promotions import Use
from core.quote import Quote, Reduced
from core.sale import Sale
from core.search import Offer
from core.tickets import TicketRecord
from core.timetable import Journey
from counter.entry import Entry, Place, parse
from counter.screens.sale_draft import Holding, SaleDraft, Terms
from counter.screens.sell_desk import Found, Lexis

WIB = timezone(timedelta(hours=7))
TODAY = date(2026, 11, 20)
DAY = date(2026, 11, 25)
BUDI, SITI, JOKO = "3171010101900001", "3171014507920003", "3171010101900002"
PLACES = (Place("YK", "Yogyakarta", "Yogyakarta"), Place("GMR", "Gambir", "Jakarta"), Place("CN", "Cirebon", "Cirebon"))
LEXIS = Lexis(PLACES, {"eks": "EKS", "lux": "LUX"}, {"EKS": "executive", "LUX": "luxury"}, "YK", TODAY)

_STOPS = (Stop(0, 1, 0, 0, 0), Stop(1, 3, 225, 230, 307), Stop(2, 2, 375, 375, 512))
_YK, _GMR = (
    StationInfo(1, "YK", "Yogyakarta", "Yogyakarta", "Asia/Jakarta"),
    StationInfo(2, "GMR", "Gambir", "Jakarta", "Asia/Jakarta"),
)
_CLASSES = {
    "EKS": ClassInfo(1, 1, "executive", "EKS", "Eksekutif", 250, 520_000, ()),
    "LUX": ClassInfo(2, 1, "luxury", "LUX", "Luxury", 26, 980_000, ()),
}
_COACH = CoachInfo(1, 1, 2, "EKS 2")
SEATS = tuple(
    SeatInfo(number, 1, _COACH, f"12{letter}", number, 12, letter, place, "window", False)
    for number, (letter, place) in enumerate((("A", 0), ("B", 1), ("C", 3), ("D", 4)), 1)
)


def trip(number: str = "43", name: str = "Taksaka", leaves: int = 7) -> Journey:
    """A train from Yogyakarta to Gambir."""
    departs = datetime(2026, 11, 25, leaves, 30, tzinfo=WIB)
    return Journey(
        schedule_id=int(number), service_date=DAY, status="scheduled",
        train=TrainInfo(int(number), number, name, False), route=RouteInfo(1, "YK-GMR", _STOPS),
        board=_STOPS[0], leave=_STOPS[2], origin=_YK, destination=_GMR,
        departs_at=departs, arrives_at=departs + timedelta(minutes=375), delay_minutes=0,
    )  # fmt: skip


OFFERS = (
    Offer(trip(), _CLASSES["EKS"], "A", 450_000, 38),
    Offer(trip(), _CLASSES["LUX"], "AA", 980_000, 0),
    Offer(trip("45", "Taksaka", 19), _CLASSES["EKS"], "H", 410_000, 2),
)


def entry(line: str) -> Entry:
    return parse(line, places=PLACES, home="YK", today=TODAY, classes=LEXIS.classes)


def found(offers: tuple[Offer, ...] = OFFERS) -> Found:
    return Found(offers, {43: 7_500, 45: 7_500}, TODAY, True)


def holding(seats: int = 3, infants: int = 1, *, ends_at: float = 600.0, exclusive: bool = False) -> Holding:
    """Seats 12A and on of 43 Taksaka."""
    hold = Hold(
        UUID(int=7), "ABX4K7Q", trip(), _CLASSES["EKS"], "A", SEATS[:seats], infants, 450_000, 7_500,
        datetime(2026, 11, 20, 9, 0, tzinfo=WIB),
    )  # fmt: skip
    request = HoldRequest(43, "EKS", "YK", "GMR", seats, infants)
    terms = Terms(TODAY, PartyLimits(infant_age=3, infants_per_adult=1, senior_age=60), exclusive)
    return Holding(hold, request, terms, UUID(int=8), ends_at)


def draft(line: str = "gmr 25 3a1i", *, exclusive: bool = False) -> SaleDraft:
    """A sale whose seats have just been held."""
    made = SaleDraft()
    made.ask(entry(line))
    made.offered = True
    made.hold(holding(made.seats, made.infants, exclusive=exclusive))
    return made


def named(made: SaleDraft) -> SaleDraft:
    """The same with everybody's name and number."""
    typed = (("Budi Santoso", BUDI), ("Siti Aminah", SITI), ("Joko", JOKO), ("Rafi", "2025-03-02"))
    for traveller, (name, identity) in zip(made.party, typed, strict=False):
        traveller.name, traveller.identity = name, identity
    return made


def sale(made: SaleDraft, change: int = 42_500) -> Sale:
    """What becomes of it."""
    assert made.held is not None
    held, seats = made.held, iter(made.held.seats)
    tickets = tuple(
        TicketRecord(
            serial=1_000_000 + number, number=f"{1_000_000 + number:012d}", status="active", code="", issue_no=1,
            booking_id=held.booking_id, booking_number=held.booking_number, booking_status="confirmed",
            passenger_name=one.name.upper(), passenger_type=one.type.value, identity="…0001", journey=held.journey,
            travel_class=held.travel_class, seat=None if one.type is PassengerType.INFANT else next(seats),
            subclass="A", fare=450_000, copies=0, issued_at=datetime(2026, 11, 20, 9, 0, tzinfo=WIB), sold_by="Sari",
            check_in_time=None, print_state=("confirmed", "unknown", "queued", "off")[number % 4],
        )
        for number, one in enumerate(made.party)
    )  # fmt: skip
    return Sale(
        held.booking_id, held.booking_number, "confirmed", held.total, 0, held.total, held.total, change, tickets
    )


def quote(made: SaleDraft) -> Quote:
    """A veteran, a senior whose document has ended, and a promotion."""
    assert made.held is not None
    ended = EntitlementRefused("The senior entitlement ended on 2026-11-01.", code="entitlement_expired")
    return Quote(
        fares=made.held.seat_fare * len(made.held.seats), fee=made.held.booking_fee,
        reductions={0: Reduced("veteran", 225_000)}, uses=(Use(1, "LEBARAN", "Homecoming", 50_000),),
        refused_reductions={1: ended},
    )  # fmt: skip


POSSIBLE = (
    Possibility(
        "senior", 360_000, EntitlementRefused("The senior entitlement ended on 2026-11-01.", code="entitlement_expired")
    ),
    Possibility("veteran", 225_000, None),
    Possibility("military", 338_000, EntitlementRefused("Not registered.", code="entitlement_missing")),
)
_NOON = datetime(2026, 11, 20, 8, 41, tzinfo=WIB)


def standing(made: SaleDraft, *parts: tuple[str, int]) -> Standing:
    """The booking with its bill fixed and these parts paid."""
    assert made.held is not None
    rows = tuple(
        SimpleNamespace(payment_method=method, amount=amount, change_given=None, payment_status="completed")
        for method, amount in parts
    )
    until = _NOON + timedelta(minutes=10)
    return Standing(made.held.booking_id, "ABX4K7Q", "pending", made.held.total, until, True, rows, (), _NOON)


def awaited(made: SaleDraft) -> Awaited:
    """All of it paid by QRIS, as soon as the customer has scanned the code."""
    assert made.held is not None
    code = build_payload(
        Merchant("ID1020000000001", "STATION COUNTER TRIAL", "YOGYAKARTA", "55232"), amount=made.held.total,
        reference="ABX4K7Q-1", terminal="SIM",
    )  # fmt: skip
    return Awaited(
        UUID(int=9), made.held.booking_id, "ABX4K7Q", "pending", "ABX4K7Q-1", "qris", "processing", made.held.total,
        _NOON, _NOON + timedelta(minutes=5), 1, code, _NOON,
    )  # fmt: skip
