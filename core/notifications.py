"""From events to messages: what happened is read from the outbox, what is to be told about it is written down once.

``domain_events`` is the outbox: an event is written in the transaction of its change, and a sale does nothing more for
whoever wants to be told. ``plan`` takes what is pending, looks up configurations and contacts, and writes a delivery
for each recipient and channel and a notification for each member of the staff, in one transaction with the event's
mark. A delivery's key is made of event, channel and recipient, so planning twice makes no second one. Sending is
``core.notification_dispatch``. Nothing of training leaves the house: there only the screen is told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid5

from psycopg.types.json import Jsonb
from sqlalchemy import bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.types import Integer

from core import after_sale, contacts, job_failures, notification_routes, policy
from core.after_sale import SoldBooking, SoldTicket
from core.database import Statement, Transaction
from core.errors import CounterError, NotFound, StateConflict
from core.keys import sealed_in
from core.models import DomainEvent, Notification, NotificationDelivery, Payment, Refund, Terminal, Ticket
from core.notification_catalogue import CUSTOMER, EVENTS, OUTWARD, Kind, filed_under, render
from core.notification_routes import Configuration
from core.office import Office
from core.states import LIVE_TICKET

_BATCH: Final = 200
#: Of which the keys of deliveries are made.
_KEYS: Final = UUID("6f9a2f0e-52f1-4c0b-9a53-6f0f3f3f5a10")
_PENDING: Final = Statement(
    select(DomainEvent)
    .where(DomainEvent.operator_id == bindparam("operator_id"), text("domain_events.processing_status = 'pending'"))
    .order_by(DomainEvent.id)
    .limit(_BATCH)
    .with_for_update(skip_locked=True)
)
_MARK: Final = Statement(
    update(DomainEvent)
    .where(
        DomainEvent.operator_id == bindparam("operator_id"),
        DomainEvent.id == func.any(bindparam("ids", type_=ARRAY(PG_UUID))),
    )
    .values(processing_status=bindparam("outcome"))
)
_DELIVERY: Final = (
    *("operator_id", "id", "event_id", "event_type", "channel", "recipient", "recipient_digest", "template"),
    *("language", "params", "next_try_at"),
)
_DELIVER: Final = Statement(
    insert(NotificationDelivery).values({name: bindparam(name) for name in _DELIVERY}).on_conflict_do_nothing()
)
_TELL: Final = Statement(
    insert(Notification)
    .values(
        operator_id=bindparam("operator_id"),
        id=bindparam("id"),
        user_id=bindparam("user_id"),
        notification_type=bindparam("filed"),
        title=bindparam("title"),
        message=bindparam("message"),
        details=bindparam("details"),
        sent_at=bindparam("now"),
    )
    .on_conflict_do_nothing()
)
#: Those of the station, of every station, or else every administrator; as core.models.sign_in_guards tells them.
_SUPERVISORS: Final = Statement(
    text(
        "SELECT u.id FROM users u WHERE u.operator_id = :operator_id AND u.is_active"
        " AND u.role IN ('supervisor', 'admin') AND u.id IS DISTINCT FROM :asker"
        " AND (NOT EXISTS (SELECT FROM user_stations s WHERE s.operator_id = u.operator_id AND s.user_id = u.id)"
        " OR EXISTS (SELECT FROM user_stations s WHERE s.operator_id = u.operator_id AND s.user_id = u.id"
        " AND s.station_id = :station))"
    ).bindparams(bindparam("asker", type_=PG_UUID), bindparam("station", type_=Integer))
)
_STATION: Final = Statement(
    select(Terminal.station_id).where(
        Terminal.operator_id == bindparam("operator_id"), Terminal.id == bindparam("terminal_id", type_=Integer)
    )
)
_OF_REFUND: Final = Statement(
    select(Payment.booking_id)
    .join(Refund, (Refund.operator_id == Payment.operator_id) & (Refund.payment_id == Payment.id))
    .where(Refund.operator_id == bindparam("operator_id"), Refund.id == bindparam("refund_id"))
)
#: Who had a ticket when it happened, whatever became of it since.
_OF_SCHEDULE: Final = Statement(
    select(Ticket.booking_id)
    .where(
        Ticket.operator_id == bindparam("operator_id"),
        Ticket.schedule_id == bindparam("schedule_id", type_=Integer),
        Ticket.ticket_status.in_(LIVE_TICKET) | (Ticket.closed_at >= bindparam("at")),
    )
    .distinct()
    .order_by(Ticket.booking_id)
)


@dataclass(frozen=True, slots=True)
class Planned:
    """How many events were looked at, and how many of them could not be read."""

    events: int
    failed: int


def plan(office: Office) -> Planned:
    """Plan what is to be told of a batch of pending events; call again while there were events.

    Several may plan at once: an event somebody looks at is passed over.
    """

    def work(tx: Transaction) -> Planned:
        rows, configured, asked = tx.send(_PENDING), notification_routes.ask(tx), policy.ask(tx)
        events, told = rows.all(), notification_routes.read(configured)
        oldest = tx.now - timedelta(hours=asked.read().get(policy.NOTIFICATION_HOURS))
        failed = []
        for event in events:
            kind = EVENTS.get(event.event_type)
            if kind is None or event.created_at < oldest:
                continue
            try:
                _Planning(tx, office, event, kind, told).run()
            except CounterError as error:
                failed.append(event.id)
                context = {"event_type": event.event_type, "code": error.reason}
                job_failures.record(tx, "notification_plan", str(event.id), error.message, context)
        done = [event.id for event in events if event.id not in failed]
        for ids, outcome in ((done, "processed"), (failed, "failed")):
            if ids:
                tx.send(_MARK, ids=ids, outcome=outcome)
        return Planned(len(events), len(failed))

    return office.database.transaction(work, statement_timeout=60.0)


@dataclass(frozen=True)
class _Planning:
    """One event being planned."""

    tx: Transaction
    office: Office
    event: Any
    kind: Kind
    configured: Collection[Configuration]

    def run(self) -> None:
        if self.kind.audience == CUSTOMER:
            for sold, trip, facts in self._concerned():
                self._tell_customer(sold, trip, facts)
        else:
            self._tell_staff()

    def _concerned(self) -> Iterator[tuple[SoldBooking, SoldTicket, dict[str, Any]]]:
        """The bookings an event is about, with the ticket it is about first and what there is to say."""
        event, network = self.event, self.office.network()
        schedule = int(event.entity_id) if event.entity_type == "schedules" else None
        for booking_id in self._bookings():
            try:
                sold = after_sale.look(self.tx, network, booking_id)
            except (StateConflict, NotFound):  # not sold yet: the sale itself will say it
                continue
            mine = [one for one in sold.tickets if schedule in (None, one.journey.schedule_id)]
            mine = sorted(mine, key=lambda one: (not one.is_live, -one.serial))
            if event.event_type == "schedule.stop_skipped":
                mine = [one for one in mine if one.journey.status == "cancelled"]
            if mine:
                yield sold, mine[0], self._facts(sold, mine[0])

    def _bookings(self) -> list[UUID]:
        event = self.event
        if event.entity_type == "bookings":
            return [UUID(event.entity_id)]
        if event.entity_type == "refunds":
            return [UUID(str(key)) for key in self.tx.send(_OF_REFUND, refund_id=event.entity_id).scalars()]
        rows = self.tx.send(_OF_SCHEDULE, schedule_id=int(event.entity_id), at=event.created_at)
        return [UUID(str(key)) for key in rows.scalars()]

    def _facts(self, sold: SoldBooking, ticket: SoldTicket) -> dict[str, Any]:
        trip, payload = ticket.journey, self.event.payload
        return {
            "booking": sold.number,
            "train": trip.train.number,
            "train_name": trip.train.name,
            "origin": trip.origin.code,
            "destination": trip.destination.code,
            "departs": trip.departs_at.isoformat(),
            "passengers": len(sold.passengers),
            "amount": payload.get("amount", sold.final_amount),
            "reference": payload.get("reference"),
            "minutes": payload.get("delay_minutes", trip.delay_minutes),
            "reason": payload.get("reason"),
            "skipped": ", ".join(payload.get("skipped_stops", ())),
        }

    def _tell_customer(self, sold: SoldBooking, ticket: SoldTicket, facts: dict[str, Any]) -> None:
        ways = notification_routes.routes(self.configured, self.event.event_type, **ticket.place)
        if not ways:
            return
        known = contacts.of(self.tx, self.office.keys, sold.id)
        about = str(sold.id) if self.kind.once == "booking" else f"{self.event.id} {sold.id}"
        for way in ways:
            if way.channel == "screen":
                if known.customer is not None:
                    self._show(known.customer, way, facts, about)
            else:
                self._deliver(way, way.to or known.by(way.channel), facts, about)

    def _tell_staff(self) -> None:
        event = self.event
        if event.event_type == "job.failed" and not event.payload.get("critical"):
            return  # they are on the list of failures; a dead channel is not told of by itself, and not 600 times
        station = self.tx.send(_STATION, terminal_id=event.terminal_id).scalar()
        facts = {"amount": None, **event.payload}
        for way in notification_routes.routes(self.configured, event.event_type, station_id=station, train_id=None):
            if way.channel != "screen":
                self._deliver(way, way.to, facts, str(event.id))
                continue
            for user_id in self.tx.send(_SUPERVISORS, asker=event.user_id, station=station).scalars():
                self._show(user_id, way, facts, str(event.id))

    def _deliver(self, way: Configuration, recipient: str | None, facts: dict[str, Any], about: str) -> None:
        if recipient is None or way.channel not in OUTWARD or self.office.operator.is_training:
            return
        keys = self.office.keys
        digest = keys.digest(recipient)
        delivery = uuid5(_KEYS, f"{self.tx.operator_id} {self.kind.template} {about} {way.channel} {digest.hex()}")
        self.tx.send(
            _DELIVER,
            id=delivery,
            event_id=self.event.id,
            event_type=self.event.event_type,
            channel=way.channel,
            recipient=keys.encrypt(recipient, sealed_in("notification_deliveries.recipient", delivery)),
            recipient_digest=digest,
            template=self.kind.template,
            language=way.language,
            params=Jsonb(facts),
            next_try_at=self.tx.now,
        )

    def _show(self, user_id: UUID, way: Configuration, facts: dict[str, Any], about: str) -> None:
        words = render(self.kind.template, way.language, facts, self.office.operator.currency)
        self.tx.send(
            _TELL,
            id=uuid5(_KEYS, f"{self.tx.operator_id} {self.kind.template} {about} screen {user_id}"),
            user_id=user_id,
            filed=filed_under(self.event.event_type),
            title=words.subject,
            message=words.body,
            details=Jsonb({"event_type": self.event.event_type, "entity_id": self.event.entity_id}),
            now=self.tx.now,
        )
