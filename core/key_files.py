"""Files of key rings: changing the one a terminal works with, saving it elsewhere on purpose, bringing one here.

A ring is never lost: every change is a new file beside the old one, on the disk before it takes its name. Whoever
changes a ring holds the database's preparation lock (``core.ops.key_rotation``), so that no two do at once.

An escrow file is a ring sealed with AES-256-GCM under a passphrase stretched by scrypt (RFC 7914), or, where the
operator has a safe for it, the bare ring.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core import keys
from core.errors import NotReady, Refused
from core.keys import FILE, KeyRing

#: scrypt's cost: 64 MiB and some tenths of a second a guess.
_COST: Final = {"n": 1 << 16, "r": 8, "p": 1}
_HIGHEST_COST: Final = 1 << 22
_SHORTEST_PASSPHRASE: Final = 12


def add(folder: Path, purpose: str, key_id: int) -> KeyRing:
    """Put a new key on the ring in ``folder``.

    Raises:
        NotReady: the ring cannot be read or written.
    """

    def edit(document: dict[str, Any]) -> None:
        document[purpose][str(key_id)] = keys.new_key(purpose)

    return _change(folder, edit)


def drop(folder: Path, purpose: str, key_id: int) -> KeyRing:
    """Take a key off the ring in ``folder``; one that is not on it is no error.

    Raises:
        NotReady: the ring cannot be read or written, or would be left without any key of that purpose.
    """
    return _change(folder, lambda document: document[purpose].pop(str(key_id), None))


def _change(folder: Path, edit: Callable[[dict[str, Any]], object]) -> KeyRing:
    path = folder / FILE
    document = keys.load_document(path)
    keys.read(document, str(path))
    edit(document)
    keys.read(document, str(path))
    _replace(path, document)
    return keys.load(folder)


def _replace(path: Path, document: Mapping[str, Any]) -> None:
    """Let a file of this content take that name; it is there whole at every moment."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = keys.write_draft(path, document)
        try:
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        raise NotReady(f"{path} cannot be written.", code="file_not_written", hint=f"{error.strerror}.") from error


def _sync_folder(folder: Path) -> None:
    """Have the new name itself on the disk, where the platform can."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def save(folder: Path, file: Path, *, gate: bool = False, passphrase: str | None = None) -> KeyRing:
    """Write the ring in ``folder`` to a new file that its owner alone may read; returns the ring.

    Args:
        gate: as a gate may have it, see ``keys.gate_document``.
        passphrase: seals it.

    Raises:
        Refused: the file is there already (``file_exists``), the passphrase is too short (``passphrase_short``), or
            this is a gate's ring, which has nothing to save (``gate_ring``).
        NotReady: the ring cannot be read, the file not written.
    """
    ring = keys.load(folder)
    if ring.is_gate:
        raise Refused("A gate's key ring has nothing to save.", code="gate_ring", hint="Save the one of a counter.")
    document = keys.gate_document(ring) if gate else keys.load_document(folder / FILE)
    if passphrase is not None:
        document = _sealed(document, passphrase)
    if file.exists():
        raise Refused(f"{file} is there already.", code="file_exists", hint="Choose another name.")
    _replace(file, document)
    return ring


def restore(file: Path, folder: Path, *, passphrase: str | None = None) -> KeyRing:
    """Bring the ring in ``file`` to ``folder``; keys that only the ring there has are kept.

    Raises:
        NotReady: the file cannot be read or is no ring; the folder cannot be written.
        Refused: it is sealed and no passphrase or another one was given (``passphrase_wrong``), it is another
            operator's ring (``keys_differ``), or a gate's that would replace a counter's (``gate_ring``).
    """
    document = keys.load_document(file)
    if "sealed" in document:
        document = _unsealed(document, passphrase)
    brought = keys.read(document, str(file))
    if keys.exists(folder):
        mine = keys.load(folder)
        known = mine.fingerprints()
        if brought.digest_key != mine.digest_key or not brought.fits(known):
            raise Refused(
                f"The key ring in {folder} is another one.",
                code="keys_differ",
                hint="Nothing was changed; move that ring away first if it is not needed.",
            )
        if brought.is_gate and not mine.is_gate:
            raise Refused(
                "A gate's key ring does not replace a counter's.", code="gate_ring", hint="Nothing was changed."
            )
        if not mine.is_gate:
            document = _together(keys.load_document(folder / FILE), document)
    _replace(folder / FILE, document)
    return keys.load(folder)


def _together(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    return {**one, **{purpose: {**one[purpose], **other[purpose]} for purpose in ("ticket", "identity")}}


def _sealed(document: Mapping[str, Any], passphrase: str) -> dict[str, Any]:
    if len(passphrase) < _SHORTEST_PASSPHRASE:
        raise Refused(
            f"A passphrase has at least {_SHORTEST_PASSPHRASE} characters.",
            code="passphrase_short",
            hint="Take a sentence.",
        )
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
    sealed = AESGCM(_stretched(passphrase, salt, **_COST)).encrypt(nonce, json.dumps(document).encode(), None)
    parts = {"salt": salt, "nonce": nonce, "ring": sealed}
    return {"sealed": {name: base64.b64encode(part).decode() for name, part in parts.items()} | _COST}


def _unsealed(document: Mapping[str, Any], passphrase: str | None) -> dict[str, Any]:
    wrong = Refused(
        "This key ring is sealed, and the passphrase does not open it.",
        code="passphrase_wrong",
        hint="Name the file with the passphrase it was sealed with.",
    )
    if passphrase is None:
        raise wrong
    try:
        sealed = document["sealed"]
        salt, nonce, body = (base64.b64decode(sealed[name], validate=True) for name in ("salt", "nonce", "ring"))
        cost = {name: int(sealed[name]) for name in _COST}
        if min(cost.values()) < 1 or cost["n"] * cost["r"] * cost["p"] > _HIGHEST_COST:
            raise ValueError("nobody waits for that")
        return dict(json.loads(AESGCM(_stretched(passphrase, salt, **cost)).decrypt(nonce, body, None)))
    except InvalidTag:
        raise wrong from None
    except (ValueError, KeyError, TypeError) as error:
        raise NotReady("This is no escrow file.", code="escrow_damaged", hint="Take another copy.") from error


def _stretched(passphrase: str, salt: bytes, *, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(passphrase.encode(), salt=salt, n=n, r=r, p=p, maxmem=256 * n * r + (1 << 20), dklen=32)
