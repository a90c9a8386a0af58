"""Queuing a report for the printer, as it was when it was asked for."""

from __future__ import annotations

from uuid import UUID

from core import print_journal
from core.clock import local
from core.database import Actor, Transaction
from core.office import Office
from core.permissions import require
from core.reports.table import Report


def queue(office: Office, actor: Actor, made: Report, printer: str, *, in_training: bool = False) -> UUID:
    """Queue a report for this terminal's printer; returns the job's id. Manifests are ``core.reports.manifest``'s."""
    require(actor, "look_into_reports")

    def write(tx: Transaction) -> UUID:
        when = local(tx.now, office.operator.time_zone).isoformat(timespec="seconds")
        heading = {"operator": office.operator.name, "made_at": when, "made_by": actor.full_name}
        document = made.document(heading)
        if in_training:
            document["training"] = True
        return print_journal.queue_document(tx, "report", document, printer)

    return office.database.transaction(write, actor=actor)
