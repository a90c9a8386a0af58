"""Settings: what the environment and the settings file say about this machine. Nothing here touches a database.

Every setting can be given as an environment variable ``COUNTER_<NAME>`` or in ``settings.toml`` below the home folder;
the environment wins. A variable that is set to nothing counts as not set. Rates, windows and limits are no settings:
they are policies (``core.policy``).
"""

from __future__ import annotations

import errno
import os
import tomllib
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import platformdirs
from pydantic import AfterValidator, Field, SecretStr, TypeAdapter, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from core import secret_files
from core.errors import NotReady, UsageError

APPLICATION = "station-counter"
#: Characters of a value that names something here, and of any other.
_LONGEST_NAME, _LONGEST_VALUE = 200, 4096
#: Settings that training has of its own, as ``training_<name>``; in training those of real sales are not known.
_APART: Final = ("database_url", "owner_database_url", "supervisor_database_url", "gate_database_url", "keys")


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


def settings_file() -> Path:
    """Where this machine's settings are read from, if it is there."""
    return home_folder() / "settings.toml"


def _at_most(longest: int) -> AfterValidator:
    def check(value: str) -> str:
        if len(value) > longest:
            raise ValueError(f"it has {len(value)} characters, and {longest} fit")
        return value

    return AfterValidator(check)


_Name = Annotated[str, _at_most(_LONGEST_NAME)]
_Value = Annotated[str, _at_most(_LONGEST_VALUE)]


class Settings(BaseSettings):
    """This machine's settings; see the module's docstring for where they come from."""

    model_config = SettingsConfigDict(env_prefix="COUNTER_", env_ignore_empty=True, extra="ignore", frozen=True)

    home: Annotated[Path, AfterValidator(_as_home)] = Field(default_factory=home_folder)
    training: bool = False
    database_url: _Value | None = None
    owner_database_url: _Value | None = None
    supervisor_database_url: _Value | None = None
    gate_database_url: _Value | None = None
    database_pooled: bool = False
    staff: _Name | None = None
    pin: SecretStr | None = Field(default=None, max_length=_LONGEST_VALUE)
    pin_file: Path | None = None
    approver: _Name | None = None
    approver_pin: SecretStr | None = Field(default=None, max_length=_LONGEST_VALUE)
    approver_pin_file: Path | None = None
    new_pin_file: Path | None = None
    terminal: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]{0,30}$")
    station: _Name | None = None
    printer: _Value = "none"
    paper_width: Literal[58, 80] = 80
    printer_profile: _Name = ""
    drawer: _Value = "none"
    drawer_pulse: int = 100
    language: Literal["en", "id"] = "en"
    ascii: bool = False
    keys: Path | None = None
    training_database_url: _Value | None = None
    training_owner_database_url: _Value | None = None
    training_supervisor_database_url: _Value | None = None
    training_gate_database_url: _Value | None = None
    training_keys: Path | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = TomlConfigSettingsSource(settings_cls, settings_file())
        return init_settings, env_settings, file

    @model_validator(mode="before")
    @classmethod
    def _training_is_apart(cls, given: dict[str, Any]) -> dict[str, Any]:
        """In training the databases and keys are those of training.

        Raises:
            NotReady: real sales are on an operator's server, and no database of training is named
                (code ``training_not_set_up``), or its keys are to be the real ones (code ``training_keys``).
        """
        if not _is_on(given.get("training")):
            return given
        own = {name: given[f"training_{name}"] for name in _APART if given.get(f"training_{name}")}
        if not {"database_url", "owner_database_url"} & own.keys() and any(map(given.get, _APART[:2])):
            raise NotReady(
                "No database of training is set.",
                hint="Set COUNTER_TRAINING_DATABASE_URL to one that was made with: counter admin init --training",
                code="training_not_set_up",
            )
        home = Path(given.get("home") or home_folder())
        if "keys" in own and Path(own["keys"]).resolve() == Path(given.get("keys") or home / "keys").resolve():
            raise NotReady(
                "Training would sign with the keys of real tickets.",
                hint="Set COUNTER_TRAINING_KEYS to another folder, or to nothing.",
                code="training_keys",
            )
        return {name: value for name, value in given.items() if name not in _APART} | own

    @property
    def _workroom(self) -> Path:
        """Where keys and journals lie; those of training apart from the real ones."""
        return self.home / "training" if self.training else self.home

    @property
    def keys_folder(self) -> Path:
        return self.keys or self._workroom / "keys"

    @property
    def audit_heads_file(self) -> Path:
        """Where this machine keeps the heads of the audit trail; see ``core.audit.checkpoints``."""
        return self._workroom / "audit" / "heads.jsonl"

    def read_pin(self) -> str | None:
        """The PIN for scripted commands, from the environment or a file.

        Raises:
            NotReady: ``COUNTER_PIN_FILE`` names a file that cannot be read.
        """
        return _secret(self.pin, self.pin_file, "COUNTER_PIN_FILE")

    def read_approver_pin(self) -> str | None:
        """The PIN of whoever approves in scripted commands, from the environment or a file.

        Raises:
            NotReady: ``COUNTER_APPROVER_PIN_FILE`` names a file that cannot be read.
        """
        return _secret(self.approver_pin, self.approver_pin_file, "COUNTER_APPROVER_PIN_FILE")

    def read_new_pin(self) -> str | None:
        """The PIN that somebody wants instead of the own one, from a file; nowhere else in the environment.

        Raises:
            NotReady: ``COUNTER_NEW_PIN_FILE`` names a file that cannot be read.
        """
        return _secret(None, self.new_pin_file, "COUNTER_NEW_PIN_FILE")

    def exposed_files(self) -> list[Path]:
        """Files with secrets of these settings that others on this machine may read: worth a warning, no more."""
        named = (self.pin_file, self.approver_pin_file, self.new_pin_file)
        found = [path for path in named if path and secret_files.is_exposed(path)]
        file = settings_file()
        if secret_files.is_exposed(file):
            with suppress(OSError, ValueError, RecursionError):
                if secret_files.holds_secrets(tomllib.loads(file.read_text(encoding="utf-8"))):
                    found.append(file)
        return found


def _is_on(value: object) -> bool:
    """Whether a switch is on; one that cannot be read is refused where it is read."""
    try:
        return TypeAdapter(bool).validate_python(value)
    except ValidationError:
        return False


def _secret(value: SecretStr | None, file: Path | None, named_by: str) -> str | None:
    if value is not None:
        return value.get_secret_value()
    return None if file is None else secret_files.read_pin(file, named_by)


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
