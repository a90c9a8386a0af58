"""A second person on the command line: named first, then the PIN, from a file or the environment; and what he approves.

What belongs here: the options, and the way from a wish to an approval that can be used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import click

from core import approvals, secret_files
from core.approvals import Approval, Wish
from core.database import Actor
from core.errors import UsageError
from counter.cli.output import tell_exposed
from counter.session import Workplace

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Approver:
    """Who approves, as far as the command line says."""

    staff_number: str | None
    pin_file: Path | None

    def approve(self, place: Workplace, actor: Actor, wish: Wish, reason: str) -> UUID | None:
        """Ask for an approval and give it in place; None where nobody is named.

        Raises:
            NotSignedIn: number and PIN do not fit.
            Refused: a request of one's own, or a role that may not approve.
        """
        named = self._named(place)
        if named is None:
            return None
        asked = approvals.request(place.office, actor, wish, reason)
        approvals.decide_in_place(place.office, place.terminal, asked.id, *named)
        return asked.id

    def decide(self, place: Workplace, asked: Approval) -> Approval:
        """Approve a request in place; as it is where nobody is named. Raises as ``approve``."""
        named = self._named(place)
        if named is None:
            return asked
        return approvals.decide_in_place(place.office, place.terminal, asked.id, *named)

    def _named(self, place: Workplace) -> tuple[str, str] | None:
        number = self.staff_number or place.settings.approver
        if number is None:
            return None
        if self.pin_file is not None:
            if secret_files.is_exposed(self.pin_file):
                tell_exposed(self.pin_file)
            return number, secret_files.read_pin(self.pin_file, "--approve-pin-file")
        pin = place.settings.read_approver_pin()
        if pin is None:
            raise UsageError(
                "The approver's PIN is missing.",
                hint="Set COUNTER_APPROVER_PIN or COUNTER_APPROVER_PIN_FILE, or give --approve-pin-file.",
            )
        return number, pin


def approver_options(command: F) -> F:
    """The two options; the command gets ``approve_staff`` and ``approve_pin_file``."""
    command = click.option(
        "--approve-pin-file",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="The approver's PIN.",
    )(command)
    return click.option(
        "--approve-staff",
        "--approver",
        "approve_staff",
        metavar="NUMBER",
        help="Who approves; COUNTER_APPROVER if left out.",
    )(command)
