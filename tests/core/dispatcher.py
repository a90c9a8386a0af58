"""A dispatcher as a process of its own: sends what is due until nothing is left, or it is killed.

Run as ``python dispatcher.py COUNTER_URL KEYS_FOLDER MOMENT NUMBER``: it is killed at the moment of message number
NUMBER: ``taken`` (before anything left), ``handing`` (marked, nothing sent yet) or ``arrived`` (not yet marked).
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from core import keys, notification_dispatch
from core import office as offices
from core.notification_senders import Letter, Sender, sender_for
from core.notification_settings import channels


class Mortal:
    """A sender that is killed at one moment of one message."""

    def __init__(self, sender: Sender, moment: str, number: int) -> None:
        self._sender, self._moment, self._left = sender, moment, number
        self.repeatable = sender.repeatable

    def send(self, letter: Letter, hand_over: Callable[[], None], timeout: float) -> None:
        self._left -= 1

        def marked() -> None:
            hand_over()
            self._die("handing")

        self._die("taken")
        self._sender.send(letter, marked, timeout)
        self._die("arrived")

    def _die(self, moment: str) -> None:
        if self._left == 0 and moment == self._moment:
            os.kill(os.getpid(), signal.SIGKILL)


def main(url: str, folder: str, moment: str, number: str) -> None:
    office = offices.open_office(offices.connect(url), keys.load(Path(folder)))
    senders = {name: Mortal(sender_for(one), moment, int(number)) for name, one in channels().items()}
    notification_dispatch.run(office, senders)
    office.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
