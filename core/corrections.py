"""Correcting the name or the identity on a sold ticket: a new issue of it, whose old codes open no gate any more.

A spelling mistake is the clerk's to correct, within policy; another person takes a supervisor. Which of the two it is
``core.correction_rules`` says. Reductions and the one-ticket rule of subsidised trains hold for whoever stands on the
ticket afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, func, select, update
from uuid_utils.compat import uuid7

from core import (
    after_sale,
    approvals,
    change_payment,
    correction_checks,
    idempotency,
    modifications,
    policy,
    quotas,
    reschedule_rules,
    shifts,
    ticket_changes,
)
from core.after_sale import SoldBooking, SoldPassenger, SoldTicket
from core.approvals import Wish
from core.bill import Line
from core.clock import local
from core.correction_rules import Correction, Outside, Person, classify
from core.database import Actor, Statement, Transaction
from core.errors import Refused
from core.idempotency import Request
from core.identity import PassengerType, mask, parse_identity
from core.models import BookingModification, Passenger, Ticket
from core.office import Office
from core.party import identity_number, identity_purpose
from core.passengers import PartyLimits, PassengerDetails, PassengerInput, check_passenger
from core.payments import Tender
from core.permissions import require
from core.ticket_changes import Holder, Issued
from core.wording import one_line

_RENAME: Final = Statement(
    update(Passenger)
    .where(Passenger.operator_id == bindparam("operator_id"), Passenger.id == bindparam("passenger_id"))
    .values(
        {
            name: bindparam(name)
            for name in (
                *("passenger_name", "passenger_dob", "gender", "identity_kind", "identity_number", "identity_digest"),
                *("identity_last_four", "entitlement_id"),
            )
        }
    )
)
_REASSIGN: Final = Statement(
    update(Ticket)
    .where(Ticket.operator_id == bindparam("operator_id"), Ticket.id == bindparam("serial"))
    .values(exclusive_identity=bindparam("exclusive"), entitlement_id=bindparam("entitlement"), updated_at=func.now())
)
_CORRECTED: Final = Statement(
    select(func.count())
    .select_from(BookingModification)
    .join(
        Ticket,
        (Ticket.operator_id == BookingModification.operator_id) & (Ticket.id == BookingModification.ticket_id),
    )
    .where(
        BookingModification.operator_id == bindparam("operator_id"),
        BookingModification.booking_id == bindparam("booking_id"),
        BookingModification.modification_type == "correction",
        BookingModification.status == "closed",
        Ticket.passenger_id == bindparam("passenger_id"),
    )
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the card shows. Left out: it stays as it is. ``holder`` is the identity of whoever gives the ticket away."""

    ticket: str
    name: str | None = None
    identity: str | None = None
    holder: str | None = None


@dataclass(frozen=True)
class Plan:
    """A correction as it was worked out. ``fee`` in minor units."""

    ticket: SoldTicket
    before: Person
    details: PassengerDetails
    kind: Correction
    outside: tuple[Outside, ...]
    fee: int
    entitlement_id: UUID | None
    digest: bytes | None
    customer: bytes | None

    @property
    def after(self) -> Person:
        return Person(self.details.name, self.details.identity.number if self.details.identity else "")

    def said(self) -> dict[str, Any]:
        """What changes, as it is kept for good: without who it is."""
        return {
            "correction": self.kind.value,
            "name": f"{_initials(self.before.name)} to {_initials(self.after.name)}",
            "identity": f"{mask(self.before.identity)} to {mask(self.after.identity)}",
        }

    def wish(self) -> Wish:
        """What a supervisor allows: just this person on just this ticket."""
        mark = self.digest.hex()[:16] if self.digest else ""
        details = {**self.said(), "mark": mark, "outside": [one.value for one in self.outside]}
        return Wish("correction", "tickets", self.ticket.number, self.fee, details)

    def why_outside(self) -> str:
        """Why a supervisor is asked, in one sentence."""
        said = {
            Outside.OTHER_PERSON: "another person would travel on this ticket",
            Outside.CUTOFF: "it is too late before departure",
            Outside.REPEATED: "this traveller was corrected before",
            Outside.QUOTA: "this customer has changed as much as is allowed for now",
        }
        return f"This takes a supervisor: {', and '.join(said[one] for one in self.outside)}."

    def as_json(self) -> dict[str, Any]:
        """The correction as a quote shows it."""
        return {
            "ticket_number": self.ticket.number,
            "correction": self.kind.value,
            "name": self.details.name,
            "identity": mask(self.after.identity) if self.after.identity else None,
            "fee": self.fee,
            "within_policy": not self.outside,
            "approval_needed": bool(self.outside),
            "outside": [one.value for one in self.outside],
            "warnings": [finding.message for finding in self.details.findings],
        }


