"""Travel bans: who may not buy because of unpaid fines, asked at every sale, listed, and lifted by a supervisor.

At a sale the question travels with the checkout's others, in the same round trip: the identities are known before
anything is read. A ban ends by itself, by paying, or because a supervisor lifts it; the fines are owed all the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import LargeBinary, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from core import approvals, policy
from core.approvals import ApprovalNeeded, Wish
from core.clock import local
from core.database import Actor, Rows, Statement, Transaction
from core.errors import NotFound, Refused
from core.fine_rules import Ban, BanRules, OpenFine, ban_of
from core.identity import mask, parse_identity
from core.keys import KeyRing
from core.models import Fine, Passenger
from core.money import grouped
from core.office import Office
from core.passengers import PassengerInput
from core.permissions import allowed, require
from core.policy import Policies
from core.wording import one_line

_BANNING: Final = (
    (Fine.operator_id == bindparam("operator_id")) & (Fine.status == "open") & Fine.ban_lifted_at.is_(None)
)
_COLUMNS: Final = (Fine.identity_digest, Fine.fine_number, Fine.amount, Fine.issued_at)
_OF_IDENTITIES: Final = Statement(
    select(*_COLUMNS).where(_BANNING, Fine.identity_digest == func.any(bindparam("digests", type_=ARRAY(LargeBinary))))
)
_OF_BOOKING: Final = Statement(
    select(*_COLUMNS)
    .join(
        Passenger,
        (Passenger.operator_id == Fine.operator_id) & (Passenger.identity_digest == Fine.identity_digest),
    )
    .where(_BANNING, Passenger.booking_id == bindparam("booking_id"))
)
_PEOPLE: Final = select(
    *_COLUMNS, Fine.id, Fine.person_name, Fine.identity_last_four
).where(_BANNING)  # fmt: skip
_ALL: Final = Statement(_PEOPLE.order_by(Fine.issued_at, Fine.fine_number))
_ONE: Final = Statement(
    _PEOPLE.where(Fine.identity_digest == bindparam("digest")).order_by(Fine.issued_at, Fine.fine_number)
    .with_for_update()
)  # fmt: skip
_WHOSE: Final = Statement(
    select(Fine.identity_digest).where(
        Fine.operator_id == bindparam("operator_id"), Fine.fine_number == bindparam("number")
    )
)
_LIFT: Final = Statement(
    update(Fine)
    .where(_BANNING, Fine.identity_digest == bindparam("digest"))
    .values(
        ban_lifted_at=func.now(),
        ban_lifted_by=bindparam("lifter"),
        ban_lift_reason=bindparam("why"),
        ban_approval_id=bindparam("approval"),
        updated_at=func.now(),
    )
)


class TravelBan(Refused):
    """Somebody of the party may not buy; ``details`` say until when and what he owes."""

    code = "travel_ban"


class PendingBans:
    """Open fines of a party, asked for in a pipeline and not yet read."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Rows | None) -> None:
        self._rows = rows

    def require_none(
        self, people: Iterable[tuple[str, bytes | None]], policies: Policies, now: datetime, zone: str, **place: int
    ) -> None:
        """
        Args:
            people: name and digest of the identity of each passenger.
            zone: whose calendar the day is told by.
            place: station_id, train_id: where the policies hold.

        Raises:
            TravelBan: one of them has unpaid fines.
        """
        rows = self._rows.all() if self._rows is not None else ()
        if not rows:
            return
        rules, found = BanRules.of(policies, **place), _by_person(rows)
        for name, digest in people:
            ban = ban_of(found.get(digest or b"", ()), rules, now)
            if ban is not None:
                raise _refusal(name, ban, zone)


def _by_person(rows: Iterable[Any]) -> dict[bytes, list[OpenFine]]:
    # A booking may name a person twice, and then a join finds each fine twice.
    found: defaultdict[bytes, dict[int, OpenFine]] = defaultdict(dict)
    for row in rows:
        one = OpenFine(row.fine_number, row.amount, row.issued_at)
        found[bytes(row.identity_digest)][one.number] = one
    return {digest: list(fines.values()) for digest, fines in found.items()}


def _refusal(name: str, ban: Ban, zone: str) -> TravelBan:
    day, numbers = local(ban.until, zone).date(), [one.number for one in ban.fines]
    return TravelBan(
        f"{name} may not buy until {day.isoformat()}: fines of {grouped(ban.amount)} are not paid.",
        hint="Paying lifts the ban at once; a supervisor can lift it as well.",
        details={"until": day.isoformat(), "fines": numbers, "amount": ban.amount},
    )


def ask(tx: Transaction, keys: KeyRing, booking_id: UUID, passengers: Sequence[PassengerInput] | None) -> PendingBans:
    """Queue the question about a party as it was typed, or as it stands with its booking.

    An identity that is none is refused when the party is checked; nothing is asked about it.
    """
    if passengers is None:
        return PendingBans(tx.send(_OF_BOOKING, booking_id=booking_id))
    digests = set()
    for one in passengers:
        if one.identity.strip():
            with suppress(Refused):
                digests.add(keys.digest(parse_identity(one.identity).number))
    return PendingBans(tx.send(_OF_IDENTITIES, digests=list(digests)) if digests else None)


