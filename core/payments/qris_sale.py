"""Paying by QRIS: a code for the customer, the gateway's word that it is paid, and an end whatever happens.

    show    our row is written, then the gateway is charged; its code is checked before anybody sees it
    ask     the gateway says how it stands, once; call it again by ``polling`` until it is over
    end     the clerk gives it up, or its time is over: the gateway calls it off, unless it was paid meanwhile

Every function blocks and belongs in a worker thread; no transaction is open while the gateway is talked to. A program
that is killed between any two lines leaves a row behind from which ``ask`` goes on, here or in any other process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from core.database import Actor, Transaction
from core.errors import CounterError, Refused
from core.office import Office
from core.passengers import PassengerInput
from core.payments import awaited, questions
from core.payments.awaited import Awaited, Progress
from core.payments.gateway import Gateway
from core.payments.gateway_answer import Answer
from core.payments.gateway_errors import (
    CannotBeChanged,
    GatewayOutcomeUnknown,
    GatewayUnreachable,
    UnknownOrder,
)
from core.payments.gateway_settings import GatewayAccess, gateway_access
from core.payments.judgement import Action
from core.payments.polling import Polling
from core.payments.qris import QrRefused, check_payload

METHOD: Final = "qris"
_CODES: Final = 3
_SOONEST: Final = timedelta(seconds=1)


class NoCode(Refused):
    """The gateway gave no code that may be shown; the payment is ended."""

    code = "qris_no_code"


@dataclass
class QrisDesk:
    """A counter that takes QRIS: library, person and gateway together. Close it when done."""

    office: Office
    actor: Actor
    access: GatewayAccess
    gateway: Gateway

    @classmethod
    def open(cls, office: Office, actor: Actor, access: GatewayAccess | None = None) -> QrisDesk:
        """
        Raises:
            GatewayNotReady: no gateway is set up on this machine, or not usably.
        """
        known = access or gateway_access()
        return cls(office, actor, known, Gateway(known))

    def close(self) -> None:
        """Give the connections back."""
        self.gateway.close()

    # -- the three steps

    def show(
        self,
        booking_id: UUID,
        passengers: Sequence[PassengerInput] | None,
        amount: int | None = None,
        *,
        promotions: Sequence[str] = (),
        printer: str = "none",
    ) -> Progress:
        """Begin, or go on with what is under way for this booking.

        Raises:
            NoCode: three codes in a row were none that may be shown.
            GatewayOutcomeUnknown: the gateway may know the payment; ``ask`` goes on with it.
            CounterError: the gateway is away or refuses: the payment is ended, take another way to pay. Or as
                ``awaited.begin``.
        """
        for _ in range(_CODES):
            begun = awaited.begin(
                self.office, self.actor, booking_id, passengers, METHOD, amount, promotions=promotions,
                printer=printer,
            )  # fmt: skip
            with suppress(NoCode):
                return self.code_for(begun)
        raise NoCode("The payment gateway gave no usable code.", hint="Take another way to pay and report it.")

    def code_for(self, begun: Awaited) -> Progress:
        """The code of a payment that is written down; asked again, the same one."""
        if begun.qr_string is not None or not begun.is_waiting:
            return Progress(begun, Action.WAIT if begun.is_waiting else Action.KEEP)
        try:
            answer = self.gateway.charge(
                begun.order_id, begun.amount, key=begun.id, expires_in=begun.expires_at - begun.created_at
            )
        except GatewayOutcomeUnknown:
            raise  # our row stays as it is: its status tells
        except CounterError as error:
            awaited.end(self.office, self.actor, begun.id)
            if self.office.operator.is_training and isinstance(error, GatewayUnreachable):
                error.hint = "In training QRIS is paid at a simulator: start counter admin gateway-simulator."
            raise
        done = awaited.carry_out(self.office, self.actor, begun.id, answer)
        if done.action is Action.WAIT and not self._may_be_shown(done.awaited):
            ended = self.end(done.awaited)
            if ended.sale is not None or ended.awaited.status == "completed":
                return ended
            if ended.awaited.is_waiting:
                awaited.end(self.office, self.actor, begun.id)
            raise NoCode("The payment gateway gave no usable code.", hint="Ask for a new one.")
        return done

    def _may_be_shown(self, shown: Awaited) -> bool:
        if shown.qr_string is None:
            return False
        try:
            check_payload(shown.qr_string, amount=shown.amount, national_id=self.access.merchant)
        except QrRefused as refused:
            reason = refused.as_json()

            def note(tx: Transaction) -> None:
                questions.ask(tx, shown.id, "code_refused", reason)

            self.office.database.transaction(note, actor=self.actor)
            return False
        return True

    def ask(self, payment: Awaited) -> Progress:
        """How a payment stands now; once its time is over it is ended.

        Raises:
            CounterError: the gateway does not answer; nothing is lost, ask again.
        """
        now = awaited.load(self.office, payment.id)
        if not now.is_waiting:
            return Progress(now, Action.KEEP)
        if now.is_over:
            return self.end(now, expired=True)
        if now.qr_string is None:
            try:
                return self.code_for(now)
            except NoCode:
                return Progress(awaited.load(self.office, now.id), Action.CLOSE)
        try:
            answer = self.gateway.status(now.order_id)
        except UnknownOrder:
            return Progress(now, Action.WAIT)  # it says nothing about the money; the end of its time does
        return awaited.carry_out(self.office, self.actor, now.id, answer)

    def end(self, payment: Awaited, *, expired: bool = False) -> Progress:
        """Call a payment off at the gateway; if it was paid meanwhile, that counts.

        Raises:
            CounterError: the gateway does not answer; the payment is still under way. ``forget`` gives it up without.
        """
        close = self.gateway.expire if expired else self.gateway.cancel
        try:
            answer = close(payment.order_id)
        except CannotBeChanged as refused:
            answer = refused.answer
        except UnknownOrder:
            return Progress(awaited.end(self.office, self.actor, payment.id), Action.CLOSE)
        return awaited.carry_out(self.office, self.actor, payment.id, answer)

    def forget(self, payment: Awaited) -> Awaited:
        """End a payment in our books while the gateway is away; money that comes all the same is sent back later."""
        return awaited.end(self.office, self.actor, payment.id)

    # -- waiting

    def wait(
        self,
        payment: Awaited,
        seconds: float,
        *,
        pause: Callable[[float], object] = time.sleep,
        on_change: Callable[[Awaited], object] = lambda _: None,
    ) -> Progress:
        """Ask by the polling schedule until it is settled or so many seconds are over.

        Args:
            pause: waits that many seconds.
            on_change: told when there is a code to show.
        """
        deadline, progress, asked = time.monotonic() + seconds, Progress(payment, Action.WAIT), 0
        while True:
            before = progress.awaited.qr_string
            with suppress(GatewayUnreachable, GatewayOutcomeUnknown):
                progress = self.ask(progress.awaited)
            if progress.awaited.qr_string != before:
                on_change(progress.awaited)
            left = deadline - time.monotonic()
            if left <= 0 or not progress.awaited.is_waiting:
                return progress
            pause(min(left, self.pause_after(progress.awaited, asked).total_seconds()))
            asked += 1

    @staticmethod
    def pause_after(payment: Awaited, asked: int) -> timedelta:
        """How long to wait before the next question."""
        pause = Polling(payment.expires_at).pause_before_next(asked, payment.now)
        return _SOONEST if pause is None else pause


def answer_of(desk: QrisDesk, order_id: str) -> Answer | None:
    """What the gateway knows of an order; None: nothing."""
    try:
        return desk.gateway.status(order_id)
    except UnknownOrder:
        return None
