"""The `counter` command: the terminal application, and a scriptable command for every job.

``main`` is the one place where errors become sentences and exit statuses: 0 done, 1 refused by a rule, 2 wrong usage,
3 something unreachable, 4 an integrity check failed. With ``--json`` standard output carries one JSON object (or one
per line) and nothing else; sentences for people go to standard error.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from core.errors import CounterError
from counter.cli.output import JSON_FLAG, print_error


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
        return command


@click.group(
    cls=LazyGroup,
    where={
        "search": "counter.cli.sales:search",
        "sell": "counter.cli.sales:sell",
        "show": "counter.cli.sales:show",
        "reprint": "counter.cli.sales:reprint",
        "checkin": "counter.cli.gate:checkin",
        "admin": "counter.cli.admin:admin",
    },
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="station-counter", prog_name="counter")
@click.pass_context
def counter(context: click.Context) -> None:
    """A point-of-sale for railway station counters. Without a command it starts the terminal application."""
    if context.invoked_subcommand is None:
        from counter.app import run

        run()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit status; never a traceback."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_json = JSON_FLAG in given
    try:
        status = counter.main(given, prog_name="counter", standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except click.UsageError as error:
        hint = f"Try: {error.ctx.command_path} --help" if error.ctx else ""
        print_error("usage", error.format_message(), hint, as_json=as_json)
        sys.exit(2)
    except click.exceptions.Abort:
        print_error("interrupted", "Interrupted.", "", as_json=as_json)
        sys.exit(130)
    except click.ClickException as error:
        print_error("usage", error.format_message(), "", as_json=as_json)
        sys.exit(2)
    except CounterError as error:
        print_error(error.reason, error.message, error.hint, as_json=as_json, details=error.details)
        sys.exit(error.exit_status)
    except BrokenPipeError:
        # whoever reads our output has had enough; say nothing more, not even at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        where = note_crash(error)
        print_error(
            "internal_error", "The program met an error of its own.", f"What it knows is in {where}.", as_json=as_json
        )
        sys.exit(3)


def note_crash(error: BaseException) -> str:
    """Write a traceback without any values to the log below the home folder; returns where, for the sentence."""
    import traceback
    from datetime import UTC, datetime

    from core.config import home_folder

    path = home_folder() / "log" / "crash.log"
    frames = "".join(traceback.format_tb(error.__traceback__))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as stream:
            stream.write(f"{datetime.now(UTC).isoformat()} {type(error).__name__}\n{frames}\n")
    except OSError:
        return "no file: the log folder cannot be written"
    return str(path)
