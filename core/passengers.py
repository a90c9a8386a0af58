"""The people on a booking: what must be known of each, and whether the party may travel. Pure decisions.

What belongs here: from what a clerk typed to passengers that can be stored, with findings worth a second look. Seats
and money are decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from core.errors import Refused
from core.identity import (
    Finding,
    Identity,
    PassengerType,
    age_on,
    birth_date_from_nik,
    gender_from_nik,
    nik_findings,
    normalize_name,
    parse_identity,
)


@dataclass(frozen=True, slots=True)
class PassengerInput:
    """A passenger as typed. An infant may come without a number, then with a birth date.

    ``reduction`` is the kind of reduction (``core.entitlements.KINDS``) the passenger asks for.
    """

    name: str
    identity: str = ""
    type: PassengerType = PassengerType.ADULT
    birth_date: date | None = None
    reduction: str | None = None

    @property
    def claim(self) -> str | None:
        """The reduction to be given: the one asked for, else a senior's own; there is none of an infant's fare."""
        if self.type is PassengerType.INFANT:
            return None
        return self.reduction or (self.type.value if self.type is PassengerType.SENIOR else None)


@dataclass(frozen=True, slots=True)
class PassengerDetails:
    """A passenger as stored, with what is worth a second look at the card."""

    name: str
    identity: Identity | None
    type: PassengerType
    birth_date: date | None
    gender: Literal["male", "female"] | None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class PartyLimits:
    """The policies a party is held against."""

    infant_age: int
    infants_per_adult: int
    senior_age: int


def check_passenger(entered: PassengerInput, travel_day: date, today: date, limits: PartyLimits) -> PassengerDetails:
    """What a clerk typed, as it will be stored.

    Raises:
        Refused: codes ``name_invalid``, ``identity_invalid``, ``identity_missing``, ``birth_date_missing``,
            ``birth_date_invalid``, ``infant_too_old``.
    """
    name = normalize_name(entered.name)
    identity = parse_identity(entered.identity) if entered.identity.strip() else None
    infant = entered.type is PassengerType.INFANT
    if identity is None and not infant:
        raise Refused(
            f"{name} needs an identity number.",
            code="identity_missing",
            hint="Type the NIK from the identity, family or child card, or the passport number.",
        )
    nik = identity.number if identity is not None and identity.kind == "nik" else None
    birth_date = entered.birth_date or (birth_date_from_nik(nik, today) if nik else None)
    if birth_date is not None and not date(1900, 1, 1) <= birth_date <= today:
        raise Refused(f"{birth_date.isoformat()} is no birth date.", code="birth_date_invalid", hint="Check the card.")
    if infant:
        _require_infant(name, birth_date, travel_day, limits)
    findings = nik_findings(nik, today) if nik else []
    if entered.type is PassengerType.SENIOR and birth_date and age_on(birth_date, travel_day) < limits.senior_age:
        findings.append(Finding("not_yet_senior", f"{name} is not yet {limits.senior_age} on the day of travel."))
    return PassengerDetails(
        name, identity, entered.type, birth_date, gender_from_nik(nik) if nik else None, tuple(findings)
    )


def _require_infant(name: str, birth_date: date | None, travel_day: date, limits: PartyLimits) -> None:
    if birth_date is None:
        raise Refused(
            f"The birth date of the infant {name} is missing.",
            code="birth_date_missing",
            hint="Type it, or the NIK from the family card.",
        )
    if age_on(birth_date, travel_day) >= limits.infant_age:
        raise Refused(
            f"{name} is {age_on(birth_date, travel_day)} on the day of travel; infants are under {limits.infant_age}.",
            code="infant_too_old",
            hint="Sell a child's seat instead.",
        )


def check_party(
    entered: Sequence[PassengerInput], travel_day: date, today: date, limits: PartyLimits, *, exclusive: bool = False
) -> list[PassengerDetails]:
    """The whole party; seats go to everyone but infants, in this order.

    Args:
        exclusive: an identity may have one ticket only, as on subsidised trains. Elsewhere repeating one is worth a
            second look, no more.

    Raises:
        Refused: as ``check_passenger``, and codes ``infant_alone``, ``too_many_infants``, ``identity_repeated``.
    """
    party = [check_passenger(passenger, travel_day, today, limits) for passenger in entered]
    infants = sum(1 for passenger in party if passenger.type is PassengerType.INFANT)
    laps = sum(1 for passenger in party if passenger.type in (PassengerType.ADULT, PassengerType.SENIOR))
    if infants and not laps:
        raise Refused("An infant cannot travel without an adult.", code="infant_alone", hint="Add an adult.")
    if infants > laps * limits.infants_per_adult:
        raise Refused(
            "There are more infants than laps.",
            code="too_many_infants",
            hint="A further infant pays a fare and gets a seat: enter it as a child.",
        )
    seen: set[str] = set()
    for place, passenger in enumerate(party):
        number = passenger.identity.number if passenger.identity is not None else ""
        if number and number in seen:
            if exclusive:
                raise Refused(
                    "Two passengers have the same identity number.",
                    code="identity_repeated",
                    hint="On this train each passenger needs a number of their own.",
                )
            again = Finding("identity_repeated", f"{passenger.name} has the number of another passenger.")
            party[place] = replace(passenger, findings=(*passenger.findings, again))
        seen.add(number)
    return party
