"""Where the `counter` program begins: the application without arguments, a command with some.

The application does not wait for the command line's libraries: people look at the first paint.
"""

import signal
import sys


def main() -> None:
    """Run what was asked for; never returns normally where a command decides the exit status."""
    # Asked to end, leave as after Ctrl+C: the embedded server then stops with the last program that needs it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if len(sys.argv) == 1:
        from counter.app import run

        run()
        return
    from counter.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
