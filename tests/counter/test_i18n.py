"""The languages of the screen: every sentence has its translation, and the library's are found with their values."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from core.errors import NotFound
from counter.i18n import _, counted, day_in_words, language, reworded, sentences_of, set_language

PROGRAM = Path(str(files("counter")))
HOLE = re.compile(r"\{\w+\}")


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    yield
    set_language("en")


def catalogue() -> dict[str, str]:
    with (PROGRAM / "locale" / "id.po").open("rb") as stream:
        return {str(entry.id): str(entry.string) for entry in read_po(stream, locale="id") if entry.id}


#: Which arguments of what are sentences.
SPOKEN = {
    "_": slice(0, 1), "counted": slice(0, 2), "Command": slice(2, 4), "_Words": slice(0, 3), "Look": slice(0, 1),
}  # fmt: skip


def spoken(tree: ast.AST) -> Iterator[str]:
    """The sentences that stand in a module as they are: in ``_()``, in ``counted()``, in what is declared."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            given = node.args[SPOKEN[name]] if name in SPOKEN else []
            if name == "Command":
                given += [each.value for each in node.keywords if each.arg in ("title", "label", "help")]
            for argument in given:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str) and argument.value:
                    yield argument.value


@pytest.mark.parametrize("path", sorted(PROGRAM.rglob("*.py")), ids=lambda path: str(path.relative_to(PROGRAM)))
def test_every_sentence_has_its_indonesian(path: Path) -> None:
    known = catalogue()
    missing = [each for each in spoken(ast.parse(path.read_text(encoding="utf-8"))) if not known.get(each)]
    assert missing == []


def test_translations_have_the_same_holes_as_their_sentences() -> None:
    differing = [each for each, said in catalogue().items() if set(HOLE.findall(each)) != set(HOLE.findall(said))]
    assert differing == []


def test_values_are_put_into_the_translation() -> None:
    set_language("id")
    assert _("{yes} boarded · {no} refused", yes=3, no=1) == "3 naik · 1 ditolak"
    assert counted("{n} train on {day}", "{n} trains on {day}", 2, day="Sab 21 Nov") == "2 kereta, Sab 21 Nov"


def test_a_sentence_without_a_translation_stays_english() -> None:
    set_language("id")
    assert _("Nobody has translated {this} yet.", this="it") == "Nobody has translated it yet."


def test_errors_of_the_library_are_reworded_with_their_values() -> None:
    error = NotFound("There is no station 'XX'.", hint="Use a code such as GMR.")
    assert sentences_of(error) == ("There is no station 'XX'.", "Use a code such as GMR.")
    set_language("id")
    assert sentences_of(error) == ("Tidak ada stasiun 'XX'.", "Gunakan kode seperti GMR.")
    assert reworded("This number is locked for 4 more minutes.") == "Nomor ini terkunci 4 menit lagi."
    assert reworded("Something nobody has translated.") == "Something nobody has translated."


def test_braces_in_a_value_are_no_holes() -> None:
    set_language("id")
    assert reworded("There is no station '{code}'.") == "Tidak ada stasiun '{code}'."


def test_days_in_both_languages() -> None:
    assert day_in_words(date(2026, 11, 25), year=True) == "Wed 25 Nov 2026"
    set_language("id")
    assert day_in_words(date(2026, 11, 25)) == "Rab 25 Nov"


def test_an_unknown_language_is_english() -> None:
    set_language("xx")
    assert language() == "en"
