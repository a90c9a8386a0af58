"""Customers with an account, for a web shop or a counter that knows its regulars: who they are and what they bought.

A customer is a user of role ``customer``: known by e-mail address and password, never by a staff number. Address and
phone number are sealed, a keyed digest finds them. Whoever is signed in as a customer sees and changes what is his own;
staff who sell may look after any, which is on record.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, TypedDict
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import Date, Text, bindparam, func, insert, select, update
from sqlalchemy.dialects.postgresql import BYTEA, JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from uuid_utils.compat import uuid7

from core import pins, staff
from core.database import Actor, Statement, Transaction, on_violation
from core.errors import NotFound, NotPermitted, Refused, StateConflict, UsageError
from core.identity import normalize_name
from core.keys import sealed_in
from core.models import Booking, Schedule, Train, User, UserProfile
from core.models.people import GENDERS
from core.office import Office
from core.permissions import allowed, require
from core.personal_data import normalize_mail, normalize_phone
from core.staff import Credentials, SignIn
from core.terminals import TerminalInfo
from core.wording import one_line

_LINK_HOURS: Final = 48
_MOST_PREFERENCES: Final = 4_000
_PAGE: Final = 100
_LONGEST_LINE: Final = 200


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer as he may see himself; ``preferences`` are the shop's to name."""

    id: UUID
    email: str
    full_name: str
    phone_number: str | None
    date_of_birth: date | None
    gender: str | None
    is_verified: bool
    is_active: bool
    address: str | None
    city: str | None
    province: str | None
    postal_code: str | None
    preferences: Mapping[str, Any]
    created_at: datetime

    def as_json(self) -> dict[str, Any]:
        """The customer as commands print it; who asks for it is on record."""
        said = {name: getattr(self, name) for name in self.__slots__}
        told = (UUID, date, datetime)
        return {name: str(value) if isinstance(value, told) else value for name, value in said.items()}


@dataclass(frozen=True, slots=True)
class Purchase:
    """A line of a customer's history; ``amount`` in minor units."""

    booking_number: str
    status: str
    train_number: str
    departs_on: date
    amount: int
    passengers: int
    booked_at: datetime

    def as_json(self) -> dict[str, Any]:
        return {
            "booking_number": self.booking_number,
            "status": self.status,
            "train_number": self.train_number,
            "departs_on": self.departs_on.isoformat(),
            "amount": self.amount,
            "passengers": self.passengers,
            "booked_at": self.booked_at.astimezone(UTC).isoformat(),
        }


class Changes(TypedDict, total=False):
    """What may be changed; what is left out stays, None takes it away."""

    full_name: str
    phone_number: str | None
    date_of_birth: date | None
    gender: str | None
    address: str | None
    city: str | None
    province: str | None
    postal_code: str | None
    preferences: Mapping[str, Any]


_PLACES: Final = ("city", "province", "postal_code")
_LINES: Final = ("address", *_PLACES)

on_violation(
    "uq_users_operator_id_email_digest",
    lambda: StateConflict("There is an account of this address already.", code="customer_exists", hint="Sign in."),
)

