"""The last step of a restore: databases and raster folders change names together, or none does."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg2
from psycopg2 import sql
from psycopg2.errors import ObjectInUse
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import make_dsn

from grid_coding.errors import BilingualError
from spatial.contents import scalar
from spatial.dump import sync_tree
from spatial.manifest import RASTER_FOLDER, Manifest
from spatial.prepare import MAINTENANCE, connect
from spatial.processes import signals_held

__all__ = ["MARK", "Move", "SwapFailed", "alone", "drop_database", "fresh_rasters", "has_database", "moved", "swap", "sweep"]

Move = tuple[Path, Path]  # from, to
MARK = "_restore_"  # in the names of what is being made beside
ATTEMPTS = 10  # each waits up to 5 s for sessions to leave (PostgreSQL's own limit)
RESTORE_LOCK = 92665  # beside the upgrade's
EXISTS = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = %s)"


class SwapFailed(BilingualError):
    """The names could not be changed and are as before."""


def has_database(admin_dsn: str, name: str) -> bool:
    """Tells whether the server has a database of the name."""
    connection = connect(make_dsn(admin_dsn, dbname=MAINTENANCE))
    try:
        return bool(scalar(connection, EXISTS, name))
    finally:
        connection.close()


@contextmanager
def alone(dsn: str) -> Iterator[None]:
    """Keeps a second restore away within the block: it would sweep away what the first is making.

    Raises:
        SwapFailed: another one runs.
    """
    connection = connect(dsn)
    try:
        if not scalar(connection, "SELECT pg_try_advisory_lock(%s)", RESTORE_LOCK):
            raise SwapFailed("另一个恢复正在进行，什么都没有改动", "another restore is running: nothing was changed")
        yield
    finally:
        connection.close()


def drop_database(admin_dsn: str, name: str) -> None:
    """Drops a database of ours, whoever is still in it."""
    connection = connect(make_dsn(admin_dsn, dbname=MAINTENANCE))
    try:
        _run(connection, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
    finally:
        connection.close()


def sweep(admin_dsn: str, database: str, rasters: Path, mark: str) -> None:
    """Removes what a killed restore has left: databases and raster folders named ``NAME<mark><8 hex digits>``."""
    pattern = re.compile(re.escape(database + mark) + "[0-9a-f]{8}")
    connection = connect(make_dsn(admin_dsn, dbname=MAINTENANCE))
    try:
        for name in scalar(connection, "SELECT array_agg(datname::text) FROM pg_database") or []:
            if pattern.fullmatch(name):
                _run(connection, "DROP DATABASE {} WITH (FORCE)", name)
    finally:
        connection.close()
    folder = re.compile(re.escape(rasters.name + mark) + "[0-9a-f]{8}")
    for path in rasters.parent.glob("*"):
        if path.is_dir() and folder.fullmatch(path.name):
            shutil.rmtree(path, ignore_errors=True)


def swap(admin_dsn: str, fresh: str, database: str, kept: str | None, moves: Sequence[Move]) -> None:
    """Gives the fresh database the name, the old one the name ``kept``, and renames folders, all in one transaction.

    Sessions are ended first; pools connect again by name. Whoever comes in between waits for the transaction (a session takes
    a lock on its database) and then finds the new one.

    Args:
        kept: None when there is no database of the name yet.

    Raises:
        SwapFailed: sessions keep coming, or a folder cannot be renamed; all names are as before.
    """
    connection = connect(make_dsn(admin_dsn, dbname=MAINTENANCE))
    try:
        for _attempt in range(ATTEMPTS):
            for name in (database, fresh):
                scalar(connection, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s", name)
            with suppress(ObjectInUse):
                _rename(connection, fresh, database, kept, moves)
                return
    except (psycopg2.Error, OSError) as error:
        primary = error.diag.message_primary if isinstance(error, psycopg2.Error) else error.strerror
        reason = (primary or str(error)).strip()
        raise SwapFailed(f"新旧数据库未能互换：{reason}", f"the databases could not be swapped: {reason}") from None
    finally:
        connection.close()
    raise SwapFailed(
        "数据库一直有新的连接，未能互换；请先停止 ./wanmi up 等程序",
        "sessions keep coming, the databases could not be swapped; stop ./wanmi up and others first",
    )


def _rename(connection: Connection, fresh: str, database: str, kept: str | None, moves: Sequence[Move]) -> None:
    """Renames inside one transaction; the folders go last, and back again unless it commits."""
    connection.autocommit = False
    try:
        if kept is not None:
            _run(connection, "ALTER DATABASE {} RENAME TO {}", database, kept)
        _run(connection, "ALTER DATABASE {} RENAME TO {}", fresh, database)
        with signals_held(), moved(moves):  # a signal between the two would part database and rasters
            connection.commit()
    finally:
        connection.rollback()
        connection.autocommit = True


@contextmanager
def moved(moves: Sequence[Move]) -> Iterator[None]:
    """Renames folders; an error, here or within the block, puts them back."""
    done: list[Move] = []
    try:
        for source, target in moves:
            source.rename(target)
            done.append((source, target))
        yield
    except BaseException:
        for source, target in reversed(done):
            target.rename(source)
        raise


def _run(connection: Connection, statement: str, *names: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@contextmanager
def fresh_rasters(source: Path, manifest: Manifest, rasters: Path, stamp: str, report: Callable[[str], None]) -> Iterator[list[Move]]:
    """Copies the dump's rasters beside the raster folder and yields the renames that put them in its place."""
    names = [name for name in manifest.files if name.startswith(f"{RASTER_FOLDER}/")]
    fresh = rasters.with_name(f"{rasters.name}{MARK}{secrets.token_hex(4)}")
    aside = [(rasters, rasters.with_name(f"{rasters.name}_before_{stamp}"))] if rasters.exists() else []
    if not names and not aside:
        yield []
        return
    report(f"复制 {len(names)} 个栅格文件 copying raster files")
    try:
        fresh.mkdir(parents=True)
        for name in names:
            copy = fresh / Path(name).relative_to(RASTER_FOLDER)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, copy)
        sync_tree(fresh)
        yield [*aside, (fresh, rasters)]
    except OSError as error:
        reason = error.strerror or str(error)
        raise SwapFailed(f"栅格文件未能恢复：{reason}", f"the raster files could not be restored: {reason}") from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)  # gone already when it has become the raster folder
