"""QRIS from the code to the tickets, through crashes, late money, refusals and an absent gateway."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from uuid_utils.compat import uuid7

from core import holds, pending, sale, shifts
from core.errors import CounterError, Refused, StateConflict
from core.payments import Tender, awaited, parts, questions
from core.payments.awaited import Awaited
from core.payments.gateway import Gateway
from core.payments.gateway_errors import GatewayUnreachable
from core.payments.judgement import Action
from core.payments.qris import parse_payload
from core.payments.qris_sale import NoCode, QrisDesk
from core.payments.reconciliation import reconcile
from core.pending import Hold
from counter.simulator import Fault, GatewaySimulator
from tests.payments.conftest import PATIENT, actor_of

if TYPE_CHECKING:
    from tests.conftest import TestDatabase
    from tests.core.conftest import Desk


@pytest.fixture
def qris(desk: Desk, simulator: GatewaySimulator, gateway: Gateway) -> QrisDesk:
    return QrisDesk(desk.office, desk.clerk, simulator.access(**PATIENT), gateway)


@pytest.fixture
def no_gateway(desk: Desk) -> Iterator[QrisDesk]:
    """A counter whose gateway is not there."""
    with GatewaySimulator() as gone:
        access = gone.access(attempts=1, connect=5)
    with Gateway(access, pause=lambda _: None) as gateway:
        yield QrisDesk(desk.office, desk.clerk, access, gateway)


def show(qris: QrisDesk, desk: Desk, held: Hold, amount: int | None = None) -> Awaited:
    return qris.show(held.booking_id, desk.people(len(held.seats)), amount, printer="file").awaited


def run_out(desk: Desk, payment: Awaited) -> None:
    """The code's time is over in our books."""
    desk.owner("UPDATE payments SET expires_at = now() - interval '1 second' WHERE id = :id", id=payment.id)


def states(desk: Desk) -> list[tuple[str, str]]:
    """Payments with the state of their refunds."""
    rows = desk.owner(
        "SELECT p.payment_status, coalesce(r.refund_status, '') FROM payments p LEFT JOIN refunds r"
        " ON r.payment_id = p.id ORDER BY p.id"
    )
    return [(row[0], row[1]) for row in rows]


def asked(desk: Desk) -> list[str]:
    return [row.question for row in desk.owner("SELECT question FROM payment_questions WHERE resolved_at IS NULL")]


def test_a_code_is_shown_and_paid(desk: Desk, qris: QrisDesk, simulator: GatewaySimulator) -> None:
    held = desk.hold()
    shown = show(qris, desk, held)
    assert shown.qr_string is not None
    assert parse_payload(shown.qr_string).amount == 457_500
    assert (shown.status, shown.order_id) == ("processing", f"{held.booking_number}-1")
    assert desk.value("SELECT expires_at FROM bookings") >= shown.expires_at
    assert qris.ask(shown).action is Action.WAIT
    simulator.orders.settle(shown.order_id)
    done = qris.ask(shown)
    assert done.sale is not None
    assert [one.print_state for one in done.sale.tickets] == ["queued"]
    assert qris.ask(shown).awaited.status == "completed"
    payment = desk.owner("SELECT * FROM payments")[0]
    assert payment.gateway_response["transaction_status"] == "settlement"
    assert payment.external_reference == simulator.orders.all()[0].transaction_id
    assert payment.shift_id is not None
    assert reconcile(qris).as_json() == {**reconcile(qris).as_json(), "confirmed": 0, "questions": 0, "refused": []}
    desk.require_sound()


def test_asked_again_the_same_code(desk: Desk, qris: QrisDesk, simulator: GatewaySimulator) -> None:
    held = desk.hold()
    with ThreadPoolExecutor(8) as pool:
        codes = set(pool.map(lambda _: show(qris, desk, held).qr_string, range(8)))
    assert len(codes) == len(simulator.orders.all()) == desk.count("payments") == 1


