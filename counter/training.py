"""Training on screens and in commands: whether it was asked for, and the words that say so everywhere.

What belongs here: nothing heavy, the login screen asks before it is painted. What training means is ``core.training``.
Training is chosen when a program starts and for as long as it runs: nothing here turns it off.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from core.office import OperatorInfo

#: The switch of the command line, and the command that starts the application with it on.
OPTION: Final = "--training"
COMMAND: Final = "train"
VARIABLE: Final = "COUNTER_TRAINING"
#: What the state bar shows.
MARK: Final = "TRAINING"
#: What commands tell people, beside their answer.
SENTENCE: Final = "TRAINING: nothing here is a real sale."

#: What the state bar shows on the demonstration railway.
_DEMONSTRATION: Final = "DEMO"
_ON: Final = ("1", "true", "t", "yes", "y", "on")


def begin() -> None:
    """This program, and every one it starts, works in training."""
    os.environ[VARIABLE] = "1"
    config = sys.modules.get("core.config")
    if config is not None:
        config.settings.cache_clear()


def asked_for(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the environment says so; the settings file is read later and may say so as well."""
    return environment.get(VARIABLE, "").strip().lower() in _ON


def mark_of(operator: OperatorInfo) -> str:
    """What the state bar says of a railway: whether it is to practise on, or to look at."""
    return MARK if operator.is_training else _DEMONSTRATION if operator.is_demonstration else ""


def is_on() -> bool:
    """Whether this program works in training, as far as it knows its settings."""
    config = sys.modules.get("core.config")
    known = config is not None and config.settings.cache_info().currsize
    return bool(config.settings().training) if config is not None and known else asked_for()
