"""The question at the top of the sell screen: the entry line, and under it what was understood.

What belongs here: showing how a line is read, and changing the line's day. Reading it is ``counter.entry``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Final

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content

from counter.entry import Entry, Kind, Problem, Token, parse
from counter.entry_summary import Language, format_summary
from counter.i18n import _, language
from counter.screens.sell_desk import Lexis
from counter.screens.sell_fields import EntryInput
from counter.screens.sell_words import Words
from counter.symbols import cut, drawn, symbols

#: Stands in the empty line.
EXAMPLE: Final = "gmr 25 2a1i eks"
_WORD: Final = 20


def read(line: str, lexis: Lexis) -> Entry:
    """A line as this counter understands it."""
    return parse(line, places=lexis.places, home=lexis.home, today=lexis.today, classes=lexis.classes)


def problems(entry: Entry) -> Iterator[str]:
    """What of a line was not understood, each in a few words with the nearest guess."""
    for token in entry.tokens:
        if token.problem is not None:
            yield _problem(token, cut(entry.line[token.start : token.end], _WORD))


def _problem(token: Token, word: str) -> str:
    match token.problem:
        case Problem.AMBIGUOUS:
            return _("{word} may be {places}", word=word, places=f" {_('or')} ".join(token.candidates[:4]))
        case Problem.IMPOSSIBLE if token.kind is Kind.DAY:
            return _("the day {word} does not exist", word=word)
        case Problem.IMPOSSIBLE:
            return _("{word} cannot be", word=word)
        case Problem.REPEATED:
            return _("{word} is said twice", word=word)
    if token.guess:
        return _("{word} is not known, {guess}?", word=word, guess=token.guess)
    return _("{word} is not known", word=word)


def missing(entry: Entry) -> str:
    """What a line without mistakes still lacks; empty if nothing."""
    if entry.destination is None:
        return _("Name the station to go to: gmr, or a part of its name.")
    return _("Name the station to start from as well.") if entry.origin is None else ""


def on_day(entry: Entry, day: date) -> str:
    """The line with its day replaced, or added at the end."""
    word = f"{day.day}/{day.month}"
    for token in entry.tokens:
        if token.kind is Kind.DAY and token.ok:
            return f"{entry.line[: token.start]}{word}{entry.line[token.end :]}"
    return f"{entry.line.rstrip()} {word}"


def shifted(entry: Entry, days: int) -> str:
    """The line for some days later."""
    return on_day(entry, entry.day + timedelta(days=days))


def with_guess(entry: Entry) -> str | None:
    """The line with the nearest guess in the place of what was not understood first."""
    for token in entry.tokens:
        if not token.ok and token.guess:
            return f"{entry.line[: token.start]}{token.guess}{entry.line[token.end :]}"
    return None


class QuestionLine(Vertical):
    """The entry line and two lines of understanding, always the same height."""

    def compose(self) -> ComposeResult:
        """A mark, the line, and what it means."""
        with Horizontal(id="entry-row"):
            yield Words(f"{symbols().prompt} ", id="prompt")
            yield EntryInput(id="entry", placeholder=EXAMPLE)
        yield Words("", id="understood")
        yield Words("", id="misunderstood")

    def on_mount(self) -> None:
        """Nothing is asked yet."""
        self._lexis: Lexis | None = None
        self.entry: Entry | None = None

    @property
    def input(self) -> EntryInput:
        """The line itself."""
        return self.query_one(EntryInput)

    def learn(self, lexis: Lexis) -> None:
        """The words of this railway have come, or the day has changed."""
        self._lexis = lexis
        self.understand()

    def understand(self) -> None:
        """Read the line anew and say what it means."""
        line = self.input.value
        self.entry = read(line, self._lexis) if self._lexis is not None and line.strip() else None
        self.input.mark(self.entry.tokens if self.entry else ())
        width = max(20, self.size.width - 4)
        self.query_one("#understood", Words).say(Content(cut(self._summary(width), width)))
        wrong = list(problems(self.entry)) if self.entry else []
        told = f"{symbols().no} {self._joined(wrong)}" if wrong else ""
        self.query_one("#misunderstood", Words).say(Content(drawn(cut(told, width))))
        self.screen.refresh_bindings()

    @staticmethod
    def _joined(sentences: Iterable[str]) -> str:
        return f" {symbols().dot} ".join(sentences)

    def _summary(self, width: int) -> str:
        """What the line means; where that is long, classes by their codes."""
        if self.entry is None or self._lexis is None:
            return ""
        speaks: Language = "id" if language() == "id" else "en"
        names = {code: _(name) for code, name in self._lexis.class_names.items()}
        said = drawn(format_summary(self.entry, speaks, names))
        return said if cell_len(said) <= width else drawn(format_summary(self.entry, speaks))
