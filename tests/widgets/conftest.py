"""What the tests of the widgets share."""

from __future__ import annotations

import random

import pytest

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@pytest.fixture(scope="session")
def codes() -> list[str]:
    """Ten different texts that look like ticket codes."""
    chance = random.Random(2026)
    return ["KAIA" + "".join(chance.choices(ALPHABET, k=136)) for _ in range(10)]
