"""How the people of a booking are reached: a phone number, an e-mail address, sealed, or the account it belongs to.

Left at the counter, before or after the sale. The confirmation goes out once for each way that is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.dialects.postgresql import BYTEA

from core import after_sale
from core.database import Actor, Statement, Transaction
from core.errors import UsageError
from core.keys import KeyRing, sealed_in
from core.models import Booking, User
from core.office import Office
from core.permissions import require
from core.personal_data import normalize_mail, normalize_phone

_OF: Final = Statement(
    select(
        *(Booking.id, Booking.contact_phone, Booking.contact_email),
        *(User.id.label("customer"), User.email, User.phone_number),
    )
    .outerjoin(User, (User.operator_id == Booking.operator_id) & (User.id == Booking.user_id) & User.is_active)
    .where(Booking.operator_id == bindparam("operator_id"), Booking.id == bindparam("booking_id"))
)
_LEAVE: Final = Statement(
    update(Booking)
    .where(Booking.operator_id == bindparam("operator_id"), Booking.id == bindparam("booking_id"))
    .values(
        contact_phone=func.coalesce(bindparam("phone", type_=BYTEA), Booking.contact_phone),
        contact_phone_digest=func.coalesce(bindparam("phone_digest", type_=BYTEA), Booking.contact_phone_digest),
        contact_email=func.coalesce(bindparam("email", type_=BYTEA), Booking.contact_email),
        contact_email_digest=func.coalesce(bindparam("email_digest", type_=BYTEA), Booking.contact_email_digest),
        updated_at=func.now(),
    )
)


@dataclass(frozen=True, slots=True)
class Contacts:
    """Ways to somebody, opened. ``customer`` is the account, who can be told on a screen of his own."""

    phone: str | None
    email: str | None
    customer: UUID | None

    def by(self, channel: str) -> str | None:
        """The address for a channel, if it is known."""
        if channel == "screen":
            return None if self.customer is None else str(self.customer)
        return self.email if channel == "email" else self.phone


def of(tx: Transaction, keys: KeyRing, booking_id: UUID) -> Contacts:
    """How the people of a booking are reached: what was left with it, else the account's.

    Raises:
        IntegrityFailure: a sealed value cannot be read.
    """
    row = tx.send(_OF, booking_id=booking_id).first()
    if row is None:
        return Contacts(None, None, None)

    def opened(own: str, account: str) -> str | None:
        for table, name, key in (("bookings", own, row.id), ("users", account, row.customer)):
            sealed: Any = getattr(row, name)
            if sealed:
                return keys.decrypt(bytes(sealed), sealed_in(f"{table}.{name}", key))
        return None

    return Contacts(opened("contact_phone", "phone_number"), opened("contact_email", "email"), row.customer)


def require_usable(phone: str | None, email: str | None) -> None:
    """
    Raises:
        UsageError: this is no phone number or e-mail address (code ``person_unclear``).
    """
    if phone:
        normalize_phone(phone)
    if email:
        normalize_mail(email)


def leave(
    office: Office, actor: Actor, booking_number: str, *, phone: str | None = None, email: str | None = None
) -> None:
    """Keep how the people of a booking are reached; what was there before of the same kind gives way.

    Raises:
        NotPermitted: the role may not sell.
        NotFound: no such booking.
        UsageError: neither is given (``contact_missing``), or it is no number or address.
    """
    require(actor, "sell")
    if not phone and not email:
        raise UsageError("Give a phone number or an e-mail address.", code="contact_missing", hint="--phone, --email")
    number = normalize_phone(phone) if phone else None
    address = normalize_mail(email) if email else None

    def write(tx: Transaction) -> None:
        booking_id = after_sale.booking_id_of(tx, booking_number)
        tx.send(
            _LEAVE,
            booking_id=booking_id,
            phone=_seal(office.keys, number, "contact_phone", booking_id),
            phone_digest=office.keys.digest(number) if number else None,
            email=_seal(office.keys, address, "contact_email", booking_id),
            email_digest=office.keys.digest(address) if address else None,
        )
        left = {"phone": number is not None, "email": address is not None}
        tx.audit("update", "bookings", booking_id, new={"contact": left})
        tx.event("booking.contact_left", "bookings", booking_id, left)

    office.database.transaction(write, actor=actor)


def _seal(keys: KeyRing, value: str | None, column: str, booking_id: UUID) -> bytes | None:
    return None if value is None else keys.encrypt(value, sealed_in(f"bookings.{column}", booking_id))