def test_a_part_by_qris_and_the_rest_in_cash(desk: Desk, qris: QrisDesk, simulator: GatewaySimulator) -> None:
    held = desk.hold()
    shown = show(qris, desk, held, 200_000)
    with pytest.raises(Refused, match=r"more than the 257\.500"):
        parts.take(desk.office, desk.clerk, held.booking_id, None, Tender("cash"), 257_501, key=uuid7())
    parts.take(desk.office, desk.clerk, held.booking_id, None, Tender("cash"), 57_500, key=uuid7())
    simulator.orders.settle(shown.order_id)
    assert qris.ask(shown).sale is None
    done = parts.take(desk.office, desk.clerk, held.booking_id, None, Tender("cash"), None, key=uuid7())
    assert done.sale is not None
    assert done.sale.paid == 457_500
    desk.require_sound()


def test_while_a_code_can_be_paid_nothing_else_pays_for_it(desk: Desk, qris: QrisDesk) -> None:
    held = desk.hold()
    show(qris, desk, held)
    with pytest.raises(StateConflict) as caught:
        sale.confirm(desk.office, desk.clerk, held.booking_id, desk.people(), Tender("cash"), key=uuid7())
    assert caught.value.reason == "payment_under_way"


def test_called_off_another_way_pays(desk: Desk, qris: QrisDesk, simulator: GatewaySimulator) -> None:
    held = desk.hold()
    shown = show(qris, desk, held)
    assert qris.end(shown).action is Action.CLOSE
    assert simulator.orders.all()[0].state == "cancel"
    again = show(qris, desk, held)
    assert again.order_id == f"{held.booking_number}-2"
    qris.end(again)
    done = sale.confirm(desk.office, desk.clerk, held.booking_id, None, Tender("cash"), key=uuid7())
    assert done.paid == 457_500
    assert states(desk) == [("failed", ""), ("failed", ""), ("completed", "")]
    desk.require_sound()


def test_paid_in_the_moment_it_is_called_off_it_is_paid(
    desk: Desk, qris: QrisDesk, simulator: GatewaySimulator
) -> None:
    shown = show(qris, desk, desk.hold())
    simulator.orders.settle(shown.order_id)
    done = qris.end(shown)
    assert done.sale is not None
    assert done.sale.status == "confirmed"


def test_out_of_time_the_gateway_ends_it_too(desk: Desk, qris: QrisDesk, simulator: GatewaySimulator) -> None:
    shown = show(qris, desk, desk.hold())
    run_out(desk, shown)
    assert qris.ask(shown).awaited.status == "failed"
    assert simulator.orders.all()[0].state == "expire"
    assert desk.status(shown.booking_id) == "pending", "the seats are still held for another way to pay"


def test_a_shift_that_was_closed_meanwhile_takes_nothing_more(
    desk: Desk, qris: QrisDesk, simulator: GatewaySimulator
) -> None:
    first, second = show(qris, desk, desk.hold()), show(qris, desk, desk.hold())
    begun_in = desk.value("SELECT shift_id FROM payments LIMIT 1")
    desk.owner("UPDATE shifts SET status = 'counted', counted_at = now()")
    for order in simulator.orders.all():
        simulator.orders.settle(order.order_id)
    assert qris.ask(first).sale is not None
    desk.owner(
        "UPDATE shifts SET status = 'closed', closed_at = now(), closed_by = user_id, expected_amount = 0,"
        " counted_amount = 0"
    )
    now_open = shifts.open_shift(desk.office, desk.clerk, 0).id
    assert qris.ask(second).sale is not None
    assert [row.shift_id for row in desk.owner("SELECT shift_id FROM payments ORDER BY id")] == [None, now_open]
    assert begun_in != now_open


# Money that came for nothing


