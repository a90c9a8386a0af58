"""Payments under way, looked after in the background: what was paid while nobody looked counts, the rest is ended.

What belongs here: when the application asks the gateway, and whom it tells. What is asked and done is
``core.payments.reconciliation``.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from core.errors import CounterError, NotReady
from counter.i18n import _, counted

if TYPE_CHECKING:
    from core.payments.reconciliation import Report
    from counter.app import CounterApp
    from counter.session import Workplace

#: Seconds between two looks.
INTERVAL: Final = 30.0


class PaymentWatch:
    """Runs a short reconciliation now and then; the light ``QRIS`` of the state bar says how the gateway does."""

    def __init__(self, app: CounterApp) -> None:
        self._app = app
        self._busy = False

    def begin(self) -> None:
        """The workplace is open: look now, and every so often."""
        self._app.set_interval(INTERVAL, self.look)
        self.look()

    def look(self) -> None:
        """Look, unless a look is under way or nobody works here."""
        if not self._busy and self._app.workplace is not None and self._app.actor is not None:
            self._busy = True
            self._app.run_worker(self._look(self._app.workplace), name="payments")

    async def _look(self, place: Workplace) -> None:
        try:
            report = await self._app.in_background(partial(self._ask, place))
        except NotReady:
            self._app.light("QRIS", "off")
        except CounterError:
            return  # the light of the database says it; the next look makes up for it
        else:
            self._app.light("QRIS", "away" if report.unreachable else "on")
            self._tell(report)
        finally:
            self._busy = False

    def _ask(self, place: Workplace) -> Report:
        from core.payments.qris_sale import QrisDesk
        from core.payments.reconciliation import reconcile

        actor = self._app.actor
        assert actor is not None, "somebody was here when the look began"
        desk = QrisDesk.open(place.office, actor)
        try:
            return reconcile(desk, thorough=False)
        finally:
            desk.close()

    def _tell(self, report: Report) -> None:
        if report.questions:
            self._app.workstation.warn(
                counted("{n} question about a payment waits for a supervisor.",
                        "{n} questions about payments wait for a supervisor.", report.questions),
                _("counter pay questions lists them."),
            )  # fmt: skip
        elif report.confirmed:
            self._app.workstation.say(
                counted("{n} QRIS payment has come in.", "{n} QRIS payments have come in.", report.confirmed)
            )
