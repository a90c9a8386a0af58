"""Which database servers must prove who they are, and by whose word.

What belongs here: the decision, from the address, the environment and the service file as libpq reads them. A server
reached over a network is to present a certificate for its name (``sslmode=verify-full``) unless somebody has chosen
otherwise; libpq by itself would fall back to no encryption at all. A socket or a loopback address never leaves this
machine, and ``hostaddr`` on loopback is the near end of a tunnel.
"""

from __future__ import annotations

import configparser
import ipaddress
import os
import ssl
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

#: libpq's parameter -> its environment variable, of those that decide.
_VARIABLES: Final = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
}


def required(parameters: Mapping[str, Any]) -> dict[str, str]:
    """What has to be told to the driver besides the ``parameters`` of an address; nothing where that is enough.

    Where no authorities are named, those of the system are taken: of the file that OpenSSL's settings name for Python,
    since the libpq of a binary package brings an OpenSSL that does not know where this system keeps them.
    """
    known = _known(parameters)
    if known["sslmode"] or not any(map(_is_remote, _hosts(known))):
        return {}
    if known["sslrootcert"] or any((home / ".postgresql" / "root.crt").exists() for home in _homes()):
        return {"sslmode": "verify-full"}
    return {"sslmode": "verify-full", "sslrootcert": ssl.get_default_verify_paths().cafile or "system"}


def known_hosts(parameters: Mapping[str, Any]) -> list[str]:
    """What an address of these parameters leads to, in the order it is tried."""
    return _hosts(_known(parameters))


def _hosts(known: Mapping[str, str]) -> list[str]:
    """Of each pair the address wins over the name."""
    names, addresses = known["host"].split(","), known["hostaddr"].split(",")
    return [address or name for name, address in zip_longest(names, addresses, fillvalue="")]


def is_socket(host: str) -> bool:
    """A path, or ``@`` and a name, is a socket of this machine; so is, on Unix, a host that is not named."""
    return not host or host.startswith(("/", "@"))


def _is_remote(host: str) -> bool:
    if is_socket(host) or host.casefold() == "localhost":
        return False
    try:
        return not ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return True  # a name, or a spelling of an address that only some systems read


def _known(parameters: Mapping[str, Any]) -> dict[str, str]:
    """What libpq goes by: the address, then its service, then the environment."""
    environment = {name: os.environ.get(variable, "") for name, variable in _VARIABLES.items()}
    service = _service(str(parameters.get("service") or os.environ.get("PGSERVICE") or ""))
    own = {name: str(parameters.get(name) or "") for name in _VARIABLES}
    return {name: own[name] or service.get(name) or environment[name] for name in _VARIABLES}


def _service(name: str) -> Mapping[str, str]:
    """The parameters of a service; what cannot be read is libpq's to complain about, and counts as not said here."""
    named, folder = os.environ.get("PGSERVICEFILE"), os.environ.get("PGSYSCONFDIR")
    files = [Path(named)] if named else [home / ".pg_service.conf" for home in _homes()]
    files += [Path(folder) / "pg_service.conf"] if folder else []
    for file in files if name else ():
        services = configparser.ConfigParser(
            delimiters=("=",), comment_prefixes=("#",), interpolation=None, strict=False, default_section=""
        )
        try:
            services.read_string(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, configparser.Error):
            continue
        if services.has_section(name):
            return dict(services[name])
    return {}


def _homes() -> list[Path]:
    """This account's home folder, if it has one."""
    try:
        return [Path.home()]
    except RuntimeError:
        return []
