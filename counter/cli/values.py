"""Values of options that several commands take, each refused in one sentence that says what would do."""

from __future__ import annotations

from typing import Any

import click

_SHOWN = 30


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
