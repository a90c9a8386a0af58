"""The gate: may the bearer of this code board here and now?

The decision is ``core.verdict``. ``check_in`` reads the code, locks the ticket, decides, and records the scan with its
nonce: the same nonce again is the same scan and gets the same answer. An admitted ticket becomes *used* in the same
transaction, so it never opens two gates.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal, TypeAlias
from uuid import UUID

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.types import DateTime
from uuid_utils.compat import uuid7

from core import entitlements, policy, timetable
from core.clock import local
from core.database import Actor, Rows, Statement, Transaction, on_violation
from core.entitlements import Entitlement
from core.errors import KeyReused, StateConflict
from core.identity import mask
from core.models import Booking, CheckIn, Passenger, Schedule, Station, Ticket
from core.models import Entitlement as EntitlementRow
from core.network import Network, RouteInfo, SeatInfo, TrainInfo
from core.office import Office
from core.permissions import require
from core.policy import BOARDING_CLOSES_MINUTES, BOARDING_OPENS_MINUTES
from core.ticket_code import Decoded, Reading, TicketPayload, decode
from core.timetable import Journey
from core.verdict import Outcome, Place, TicketState, verdict

__all__ = ["Answer", "Claim", "FirstUse", "Gate", "Outcome", "check_in"]

#: Where a code says it was issued: in training or in earnest.
Claim: TypeAlias = Literal["training", "real"]


class _ScannedMeanwhile(StateConflict):
    """A scan of the same nonce was put on record since this one was begun."""


on_violation("pk_checkins", lambda: _ScannedMeanwhile("This scan is on record already."))


@dataclass(frozen=True, slots=True)
class Gate:
    """Where a scan happens: the station, and the train and date being boarded if the gate is set to them."""

    station: str
    train_number: str | None = None
    day: date | None = None


@dataclass(frozen=True, slots=True)
class FirstUse:
    at: datetime
    where: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gate shows and a command prints."""

    outcome: Outcome
    ticket_number: str | None = None
    booking_number: str | None = None
    passenger_name: str | None = None
    identity: str | None = None
    journey: Journey | None = None
    seat: SeatInfo | None = None
    first_used: FirstUse | None = None
    boarding_opens_at: datetime | None = None
    offline: bool = False
    entitlement: Entitlement | None = None  #: that has lapsed, where that is the outcome
    claim: Claim | None = None  #: of a code that is not signed with a key of here, and says it is not from here

    def as_json(self) -> dict[str, Any]:
        used, lapsed = self.first_used, self.entitlement
        return {
            "outcome": self.outcome.value,
            "ticket_number": self.ticket_number,
            "passenger_name": self.passenger_name,
            "coach": self.seat.coach.label if self.seat else None,
            "seat": self.seat.number if self.seat else None,
            "first_used": None if used is None else {"at": used.at.isoformat(), "where": used.where},
            "offline": self.offline,
            **({} if lapsed is None else {"entitlement": lapsed.as_json()}),
            **({} if self.claim is None else {"claim": self.claim}),
        }


