"""The register of entitlements: who may travel at a reduced fare, shown by which document, until when.

An identity is known by its digest and its last four characters; the number itself is not kept. What an entitlement is
worth, and when it holds, is ``core.entitlements``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, func, insert, select, update
from uuid_utils.compat import uuid7

from core import entitlements, policy
from core.clock import local
from core.database import Actor, Statement, Transaction, on_violation
from core.entitlements import KINDS, SENIOR, Entitlement, EntitlementRefused, of_row
from core.errors import NotFound, Refused, StateConflict, UsageError
from core.identity import Finding, age_on, birth_date_from_nik, mask, nik_findings, normalize_name, parse_identity
from core.models import Entitlement as EntitlementRow
from core.office import Office
from core.party import journeying
from core.pending import Hold
from core.permissions import require
from core.policy import SENIOR_AGE
from core.wording import one_line

#: A senior stays one: the entitlement ends on no day unless one is given.
FOR_LIFE: Final = date(9999, 12, 31)
_LONGEST_DOCUMENT: Final = 60
_MOST_LISTED: Final = 500

on_violation(
    "uq_entitlements_one_in_force",
    lambda: StateConflict(
        "This entitlement was registered at the same moment.", code="entitlement_registered", hint="Look it up."
    ),
)


@dataclass(frozen=True, slots=True)
class Registration:
    """A document that was shown. Left out, ``valid_from`` is today and a senior's ``valid_until`` never comes."""

    kind: str
    holder: str
    identity: str
    document: str
    valid_until: date | None = None
    valid_from: date | None = None


@dataclass(frozen=True, slots=True)
class Registered:
    """What stands in the register now, with what is worth a second look at the document."""

    entitlement: Entitlement
    findings: tuple[Finding, ...]
    was_renewed: bool


@dataclass(frozen=True, slots=True)
class Possibility:
    """A kind of reduction and what it makes of a fare (minor units), or why it is not given."""

    kind: str
    fare: int
    refusal: EntitlementRefused | None

    @property
    def can_be_registered(self) -> bool:
        """Whether a document would change the answer."""
        return self.refusal is not None and self.refusal.reason in ("entitlement_missing", "entitlement_expired")


_COLUMNS: Final = (
    *("operator_id", "id", "entitlement_kind", "holder_name", "identity_digest", "identity_last_four"),
    *("document_reference", "valid_from", "valid_until", "registered_by"),
)
_INSERT: Final = Statement(
    insert(EntitlementRow).values({name: bindparam(name) for name in _COLUMNS}).returning(EntitlementRow)
)
_IN_FORCE: Final = Statement(
    select(EntitlementRow)
    .where(
        EntitlementRow.operator_id == bindparam("operator_id"),
        EntitlementRow.identity_digest == bindparam("digest"),
        EntitlementRow.entitlement_kind == bindparam("kind"),
        EntitlementRow.revoked_at.is_(None),
    )
    .with_for_update()
)
_ITS_ROW: Final = (EntitlementRow.operator_id == bindparam("operator_id")) & (
    EntitlementRow.id == bindparam("entitlement_id")
)
_LOCK: Final = Statement(select(EntitlementRow).where(_ITS_ROW).with_for_update())
_RENEW: Final = Statement(
    update(EntitlementRow)
    .where(_ITS_ROW)
    .values(document_reference=bindparam("document"), valid_until=bindparam("until"), updated_at=func.now())
    .returning(EntitlementRow)
)
_REVOKE: Final = Statement(
    update(EntitlementRow)
    .where(_ITS_ROW)
    .values(revoked_at=func.now(), updated_at=func.now())
    .returning(EntitlementRow)
)


def register(office: Office, actor: Actor, shown: Registration) -> Registered:
    """Enter an entitlement, or prolong the one this identity has, with the new document.

    Raises:
        UsageError: no such kind (``entitlement_kind``), no document or no last day (``document_missing``).
        Refused: name or identity cannot be; the document ended already (``document_expired``), or not later than the
            one that is registered (``entitlement_registered``).
    """
    require(actor, "register_entitlements")
    document, holder, identity = _sound(shown), normalize_name(shown.holder), parse_identity(shown.identity)
    document = _without_number(document, identity.number)
    digest, until = office.keys.digest(identity.number), shown.valid_until or FOR_LIFE

    def write(tx: Transaction) -> Registered:
        asked, before = policy.ask(tx), tx.send(_IN_FORCE, digest=digest, kind=shown.kind)
        today = local(tx.now, office.operator.time_zone).date()
        if until < max(today, shown.valid_from or today):
            raise Refused(
                f"This document ended on {until.isoformat()}.", code="document_expired", hint="Ask for a valid one."
            )
        age = asked.read().get(SENIOR_AGE, station_id=actor.station_id)
        findings = _findings(shown.kind, holder, identity.number, today, age)
        known = before.first()
        if known is not None:
            return Registered(_renew(tx, known, document, until), findings, True)
        values = {
            "id": uuid7(),
            "entitlement_kind": shown.kind,
            "holder_name": holder,
            "identity_digest": digest,
            "identity_last_four": identity.number[-4:],
            "document_reference": document,
            "valid_from": shown.valid_from or today,
            "valid_until": until,
            "registered_by": actor.user_id,
        }
        made = of_row(tx.send(_INSERT, **values).first())
        tx.audit("create", "entitlements", made.id, new=_said(made))
        return Registered(made, findings, False)

    return office.database.transaction(write, actor=actor)