# -- looking after bans -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Banned:
    """Somebody who may not buy. ``digest`` is what the person is known by; ``identity`` is masked."""

    name: str
    identity: str
    digest: bytes
    ban: Ban

    def as_json(self, zone: str) -> dict[str, Any]:
        """The ban as commands print it."""
        return {
            "name": self.name,
            "identity": self.identity,
            "until": local(self.ban.until, zone).isoformat(timespec="seconds"),
            "fines": [one.number for one in self.ban.fines],
            "amount": self.ban.amount,
        }

    def wish(self) -> Wish:
        """What a supervisor approves: just these fines ban no more."""
        numbers = [one.number for one in self.ban.fines]
        return Wish("ban_lift", "people", _person(self.digest), self.ban.amount, {"fines": numbers, "name": self.name})


def _person(digest: bytes) -> str:
    """The pseudonym of a person, as on the audit trail (``core.personal_data.Person``)."""
    return f"identity {digest.hex()[:16]}"


def _banned(rows: Sequence[Any], rules: BanRules, now: datetime) -> list[Banned]:
    people = {bytes(row.identity_digest): row for row in rows}
    found = []
    for digest, fines in _by_person(rows).items():
        ban = ban_of(fines, rules, now)
        if ban is not None:
            found.append(Banned(people[digest].person_name, mask(people[digest].identity_last_four), digest, ban))
    return found


def listed(office: Office, actor: Actor) -> list[Banned]:
    """Everybody who is banned now; the look is on the audit trail.

    Raises:
        NotPermitted: the role has nothing to do with fines.
    """
    require(actor, "handle_fines")

    def look(tx: Transaction) -> list[Banned]:
        asked, rows = policy.ask(tx), tx.send(_ALL)
        found = _banned(rows.all(), BanRules.of(asked.read(), station_id=actor.station_id), tx.now)
        tx.audit("view", "fines", "bans", new={"shown": len(found)})
        return found

    return office.database.transaction(look, actor=actor)


def digest_of(office: Office, *, identity: str | None = None, fine: int | None = None) -> bytes:
    """What a person is known by, from an identity number or one of his fines.

    Raises:
        Refused: this is no identity number.
        NotFound: no fine has that number (code ``unknown_fine``).
    """
    if identity is not None:
        return office.keys.digest(parse_identity(identity).number)
    found = office.database.transaction(lambda tx: tx.send(_WHOSE, number=fine).scalar())
    if found is None:
        raise NotFound(f"There is no fine {fine}.", code="unknown_fine", hint="List them: counter fine list.")
    return bytes(found)


def _the_ban(tx: Transaction, actor: Actor, digest: bytes) -> Banned:
    asked, rows = policy.ask(tx), tx.send(_ONE, digest=digest)
    found = _banned(rows.all(), BanRules.of(asked.read(), station_id=actor.station_id), tx.now)
    if not found:
        raise NotFound("This person is not banned.", code="not_banned", hint="List them: counter ban list.")
    return found[0]


def wish_for(office: Office, actor: Actor, digest: bytes) -> Wish:
    """What to ask a supervisor for.

    Raises:
        NotFound: nobody bans that person (code ``not_banned``).
    """
    require(actor, "handle_fines")
    return office.database.transaction(lambda tx: _the_ban(tx, actor, digest), actor=actor).wish()


def lift(office: Office, actor: Actor, digest: bytes, reason: str, *, approval_id: UUID | None = None) -> Banned:
    """Lift somebody's ban; the fines stay owed. Returns the ban that was.

    Raises:
        NotFound: nobody bans that person (code ``not_banned``).
        Refused: no reason (``reason_missing``).
        ApprovalNeeded: this is no supervisor's session.
        NotApproved: the approval is for something else.
    """
    require(actor, "handle_fines")
    why = one_line(reason)
    if not why:
        raise Refused("A ban is lifted with a reason.", code="reason_missing", hint="Say why; it goes on record.")

    def write(tx: Transaction) -> Banned:
        found = _the_ban(tx, actor, digest)
        if approval_id is not None:
            approvals.consume(tx, approval_id, found.wish())
        elif not allowed(actor, "lift_bans"):
            raise ApprovalNeeded(
                "Lifting a ban takes a supervisor.",
                hint="A supervisor approves it.",
                details={"kind": "ban_lift", "amount": found.ban.amount},
            )
        tx.send(_LIFT, digest=digest, lifter=actor.user_id, why=why, approval=approval_id)
        said = {"fines": [one.number for one in found.ban.fines], "reason": why, "approval": str(approval_id or "")}
        tx.audit("update", "fines", _person(digest), old={"banned": True}, new={"banned": False, **said})
        tx.event("ban.lifted", "fines", _person(digest), said)
        return found

    return office.database.transaction(write, actor=actor)
