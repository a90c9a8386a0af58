"""What an answer means for a payment: every state of ours against every state of the gateway's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import states
from core.payments.gateway_answer import Answer, RefundLine, TransactionState
from core.payments.judgement import QUESTIONS, Action, Decision, judge

AMOUNT = 789_000
WHOLE = (RefundLine("r1", AMOUNT),)
PART = (RefundLine("r1", 100_000),)


def answer(state: str, *, amount: int = AMOUNT, order_id: str = "SC-1", **more: Any) -> Answer:
    """An answer as the gateway would give it."""
    fields = {"status_code": "200", "transaction_id": "t", "gross_amount": f"{amount}.00"} | more
    return Answer(order_id=order_id, state=TransactionState(state), amount=amount, **fields)


#: Our state before, then "gateway's state: ours after, action, question".
TABLE = {
    "pending": """
        pending            processing wait
        authorize          processing wait
        capture            completed  confirm
        settlement         completed  confirm
        deny               failed     close
        cancel             failed     close
        expire             failed     close
        failure            failed     close
        refund             failed     close   refunded_elsewhere
        chargeback         failed     close   charged_back
        partial_chargeback processing ask     charged_back
    """,
    "processing": """
        pending            processing wait
        authorize          processing wait
        capture            completed  confirm
        settlement         completed  confirm
        deny               failed     close
        cancel             failed     close
        expire             failed     close
        failure            failed     close
        refund             failed     close   refunded_elsewhere
        chargeback         failed     close   charged_back
        partial_chargeback processing ask     charged_back
    """,
    "completed": """
        pending            completed  wait
        authorize          completed  wait
        capture            completed  keep
        settlement         completed  keep
        deny               completed  ask     settlement_denied
        cancel             completed  ask     settlement_cancelled
        expire             completed  ask     settlement_expired
        failure            completed  ask     settlement_failed
        refund             completed  ask     refunded_elsewhere
        chargeback         completed  ask     charged_back
        partial_chargeback completed  ask     charged_back
    """,
    "failed": """
        pending            failed     expire
        authorize          failed     expire
        capture            completed  return  settled_late
        settlement         completed  return  settled_late
        deny               failed     keep
        cancel             failed     keep
        expire             failed     keep
        failure            failed     keep
        refund             failed     keep
        chargeback         failed     keep
        partial_chargeback failed     ask     charged_back
    """,
    "refunded": """
        pending            refunded   wait
        authorize          refunded   wait
        capture            refunded   ask     refund_missing
        settlement         refunded   ask     refund_missing
        deny               refunded   ask     settlement_denied
        cancel             refunded   ask     settlement_cancelled
        expire             refunded   ask     settlement_expired
        failure            refunded   ask     settlement_failed
        refund             refunded   keep
        chargeback         refunded   ask     charged_back
        partial_chargeback refunded   ask     charged_back
    """,
}


def rows() -> list[tuple[str, str, Decision]]:
    found = []
    for ours, lines in TABLE.items():
        for line in lines.strip().splitlines():
            theirs, after, verb, *question = line.split()
            found.append((ours, theirs, Decision(after, Action(verb), *question)))
    return found


def test_the_table_leaves_out_no_state() -> None:
    """Partial refunds depend on our books and have a test of their own."""
    every = {(ours, theirs) for ours in states.PAYMENT for theirs in set(TransactionState) - {"partial_refund"}}
    assert {(ours, theirs) for ours, theirs, _ in rows()} == every


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
        (
            "completed",
            answer("partial_refund", refunds=PART),
            0,
            Decision("completed", Action.ASK, "refunded_elsewhere"),
        ),
        (
            "completed",
            answer("partial_refund", refunds=PART),
            AMOUNT,
            Decision("completed", Action.ASK, "refund_missing"),
        ),
        ("completed", answer("settlement"), 100_000, Decision("completed", Action.ASK, "refund_missing")),
        (
            "refunded",
            answer("partial_refund", refunds=PART),
            AMOUNT,
            Decision("refunded", Action.ASK, "refund_missing"),
        ),
        (
            "pending",
            answer("partial_refund", refunds=PART),
            0,
            Decision("processing", Action.ASK, "refunded_elsewhere"),
        ),
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
@pytest.mark.parametrize(
    ("ours", "after"), [("pending", "processing"), ("processing", "processing"), ("failed", "failed")]
)
def test_money_under_suspicion_confirms_nothing(ours: str, after: str, fraud_status: str) -> None:
    decision = judge(ours, answer("capture", fraud_status=fraud_status), amount=AMOUNT, order_id="SC-1")
    assert decision == Decision(after, Action.ASK, "settled_under_review")


@pytest.mark.parametrize("ours", list(TABLE))
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


@given(st.sampled_from(list(TABLE)), answers, st.sampled_from([0, 100_000, AMOUNT]), st.booleans())
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