def test_money_after_the_end_is_found_recorded_and_sent_back(
    desk: Desk, qris: QrisDesk, simulator: GatewaySimulator
) -> None:
    held = desk.hold()
    shown = show(qris, desk, held)
    run_out(desk, shown)
    qris.ask(shown)
    pending.give_up(desk.office, desk.clerk, held.booking_id)
    simulator.orders.settle(shown.order_id, late=True)
    report = reconcile(qris)
    assert (report.returned, report.refunded, report.questions) == (1, 1, 1)
    assert states(desk) == [("refunded", "completed")]
    assert simulator.orders.take_in() == 0
    assert asked(desk) == [], "the question has answered itself"
    assert desk.value("SELECT string_agg(status, ',') FROM booking_modifications") == "closed"
    desk.require_sound()
    again = reconcile(qris)
    assert (again.returned, again.refunded, again.questions, again.refused) == (0, 0, 0, [])
    assert simulator.orders.all()[0].refunded == 457_500


def test_while_the_sale_is_open_late_money_waits_for_its_end(
    desk: Desk, qris: QrisDesk, simulator: GatewaySimulator
) -> None:
    held = desk.hold()
    shown = show(qris, desk, held)
    run_out(desk, shown)
    qris.ask(shown)
    simulator.orders.settle(shown.order_id, late=True)
    reconcile(qris)
    assert (states(desk), asked(desk)) == ([("failed", "")], ["settled_late"])
    sale.confirm(desk.office, desk.clerk, held.booking_id, None, Tender("cash"), key=uuid7())
    reconcile(qris)
    assert states(desk) == [("refunded", "completed"), ("completed", "")]
    assert (simulator.orders.take_in(), asked(desk)) == (0, [])
    desk.require_sound()


def test_a_hold_that_expires_ends_its_code_and_sends_its_money_back(
    desk: Desk, qris: QrisDesk, simulator: GatewaySimulator
) -> None:
    held = desk.hold()
    shown = show(qris, desk, held)
    desk.expire(held)
    assert holds.sweep(desk.office.database) == 1
    assert states(desk) == [("failed", "")]
    simulator.orders.settle(shown.order_id)
    report = reconcile(qris, thorough=False)
    assert (report.returned, report.refunded) == (1, 1)
    desk.require_sound()


def test_given_up_the_code_is_ended_at_the_gateway(desk: Desk, qris: QrisDesk, simulator: GatewaySimulator) -> None:
    held = desk.hold()
    show(qris, desk, held)
    pending.give_up(desk.office, desk.clerk, held.booking_id)
    assert simulator.orders.all()[0].state == "pending"
    reconcile(qris, thorough=False)
    assert simulator.orders.all()[0].state == "expire"
    desk.require_sound()


def test_a_paid_part_of_a_sale_given_up_goes_back_through_the_gateway(
    desk: Desk, qris: QrisDesk, simulator: GatewaySimulator
) -> None:
    held = desk.hold()
    shown = show(qris, desk, held, 200_000)
    simulator.orders.settle(shown.order_id)
    qris.ask(shown)
    pending.give_up(desk.office, desk.clerk, held.booking_id)
    assert states(desk) == [("completed", "initiated")]
    desk.require_sound()
    supervisor = actor_of(desk, "3001")
    (waiting,) = questions.open_questions(desk.office, supervisor)
    with pytest.raises(StateConflict):
        questions.resolve(desk.office, supervisor, waiting.name, "by hand")
    simulator.faults.add(Fault.LOST, "refund", times=9)
    hurried = QrisDesk(desk.office, desk.clerk, qris.access, Gateway(simulator.access(read=0.3, total=0.5, attempts=1)))
    assert reconcile(hurried).unreachable == 1
    hurried.close()
    simulator.faults.clear()
    assert reconcile(qris).refunded == 1
    assert (states(desk), simulator.orders.all()[0].refunded) == ([("refunded", "completed")], 200_000)
    desk.require_sound()


