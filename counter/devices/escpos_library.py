"""python-escpos, imported without what its import leaves behind.

Importing ``escpos.capabilities`` makes a temporary folder with a copy of the printer database in every process, and
``logging.basicConfig()`` in it hangs a handler on the root logger that would write over the screen. Both are undone
here, once. Import python-escpos through this module only; it costs about a quarter of a second, so not before
something is to be printed.
"""

from __future__ import annotations

import logging
import os
import shutil
from importlib import import_module
from typing import Any, Final

_FOLDER_SETTING: Final = "ESCPOS_CAPABILITIES_PICKLE_DIR"


def _import_capabilities() -> Any:
    root = logging.getLogger()
    handlers = tuple(root.handlers)
    capabilities = import_module("escpos.capabilities")
    for handler in root.handlers[:]:
        if handler not in handlers:
            root.removeHandler(handler)
    if _FOLDER_SETTING not in os.environ:
        shutil.rmtree(capabilities.pickle_dir, ignore_errors=True)
    return capabilities


_capabilities: Final = _import_capabilities()

#: The printer database: name -> what that printer can do.
PROFILES: Final[dict[str, dict[str, Any]]] = _capabilities.CAPABILITIES["profiles"]
Profile: Final = _capabilities.Profile
Dummy: Final = import_module("escpos.printer").Dummy
Encoder: Final = import_module("escpos.magicencode").Encoder
QR_LEVEL_M: Final = import_module("escpos.constants").QR_ECLEVEL_M
