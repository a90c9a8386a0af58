"""The audit trail: who did what, where and when, and the proof that nobody rewrote it.

Rows are collected by ``Transaction.audit``, written by ``core.journal`` and chained by the database
(``core.models.audit_guards``). Here they are proven (``chain`` decides, ``proof`` asks), signed at moments
(``checkpoints``), shown (``trail``; ``wanted`` reads filters), handed to auditors (``export``), summed up
(``compliance``) and watched (``alerts``, by the rules of ``incidents`` and ``outliers``).
"""

from core.audit.checkpoints import Checkpoint, checkpoint

__all__ = ["Checkpoint", "checkpoint"]