def test_a_refund_the_gateway_refuses_is_a_question_and_paid_by_hand(
    desk: Desk, qris: QrisDesk, simulator: GatewaySimulator
) -> None:
    held = desk.hold()
    shown = show(qris, desk, held, 200_000)
    simulator.orders.settle(shown.order_id)
    qris.ask(shown)
    pending.give_up(desk.office, desk.clerk, held.booking_id)
    simulator.orders.advance(timedelta(days=60))
    assert reconcile(qris).questions == 1
    assert states(desk) == [("completed", "failed")]
    supervisor = actor_of(desk, "3001")
    codes = {one.code: one.name for one in questions.open_questions(desk.office, supervisor)}
    assert codes.keys() == {"refund_refused", "refund_failed"}
    assert desk.value("SELECT count(*) FROM refunds WHERE refund_status = 'failed'") == 1
    questions.resolve(desk.office, supervisor, codes["refund_failed"], "TRANSFER 77")
    assert questions.open_questions(desk.office, supervisor) == []
    desk.require_sound()


def test_a_settlement_denied_after_the_sale_is_a_question(
    desk: Desk, qris: QrisDesk, simulator: GatewaySimulator
) -> None:
    shown = show(qris, desk, desk.hold())
    simulator.orders.settle(shown.order_id)
    qris.ask(shown)
    simulator.orders.deny(shown.order_id)
    assert reconcile(qris, thorough=False).questions == 0
    for expected in (1, 0):
        assert reconcile(qris).questions == expected
    supervisor = actor_of(desk, "3001")
    (question,) = questions.open_questions(desk.office, supervisor)
    assert question.code == "settlement_denied"
    questions.resolve(desk.office, supervisor, question.name, "collected again in cash")
    assert reconcile(qris).questions == 0, "what was answered is not asked again"
    desk.require_sound()


def test_paid_for_a_passenger_who_got_another_ticket_meanwhile(
    desk: Desk, qris: QrisDesk, simulator: GatewaySimulator
) -> None:
    where = {"train": "281", "class_code": "EKO", "origin": "ML", "destination": "PSE"}
    held = desk.hold(**where)
    shown = show(qris, desk, held)
    desk.sell(**where)
    simulator.orders.settle(shown.order_id)
    with pytest.raises(Refused) as caught:
        qris.ask(shown)
    assert caught.value.reason == "one_ticket_per_identity"
    assert (desk.status(held.booking_id), asked(desk)) == ("cancelled", ["sale_refused"])
    assert reconcile(qris).refunded == 1
    assert (simulator.orders.take_in(), asked(desk)) == (0, [])
    desk.require_sound()


# A gateway that is away, or answers nonsense


def test_without_a_gateway_the_payment_is_over_and_cash_is_taken(desk: Desk, no_gateway: QrisDesk) -> None:
    held = desk.hold()
    with pytest.raises(GatewayUnreachable):
        show(no_gateway, desk, held)
    assert states(desk) == [("failed", "")]
    assert sale.confirm(desk.office, desk.clerk, held.booking_id, None, Tender("cash"), key=uuid7()).paid == 457_500
    desk.require_sound()


def test_gone_while_the_code_is_shown_the_clerk_can_forget_it(
    desk: Desk, qris: QrisDesk, no_gateway: QrisDesk, simulator: GatewaySimulator
) -> None:
    held = desk.hold()
    shown = show(qris, desk, held)
    with pytest.raises(GatewayUnreachable):
        no_gateway.end(shown)
    assert states(desk) == [("processing", "")]
    assert no_gateway.forget(shown).status == "failed"
    sale.confirm(desk.office, desk.clerk, held.booking_id, None, Tender("cash"), key=uuid7())
    simulator.orders.settle(shown.order_id)
    assert reconcile(qris).refunded == 1
    desk.require_sound()


@pytest.mark.parametrize("fault", [Fault.WRONG_CODE, Fault.NO_CODE])
def test_a_bad_code_is_never_shown_a_new_order_has_a_good_one(
    desk: Desk, qris: QrisDesk, simulator: GatewaySimulator, fault: Fault
) -> None:
    simulator.faults.add(fault, "charge")
    shown = show(qris, desk, desk.hold())
    first, second = simulator.orders.all()
    assert (first.state, second.state) == ("cancel", "pending")
    assert shown.qr_string == second.qr_string
    assert asked(desk) == (["code_refused"] if fault is Fault.WRONG_CODE else [])


