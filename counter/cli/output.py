"""What commands write: JSON for scripts, tables and sentences for people, errors in both.

Also what happens when nobody takes it: a full disk, a reader that has gone.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any, Final, ParamSpec, TextIO, TypeVar

import click

from counter import training

P = ParamSpec("P")
F = TypeVar("F", bound=Callable[..., Any])

JSON_FLAG: Final = "--json"

json_option: Final = click.option(JSON_FLAG, "as_json", is_flag=True, help="Print JSON and nothing else.")


def training_option(words: str) -> Callable[[F], F]:
    """``--training``, which counts before anything else is read, so that what is wrong with the rest is said in it."""

    def begin(_context: click.Context, _option: click.Parameter, wanted: bool) -> None:
        if wanted:
            training.begin()

    return click.option(training.OPTION, is_flag=True, is_eager=True, expose_value=False, callback=begin, help=words)


#: Longer ones are cut in the middle: somebody else's words are in there, and nobody reads on.
_LONGEST_WORD, _LONGEST_SENTENCE = 160, 400


def harmless(text: str) -> str:
    """One line for a terminal: control characters and direction marks come out as a visible replacement.

    The one place where text that somebody typed or stored meets the terminal.
    """
    return "".join(
        letter if letter.isprintable() else " " if letter.isspace() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def shortened(text: str) -> str:
    """A sentence with long words, and then itself, cut in the middle: what it says is at both ends."""
    words = (_cut(word, _LONGEST_WORD) for word in text.split(" "))
    return _cut(" ".join(words), _LONGEST_SENTENCE)


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    end = longest // 3
    return f"{text[: longest - end - 1]}…{text[-end:]}"


def say(sentence: str) -> None:
    """A line for people, on standard output.

    Raises:
        OSError: it takes no more; see :func:`tell_answer_lost`.
    """
    click.echo(harmless(sentence))


def tell(sentence: str) -> None:
    """A line for people beside the answer, on standard error. If nobody takes it, the answer counts all the same."""
    with suppress(OSError):
        click.echo(harmless(sentence), err=True)


def tell_exposed(path: Path) -> None:
    """A warning that others on this machine can read a file with a secret; nothing is refused because of it."""
    tell(f"Others can read {path}, and a secret is in it; chmod 600 keeps it yours.")


def print_json(document: Any) -> None:
    """One JSON object on a line of its own, in ASCII without any control character; in training it says so.

    Raises:
        OSError: standard output takes no more; see :func:`tell_answer_lost`.
    """
    if isinstance(document, Mapping) and training.is_on():
        document = {**document, "training": True}
    click.echo(json.dumps(document, ensure_ascii=True).replace("\x7f", "\\u007f"))


def print_error(code: str, message: str, hint: str, *, as_json: bool, details: Mapping[str, Any] | None = None) -> None:
    """One sentence on standard error; with ``--json`` the error as an object on standard output besides."""
    message, hint = shortened(message), shortened(hint)
    tell(f"{message} {hint}".strip())
    if as_json:
        with suppress(OSError):  # the refusal counts, whoever hears of it
            print_json({"error": {**(details or {}), "code": code, "message": message, "hint": hint}})


def is_answer_lost(error: OSError) -> bool:
    """Whether it was writing that failed, ours or the help texts': they all end in the same function."""
    *_, (innermost, _line) = traceback.walk_tb(error.__traceback__)
    return innermost.f_code is click.echo.__code__


def tell_answer_lost(error: OSError) -> int:
    """Say that nobody takes the answer, and return the exit status: a reader that has had enough is no error."""
    if isinstance(error, BrokenPipeError):
        return 0
    tell(f"The answer cannot be written ({error.strerror}); what was done is done. {notes(error)}".strip())
    return 3


def notes(error: BaseException) -> str:
    """What a command knew and said (``add_note``) when it was cut short by something that is no error of ours."""
    return " ".join(getattr(error, "__notes__", ()))


def settle() -> None:
    """Send off what was written; a stream that does not take it is cut off, or the interpreter would complain again."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            _discard(stream)


def _discard(stream: TextIO) -> None:
    """What this stream still keeps goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def print_table(rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> None:
    """Columns as wide as their widest cell; those in ``right`` are aligned to the right."""
    if not rows:
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        say("  ".join(cells).rstrip())


def progress(as_json: bool) -> Callable[[str, int, int], None]:
    """Shows how a long preparation goes on, on standard error; keeps quiet where nobody looks."""
    if as_json or not sys.stderr.isatty():
        return lambda _step, _done, _total: None

    def show(step: str, done: int, total: int) -> None:
        if not total:
            tell(step)
        else:
            line = harmless(f"{step}: {done} of {total}")
            with suppress(OSError):
                click.echo(f"\r{line:<60}" + ("\n" if done >= total else ""), nl=False, err=True)

    return show


def exits_with(function: Callable[P, int]) -> Callable[P, None]:
    """A command that decides its own exit status by what it returns."""

    @wraps(function)
    def run(*arguments: P.args, **options: P.kwargs) -> None:
        status = function(*arguments, **options)
        click.get_current_context().exit(status)

    return run