_INSERT: Final = Statement(
    insert(User).values(
        {
            name: bindparam(name)
            for name in (
                *("operator_id", "id", "email", "email_digest", "password_hash", "full_name", "phone_number"),
                *("phone_digest", "date_of_birth", "gender"),
            )
        }
        | {"role": "customer"}
    )
)
_MINE: Final = (User.operator_id == bindparam("operator_id")) & (User.role == "customer") & User.erased_at.is_(None)
_READ: Final = (
    select(
        *(User.id, User.email, User.email_digest, User.full_name, User.phone_number, User.date_of_birth, User.gender),
        *(User.is_verified, User.is_active, User.created_at),
        *(UserProfile.address, UserProfile.city, UserProfile.province, UserProfile.postal_code),
        *(UserProfile.preferences, UserProfile.id.label("profile_id")),
    )
    .outerjoin(UserProfile, (UserProfile.operator_id == User.operator_id) & (UserProfile.user_id == User.id))
    .where(_MINE)
)
_BY_ID: Final = Statement(_READ.where(User.id == bindparam("customer")))
_BY_MAIL: Final = Statement(_READ.where(User.email_digest == bindparam("digest")))
_PERSON: Final = Statement(
    update(User)
    .where(_MINE, User.id == bindparam("customer"))
    .values(
        full_name=bindparam("full_name", type_=Text),
        phone_number=bindparam("phone", type_=BYTEA),
        phone_digest=bindparam("phone_digest", type_=BYTEA),
        date_of_birth=bindparam("born", type_=Date),
        gender=bindparam("gender_known_as", type_=Text),
        updated_at=func.now(),
    )
)
_STATE: Final = Statement(
    update(User)
    .where(_MINE, User.id == bindparam("customer"))
    .values(is_verified=bindparam("verified"), is_active=bindparam("active"), updated_at=func.now())
)
_profile: Final = upsert(UserProfile).values(
    operator_id=bindparam("operator_id"),
    id=bindparam("profile"),
    user_id=bindparam("customer"),
    address=bindparam("address", type_=BYTEA),
    **{name: bindparam(name, type_=Text) for name in _PLACES},
    preferences=bindparam("preferences", type_=JSONB),
)
_PROFILE: Final = Statement(
    _profile.on_conflict_do_update(
        index_elements=["operator_id", "user_id"],
        set_={name: getattr(_profile.excluded, name) for name in (*_LINES, "preferences")} | {"updated_at": func.now()},
    )
)
_HISTORY: Final = Statement(
    select(
        *(Booking.booking_number, Booking.status, Train.train_number, Schedule.departure_date, Booking.final_amount),
        *(Booking.passenger_count, Booking.booking_date),
    )
    .join(Schedule, (Schedule.operator_id == Booking.operator_id) & (Schedule.id == Booking.schedule_id))
    .join(Train, (Train.operator_id == Schedule.operator_id) & (Train.id == Schedule.train_id))
    .where(Booking.operator_id == bindparam("operator_id"), Booking.user_id == bindparam("customer"))
    .order_by(Booking.booking_date.desc())
    .limit(_PAGE)
)
_ATTACH: Final = Statement(
    update(Booking)
    .where(
        Booking.operator_id == bindparam("operator_id"),
        Booking.booking_number == bindparam("number"),
        Booking.user_id.is_(None) | (Booking.user_id == bindparam("customer")),
    )
    .values(user_id=bindparam("customer"), updated_at=func.now())
    .returning(Booking.id)
)


def register(
    office: Office,
    actor: Actor,
    email: str,
    password: str,
    full_name: str,
    *,
    phone_number: str | None = None,
    date_of_birth: date | None = None,
    gender: str | None = None,
) -> Customer:
    """Open an account. It is verified later, by the link that is sent to the address (``verification_link``).

    Args:
        actor: who does it; for a shop where customers do it themselves, ``NOBODY`` at its terminal.

    Raises:
        UsageError: no address, phone number or gender.
        Refused: a weak password (``password_weak``), or an address that has an account (``customer_exists``).
    """
    address = normalize_mail(email)
    pins.require_good_password(password, address, full_name)
    name, phone = normalize_name(full_name), None if phone_number is None else normalize_phone(phone_number)
    _require_gender(gender)
    customer_id, kept, seal = uuid7(), pins.keep(password), office.keys.encrypt

    def write(tx: Transaction) -> Customer:
        tx.send(
            _INSERT,
            id=customer_id,
            email=seal(address, sealed_in("users.email", customer_id)),
            email_digest=office.keys.digest(address),
            password_hash=kept,
            full_name=name,
            phone_number=seal(phone, sealed_in("users.phone_number", customer_id)) if phone else None,
            phone_digest=office.keys.digest(phone) if phone else None,
            date_of_birth=date_of_birth,
            gender=gender,
        )
        tx.audit("create", "users", customer_id, new={"role": "customer"})
        tx.event("customer.registered", "users", customer_id, {})
        return _read(office, tx, _BY_ID, customer=customer_id)

    return office.database.transaction(write, actor=actor)


def sign_in(office: Office, terminal: TerminalInfo, email: str, password: str, *, program: str) -> SignIn:
    """A customer's session; failures count, lock and are told of as those of staff.

    Raises:
        NotSignedIn: address and password do not fit, or the account is locked.
    """
    digest = office.keys.digest(normalize_mail(email))
    return staff.enter(office, terminal, Credentials(password, mail_digest=digest), program=program, interactive=False)


