"""What is said beside a passenger about the price: the reduction, or why there is none, and the promotions."""

from __future__ import annotations

from collections.abc import Iterator

from textual.content import Content

from core.errors import Refused, UsageError
from core.identity import PassengerType, age_on
from core.money import grouped
from counter.i18n import _, reworded
from counter.screens.sale_draft import SaleDraft
from counter.symbols import drawn, symbols


def price_notes(draft: SaleDraft, line: int) -> list[Content]:
    """Lines about a passenger's reduction and about the promotions."""
    return [Content.styled(drawn(text), style) for text, style in _notes(draft, line)]


def _notes(draft: SaleDraft, line: int) -> Iterator[tuple[str, str]]:
    mark, quote = symbols(), draft.quote
    if quote is not None and (reduced := quote.reductions.get(line)) is not None:
        yield f"{mark.yes} {_(reduced.kind)} −{grouped(reduced.discount)}", ""
    elif quote is not None and (refusal := quote.refused_reductions.get(line)) is not None:
        yield f"{mark.warning} {reworded(refusal.message)} {_('F6: reductions')}", "$warning"
    elif _may_be_senior(draft, line):
        yield f"{mark.info} {_('Old enough for a reduction: F6')}", ""
    for use in quote.uses if quote is not None else ():
        yield f"{mark.yes} {use.code} {use.name} −{grouped(use.discount)}", ""


def _may_be_senior(draft: SaleDraft, line: int) -> bool:
    """Whether an adult who asks for nothing is old enough for a senior's reduction by the number typed."""
    traveller = draft.party[line]
    if traveller.type is not PassengerType.ADULT or traveller.reduction is not None or draft.held is None:
        return False
    try:
        born = draft.check(line).birth_date
    except (Refused, UsageError):
        return False
    return born is not None and age_on(born, draft.held.journey.day) >= draft.terms.limits.senior_age