def _renew(tx: Transaction, known: Any, document: str, until: date) -> Entitlement:
    before = of_row(known)
    if until <= before.valid_until:
        raise StateConflict(
            f"This entitlement is registered already, until {before.valid_until.isoformat()}.",
            code="entitlement_registered",
            hint="It can be used as it is.",
        )
    after = of_row(tx.send(_RENEW, entitlement_id=before.id, document=document, until=until).first())
    tx.audit("update", "entitlements", before.id, old=_said(before), new=_said(after))
    return after


def _said(one: Entitlement) -> dict[str, Any]:
    """An entitlement as the audit trail keeps it for ever: without who it was."""
    return {**one.as_json(), "holder": f"{one.holder[:1]}…", "document": mask(one.document)}


def _without_number(document: str, number: str) -> str:
    """A document's number; where that is the identity number itself, only the end of it, as everywhere."""
    written = r"[\s.\-]*".join(number)
    return re.sub(written, mask(number), document, flags=re.IGNORECASE)


def _sound(shown: Registration) -> str:
    """The document's number, if kind, document and last day can be."""
    if shown.kind not in KINDS:
        raise UsageError(
            f"{shown.kind[:20]!r} is no kind of entitlement.",
            code="entitlement_kind",
            hint=f"One of {', '.join(KINDS)}.",
        )
    document = " ".join(shown.document.split())
    if not document or not document.isprintable() or len(document) > _LONGEST_DOCUMENT:
        raise UsageError(
            f"A document has a number of at most {_LONGEST_DOCUMENT} characters.",
            code="document_missing",
            hint="Type the number on the card or letter.",
        )
    if shown.valid_until is None and shown.kind != SENIOR:
        raise UsageError(
            "The document's last day is missing.", code="document_missing", hint="Type the date it is valid until."
        )
    return document


def _findings(kind: str, holder: str, number: str, today: date, senior_age: int) -> tuple[Finding, ...]:
    findings = nik_findings(number, today) if number.isdigit() and len(number) == 16 else []
    born = birth_date_from_nik(number, today)
    if kind == SENIOR and born is not None and age_on(born, today) < senior_age:
        findings.append(Finding("not_yet_senior", f"{holder} is not yet {senior_age} by the number; check the card."))
    return tuple(findings)


def revoke(office: Office, actor: Actor, entitlement_id: UUID, reason: str) -> Entitlement:
    """End an entitlement now: no sale gives the reduction any more, and no gate lets its tickets through.

    Raises:
        NotFound: there is none of that id (``unknown_entitlement``).
        Refused: no reason was given (``reason_missing``).
        StateConflict: it is revoked already.
    """
    require(actor, "revoke_entitlements")
    why = one_line(reason)
    if not why:
        raise Refused("Revoking needs a reason.", code="reason_missing", hint="Say why; it goes on record.")

    def write(tx: Transaction) -> Entitlement:
        row = tx.send(_LOCK, entitlement_id=entitlement_id).first()
        if row is None:
            raise NotFound("There is no such entitlement.", code="unknown_entitlement", hint="List them first.")
        if row.revoked_at is not None:
            raise StateConflict("This entitlement is revoked already.", hint="Register a new one if it must hold.")
        after = of_row(tx.send(_REVOKE, entitlement_id=entitlement_id).first())
        tx.audit("update", "entitlements", entitlement_id, old={"revoked": False}, new={"revoked": True, "reason": why})
        return after

    return office.database.transaction(write, actor=actor)


def listed(office: Office, actor: Actor, identity: str | None = None) -> list[Entitlement]:
    """What is registered, the newest first, of one identity or of all; who looked goes on record.

    Raises:
        Refused: this is no identity number.
    """
    require(actor, "register_entitlements")
    digest = office.keys.digest(parse_identity(identity).number) if identity is not None else None

    def look(tx: Transaction) -> list[Entitlement]:
        wanted = select(EntitlementRow).where(EntitlementRow.operator_id == tx.operator_id)
        if digest is not None:
            wanted = wanted.where(EntitlementRow.identity_digest == digest)
        rows = tx.query(wanted.order_by(EntitlementRow.created_at.desc(), EntitlementRow.id.desc()).limit(_MOST_LISTED))
        found = [of_row(row) for row in rows.all()]
        tx.audit("view", "entitlements", digest.hex() if digest else "all", new={"shown": len(found)})
        return found

    return office.database.transaction(look, actor=actor)


def possible(office: Office, actor: Actor, held: Hold, identity: str) -> Sequence[Possibility]:
    """Each kind of reduction for the bearer of an identity on the journey of a hold.

    Raises:
        Refused: this is no identity number.
    """
    require(actor, "sell")
    digest = office.keys.digest(parse_identity(identity).number)

    def look(tx: Transaction) -> list[Possibility]:
        asked, rows = policy.ask(tx), entitlements.ask(tx, [digest])
        journey, found = journeying(held, asked.read()), rows.read().get(digest, [])
        possibilities = []
        for kind in KINDS:
            try:
                entitlements.judge(kind, found, journey)
            except EntitlementRefused as refusal:
                possibilities.append(Possibility(kind, journey.fare(kind, held.seat_fare), refusal))
            else:
                possibilities.append(Possibility(kind, journey.fare(kind, held.seat_fare), None))
        return possibilities

    return office.database.transaction(look, actor=actor)
