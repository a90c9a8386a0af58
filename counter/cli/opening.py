"""How commands open the workplace of this machine, and close it whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from core.config import settings
from counter import training
from counter.cli.output import progress, tell
from counter.session import Workplace, open_workplace


@contextmanager
def workplace(*, as_json: bool) -> Iterator[Workplace]:
    """The workplace of this machine for one command."""
    if settings().training and not as_json:
        tell(training.SENTENCE)
    place = open_workplace(settings(), progress(as_json))
    try:
        yield place
    finally:
        place.close()
