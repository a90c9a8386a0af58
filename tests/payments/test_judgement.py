"""What an answer means for a payment: every state of ours against every state of the gateway's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import states
from core.payments.gateway_answer import Answer, RefundLine, TransactionState
from core.payments.judgement import QUESTIONS, Action, Decision, judge
from tests_payments import AMOUNT, answer

WHOLE = (RefundLine("r1", AMOUNT),)
PART = (RefundLine("r1", 100_000),)

#: gateway's state, then ours before: pending | processing | completed | failed | refunded. "= x" stays as it is.
TABLE = """
pending            processing wait    processing wait    = wait                    = expire                   = wait
authorize          processing wait    processing wait    = wait                    = expire                   = wait
capture            completed confirm  completed confirm  = keep                    completed return:settled_late  = ask:refund_missing
settlement         completed confirm  completed confirm  = keep                    completed return:settled_late  = ask:refund_missing
deny               failed close       failed close       = ask:settlement_denied    = keep                    = ask:settlement_denied
cancel             failed close       failed close       = ask:settlement_cancelled = keep                    = ask:settlement_cancelled
expire             failed close       failed close       = ask:settlement_expired   = keep                    = ask:settlement_expired
failure            failed close       failed close       = ask:settlement_failed    = keep                    = ask:settlement_failed
refund             failed close:refunded_elsewhere failed close:refunded_elsewhere = ask:refunded_elsewhere = keep  = keep
chargeback         failed close:charged_back  failed close:charged_back  = ask:charged_back  = keep           = ask:charged_back
partial_chargeback processing ask:charged_back = ask:charged_back = ask:charged_back = ask:charged_back       = ask:charged_back
"""
OURS = ("pending", "processing", "completed", "failed", "refunded")


def rows() -> list[tuple[str, str, Decision]]:
    found = []
    for line in TABLE.strip().splitlines():
        theirs, *cells = line.split()
        for ours, state, action in zip(OURS, cells[::2], cells[1::2], strict=True):
            verb, _, question = action.partition(":")
            found.append((ours, theirs, Decision(ours if state == "=" else state, Action(verb), question or None)))
    return found


def test_the_table_leaves_out_no_state() -> None:
    assert set(OURS) == set(states.PAYMENT)
    assert {theirs for _, theirs, _ in rows()} == set(TransactionState) - {"partial_refund"}


@pytest.mark.parametrize(("ours", "theirs", "expected"), rows())
def test_every_state_against_every_answer(ours: str, theirs: str, expected: Decision) -> None:
    given_back = AMOUNT if ours == "refunded" else 0
    decision = judge(ours, answer(theirs), amount=AMOUNT, order_id="SC-1", refunded=given_back)
    assert decision == expected


@pytest.mark.parametrize(
    ("ours", "found", "refunded", "expected"),
    [
        ("completed", answer("refund", refunds=WHOLE), AMOUNT, Decision("refunded", Action.KEEP)),
        ("completed", answer("partial_refund", refunds=PART), 100_000, Decision("completed", Action.KEEP)),
        ("completed", answer("partial_refund", refunds=PART), 0, Decision("completed", Action.ASK, "refunded_elsewhere")),
        ("completed", answer("partial_refund", refunds=PART), AMOUNT, Decision("completed", Action.ASK, "refund_missing")),
        ("completed", answer("settlement"), 100_000, Decision("completed", Action.ASK, "refund_missing")),
        ("refunded", answer("partial_refund", refunds=PART), AMOUNT, Decision("refunded", Action.ASK, "refund_missing")),
        ("pending", answer("partial_refund", refunds=PART), 0, Decision("processing", Action.ASK, "refunded_elsewhere")),
        ("failed", answer("partial_refund", refunds=PART), 0, Decision("failed", Action.ASK, "refunded_elsewhere")),
    ],
)
def test_refunds_are_compared_with_our_books(ours: str, found: Answer, refunded: int, expected: Decision) -> None:
    assert judge(ours, found, amount=AMOUNT, order_id="SC-1", refunded=refunded) == expected


@pytest.mark.parametrize("ours", ["pending", "processing"])
def test_money_for_a_booking_that_no_longer_waits_is_given_back(ours: str) -> None:
    decision = judge(ours, answer("settlement"), amount=AMOUNT, order_id="SC-1", wanted=False)
    assert decision == Decision("completed", Action.RETURN, "settled_unwanted")


@pytest.mark.parametrize("fraud_status", ["challenge", "deny"])
@pytest.mark.parametrize(("ours", "after"), [("pending", "processing"), ("processing", "processing"), ("failed", "failed")])
def test_money_under_suspicion_confirms_nothing(ours: str, after: str, fraud_status: str) -> None:
    decision = judge(ours, answer("capture", fraud_status=fraud_status), amount=AMOUNT, order_id="SC-1")
    assert decision == Decision(after, Action.ASK, "settled_under_review")


@pytest.mark.parametrize("ours", OURS)
@pytest.mark.parametrize(
    ("found", "question"),
    [
        (answer("settlement", amount=AMOUNT + 1), "wrong_amount"),
        (answer("settlement", order_id="SC-2"), "wrong_order"),
        (answer("settlement", currency="USD"), "wrong_currency"),
    ],
)
def test_an_answer_about_something_else_changes_nothing(ours: str, found: Answer, question: str) -> None:
    assert judge(ours, found, amount=AMOUNT, order_id="SC-1") == Decision(ours, Action.ASK, question)


answers = st.builds(
    lambda state, fraud, refunds, wrong: answer(state, fraud_status=fraud, refunds=refunds, amount=AMOUNT + wrong),
    st.sampled_from(TransactionState),
    st.sampled_from(["", "accept", "challenge", "deny"]),
    st.sampled_from([(), WHOLE, PART]),
    st.sampled_from([0, 0, 0, 1]),
)


@given(st.sampled_from(OURS), answers, st.sampled_from([0, 100_000, AMOUNT]), st.booleans())
def test_decisions_follow_the_arrows_and_happen_once(ours: str, found: Answer, refunded: int, wanted: bool) -> None:
    decision = judge(ours, found, amount=AMOUNT, order_id="SC-1", refunded=refunded, wanted=wanted)
    late = (ours, decision.state) == ("failed", "completed")
    assert decision.state == ours or decision.state in states.PAYMENT[ours] or late
    assert decision.question is None or decision.question in QUESTIONS
    if decision.action is Action.ASK:
        assert decision.question is not None
    again = judge(decision.state, found, amount=AMOUNT, order_id="SC-1", refunded=refunded, wanted=wanted)
    assert again.state == decision.state
    assert again.action not in (Action.CONFIRM, Action.CLOSE, Action.RETURN)
