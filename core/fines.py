"""Fines: written by gate staff, clerks or supervisors for whoever rode without paying for it; found and listed.

The amount follows from the train's fares and policy, nobody types it. How a fine ends is ``core.fine_settling``; what
open ones do to a traveller is ``core.bans``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, cast
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import Select, bindparam, func, insert, literal_column, select
from sqlalchemy.orm import aliased
from uuid_utils.compat import uuid7

from core import policy
from core.clock import local
from core.database import Actor, Statement, Transaction, on_violation
from core.errors import NotFound, NotPermitted, Refused, UsageError
from core.fine_rules import lowest_partial_fare
from core.identity import mask, normalize_name, parse_identity
from core.keys import sealed_in
from core.models import Fine as FineRow
from core.models import Passenger, Schedule, Station, Ticket, Train, User
from core.models.fines import FINE_KINDS
from core.network import Network, RouteInfo
from core.office import Office
from core.permissions import require
from core.policy import FARE_ROUNDING, FINE_MULTIPLE
from core.wording import one_line

__all__ = ["FINE_KINDS", "Fine", "FineOrder", "find", "issue", "listed", "read"]

on_violation(
    "fine_by_self", lambda: NotPermitted("A fine is written in one's own name.", hint="Sign in again.")
)  # fmt: skip
on_violation(
    "fine_needs_supervisor", lambda: NotPermitted("A supervisor decides this.", hint="Ask one.")
)  # fmt: skip

_COLUMNS: Final = (
    *("operator_id", "id", "fine_number", "fine_kind", "person_name", "identity_kind", "identity_number"),
    *("identity_digest", "identity_last_four", "ticket_id", "train_id", "service_date", "from_station_id"),
    *("to_station_id", "amount", "decided_with", "note", "station_id", "terminal_id", "issued_by"),
)
_INSERT: Final = Statement(insert(FineRow).values({name: bindparam(name) for name in _COLUMNS}))
_NUMBERS: Final = Statement(
    select(func.pg_advisory_xact_lock(func.hashtext(literal_column("'fine_number'")), bindparam("operator_id")))
)
_LAST_NUMBER: Final = Statement(
    select(func.coalesce(func.max(FineRow.fine_number), 0)).where(FineRow.operator_id == bindparam("operator_id"))
)
_TICKET: Final = Statement(
    select(
        *(Ticket.id, Ticket.to_stop, Schedule.train_id, Schedule.route_id, Schedule.departure_date),
        *(Passenger.passenger_name, Passenger.identity_last_four),
    )
    .join(Schedule, (Schedule.operator_id == Ticket.operator_id) & (Schedule.id == Ticket.schedule_id))
    .join(Passenger, (Passenger.operator_id == Ticket.operator_id) & (Passenger.id == Ticket.passenger_id))
    .where(Ticket.operator_id == bindparam("operator_id"), Ticket.ticket_number == bindparam("ticket_number"))
)
_issuer, _payer, _origin, _end, _at = (
    aliased(User), aliased(User), aliased(Station), aliased(Station), aliased(Station)
)  # fmt: skip
_SELECT: Final = cast(
    Select[Any],
    (
        select(
            *(FineRow.id, FineRow.fine_number, FineRow.fine_kind, FineRow.status, FineRow.person_name),
            *(FineRow.identity_last_four, FineRow.service_date, FineRow.amount, FineRow.note, FineRow.issued_at),
            *(FineRow.paid_at, FineRow.payment_method, FineRow.tendered, FineRow.change_given, FineRow.waive_reason),
            *(FineRow.ban_lifted_at, FineRow.ban_lift_reason, FineRow.decided_with, FineRow.issued_by),
            *(Train.train_number, Train.train_name, _issuer.full_name.label("issuer"), _payer.full_name.label("payer")),
            *(_origin.station_code.label("from_code"), _end.station_code.label("to_code")),
            _at.station_code.label("at_code"),
        )
        .join(Train, (Train.operator_id == FineRow.operator_id) & (Train.id == FineRow.train_id))
        .join(_issuer, (_issuer.operator_id == FineRow.operator_id) & (_issuer.id == FineRow.issued_by))
        .outerjoin(_payer, (_payer.operator_id == FineRow.operator_id) & (_payer.id == FineRow.paid_by))
        .outerjoin(_origin, (_origin.operator_id == FineRow.operator_id) & (_origin.id == FineRow.from_station_id))
        .outerjoin(_end, (_end.operator_id == FineRow.operator_id) & (_end.id == FineRow.to_station_id))
        .outerjoin(_at, (_at.operator_id == FineRow.operator_id) & (_at.id == FineRow.station_id))
        .where(FineRow.operator_id == bindparam("operator_id"))
    ),
)
_BY_NUMBER: Final = Statement(_SELECT.where(FineRow.fine_number == bindparam("number")))
_LIST: Final = _SELECT.order_by(FineRow.fine_number.desc()).limit(bindparam("most"))
_LATEST: Final = Statement(_LIST)
_OPEN: Final = Statement(_LIST.where(FineRow.status == "open"))
_OF_PERSON: Final = Statement(_LIST.where(FineRow.identity_digest == bindparam("digest")))
#: Rows of a list at most.
PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class FineOrder:
    """A fine as somebody writes it down.

    With a ticket the train, the day, the person and where the paid ride ended follow from it; what is typed besides
    goes first. ``origin`` and ``destination`` bound the stretch that was not paid for. ``day`` is the service date.
    """

    kind: str = "over_riding"
    name: str = ""
    identity: str = ""
    ticket: str | None = None
    train: str | None = None
    day: date | None = None
    origin: str | None = None
    destination: str | None = None
    class_code: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Fine:
    """A fine as it stands; amounts in minor units, the identity masked."""

    id: UUID
    number: int
    kind: str
    status: str
    name: str
    identity: str
    train_number: str
    train_name: str
    service_date: date
    origin: str | None
    destination: str | None
    amount: int
    decided_with: Mapping[str, Any]
    note: str | None
    station: str | None
    issued_by: str
    issued_at: datetime
    paid_at: datetime | None
    paid_by: str | None
    method: str | None
    tendered: int | None
    change: int | None
    waive_reason: str | None
    ban_lifted_at: datetime | None
    ban_lift_reason: str | None

    def as_json(self, zone: str) -> dict[str, Any]:
        """The fine as commands print it."""

        def at(moment: datetime | None) -> str | None:
            return None if moment is None else local(moment, zone).isoformat(timespec="seconds")

        return {
            "number": self.number,
            "kind": self.kind,
            "status": self.status,
            "name": self.name,
            "identity": self.identity,
            "train_number": self.train_number,
            "date": self.service_date.isoformat(),
            "origin": self.origin,
            "destination": self.destination,
            "amount": self.amount,
            "decided_with": dict(self.decided_with),
            "note": self.note,
            "station": self.station,
            "issued_by": self.issued_by,
            "issued_at": at(self.issued_at),
            "paid_at": at(self.paid_at),
            "paid_by": self.paid_by,
            "method": self.method,
            "tendered": self.tendered,
            "change": self.change,
            "waive_reason": self.waive_reason,
            "ban_lifted_at": at(self.ban_lifted_at),
            "ban_lift_reason": self.ban_lift_reason,
        }


def _fine(row: Any) -> Fine:
    return Fine(
        row.id, row.fine_number, row.fine_kind, row.status, row.person_name, mask(row.identity_last_four),
        row.train_number, row.train_name, row.service_date, row.from_code, row.to_code, row.amount, row.decided_with,
        row.note, row.at_code, row.issuer, row.issued_at, row.paid_at, row.payer, row.payment_method, row.tendered,
        row.change_given, row.waive_reason, row.ban_lifted_at, row.ban_lift_reason,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Ride:
    """The train and stretch a fine is about, by their keys."""

    train_id: int
    route: RouteInfo
    day: date
    origin_id: int | None
    destination_id: int | None


def issue(office: Office, actor: Actor, order: FineOrder) -> Fine:
    """Write a fine.

    Raises:
        UsageError: no such kind (code ``fine_kind_unknown``), or neither ticket nor train (``train_missing``).
        Refused: name or identity are missing or none; the train does not run there (``no_connection``).
        NotFound: no such train, station, class or ticket.
    """
    require(actor, "issue_fines")
    if order.kind not in FINE_KINDS:
        raise UsageError(
            f"{order.kind[:20]!r} is no kind of fine.",
            code="fine_kind_unknown",
            hint=f"One of: {', '.join(FINE_KINDS)}.",
        )
    network = office.network()

    def write(tx: Transaction) -> Fine:
        asked = policy.ask(tx)
        ticket = _ticket(tx, order)
        tx.send(_NUMBERS)
        last = tx.send(_LAST_NUMBER)
        ride = _ride(tx, office, network, actor, order, ticket)
        place = {"station_id": actor.station_id, "train_id": ride.train_id}
        policies = asked.read()
        classes = network.classes_of(ride.train_id)
        if order.class_code:
            classes = [network.class_of(ride.train_id, order.class_code)]
        lowest = lowest_partial_fare(
            classes, ride.route, policies.get(FARE_ROUNDING, **place), origin_id=ride.origin_id,
            destination_id=ride.destination_id,
        )  # fmt: skip
        times = policies.get(FINE_MULTIPLE, **place)
        number, fine_id, amount = (last.scalar() or 0) + 1, uuid7(), lowest * times
        tx.send(
            _INSERT,
            id=fine_id,
            fine_number=number,
            fine_kind=order.kind,
            **_person(office, order, ticket, fine_id),
            ticket_id=ticket.id if ticket is not None else None,
            train_id=ride.train_id,
            service_date=ride.day,
            from_station_id=ride.origin_id,
            to_station_id=ride.destination_id,
            amount=amount,
            decided_with=Jsonb({"lowest_fare": lowest, "fine_multiple": times}),
            note=one_line(order.note) or None,
            station_id=actor.station_id,
            terminal_id=actor.terminal_id,
            issued_by=actor.user_id,
        )
        said = {"fine_number": number, "kind": order.kind, "amount": amount, "train_id": ride.train_id}
        tx.audit("create", "fines", fine_id, new=said)
        tx.event("fine.issued", "fines", fine_id, said)
        return read(tx, number)

    return office.database.transaction(write, actor=actor)


def _ticket(tx: Transaction, order: FineOrder) -> Any | None:
    if not order.ticket:
        return None
    row = tx.send(_TICKET, ticket_number=order.ticket.strip()).first()
    if row is None:
        raise NotFound(
            f"There is no ticket {order.ticket.strip()[:20]!r}.", code="unknown_ticket", hint="It has twelve digits."
        )
    return row


def _ride(
    tx: Transaction, office: Office, network: Network, actor: Actor, order: FineOrder, ticket: Any | None
) -> _Ride:
    origin = network.station(order.origin).id if order.origin else None
    destination = network.station(order.destination).id if order.destination else None
    if ticket is None:
        if not order.train:
            raise UsageError("A fine names its train.", code="train_missing", hint="Give a train number or a ticket.")
        train = network.train(order.train)
        route = network.route_of(train.id)
        if route is None:
            raise Refused("This train has no route.", code="no_connection", hint="Use another train's number.")
        today = local(tx.now, office.operator.time_zone).date()
        return _Ride(train.id, route, order.day or today, origin, destination)
    route = network.routes[ticket.route_id]
    ended = next(stop for stop in route.stops if stop.order == ticket.to_stop)
    here = route.stop_at(actor.station_id) if destination is None and actor.station_id is not None else None
    if here is not None and here.order > ended.order:
        destination = here.station_id
    if destination is not None and origin is None:
        origin = ended.station_id
    return _Ride(ticket.train_id, route, ticket.departure_date, origin, destination)


def _person(office: Office, order: FineOrder, ticket: Any | None, fine_id: UUID) -> dict[str, Any]:
    """Who is fined. Without an identity the ticket's passenger: the database takes his digest itself.

    A gate's ring has no key that seals: there the digest and the last four figures have to do.
    """
    if not order.identity.strip() and ticket is not None:
        if not ticket.identity_last_four:
            raise Refused("This ticket has no identity.", code="identity_missing", hint="Type the number on the card.")
        nothing = dict.fromkeys(("identity_kind", "identity_number", "identity_digest"))
        return {**nothing, "person_name": ticket.passenger_name, "identity_last_four": ticket.identity_last_four}
    identity = parse_identity(order.identity)
    typed = order.name.strip() or (ticket.passenger_name if ticket is not None else "")
    sealed = None
    if not office.keys.is_gate:
        sealed = office.keys.encrypt(identity.number, sealed_in("fines.identity_number", fine_id))
    return {
        "person_name": normalize_name(typed),
        "identity_kind": identity.kind,
        "identity_number": sealed,
        "identity_digest": office.keys.digest(identity.number),
        "identity_last_four": identity.number[-4:],
    }


def read(tx: Transaction, number: int) -> Fine:
    """A fine by its number, in a transaction of the caller's.

    Raises:
        NotFound: there is none (code ``unknown_fine``).
    """
    row = tx.send(_BY_NUMBER, number=number).first()
    if row is None:
        raise NotFound(f"There is no fine {number}.", code="unknown_fine", hint="List them: counter fine list.")
    return _fine(row)


def find(office: Office, actor: Actor, number: int) -> Fine:
    """A fine by its number; the look is on the audit trail.

    Raises:
        NotFound: there is none (code ``unknown_fine``).
    """
    require(actor, "issue_fines")

    def look(tx: Transaction) -> Fine:
        found = read(tx, number)
        tx.audit("view", "fines", found.id)
        return found

    return office.database.transaction(look, actor=actor)


def listed(office: Office, actor: Actor, *, identity: str | None = None, only_open: bool = False) -> list[Fine]:
    """The latest fines, newest first, at most ``PAGE``; the look is on the audit trail.

    Args:
        identity: only this person's.

    Raises:
        Refused: this is no identity number.
    """
    require(actor, "handle_fines")
    digest = None if identity is None else office.keys.digest(parse_identity(identity).number)

    def look(tx: Transaction) -> list[Fine]:
        if digest is not None:
            rows = tx.send(_OF_PERSON, digest=digest, most=PAGE)
        else:
            rows = tx.send(_OPEN if only_open else _LATEST, most=PAGE)
        found = [_fine(row) for row in rows.all() if not only_open or row.status == "open"]
        tx.audit("view", "fines", "list", new={"shown": len(found)})
        return found

    return office.database.transaction(look, actor=actor)
