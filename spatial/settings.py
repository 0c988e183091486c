"""Settings of the whole house, read once and passed down; nothing is read at import.

Order: command line > environment (``WANMI_…``) > ``.env`` > ``wanmi.toml`` > default. An unknown key is an error.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from grid_coding.errors import BilingualError

__all__ = ["PREFIX", "Settings", "SettingsError", "load_settings"]

PREFIX = "WANMI_"
# Read before there are settings (bash entry, spatial.place); known here so that they are not taken for typing errors.
# WANMI_VENV: folder of the virtual environment (default: in the state folder). WANMI_RUN_AS: account of the private
# database when started by root (default: postgres). WANMI_POSTGRES: folder of PostgreSQL's programs (default: searched).
ENTRY_KEYS = frozenset({"WANMI_VENV", "WANMI_RUN_AS", "WANMI_POSTGRES"})


class SettingsError(BilingualError):
    """A setting is unknown or has a wrong value; tells which."""


class Settings(BaseSettings):
    """Every setting with its default; the README's table lists the same (a test compares)."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_file_encoding="utf-8", toml_file="wanmi.toml", extra="forbid", frozen=True
    )

    state_dir: Path = Field(Path("var"), description="folder of the private database, its passwords and logs")
    raster_dir: Path = Field(Path("rasters"), description="folder of raster files; a relative one lies in the state folder")
    database_url: SecretStr | None = Field(
        None, description="owner's connection to an existing PostGIS (postgresql://…); unset = private cluster"
    )
    app_database_url: SecretStr | None = Field(
        None, description="connection of the serving role (wanmi_app); unset = derived for the private cluster, else database_url"
    )
    host: str = Field("127.0.0.1", description="address to listen on; loopback only until accounts exist")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(8000, description="port of the web server; 0 = any free one")
    database_pool: Annotated[int, Field(ge=1, le=64)] = Field(8, description="connections that requests share")
    queue_seconds: Annotated[float, Field(gt=0, le=60)] = Field(2.0, description="longest wait for a free connection; then 503")
    tile_timeout_seconds: Annotated[float, Field(gt=0, le=60)] = Field(5.0, description="longest query of a tile")
    query_timeout_seconds: Annotated[float, Field(gt=0, le=600)] = Field(10.0, description="longest query of a page of features")
    exact_count_limit: Annotated[int, Field(ge=1000)] = Field(
        1_000_000, description="rows up to which numberMatched is counted; above it is estimated"
    )
    security_profile: Literal["mlps2", "asvs"] = Field("mlps2", description="rules for passwords, lock-out and sessions")
    admin_password: SecretStr | None = Field(
        None, description="first start: password of the three administrators; unset = one-time passwords, printed once"
    )
    demo_password: SecretStr | None = Field(
        None, description="first start with the sample city: password of its three users; unset = one-time passwords, printed once"
    )
    minimum_free_mb: Annotated[int, Field(ge=0)] = Field(2048, description="free disk space that set-up asks for, in MB")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Puts the TOML file behind ``.env``; see the module for the order."""
        return init_settings, env_settings, dotenv_settings, TomlConfigSettingsSource(settings_cls)


def load_settings(environment: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """Reads the settings; ``given`` are those of the command line (None = not given).

    Raises:
        SettingsError: an unknown ``WANMI_`` variable, an unknown key in a file, or a wrong value.
    """
    names = os.environ if environment is None else environment
    known = {PREFIX + key.upper() for key in Settings.model_fields} | ENTRY_KEYS
    unknown = sorted(name for name in names if name.startswith(PREFIX) and name not in known)
    if unknown:
        raise SettingsError(f"未知的设置 {unknown[0]}；可用：{'、'.join(sorted(known))}", f"unknown setting {unknown[0]}")
    try:
        return Settings(**{key: value for key, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"设置 {key} 有误：{first['msg']}", f"setting {key}: {first['msg']}") from None
