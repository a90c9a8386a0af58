"""What a policy is: a name, a type, a unit, bounds, a default, and a sentence that says what it decides.

Which policies there are stands in ``core.policy``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from core.errors import Refused

V = TypeVar("V", int, bool, str)


@dataclass(frozen=True, slots=True)
class Policy(Generic[V]):
    """One thing an operator may decide."""

    name: str
    unit: str
    default: V
    meaning: str
    minimum: int = 0
    maximum: int = 1_000_000_000
    #: What a policy of type str may be; no other policy has any.
    choices: tuple[str, ...] = ()

    @property
    def bounds(self) -> str:
        """What it takes, in words: ``0 to 100``, ``yes or no``, ``admin or supervisor``."""
        if isinstance(self.default, str):
            return " or ".join(self.choices)
        return "yes or no" if isinstance(self.default, bool) else f"{self.minimum} to {self.maximum}"

    def allows(self, raw: object) -> bool:
        """Whether a value is of its type and within its bounds."""
        if type(raw) is not type(self.default):
            return False
        if isinstance(raw, str):
            return raw in self.choices
        return isinstance(raw, bool) or (isinstance(raw, int) and self.minimum <= raw <= self.maximum)

    def read(self, raw: object) -> V:
        """A stored value as this policy's type.

        Raises:
            Refused: it is of another type or outside its bounds (code ``policy_invalid``).
        """
        if type(raw) is not type(self.default) or not self.allows(raw):
            raise Refused(
                f"The policy {self.name} has the value {raw!r}, which is no {self.unit}.",
                code="policy_invalid",
                hint=f"It takes {type(self.default).__name__}: {self.bounds}.",
            )
        return raw
