"""Policies: every rate, window, limit and cut-off an operator decides, typed and described in one registry.

Values stand in ``policy_configurations``, for the whole operator, for a station or for a train; the nearest one wins
(train before station before operator), and where none stands the registry's default holds. Decisions read them inside
their own transaction, so a change holds for the next decision at every counter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import bindparam, select

from core.database import Rows, Statement, Transaction
from core.errors import Refused
from core.models import PolicyConfiguration

V = TypeVar("V", int, bool)


@dataclass(frozen=True, slots=True)
class Policy(Generic[V]):
    """One thing an operator may decide."""

    name: str
    unit: str
    default: V
    meaning: str
    minimum: int = 0
    maximum: int = 1_000_000_000

    def read(self, raw: object) -> V:
        """A stored value as this policy's type.

        Raises:
            Refused: it is of another type or outside its bounds (code ``policy_invalid``).
        """
        kind = type(self.default)
        if type(raw) is not kind or not (kind is bool or self.minimum <= raw <= self.maximum):
            raise Refused(
                f"The policy {self.name} has the value {raw!r}, which is no {self.unit}.",
                code="policy_invalid",
                hint=f"It takes {kind.__name__} from {self.minimum} to {self.maximum}.",
            )
        return raw


REGISTRY: Final[dict[str, Policy[Any]]] = {}


def _policy(
    name: str, unit: str, default: V, meaning: str, *, minimum: int = 0, maximum: int = 1_000_000_000
) -> Policy[V]:
    made = Policy(name, unit, default, meaning, minimum, maximum)
    REGISTRY[name] = made
    return made


HOLD_MINUTES: Final = _policy("hold_minutes", "minutes", 10, "how long seats are held for an unpaid sale", minimum=1)
SALE_WINDOW_DAYS: Final = _policy(
    "sale_window_days", "days", 90, "how many days before departure the sale opens", maximum=366
)
SUBSIDISED_SALE_WINDOW_DAYS: Final = _policy(
    "subsidised_sale_window_days", "days", 45, "the same for subsidised trains", maximum=366
)
SALE_CLOSES_MINUTES: Final = _policy(
    "sale_closes_minutes", "minutes", 0, "how long before a train leaves the boarding station its sale closes"
)
GO_SHOW_HOURS: Final = _policy(
    "go_show_hours",
    "hours",
    0,
    "counters sell only this long before departure; 0: the whole sale window",
    maximum=366 * 24,
)
MAX_SEATS: Final = _policy("max_seats_per_booking", "seats", 4, "largest party of one booking", minimum=1, maximum=20)
INFANT_AGE: Final = _policy("infant_age_years", "years", 3, "younger travels free on a lap", maximum=18)
INFANTS_PER_ADULT: Final = _policy("infants_per_adult", "infants", 1, "infants one adult may carry", maximum=5)
SENIOR_AGE: Final = _policy("senior_age_years", "years", 60, "from this age a traveller is a senior", maximum=120)
BOOKING_FEE: Final = _policy("booking_fee", "minor units", 7_500, "added to every booking, never refunded")
FARE_ROUNDING: Final = _policy("fare_rounding", "minor units", 1_000, "fares round up to a multiple of it", minimum=1)
ONE_TICKET_PER_IDENTITY: Final = _policy(
    "one_ticket_per_identity", "yes or no", True, "on subsidised trains an identity travels once per departure"
)
BOARDING_OPENS_MINUTES: Final = _policy(
    "boarding_opens_minutes", "minutes", 60, "how long before departure the gate lets passengers through"
)
BOARDING_CLOSES_MINUTES: Final = _policy(
    "boarding_closes_minutes", "minutes", 0, "how long before departure the gate closes"
)
PROMOTIONS_PER_BOOKING: Final = _policy(
    "promotions_per_booking", "promotions", 1, "how many promotions one booking may use", maximum=5
)
SENIOR_PERCENT: Final = _policy("senior_reduction_percent", "per cent", 20, "a senior's reduction", maximum=100)
VETERAN_WEEKEND_PERCENT: Final = _policy(
    "veteran_weekend_reduction_percent", "per cent", 30, "a veteran's reduction from Friday to Monday", maximum=100
)
VETERAN_WEEKDAY_PERCENT: Final = _policy(
    "veteran_weekday_reduction_percent", "per cent", 50, "a veteran's reduction from Tuesday to Thursday", maximum=100
)
MILITARY_EXECUTIVE_PERCENT: Final = _policy(
    "military_executive_reduction_percent", "per cent", 25, "the reduction of soldiers and police in executive class",
    maximum=100,
)  # fmt: skip
MILITARY_ECONOMY_PERCENT: Final = _policy(
    "military_economy_reduction_percent", "per cent", 50, "the same in business, premium and economy class", maximum=100
)
REDUCTIONS_ON_SUBSIDISED: Final = _policy(
    "reductions_on_subsidised", "yes or no", False, "reductions are given on subsidised trains too"
)
#: What a payment costs the operator by its contract with a bank or gateway. One per method of ``core.payments``.
PROCESSING_FEES: Final = {
    method: _policy(
        f"{method}_fee_basis_points", "hundredths of a per cent", 0, f"what a {method} payment costs the operator",
        maximum=10_000,
    )
    for method in ("cash", "debit_card", "credit_card", "qris", "wallet", "bank_transfer")
}  # fmt: skip
CASH_ROUNDING: Final = _policy(
    "cash_rounding", "minor units", 1, "what is paid in cash is rounded down to a multiple of it", minimum=1,
    maximum=10_000,
)  # fmt: skip
QRIS_MINUTES: Final = _policy("qris_minutes", "minutes", 5, "how long a QRIS code can be paid", minimum=1, maximum=60)
LATE_PAYMENT_HOURS: Final = _policy(
    "late_payment_hours", "hours", 72, "how long the gateway is asked about payments that have ended", minimum=1,
    maximum=24 * 60,
)  # fmt: skip
SCRIPTS_OPEN_SHIFTS: Final = _policy(
    "scripts_open_shifts", "yes or no", True, "a command's sale opens a shift without a float where none is open"
)
SHIFT_RECOUNTS: Final = _policy("shift_recounts", "recounts", 1, "how often a drawer may be counted again", maximum=10)
OVER_SHORT_LIMIT: Final = _policy(
    "over_short_limit", "minor units", 20_000, "a counted drawer that is further off needs an approver"
)
X_SHOWS_EXPECTED: Final = _policy(
    "x_shows_expected", "yes or no", False, "clerks see what should be in the drawer before they have counted it"
)
CASH_IN_LIMIT: Final = _policy("cash_in_limit", "minor units", 5_000_000, "more cash in needs an approver")
CASH_OUT_LIMIT: Final = _policy("cash_out_limit", "minor units", 500_000, "more cash out needs an approver")
DROP_LIMIT: Final = _policy("drop_limit", "minor units", 50_000_000, "a larger drop into a bag needs an approver")
APPROVAL_MINUTES: Final = _policy(
    "approval_minutes", "minutes", 30, "how long a request waits for its approval and to be used", minimum=1
)
PIN_ATTEMPTS: Final = _policy("pin_attempts", "attempts", 5, "wrong PINs before an account is locked", minimum=1)
PIN_LOCK_MINUTES: Final = _policy(
    "pin_lock_minutes", "minutes", 5, "how long it stays locked the first time; each time twice as long", minimum=1
)
PIN_LOCK_MOST_MINUTES: Final = _policy("pin_lock_most_minutes", "minutes", 1440, "the longest it is locked", minimum=1)
SESSIONS_AT_ONE_TERMINAL: Final = _policy(
    "sessions_at_one_terminal", "1 or 0", 1, "1: whoever signs in at a screen is signed off at every other", maximum=1
)
IDLE_LOCK_MINUTES: Final = _policy(
    "idle_lock_minutes", "minutes", 10, "a screen nobody touches asks for the PIN after so long; 0: never", maximum=720
)
SESSION_HOURS: Final = _policy("session_hours", "hours", 12, "how long a sign-in lasts", minimum=1, maximum=48)
ALERT_FAILED_PINS: Final = _policy(
    "alert_failed_pins", "attempts", 5, "wrong PINs for one number within an hour that make an alert", minimum=1
)
ALERT_FAILED_PINS_AT_TERMINAL: Final = _policy(
    "alert_failed_pins_at_terminal", "attempts", 10, "the same at one terminal, whatever the numbers", minimum=1
)
ALERT_NIGHT_REFUSALS: Final = _policy(
    "alert_night_refusals", "refusals", 3, "sign-ins and codes refused in a night that make an alert", minimum=1
)
ALERT_REFUNDS_LEAST: Final = _policy(
    "alert_refunds_least", "refunds", 5, "fewer refunds of a clerk in a day never make an alert", minimum=2
)
ALERT_REFUNDS_TIMES: Final = _policy(
    "alert_refunds_times", "times", 3, "so many times what other clerks refund that day, by number or sum, is in line",
    minimum=1, maximum=100,
)  # fmt: skip
ALERT_REPRINTS_LEAST: Final = _policy(
    "alert_reprints_least", "copies", 5, "fewer copies of tickets by a clerk in a day never make an alert", minimum=2
)
ALERT_REPRINTS_TIMES: Final = _policy(
    "alert_reprints_times", "times", 3, "so many times what the other clerks copy that day is in line", minimum=1,
    maximum=100,
)  # fmt: skip
NIGHT_STARTS: Final = _policy("night_starts_hour", "hour of the day", 23, "from when on it is night", maximum=23)
NIGHT_ENDS: Final = _policy("night_ends_hour", "hour of the day", 4, "until when it is night", maximum=23)
RETENTION_DAYS: Final = _policy(
    "retention_days_personal_data", "days", 365, "how long after the last journey it is known who travelled", minimum=1,
    maximum=3660,
)  # fmt: skip
RETENTION_DAYS_UNSOLD: Final = _policy(
    "retention_days_unsold", "days", 7, "the same of parties that were named and never travelled", minimum=1,
    maximum=3660,
)  # fmt: skip

_SELECT: Final = Statement(
    select(
        PolicyConfiguration.policy_type,
        PolicyConfiguration.station_id,
        PolicyConfiguration.train_id,
        PolicyConfiguration.config,
    ).where(PolicyConfiguration.operator_id == bindparam("operator_id"), PolicyConfiguration.deleted_at.is_(None))
)


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of ``policy_configurations``."""

    policy_type: str
    station_id: int | None
    train_id: int | None
    value: object


class Policies:
    """All values in force at one moment, asked per station and train."""

    __slots__ = ("_settings",)

    def __init__(self, settings: Iterable[Setting]) -> None:
        self._settings = {(s.policy_type, s.station_id, s.train_id): s.value for s in settings}

    def get(self, policy: Policy[V], *, station_id: int | None = None, train_id: int | None = None) -> V:
        """The nearest value: train at this station, train, station, operator, else the registry's default."""
        nearest_first = ((station_id, train_id), (None, train_id), (station_id, None), (None, None))
        for station, train in nearest_first:
            key = (policy.name, station, train)
            if key in self._settings:
                return policy.read(self._settings[key])
        return policy.default


class PendingPolicies:
    """Policies that were asked for in a pipeline and not yet read."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def read(self) -> Policies:
        return Policies(
            Setting(row.policy_type, row.station_id, row.train_id, row.config.get("value")) for row in self._rows.all()
        )


def ask(tx: Transaction) -> PendingPolicies:
    """Queue the question; ``read()`` the answer after other statements have been queued too."""
    return PendingPolicies(tx.send(_SELECT))
