"""The `counter` command: the terminal application, and a scriptable command for every job.

``main`` is the one place where errors become sentences and exit statuses: 0 done, 1 refused by a rule, 2 wrong usage,
3 something unreachable, 4 an integrity check failed. With ``--json`` standard output carries one JSON object (or one
per line) and nothing else; sentences for people go to standard error.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOWrapper
from typing import NoReturn

import click
from click.exceptions import NoArgsIsHelpError

from core.errors import CounterError
from counter.cli.output import (
    JSON_FLAG,
    is_answer_lost,
    notes,
    print_error,
    settle,
    tell_answer_lost,
    tell_exposed,
    training_option,
)
from counter.cli.values import limit_texts, require_short


class LazyGroup(click.Group):
    """Commands by module name, imported when they are used: the login screen must not wait for any of them."""

    def __init__(self, *, where: dict[str, str], **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self._where = where

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(self._where)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        from importlib import import_module

        if cmd_name not in self._where:
            return None
        module, _, name = self._where[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return limit_texts(command)


@click.group(
    cls=LazyGroup,
    where={
        "search": "counter.cli.sales:search",
        "sell": "counter.cli.sales:sell",
        "find": "counter.cli.find:find",
        "show": "counter.cli.sales:show",
        "reprint": "counter.cli.sales:reprint",
        "reschedule": "counter.cli.changes:reschedule",
        "upgrade": "counter.cli.changes:upgrade",
        "correct": "counter.cli.changes:correct",
        "reissue": "counter.cli.reissues:reissue_",
        "spoilt": "counter.cli.reissues:spoilt_",
        "pay": "counter.cli.pay:pay",
        "cancel": "counter.cli.refunds:cancel",
        "refund": "counter.cli.refunds:refund",
        "checkin": "counter.cli.gate:checkin",
        "disrupt": "counter.cli.disrupt:disrupt",
        "contact": "counter.cli.notify:contact",
        "train": "counter.cli.train:train",
        "shift": "counter.cli.shift:shift",
        "fine": "counter.cli.fine:fine",
        "ban": "counter.cli.fine:ban",
        "service": "counter.cli.service:service",
        "notices": "counter.cli.service:notices_",
        "approve": "counter.cli.approve:approve",
        "staff": "counter.cli.staff:staff",
        "customer": "counter.cli.customer:customer",
        "personal": "counter.cli.personal:personal",
        "policy": "counter.cli.policy:policy",
        "report": "counter.cli.report:report",
        "admin": "counter.cli.admin:admin",
    },
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="station-counter", prog_name="counter")
@training_option("Practise: in a database of its own, where nothing is sold.")
@click.pass_context
def counter(context: click.Context) -> None:
    """A point-of-sale for railway station counters. Without a command it starts the terminal application."""
    if context.invoked_subcommand is None:
        from counter.__main__ import application

        application()


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit status; never a traceback."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # an arrow that the terminal's encoding lacks is no reason to stop
    status = _run(given, as_json=JSON_FLAG in given)
    _warn_of_exposed_secrets()
    settle()
    sys.exit(status)


def _warn_of_exposed_secrets() -> None:
    """Of the files that the settings of this run came from; a run that needed none is not made to read them."""
    config = sys.modules.get("core.config")
    if config is not None and config.settings.cache_info().currsize:
        for path in config.settings().exposed_files():
            tell_exposed(path)


def _run(given: list[str], *, as_json: bool) -> int:
    """Run a command, its errors in words; returns the exit status."""
    try:
        require_short(given)
        with counter.make_context("counter", given) as context:
            counter.invoke(context)
    except click.exceptions.Exit as left:
        return left.exit_code
    except click.UsageError as error:
        print_error("usage", *_in_words(error), as_json=as_json)
        return 2
    except (click.Abort, KeyboardInterrupt, EOFError) as error:
        print_error("interrupted", "Interrupted.", notes(error), as_json=as_json)
        return 130
    except click.ClickException as error:
        print_error("usage", error.format_message(), "", as_json=as_json)
        return 2
    except CounterError as error:
        print_error(error.reason, error.message, error.hint, as_json=as_json, details=error.details)
        return error.exit_status
    except Exception as error:
        if isinstance(error, OSError) and is_answer_lost(error):
            return tell_answer_lost(error)
        hint = _noted(error)
        print_error("internal_error", "The program met an error of its own.", hint, as_json=as_json)
        return 3
    return 0


def _in_words(error: click.UsageError) -> tuple[str, str]:
    """What a usage error says in one sentence, and where to read on."""
    if error.ctx is None:
        return error.format_message(), ""
    hint, command = f"Try: {error.ctx.command_path} --help", error.ctx.command
    if isinstance(error, NoArgsIsHelpError) and isinstance(command, click.Group):
        return f"{error.ctx.command_path} needs a command: {', '.join(command.list_commands(error.ctx))}.", hint
    message = error.format_message()
    return message if message.endswith((".", "?")) else f"{message}.", hint


def _noted(error: Exception) -> str:
    """Write an error of the program's own to the log; returns the sentence that says where."""
    from core.config import home_folder
    from counter import logs

    path = None
    with suppress(CounterError):  # a home that cannot be is what the error was about
        path = logs.note_crash(error, home_folder())
    return f"Its log is {path}." if path else "The log cannot be written."
