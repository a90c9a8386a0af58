"""The life of keys, the owner's jobs: announced, taken into use, retired, revoked, dropped from the ring.

Keys are made on the ring first and entered in the database after, under the preparation lock: whoever dies in between
leaves a key on the ring that the next rotation enters. What the states mean is told in ``core.key_states``; moving
sealed values to a new key is ``core.ops.reencryption``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import func, insert, or_, select

from core import key_files, key_states
from core.errors import NotReady, Refused, StateConflict
from core.key_states import KeyState
from core.keys import HIGHEST_KEY_ID, KeyRing
from core.models import KeyRing as KeyRow
from core.models import Ticket
from core.ops import reencryption
from core.ops.own_keys import Keys, opened
from core.states import LIVE_TICKET
from core.ticket_code import prefixes_of_key
from core.wording import one_line

PURPOSES: Final = ("ticket", "identity")
#: After a key was retired, terminals may go on sealing with it until they have heard of it.
_SETTLING: Final = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """A key as ``counter admin keys list`` prints it; nothing of it is secret.

    ``is_newest`` says that this machine's ring makes tickets or seals values with it, ``sealed_values`` how many
    values are sealed with it.
    """

    purpose: str
    key_id: int
    state: KeyState
    is_newest: bool
    on_ring: bool
    created_at: datetime
    retired_at: datetime | None
    revoked_at: datetime | None
    public_key: bytes | None
    sealed_values: int | None

    def as_json(self) -> dict[str, Any]:
        return {
            "purpose": self.purpose,
            "key_id": self.key_id,
            "state": self.state.value,
            "newest": self.is_newest,
            "on_ring": self.on_ring,
            "created_at": self.created_at.isoformat(),
            "retired_at": self.retired_at.isoformat() if self.retired_at else None,
            "revoked_at": self.revoked_at.isoformat() if self.revoked_at else None,
            "public_key": self.public_key.hex() if self.public_key else None,
            "sealed_values": self.sealed_values,
        }


def listed(owner_url: str, folder: Path) -> list[KeyInfo]:
    """Every key this operator ever had, tickets' first."""
    with opened(owner_url, folder) as own:
        newest = own.ring.working_with(
            {(row.purpose, row.key_id) for row in own.rows if key_states.state(row) is KeyState.IN_USE}
        )
        sealed = reencryption.count_sealed(own.connection, own.operator_id)
        return [_info(own, row, newest, sealed) for row in own.rows]


def _info(own: Keys, row: Any, newest: KeyRing, sealed: dict[int, int]) -> KeyInfo:
    is_ticket = row.purpose == "ticket"
    return KeyInfo(
        purpose=row.purpose,
        key_id=row.key_id,
        state=key_states.state(row),
        is_newest=row.key_id == (newest.signing if is_ticket else newest.sealing),
        on_ring=row.key_id in (own.ring.ticket_keys if is_ticket else own.ring.identity_keys),
        created_at=row.created_at,
        retired_at=row.retired_at,
        revoked_at=row.revoked_at,
        public_key=bytes(row.public_key) if is_ticket else None,
        sealed_values=None if is_ticket else sealed.get(row.key_id, 0),
    )


def rotate(owner_url: str, folder: Path, purpose: str, *, announce: bool) -> tuple[int, KeyState]:
    """Put a new key on the ring and enter it; the older ones stay in use where rings lack it.

    Args:
        announce: enter it without taking it into use, so that the ring can be brought to every terminal first.

    Returns:
        Its id, and what it is now.

    Raises:
        StateConflict: a key was announced before and is not in use yet (code ``key_announced``).
        NotReady: this machine's ring is not the current one (code ``ring_outdated``), or cannot be written.
        Refused: all 255 numbers are used up (code ``key_ids_used_up``).
    """
    with opened(owner_url, folder) as own:
        known = {row.key_id for row in own.rows if row.purpose == purpose}
        have = own.ring.ticket_keys if purpose == "ticket" else own.ring.identity_keys
        for row in own.rows:
            if row.purpose == purpose:
                _require_rotatable(row, row.key_id in have)
        left_over = [key_id for key_id in have if key_id > max(known)]
        key_id = max(left_over, default=max(known) + 1)
        if key_id > HIGHEST_KEY_ID:
            raise Refused(
                "All 255 key numbers are used up.",
                code="key_ids_used_up",
                hint="Go on with the keys there are; a code has no room for more.",
            )
        ring = own.ring if left_over else key_files.add(folder, purpose, key_id)
        own.connection.execute(
            insert(KeyRow.__table__).values(  # type: ignore[arg-type]
                operator_id=own.operator_id,
                purpose=purpose,
                key_id=key_id,
                fingerprint=ring.fingerprints()[purpose, key_id],
                public_key=ring.public_key(key_id) if purpose == "ticket" else None,
                retired_at=func.now() if announce else None,
            )
        )
        found = KeyState.ANNOUNCED if announce else KeyState.IN_USE
        own.note("create", f"{purpose} {key_id}", {"state": found.value})
        return key_id, found


