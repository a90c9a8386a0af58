"""The key ring: ticket signing keys and the keys that keep identities private. Lives outside the database.

One file, ``ring.json``, readable by its owner only, in ``COUNTER_HOME/keys`` or where the operator says. All counters
of an operator share it; the database knows only fingerprints and the public halves. Identities are encrypted with
AES-256-GCM (NIST SP 800-38D, random 96-bit nonce) and looked up by HMAC-SHA-256 under a key of its own, so that the
encryption key can be rotated without touching the digests.

A gate's ring has the digest key and no other secret: public halves of the ticket keys, fingerprints of the others. It
opens an office and verifies; it signs and seals nothing. Files of rings are ``core.key_files``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.errors import IntegrityFailure, NotReady

FILE: Final = "ring.json"
HIGHEST_KEY_ID: Final = 255
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32

#: (purpose, key id); a purpose is ``ticket`` or ``identity``.
KeyName = tuple[str, int]


@dataclass(frozen=True, repr=False)
class KeyRing:
    """The private keys in memory. Never printed, never logged: ``repr`` shows nothing of them.

    ``signing`` and ``sealing`` are the keys new tickets and new values are made with; None where this ring may not.
    ``foreign`` holds the fingerprints of keys whose secret half is not on this ring, ``folder`` is where it was read.
    """

    ticket_keys: Mapping[int, Ed25519PrivateKey]
    identity_keys: Mapping[int, bytes]
    digest_key: bytes
    signing: int | None
    sealing: int | None
    foreign: Mapping[KeyName, bytes] = field(default_factory=dict)
    folder: Path | None = None

    @property
    def is_gate(self) -> bool:
        """Whether this ring only verifies."""
        return bool(self.foreign)

    @property
    def signing_key_id(self) -> int:
        """The key that signs new tickets.

        Raises:
            NotReady: there is none on this ring (code ``no_signing_key``).
        """
        return self._usable(self.signing, "no_signing_key", "issues no tickets")

    @property
    def encryption_key_id(self) -> int:
        """The key that seals new values.

        Raises:
            NotReady: there is none on this ring (code ``no_sealing_key``).
        """
        return self._usable(self.sealing, "no_sealing_key", "keeps no identities")

    def _usable(self, key_id: int | None, code: str, lacks: str) -> int:
        if key_id is not None:
            return key_id
        if self.is_gate:
            raise NotReady(
                f"The key ring of this terminal is a gate's: it {lacks}.",
                code=code,
                hint="Sell at a counter, or bring a counter's key ring to this terminal.",
            )
        raise NotReady(
            "This terminal's key ring has no key that is in use.",
            code=code,
            hint="Copy the current ring to this terminal.",
        )

    def working_with(self, usable: Collection[KeyName]) -> KeyRing:
        """The same ring, signing and encrypting with its newest keys among ``usable``, or with none.

        Which those are the database says: a key it does not know would make tickets no gate can verify.
        """
        tickets = [key_id for key_id in self.ticket_keys if ("ticket", key_id) in usable]
        identities = [key_id for key_id in self.identity_keys if ("identity", key_id) in usable]
        return replace(self, signing=max(tickets, default=None), sealing=max(identities, default=None))

    def require_usable(self) -> None:
        """
        Raises:
            NotReady: a counter's ring without a key that is in use.
        """
        if not self.is_gate:
            _ = self.signing_key_id, self.encryption_key_id

    def fits(self, known: Mapping[KeyName, bytes]) -> bool:
        """Whether this is a ring of the operator whose keys have these fingerprints.

        A ring may lack keys that were made after it was copied, or dropped before; what both know must be the same,
        and an identity key must be among it, since its fingerprint covers the digest key.
        """
        mine = self.fingerprints()
        shared = mine.keys() & known.keys()
        return all(mine[key] == known[key] for key in shared) and any(purpose == "identity" for purpose, _ in shared)

    def public_key(self, key_id: int) -> bytes:
        return self.ticket_keys[key_id].public_key().public_bytes_raw()

    def encrypt(self, text: str, purpose: str) -> bytes:
        """Encrypt ``text``; ``purpose`` (column and row, see ``sealed_in``) is bound to it and needed to decrypt.

        Raises:
            NotReady: this ring seals nothing (code ``no_sealing_key``).
        """
        key_id = self.encryption_key_id
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(self.identity_keys[key_id]).encrypt(nonce, text.encode(), purpose.encode())
        return bytes([key_id]) + nonce + sealed

    def decrypt(self, sealed: bytes, purpose: str) -> str:
        """Undo ``encrypt``.

        Raises:
            IntegrityFailure: the value was changed, or sealed with a key this ring does not have.
        """
        key = self._identity_key(sealed[0]) if sealed else None
        body = sealed[1 + _NONCE_BYTES :]
        try:
            if key is None:
                raise InvalidTag
            return AESGCM(key).decrypt(sealed[1 : 1 + _NONCE_BYTES], body, purpose.encode()).decode()
        except (InvalidTag, ValueError):  # changed, or cut short
            raise IntegrityFailure(
                "A protected value cannot be read with this key ring.", hint="Check which keys this terminal has."
            ) from None

    def _identity_key(self, key_id: int) -> bytes | None:
        """A key of this ring, or of the file it came from: another counter may be the first to use a new key."""
        if key_id in self.identity_keys or self.folder is None:
            return self.identity_keys.get(key_id)
        with suppress(NotReady):
            return load(self.folder).identity_keys.get(key_id)
        return None

    def conceal(self, text: str, purpose: str) -> str:
        """Encrypt a short text that stays text, for columns that are never sealed anew; ``purpose`` as in ``encrypt``.

        The key is derived from the digest key and as lasting: rows of closed books do not change.
        """
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _text(nonce + self._concealing().encrypt(nonce, text.encode(), purpose.encode()))

    def reveal(self, concealed: str, purpose: str) -> str:
        """Undo ``conceal``.

        Raises:
            IntegrityFailure: the text was changed, or concealed with another ring.
        """
        try:
            raw = _bytes(concealed)
            return self._concealing().decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], purpose.encode()).decode()
        except (InvalidTag, ValueError):
            raise IntegrityFailure(
                "A protected value cannot be read with this key ring.", hint="Check which keys this terminal has."
            ) from None

    def _concealing(self) -> AESGCM:
        return AESGCM(hmac.digest(self.digest_key, b"counter concealed text 1", hashlib.sha256))

    def digest(self, text: str) -> bytes:
        """Keyed digest for look-up and for the one-ticket-per-identity rule."""
        return hmac.digest(self.digest_key, text.encode(), hashlib.sha256)

    def fingerprints(self) -> dict[KeyName, bytes]:
        """(purpose, key id) → SHA-256; of the public half for ticket keys, of key and digest key for identities."""
        tickets = {("ticket", key_id): hashlib.sha256(self.public_key(key_id)).digest() for key_id in self.ticket_keys}
        identities = {
            ("identity", key_id): hashlib.sha256(b"fingerprint" + key + self.digest_key).digest()
            for key_id, key in self.identity_keys.items()
        }
        return {**self.foreign, **tickets, **identities}


def sealed_in(column: str, row: object) -> str:
    """The purpose of a value in ``table.column`` of the row with that key: one copied elsewhere does not decrypt."""
    return f"{column} {row}"


def exists(folder: Path) -> bool:
    return (folder / FILE).exists()


def new_key(purpose: str) -> str:
    """A new secret key of that purpose, as a ring's file holds it."""
    return _text(Ed25519PrivateKey.generate().private_bytes_raw() if purpose == "ticket" else _secret())


