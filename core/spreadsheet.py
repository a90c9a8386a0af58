"""Tables for spreadsheet programs: CSV in which no cell is taken for a formula.

A cell that begins with a character that starts a formula somewhere gets an apostrophe before it, and so does one that
begins with an apostrophe itself: whoever reads the file without a spreadsheet takes the first apostrophe away again.
(OWASP, *CSV Injection*; full-width forms are taken for formulas by programs set to East Asian languages.)

A cell with characters that a terminal obeys or that turn the writing direction begins with an apostrophe and a
backslash; in it these characters, and backslashes, are written as ``\\u001b`` or ``\\U000e0001``.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable
from typing import Final

_STARTS_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")


#: Control and format characters, half characters, separators of lines; what a table may have in a cell is none of them.
_OBEYED: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_SPELLED: Final = "'\\"
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-f]{4})|U([0-9a-f]{8}))")


def cell(value: object) -> str:
    """A value as the text of a harmless cell; nothing for None. Numbers are left as they are."""
    if value is None:
        return ""
    text = str(value)
    if any(map(_is_obeyed, text)):
        return _SPELLED + "".join(_escape(one) if one == "\\" or _is_obeyed(one) else one for one in text)
    is_number = isinstance(value, int | float)
    return f"'{text}" if not is_number and text.lstrip(" ").startswith(_STARTS_FORMULA) else text


def plain(text: str) -> str:
    """What stood in a cell before it was made harmless."""
    if text.startswith(_SPELLED):
        return _ESCAPE.sub(lambda found: chr(int(found[1] or found[2], 16)), text.removeprefix(_SPELLED))
    return text[1:] if text.startswith("'") else text


def _is_obeyed(letter: str) -> bool:
    return not letter.isprintable() and letter not in "\t\r\n" and unicodedata.category(letter) in _OBEYED


def _escape(letter: str) -> str:
    return f"\\u{ord(letter):04x}" if ord(letter) < 0x10000 else f"\\U{ord(letter):08x}"


def line(values: Iterable[object]) -> str:
    """A line of CSV (RFC 4180) with harmless cells, ended with CRLF."""
    written = io.StringIO(newline="")
    csv.writer(written).writerow([cell(value) for value in values])
    return written.getvalue()
