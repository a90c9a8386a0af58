"""The people on a booking: what is required of each and of the party, without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Refused
from core.identity import PassengerType
from core.passengers import PartyLimits, PassengerInput, check_party, check_passenger

TODAY = date(2026, 11, 20)
TRAVEL = date(2026, 11, 25)
LIMITS = PartyLimits(infant_age=3, infants_per_adult=1, senior_age=60)
BUDI = PassengerInput("Budi", "3171010101900001")
SITI = PassengerInput("Siti", "3171014507920003")
BABY = PassengerInput("Bayi", "", PassengerType.INFANT, date(2026, 1, 1))


def refused(code: str, *party: PassengerInput, limits: PartyLimits = LIMITS, exclusive: bool = False) -> None:
    with pytest.raises(Refused) as caught:
        check_party(party, TRAVEL, TODAY, limits, exclusive=exclusive)
    assert caught.value.reason == code


def findings(*party: PassengerInput) -> list[str]:
    return [finding.code for one in check_party(party, TRAVEL, TODAY, LIMITS) for finding in one.findings]


# One passenger


def test_a_nik_tells_birth_and_gender() -> None:
    siti = check_passenger(SITI, TRAVEL, TODAY, LIMITS)
    assert (siti.name, siti.birth_date, siti.gender) == ("SITI", date(1992, 7, 5), "female")
    assert siti.identity is not None
    assert (siti.identity.kind, siti.findings) == ("nik", ())


def test_a_typed_birth_date_goes_before_the_one_in_the_nik() -> None:
    """The number can be wrong for life."""
    typed = replace(SITI, birth_date=date(1993, 7, 5))
    assert check_passenger(typed, TRAVEL, TODAY, LIMITS).birth_date == date(1993, 7, 5)


def test_a_passport_tells_neither() -> None:
    foreigner = check_passenger(PassengerInput("Ann", "x1234567"), TRAVEL, TODAY, LIMITS)
    assert (foreigner.birth_date, foreigner.gender) == (None, None)


@pytest.mark.parametrize(
    ("passenger", "code"),
    [
        (replace(BUDI, name=""), "name_invalid"),
        (replace(BUDI, name="\u202eBudi"), "name_invalid"),
        (replace(BUDI, identity=""), "identity_missing"),
        (replace(BUDI, identity=" \t"), "identity_missing"),
        (replace(BUDI, identity="", type=PassengerType.CHILD), "identity_missing"),
        (replace(BUDI, identity="317101010190000"), "identity_invalid"),
        (replace(BUDI, birth_date=TODAY + timedelta(days=1)), "birth_date_invalid"),
        (replace(BUDI, birth_date=date(1899, 12, 31)), "birth_date_invalid"),
        (replace(BABY, birth_date=None), "birth_date_missing"),
        (replace(BABY, identity="A1234567", birth_date=None), "birth_date_missing"),
        (replace(BABY, birth_date=date(2023, 11, 25)), "infant_too_old"),  # three on the very day
    ],
)
def test_who_does_not_travel_like_this(passenger: PassengerInput, code: str) -> None:
    party = (passenger, SITI) if passenger.type is PassengerType.INFANT else (passenger,)
    refused(code, *party)


def test_the_last_day_of_an_infant() -> None:
    """Three the day after the journey; the age counts on the day of travel, not today."""
    check_party([BUDI, replace(BABY, birth_date=date(2023, 11, 26))], TRAVEL, TODAY, LIMITS)
    limits = replace(LIMITS, infant_age=2)
    refused("infant_too_old", BUDI, replace(BABY, birth_date=date(2023, 11, 26)), limits=limits)


def test_an_infant_may_show_the_nik_of_the_family_card() -> None:
    baby = replace(BABY, birth_date=None, identity="3171010506250004")
    details = check_party([BUDI, baby], TRAVEL, TODAY, LIMITS)[1]
    assert details.birth_date == date(2025, 6, 5)
    assert details.identity is not None


def test_doubts_are_findings_and_no_refusals() -> None:
    young = replace(BUDI, type=PassengerType.SENIOR)
    assert findings(young) == ["not_yet_senior"]
    assert findings(replace(BUDI, identity="9971013201900000")) == ["nik_province", "nik_date", "nik_serial"]
    assert findings(replace(young, birth_date=date(1966, 11, 25))) == []


# The party


def test_infants_need_laps() -> None:
    refused("infant_alone", BABY)
    refused("infant_alone", replace(BUDI, type=PassengerType.CHILD), BABY)
    refused("too_many_infants", BUDI, BABY, replace(BABY, name="Bayi Dua"))
    check_party([BUDI, BABY, SITI, BABY], TRAVEL, TODAY, LIMITS)
    check_party([BUDI, BABY, BABY], TRAVEL, TODAY, replace(LIMITS, infants_per_adult=2))
    refused("too_many_infants", BUDI, BABY, limits=replace(LIMITS, infants_per_adult=0))


def test_a_senior_has_a_lap() -> None:
    check_party([replace(BUDI, type=PassengerType.SENIOR), BABY], TRAVEL, TODAY, LIMITS)


def test_one_number_for_two_is_refused_where_it_counts_and_noted_elsewhere() -> None:
    again = replace(SITI, identity="3171 0101.0190-0001")  # the same, typed otherwise
    refused("identity_repeated", BUDI, again, exclusive=True)
    assert findings(BUDI, again) == ["identity_repeated"]
    assert findings(BUDI, SITI) == []


def test_nobody_is_no_party_of_infants() -> None:
    assert check_party([], TRAVEL, TODAY, LIMITS) == []


@given(
    types=st.lists(st.sampled_from(list(PassengerType)), max_size=8),
    infants_per_adult=st.integers(0, 3),
)
def test_a_party_travels_when_there_are_laps_for_its_infants(
    types: list[PassengerType], infants_per_adult: int
) -> None:
    party = [
        replace(BABY, type=kind) if kind is PassengerType.INFANT else
        PassengerInput(f"P {n}", f"31710101019000{n + 1:02}", kind)
        for n, kind in enumerate(types)
    ]  # fmt: skip
    infants = types.count(PassengerType.INFANT)
    laps = types.count(PassengerType.ADULT) + types.count(PassengerType.SENIOR)
    limits = replace(LIMITS, infants_per_adult=infants_per_adult)
    if infants <= laps * infants_per_adult:
        checked = check_party(party, TRAVEL, TODAY, limits, exclusive=True)
        assert [one.type for one in checked] == types  # in the order they were named: seats follow it
    else:
        with pytest.raises(Refused):
            check_party(party, TRAVEL, TODAY, limits, exclusive=True)
