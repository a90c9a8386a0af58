"""Values of options that several commands take, each refused in one sentence that says what would do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from core.errors import UsageError

_SHOWN = 30
#: Characters of one argument of any kind: a path may be as long.
LONGEST_ARGUMENT = 4096
#: And of a text that has no limit of its own.
LONGEST_TEXT = 200


class Line(click.types.StringParamType):
    """A text of at most ``longest`` characters. One that is longer is refused and not cut: it may be the wrong one."""

    def __init__(self, longest: int = LONGEST_TEXT) -> None:
        self._longest = longest

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        text = super().convert(value, param, ctx)
        if len(text) > self._longest:
            self.fail(f"it has {len(text)} characters, and {self._longest} fit.", param, ctx)
        return text


def limit_texts(command: click.Command) -> click.Command:
    """Give every text that a command (or one below it) takes the usual limit, where it has none of its own."""
    for parameter in command.params:
        if type(parameter.type) is click.types.StringParamType:
            parameter.type = Line()
    if isinstance(command, click.Group):
        for below in command.commands.values():
            limit_texts(below)
    return command


def require_short(arguments: Iterable[str]) -> None:
    """
    Raises:
        UsageError: an argument longer than any can be (code ``too_long``), whatever it was meant for.
    """
    for place, argument in enumerate(arguments, start=1):
        if len(argument) > LONGEST_ARGUMENT:
            raise UsageError(
                f"Argument {place} has {len(argument)} characters, and {LONGEST_ARGUMENT} fit.",
                hint="Nothing was done.",
                code="too_long",
            )


class Number(click.ParamType[Any]):
    """A whole number, or with ``fractions`` any, from ``least`` to ``most``."""

    name = "number"

    def __init__(self, least: float, most: float | None = None, *, fractions: bool = False) -> None:
        self._least, self._most, self._fractions = least, most, fractions

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            number = float(value) if self._fractions else int(value)
        except ValueError:
            return self._refuse(value, param, ctx)
        if not self._least <= number or not (self._most is None or number <= self._most):  # nan is neither
            return self._refuse(value, param, ctx)
        return number

    def _refuse(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        text = str(value)
        shown = f"{text[:_SHOWN]}…" if len(text) > _SHOWN else text
        kind = "number" if self._fractions else "whole number"
        within = f"of {self._least} or more" if self._most is None else f"from {self._least} to {self._most}"
        return self.fail(f"{shown!r} is no {kind} {within}.", param, ctx)
