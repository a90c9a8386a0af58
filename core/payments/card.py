"""Cards on a bank's stand-alone machine (EDC): the machine takes the money, the counter writes down what its slip says.

Never the card's number: only its last four digits, the machine's approval code, its own number and its batch. Of the
approval code only the end can be read in the database; the whole of it is concealed beside that, for whoever may look
into payments. What belongs here: what debit and credit cards share.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from core.errors import Refused
from core.keys import KeyRing, sealed_in
from core.payments.method import Method, Settlement, Tender, settle_exactly

#: Characters of a slip's reference that anybody may see; never more than half of it.
_SHOWN: Final = 4
_CUT: Final = "…"
_LAST_FOUR: Final = re.compile(r"[0-9]{4}")
_MACHINE: Final = re.compile(r"[A-Za-z0-9-]{1,20}")
#: ISO/IEC 7812: 13 to 19 figures, however they are grouped.
_NUMBER: Final = re.compile(r"(?<![0-9])[0-9](?:[ -]?[0-9]){12,18}(?![0-9])")


def card(code: str, name: str) -> Method:
    """A kind of card."""
    return Method(code, name, _settle, needs_reference=True, takes_card_details=True)


def holds_card_number(text: str) -> bool:
    """Whether a text holds what looks like a whole card number: 13 to 19 figures with a right check digit."""
    return any(_passes_luhn(re.sub("[ -]", "", found)) for found in _NUMBER.findall(text))


def end_of_reference(reference: str) -> str:
    """What anybody may see of a slip's reference."""
    shown = min(_SHOWN, len(reference) // 2)
    return f"{_CUT}{reference[len(reference) - shown :]}"


def concealed_reference(keys: KeyRing, of: str, reference: str) -> str:
    """A slip's reference as it goes on record: its end, and the whole of it concealed.

    Args:
        of: our own reference of the payment or refund, which the text is bound to.
    """
    return f"{end_of_reference(reference)} {keys.conceal(reference, _purpose(of))}"


def shown_reference(on_record: str | None) -> str | None:
    """A reference as anybody may see it: of a concealed one the end."""
    if on_record is None or not on_record.startswith(_CUT) or " " not in on_record:
        return on_record
    return on_record.rpartition(" ")[0]


def whole_reference(keys: KeyRing, of: str, on_record: str | None) -> str | None:
    """A reference as it was typed.

    Raises:
        IntegrityFailure: it was changed, or concealed with another ring.
    """
    if on_record is None or shown_reference(on_record) == on_record:
        return on_record
    return keys.reveal(on_record.rpartition(" ")[2], _purpose(of))


def whole_references(keys: KeyRing, payments: Iterable[Any], refunds: Iterable[Any]) -> dict[UUID, str | None]:
    """The references of rows of payments and refunds as they were typed, by the rows' ids.

    Raises:
        IntegrityFailure: as ``whole_reference``.
    """
    named = [(one, one.payment_reference) for one in payments] + [(one, one.refund_reference) for one in refunds]
    return {one.id: whole_reference(keys, of, one.external_reference) for one, of in named}


def _purpose(of: str) -> str:
    return sealed_in("external_reference", of)


def _passes_luhn(figures: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    doubled = (int(figure) * (2 if place % 2 else 1) for place, figure in enumerate(reversed(figures)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def _settle(amount: int, tender: Tender) -> Settlement:
    """
    Raises:
        Refused: what was typed holds a card number (``card_number_refused``) or is none of its kind
            (``card_details_invalid``).
    """
    if any(holds_card_number(text) for text in (tender.reference, *tender.card_details) if text):
        raise Refused(
            "This looks like a card number, and card numbers are never stored.",
            code="card_number_refused",
            hint="Type the approval code from the slip.",
        )
    if tender.card_last_four is not None and _LAST_FOUR.fullmatch(tender.card_last_four) is None:
        raise Refused(
            "The last digits of a card are four figures.",
            code="card_details_invalid",
            hint="Type the last four from the slip, or nothing.",
        )
    for value, what in ((tender.edc_terminal, "terminal"), (tender.edc_batch, "batch")):
        if value is not None and _MACHINE.fullmatch(value) is None:
            raise Refused(
                f"This is no {what} number of a card machine.",
                code="card_details_invalid",
                hint="Letters and figures as on the slip, 20 at most.",
            )
    return settle_exactly(amount, tender)
