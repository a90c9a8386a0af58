"""Settings: what the environment and the settings file say about this machine. Nothing here touches a database.

Every setting can be given as an environment variable ``COUNTER_<NAME>`` or in ``settings.toml`` below the home folder;
the environment wins. A variable that is set to nothing counts as not set. Rates, windows and limits are no settings:
they are policies (``core.policy``).
"""

from __future__ import annotations

import errno
import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from core.errors import NotReady, UsageError

APPLICATION = "station-counter"


def home_folder() -> Path:
    """Where this machine keeps its embedded database, keys, journals and settings.

    ``COUNTER_HOME`` if set, else the platform's data folder. For root that is a public system folder: the embedded
    server runs as another user and must be able to reach its data without a private home being opened to it.

    Raises:
        UsageError: it cannot be a folder (code ``home_not_usable``).
    """
    configured = os.environ.get("COUNTER_HOME")
    if configured:
        return _as_home(configured)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib") / APPLICATION
    return platformdirs.user_data_path(APPLICATION)


def _as_home(named: str | Path) -> Path:
    """The folder, which need not be there yet."""
    try:
        folder = Path(named).expanduser().absolute()
        if folder.stat() and not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    except FileNotFoundError:
        return folder
    except (OSError, RuntimeError) as error:  # RuntimeError: ~name of nobody
        reason = error.strerror if isinstance(error, OSError) else "nobody has that name"
        raise UsageError(
            f"COUNTER_HOME ({named}) cannot be used: {reason}.",
            hint="Set it to a folder of your own.",
            code="home_not_usable",
        ) from error
    return folder


class Settings(BaseSettings):
    """This machine's settings; see the module's docstring for where they come from."""

    model_config = SettingsConfigDict(env_prefix="COUNTER_", env_ignore_empty=True, extra="ignore", frozen=True)

    home: Annotated[Path, AfterValidator(_as_home)] = Field(default_factory=home_folder)
    database_url: str | None = None
    owner_database_url: str | None = None
    database_pooled: bool = False
    staff: str | None = None
    pin: SecretStr | None = None
    pin_file: Path | None = None
    approver: str | None = None
    approver_pin: SecretStr | None = None
    terminal: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]{0,30}$")
    station: str | None = None
    printer: str = "none"
    paper_width: Literal[58, 80] = 80
    printer_profile: str = ""
    drawer: str = "none"
    drawer_pulse: int = 100
    language: Literal["en", "id"] = "en"
    ascii: bool = False
    keys: Path | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = TomlConfigSettingsSource(settings_cls, home_folder() / "settings.toml")
        return init_settings, env_settings, file

    @property
    def keys_folder(self) -> Path:
        return self.keys or self.home / "keys"

    @property
    def audit_heads_file(self) -> Path:
        """Where this machine keeps the heads of the audit trail; see ``core.audit.checkpoints``."""
        return self.home / "audit" / "heads.jsonl"

    def read_pin(self) -> str | None:
        """The PIN for scripted commands, from the environment or a file.

        Raises:
            NotReady: ``COUNTER_PIN_FILE`` names a file that cannot be read.
        """
        if self.pin is not None:
            return self.pin.get_secret_value()
        if self.pin_file is None:
            return None
        try:
            return self.pin_file.read_text(encoding="utf-8-sig").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise NotReady(
                f"The PIN file {self.pin_file} cannot be read.", hint="Check COUNTER_PIN_FILE and its permissions."
            ) from error


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once.

    Raises:
        UsageError: a value is not of its kind (codes ``setting_invalid``, ``home_not_usable``).
        NotReady: the settings file cannot be read, or is not TOML.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        raise UsageError(
            f"The setting COUNTER_{name} is not usable: {first['msg']}.",
            hint="Correct it and start again.",
            code="setting_invalid",
        ) from None
    except OSError as error:
        raise NotReady(
            "settings.toml cannot be read.", hint=f"Check its permissions ({error.strerror or error})."
        ) from None
    except (ValueError, RecursionError) as error:
        raise NotReady("settings.toml is not valid TOML.", hint=str(error)) from None
