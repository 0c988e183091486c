"""What every command needs: settings, a running database, steps that people can watch."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError, ProgrammingError

from layers.catalogue import CatalogueError, Registry
from layers.catalogue import load as load_registry
from spatial.cities import CityError
from spatial.cluster import Cluster, ClusterError
from spatial.database import owner_engine
from spatial.prepare import PrepareError, prepare, verify
from spatial.processes import ending_signals
from spatial.settings import Settings, SettingsError, load_settings
from spatial.upgrade import UpgradeRefused

__all__ = ["CliError", "House", "Steps", "open_house", "settings_or_exit"]


class CliError(Exception):
    """An error that a command foresees: one sentence in each language, exit code 2."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en


@dataclass(frozen=True, slots=True)
class House:
    """A database that runs: connections of owner and serving role, settings, registry."""

    settings: Settings
    registry: Registry
    owner_dsn: str
    app_dsn: str
    engine: Engine


class Steps:
    """A line per step on stderr with its seconds."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._open = ""

    def __call__(self, sentence: str) -> None:
        """Ends the step before and begins a new one."""
        self.done()
        self._open, self._began = sentence, time.monotonic()
        sys.stderr.write(f"  · {sentence} … ")
        sys.stderr.flush()

    def done(self, remark: str = "") -> None:
        """Ends the open step."""
        if self._open:
            sys.stderr.write(f"{remark + ' ' if remark else ''}{time.monotonic() - self._began:.1f} s\n")
            sys.stderr.flush()
        self._open = ""


def settings_or_exit(**given: Any) -> Settings:
    """Returns the settings.

    Raises:
        CliError: an unknown or wrong setting.
    """
    try:
        return load_settings(**given)
    except SettingsError as error:
        zh, _, en = str(error).partition(" / ")
        raise CliError(zh, en or zh) from None


@contextmanager
def open_house(settings: Settings, steps: Steps | None = None) -> Iterator[House]:
    """Keeps the database running within the block and hands out its connections.

    The private cluster is made, started and prepared when needed; an existing PostGIS (``WANMI_DATABASE_URL``) is only checked.

    Raises:
        CliError: with the reason in both languages.
    """
    report = steps or Steps()
    with _foreseen():
        registry = load_registry()
        if settings.database_url is not None:
            owner = settings.database_url.get_secret_value()
            served = settings.app_database_url.get_secret_value() if settings.app_database_url else owner
            report("检查数据库 checking the database")
            verify(owner)
            report.done()
            yield from _house(settings, registry, owner, served)
            return
        cluster = Cluster.for_settings(settings)
        with ending_signals(), cluster.use(report):
            if not _is_prepared(cluster):
                report("准备数据库 preparing the database")
                prepare(cluster.dsn("admin"), cluster.password("owner"), cluster.password("app"))
            report.done()
            yield from _house(settings, registry, cluster.dsn("owner"), cluster.dsn("app"))


def _house(settings: Settings, registry: Registry, owner: str, served: str) -> Iterator[House]:
    engine = owner_engine(owner)
    try:
        yield House(settings, registry, owner, served, engine)
    finally:
        engine.dispose()


def _is_prepared(cluster: Cluster) -> bool:
    try:
        return verify(cluster.dsn("owner")).leakproof is True
    except PrepareError:
        return False


@contextmanager
def _foreseen() -> Iterator[None]:
    """Turns the errors that we know into sentences; everything else stays what it is."""
    try:
        yield
    except (ClusterError, PrepareError, CityError) as error:
        raise CliError(error.zh, error.en) from None
    except CatalogueError as error:
        zh, _, en = str(error).partition(" / ")
        raise CliError(zh, en) from None
    except UpgradeRefused as error:
        raise CliError("数据库升级被拒绝，什么都没有改动：\n" + "\n".join(error.reasons), "upgrade refused, nothing was changed") from None
    except (OperationalError, ProgrammingError) as error:
        words = str(error.orig).strip().splitlines()
        said = words[0] if words else type(error).__name__
        raise CliError(
            f"数据库不可用或尚未升级（{said}）；请运行 ./wanmi db upgrade", f"database not available or not upgraded ({said})"
        ) from None
