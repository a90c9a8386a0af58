"""What travellers of a late train are given for waiting: vouchers for a drink, a snack, a meal, once for each ticket.

A unique key of ticket and kind keeps anybody from being given the same twice, at whichever counters he asks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.types import Integer
from uuid_utils.compat import uuid7

from core import disruption, policy, ticket_changes
from core.after_sale import SoldTicket
from core.database import Actor, Statement, Transaction
from core.disruption import Run
from core.disruption_rules import vouchers_due
from core.errors import Refused
from core.models import DelayVoucher, Ticket
from core.office import Office
from core.permissions import require
from core.policy import Policies

_COLUMNS: Final = (
    *("operator_id", "id", "ticket_id", "schedule_id", "voucher_kind", "delay_minutes", "issued_by", "terminal_id"),
)
_ISSUE: Final = Statement(
    insert(DelayVoucher)
    .values({name: bindparam(name) for name in _COLUMNS})
    .on_conflict_do_nothing()
    .returning(DelayVoucher.id)
)
_LISTED: Final = Statement(
    select(DelayVoucher, Ticket.ticket_number)
    .join(Ticket, (Ticket.operator_id == DelayVoucher.operator_id) & (Ticket.id == DelayVoucher.ticket_id))
    .where(
        DelayVoucher.operator_id == bindparam("operator_id"),
        DelayVoucher.schedule_id == bindparam("schedule_id", type_=Integer),
    )
    .order_by(Ticket.ticket_number, DelayVoucher.created_at, DelayVoucher.voucher_kind)
)


@dataclass(frozen=True, slots=True)
class Voucher:
    """A voucher for ``drink``, ``snack`` or ``meal``."""

    id: UUID
    ticket_number: str
    kind: str
    delay_minutes: int
    issued_at: datetime

    @property
    def code(self) -> str:
        """What is written on it: short, and nobody guesses the next one."""
        return self.id.hex[-12:].upper()

    def as_json(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "ticket_number": self.ticket_number,
            "kind": self.kind,
            "delay_minutes": self.delay_minutes,
            "issued_at": self.issued_at.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class _Waiting:
    serial: int
    number: str
    station_id: int


def issue(office: Office, actor: Actor, train_number: str, day: date) -> list[Voucher]:
    """Vouchers for everybody with a seat on a departure, as far as its delay goes; those that were not issued before.

    Raises:
        NotPermitted: a supervisor issues them for a train.
        NotFound: no such departure.
    """
    require(actor, "disrupt")
    network = office.network()
    train = network.train(train_number)

    def write(tx: Transaction) -> list[Voucher]:
        run = disruption.read(tx, network, train, day)
        policies = policy.ask(tx).read()
        if run.status == "cancelled":
            return []
        stations = {stop.order: stop.station_id for stop in run.route.stops}
        people = [
            _Waiting(row.serial, row.ticket_number, stations[row.from_stop])
            for row in disruption.on_board(tx, run)
            if row.seat_id is not None
        ]
        return _issue(tx, run.schedule_id, run.train.id, run.delay_minutes, people, policies)

    return office.database.transaction(write, actor=actor)


def issue_for(office: Office, actor: Actor, ticket_number: str) -> list[Voucher]:
    """The same for one ticket, at any counter.

    Raises:
        NotPermitted: the role may not.
        NotFound: no such ticket.
        Refused: it is not travelled on (``not_travelling``): who has his money back waits for nothing.
    """
    require(actor, "sell")
    sold, ticket = ticket_changes.find(office, actor, ticket_number)
    trip = ticket.journey
    if not ticket.is_live or trip.status == "cancelled":
        raise Refused(
            f"Nobody travels on ticket {ticket.number}.", code="not_travelling", hint="Look at it: counter show."
        )
    person = _waiting(ticket)

    def write(tx: Transaction) -> list[Voucher]:
        return _issue(tx, trip.schedule_id, trip.train.id, trip.delay_minutes, person, sold.policies)

    return office.database.transaction(write, actor=actor)


def _waiting(ticket: SoldTicket) -> list[_Waiting]:
    return [] if ticket.seat is None else [_Waiting(ticket.serial, ticket.number, ticket.journey.origin.id)]


def _issue(
    tx: Transaction, schedule_id: int, train_id: int, minutes: int, people: Iterable[_Waiting], policies: Policies
) -> list[Voucher]:
    asked = []
    for one in people:
        for kind in vouchers_due(minutes, policies, station_id=one.station_id, train_id=train_id):
            voucher = Voucher(uuid7(), one.number, kind, minutes, tx.now)
            rows = tx.send(
                _ISSUE,
                id=voucher.id,
                ticket_id=one.serial,
                schedule_id=schedule_id,
                voucher_kind=kind,
                delay_minutes=minutes,
                issued_by=tx.actor.user_id,
                terminal_id=tx.actor.terminal_id,
            )
            asked.append((voucher, rows))
    issued = [voucher for voucher, rows in asked if rows.first() is not None]
    if issued:
        said = {"vouchers": [{"ticket": one.ticket_number, "kind": one.kind} for one in issued]}
        tx.audit("create", "delay_vouchers", schedule_id, new=said)
    return issued


def listed(office: Office, actor: Actor, run: Run) -> list[Voucher]:
    """All that were issued for a departure.

    Raises:
        NotPermitted: the role may not look.
    """
    require(actor, "disrupt")
    rows = office.database.transaction(lambda tx: tx.send(_LISTED, schedule_id=run.schedule_id).all(), actor=actor)
    return [Voucher(row.id, row.ticket_number, row.voucher_kind, row.delay_minutes, row.created_at) for row in rows]