def change_password(office: Office, terminal: TerminalInfo, email: str, old: str, new: str) -> None:
    """
    Raises:
        NotSignedIn: address and old password do not fit.
        Refused: the new one is weak (``password_weak``) or the old one (``pin_not_new``).
    """
    address = normalize_mail(email)
    who = Credentials(old, mail_digest=office.keys.digest(address))
    staff.change_secret(office, terminal, who, new, check=lambda: pins.require_good_password(new, address))


def verification_link(office: Office, customer: Customer, now: datetime) -> str:
    """What proves that somebody reads the mail of that address: to be sent there, good for two days."""
    until = int((now + timedelta(hours=_LINK_HOURS)).timestamp())
    said = f"{customer.id}.{until}"
    return f"{said}.{_signed(office, said, customer.email)}"


def _signed(office: Office, said: str, email: str) -> str:
    return base64.urlsafe_b64encode(office.keys.digest(f"verification {said} {email}")[:18]).decode()


def verify(office: Office, actor: Actor, link: str) -> Customer:
    """Note that the address is the customer's own.

    Raises:
        Refused: the link is no such one, too old, or of an address that was changed since (code ``link_invalid``).
    """
    said, _, signature = link.strip().rpartition(".")
    customer_id, _, until = said.partition(".")
    try:
        key, over = UUID(customer_id), datetime.fromtimestamp(int(until), UTC)
    except (ValueError, OverflowError, OSError):
        raise _invalid_link() from None

    def write(tx: Transaction) -> Customer:
        try:
            found = _read(office, tx, _BY_ID, customer=key)
        except NotFound:
            raise _invalid_link() from None
        if not hmac.compare_digest(_signed(office, said, found.email), signature) or tx.now > over:
            raise _invalid_link()
        if not found.is_verified:
            tx.send(_STATE, customer=key, verified=True, active=found.is_active)
            tx.audit("update", "users", key, old={"is_verified": False}, new={"is_verified": True})
        return _read(office, tx, _BY_ID, customer=key)

    return office.database.transaction(write, actor=actor)


def _invalid_link() -> Refused:
    return Refused("This link does not verify an address.", code="link_invalid", hint="Ask for a new one.")


def find(office: Office, actor: Actor, email: str) -> Customer:
    """
    Raises:
        NotFound: no account of this address.
        NotPermitted: somebody else's, and not for those who sell.
    """
    digest = office.keys.digest(normalize_mail(email))

    def read(tx: Transaction) -> Customer:
        found = _read(office, tx, _BY_MAIL, digest=digest)
        _require_own(actor, found.id)
        tx.audit("view", "users", found.id, new={"seen": "account"})
        return found

    return office.database.transaction(read, actor=actor)


def change(office: Office, actor: Actor, customer_id: UUID, changes: Changes) -> Customer:
    """Change what a customer said of himself.

    Raises:
        NotPermitted: somebody else's, and not for those who sell.
        UsageError, Refused: a value that is none of its kind.
    """
    _require_own(actor, customer_id)

    def write(tx: Transaction) -> Customer:
        before = _read(office, tx, _BY_ID, customer=customer_id)
        after = _changed(before, changes)
        phone = after["phone_number"]
        tx.send(
            _PERSON,
            customer=customer_id,
            full_name=after["full_name"],
            phone=office.keys.encrypt(phone, sealed_in("users.phone_number", customer_id)) if phone else None,
            phone_digest=office.keys.digest(phone) if phone else None,
            born=after["date_of_birth"],
            gender_known_as=after["gender"],
        )
        # A sealed value is bound to its row, so the row keeps its key.
        row, address = tx.send(_BY_ID, customer=customer_id).first(), after["address"]
        profile = uuid7() if row is None or row.profile_id is None else row.profile_id
        tx.send(
            _PROFILE,
            profile=profile,
            customer=customer_id,
            address=office.keys.encrypt(address, sealed_in("user_profiles.address", profile)) if address else None,
            **{name: after[name] for name in _PLACES},
            preferences=Jsonb(after["preferences"]),
        )
        tx.audit("update", "users", customer_id, new={"changed": sorted(changes)})
        return _read(office, tx, _BY_ID, customer=customer_id)

    return office.database.transaction(write, actor=actor)


