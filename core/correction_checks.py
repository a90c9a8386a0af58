"""Whether somebody else may stand on a sold ticket: what the sale would have asked of him is asked again.

One ticket to an identity on subsidised trains, bans by unpaid fines, and the entitlement behind a reduced fare.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import bindparam, select

from core import bans, entitlements, policy
from core.after_sale import SoldBooking, SoldPassenger, SoldTicket
from core.database import Statement, Transaction
from core.entitlements import EntitlementRefused, Journeying, Rates
from core.errors import Refused
from core.models import Entitlement, Ticket
from core.office import Office
from core.passengers import PassengerDetails, PassengerInput
from core.states import LIVE_TICKET

_KIND: Final = Statement(
    select(Entitlement.entitlement_kind).where(
        Entitlement.operator_id == bindparam("operator_id"), Entitlement.id == bindparam("entitlement_id")
    )
)
_ELSEWHERE: Final = Statement(
    select(Ticket.ticket_number).where(
        Ticket.operator_id == bindparam("operator_id"),
        Ticket.schedule_id == bindparam("schedule_id"),
        Ticket.exclusive_identity == bindparam("digest"),
        Ticket.ticket_status.in_(LIVE_TICKET),
        Ticket.id != bindparam("serial"),
    )
)


def require_free(tx: Transaction, ticket: SoldTicket, digest: bytes | None) -> None:
    """On a subsidised train an identity travels once; the database's own index has the last word."""
    if ticket.exclusive_identity is None or digest is None or digest == ticket.exclusive_identity:
        return
    asked = tx.send(_ELSEWHERE, schedule_id=ticket.journey.schedule_id, digest=digest, serial=ticket.serial)
    if asked.first() is not None:
        raise Refused(
            "This identity already has a ticket for this train.",
            code="one_ticket_per_identity",
            hint="On subsidised trains an identity travels once per departure.",
        )


def entitlement_of(
    tx: Transaction, sold: SoldBooking, ticket: SoldTicket, own: SoldPassenger, digest: bytes | None
) -> UUID | None:
    """By what the ticket's reduction stands afterwards: it is not passed on with the ticket.

    Raises:
        EntitlementRefused: this person is not entitled to it.
    """
    if ticket.entitlement_id is None or digest == own.digest:
        return ticket.entitlement_id
    kind = tx.send(_KIND, entitlement_id=ticket.entitlement_id).scalar()
    known: Sequence[entitlements.Entitlement] = (
        entitlements.ask(tx, {digest}).read().get(digest, []) if digest is not None else []
    )
    trip = ticket.journey
    rates = Rates.of(sold.policies, **ticket.place, is_subsidised=trip.train.is_subsidised)
    rounding = sold.policies.get(policy.FARE_ROUNDING, **ticket.place)
    journey = Journeying(ticket.travel_class.type, trip.day, rates, rounding)
    try:
        return entitlements.judge(str(kind), known, journey).entitlement_id
    except EntitlementRefused as refusal:
        refusal.hint = "The reduction is the holder's own: register it for this identity, or cancel and sell anew."
        raise


def require_may_travel(
    tx: Transaction,
    office: Office,
    sold: SoldBooking,
    ticket: SoldTicket,
    details: PassengerDetails,
    digest: bytes | None,
) -> None:
    """A ticket is no way around a ban: whoever may not buy one does not take one over.

    Raises:
        TravelBan: unpaid fines ban this person (code ``travel_ban``).
    """
    if details.identity is None or digest == sold.passenger(ticket.passenger_id).digest:
        return
    asked = bans.ask(tx, office.keys, sold.id, [PassengerInput(details.name, details.identity.number)])
    zone = office.operator.time_zone
    asked.require_none([(details.name, digest)], sold.policies, sold.now, zone, **ticket.place)