def _require_rotatable(row: Any, on_ring: bool) -> None:
    found = key_states.state(row)
    if found is KeyState.ANNOUNCED:
        raise StateConflict(
            f"The {row.purpose} key {row.key_id} was announced and is not in use yet.",
            code="key_announced",
            hint=f"Run: counter admin keys activate {row.key_id} --purpose {row.purpose}",
        )
    if found is KeyState.IN_USE and not on_ring:
        raise NotReady(
            f"This machine's key ring lacks the {row.purpose} key {row.key_id}, which is in use.",
            code="ring_outdated",
            hint="Bring the current ring here first: counter admin keys restore FILE",
        )


def activate(owner_url: str, folder: Path, purpose: str, key_id: int) -> None:
    """Take an announced key into use; one that is in use already is left alone.

    Raises:
        NotFound: there is no such key (code ``unknown_key``).
        StateConflict: it was retired or revoked.
        NotReady: it is not on this machine's ring (code ``ring_outdated``).
    """
    with opened(owner_url, folder) as own:
        own.take_into_use(own.row(purpose, key_id))


def retire(owner_url: str, folder: Path, purpose: str, key_id: int) -> None:
    """Make nothing more with a key; its tickets stay good, and values sealed with it were moved before.

    Raises:
        NotFound: there is no such key (code ``unknown_key``).
        StateConflict: it is not in use.
        Refused: no other key is in use (``last_key``), or values are sealed with it (``key_seals_values``).
    """
    with opened(owner_url, folder) as own:
        row = own.row(purpose, key_id)
        found = key_states.state(row)
        if found not in (KeyState.IN_USE, KeyState.ANNOUNCED):
            raise StateConflict(f"The {purpose} key {key_id} is {found.value} already.", hint="Nothing was changed.")
        if found is KeyState.IN_USE:
            _require_another(own, purpose, key_id)
        if purpose == "identity":
            _require_seals_nothing(own, key_id)
        own.change(purpose, key_id, retired_at=func.clock_timestamp())
        own.note("update", f"{purpose} {key_id}", {"state": KeyState.RETIRED.value})


def _require_another(own: Keys, purpose: str, key_id: int) -> None:
    if not own.others_in_use(purpose, key_id):
        raise Refused(
            f"No other {purpose} key is in use.",
            code="last_key",
            hint=f"Make a new one first: counter admin keys rotate --purpose {purpose}",
        )


def _require_seals_nothing(own: Keys, key_id: int) -> None:
    left = reencryption.count_sealed(own.connection, own.operator_id).get(key_id, 0)
    if left:
        raise Refused(
            f"{left} values are sealed with the identity key {key_id}.",
            code="key_seals_values",
            hint="Run: counter admin keys reencrypt",
            details={"sealed_values": left},
        )


def revoke(owner_url: str, folder: Path, key_id: int, reason: str) -> int:
    """Let no ticket of a key through any gate: somebody else may have it. Returns how many live tickets that is.

    Raises:
        NotFound: there is no such key (code ``unknown_key``).
        StateConflict: it is revoked already.
        Refused: no other ticket key is in use (``last_key``), or no reason is given (``reason_missing``).
    """
    why = one_line(reason)
    if not why:
        raise Refused("Revoking needs a reason.", code="reason_missing", hint="Say why; it goes on record.")
    with opened(owner_url, folder) as own:
        row = own.row("ticket", key_id)
        if row.revoked_at is not None:
            raise StateConflict(f"The ticket key {key_id} is revoked already.", hint="Nothing was changed.")
        _require_another(own, "ticket", key_id)
        own.change("ticket", key_id, revoked_at=func.now(), retired_at=row.retired_at or func.now())
        tickets = _live_tickets(own, key_id)
        said = {"state": KeyState.REVOKED.value, "reason": why, "live_tickets": tickets}
        own.note("update", f"ticket {key_id}", said)
        return tickets


def _live_tickets(own: Keys, key_id: int) -> int:
    codes = [Ticket.qr_code.startswith(prefix) for prefix in prefixes_of_key(own.issuer, key_id)]
    return own.connection.execute(
        select(func.count()).where(
            Ticket.operator_id == own.operator_id, Ticket.ticket_status.in_(LIVE_TICKET), or_(*codes)
        )
    ).scalar_one()


def drop(owner_url: str, folder: Path, purpose: str, key_id: int) -> None:
    """Take a key that makes nothing any more off this machine's ring; gates know its public half for ever.

    Raises:
        NotFound: there is no such key (code ``unknown_key``).
        StateConflict: it is in use or announced.
        Refused: values are sealed with it (``key_seals_values``), or it was retired so lately that a terminal may not
            have heard of it (``just_retired``).
    """
    with opened(owner_url, folder) as own:
        row = own.row(purpose, key_id)
        if key_states.state(row) not in (KeyState.RETIRED, KeyState.REVOKED):
            raise StateConflict(f"The {purpose} key {key_id} is not retired.", hint="Retire it first.")
        if purpose == "identity":
            _require_seals_nothing(own, key_id)
            if own.connection.execute(select(func.clock_timestamp())).scalar_one() < row.retired_at + _SETTLING:
                raise Refused(
                    "This key was retired just now, and a terminal may not have heard of it.",
                    code="just_retired",
                    hint="Try again in two minutes.",
                )
        key_files.drop(folder, purpose, key_id)
        own.note("delete", f"{purpose} {key_id}", {"ring": "dropped"})