def _initials(name: str) -> str:
    return " ".join(f"{word[:1]}…" for word in name.split())


def quote(office: Office, actor: Actor, wanted: Wanted) -> Plan:
    """What a correction would be and cost; nothing is changed.

    Raises:
        Refused: as ``carry_out``; what a supervisor may allow is part of the answer.
    """
    require(actor, "sell")
    network, holder = office.network(), _holder(office, actor, wanted)

    def look(tx: Transaction) -> Plan:
        return _work_out(tx, office, after_sale.look(tx, network, holder.sold.id), holder, wanted)

    return office.database.transaction(look, actor=actor)


def wish_for(office: Office, actor: Actor, wanted: Wanted) -> Wish:
    """What to ask a supervisor for.

    Raises:
        Refused: as ``quote``.
    """
    return quote(office, actor, wanted).wish()


def carry_out(
    office: Office,
    actor: Actor,
    wanted: Wanted,
    tender: Tender | None = None,
    *,
    key: UUID,
    approval_id: UUID | None = None,
    reason: str = "",
    printer: str = "none",
) -> Issued:
    """Correct name or identity and issue the ticket anew; the same key again returns the first result.

    Raises:
        StateConflict: the ticket is used or closed.
        ApprovalNeeded, NotApproved: it is another person or otherwise outside policy.
        EntitlementRefused: the ticket's reduction is not this person's.
        TravelBan: unpaid fines ban this person.
        Refused: name or identity cannot be; the train has departed; corrections are not made; ``identity_mismatch``.
        KeyReused: the key belongs to another request.
    """
    require(actor, "sell")
    network = office.network()
    asked = Request(key, "correction", idempotency.fingerprint(office.keys, ["correction", wanted, tender]))
    before = ticket_changes.earlier(office, actor, asked)  # asked first: the giver's identity is nobody's any more
    if before is not None:
        return before
    holder = _holder(office, actor, wanted)

    def correct(tx: Transaction) -> Issued:
        modification: UUID = uuid7()
        claim = idempotency.claim(tx, asked, modification, step=ticket_changes.STEP)
        here = shifts.ask(tx)
        first = claim.first()
        if first is not None:
            return ticket_changes.read_issue(tx, network, UUID(first.require_same()))
        sold = after_sale.lock(tx, network, holder.sold.id)
        plan = _work_out(tx, office, sold, holder, wanted)
        used = _approved(tx, plan, approval_id) if plan.outside else None
        modifications.begin(
            tx, sold.id, "correction", one_line(reason) or plan.kind.value, approval_id=used, user_id=sold.user_id,
            within_policy=not plan.outside, fee=plan.fee, ticket_id=plan.ticket.serial, modification_id=modification,
        )  # fmt: skip
        _rename(tx, office, sold, plan)
        ticket_changes.issue_anew(tx, office, plan.ticket, printer, "correction")
        lines = [Line("fee", plan.fee, "correction_fee", plan.ticket.passenger_id)]
        change_payment.take(tx, office, sold, plan.ticket, modification, lines, tender, here)
        said = {"ticket_number": plan.ticket.number, **plan.said(), "fee": plan.fee}
        tx.event("ticket.corrected", "tickets", plan.ticket.serial, said)
        modifications.close(tx, modification)
        quotas.count(tx, plan.customer)
        return ticket_changes.read_issue(
            tx, network, modification, tuple(finding.message for finding in plan.details.findings)
        )

    return office.database.transaction(correct, actor=actor)


def _approved(tx: Transaction, plan: Plan, approval_id: UUID | None) -> UUID:
    if approval_id is None:
        raise ticket_changes.approval_needed(plan.wish(), plan.why_outside())
    return approvals.consume(tx, approval_id, plan.wish()).id


def _holder(office: Office, actor: Actor, wanted: Wanted) -> Holder:
    """Whose identity is shown: the giver's, somebody's of the booking, or the traveller's own but for a slip.

    Raises:
        Refused: ``identity_missing``, ``identity_mismatch``.
    """
    sold, ticket = ticket_changes.find(office, actor, wanted.ticket)
    own = sold.passenger(ticket.passenger_id)
    if wanted.holder is None and wanted.identity and (wanted.name is None or _same_name(own, wanted.name)):
        digits = sold.policies.get(policy.CORRECTION_DIGITS, **ticket.place)
        before = Person(own.name, identity_number(office, own.row))
        after = Person(own.name, parse_identity(wanted.identity).number)
        near = before != after and classify(before, after, 0, digits) is Correction.SPELLING
        if before.identity and near:
            return Holder(sold, ticket, own)
    shown = after_sale.require_identity(office, actor, sold, wanted.holder or wanted.identity or "")
    return Holder(sold, ticket, shown)