def _changed(before: Customer, changes: Changes) -> dict[str, Any]:
    after: dict[str, Any] = {
        name: getattr(before, name)
        for name in ("full_name", "phone_number", "date_of_birth", "gender", *_LINES, "preferences")
    }
    after |= changes
    after["full_name"] = normalize_name(after["full_name"])
    if after["phone_number"] is not None:
        after["phone_number"] = normalize_phone(after["phone_number"])
    _require_gender(after["gender"])
    for name in _LINES:
        after[name] = one_line(after[name], _LONGEST_LINE) or None if after[name] else None
    if len(json.dumps(after["preferences"])) > _MOST_PREFERENCES:
        raise UsageError("These are too many preferences.", hint=f"At most {_MOST_PREFERENCES} characters as JSON.")
    return after


def set_active(office: Office, actor: Actor, customer_id: UUID, active: bool) -> Customer:
    """Close an account, or open it again; what was bought stays on record.

    Raises:
        NotPermitted: not for those who sell.
    """
    require(actor, "sell")

    def write(tx: Transaction) -> Customer:
        before = _read(office, tx, _BY_ID, customer=customer_id)
        tx.send(_STATE, customer=customer_id, verified=before.is_verified, active=active)
        tx.audit("update", "users", customer_id, old={"is_active": before.is_active}, new={"is_active": active})
        return _read(office, tx, _BY_ID, customer=customer_id)

    return office.database.transaction(write, actor=actor)


def attach(office: Office, actor: Actor, customer_id: UUID, booking_number: str) -> None:
    """Put a booking into a customer's history.

    Raises:
        NotFound: no such customer or booking, or it is in somebody else's.
    """
    require(actor, "sell")

    def write(tx: Transaction) -> None:
        _read(office, tx, _BY_ID, customer=customer_id)
        booking_id = tx.send(_ATTACH, number=booking_number.strip().upper(), customer=customer_id).scalar()
        if booking_id is None:
            raise NotFound("There is no such booking to be added.", code="unknown_booking", hint="Check the number.")
        tx.audit("update", "bookings", booking_id, new={"customer": str(customer_id)})
        tx.event("booking.contact_left", "bookings", booking_id, {"account": True})

    office.database.transaction(write, actor=actor)


def history(office: Office, actor: Actor, customer_id: UUID) -> list[Purchase]:
    """The newest hundred bookings of a customer.

    Raises:
        NotPermitted: somebody else's, and not for those who sell.
    """
    _require_own(actor, customer_id)

    def read(tx: Transaction) -> list[Purchase]:
        found = [Purchase(*row) for row in tx.send(_HISTORY, customer=customer_id).all()]
        tx.audit("view", "users", customer_id, new={"seen": "history", "rows": len(found)})
        return found

    return office.database.transaction(read, actor=actor)


def _require_own(actor: Actor, customer_id: UUID) -> None:
    if actor.user_id == customer_id or allowed(actor, "sell"):
        return
    raise NotPermitted("This is somebody else's account.", hint="Sign in with your own.")


def _require_gender(gender: str | None) -> None:
    if gender is not None and gender not in GENDERS:
        raise UsageError(f"{gender[:20]!r} is no gender on record.", hint=f"One of: {', '.join(GENDERS)}.")


def _read(office: Office, tx: Transaction, statement: Statement, **wanted: Any) -> Customer:
    row = tx.send(statement, **wanted).first()
    if row is None:
        raise NotFound("There is no such account.", code="unknown_customer", hint="Check the address.")
    open_, phone, address = office.keys.decrypt, row.phone_number, row.address
    return Customer(
        id=row.id,
        email=open_(bytes(row.email), sealed_in("users.email", row.id)),
        full_name=row.full_name,
        phone_number=open_(bytes(phone), sealed_in("users.phone_number", row.id)) if phone is not None else None,
        date_of_birth=row.date_of_birth,
        gender=row.gender,
        is_verified=row.is_verified,
        is_active=row.is_active,
        address=open_(bytes(address), sealed_in("user_profiles.address", row.profile_id)) if address else None,
        city=row.city,
        province=row.province,
        postal_code=row.postal_code,
        preferences=row.preferences or {},
        created_at=row.created_at,
    )
