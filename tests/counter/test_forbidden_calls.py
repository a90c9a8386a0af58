"""What no part of the program does: start a shell, run text as code, read pickles, write CSV by hand, draw markup."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import core
import counter
import migrations
from counter.cli import counter as commands
from counter.cli.values import LONGEST_ARGUMENT

PROGRAM = [Path(package.__file__ or "").parent for package in (core, counter, migrations)]

#: Modules that read or run what somebody else may have written.
MODULES = {"pickle", "cPickle", "marshal", "shelve", "dill", "commands", "pty", "code", "xml.etree", "imp"}
CALLS = {
    "eval", "exec", "compile", "__import__", "input", "breakpoint",
    "os.system", "os.popen", "os.spawnl", "os.spawnv", "os.spawnlp", "os.spawnvp", "os.execl", "os.execlp",
    "subprocess.getoutput", "subprocess.getstatusoutput", "asyncio.create_subprocess_shell",
    "tempfile.mktemp", "yaml.load", "Content.from_markup", "Text.from_markup",
}  # fmt: skip


def _name(node: ast.expr) -> str:
    """``os.system`` for what is called by that; the end of it where it begins with something else than a name."""
    if isinstance(node, ast.Attribute):
        return f"{_name(node.value)}.{node.attr}".lstrip(".")
    return node.id if isinstance(node, ast.Name) else ""


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (one.name for one in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level:
        yield node.module or ""
        yield from (f"{node.module}.{one.name}" for one in node.names)


def forbidden(source: str, *, tables: bool = False) -> list[str]:
    """What a module does of this, with the line; ``tables`` may write CSV."""
    found = []
    for node in ast.walk(ast.parse(source)):
        line = getattr(node, "lineno", 0)
        for module in _imported(node):
            if module.partition(".")[0] in MODULES or module in CALLS or (module == "csv" and not tables):
                found.append(f"{line} import {module}")
        if isinstance(node, ast.Call):
            name = _name(node.func)
            if name in CALLS or name.startswith(("os.exec", "os.spawn")):
                found.append(f"{line} {name}()")
            for word in node.keywords:
                if word.arg == "shell" and not (isinstance(word.value, ast.Constant) and word.value.value is False):
                    found.append(f"{line} shell=")
    return found


def test_no_part_of_the_program_does_it() -> None:
    sources = [path for package in PROGRAM for path in package.rglob("*.py")]
    assert len(sources) > 150
    found = {
        str(path): wrong
        for path in sources
        if (wrong := forbidden(path.read_text(encoding="utf-8"), tables=path.name == "spreadsheet.py"))
    }
    assert found == {}


@pytest.mark.parametrize(
    "source",
    [
        "import subprocess\nsubprocess.run('ls', shell=True)", "run(x, shell=flag)", "import os\nos.system('ls')",
        "from os import system", "eval('1')", "exec(text)", "import pickle", "from pickle import loads", "import csv",
        "import asyncio\nasyncio.create_subprocess_shell('ls')", "import os\nos.execv('a', [])",
        "Content.from_markup(name)", "def f():\n    return __import__('x')",
    ],
)  # fmt: skip
def test_this_would_be_noticed(source: str) -> None:
    assert forbidden(source)


def test_what_is_like_it_is_allowed() -> None:
    assert (
        forbidden("import re\nre.compile('x')\ncursor.execute('x')\nrun(['ls'], shell=False)\nimport subprocess") == []
    )


def walk(command: click.Command, path: str = "counter") -> Iterator[tuple[str, click.Parameter]]:
    """Every parameter of every command."""
    context = click.Context(command, info_name=path)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from walk(below, f"{path} {name}")
    for parameter in command.params:
        yield path, parameter


def test_no_command_takes_a_secret_on_its_line() -> None:
    """Command lines are read by everybody on a machine, and kept by shells."""
    parameters = list(walk(commands))
    assert len(parameters) > 100
    for path, parameter in parameters:
        words = {word for option in parameter.opts for word in option.strip("-").replace("_", "-").split("-")}
        if words & {"pin", "pins", "password", "passphrase", "secret", "token"}:
            assert isinstance(parameter.type, click.Path | click.File) or getattr(parameter, "is_flag", False), path


def test_every_text_a_command_takes_has_a_limit() -> None:
    """None is stored, printed or looked up that nobody could have typed."""
    for path, parameter in walk(commands):
        kind = parameter.type
        if isinstance(kind, click.types.StringParamType):
            with pytest.raises(click.BadParameter) as refused:
                kind.convert("x" * (LONGEST_ARGUMENT + 1), parameter, None)
            assert len(refused.value.message) < 100, path