_TICKET: Final = Statement(
    select(
        Ticket.id.label("serial"),
        Ticket.ticket_number,
        Ticket.ticket_status,
        Ticket.issue_no,
        Ticket.qr_code,
        Ticket.class_id,
        Ticket.seat_id,
        Ticket.from_stop,
        Ticket.to_stop,
        Booking.status.label("booking_status"),
        Booking.booking_number,
        Passenger.passenger_name,
        Passenger.identity_last_four,
        *timetable.COLUMNS,
        *(EntitlementRow.id.label("entitlement_id"), EntitlementRow.entitlement_kind, EntitlementRow.holder_name),
        *(EntitlementRow.document_reference, EntitlementRow.valid_from, EntitlementRow.valid_until),
        EntitlementRow.revoked_at,
    )
    .join(Booking, (Booking.operator_id == Ticket.operator_id) & (Booking.id == Ticket.booking_id))
    .join(Passenger, (Passenger.operator_id == Ticket.operator_id) & (Passenger.id == Ticket.passenger_id))
    .join(Schedule, (Schedule.operator_id == Ticket.operator_id) & (Schedule.id == Ticket.schedule_id))
    .outerjoin(
        EntitlementRow,
        (EntitlementRow.operator_id == Ticket.operator_id) & (EntitlementRow.id == Ticket.entitlement_id),
    )
    .where(Ticket.operator_id == bindparam("operator_id"), Ticket.id == bindparam("serial"))
    .with_for_update(of=Ticket)
)
_FIRST_USE: Final = Statement(
    select(CheckIn.scanned_at, Station.station_code, Station.time_zone)
    .join(Station, (Station.operator_id == CheckIn.operator_id) & (Station.id == CheckIn.station_id))
    .where(
        CheckIn.operator_id == bindparam("operator_id"),
        CheckIn.ticket_id == bindparam("serial"),
        CheckIn.outcome == "ok",
        CheckIn.undone_at.is_(None),
    )
    .order_by(CheckIn.scanned_at)
    .limit(1)
)
_SAME_SCAN: Final = Statement(
    select(CheckIn.outcome, CheckIn.code_digest).where(
        CheckIn.operator_id == bindparam("operator_id"), CheckIn.nonce == bindparam("nonce")
    )
)
_COLUMNS: Final = (
    "operator_id",
    "nonce",
    "ticket_id",
    "outcome",
    "station_id",
    "terminal_id",
    "user_id",
    "code_digest",
    "scanned_at",
)
_SCANNED: Final = insert(CheckIn).values({name: bindparam(name) for name in _COLUMNS})
_USED: Final = (
    update(Ticket)
    .where(Ticket.operator_id == bindparam("operator_id"), Ticket.id == bindparam("ticket_id"))
    .values(
        ticket_status="used",
        check_in_time=bindparam("scanned_at", type_=DateTime(timezone=True)),
        checked_in_by=bindparam("user_id"),
        updated_at=func.now(),
    )
)
_RECORD: Final = Statement(_SCANNED)
_ADMIT: Final = Statement(_SCANNED.add_cte(_USED.cte("used")))


def check_in(
    office: Office, actor: Actor, code: str, gate: Gate, *, at: datetime | None = None, nonce: UUID | None = None
) -> Answer:
    """Judge one scan and put it on record.

    Args:
        code: what was read, as it was read.
        at: when it was read, if not now.
        nonce: names this scan; with the same one again the first answer comes back and nothing is recorded twice.

    Raises:
        NotFound: the gate names a station or train that does not exist.
        KeyReused: the nonce named a scan of another code.
    """
    require(actor, "check_in")
    network = office.network()
    station = network.station(gate.station)
    train = network.train(gate.train_number) if gate.train_number else None
    route = network.route_of(train.id) if train else None
    read = _read(office, code)
    digest = hashlib.sha256(code.encode("utf-8", "surrogatepass")).digest()
    revoked = read.payload is not None and read.payload.key_id in office.revoked_keys
    practising = office.operator.is_training
    scan = _Scan(station.id, gate, train, route, nonce or uuid7(), nonce is not None, digest, revoked, practising)
    claim = _claim(read, practising)

    def judge(tx: Transaction) -> Answer:
        if read.payload is None:
            before = _before(_ask_before(tx, scan), scan)
            if before is None:
                _record(tx, scan, _UNREAD[read.reading], at or tx.now, None)
            return Answer(before or _UNREAD[read.reading], claim=claim)
        return _judge(tx, network, scan, read.payload, read.code, at)

    try:
        return office.database.transaction(judge, actor=actor)
    except _ScannedMeanwhile:  # the same scan was sent twice at once; this time the first is found
        return office.database.transaction(judge, actor=actor)


def _read(office: Office, code: str) -> Decoded:
    """Judge a code; one that names a key nobody knew when the keys were last read is judged by those of now."""
    issuer = office.operator.issuer
    read = decode(code, issuer=issuer, public_keys=office.public_keys)
    if read.key_id is None or read.key_id in office.public_keys:
        return read
    office.refresh_keys()
    return decode(code, issuer=issuer, public_keys=office.public_keys)


def _claim(read: Decoded, practising: bool) -> Claim | None:
    """What a code that is not ours says of itself; a word for people, on which nothing rests."""
    if read.reading is not Reading.FORGED or read.says_training in (None, practising):
        return None
    return "training" if read.says_training else "real"


_UNREAD: Final = {
    Reading.FORGED: Outcome.FORGED,
    Reading.UNKNOWN: Outcome.UNKNOWN,
    Reading.UNREADABLE: Outcome.UNREADABLE,
}


