"""Cash across the counter: what a customer is likely to hand over.

What belongs here: pure arithmetic of notes and tenders. Recording a payment and its change is the business of the
booking services.
"""

from __future__ import annotations

from typing import Final

from core.money import round_up

#: Rupiah notes in use, and the band of ten of the largest that a bank hands out.
NOTES: Final = (1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000)
BAND: Final = 10 * NOTES[-1]

#: People round up to these; nobody hands over an extra note of the two smallest.
_ROUND_TO: Final = (*NOTES[2:], BAND)
_SUGGESTIONS: Final = 4


def suggested_notes(amount: int) -> list[int]:
    """The tenders a clerk will most likely be handed for an amount (rupiah): the exact one first, at most four.

    A rounded-up sum is natural only if it takes no more notes than every smaller suggestion: 460.000 is not offered
    for 450.000. Where there are too many, those go first that save the customer no note. Nothing is suggested where
    nothing is to be paid.

    >>> suggested_notes(857_500)
    [857500, 860000, 900000, 1000000]
    """
    if amount <= 0:
        return []
    suggestions, saving_nothing = [amount], []
    fewest = pieces(amount)
    units = _ROUND_TO if amount > BAND // 2 else _ROUND_TO[:-1]
    for tender in sorted({round_up(amount, unit) for unit in units} - {amount}):
        if pieces(tender) > fewest:
            continue
        if pieces(tender) == fewest:
            saving_nothing.append(tender)
        suggestions.append(tender)
        fewest = pieces(tender)
    excess = max(0, len(suggestions) - _SUGGESTIONS)
    return [tender for tender in suggestions if tender not in saving_nothing[:excess]][:_SUGGESTIONS]


def pieces(amount: int) -> int:
    """The fewest bands and notes that make up an amount; what is left in coins counts as one piece."""
    count = 0
    for worth in (BAND, *reversed(NOTES)):
        number, amount = divmod(amount, worth)
        count += number
    return count + (amount > 0)
