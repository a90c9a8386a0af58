"""Files that hold one secret each, or settings among which are some: reading them, and whether others can too."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from core.errors import NotReady

#: Bytes; what is longer is no PIN, and may have no end.
_LONGEST: Final = 4096
_FOR_OTHERS: Final = 0o077
_SECRETS: Final = (
    *("pin", "approver_pin", "gateway_server_key", "gateway_proxy"),
    *("smtp_password", "sms_webhook_secret", "whatsapp_webhook_secret"),
)
_ADDRESSES: Final = "database_url"  # the end of their names


def read_pin(path: Path, named_by: str) -> str:
    """The PIN in a file, without the white space around it.

    Args:
        named_by: the setting or option that names the file.

    Raises:
        NotReady: it cannot be read, or is no text.
    """
    try:
        with path.open("rb") as stream:
            return stream.read(_LONGEST).decode("utf-8-sig").strip()
    except (OSError, ValueError) as error:  # ValueError: no text, or a path that cannot be
        raise NotReady(f"The PIN file {path} cannot be read.", hint=f"Check {named_by} and its permissions.") from error


def is_exposed(path: Path) -> bool:
    """Whether others than its owner may read or change it; False where that cannot be told."""
    try:
        return os.name == "posix" and bool(path.stat().st_mode & _FOR_OTHERS)
    except (OSError, ValueError):
        return False


def holds_secrets(settings: Mapping[str, Any]) -> bool:
    """Whether a settings file says a PIN, a key, or an address with a password."""
    return any(settings.get(name) for name in _SECRETS) or any(
        _has_password(value) for name, value in settings.items() if name.endswith(_ADDRESSES)
    )


def _has_password(address: object) -> bool:
    try:
        parts = urlsplit(str(address or ""))
        return bool(parts.password) or bool({"password", "sslpassword"} & parse_qs(parts.query).keys())
    except ValueError:
        return True  # not an address: whatever it is, nobody else needs it
