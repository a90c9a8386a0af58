"""The gate's answers as they are drawn: every one fits the smallest screen, in both languages, and says what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from core.checkin import Answer, FirstUse, Gate, Outcome
from core.entitlements import Entitlement
from core.network import StationInfo
from counter.i18n import set_language
from counter.screens.gate_faces import checking, face_of, failed, idle, undecided, word_of
from counter.symbols import use_ascii
from counter.widgets.answer_board import Face, board
from counter.widgets.block_letters import ROWS, block_letters, can_set, columns

#: The board at 80x24: without bar, boarding, field, last scans, message and keys.
WIDTH, HEIGHT = 80, 18
AT = datetime(2026, 11, 25, 7, 2, tzinfo=timezone(timedelta(hours=7)))
GATE = Gate("YK", "43")


def station(code: str, name: str) -> StationInfo:
    return StationInfo(1, code, name, name, "Asia/Jakarta")


def answer(outcome: Outcome, name: str = "BUDI SANTOSO", coach: str = "EKO PRE-3") -> Answer:
    """An answer with everything that can be known about a ticket."""
    trip: Any = SimpleNamespace(
        train=SimpleNamespace(number="7041", name="Argo Bromo Anggrek Pagi"),
        origin=station("YK", "Yogyakarta"),
        destination=station("SBI", "Surabaya Pasar Turi"),
        departs_at=AT + timedelta(minutes=28),
        day=AT.date(),
    )
    seat: Any = SimpleNamespace(coach=SimpleNamespace(label=coach), number="12A")
    used = FirstUse(AT, "YK")
    return Answer(outcome, "000001000001", "ABX4K7Q", name, "…0001", trip, seat, used, AT)


@pytest.fixture(params=["en", "id"], autouse=True)
def language(request: pytest.FixtureRequest) -> Iterator[str]:
    set_language(request.param)
    yield request.param
    set_language("en")
    use_ascii(False)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_has_a_large_word_that_fits(outcome: Outcome) -> None:
    word = word_of(outcome)
    assert can_set(word)
    assert columns(word) <= WIDTH - 2
    lines = board(face_of(answer(outcome), GATE), WIDTH, HEIGHT)
    large = block_letters(word, WIDTH - 2)
    assert large is not None
    assert sum("█" in line for line in lines) >= ROWS


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_says_why_and_what_to_do_in_one_line_each(outcome: Outcome) -> None:
    face = face_of(answer(outcome), GATE)
    assert face.tone == ("go" if outcome is Outcome.OK else "stop")
    if outcome is not Outcome.OK:
        assert face.reason.endswith(".")
        assert face.advice.endswith(".")
        assert cell_len(f"✘ {face.reason}") <= WIDTH
        assert cell_len(face.advice) <= WIDTH


@pytest.mark.parametrize("outcome", list(Outcome))
def test_an_answer_about_which_nothing_is_known_has_words_as_well(outcome: Outcome) -> None:
    face = face_of(Answer(outcome), Gate("YK"))
    assert face.word == word_of(outcome)
    assert outcome is Outcome.OK or face.reason != ""


def test_no_two_answers_look_alike() -> None:
    assert len({word_of(outcome) for outcome in Outcome}) == len(Outcome)


@given(
    outcome=st.sampled_from(Outcome), name=st.text(max_size=200), width=st.integers(20, 160), height=st.integers(1, 60)
)
def test_whatever_the_room_nothing_is_wider_or_higher(outcome: Outcome, name: str, width: int, height: int) -> None:
    printable = "".join(letter for letter in name if letter.isprintable())
    lines = board(face_of(answer(outcome, printable), GATE), width, height)
    assert len(lines) <= height
    assert all(cell_len(line) <= width for line in lines)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_symbol_and_word_say_it_without_colour(outcome: Outcome) -> None:
    low = board(face_of(answer(outcome), GATE), 30, 18)
    spelled = "\n".join(low)
    if outcome is Outcome.OK:
        assert "✔" in spelled or "█" in spelled
    else:
        assert "✘" in spelled


def test_a_ticket_that_may_board_shows_coach_and_seat_large() -> None:
    lines = board(face_of(answer(Outcome.OK), GATE), WIDTH, HEIGHT)
    assert sum("█" in line for line in lines) == 2 * ROWS
    assert any("BUDI SANTOSO   …0001" in line for line in lines)
    assert any("YK → SBI" in line for line in lines)


def test_without_a_seat_it_says_so() -> None:
    face = face_of(replace(answer(Outcome.OK), seat=None), GATE)
    assert face.seat == ""
    assert face.advice != ""
    assert any(face.advice in line for line in board(face, WIDTH, HEIGHT))


def test_a_train_that_ends_here_and_one_that_comes_from_there(language: str) -> None:
    ends_here = face_of(answer(Outcome.WRONG_DIRECTION), Gate("SBI")).reason
    comes_back = face_of(answer(Outcome.WRONG_DIRECTION), Gate("YK", "44")).reason
    assert "YK Yogyakarta" in ends_here
    assert "SBI Surabaya Pasar Turi" in comes_back


def test_a_lapsed_entitlement_says_since_when(language: str) -> None:
    lapsed = Entitlement(
        UUID(int=1), "senior", "BUDI", "…0001", "KTP", AT.date() - timedelta(days=99), AT.date() - timedelta(days=1)
    )

    def reason(entitlement: Entitlement | None) -> str:
        return face_of(replace(answer(Outcome.ENTITLEMENT), entitlement=entitlement), GATE).reason

    assert "24 Nov 2026" in reason(lapsed)
    later = replace(lapsed, valid_from=AT.date() + timedelta(days=1), valid_until=AT.date() + timedelta(days=2))
    assert "26 Nov 2026" in reason(later)
    assert reason(replace(lapsed, is_revoked=True)).endswith("dicabut." if language == "id" else "was revoked.")
    assert len({reason(None), reason(lapsed), reason(later)}) == 3


def test_waiting_says_how_many_wait() -> None:
    assert "3" in undecided("…", 3).advice
    assert undecided("…", 1).advice != undecided("…", 3).advice
    assert undecided("…", 1).tone == "wait"


@pytest.mark.parametrize("face", [checking, lambda: failed("No.", "Call."), lambda: idle("YK"), lambda: idle("")])
def test_what_is_no_answer_has_a_large_word_too(face: Callable[[], Face]) -> None:
    lines = board(face(), WIDTH, HEIGHT)
    assert sum("█" in line for line in lines) >= ROWS


def test_in_ascii_all_of_it_is_ascii() -> None:
    use_ascii(True)
    for face in (face_of(answer(Outcome.OK), GATE), face_of(answer(Outcome.ALREADY_USED), GATE), idle("YK")):
        assert "\n".join(board(face, WIDTH, HEIGHT)).isascii()


def test_small_words_are_set_twice_as_wide() -> None:
    single, double = block_letters("OK", 12), block_letters("OK", 80)
    assert single is not None
    assert double is not None
    assert len(double[0]) == 2 * len(single[0])
    assert block_letters("OK", 5) is None
    assert block_letters("€", 80) is None
    assert [line.strip() for line in board(Face("stop", "€"), 20, 5)] == ["", "", "✘ € ✘"]
