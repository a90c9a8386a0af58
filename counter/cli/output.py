"""What commands write: JSON for scripts, tables and sentences for people, errors in both."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, Final, ParamSpec

import click

P = ParamSpec("P")

JSON_FLAG: Final = "--json"

json_option: Final = click.option(JSON_FLAG, "as_json", is_flag=True, help="Print JSON and nothing else.")


def harmless(text: str) -> str:
    """Text for a terminal: control characters and direction marks come out as a visible replacement."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "�" for letter in text)


def say(sentence: str) -> None:
    """A line for people, on standard output."""
    click.echo(harmless(sentence))


def tell(sentence: str) -> None:
    """A line for people beside the answer, on standard error."""
    click.echo(harmless(sentence), err=True)


def print_json(document: Any) -> None:
    """One JSON object on a line of its own."""
    click.echo(json.dumps(document, ensure_ascii=True))


def print_error(code: str, message: str, hint: str, *, as_json: bool, details: Mapping[str, Any] | None = None) -> None:
    """One sentence on standard error; with ``--json`` the error as an object on standard output besides."""
    tell(f"{message} {hint}".strip())
    if as_json:
        print_json({"error": {**(details or {}), "code": code, "message": message, "hint": hint}})


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
            click.echo(f"\r\x1b[K{step}: {done} of {total}" + ("\n" if done >= total else ""), nl=False, err=True)

    return show


def exits_with(function: Callable[P, int]) -> Callable[P, None]:
    """A command that decides its own exit status by what it returns."""

    @wraps(function)
    def run(*arguments: P.args, **options: P.kwargs) -> None:
        status = function(*arguments, **options)
        click.get_current_context().exit(status)

    return run
