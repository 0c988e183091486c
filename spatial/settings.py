"""Settings of the whole house, read once and passed down; nothing is read at import.

Order: command line > environment (``WANMI_…``) > ``.env`` > ``wanmi.toml`` > default. An unknown key is an error.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from grid_coding.errors import BilingualError

__all__ = ["PREFIX", "Settings", "SettingsError", "load_settings"]

PREFIX = "WANMI_"
# Read before there are settings (bash entry, spatial.place); known here so that they are not taken for typing errors.
# WANMI_VENV: folder of the virtual environment (default: in the state folder). WANMI_RUN_AS: account of the private
# database when started by root (default: postgres). WANMI_POSTGRES: folder of PostgreSQL's programs (default: searched).
ENTRY_KEYS = frozenset({"WANMI_VENV", "WANMI_RUN_AS", "WANMI_POSTGRES"})


class SettingsError(BilingualError):
    """A setting is unknown or has a wrong value; tells which."""


def _split(value: object) -> object:
    """Takes names by comma as well as a list.

    >>> _split("a.example, b.example"), _split('["a.example"]'), _split("")
    (('a.example', 'b.example'), ('a.example',), ())
    """
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return tuple(json.loads(value))
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _host_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Takes whole names: a pattern, scheme or port would never equal a Host header, and nobody would see why."""
    for name in names:
        if not HOST_NAME.fullmatch(name):
            raise ValueError(f"{name!r}: a host name without scheme, port and wildcard")
    return names


def _networks(names: tuple[str, ...]) -> tuple[str, ...]:
    """Takes addresses and networks; whoever trusts everybody's word on who they are trusts nobody's."""
    for name in names:
        if ipaddress.ip_network(name, strict=False).prefixlen == 0:
            raise ValueError(f"{name!r}: every address")
    return names


HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")
HostNames = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_host_names)]
Networks = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_networks)]


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
    host: str = Field("127.0.0.1", description="address to listen on; beyond loopback only where somebody can log in")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(8000, description="port of the web server; 0 = any free one")
    allowed_hosts: HostNames = Field((), description="names under which people reach the server, by comma; unset = the machine's own")
    trusted_proxies: Networks = Field((), description="addresses of proxies whose X-Forwarded-For and -Proto count, by comma")
    public: bool = Field(False, description="strangers act as the account public; off = everybody logs in")
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
    totp: Literal["off", "optional", "required"] = Field(
        "off", description="second factor of people: none, for those who enrol, or everybody must enrol at the next log-in"
    )
    oidc_issuer: str | None = Field(None, description="address of the identity provider of the intranet; unset = no such log-in")
    oidc_client_id: str | None = Field(None, description="this server's name at the identity provider")
    oidc_client_secret: SecretStr | None = Field(None, description="this server's secret at the identity provider")
    oidc_claim: str = Field("preferred_username", description="claim that names the account when an identity is linked")
    oidc_title: str = Field("统一身份认证", description="what the log-in page calls the identity provider")
    audit_head_file: Path | None = Field(
        None, description="a second file for the heads of the sealed audit log, on another disk; unset = only the one in the state folder"
    )
    upload_mb: Annotated[int, Field(ge=1, le=16384)] = Field(200, description="largest file that may be uploaded for an import, in MB")
    import_jobs: Annotated[int, Field(ge=1, le=8)] = Field(1, description="imports that run at the same time")
    analysis_jobs: Annotated[int, Field(ge=1, le=16)] = Field(1, description="analyses that run at the same time")
    job_keep_days: Annotated[int, Field(ge=1, le=3650)] = Field(30, description="days for which finished jobs and their reports are kept")
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
