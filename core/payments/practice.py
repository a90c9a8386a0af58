"""Payments of training: what a clerk types there is marked on record as what it is, and no machine took anything."""

from __future__ import annotations

from dataclasses import replace

from core import training
from core.office import Office
from core.payments import METHODS, Settlement


def marked(office: Office, settlement: Settlement) -> Settlement:
    """The payment as it goes on record: in training a card's machine is ``TRAINING``, another reference begins so."""
    if not office.operator.is_training or settlement.reference is None:
        return settlement
    if METHODS[settlement.method].takes_card_details:
        return replace(settlement, edc_terminal=training.MARK)
    return replace(settlement, reference=f"{training.MARK} {settlement.reference}")
