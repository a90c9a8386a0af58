"""The program's version, as its distribution says it."""

from importlib.metadata import PackageNotFoundError, version


def _installed() -> str:
    try:
        return version("station-counter")
    except PackageNotFoundError:
        return "unknown"


VERSION = _installed()
