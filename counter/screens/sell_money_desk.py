"""What the sell screen asks library and gateway about money. Every method blocks and raises ``CounterError``s."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from core import pending, sale
from core.database import Actor
from core.payments import awaited, parts
from core.payments.awaited import Awaited, Progress
from core.payments.gateway_errors import GatewayOutcomeUnknown, GatewayUnreachable
from core.payments.judgement import Action
from core.payments.qris_sale import QrisDesk
from core.payments.standing import Standing, read_standing
from core.sale import Sale
from counter.screens.sale_parts import Submission
from counter.session import Workplace


@dataclass(frozen=True)
class MoneyDesk:
    """One person at one terminal."""

    place: Workplace
    actor: Actor

    def take_part(self, asked: Submission) -> Sale | Standing:
        """Take a part; the sale, if nothing is owed any more. The same part again takes nothing more."""
        office = self.place.office
        taken = parts.take(
            office, self.actor, asked.booking_id, asked.passengers, asked.tender, asked.amount, key=asked.key,
            promotions=asked.promotions, printer=self.place.printer_kind,
        )  # fmt: skip
        if taken.sale is not None:
            return taken.sale
        return sale.find(office, asked.booking_id) if taken.standing.status == "confirmed" else taken.standing

    def standing(self, booking_id: UUID) -> Standing:
        """How a booking stands."""
        return read_standing(self.place.office, booking_id)

    def give_up(self, booking_id: UUID, voids: Mapping[str, str]) -> list[dict[str, Any]]:
        """Give a sale up; returns what goes back."""
        return pending.give_up(self.place.office, self.actor, booking_id, voids=voids)

    # The gateway

    def under_way(self, booking_id: UUID) -> Awaited | None:
        """The payment a booking waits for."""
        return awaited.of_booking(self.place.office, booking_id)

    def show_code(self, asked: Submission) -> Progress:
        """Ask the gateway for a code, or for the one it gave before."""
        with self._gateway() as desk:
            try:
                return desk.show(
                    asked.booking_id, asked.passengers, asked.amount, promotions=asked.promotions,
                    printer=self.place.printer_kind,
                )  # fmt: skip
            except GatewayOutcomeUnknown:
                waiting = self.under_way(asked.booking_id)
                if waiting is None:
                    raise
                return Progress(waiting, Action.WAIT)  # it may have a code for us: it is asked for again

    def look(self, payment: Awaited) -> Progress:
        """How a payment stands at the gateway."""
        with self._gateway() as desk:
            return desk.ask(payment)

    def call_off(self, payment: Awaited) -> Progress:
        """Call a payment off at the gateway; if it was paid meanwhile, that counts."""
        with self._gateway() as desk:
            return desk.end(payment)

    def load(self, payment: Awaited) -> Awaited:
        """A payment as our books have it."""
        return awaited.load(self.place.office, payment.id)

    def forget(self, payment: Awaited) -> Awaited:
        """End a payment without the gateway."""
        return awaited.end(self.place.office, self.actor, payment.id)

    @contextmanager
    def _gateway(self) -> Iterator[QrisDesk]:
        """The gateway, for one question. Not knowing what it did says nothing about the database."""
        desk = QrisDesk.open(self.place.office, self.actor)
        try:
            yield desk
        except GatewayOutcomeUnknown as error:
            raise GatewayUnreachable(error.message, hint=error.hint, details=error.details) from error
        finally:
            desk.close()
