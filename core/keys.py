"""The key ring: ticket signing keys and the keys that keep identities private. Lives outside the database.

One file, ``ring.json``, readable by its owner only, in ``COUNTER_HOME/keys`` or where the operator says. All terminals
of an operator share it; the database knows only fingerprints and the public halves. Identities are encrypted with
AES-256-GCM (NIST SP 800-38D, random 96-bit nonce) and looked up by HMAC-SHA-256 under a key of its own, so that the
encryption key can be rotated without touching the digests.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.errors import IntegrityFailure, NotReady

_FILE: Final = "ring.json"
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32


@dataclass(frozen=True, repr=False)
class KeyRing:
    """The private keys in memory. Never printed, never logged: ``repr`` shows nothing of them."""

    ticket_keys: Mapping[int, Ed25519PrivateKey]
    identity_keys: Mapping[int, bytes]
    digest_key: bytes
    signing_key_id: int
    encryption_key_id: int

    def working_with(self, usable: Collection[tuple[str, int]]) -> KeyRing:
        """The same ring, signing and encrypting with its newest keys among ``usable`` (purpose, key id).

        Which those are the database says: a key it does not know would make tickets no gate can verify.

        Raises:
            NotReady: none of them is on this ring.
        """
        tickets = [key_id for key_id in self.ticket_keys if ("ticket", key_id) in usable]
        identities = [key_id for key_id in self.identity_keys if ("identity", key_id) in usable]
        if not tickets or not identities:
            raise NotReady(
                "This terminal's key ring has no key that is in use.", hint="Copy the current ring to this terminal."
            )
        return replace(self, signing_key_id=max(tickets), encryption_key_id=max(identities))

    def public_key(self, key_id: int) -> bytes:
        return self.ticket_keys[key_id].public_key().public_bytes_raw()

    def encrypt(self, text: str, purpose: str) -> bytes:
        """Encrypt ``text``; ``purpose`` (column and row) is bound to it and needed again to decrypt."""
        key_id = self.encryption_key_id
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(self.identity_keys[key_id]).encrypt(nonce, text.encode(), purpose.encode())
        return bytes([key_id]) + nonce + sealed

    def decrypt(self, sealed: bytes, purpose: str) -> str:
        """Undo ``encrypt``.

        Raises:
            IntegrityFailure: the value was changed, or sealed with a key this ring does not have.
        """
        key = self.identity_keys.get(sealed[0]) if sealed else None
        body = sealed[1 + _NONCE_BYTES :]
        try:
            if key is None:
                raise InvalidTag
            return AESGCM(key).decrypt(sealed[1 : 1 + _NONCE_BYTES], body, purpose.encode()).decode()
        except (InvalidTag, ValueError):  # changed, or cut short
            raise IntegrityFailure(
                "A protected value cannot be read with this key ring.", hint="Check which keys this terminal has."
            ) from None

    def digest(self, text: str) -> bytes:
        """Keyed digest for look-up and for the one-ticket-per-identity rule."""
        return hmac.digest(self.digest_key, text.encode(), hashlib.sha256)

    def fingerprints(self) -> dict[tuple[str, int], bytes]:
        """(purpose, key id) → SHA-256; of the public half for ticket keys, of key and digest key for identities."""
        tickets = {("ticket", key_id): hashlib.sha256(self.public_key(key_id)).digest() for key_id in self.ticket_keys}
        identities = {
            ("identity", key_id): hashlib.sha256(b"fingerprint" + key + self.digest_key).digest()
            for key_id, key in self.identity_keys.items()
        }
        return tickets | identities


def exists(folder: Path) -> bool:
    return (folder / _FILE).exists()


def create(folder: Path) -> KeyRing:
    """Make a new ring in ``folder``; an existing one is left alone and loaded (also when two processes race).

    Raises:
        NotReady: the folder cannot be written.
    """
    document = {
        "ticket": {"1": _text(Ed25519PrivateKey.generate().private_bytes_raw())},
        "identity": {"1": _text(secrets.token_bytes(_KEY_BYTES))},
        "digest": _text(secrets.token_bytes(_KEY_BYTES)),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = folder / f"{_FILE}.{secrets.token_hex(8)}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(document, stream)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(draft, folder / _FILE)  # appears whole or not at all; never replaces a ring
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    except OSError as error:
        raise NotReady(f"No key ring can be written to {folder}.", hint=str(error)) from error
    return load(folder)


def load(folder: Path) -> KeyRing:
    """Read the ring in ``folder``.

    Raises:
        NotReady: there is none, others may read it, or it is damaged.
    """
    path = folder / _FILE
    try:
        mode = path.stat().st_mode
        document = json.loads(path.read_text(encoding="utf-8"))
        if os.name == "posix" and mode & 0o077:
            raise NotReady(f"Others may read the key ring {path}.", hint=f"Run: chmod 600 {path}")
        tickets = {
            int(key_id): Ed25519PrivateKey.from_private_bytes(_bytes(text))
            for key_id, text in document["ticket"].items()
        }
        identities = {int(key_id): _bytes(text) for key_id, text in document["identity"].items()}
        digest_key = _bytes(document["digest"])
        _require_sizes([*tickets, *identities], [*identities.values(), digest_key])
        return KeyRing(tickets, identities, digest_key, max(tickets), max(identities))
    except FileNotFoundError:
        raise NotReady(
            f"This terminal has no key ring in {folder}.",
            hint="Copy it from the terminal that prepared the database, or point COUNTER_KEYS to it.",
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotReady(
            f"The key ring {path} cannot be read.", hint="Restore it from where the operator keeps it."
        ) from error


def _require_sizes(key_ids: Collection[int], secret_keys: Collection[bytes]) -> None:
    """A key id is one byte of a ticket code and of a sealed value; a secret key has 256 bits."""
    if not all(1 <= key_id <= 255 for key_id in key_ids) or any(len(key) != _KEY_BYTES for key in secret_keys):
        raise ValueError("a key or its number has the wrong size")


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