@dataclass(frozen=True, slots=True)
class _Scan:
    station_id: int
    gate: Gate
    train: TrainInfo | None
    route: RouteInfo | None
    nonce: UUID
    may_be_repeated: bool
    digest: bytes
    key_revoked: bool
    practising: bool


def _judge(
    tx: Transaction, network: Network, scan: _Scan, payload: TicketPayload, code: str | None, at: datetime | None
) -> Answer:
    asked = policy.ask(tx)
    same_scan = _ask_before(tx, scan)
    ticket = tx.send(_TICKET, serial=payload.ticket_serial)
    policies, before, row = asked.read(), _before(same_scan, scan), ticket.first()
    if row is None:
        if before is None:
            _record(tx, scan, Outcome.UNKNOWN, at or tx.now, None)
        return Answer(before or Outcome.UNKNOWN)
    stops = {stop.order: stop for stop in network.routes[row.route_id].stops}
    trip = timetable.journey(network, row, stops[row.from_stop], stops[row.to_stop])
    where = {"station_id": scan.station_id, "train_id": trip.train.id}
    place = Place(
        scan.station_id,
        scan.train.number if scan.train else None,
        scan.route,
        scan.gate.day,
        at or tx.now,
        policies.get(BOARDING_OPENS_MINUTES, **where),
        policies.get(BOARDING_CLOSES_MINUTES, **where),
    )
    entitlement = entitlements.of_row(row, row.entitlement_id) if row.entitlement_id else None
    state = TicketState(row.ticket_status, row.booking_status, row.issue_no, trip, entitlement)
    if scan.key_revoked:
        found = Outcome.REVOKED
    else:
        found = verdict(state, payload.issue_no, place) if _is_of(row, payload, code, scan) else Outcome.UNKNOWN
    outcome = before or found
    was_used = row.ticket_status == "used" and outcome is not Outcome.OK  # a repeated ok is itself the first use
    first_used = _first_use(tx.send(_FIRST_USE, serial=row.serial)) if was_used else None
    if before is None:
        _record(tx, scan, outcome, place.at, row.serial)
    return Answer(
        outcome=outcome,
        ticket_number=row.ticket_number,
        booking_number=row.booking_number,
        passenger_name=row.passenger_name,
        identity=mask(row.identity_last_four) if row.identity_last_four else None,
        journey=trip,
        seat=None if row.seat_id is None else network.seats(tx, row.class_id)[row.seat_id],
        first_used=first_used,
        boarding_opens_at=trip.departs_at - timedelta(minutes=place.opens_minutes),
        entitlement=entitlement if outcome is Outcome.ENTITLEMENT else None,
    )


def _is_of(row: Any, payload: TicketPayload, code: str | None, scan: _Scan) -> bool:
    """Whether a code we signed is this ticket's: after a restored backup a serial can have been given out twice."""
    return payload.training == scan.practising and (payload.issue_no != row.issue_no or code == row.qr_code)


def _ask_before(tx: Transaction, scan: _Scan) -> Rows | None:
    """Queue the question whether this scan is on record already; one that nobody named before cannot be."""
    return tx.send(_SAME_SCAN, nonce=scan.nonce) if scan.may_be_repeated else None


def _before(rows: Rows | None, scan: _Scan) -> Outcome | None:
    """What this very scan was answered before."""
    row = rows.first() if rows is not None else None
    if row is None:
        return None
    if bytes(row.code_digest) != scan.digest:
        raise KeyReused("This scan's number was already used for another code.", hint="Scan the ticket again.")
    return Outcome(row.outcome)


def _record(tx: Transaction, scan: _Scan, outcome: Outcome, at: datetime, serial: int | None) -> None:
    admitted = outcome is Outcome.OK and serial is not None
    tx.send(
        _ADMIT if admitted else _RECORD,
        nonce=scan.nonce,
        ticket_id=serial,
        outcome=outcome.value,
        station_id=scan.station_id,
        terminal_id=tx.actor.terminal_id,
        user_id=tx.actor.user_id,
        code_digest=scan.digest,
        scanned_at=at,
    )
    if admitted:
        tx.audit("update", "tickets", serial, old={"ticket_status": "active"}, new={"ticket_status": "used"})
        tx.event("ticket.used", "tickets", serial, {"station_id": scan.station_id, "nonce": str(scan.nonce)})


def _first_use(rows: Rows) -> FirstUse | None:
    row = rows.first()
    return None if row is None else FirstUse(local(row.scanned_at, row.time_zone), row.station_code)
