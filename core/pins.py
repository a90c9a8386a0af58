"""PINs and passwords: what makes a good one, what is kept of it, and how it is proved without being told.

Kept is the SHA-256 of an argon2id hash (RFC 9106), with the hash's salt and cost in the format of the PHC strings.
Whoever signs in computes the hash here and sends it; the database compares its SHA-256 with what it keeps, counts and
locks (``core.models.sign_in_guards``). So no login of a terminal can read what is kept, to guess at leisure, and what
is kept is not enough to sign in with.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from itertools import pairwise
from typing import Final

from argon2.low_level import Type, hash_secret_raw

from core.errors import Refused

_SCHEME: Final = "argon2id-sha256"
_VERSION: Final = 19
#: RFC 9106, section 4, second recommended option: 64 MiB, three passes, four lanes.
_COST: Final = "m=65536,t=3,p=4"
_HASH_BYTES: Final = 32
_SALT_BYTES: Final = 16
_PARAMETERS: Final = re.compile(
    rf"\${_SCHEME}\$v={_VERSION}\$m=(?P<memory>\d{{1,7}}),t=(?P<passes>\d{{1,3}}),p=(?P<lanes>\d{{1,2}})\$(?P<salt>[A-Za-z0-9+/]{{11,64}})"
)
#: Of nobody: a number that nobody has is proved as expensively as any other.
DECOY: Final = f"${_SCHEME}$v={_VERSION}${_COST}$YJ9GwbQZ5FinixRtZ+8q0Q"

PIN_LENGTHS: Final = range(6, 13)
PASSWORD_LENGTHS: Final = range(10, 129)
_PIN: Final = re.compile(r"[0-9]+")


def keep(secret: str) -> str:
    """What is kept of a new PIN or password."""
    parameters = f"${_SCHEME}$v={_VERSION}${_COST}${_text(secrets.token_bytes(_SALT_BYTES))}"
    return f"{parameters}${_text(hashlib.sha256(proof(parameters, secret)).digest())}"


def proof(parameters: str, secret: str) -> bytes:
    """What shows that somebody knows a secret; as costly for parameters nobody can read, and never right then.

    Args:
        parameters: of what is kept, all but its last part.
    """
    read = _PARAMETERS.fullmatch(parameters) or _PARAMETERS.fullmatch(DECOY)
    assert read is not None
    return hash_secret_raw(
        secret.encode("utf-8", "surrogatepass"),
        base64.b64decode(read["salt"] + "=" * (-len(read["salt"]) % 4)),
        time_cost=int(read["passes"]),
        memory_cost=int(read["memory"]),
        parallelism=int(read["lanes"]),
        hash_len=_HASH_BYTES,
        type=Type.ID,
        version=_VERSION,
    )


def require_good_pin(pin: str, staff_number: str) -> None:
    """
    Raises:
        Refused: the first thing a thief would try, or no PIN at all (code ``pin_weak``).
    """
    if not pin.isascii() or not _PIN.fullmatch(pin) or len(pin) not in PIN_LENGTHS:
        raise _weak(f"A PIN has {PIN_LENGTHS.start} to {PIN_LENGTHS.stop - 1} digits.")
    steps = {(int(after) - int(before)) % 10 for before, after in pairwise(pin)}
    if len(steps) == 1 and steps <= {0, 1, 9}:
        raise _weak("This PIN is one digit again and again, or digits in a row.")
    if any(pin == pin[:length] * (len(pin) // length) for length in (2, 3) if len(pin) % length == 0):
        raise _weak("This PIN repeats itself.")
    if staff_number and (staff_number in pin):
        raise _weak("This PIN has the staff number in it.")


def require_good_password(password: str, *known: str) -> None:
    """Length counts, rules of composition do not (NIST SP 800-63B, section 5.1.1.2).

    Args:
        known: what everybody knows about its owner, such as the e-mail address.

    Raises:
        Refused: too short, too long, or made of what everybody knows (code ``password_weak``).
    """
    if len(password) not in PASSWORD_LENGTHS:
        least, most = PASSWORD_LENGTHS.start, PASSWORD_LENGTHS.stop - 1
        raise _weak(f"A password has {least} to {most} characters.", code="password_weak")
    plain = password.casefold()
    if len(set(plain)) < 4 or any(word and plain in (word.casefold(), word.casefold().split("@")[0]) for word in known):
        raise _weak("This password is too easy to guess.", code="password_weak")


def _weak(sentence: str, code: str = "pin_weak") -> Refused:
    return Refused(sentence, code=code, hint="Choose another one.")


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")
