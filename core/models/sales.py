"""What is sold: bookings, the seats they hold, their passengers, and tickets. The ticket is the journey."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    Index,
    Integer,
    Sequence,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base, Stamped, belongs_to, belongs_with, created_column, one_of, tenant_key
from core.models.people import GENDERS
from core.states import BOOKING, LIVE_TICKET, TICKET

PASSENGER_TYPES = ("adult", "child", "infant", "senior")
IDENTITY_KINDS = ("nik", "passport")

#: Serial numbers of tickets, shared by all operators of a database; the primary key of a ticket.
TICKET_SERIAL = Sequence("ticket_serial", start=1_000_001, metadata=Base.metadata)

#: The bits of the legs between two stops; the shifts stay inside a bigint even for all 63 legs.
_LEGS_FIT = "legs = (~ ((-1)::bigint << (to_stop - from_stop))) << from_stop"
_STRETCH_CHECKS = (
    ("from_stop >= 0 AND to_stop > from_stop AND to_stop <= 63", "goes_forward"),
    (_LEGS_FIT, "legs_fit_stops"),
)

_LIVE = "ticket_status IN ({})".format(", ".join(f"'{state}'" for state in LIVE_TICKET))


class Booking(Stamped, Base):
    __tablename__ = "bookings"
    __table_args__ = (
        UniqueConstraint("operator_id", "booking_number"),
        belongs_to("schedules", "schedule_id"),
        belongs_to("users", "user_id"),
        belongs_to("users", "sold_by"),
        belongs_to("terminals", "terminal_id"),
        one_of("status", BOOKING),
        CheckConstraint("final_amount = total_amount - discount_amount", name="amounts_add_up"),
        CheckConstraint("total_amount >= 0 AND discount_amount >= 0 AND final_amount >= 0", name="amounts_positive"),
        CheckConstraint("passenger_count > 0", name="somebody_travels"),
        CheckConstraint("status <> 'pending' OR expires_at IS NOT NULL", name="pending_expires"),
        CheckConstraint("(contact_phone IS NULL) = (contact_phone_digest IS NULL)", name="digest_beside_contact"),
        CheckConstraint("(contact_email IS NULL) = (contact_email_digest IS NULL)", name="digest_beside_email"),
        Index(
            "ix_bookings_contact",
            "operator_id",
            "contact_phone_digest",
            postgresql_where=text("contact_phone_digest IS NOT NULL"),
        ),
        Index("ix_bookings_customer", "operator_id", "user_id", postgresql_where=text("user_id IS NOT NULL")),
        Index(
            "ix_bookings_open_work",
            "operator_id",
            "terminal_id",
            postgresql_where=text("status = 'pending'"),
        ),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    booking_number: Mapped[str]
    user_id: Mapped[UUID | None] = mapped_column(comment="the customer, where one has an account")
    schedule_id: Mapped[int] = mapped_column(comment="the departure it was sold on; each ticket names its own")
    status: Mapped[str] = mapped_column(server_default="pending")
    total_amount: Mapped[int] = mapped_column(BigInteger, comment="fares and fees before discounts, minor units")
    discount_amount: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    final_amount: Mapped[int] = mapped_column(BigInteger, comment="as sold; later changes are on the ledger")
    passenger_count: Mapped[int] = mapped_column(SmallInteger)
    booking_details: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    contact_phone: Mapped[bytes | None] = mapped_column(comment="AES-GCM")
    contact_phone_digest: Mapped[bytes | None]
    sold_by: Mapped[UUID]
    terminal_id: Mapped[int]
    booking_date: Mapped[datetime] = created_column()
    expires_at: Mapped[datetime | None] = mapped_column(comment="a pending booking gives its seats back then")
    priced_at: Mapped[datetime | None] = mapped_column(sort_order=910, comment="its charges stand from then on")
    contact_email: Mapped[bytes | None] = mapped_column(sort_order=930, comment="AES-GCM")
    contact_email_digest: Mapped[bytes | None] = mapped_column(sort_order=931)


class SeatHold(Base):
    """Seats a pending booking has taken and not yet paid for; gone once it is confirmed or given up."""

    __tablename__ = "seat_holds"
    __table_args__ = (
        UniqueConstraint("operator_id", "booking_id"),
        belongs_to("bookings", "booking_id"),
        belongs_with("schedules", ("schedule_id", "service_date"), ("id", "departure_date")),
        belongs_to("train_classes", "class_id"),
        *(CheckConstraint(rule, name=name) for rule, name in _STRETCH_CHECKS),
        CheckConstraint("cardinality(seat_ids) > 0", name="holds_something"),
        CheckConstraint("seat_fare >= 0", name="seat_fare_not_negative"),
        Index(None, "operator_id", "schedule_id", "expires_at"),
        Index(None, "expires_at"),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    booking_id: Mapped[UUID]
    schedule_id: Mapped[int]
    service_date: Mapped[date]
    class_id: Mapped[int]
    from_stop: Mapped[int] = mapped_column(SmallInteger)
    to_stop: Mapped[int] = mapped_column(SmallInteger)
    legs: Mapped[int] = mapped_column(BigInteger, comment="the bits taken in seat_inventory.occupied")
    seat_ids: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    subclass: Mapped[str]
    seat_fare: Mapped[int] = mapped_column(BigInteger, comment="per seat, minor units, as shown when it was held")
    expires_at: Mapped[datetime]
    created_at: Mapped[datetime] = created_column()


class Passenger(Base):
    __tablename__ = "passengers"
    __table_args__ = (
        belongs_to("bookings", "booking_id"),
        one_of("passenger_type", PASSENGER_TYPES),
        one_of("identity_kind", IDENTITY_KINDS),
        one_of("gender", GENDERS),
        belongs_to("entitlements", "entitlement_id"),
        CheckConstraint(
            "(identity_number IS NULL) = (identity_digest IS NULL)"
            " AND (identity_number IS NULL) = (identity_last_four IS NULL)"
            " AND (identity_number IS NULL) = (identity_kind IS NULL)",
            name="identity_whole_or_absent",
        ),
        CheckConstraint("passenger_type = 'infant' OR identity_number IS NOT NULL", name="travellers_are_identified"),
        CheckConstraint("(passenger_type = 'infant') = (seat_id IS NULL)", name="all_but_infants_have_seats"),
        CheckConstraint("btrim(passenger_name) <> ''", name="name_not_blank"),
        CheckConstraint("ticket_price >= 0", name="ticket_price_not_negative"),
        belongs_to("seats", "seat_id"),
        UniqueConstraint("operator_id", "booking_id", "position"),
        UniqueConstraint("operator_id", "id", "booking_id"),
        Index(None, "operator_id", "identity_digest"),
        Index(
            "ix_passengers_name",  # for ranges of names, byte by byte whatever the database's language
            "operator_id",
            "passenger_name",
            postgresql_ops={"passenger_name": "text_pattern_ops"},
        ),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    booking_id: Mapped[UUID]
    position: Mapped[int] = mapped_column(SmallInteger, comment="order within the booking, from 1")
    passenger_name: Mapped[str]
    passenger_dob: Mapped[date | None]
    passenger_type: Mapped[str]
    identity_kind: Mapped[str | None]
    identity_number: Mapped[bytes | None] = mapped_column(comment="AES-GCM")
    identity_digest: Mapped[bytes | None] = mapped_column(comment="keyed digest, for look-up and the one-ticket rule")
    identity_last_four: Mapped[str | None]
    gender: Mapped[str | None]
    seat_id: Mapped[int | None] = mapped_column(comment="as sold; the live seat is on the ticket")
    ticket_price: Mapped[int] = mapped_column(BigInteger, comment="as sold, minor units")
    special_requirements: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    created_at: Mapped[datetime] = created_column()
    entitlement_id: Mapped[UUID | None] = mapped_column(sort_order=910, comment="what the reduction was given for")
    erased_at: Mapped[datetime | None] = mapped_column(
        sort_order=911, comment="when the person was taken out of the record"
    )


class Ticket(Stamped, Base):
    __tablename__ = "tickets"
    __table_args__ = (
        UniqueConstraint("operator_id", "ticket_number"),
        belongs_to("bookings", "booking_id"),
        belongs_with("passengers", ("passenger_id", "booking_id"), ("id", "booking_id")),
        belongs_with("schedules", ("schedule_id", "service_date"), ("id", "departure_date")),
        belongs_to("train_classes", "class_id"),
        belongs_with("seats", ("seat_id", "class_id"), ("id", "class_id")),
        belongs_to("tickets", "supersedes_id"),
        belongs_to("users", "checked_in_by"),
        belongs_to("entitlements", "entitlement_id"),
        one_of("ticket_status", TICKET),
        *(CheckConstraint(rule, name=name) for rule, name in _STRETCH_CHECKS),
        CheckConstraint("fare >= 0", name="fare_not_negative"),
        CheckConstraint("issue_no BETWEEN 1 AND 15", name="issue_no_fits_ticket_code"),
        CheckConstraint("ticket_status <> 'used' OR check_in_time IS NOT NULL", name="used_has_check_in"),
        Index(None, "operator_id", "booking_id"),
        Index(None, "operator_id", "schedule_id"),
        Index(
            "uq_tickets_one_live_per_passenger",
            "operator_id",
            "passenger_id",
            unique=True,
            postgresql_where=text(_LIVE),
        ),
        Index(
            "uq_tickets_one_per_identity",
            "operator_id",
            "schedule_id",
            "exclusive_identity",
            unique=True,
            postgresql_where=text(f"exclusive_identity IS NOT NULL AND {_LIVE}"),
        ),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False, comment="the ticket's serial")
    ticket_number: Mapped[str] = mapped_column(Computed("lpad(id::text, 12, '0')", persisted=True))
    booking_id: Mapped[UUID]
    passenger_id: Mapped[UUID]
    qr_code: Mapped[str] = mapped_column(comment="the signed code of the current issue")
    ticket_status: Mapped[str] = mapped_column(server_default="active")
    schedule_id: Mapped[int]
    service_date: Mapped[date]
    class_id: Mapped[int]
    seat_id: Mapped[int | None] = mapped_column(comment="null: an infant on a lap")
    from_stop: Mapped[int] = mapped_column(SmallInteger)
    to_stop: Mapped[int] = mapped_column(SmallInteger)
    legs: Mapped[int] = mapped_column(BigInteger, comment="the bits it holds in seat_inventory.occupied")
    subclass: Mapped[str]
    fare: Mapped[int] = mapped_column(BigInteger, comment="minor units")
    exclusive_identity: Mapped[bytes | None] = mapped_column(
        comment="the identity digest where only one ticket per identity and trip is allowed"
    )
    issue_no: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"), comment="older issues are dead")
    copies_printed: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"), comment="marked copies")
    supersedes_id: Mapped[int | None] = mapped_column(BigInteger)
    closed_reason: Mapped[str | None]
    closed_at: Mapped[datetime | None]
    check_in_time: Mapped[datetime | None]
    checked_in_by: Mapped[UUID | None]
    entitlement_id: Mapped[UUID | None] = mapped_column(
        sort_order=910, comment="the reduction's, re-checked at the gate"
    )
