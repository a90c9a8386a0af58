"""Training mode: a railway to practise on, and what keeps it apart from real sales.

Everything of training is in a database of its own, opened with keys of its own. What leaves it is marked: booking
numbers begin with a zero and ticket numbers with a nine, which no real one does, ticket codes carry the training bit,
and whatever is printed, shown or written says ``NOTICES``. What belongs here: those marks, and the refusal to open the
one kind of database in the other mode. Nothing of it may be changed while a program runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final

from core.errors import NotReady

#: One word for a state bar, a column, a card machine that was none.
MARK: Final = "TRAINING"
#: What stands on everything that could be taken for the real thing, in both languages of the railway.
NOTICES: Final = ("LATIHAN - TIDAK BERLAKU", "TRAINING - NOT VALID FOR TRAVEL")
NOTICE: Final = " / ".join(reversed(NOTICES))
#: No real booking number has a zero: it looks like an O.
BOOKING_PREFIX: Final = "0"
#: The first serial number of training: twelve digits that begin with a nine. Real ones count from a million.
FIRST_SERIAL: Final = 900_000_000_001


def require_same(*, database: bool, program: bool) -> None:
    """Training and real sales are not opened as each other.

    Args:
        database: whether the operator in it is one of training.
        program: whether this program was started in training.

    Raises:
        NotReady: they differ (code ``training_mismatch``).
    """
    if database and not program:
        raise NotReady(
            "This database is one of training: nothing in it is a real sale.",
            code="training_mismatch",
            hint="Start with --training to practise, or set COUNTER_DATABASE_URL to the database of real sales.",
        )
    if program and not database:
        raise NotReady(
            "This is a database of real sales, and this program was started in training.",
            code="training_mismatch",
            hint="Set COUNTER_TRAINING_DATABASE_URL to a database that was made with: counter admin init --training",
        )


def framed(rows: Iterable[Sequence[object]], *, training: bool) -> Iterator[Sequence[object]]:
    """The rows of a table for a file: in training between two lines that say so."""
    notice = [(NOTICE,)] if training else []
    return chain(notice, rows, notice)
