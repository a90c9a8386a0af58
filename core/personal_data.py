"""What is held about one person: found by keyed digest, told as one JSON document, and every look put on the trail.

A person is known by an identity number, by a phone number, or as a customer by e-mail address. What belongs to others,
such as fellow passengers of a booking, is not told. Columns are told as they are stored, sealed ones opened; digests,
secrets and ticket codes say nothing about the person and are left out. Erasing is ``core.ops.erasure``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, false, or_, select

from core.database import Actor, Transaction
from core.errors import UsageError
from core.identity import mask, parse_identity
from core.keys import KeyRing, sealed_in
from core.models import (
    Booking,
    BookingCharge,
    CallbackRequest,
    CheckIn,
    Entitlement,
    Fine,
    Notification,
    Passenger,
    Payment,
    Refund,
    Schedule,
    Ticket,
    Train,
    User,
    UserProfile,
    UserSession,
)
from core.office import Office
from core.payments.card import shown_reference
from core.permissions import require

#: E.164: up to fifteen figures; shorter than eight is nobody's.
_PHONE: Final = re.compile(r"\+[1-9][0-9]{7,14}")
_MAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")
_HOME_COUNTRY: Final = "+62"
_UNTOLD: Final = re.compile(r"operator_id|password_hash|session_token|qr_code|exclusive_identity|.*_digest")


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a question is about: ``digest`` finds, ``masked`` may be shown and recorded."""

    known_by: Literal["identity", "phone", "customer"]
    digest: bytes
    masked: str

    @property
    def pseudonym(self) -> str:
        """Names this person on the audit trail, where the number itself has no place."""
        return f"{self.known_by} {self.digest.hex()[:16]}"


def person(
    keys: KeyRing, *, identity: str | None = None, phone: str | None = None, customer: str | None = None
) -> Person:
    """
    Raises:
        UsageError: not exactly one of them was given, or it is no number or address (code ``person_unclear``).
        Refused: this is no identity number.
    """
    if sum(one is not None for one in (identity, phone, customer)) != 1:
        raise UsageError(
            "A person is named by an identity number, a phone number or a customer's e-mail address.",
            code="person_unclear",
            hint="Give one of them.",
        )
    if identity is not None:
        number = parse_identity(identity).number
        return Person("identity", keys.digest(number), mask(number))
    if phone is not None:
        number = normalize_phone(phone)
        return Person("phone", keys.digest(number), mask(number))
    address = normalize_mail(customer or "")
    return Person("customer", keys.digest(address), f"{address[0]}…@{address.rpartition('@')[2]}")


def normalize_phone(text: str) -> str:
    """A phone number in E.164; one that begins with 0 is an Indonesian one.

    Raises:
        UsageError: it is none (code ``person_unclear``).
    """
    figures = re.sub(r"[\s().\-‐‑‒–—/]+", "", text[:60])
    if figures.startswith("00"):
        figures = f"+{figures[2:]}"
    elif figures.startswith("0"):
        figures = _HOME_COUNTRY + figures[1:]
    elif figures.startswith("62"):
        figures = f"+{figures}"
    if _PHONE.fullmatch(figures) is None:
        raise UsageError("This is no phone number.", code="person_unclear", hint="Such as 0812 3456 7890.")
    return figures


def normalize_mail(text: str) -> str:
    """An e-mail address as it is compared: without blanks around it, in lower case.

    Raises:
        UsageError: it is none (code ``person_unclear``).
    """
    address = text.strip().lower()
    if _MAIL.fullmatch(address) is None:
        raise UsageError("This is no e-mail address.", code="person_unclear", hint="Such as sari@example.org.")
    return address


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """The rows a person is in: as passenger, by entitlement, as a customer, who was fined or waits for an answer, and
    bookings that are the person's own."""

    passengers: tuple[UUID, ...]
    entitlements: tuple[UUID, ...]
    customers: tuple[UUID, ...]
    bookings: tuple[UUID, ...]
    fines: tuple[UUID, ...] = ()
    requests: tuple[UUID, ...] = ()

    def __bool__(self) -> bool:
        by_number = self.passengers or self.entitlements or self.fines or self.requests
        return bool(by_number or self.customers or self.bookings)


def questions(operator_id: int, who: Person) -> dict[str, Select[Any]]:
    """The statements that find a person; ``bookings`` takes the customers that were found, see ``own_bookings``."""
    by_identity, by_phone = who.known_by == "identity", who.known_by == "phone"
    contact = User.phone_digest if by_phone else User.email_digest
    return {
        "passengers": select(Passenger.id).where(
            Passenger.operator_id == operator_id, Passenger.identity_digest == who.digest if by_identity else false()
        ),
        "entitlements": select(Entitlement.id).where(
            Entitlement.operator_id == operator_id,
            Entitlement.identity_digest == who.digest if by_identity else false(),
        ),
        "customers": select(User.id).where(
            User.operator_id == operator_id,
            User.role == "customer",
            false() if by_identity else contact == who.digest,
        ),
        "fines": select(Fine.id).where(
            Fine.operator_id == operator_id, Fine.identity_digest == who.digest if by_identity else false()
        ),
        "requests": select(CallbackRequest.id).where(
            CallbackRequest.operator_id == operator_id,
            or_(
                CallbackRequest.contact_phone_digest == who.digest if by_phone else false(),
                false()
                if by_identity
                else CallbackRequest.user_id.in_(
                    select(User.id).where(
                        User.operator_id == operator_id, User.role == "customer", contact == who.digest
                    )
                ),
            ),
        ),
    }


