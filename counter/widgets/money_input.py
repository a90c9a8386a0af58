"""The field for an amount of money, and how a typed amount is read.

What belongs here: text to amount and back while somebody types. Amounts are whole minor units, as everywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from babel.numbers import NumberFormatError, get_decimal_symbol, get_group_symbol, parse_decimal
from textual.message import Message
from textual.reactive import var
from textual.widgets import Input

from core.errors import UsageError
from core.money import grouped

#: The currency's own separators whatever the language of the screen, as in ``core.money``.
LOCALE: Final = "id_ID"
_GROUP: Final = get_group_symbol(LOCALE)
_DECIMAL: Final = get_decimal_symbol(LOCALE)

_THOUSAND: Final = re.compile(r"\s*(?:k|rb|ribu)$", re.IGNORECASE)
_SYMBOL: Final = re.compile(r"^(?:rp\.?|idr)\s*", re.IGNORECASE)
#: The rupiah has no decimals: only thousands may have them, and no three, which might be meant for grouping.
_PLAIN: Final = re.compile(rf"[0-9{re.escape(_GROUP)}]+", re.ASCII)
_IN_THOUSANDS: Final = re.compile(rf"{_PLAIN.pattern}(?:{re.escape(_DECIMAL)}[0-9]{{1,2}})?", re.ASCII)
_HINT: Final = f"Type digits, with k or rb for thousands: 900{_GROUP}000 or 900k."

#: Twelve digits are more than a station takes in a year, and far inside the database's range.
_LARGEST: Final = 999_999_999_999


def parse_money(text: str) -> int:
    """The amount a person typed, in minor units.

    Understands grouping (``900.000``), none (``900000``), thousands (``900k``, ``857,5rb``) and a leading ``Rp``.

    Raises:
        UsageError: ``not_an_amount`` for anything else: a negative or broken amount, wrong grouping, too many digits.
    """
    number = _SYMBOL.sub("", text.strip())
    number, thousands = _THOUSAND.subn("", number)
    if not (_IN_THOUSANDS if thousands else _PLAIN).fullmatch(number):
        raise _refusal(text)
    try:
        amount = parse_decimal(number, locale=LOCALE, strict=True) * 1000**thousands
    except NumberFormatError:
        raise _refusal(text) from None
    if amount > _LARGEST:
        raise UsageError(
            "That is more money than this counter can take.", hint="Check the number of digits.", code="not_an_amount"
        )
    return int(amount)


def _refusal(text: str) -> UsageError:
    shown = "".join(character for character in text.strip()[:20] if character.isprintable())
    message = f"{shown!r} is not an amount of money." if shown else "No amount was typed."
    return UsageError(message, hint=_HINT, code="not_an_amount")


def regrouped(text: str) -> str:
    """A half-typed amount with its thousands grouped; what is no digit stays where it is.

    >>> regrouped("1500000"), regrouped("9.00k")
    ('1.500.000', '900k')
    """
    digits, rest = _split(text)
    return f"{grouped(int(digits))}{rest}" if digits else rest


def _split(text: str) -> tuple[str, str]:
    """The digits a text begins with, without their grouping, and what follows them."""
    match = re.match(rf"[0-9{re.escape(_GROUP)}]*", text)
    head = match[0] if match else ""
    return head.replace(_GROUP, ""), text[len(head) :]


class MoneyInput(Input):
    """A field for an amount that groups its digits while they are typed.

    Enter posts :class:`Entered` with the amount, or :class:`Rejected` with a sentence for people; ``Input.Submitted``
    is never posted. The text stays, so a mistake can be corrected.
    """

    #: What Enter in the empty field means, in minor units: the exact sum, say. ``None``: nothing.
    default_amount: var[int | None] = var(None)

    _ACCEPTED: Final = re.compile(rf"[0-9]{{0,15}}(?:{re.escape(_DECIMAL)}[0-9]{{0,3}})?(?:k|r|rb)?", re.IGNORECASE)

    @dataclass
    class Entered(Message):
        """An amount was entered."""

        money_input: MoneyInput
        amount: int

        @property
        def control(self) -> MoneyInput:
            """The field it was entered into."""
            return self.money_input

    @dataclass
    class Rejected(Message):
        """Enter was pressed on something that is no amount."""

        money_input: MoneyInput
        message: str
        hint: str

        @property
        def control(self) -> MoneyInput:
            """The field it stands in."""
            return self.money_input

    @property
    def amount(self) -> int | None:
        """What the field says now (minor units), or ``None`` if that is no amount."""
        try:
            return parse_money(self.value) if self.value else self.default_amount
        except UsageError:
            return None

    def replace(self, text: str, start: int, end: int) -> None:
        """Change part of the text, refuse what no amount contains, and group the digits anew."""
        start, end = sorted((max(0, start), min(len(self.value), end)))
        before, after = self.value[:start] + text.strip(), self.value[end:]
        before = _SYMBOL.sub("", before)
        digits, rest = _split(before + after)
        if not self._ACCEPTED.fullmatch(digits + rest):
            self.restricted()
            return
        value = regrouped(before + after)
        right_of_cursor = len(after.replace(_GROUP, ""))
        self.value = value
        self.cursor_position = self._position_before(value, right_of_cursor)
        self.remove_class("-rejected")

    @staticmethod
    def _position_before(value: str, characters: int) -> int:
        """The position with so many characters, not counting separators, to its right."""
        position = len(value)
        while position > 0 and len(value[position:].replace(_GROUP, "")) < characters:
            position -= 1
        return position

    def action_delete_left(self) -> None:
        """Backspace: a separator is no character of its own, the digit before it goes."""
        if self.selection.is_empty and self.value[: self.cursor_position].endswith(_GROUP):
            self.cursor_position -= 1
        super().action_delete_left()

    def action_delete_right(self) -> None:
        """Delete: a separator is no character of its own, the digit behind it goes."""
        if self.selection.is_empty and self.value[self.cursor_position :].startswith(_GROUP):
            self.cursor_position += 1
        super().action_delete_right()

    async def action_submit(self) -> None:
        """Post the amount, or why it is none."""
        if not self.value and self.default_amount is not None:
            self.post_message(self.Entered(self, self.default_amount))
            return
        try:
            amount = parse_money(self.value)
        except UsageError as refusal:
            self.add_class("-rejected")
            self.post_message(self.Rejected(self, refusal.message, refusal.hint))
        else:
            self.post_message(self.Entered(self, amount))
