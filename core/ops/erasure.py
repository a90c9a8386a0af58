"""Taking people out of the record: what accounting must keep stays, without who it was. The owner's job.

Bookings, payments, charges and tickets keep their numbers, amounts and journeys. Names become ``ERASED``; identity
numbers, contacts, dates of birth and the digests that would find them again are emptied (an emptied value has no
bytes, so that columns that must say something still do). Audit rows are never changed: they hold no such values.

No terminal's role may do this. Somebody asks and is put on record (``erase``), or time has passed
(``core.ops.retention``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Date, case, cast, delete, func, literal, or_, select, update

from core import keys, personal_data
from core.database import Actor
from core.errors import NotFound, Refused
from core.models import (
    Booking,
    BookingModification,
    BookingModificationStat,
    CallbackRequest,
    Entitlement,
    Fine,
    Notification,
    Operator,
    Passenger,
    Payment,
    PaymentQuestion,
    Refund,
    Ticket,
    User,
    UserProfile,
    UserSession,
)
from core.ops import own_keys
from core.ops.prepare import owning
from core.permissions import require
from core.personal_data import Person, Whereabouts
from core.states import LIVE_TICKET

ERASED: Final = "ERASED"
#: A train that left yesterday may still be under way.
_UNDER_WAY: Final = 1


@dataclass(frozen=True, slots=True)
class Erased:
    """How many rows no longer say who it was."""

    passengers: int = 0
    bookings: int = 0
    entitlements: int = 0
    customers: int = 0
    fines: int = 0
    requests: int = 0

    def __add__(self, other: Erased) -> Erased:
        return Erased(
            self.passengers + other.passengers,
            self.bookings + other.bookings,
            self.entitlements + other.entitlements,
            self.customers + other.customers,
            self.fines + other.fines,
            self.requests + other.requests,
        )

    def __bool__(self) -> bool:
        return self != Erased()

    def as_json(self) -> dict[str, int]:
        return asdict(self)


def erase(owner_url: str, folder: Path, actor: Actor, who: Person, *, dry_run: bool = False) -> Erased:
    """Take one person out of the record; doing it again finds nobody.

    Args:
        folder: the ring that says whose database this is.
        actor: signed in; goes on record.
        dry_run: only say what would be done.

    Raises:
        NotPermitted: not a supervisor or an administrator.
        NotFound: nothing is held about that person (code ``person_unknown``).
        Refused: a journey is still to come (``journey_to_come``), a sale is under way (``sale_under_way``), or money
            is (``refund_open``, ``fine_open``), or an answer is (``request_open``).
    """
    require(actor, "erase_personal_data")
    with owning(owner_url) as engine, engine.begin() as connection:
        operator_id, _issuer = own_keys.operator_of(connection, keys.load(folder))
        found = whereabouts(connection, operator_id, who)
        if not found:
            raise NotFound(
                "Nothing is held about this person.",
                code="person_unknown",
                hint="Check the number; what was erased before is not found again.",
            )
        _require_over(connection, operator_id, found)
        done = _count(connection, operator_id, found) if dry_run else erase_rows(connection, operator_id, found)
        if not dry_run:
            said = {"person": who.known_by, "erased": done.as_json()}
            own_keys.note(connection, operator_id, "delete", "people", who.pseudonym, said, actor.user_id)
    return done


def whereabouts(connection: Connection, operator_id: int, who: Person) -> Whereabouts:
    """The rows a person is in."""
    asked = personal_data.questions(operator_id, who)
    ids = {name: tuple(connection.execute(question).scalars()) for name, question in asked.items()}
    own = connection.execute(personal_data.own_bookings(operator_id, who, ids["customers"])).scalars()
    return Whereabouts(**ids, bookings=tuple(own))


def _bookings(operator_id: int, found: Whereabouts) -> Any:
    """Every booking the person travels on or answers for."""
    travels = select(Passenger.booking_id).where(
        Passenger.operator_id == operator_id, Passenger.id.in_(found.passengers)
    )
    return select(Booking.id).where(
        Booking.operator_id == operator_id, or_(Booking.id.in_(found.bookings), Booking.id.in_(travels))
    )


def _require_over(connection: Connection, operator_id: int, found: Whereabouts) -> None:
    bookings = _bookings(operator_id, found)
    zone = select(Operator.time_zone).where(Operator.id == operator_id).scalar_subquery()
    today = cast(func.timezone(zone, func.now()), Date)
    theirs = or_(Ticket.passenger_id.in_(found.passengers), Ticket.booking_id.in_(found.bookings))
    to_come = select(literal(1)).where(
        Ticket.operator_id == operator_id,
        theirs,
        Ticket.ticket_status.in_(LIVE_TICKET),
        Ticket.service_date >= today - _UNDER_WAY,
    )
    under_way = select(literal(1)).where(
        Booking.operator_id == operator_id, Booking.id.in_(bookings), Booking.status == "pending"
    )
    waits = select(literal(1)).where(
        CallbackRequest.operator_id == operator_id,
        CallbackRequest.id.in_(found.requests),
        CallbackRequest.resolved_at.is_(None),
    )
    owed = select(literal(1)).where(Fine.operator_id == operator_id, Fine.id.in_(found.fines), Fine.status == "open")
    refusals = [
        (waits, "request_open", "This person waits for an answer.", "Answer or cancel the request first."),
        (owed, "fine_open", "This person has not paid a fine.", "Take the money, or have it waived."),
        (to_come, "journey_to_come", "A journey of this person is still to come.", "Erase after it, or cancel it."),
        (under_way, "sale_under_way", "A sale with this person is under way.", "Finish it or give it up first."),
        *(
            (question, "refund_open", "Money of this person's bookings is still under way.", "Settle it first.")
            for question in open_money(operator_id, bookings)
        ),
    ]
    for question, code, message, hint in refusals:
        if connection.execute(question.limit(1)).first() is not None:
            raise Refused(message, code=code, hint=hint)


def open_money(operator_id: int, bookings: Any) -> list[Any]:
    """The questions whether money of these bookings is on its way, or a change of them is not finished."""
    paid = select(Payment.id).where(Payment.operator_id == operator_id, Payment.booking_id.in_(bookings))
    return [
        select(literal(1)).where(
            Refund.operator_id == operator_id, Refund.payment_id.in_(paid), Refund.refund_status != "completed"
        ),
        select(literal(1)).where(
            Payment.operator_id == operator_id,
            Payment.booking_id.in_(bookings),
            Payment.payment_status.in_(("pending", "processing")),
        ),
        select(literal(1)).where(
            BookingModification.operator_id == operator_id,
            BookingModification.booking_id.in_(bookings),
            BookingModification.status == "open",
            BookingModification.deleted_at.is_(None),
        ),
        select(literal(1)).where(
            PaymentQuestion.operator_id == operator_id,
            PaymentQuestion.payment_id.in_(paid),
            PaymentQuestion.resolved_at.is_(None),
        ),
    ]


def erase_rows(connection: Connection, operator_id: int, found: Whereabouts) -> Erased:
    """Take people out of these rows; those that are out already do not count."""
    return Erased(
        passengers=_passengers(connection, operator_id, found.passengers),
        bookings=_contacts(connection, operator_id, found.bookings),
        entitlements=_entitlements(connection, operator_id, found.entitlements),
        customers=_customers(connection, operator_id, found.customers),
        fines=_fines(connection, operator_id, found.fines),
        requests=_requests(connection, operator_id, found.requests),
    )


def _count(connection: Connection, operator_id: int, found: Whereabouts) -> Erased:
    """What ``erase_rows`` would do."""
    trial = connection.begin_nested()
    try:
        return erase_rows(connection, operator_id, found)
    finally:
        trial.rollback()


def _passengers(connection: Connection, operator_id: int, ids: Sequence[UUID]) -> int:
    mine = (Passenger.operator_id == operator_id) & Passenger.id.in_(ids) & Passenger.erased_at.is_(None)
    connection.execute(
        update(Ticket)
        .where(Ticket.operator_id == operator_id, Ticket.passenger_id.in_(ids), Ticket.exclusive_identity.is_not(None))
        .values(exclusive_identity=None)
    )
    _forget_money(connection, operator_id, ids)
    emptied = {
        column: case((Passenger.identity_number.is_not(None), nothing), else_=None)
        for column, nothing in (
            (Passenger.identity_number, literal(b"")),
            (Passenger.identity_digest, literal(b"")),
            (Passenger.identity_last_four, literal("")),
        )
    }
    return connection.execute(
        update(Passenger)
        .where(mine)
        .values(
            {
                **emptied,
                Passenger.passenger_name: ERASED,
                Passenger.passenger_dob: None,
                Passenger.gender: None,
                Passenger.special_requirements: {},
                Passenger.erased_at: func.now(),
            }
        )
    ).rowcount


def _forget_money(connection: Connection, operator_id: int, ids: Sequence[UUID]) -> None:
    """Where refunds of their bookings were transferred to, and how often they changed what they bought."""
    bookings = select(Passenger.booking_id).where(Passenger.operator_id == operator_id, Passenger.id.in_(ids))
    payments = select(Payment.id).where(Payment.operator_id == operator_id, Payment.booking_id.in_(bookings))
    connection.execute(
        update(Refund)
        .where(Refund.operator_id == operator_id, Refund.payment_id.in_(payments), Refund.payout_account.is_not(None))
        .values(payout_account=None, updated_at=func.now())
    )
    digests = select(Passenger.identity_digest).where(Passenger.operator_id == operator_id, Passenger.id.in_(ids))
    still_known = select(Passenger.identity_digest).where(
        Passenger.operator_id == operator_id, Passenger.id.not_in(ids), Passenger.identity_digest.is_not(None)
    )
    connection.execute(
        delete(BookingModificationStat).where(
            BookingModificationStat.operator_id == operator_id,
            BookingModificationStat.customer.in_(digests),
            BookingModificationStat.customer.not_in(still_known),
        )
    )


def _contacts(connection: Connection, operator_id: int, ids: Sequence[UUID]) -> int:
    return connection.execute(
        update(Booking)
        .where(
            Booking.operator_id == operator_id,
            Booking.id.in_(ids),
            Booking.contact_phone.is_not(None) | Booking.contact_email.is_not(None),
        )
        .values(
            contact_phone=None,
            contact_phone_digest=None,
            contact_email=None,
            contact_email_digest=None,
            updated_at=func.now(),
        )
    ).rowcount


def _entitlements(connection: Connection, operator_id: int, ids: Sequence[UUID]) -> int:
    return connection.execute(
        update(Entitlement)
        .where(Entitlement.operator_id == operator_id, Entitlement.id.in_(ids), Entitlement.holder_name != ERASED)
        .values(
            holder_name=ERASED,
            identity_digest=b"",
            identity_last_four="",
            document_reference="",
            revoked_at=func.coalesce(Entitlement.revoked_at, func.now()),
            updated_at=func.now(),
        )
    ).rowcount


def _fines(connection: Connection, operator_id: int, ids: Sequence[UUID]) -> int:
    """Amounts, trains and how it ended stay for the books."""
    return connection.execute(
        update(Fine)
        .where(Fine.operator_id == operator_id, Fine.id.in_(ids), Fine.erased_at.is_(None))
        .values(
            person_name=ERASED,
            identity_number=None,
            identity_kind=None,
            identity_digest=b"",
            identity_last_four="",
            note=None,
            erased_at=func.now(),
            updated_at=func.now(),
        )
    ).rowcount


def _requests(connection: Connection, operator_id: int, ids: Sequence[UUID]) -> int:
    return connection.execute(
        update(CallbackRequest)
        .where(
            CallbackRequest.operator_id == operator_id, CallbackRequest.id.in_(ids), CallbackRequest.erased_at.is_(None)
        )
        .values(
            customer_name=ERASED,
            contact_phone=None,
            contact_phone_digest=None,
            note=ERASED,
            resolution=case((CallbackRequest.resolution.is_not(None), literal(ERASED)), else_=None),
            erased_at=func.now(),
            updated_at=func.now(),
        )
    ).rowcount


def _customers(connection: Connection, operator_id: int, ids: Sequence[UUID]) -> int:
    """Accounts stay as the customers of their bookings, with nobody behind them."""
    for model in (UserProfile, UserSession, Notification):
        connection.execute(delete(model).where(model.operator_id == operator_id, model.user_id.in_(ids)))
    connection.execute(
        delete(BookingModificationStat).where(
            BookingModificationStat.operator_id == operator_id,
            BookingModificationStat.customer.in_([one.bytes for one in ids]),
        )
    )
    return connection.execute(
        update(User)
        .where(User.operator_id == operator_id, User.id.in_(ids), User.role == "customer", User.erased_at.is_(None))
        .values(
            full_name=ERASED,
            email=None,
            email_digest=None,
            phone_number=None,
            phone_digest=None,
            date_of_birth=None,
            gender=None,
            password_hash=None,
            is_active=False,
            last_login=None,
            erased_at=func.now(),
            updated_at=func.now(),
        )
    ).rowcount