def own_bookings(operator_id: int, who: Person, customers: Collection[UUID]) -> Select[Any]:
    """The bookings whose contact or customer the person is."""
    by_phone = Booking.contact_phone_digest == who.digest if who.known_by == "phone" else false()
    by_mail = Booking.contact_email_digest == who.digest if who.known_by == "customer" else false()
    return select(Booking.id).where(
        Booking.operator_id == operator_id, or_(by_phone, by_mail, Booking.user_id.in_(customers))
    )


def export(office: Office, actor: Actor, who: Person) -> dict[str, Any]:
    """Everything held about a person, as one JSON document; the look is on the audit trail.

    Raises:
        NotPermitted: not a supervisor or an administrator.
        IntegrityFailure: a sealed value cannot be read.
    """
    require(actor, "look_into_personal_data")

    def look(tx: Transaction) -> dict[str, Any]:
        teller = _Teller(tx, office.keys)
        rows = {name: tx.query(asked) for name, asked in questions(tx.operator_id, who).items()}
        ids = {name: tuple(row.id for row in found.all()) for name, found in rows.items()}
        own = tx.query(own_bookings(tx.operator_id, who, ids["customers"])).all()
        found = Whereabouts(**ids, bookings=tuple(row.id for row in own))
        held = teller.everything(found)
        counts = {table: len(rows) for table, rows in held.items()}
        tx.audit("view", "people", who.pseudonym, new={"person": who.masked, "shown": counts})
        return {
            "person": {"known_by": who.known_by, "value": who.masked},
            "operator": office.operator.code,
            "made_at": tx.now.astimezone(UTC).isoformat(),
            "made_by": actor.staff_number,
            "held": held,
        }

    return office.database.transaction(look, actor=actor)


class _Teller:
    """Reads rows of tables into JSON, sealed values opened."""

    def __init__(self, tx: Transaction, keys: KeyRing) -> None:
        self._tx, self._keys = tx, keys

    def everything(self, found: Whereabouts) -> dict[str, list[dict[str, Any]]]:
        passengers = self._rows(Passenger, Passenger.id.in_(found.passengers))
        tickets = self._rows(Ticket, Ticket.passenger_id.in_(found.passengers))
        numbers = [int(row["id"]) for row in tickets]
        travelled = [UUID(row["booking_id"]) for row in passengers]
        own = list(found.bookings)
        payments = [
            {**row, "external_reference": shown_reference(row["external_reference"])}
            for row in self._rows(Payment, Payment.booking_id.in_(own))
        ]
        return {
            "passengers": passengers,
            "tickets": [{**row, **self._departure(row)} for row in tickets],
            "checkins": self._rows(CheckIn, CheckIn.ticket_id.in_(numbers)),
            "bookings": [
                row if UUID(row["id"]) in found.bookings else _without_contact(row)
                for row in self._rows(Booking, Booking.id.in_([*travelled, *own]))
            ],
            "payments": payments,
            "refunds": self._rows(Refund, Refund.payment_id.in_([UUID(row["id"]) for row in payments])),
            "booking_charges": self._rows(
                BookingCharge,
                or_(BookingCharge.booking_id.in_(own), BookingCharge.passenger_id.in_(found.passengers)),
            ),
            "entitlements": self._rows(Entitlement, Entitlement.id.in_(found.entitlements)),
            "fines": [
                {**row, "external_reference": shown_reference(row["external_reference"])}
                for row in self._rows(Fine, Fine.id.in_(found.fines))
            ],
            "callback_requests": self._rows(CallbackRequest, CallbackRequest.id.in_(found.requests)),
            "users": self._rows(User, User.id.in_(found.customers)),
            "user_profiles": self._rows(UserProfile, UserProfile.user_id.in_(found.customers)),
            "user_sessions": self._rows(UserSession, UserSession.user_id.in_(found.customers)),
            "notifications": self._rows(Notification, Notification.user_id.in_(found.customers)),
        }

    def _rows(self, model: Any, condition: ColumnElement[bool]) -> list[dict[str, Any]]:
        table: Table = model.__table__
        told = [column for column in table.columns if _UNTOLD.fullmatch(column.name) is None]
        first = next(iter(table.primary_key.columns.values()[1:]))
        asked = select(*told).where(table.c.operator_id == self._tx.operator_id, condition).order_by(first)
        rows = self._tx.query(asked).all()
        return [{column.name: self._value(table, column, row) for column in told} for row in rows]

    def _value(self, table: Table, column: Any, row: Any) -> Any:
        value = getattr(row, column.name)
        if isinstance(value, (bytes, memoryview)):
            sealed = bytes(value)
            return self._keys.decrypt(sealed, sealed_in(f"{table.name}.{column.name}", row.id)) if sealed else None
        if isinstance(value, (datetime, date, time)):
            return value.isoformat()
        return str(value) if isinstance(value, UUID) else value

    def _departure(self, ticket: Mapping[str, Any]) -> dict[str, Any]:
        """Which train it was, in words."""
        of = select(Train.train_number, Train.train_name, Schedule.departs_at).join(
            Train, (Train.operator_id == Schedule.operator_id) & (Train.id == Schedule.train_id)
        )
        row = self._tx.query(
            of.where(Schedule.operator_id == self._tx.operator_id, Schedule.id == ticket["schedule_id"])
        ).first()
        if row is None:
            return {}
        return {"train": f"{row.train_number} {row.train_name}", "train_departs_at": row.departs_at.isoformat()}


def _without_contact(booking: dict[str, Any]) -> dict[str, Any]:
    """A booking the person travelled on, whose contact may be somebody else."""
    return {name: value for name, value in booking.items() if name not in ("contact_phone", "contact_email", "user_id")}
