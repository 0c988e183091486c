"""What every command needs: settings, a running database, steps that people can watch."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg2.errors import InvalidSchemaName, UndefinedColumn, UndefinedTable
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError, ProgrammingError

from grid_coding.errors import BilingualError
from layers.catalogue import Registry
from layers.catalogue import load as load_registry
from spatial.audit.record import Entry, local_name, record
from spatial.cluster import Cluster
from spatial.database import owner_engine
from spatial.prepare import PrepareError, prepare, verify
from spatial.processes import ending_signals
from spatial.settings import Settings

__all__ = ["CliError", "House", "Steps", "open_house"]


class CliError(BilingualError):
    """An error that a command foresees: one sentence in each language, exit code 2."""


@dataclass(frozen=True, slots=True)
class House:
    """A database that runs: connections of owner and serving role, settings, registry."""

    settings: Settings
    registry: Registry
    owner_dsn: str
    app_dsn: str
    engine: Engine


def log_act(connection: Connection, action: str, thing: str, **detail: object) -> None:
    """Tells the audit log, within the caller's transaction, what somebody did at the machine itself."""
    record(connection, Entry(action, actor_name=local_name(), object=thing, detail=detail))


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


@contextmanager
def open_house(settings: Settings, steps: Steps | None = None) -> Iterator[House]:
    """Keeps the database running within the block and hands out its connections.

    The private cluster is made, started and prepared when needed; an existing PostGIS (``WANMI_DATABASE_URL``) is only checked.

    Raises:
        BilingualError: with the reason.
    """
    report = steps or Steps()
    with _foreseen(report):
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
def _foreseen(report: Steps) -> Iterator[None]:
    """Turns what the database says of a connection or a table into a sentence of ours; everything else stays what it is."""
    try:
        yield
    except ProgrammingError as error:
        if isinstance(error.orig, UndefinedTable | UndefinedColumn | InvalidSchemaName):
            raise CliError("数据库尚未升级；请运行 ./wanmi db upgrade", "the database is not upgraded; run ./wanmi db upgrade") from None
        raise
    except OperationalError:
        raise CliError("数据库连接中断或不可用；什么都没有写入", "the database is away; nothing was written") from None
    finally:
        report.done()