def _same_name(own: SoldPassenger, name: str) -> bool:
    return " ".join(name.upper().split()) == own.name


def _work_out(tx: Transaction, office: Office, sold: SoldBooking, holder: Holder, wanted: Wanted) -> Plan:
    ticket = sold.ticket(wanted.ticket)
    reschedule_rules.require_in_force(ticket.status, sold.status)
    reschedule_rules.require_not_departed(ticket.journey, None, 0, sold.now)
    ticket_changes.require_another_issue(ticket)
    if not sold.policies.get(policy.NAME_CORRECTIONS_ALLOWED, **ticket.place):
        raise Refused("Tickets are not renamed.", code="corrections_not_allowed", hint="Cancel it and sell a new one.")
    customer = quotas.customer_of(sold.user_id, holder.shown_by.digest)
    asked_quota = quotas.ask(tx, customer)
    corrected = tx.send(_CORRECTED, booking_id=sold.id, passenger_id=ticket.passenger_id)
    own = sold.passenger(ticket.passenger_id)
    before = Person(own.name, identity_number(office, own.row))
    details = _checked(sold, ticket, own, before, wanted)
    after = Person(details.name, details.identity.number if details.identity else "")
    letters, digits = (sold.policies.get(one, **ticket.place) for one in _SLIPS)
    kind = classify(before, after, letters, digits)
    outside = [Outside.OTHER_PERSON] if kind is Correction.OTHER_PERSON else []
    cutoff = sold.policies.get(policy.CORRECTION_CUTOFF_MINUTES, **ticket.place)
    if sold.now > ticket.journey.departs_at - timedelta(minutes=cutoff):
        outside.append(Outside.CUTOFF)
    if int(corrected.scalar() or 0) >= sold.policies.get(policy.CORRECTIONS_PER_TICKET, **ticket.place):
        outside.append(Outside.REPEATED)
    if asked_quota.read(sold.policies, **ticket.place).is_used_up:
        outside.append(Outside.QUOTA)
    digest = office.keys.digest(after.identity) if after.identity else None
    correction_checks.require_free(tx, ticket, digest)
    correction_checks.require_may_travel(tx, office, sold, ticket, details, digest)
    return Plan(
        ticket, before, details, kind, tuple(outside), sold.policies.get(policy.CORRECTION_FEE, **ticket.place),
        correction_checks.entitlement_of(tx, sold, ticket, own, digest), digest, customer,
    )  # fmt: skip


_SLIPS: Final = (policy.CORRECTION_LETTERS, policy.CORRECTION_DIGITS)


def _checked(
    sold: SoldBooking, ticket: SoldTicket, own: SoldPassenger, before: Person, wanted: Wanted
) -> PassengerDetails:
    """The traveller as he would be stored, by the rules of the sale."""
    place = ticket.place
    limits = PartyLimits(*(sold.policies.get(one, **place) for one in _LIMITS))
    number = before.identity if wanted.identity is None else wanted.identity
    renumbered = bool(number.strip()) and parse_identity(number).number != before.identity
    infant = own.type == PassengerType.INFANT
    born = own.row.passenger_dob if infant or not renumbered else None
    entered = PassengerInput(own.name if wanted.name is None else wanted.name, number, PassengerType(own.type), born)
    today = local(sold.now, ticket.journey.origin.time_zone).date()
    return check_passenger(entered, ticket.journey.day, today, limits)


_LIMITS: Final = (policy.INFANT_AGE, policy.INFANTS_PER_ADULT, policy.SENIOR_AGE)


def _rename(tx: Transaction, office: Office, sold: SoldBooking, plan: Plan) -> None:
    """Queue the traveller as he is now, and what of it stands on the ticket."""
    details, identity = plan.details, plan.details.identity
    own = sold.passenger(plan.ticket.passenger_id)
    tx.send(
        _RENAME,
        passenger_id=own.id,
        passenger_name=details.name,
        passenger_dob=details.birth_date,
        gender=details.gender,
        identity_kind=identity.kind if identity else None,
        identity_number=office.keys.encrypt(identity.number, identity_purpose(own.id)) if identity else None,
        identity_digest=plan.digest,
        identity_last_four=identity.number[-4:] if identity else None,
        entitlement_id=plan.entitlement_id,
    )
    exclusive = plan.digest if plan.ticket.exclusive_identity is not None else None
    tx.send(_REASSIGN, serial=plan.ticket.serial, exclusive=exclusive, entitlement=plan.entitlement_id)
    tx.audit("update", "passengers", own.id, new=plan.said())
