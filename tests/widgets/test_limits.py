"""Every field of the program has an end: what is pasted into it cannot fill the memory or the database."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.widgets import Input

import counter

LONGEST = 5_000
FOLDER = Path(counter.__file__ or "").parent


def fields() -> Iterator[type[Input]]:
    """The kinds of fields this program has made for itself."""
    for found in pkgutil.walk_packages([str(FOLDER)], "counter."):
        module = importlib.import_module(found.name) if found.name != "counter.__main__" else None
        for _, one in inspect.getmembers(module, inspect.isclass):
            if issubclass(one, Input) and one.__module__ == found.name:
                yield one


FIELDS = sorted(set(fields()), key=lambda one: one.__qualname__)


def test_there_are_some() -> None:
    assert {"EntryInput", "MoneyInput", "NumberInput", "PlainInput", "ScanInput"} <= {one.__name__ for one in FIELDS}


@pytest.mark.parametrize("kind", FIELDS, ids=lambda one: one.__name__)
@pytest.mark.parametrize("letter", ["1", "x"])
async def test_a_field_has_an_end(kind: Any, letter: str) -> None:
    class Desk(App[None]):
        def compose(self) -> Iterator[Input]:
            yield kind(id="field")

    async with Desk().run_test() as pilot:
        field = pilot.app.query_one(Input)
        field.insert_text_at_cursor(letter * 1_000_000)
        await pilot.pause()
        assert len(field.value) <= LONGEST
        for _ in range(3):
            field.insert_text_at_cursor(letter * 2_000)
        await pilot.pause()
        assert len(field.value) <= LONGEST


def _has_no_end(node: ast.AST) -> bool:
    made = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("Input", "TextArea")
    return made and isinstance(node, ast.Call) and not any(word.arg == "max_length" for word in node.keywords)


def test_a_plain_field_says_its_end_where_it_is_made() -> None:
    assert _has_no_end(ast.parse("Input(id='x')", mode="eval").body)
    sources = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FOLDER.rglob("*.py")}
    assert [path for path, tree in sources.items() if any(map(_has_no_end, ast.walk(tree)))] == []
