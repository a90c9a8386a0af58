"""The language of the screen: English sentences in the code, other languages from gettext catalogues, switched live.

What belongs here: ``_`` around every sentence a person reads, and how days and times are written. A catalogue is read
when its language is first asked for; amounts of money look the same in every language (``core.money``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import Final

from textual.message import Message

from core.errors import CounterError

#: Code → the language's own name.
LANGUAGES: Final[Mapping[str, str]] = {"en": "English", "id": "Bahasa Indonesia"}
_SOURCE: Final = "en"

_language = _SOURCE
_sentences: Mapping[str, str] = {}


class LanguageChanged(Message, bubble=False):
    """Posted to the base screen of every workstation: put everything into words again, keep what was typed."""


def _(sentence: str, /, **values: object) -> str:
    """The sentence in the language of the screen, with ``{name}`` replaced by ``name=``'s value.

    A sentence without a translation stays English.
    """
    words = _sentences.get(sentence, sentence)
    return words.format(**values) if values else words


def counted(one: str, many: str, number: int, /, **values: object) -> str:
    """The one sentence or the other, depending on a number that stands in it as ``{n}``."""
    return _(one if number == 1 else many, n=number, **values)


def reworded(sentence: str) -> str:
    """A sentence of the library in the language of the screen, its values put into the translation.

    The library speaks English; a translation of ``There is no train {number}.`` fits whatever number it names.
    """
    if sentence in _sentences or not _sentences:
        return _sentences.get(sentence, sentence)
    for pattern, translation in _patterns(_language):
        if (found := pattern.fullmatch(sentence)) is not None:
            return translation.format(**found.groupdict())
    return sentence


def sentences_of(error: CounterError) -> tuple[str, str]:
    """What went wrong, and what to do next, as people read it."""
    return reworded(error.message), reworded(error.hint)


def language() -> str:
    """The code of the language of the screen."""
    return _language


def set_language(code: str) -> None:
    """Say everything in this language from now on; an unknown one is English."""
    global _language, _sentences
    _language = code if code in LANGUAGES else _SOURCE
    _sentences = {} if _language == _SOURCE else _catalogue(_language)


@cache
def _catalogue(code: str) -> Mapping[str, str]:
    from babel.messages.pofile import read_po

    with files("counter").joinpath("locale", f"{code}.po").open("rb") as stream:
        return {str(entry.id): str(entry.string) for entry in read_po(stream, locale=code) if entry.id and entry.string}


@cache
def _patterns(code: str) -> Sequence[tuple[re.Pattern[str], str]]:
    """Sentences with values in them, as patterns that find the values; the longest first, as the most special."""
    templates = sorted((one for one in _catalogue(code) if "{" in one), key=len, reverse=True)
    made = []
    for template in templates:
        parts = re.split(r"\{(\w+)\}", template)
        named = [f"(?P<{part}>.+)" if number % 2 else re.escape(part) for number, part in enumerate(parts)]
        if len(set(parts[1::2])) == len(parts[1::2]):
            made.append((re.compile("".join(named)), _catalogue(code)[template]))
    return made


def day_in_words(day: date, *, year: bool = False) -> str:
    """``Fri 20 Nov``, with the year where it matters."""
    from babel.dates import format_date

    return format_date(day, "EEE d MMM y" if year else "EEE d MMM", locale=_language)


def clock_time(moment: datetime) -> str:
    """``08:41``, as railways write it everywhere."""
    return f"{moment:%H:%M}"
