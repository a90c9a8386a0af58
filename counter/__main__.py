"""Where the `counter` program begins: the application without arguments, a command with some.

The application does not wait for the command line's libraries: people look at the first paint.
"""

import os
import signal
import sys
from types import FrameType
from typing import Final

from counter import training

#: Somebody asks the program to end; its terminal is gone.
_ENDINGS: Final = (signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    """Run what was asked for; never returns normally where a command decides the exit status."""
    _open_standard_streams()
    for number in _ENDINGS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # under nohup it is to outlive the terminal
            signal.signal(number, _leave)
    try:
        if sys.argv[1:] in ([], [training.OPTION], [training.COMMAND]):
            if sys.argv[1:]:
                training.begin()
            application()
            return
        from counter.cli import main as command_line

        command_line()
    except KeyboardInterrupt:  # so early that nobody was there to say it
        sys.exit(128 + signal.SIGINT)


def application() -> None:
    """Start the terminal application, which reads keys from standard input and paints on standard error."""
    if not (os.isatty(0) and os.isatty(2)):
        from counter.cli.output import tell

        tell("The application needs a terminal. Commands work without one: counter --help")
        sys.exit(2)
    from counter.app import run

    run()


def _leave(number: int, _frame: FrameType | None) -> None:
    """Leave as after Ctrl+C, so that the embedded server stops with the last program that needs it.

    Once only: a shell that ends hangs up a second time. And a hang-up brings SIGCONT, at which Textual would paint.
    """
    for later in (*_ENDINGS, signal.SIGCONT):
        signal.signal(later, lambda *_: None)
    sys.exit(128 + number)


def _open_standard_streams() -> None:
    """Let those that were closed lead nowhere: else the next file opened would be taken for them."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))


if __name__ == "__main__":
    main()
