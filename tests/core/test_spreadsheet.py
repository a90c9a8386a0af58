"""CSV that no spreadsheet takes for formulas, and from which everything can be had back."""

from __future__ import annotations

import csv
import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import spreadsheet


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+62812", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "  @x", "＝1", "＋1", "－1", "＠x", "'=1"],
)
def test_what_begins_a_formula_becomes_text(text: str) -> None:
    assert spreadsheet.cell(text) == f"'{text}"


@pytest.mark.parametrize(("value", "cell"), [(None, ""), (-5, "-5"), (12, "12"), ("Budi", "Budi"), ("a=b", "a=b")])
def test_what_does_not_is_left_alone(value: object, cell: str) -> None:
    assert spreadsheet.cell(value) == cell


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("a\x1b[2J", "'\\a\\u001b[2J"),
        ("\x9b2J\\", "'\\\\u009b2J\\u005c"),
        ("\u202eb\x7f", "'\\\\u202eb\\u007f"),
        ("=\x00", "'\\=\\u0000"),
        ("\U000e0001x", "'\\\\U000e0001x"),
        ("\\u001b", "\\u001b"),
    ],
)
def test_what_a_terminal_obeys_is_spelled_out(text: str, cell: str) -> None:
    assert spreadsheet.cell(text) == cell
    assert spreadsheet.plain(cell) == text


@given(st.text())
def test_no_cell_has_anything_a_terminal_obeys(text: str) -> None:
    written = spreadsheet.cell(text)
    assert not any(unicodedata.category(one) in ("Cc", "Cf", "Cs") for one in written if one not in "\t\r\n")
    assert written.encode().decode() == written


@given(st.lists(st.text(), min_size=1))
def test_everything_can_be_had_back(texts: list[str]) -> None:
    written = spreadsheet.line(texts)
    assert written.endswith("\r\n")
    (cells,) = csv.reader(io.StringIO(written, newline=""))
    assert [spreadsheet.plain(cell) for cell in cells] == texts
    assert not any(cell.lstrip(" ")[:1] in set("=+-@\t\r\n＝＋－＠") for cell in cells if cell.strip(" "))
