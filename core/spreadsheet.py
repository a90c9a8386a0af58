"""Tables for spreadsheet programs: CSV in which no cell is taken for a formula.

A cell that begins with a character that starts a formula somewhere gets an apostrophe before it, and so does one that
begins with an apostrophe itself: whoever reads the file without a spreadsheet takes the first apostrophe away again.
(OWASP, *CSV Injection*; full-width forms are taken for formulas by programs set to East Asian languages.)
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Final

_STARTS_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")


def cell(value: object) -> str:
    """A value as the text of a harmless cell; nothing for None. Numbers are left as they are."""
    if value is None:
        return ""
    text = str(value)
    is_number = isinstance(value, int | float)
    return f"'{text}" if not is_number and text.lstrip(" ").startswith(_STARTS_FORMULA) else text


def plain(text: str) -> str:
    """What stood in a cell before it was made harmless."""
    return text[1:] if text.startswith("'") else text


def line(values: Iterable[object]) -> str:
    """A line of CSV (RFC 4180) with harmless cells, ended with CRLF."""
    written = io.StringIO(newline="")
    csv.writer(written).writerow([cell(value) for value in values])
    return written.getvalue()
