"""The revocation list: what a gate that is cut off must refuse although its signature is good. Signed, and small.

One JSON object: the ``statement`` (whose list, made when, the ticket keys that were revoked, the tickets of departures
still to come that are no longer good), its ``signature`` by the ticket key ``key_id`` (``core.audit.signing`` says over
what). Nothing in it tells who travels. A gate reads it with ``read``, keeps the newest, and asks ``refuses`` for what
it scanned; what the list does not name it does not judge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import bindparam, or_, select

from core import key_states
from core.audit.signing import REVOCATIONS, is_signed, sign
from core.clock import local
from core.database import Statement, Transaction
from core.errors import IntegrityFailure
from core.models import Booking, Ticket
from core.office import Office
from core.states import LIVE_TICKET
from core.ticket_code import TicketPayload
from core.verdict import Outcome

#: The longest journey there is may have begun so many days ago.
_UNDER_WAY: Final = timedelta(days=2)
_BOOKING_CLOSED: Final = ("cancelled", "expired")
_OUTCOMES: Final = {
    "cancelled": Outcome.CANCELLED,
    "voided": Outcome.CANCELLED,
    "superseded": Outcome.SUPERSEDED,
    "expired": Outcome.DEPARTED,
}

_TICKETS: Final = Statement(
    select(
        Ticket.id.label("serial"),
        Ticket.issue_no,
        Ticket.ticket_status,
        Booking.status.label("booking_status"),
    )
    .join(Booking, (Booking.operator_id == Ticket.operator_id) & (Booking.id == Ticket.booking_id))
    .where(
        Ticket.operator_id == bindparam("operator_id"),
        Ticket.service_date >= bindparam("first_day"),
        or_(Ticket.ticket_status.not_in(LIVE_TICKET), Booking.status.in_(_BOOKING_CLOSED), Ticket.issue_no > 1),
    )
    .order_by(Ticket.id)
)


@dataclass(frozen=True, slots=True)
class Revocations:
    """A list whose signature was found good.

    Attributes:
        keys: ids of ticket keys whose tickets are not good.
        tickets: serial → (why it is not good, or None where only older issues are not; the issue that is not older).
    """

    issuer: str
    made_at: datetime
    keys: frozenset[int]
    tickets: Mapping[int, tuple[Outcome | None, int]]

    def refuses(self, payload: TicketPayload) -> Outcome | None:
        """Why a code whose signature is good is refused; None where this list says nothing against it."""
        if payload.key_id in self.keys:
            return Outcome.REVOKED
        closed, issue_no = self.tickets.get(payload.ticket_serial, (None, 0))
        if closed is not None:
            return closed
        return Outcome.DUPLICATE if payload.issue_no < issue_no else None


def make(office: Office) -> dict[str, Any]:
    """The list as of now, signed: a JSON object to be sent to gates.

    Raises:
        NotReady: this terminal's ring signs nothing (code ``no_signing_key``).
    """

    def look(tx: Transaction) -> tuple[datetime, list[Any], list[Any]]:
        first_day = local(tx.now, office.operator.time_zone).date() - _UNDER_WAY
        asked = tx.send(_TICKETS, first_day=first_day)
        return tx.now, key_states.read(tx), asked.all()

    key_id = office.keys.signing_key_id
    now, keys, tickets = office.database.transaction(look, statement_timeout=120)
    statement = {
        "issuer": office.operator.issuer,
        "made_at": now.astimezone(UTC).isoformat(timespec="microseconds"),
        "keys": sorted(row.key_id for row in keys if row.purpose == "ticket" and row.revoked_at is not None),
        "tickets": [_ticket(row) for row in tickets],
    }
    return {"statement": statement, "key_id": key_id, "signature": sign(office.keys, REVOCATIONS, statement).hex()}


def _ticket(row: Any) -> list[Any]:
    """Serial, issue, and its state where that is what is against it: lists are short, and there may be many of them."""
    if row.ticket_status not in LIVE_TICKET:
        return [row.serial, row.issue_no, row.ticket_status]
    return [row.serial, row.issue_no, "cancelled" if row.booking_status in _BOOKING_CLOSED else None]


def read(document: Mapping[str, Any], issuer: str, key_of: Callable[[int], Ed25519PublicKey | None]) -> Revocations:
    """The list in a document, if this operator signed it.

    Args:
        key_of: the operator's public key of an id; None for one that is unknown or known to be revoked.

    Raises:
        IntegrityFailure: it is no such list, or not what one of these keys signed, or signed with a key that it
            revokes itself (code ``signature_invalid``).
    """
    try:
        statement, key_id = dict(document["statement"]), int(document["key_id"])
        signature = bytes.fromhex(document["signature"])
        if is_signed(key_of(key_id), REVOCATIONS, statement, signature):
            found = _read(statement)
            if found.issuer == issuer and key_id not in found.keys:
                return found
    except (ValueError, KeyError, TypeError):
        pass
    raise IntegrityFailure(
        "This revocation list is not one this operator has signed.",
        code="signature_invalid",
        hint="Keep the older list, and fetch it again from a counter.",
    )


def _read(statement: Mapping[str, Any]) -> Revocations:
    return Revocations(
        issuer=str(statement["issuer"]),
        made_at=datetime.fromisoformat(statement["made_at"]),
        keys=frozenset(int(key_id) for key_id in statement["keys"]),
        tickets={
            int(serial): (None if closed is None else _OUTCOMES[closed], int(issue_no))
            for serial, issue_no, closed in statement["tickets"]
        },
    )
