"""Reductions a person is entitled to: registered once by identity, applied per passenger, re-checked at the gate."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Reduction:
    """A reduction as one passenger gets it: of which kind, and by which registered entitlement."""

    kind: str
    entitlement_id: UUID
