"""Every error the booking library raises on purpose.

The tree, with the exit status a command gives each branch:

    CounterError
    ├── Refused              1  a rule of the railway said no
    │   ├── NotFound            the thing named does not exist (for this operator)
    │   ├── SeatTaken           somebody else has the seat on that stretch
    │   ├── NotEnoughSeats      the class has fewer free seats than the party needs
    │   ├── HoldExpired         the seats were given back before the sale was finished
    │   ├── StateConflict       the booking, ticket or payment is no longer in a state that allows it
    │   ├── KeyReused           an idempotency key came back with other arguments
    │   ├── NotSignedIn         nobody, or the wrong PIN
    │   └── NotPermitted        signed in, but the role does not allow it
    ├── UsageError           2  a value that is no value of its kind
    ├── Unreachable          3  something that should answer does not
    │   ├── DatabaseUnreachable the server did not answer; nothing is known to be lost
    │   ├── OutcomeUnknown      the connection broke while a commit was under way: ask again with the same key
    │   ├── DatabaseBusy        locks or time limits; trying again is safe
    │   ├── DeviceUnreachable   a printer or another device
    │   └── NotReady            the schema, the keys or the settings do not fit this program
    └── IntegrityFailure     4  stored data contradicts itself

Each error carries a stable ``code`` (scripts rely on it), a ``message`` of one sentence for people and a ``hint``
that says what to do next. What belongs here: the tree and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class CounterError(Exception):
    """Base of everything this library raises on purpose."""

    code: ClassVar[str] = "error"
    exit_status: ClassVar[int] = 1

    def __init__(
        self, message: str, *, hint: str = "", code: str | None = None, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.reason = code or self.code
        self.details = dict(details or {})

    def as_json(self) -> dict[str, Any]:
        """The error as commands print it with ``--json``."""
        return {**self.details, "code": self.reason, "message": self.message, "hint": self.hint}


class Refused(CounterError):
    """A rule of the railway said no. ``code`` narrows it where no subclass exists."""

    code = "refused"


class NotFound(Refused):
    code = "not_found"


class SeatTaken(Refused):
    code = "seat_taken"


class NotEnoughSeats(Refused):
    code = "not_enough_seats"


class HoldExpired(Refused):
    code = "hold_expired"


class StateConflict(Refused):
    code = "state_conflict"


class KeyReused(Refused):
    code = "key_reused"


class NotSignedIn(Refused):
    code = "not_signed_in"


class NotPermitted(Refused):
    code = "not_permitted"


class UsageError(CounterError):
    code = "usage"
    exit_status = 2


class Unreachable(CounterError):
    code = "unreachable"
    exit_status = 3


class DatabaseUnreachable(Unreachable):
    code = "database_unreachable"


class OutcomeUnknown(Unreachable):
    code = "outcome_unknown"


class DatabaseBusy(Unreachable):
    code = "database_busy"


class DeviceUnreachable(Unreachable):
    code = "device_unreachable"


class NotReady(Unreachable):
    code = "not_ready"


class IntegrityFailure(CounterError):
    code = "integrity_failure"
    exit_status = 4
