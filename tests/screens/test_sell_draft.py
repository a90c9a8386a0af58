"""A sale as it is typed, without a screen: where the cursor goes, what is refused, and that nothing is lost."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.booking import HoldRequest
from core.errors import CounterError, Refused, UsageError
from core.identity import PassengerType
from core.payments import Tender
from counter.screens.sale_draft import SaleDraft, Spot, Step, Traveller
from counter.screens.typed_names import UNSHOWABLE, showable, split_identity, split_infant
from tests.screens import sale_samples as samples
from tests.screens.sale_samples import BUDI, JOKO, SITI, TODAY


def types(draft: SaleDraft) -> list[str]:
    return [traveller.type.value for traveller in draft.party]


def test_the_steps_follow_from_what_a_sale_has() -> None:
    draft = SaleDraft()
    steps = [draft.step]
    draft.ask(samples.entry("gmr 25 3a1i"))
    draft.offered = True
    steps.append(draft.step)
    draft.hold(samples.holding())
    steps.append(draft.step)
    samples.named(draft).pay()
    steps.append(draft.step)
    draft.finish(samples.sale(draft))
    steps.append(draft.step)
    assert steps == list(Step)


def test_a_party_is_listed_with_infants_last() -> None:
    assert types(samples.draft("gmr 1i1c1s1a")) == ["adult", "senior", "child", "infant"]


def test_enter_leads_through_the_party_and_to_the_money() -> None:
    draft = samples.draft()
    way: list[Spot | None] = []
    for line, (name, number) in enumerate((("Budi", BUDI), ("Siti", SITI), ("Joko", JOKO), ("Rafi", "02/03/2025"))):
        draft.party[line].name = name
        way.append(draft.enter_name(line))
        draft.party[line].identity = number
        way.append(draft.enter_identity(line))
    assert way == [
        Spot(0, "identity"), Spot(1, "name"), Spot(1, "identity"), Spot(2, "name"),
        Spot(2, "identity"), Spot(3, "name"), Spot(3, "identity"), None,
    ]  # fmt: skip


def test_a_number_behind_the_name_is_taken_along() -> None:
    draft = samples.draft()
    draft.party[0].name = f"Budi Santoso {BUDI}"
    assert draft.enter_name(0) == Spot(1, "name")
    assert draft.party[0] == Traveller(PassengerType.ADULT, "Budi Santoso", BUDI)
    draft.party[3].name = "Rafi 2/3/2025"
    assert draft.enter_name(3) == Spot(1, "name")
    assert draft.party[3].identity == "2/3/2025"


def test_what_is_known_already_is_passed_over() -> None:
    draft = samples.named(samples.draft())
    draft.party[2].identity = ""
    assert draft.enter_identity(0) == Spot(2, "identity")
    draft.party[2].identity = JOKO
    draft.party[0].identity = ""
    assert draft.enter_identity(3) == Spot(0, "identity"), "back to what is missing above"


@pytest.mark.parametrize(
    ("field", "text", "code"),
    [
        ("name", "", "name_invalid"),
        ("name", "1234", "name_invalid"),
        ("name", "x" * 5000, "name_invalid"),
        ("name", showable("Bu\x1bdi"), "name_invalid"),
        ("name", f"{'x' * 5000} {BUDI}", "name_invalid"),
        ("identity", "", "identity_missing"),
        ("identity", "317", "identity_invalid"),
        ("identity", "9" * 5000, "identity_invalid"),
        ("identity", showable("3171010101900001\x07"), "identity_invalid"),
    ],
)
def test_a_refusal_is_one_sentence_and_loses_nothing(field: str, text: str, code: str) -> None:
    draft = samples.named(samples.draft())
    setattr(draft.party[1], field, text)
    with pytest.raises(Refused) as refused:
        draft.enter_name(1) if field == "name" else draft.enter_identity(1)
    assert refused.value.reason == code
    assert refused.value.message.count(".") <= 1
    assert getattr(draft.party[1], field) == text
    assert draft.first_missing() == Spot(1, field)


@given(st.text(max_size=60), st.text(max_size=40), st.sampled_from(list(PassengerType)))
def test_no_text_whatever_does_more_than_be_refused(name: str, identity: str, kind: PassengerType) -> None:
    draft = samples.draft("gmr 25")
    draft.party[0] = Traveller(kind, showable(name), showable(identity))
    for enter in (draft.enter_name, draft.enter_identity):
        with suppress(Refused, UsageError):
            enter(0)
    refusal = draft.problem(0)
    assert refusal is None or (refusal.message and refusal.hint)


def test_control_characters_are_seen_and_never_sent_on() -> None:
    assert showable("Bu\x1b[2Jdi\tSan\x07toso") == f"Bu{UNSHOWABLE}[2Jdi San{UNSHOWABLE}toso"
    assert showable("Ålesund Ñoño") == "Ålesund Ñoño"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("", None)),
        ("2025-03-02", ("", date(2025, 3, 2))),
        ("02/03/2025", ("", date(2025, 3, 2))),
        ("02032025", ("", date(2025, 3, 2))),
        ("2mar2025", ("", date(2025, 3, 2))),
        ("3171010203250001", ("3171010203250001", None)),
        ("X1234567", ("X1234567", None)),
        ("X1234567 2025-03-02", ("X1234567", date(2025, 3, 2))),
        ("02/03/2025 X1234567", ("X1234567", date(2025, 3, 2))),
    ],
)
def test_an_infant_has_a_number_or_a_birth_date_or_both(text: str, expected: tuple[str, date | None]) -> None:
    assert split_infant(text, TODAY) == expected


@pytest.mark.parametrize("text", ["31/02/2025", "2025-02-31", "02/03/25", "01/01/2031", "31 feb", "x", "12345"])
def test_a_birth_date_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises((UsageError, Refused)):
        split_infant(text, TODAY)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"Budi {BUDI}", ("Budi", BUDI)),
        (f"Budi, {BUDI} ", ("Budi", BUDI)),
        ("Budi X1234567", ("Budi", "X1234567")),
        ("Budi Santoso", ("Budi Santoso", "")),
        ("Charles 3", ("Charles 3", "")),
        (BUDI, (BUDI, "")),
    ],
)
def test_a_name_and_its_number_are_told_apart(text: str, expected: tuple[str, str]) -> None:
    assert split_identity(text) == expected


def test_an_infant_too_old_is_refused_until_it_is_a_child() -> None:
    draft = samples.named(samples.draft())
    draft.party[3].identity = "2019-03-02"
    with pytest.raises(Refused) as refused:
        draft.enter_identity(3)
    assert refused.value.reason == "infant_too_old"
    assert draft.needs_other_seats(3, PassengerType.CHILD)
    assert not draft.needs_other_seats(0, PassengerType.CHILD)


def test_the_same_number_twice_is_doubtful_and_refused_where_each_may_travel_once() -> None:
    draft = samples.named(samples.draft())
    draft.party[1].identity = BUDI
    assert draft.enter_identity(1) is None
    assert [finding.code for finding in draft.findings(1)] == ["identity_repeated"]
    strict = samples.named(samples.draft(exclusive=True))
    strict.party[1].identity = BUDI
    with pytest.raises(Refused) as refused:
        strict.enter_identity(1)
    assert refused.value.reason == "identity_repeated"


def test_a_child_cannot_take_an_infant_along() -> None:
    draft = samples.named(samples.draft("gmr 25 1c1i"))
    draft.party[0].name, draft.party[0].identity = "Budi", BUDI
    draft.party[1].name, draft.party[1].identity = "Rafi", "2025-03-02"
    with pytest.raises(Refused) as refused:
        draft.pay()
    assert refused.value.reason == "infant_alone"
    assert draft.step is Step.PASSENGERS


def test_seats_go_to_everybody_but_infants_in_the_order_of_the_lines() -> None:
    draft = samples.draft("gmr 25 2a2i")
    draft.party.insert(1, draft.party.pop())
    assert [draft.seat_of(line) for line in range(4)] == ["EKS 2/12A", "", "EKS 2/12B", ""]


def test_names_on_the_line_come_along_and_cash_makes_it_a_sale_in_one_line() -> None:
    draft = samples.draft(f"gmr 25 eks Budi Santoso {BUDI} cash")
    assert draft.is_one_line_sale
    assert draft.first_missing() is None
    assert draft.party == [Traveller(PassengerType.ADULT, "BUDI SANTOSO", BUDI)]
    assert not samples.draft(f"gmr 25 eks 2a Budi Santoso {BUDI} cash").is_one_line_sale
    assert not samples.draft(f"gmr 25 eks Budi Santoso {BUDI}").is_one_line_sale


def test_another_question_for_the_same_party_keeps_what_was_typed() -> None:
    draft = samples.named(samples.draft())
    draft.party[0].type = PassengerType.SENIOR
    draft.release()
    draft.ask(samples.entry("gmr 26 3a1i"))
    assert [traveller.name for traveller in draft.party] == ["Budi Santoso", "Siti Aminah", "Joko", "Rafi"]
    assert types(draft)[0] == "senior"
    draft.ask(samples.entry("gmr 26 2a1i"))
    assert [traveller.name for traveller in draft.party] == ["", "Siti Aminah", ""], "as far as they are alike"


def test_a_hold_of_the_database_makes_lines_for_its_party() -> None:
    draft = SaleDraft()
    draft.hold(samples.holding(2, 1))
    assert types(draft) == ["adult", "adult", "infant"]
    stored = samples.named(samples.draft())
    draft.recall(stored.passengers())
    assert [one.name for one in draft.party] == ["BUDI SANTOSO", "SITI AMINAH", "JOKO", "RAFI"]
    assert draft.party[3] == Traveller(PassengerType.INFANT, "RAFI", "2025-03-02")


def test_a_hold_is_asked_for_under_one_key_until_it_is_answered() -> None:
    draft = SaleDraft()
    one, other = HoldRequest(1, "EKS", "YK", "GMR", 2), HoldRequest(2, "EKS", "YK", "GMR", 2)
    key = draft.key_for(one)
    assert draft.key_for(one) == key
    assert draft.key_for(other) != key
    draft.forget_key()
    assert draft.key_for(other) != key


def test_a_submission_stays_the_same_while_nobody_knows_whether_it_was_saved() -> None:
    draft = samples.named(samples.draft())
    draft.pay()
    first = draft.submit(Tender("cash", tendered=1_400_000))
    draft.lost_answer()
    draft.party[0].name = "Somebody Else"
    assert draft.submit(Tender("cash", tendered=2_000_000)) is first
    draft.refused()
    again = draft.submit(Tender("cash", tendered=2_000_000))
    assert again.key == first.key
    assert (again.tender.tendered, again.passengers[0].name) == (2_000_000, "SOMEBODY ELSE")


def test_a_hold_is_extended_while_somebody_types_and_not_otherwise() -> None:
    draft = samples.draft()  # ends at 600
    assert not draft.wants_extension(now=400, last_key=400), "long enough"
    assert draft.wants_extension(now=500, last_key=450)
    assert not draft.wants_extension(now=500, last_key=400), "nobody is there"
    assert not draft.wants_extension(now=600, last_key=600), "too late"
    draft.extend(1200)
    assert draft.seconds_left(500) == 700
    draft.expire()
    assert draft.seconds_left(500) == 0
    assert draft.is_open


def test_giving_up_keeps_what_was_typed() -> None:
    draft = samples.named(samples.draft())
    draft.pay()
    before = [replace(traveller) for traveller in draft.party]
    draft.release()
    assert (draft.step, draft.held, draft.party) == (Step.OFFERS, None, before)


def test_the_type_key_goes_round_all_types() -> None:
    draft = samples.draft("gmr 25")
    seen = []
    for _ in PassengerType:
        seen.append(draft.next_type(0))
        draft.set_type(0, seen[-1])
    assert set(seen) == set(PassengerType)


def test_problems_are_errors_of_the_library() -> None:
    draft = samples.draft()
    assert isinstance(draft.problem(0), CounterError)
    assert samples.named(draft).problem(0) is None
