"""What commands that change a sold ticket have in common: how it is paid, who approves, and printing what is new.

What belongs here: the options, the way around a refusal that a supervisor can lift, and the answer's print states.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from core import approvals, shifts
from core.approvals import ApprovalNeeded, Wish
from core.database import Actor
from core.models.money import PAYMENT_METHODS
from core.payments import Tender
from counter.cli.approver import Approver, approver_options
from counter.cli.output import print_json, say
from counter.cli.values import Number
from counter.printing import kick_drawer, print_queued
from counter.session import Workplace

T = TypeVar("T")

_MOST: Final = 10**12
_PAYING: Final = (
    click.option("--pay", "method", type=click.Choice(PAYMENT_METHODS), help="How what is due is paid."),
    click.option("--tendered", type=Number(0, _MOST), help="Cash handed over; the exact amount if left out."),
    click.option("--reference", metavar="REF", help="Approval code of a card, number of a transfer or wallet payment."),
    click.option("--card-last4", "card_last_four", metavar="NNNN", help="The card's last four figures."),
    click.option("--edc-terminal", metavar="NO", help="The card machine's own number."),
    click.option("--edc-batch", metavar="NO", help="Its settlement batch."),
)
_PAID_WITH: Final = ("tendered", "reference", "card_last_four", "edc_terminal", "edc_batch")


def change_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """How it is paid and who approves: the command takes them as keywords and hands them to ``Change.of``."""
    command = click.option("--approval", "approval_number", type=Number(1), help="A request that was approved.")(
        command
    )
    command = click.option("--ask", "ask", is_flag=True, help="Ask for an approval and do nothing yet.")(command)
    command = approver_options(command)
    for option in reversed(_PAYING):
        command = option(command)
    return command


@dataclass(frozen=True)
class Change:
    """One change that a command asks for: who works where, how it is paid, who approves."""

    place: Workplace
    actor: Actor
    tender: Tender | None
    approver: Approver
    approval_number: int | None
    ask: bool

    @classmethod
    def of(cls, place: Workplace, program: str, given: dict[str, Any]) -> Change:
        """Sign in, and open a shift for a payment where policy lets scripts do that.

        Raises:
            UsageError: something is said of a payment whose method is not.
        """
        tender = _tender(given)
        actor = place.scripted_actor(program)
        if tender is not None:
            shifts.open_for_scripts(place.office, actor)
        pin_file: Path | None = given["approve_pin_file"]
        approver = Approver(given["approve_staff"], pin_file)
        return cls(place, actor, tender, approver, given["approval_number"], given["ask"])

    def carry_out(self, do: Callable[[Any], T], wish: Callable[[], Wish], reason: str) -> T | approvals.Approval:
        """Do it, with the approval it takes; the request, where it was only asked for.

        Args:
            do: takes the id of an approval, or None.
            reason: for the request.
        """
        office = self.place.office
        if self.ask:
            return approvals.request(office, self.actor, wish(), reason)
        if self.approval_number is not None:
            return do(approvals.by_number(office, self.approval_number).id)
        try:
            return do(None)
        except ApprovalNeeded as needed:
            approval = self.approver.approve(self.place, self.actor, wish(), reason)
            if approval is None:
                needed.hint = "Name a supervisor with --approver, or ask with --ask and come back with --approval."
                raise
            return do(approval)

    def printed(self, serials: Iterable[int]) -> dict[int, str]:
        """Open the drawer if cash was taken, and print; serial → state."""
        if self.tender is not None and self.tender.method == "cash":
            kick_drawer(self.place)
        return print_queued(self.place, self.actor, list(serials))


def _tender(given: dict[str, Any]) -> Tender | None:
    method, said = given["method"], {name: given[name] for name in _PAID_WITH}
    if method is not None:
        return Tender(method, **said)
    if any(value is not None for value in said.values()):
        raise click.UsageError("Say how it is paid: --pay METHOD.")
    return None


def show_request(asked: approvals.Approval, *, as_json: bool) -> None:
    """The answer to ``--ask``."""
    if as_json:
        print_json({"approval": asked.as_json()})
    else:
        say(f"Request {asked.number} waits for a supervisor: counter approve yes {asked.number}.")
