"""A PostGIS for the tests: one throw-away cluster per run, shared by all workers of pytest-xdist.

``TEST_ADMIN_DSN`` names a superuser's connection to a server that is there already. The passwords of
the house's roles are then taken from the private cluster that it belongs to, else set to derived ones.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest
from psycopg2 import sql
from psycopg2.extensions import make_dsn, parse_dsn

from spatial.cluster import Cluster, ClusterError
from spatial.passwords import load
from spatial.prepare import prepare

__all__ = ["Server", "running_server"]

PREFIX = "wanmi-test-"
STALE_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: connections by role and database, and databases made and dropped."""

    admin_dsn: str
    owner_password: str
    app_password: str

    def admin(self, database: str = "postgres") -> str:
        """The superuser's connection."""
        return self._dsn(database)

    def owner(self, database: str) -> str:
        """The connection of ``wanmi_owner``."""
        return self._dsn(database, "wanmi_owner", self.owner_password)

    def app(self, database: str) -> str:
        """The connection of ``wanmi_app``."""
        return self._dsn(database, "wanmi_app", self.app_password)

    def _dsn(self, database: str, user: str | None = None, password: str | None = None) -> str:
        known = parse_dsn(self.admin_dsn)
        user, password = user or known["user"], password or known.get("password", "")
        return f"postgresql://{user}:{password}@/{database}?host={known['host']}&port={known.get('port', 5432)}"

    def create(self, name: str, template: str | None = None) -> None:
        """Makes a prepared database, empty or as a clone (settings and rights of a database are not cloned)."""
        if template is not None:
            self._run("CREATE DATABASE {} TEMPLATE {} OWNER wanmi_owner", name, template)
        prepare(self.admin_dsn, self.owner_password, self.app_password, database=name)

    def drop(self, name: str) -> None:
        """Drops a database, whoever is still in it."""
        self._run("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def _run(self, statement: str, *names: str) -> None:
        connection = psycopg2.connect(make_dsn(self.admin_dsn, dbname="postgres"))
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
        finally:
            connection.close()


@contextmanager
def running_server(_tmp_path_factory: pytest.TempPathFactory | None = None) -> Iterator[Server]:
    """Starts (or joins) the run's cluster; the last worker to leave stops it.

    Not in pytest's own folder: that is closed to the database's account when root runs the tests.
    """
    given = os.environ.get("TEST_ADMIN_DSN")
    if given:
        yield _server_of(given)
        return
    _sweep()
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    folder = Path(tempfile.gettempdir()) / (PREFIX + run[:16]) if run else Path(tempfile.mkdtemp(prefix=PREFIX))
    cluster = Cluster(folder, minimum_free_mb=300, durable=False)
    try:
        with cluster.use():
            yield Server(cluster.dsn("admin"), cluster.password("owner"), cluster.password("app"))
    except ClusterError as error:
        pytest.fail(str(error), pytrace=False)
    finally:
        if not run:
            shutil.rmtree(folder, ignore_errors=True)


def _server_of(admin_dsn: str) -> Server:
    known = load(Path(parse_dsn(admin_dsn).get("host", "/")).parent)
    if known is None:
        known = {role: hashlib.sha256(f"{role} {admin_dsn}".encode()).hexdigest() for role in ("wanmi_owner", "wanmi_app")}
    return Server(admin_dsn, known["wanmi_owner"], known["wanmi_app"])


def _sweep() -> None:
    """Removes what killed runs and the workers of finished ones have left."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        lock = folder / "in-use.lock"
        if not lock.exists() or time.time() - folder.stat().st_mtime < STALE_SECONDS or not os.access(lock, os.W_OK):
            continue
        with lock.open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            Cluster(folder, durable=False).stop("immediate")
            shutil.rmtree(folder, ignore_errors=True)