def test_only_bad_codes_end_in_a_refusal(desk: Desk, qris: QrisDesk, simulator: GatewaySimulator) -> None:
    simulator.faults.add(Fault.WRONG_CODE, "charge", times=3)
    with pytest.raises(NoCode):
        show(qris, desk, desk.hold())
    assert {order.state for order in simulator.orders.all()} == {"cancel"}
    assert states(desk) == [("failed", "")] * 3


def test_an_answer_that_was_lost_is_asked_for_again(desk: Desk, qris: QrisDesk, simulator: GatewaySimulator) -> None:
    simulator.faults.add(Fault.ERROR_AFTER, "charge", times=3)
    held = desk.hold()
    with pytest.raises(CounterError):
        show(qris, desk, held)
    assert states(desk) == [("pending", "")]
    waiting = awaited.of_booking(desk.office, held.booking_id)
    assert waiting is not None
    assert qris.ask(waiting).awaited.qr_string == simulator.orders.all()[0].qr_string
    assert len(simulator.orders.all()) == 1


def test_waiting_asks_until_it_is_paid(desk: Desk, qris: QrisDesk, simulator: GatewaySimulator) -> None:
    shown = show(qris, desk, desk.hold())
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            simulator.orders.settle(shown.order_id)

    assert qris.wait(shown, 60, pause=pause).sale is not None
    assert len(pauses) == 3
    assert qris.wait(shown, 60, pause=pause).awaited.status == "completed"


def test_waiting_ends_in_time(desk: Desk, qris: QrisDesk) -> None:
    assert qris.wait(show(qris, desk, desk.hold()), 0).awaited.is_waiting


# Killed


@pytest.mark.parametrize("moment", ["written", "charged", "answered", "settled", "confirmed"])
@pytest.mark.parametrize("who", ["the terminal again", "the reconciliation"])
def test_killed_at_any_moment_one_charge_one_booking_tickets_waiting(
    desk: Desk, qris: QrisDesk, simulator: GatewaySimulator, database: TestDatabase, moment: str, who: str
) -> None:
    held, (person,) = desk.hold(), desk.people()
    words = [
        database.counter_url, str(database.keys_folder), simulator.url, simulator.server_key, "TEST-1",
        str(held.booking_id), f"{person.name};{person.identity}", moment,
    ]  # fmt: skip
    program = str(Path(__file__).with_name("payer.py"))
    with subprocess.Popen(
        [sys.executable, program, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as counter:
        assert counter.stdin is not None
        assert counter.stdout is not None
        if counter.stdout.readline():
            simulator.orders.settle(simulator.orders.all()[0].order_id)
            counter.stdin.write("paid\n")
            counter.stdin.flush()
        assert counter.wait() == -9
    assert len(simulator.orders.all()) == (moment != "written")
    open_work = {one.id: one for one in awaited.of_terminal(desk.office, desk.clerk)}
    assert len(open_work) == (moment != "confirmed")
    for waiting in open_work.values():
        if who == "the terminal again" or moment == "written":
            qris.ask(waiting)
        order = simulator.orders.all()[0]
        if order.state == "pending":
            simulator.orders.settle(order.order_id)
        if who == "the terminal again":
            qris.ask(waiting)
        else:
            assert reconcile(qris, thorough=False).confirmed == 1
    (order,) = simulator.orders.all()
    assert (order.state, simulator.orders.take_in()) == ("settlement", 457_500)
    assert desk.status(held.booking_id) == "confirmed"
    assert states(desk) == [("completed", "")]
    assert desk.count("tickets") == 1
    jobs = desk.owner("SELECT state, terminal_id, printer FROM print_jobs")
    assert [tuple(job) for job in jobs] == [("queued", desk.clerk.terminal_id, "file")]
    desk.require_sound()
