"""Signed statements: what leaves the database, or proves it, carries a signature of the operator's ticket key.

A statement is a JSON object; signed is its canonical form (keys sorted, no spaces, UTF-8) after a line that says what
kind of statement it is. Ed25519 (RFC 8032). The line keeps kinds apart from each other and from ticket codes, whose
signed text begins with the issuer's letters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from core.keys import KeyRing

CHECKPOINT: Final = "checkpoint"
EXPORT: Final = "export"
REVOCATIONS: Final = "revocations"


def sign(keys: KeyRing, kind: str, statement: Mapping[str, Any]) -> bytes:
    """The signature of a statement by the key ``keys.signing_key_id``."""
    return keys.ticket_keys[keys.signing_key_id].sign(_signed_text(kind, statement))


def is_signed(key: Ed25519PublicKey | None, kind: str, statement: Mapping[str, Any], signature: bytes) -> bool:
    """Whether a statement is what ``key`` signed; False as well where there is no such key."""
    if key is None:
        return False
    try:
        key.verify(signature, _signed_text(kind, statement))
    except InvalidSignature:
        return False
    return True


def _signed_text(kind: str, statement: Mapping[str, Any]) -> bytes:
    text = json.dumps(statement, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"counter audit {kind} 1\n{text}".encode()