def create(folder: Path) -> KeyRing:
    """Make a new ring in ``folder``; an existing one is left alone and loaded (also when two processes race).

    Raises:
        NotReady: the folder cannot be written.
    """
    document = {"ticket": {"1": new_key("ticket")}, "identity": {"1": new_key("identity")}, "digest": _text(_secret())}
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = write_draft(folder / FILE, document)
        try:
            os.link(draft, folder / FILE)  # appears whole or not at all; never replaces a ring
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    except OSError as error:
        raise NotReady(f"No key ring can be written to {folder}.", hint=str(error)) from error
    return load(folder)


def write_draft(beside: Path, document: Mapping[str, Any]) -> Path:
    """Write a new file that its owner alone may read next to ``beside``, and have it on the disk.

    Raises:
        OSError: it cannot be written.
    """
    draft = beside.with_name(f"{beside.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(document, stream)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return draft


def load(folder: Path) -> KeyRing:
    """Read the ring in ``folder``.

    Raises:
        NotReady: there is none, others may read it, or it is damaged.
    """
    return replace(read(load_document(folder / FILE), str(folder / FILE)), folder=folder)


def load_document(path: Path) -> dict[str, Any]:
    """What a ring's file says, which nobody but its owner may read.

    Raises:
        NotReady: there is none, others may read it, or it is no JSON object.
    """
    try:
        mode = path.stat().st_mode
        document = json.loads(path.read_text(encoding="utf-8"))
        if os.name == "posix" and mode & 0o077:
            raise NotReady(f"Others may read the key ring {path}.", hint=f"Run: chmod 600 {path}")
        return dict(document)
    except FileNotFoundError:
        raise NotReady(
            f"This terminal has no key ring in {path.parent}.",
            hint="Copy it from the terminal that prepared the database, or point COUNTER_KEYS to it.",
        ) from None
    except (OSError, ValueError, TypeError) as error:
        raise _unreadable(str(path)) from error


def read(document: Mapping[str, Any], source: str) -> KeyRing:
    """The ring a document describes; ``source`` names it in an error.

    Raises:
        NotReady: it is damaged.
    """
    try:
        ring = _gate_ring(document) if "gate" in document else _counter_ring(document)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable(source) from error
    return ring


def _counter_ring(document: Mapping[str, Any]) -> KeyRing:
    tickets = {
        int(key_id): Ed25519PrivateKey.from_private_bytes(_bytes(text)) for key_id, text in document["ticket"].items()
    }
    identities = {int(key_id): _bytes(text) for key_id, text in document["identity"].items()}
    digest_key = _bytes(document["digest"])
    _require_sizes([*tickets, *identities], [*identities.values(), digest_key])
    return KeyRing(tickets, identities, digest_key, max(tickets), max(identities))


def _gate_ring(document: Mapping[str, Any]) -> KeyRing:
    gate, digest_key = document["gate"], _bytes(document["digest"])
    publics = {int(key_id): _bytes(text) for key_id, text in gate["ticket"].items()}
    identities = {int(key_id): _bytes(text) for key_id, text in gate["identity"].items()}
    _require_sizes([*publics, *identities], [*publics.values(), *identities.values(), digest_key])
    foreign = {("ticket", key_id): hashlib.sha256(key).digest() for key_id, key in publics.items()}
    foreign |= {("identity", key_id): fingerprint for key_id, fingerprint in identities.items()}
    if not identities:
        raise ValueError("nothing says whose ring this is")
    return KeyRing({}, {}, digest_key, None, None, foreign)


def gate_document(ring: KeyRing) -> dict[str, Any]:
    """A counter's ring as a gate may have it: without any key that makes tickets or reads identities."""
    tickets = {str(key_id): _text(ring.public_key(key_id)) for key_id in ring.ticket_keys}
    prints = ring.fingerprints()
    identities = {str(key_id): _text(prints["identity", key_id]) for key_id in ring.identity_keys}
    return {"gate": {"ticket": tickets, "identity": identities}, "digest": _text(ring.digest_key)}


def _unreadable(source: str) -> NotReady:
    return NotReady(f"The key ring {source} cannot be read.", hint="Restore it from where the operator keeps it.")


def _require_sizes(key_ids: Collection[int], keys: Collection[bytes]) -> None:
    """A key id is one byte of a ticket code and of a sealed value; keys and fingerprints have 256 bits."""
    if not all(1 <= key_id <= HIGHEST_KEY_ID for key_id in key_ids) or any(len(key) != _KEY_BYTES for key in keys):
        raise ValueError("a key or its number has the wrong size")


def _secret() -> bytes:
    return secrets.token_bytes(_KEY_BYTES)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
