"""``wanmi db restore``: everything is checked before anything is touched, the new database is made beside the old one.

A dump carries neither the LEAKPROOF mark nor the settings of a database; ``prepare`` makes both again. The archive is restored
by the owner, not by the superuser: what stands in a file from elsewhere must not run with all rights.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import make_dsn, parse_dsn
from sqlalchemy.exc import DBAPIError

from grid_coding.errors import BilingualError
from layers.catalogue import Registry
from spatial.archiver import Archiver, find_archiver
from spatial.audit.record import local_name
from spatial.contents import count_rows, late_sequences, plain_functions, scalar, schemas, tables, unchecked_rules
from spatial.database import owner_engine, with_database
from spatial.dump import check_space
from spatial.eras import ERA_TABLE, open_era
from spatial.manifest import DATABASE_FOLDER, Manifest, check_files, check_product, read_manifest
from spatial.prepare import MAINTENANCE, Server, check_versions, connect, look, prepare, verify
from spatial.rights.views import ACTOR_ROLE, APP_ROLE, SEEN_SCHEMA, strip_right
from spatial.swap import MARK, Move, alone, drop_database, fresh_rasters, has_database, moved, swap, sweep
from spatial.upgrade import enforce_right, pending

__all__ = ["Held", "PrivateServer", "RestoreFailed", "RestoreRefused", "Restored", "held_by", "restore_beside", "restore_given"]

DATABASE_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
RESERVED = ("postgres", "template0", "template1")
GROWTH = 1.2  # the write-ahead log and sorting while indexes are built, beside the database itself
AS_BEFORE = ("原数据库照常服务", "the old database serves as before")
EMPTY_AGAIN = ("目标数据库仍是空的", "the target database is empty again")
Report = Callable[[str], None]


class RestoreRefused(BilingualError):
    """Nothing is restored; ``zh`` and ``en`` say why in one sentence each."""


class RestoreFailed(BilingualError):
    """A restore broke off and was undone; ``zh`` and ``en`` say why and how things are now."""


@dataclass(frozen=True, slots=True)
class PrivateServer:
    """A server that is ours: the superuser's connection, the owner's, and the passwords of the two roles of the house."""

    admin_dsn: str
    owner_dsn: str
    owner_password: str
    app_password: str
    folder: Path


# Tables whose rows come with the schema: an upgraded but empty database holds nothing.
OF_THE_SCHEMA = (
    "wanmi.alembic_version", "account.guard", "access.layer", "access.rule_set", "access.rule", "audit.chain", ERA_TABLE,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Held:
    """What a database and its raster folder hold and a restore would replace."""

    cities: tuple[str, ...]
    rows: int
    rasters: int

    def __bool__(self) -> bool:
        return bool(self.cities or self.rows or self.rasters)


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore has done.

    Attributes:
        kept: name of the database that was replaced, ``kept_rasters`` its raster folder; None when there was none.
        raised: sequences that had to be put ahead of the numbers in use (sequence, from, to).
        upgrades: a line per change that ``wanmi db upgrade`` will make.
        leakproof: whether tiles and queries use the spatial index under rights.
    """

    database: str
    rows: int
    rasters: Path
    kept: str | None
    kept_rasters: Path | None
    raised: tuple[tuple[str, int, int], ...]
    upgrades: tuple[str, ...]
    leakproof: bool


def restore_beside(
    server: PrivateServer, source: Path, database: str, rasters: Path, registry: Registry,
    agreed: Callable[[Held], bool], report: Report,
) -> Restored:  # fmt: skip
    """Restores a dump into a fresh database and swaps it with the one of the name.

    Args:
        source: folder of the dump. ``rasters``: the raster folder that belongs to the database.
        agreed: is asked when the database holds data; False refuses.

    Raises:
        BilingualError: with the reason; the old database serves as before.
    """
    _check_name(database)
    with alone(make_dsn(server.admin_dsn, dbname=MAINTENANCE)):
        return _restore_beside(server, source, database, rasters, registry, agreed, report)


def _restore_beside(
    server: PrivateServer, source: Path, database: str, rasters: Path, registry: Registry,
    agreed: Callable[[Held], bool], report: Report,
) -> Restored:  # fmt: skip
    manifest = _checked_manifest(source)
    exists = has_database(server.admin_dsn, database)
    held = held_by(make_dsn(server.admin_dsn, dbname=database) if exists else None, rasters)
    if held and not agreed(held):
        raise RestoreRefused("没有得到同意（--yes），什么都没有改动", "no consent (--yes): nothing was changed")
    maintenance = make_dsn(server.admin_dsn, dbname=MAINTENANCE)
    archiver = _checked_archive(source, manifest, _seen(maintenance), report)
    sweep(server.admin_dsn, database, rasters, MARK)
    _check_disk(server.folder, rasters, manifest)
    beside, stamp = f"{database}{MARK}{secrets.token_hex(4)}", f"{datetime.now():%Y%m%d_%H%M%S}"
    kept = f"{database}_before_{stamp}" if exists else None
    undo = partial(drop_database, server.admin_dsn, beside)
    with _undone(undo, AS_BEFORE), fresh_rasters(source, manifest, rasters, stamp, report) as moves:
        report("准备新数据库 preparing the new database")
        prepare(server.admin_dsn, server.owner_password, server.app_password, database=beside)
        owner = with_database(server.owner_dsn, beside)
        raised = _load(owner, make_dsn(server.admin_dsn, dbname=beside), source, manifest, archiver, report)
        upgrades, leakproof = _upgrades(owner, registry), bool(_seen(owner).leakproof)
        report("互换名称 swapping names")
        swap(server.admin_dsn, beside, database, kept, moves)
    return Restored(database, manifest.total_rows, rasters, kept, _kept(moves, rasters), raised, upgrades, leakproof)


def restore_given(dsn: str, source: Path, rasters: Path, registry: Registry, report: Report) -> Restored:
    """Restores a dump into an empty, prepared database of an existing server.

    Raises:
        BilingualError: the database is not prepared or not empty, or the restore failed; then it is empty again.
    """
    with alone(dsn):
        return _restore_given(dsn, source, rasters, registry, report)


def _restore_given(dsn: str, source: Path, rasters: Path, registry: Registry, report: Report) -> Restored:
    manifest = _checked_manifest(source)
    server = verify(dsn)
    connection = connect(dsn)
    try:
        _check_empty(connection, manifest)
    finally:
        connection.close()
    archiver = _checked_archive(source, manifest, server, report)
    _check_disk(None, rasters, manifest)
    stamp = f"{datetime.now():%Y%m%d_%H%M%S}"
    with _undone(partial(_clear, dsn, manifest), EMPTY_AGAIN), fresh_rasters(source, manifest, rasters, stamp, report) as moves:
        raised = _load(dsn, dsn, source, manifest, archiver, report)
        upgrades = _upgrades(dsn, registry)
        with moved(moves):
            report("栅格就位 putting the rasters in place")
    database = parse_dsn(dsn).get("dbname", "")
    return Restored(database, manifest.total_rows, rasters, None, _kept(moves, rasters), raised, upgrades, bool(server.leakproof))


def held_by(dsn: str | None, rasters: Path) -> Held:
    """Looks at what a restore would replace; a database that cannot be read counts as holding something."""
    files = sum(1 for path in rasters.rglob("*") if path.is_file()) if rasters.is_dir() else 0
    if dsn is None:
        return Held((), 0, files)
    connection = connect(dsn)
    try:
        names = schemas(connection)
        rows = sum(number for table, number in count_rows(connection, names).items() if table not in OF_THE_SCHEMA)
        known = scalar(connection, "SELECT to_regclass('wanmi.city')") is not None
        found = scalar(connection, "SELECT array_agg(title_zh || ' ' || title_en ORDER BY id) FROM wanmi.city") if known else None
        return Held(tuple(found or ()), rows, files)
    except psycopg2.Error:
        return Held(("?",), 0, files)
    finally:
        connection.close()


@contextmanager
def _undone(undo: Callable[[], None], outcome: tuple[str, str]) -> Iterator[None]:
    """Undoes a restore that fails within the block, whatever ends it, and adds to the reason how things are now.

    Where even undoing fails (the server is gone), the next restore sweeps the rest away.
    """
    try:
        yield
    except BaseException as error:
        with suppress(BilingualError, psycopg2.Error):
            undo()
        if isinstance(error, BilingualError):
            raise RestoreFailed(f"{error.zh}；{outcome[0]}", f"{error.en}; {outcome[1]}") from None
        if isinstance(error, psycopg2.Error | DBAPIError):
            raise RestoreFailed(f"与数据库的连接中断；{outcome[0]}", f"the connection to the database broke; {outcome[1]}") from None
        raise


def _checked_manifest(source: Path) -> Manifest:
    manifest = read_manifest(source)
    check_product(manifest)
    return manifest


def _checked_archive(source: Path, manifest: Manifest, server: Server, report: Report) -> Archiver:
    """Checks server, programs and every byte of the dump."""
    check_versions(server)
    if manifest.archive > server.postgres:
        raise RestoreRefused(
            f"备份来自 PostgreSQL {manifest.postgres}，不能恢复到较旧的 PostgreSQL {server.version}",
            f"the dump is of PostgreSQL {manifest.postgres} and cannot go into the older PostgreSQL {server.version}",
        )
    archiver = find_archiver(max(manifest.archive, server.postgres))
    check_files(source, manifest, report)
    report("从头到尾读一遍备份 reading the dump to the end")
    archiver.read(source / DATABASE_FOLDER)
    return archiver


def _check_name(database: str) -> None:
    if not DATABASE_NAME.fullmatch(database) or database in RESERVED:
        raise RestoreRefused(
            f"数据库名“{database}”不可用：以小写字母开头，只含小写字母、数字和下划线，最多 31 个字符",
            f"{database!r} is no name for a database: lower-case letters, digits and underscores, a letter first, 31 at most",
        )


def _check_empty(connection: Connection, manifest: Manifest) -> None:
    """An existing server's database is never replaced: its administrator gives an empty one."""
    names = [name for name in schemas(connection) if name in manifest.schemas]
    if names:
        number = len(tables(connection, names))
        raise RestoreRefused(
            f"目标数据库不是空的：模式 {'、'.join(names)} 中有 {number} 个表；请给出一个准备好的空数据库（--into）",
            f"the target is not empty: {number} tables in {', '.join(names)}; give an empty prepared database (--into)",
        )
    absent = "SELECT min(name) FROM unnest(%s) AS name WHERE name NOT IN (SELECT rolname FROM pg_roles)"
    if missing := scalar(connection, absent, [APP_ROLE, ACTOR_ROLE]):
        raise RestoreRefused(
            f"服务器没有角色 {missing}；请管理员运行 `wanmi db prepare --print` 给出的 SQL",
            f"the server has no role {missing}; have the administrator run what `wanmi db prepare --print` prints",
        )


def _check_disk(folder: Path | None, rasters: Path, manifest: Manifest) -> None:
    """Checks the disks of database (None = another machine's) and rasters, which may be one."""
    place = next(each for each in (rasters, *rasters.parents) if each.exists())
    needed = int(manifest.database_bytes * GROWTH)
    if folder is None:
        check_space(place, manifest.raster_bytes)
    elif folder.stat().st_dev == place.stat().st_dev:
        check_space(folder, needed + manifest.raster_bytes)
    else:
        check_space(folder, needed)
        check_space(place, manifest.raster_bytes)


def _load(
    owner: str, reader: str, source: Path, manifest: Manifest, archiver: Archiver, report: Report
) -> tuple[tuple[str, int, int], ...]:
    """Restores the archive as the owner and checks the result.

    pg_restore works with an empty search path, under which the functions of CHECKs do not find PostGIS: until the end they get
    a path of their own.

    Args:
        reader: a connection that sees every row, for the counts.
    """
    archive = source / DATABASE_FOLDER
    report("恢复结构 restoring definitions")
    archiver.restore(owner, archive, "pre-data")
    connection = connect(owner)
    try:
        functions = plain_functions(connection, manifest.schemas)
        for function in functions:
            _execute(connection, f"ALTER ROUTINE {function} SET search_path = pg_catalog, public")
        report(f"恢复 {manifest.total_rows} 行 restoring rows")
        archiver.restore(owner, archive, "data")
        _check_rows(reader, manifest)
        raised = tuple(late_sequences(connection, manifest.schemas))
        for sequence, _coming, largest in raised:
            scalar(connection, "SELECT setval(%s::regclass, %s)", sequence, largest)
        report("建立索引与约束 building indexes and rules")
        archiver.restore(owner, archive, "post-data")
        for function in functions:
            _execute(connection, f"ALTER ROUTINE {function} RESET search_path")
        unchecked = unchecked_rules(connection, manifest.schemas)
        if unchecked:
            raise RestoreFailed(
                f"约束 {unchecked[0]} 没有经过检验（共 {len(unchecked)} 个）",
                f"rule {unchecked[0]} is not validated ({len(unchecked)} in all)",
            )
        if open_era(connection, "restore") is not None:  # a database with eras has an audit log
            words = ("restore", "ok", None, local_name(), None, source.name[:300], "{}")
            scalar(connection, "SELECT audit.write(%s, %s, %s, %s, %s, %s, %s::jsonb)", *words)
        report("统计 collecting statistics")
        _execute(connection, "ANALYZE")
    finally:
        connection.close()
    return raised


def _check_rows(reader: str, manifest: Manifest) -> None:
    """Compares the rows with the manifest; the last section switches row-level security on again, which would hide some."""
    connection = connect(reader)
    try:
        found = count_rows(connection, manifest.schemas)
    finally:
        connection.close()
    for table in sorted(found.keys() | manifest.rows.keys()):
        if found.get(table) != manifest.rows.get(table):
            raise RestoreFailed(
                f"表 {table} 应有 {manifest.rows.get(table, '–')} 行，恢复了 {found.get(table, '–')} 行",
                f"table {table} should have {manifest.rows.get(table, '–')} rows, {found.get(table, '–')} were restored",
            )


def _upgrades(owner: str, registry: Registry) -> tuple[str, ...]:
    """Makes the right's views anew and returns what an upgrade has yet to do.

    What came of it with the archive goes in any case (``strip_right``). Where the tables are not this version's yet, nothing is seen
    until the upgrade.
    """
    engine = owner_engine(owner)
    try:
        with engine.begin() as connection:
            strip_right(connection)
        waiting = tuple(step for step in pending(engine, registry) if not step.startswith((f"+ {SEEN_SCHEMA}.", "right: ")))
        if not waiting:
            with engine.begin() as connection:
                enforce_right(connection, registry)
        return waiting
    finally:
        engine.dispose()


def _clear(dsn: str, manifest: Manifest) -> None:
    """Makes a given database empty again; the schemas were not there before."""
    connection = connect(dsn)
    try:
        for schema in manifest.schemas:
            with connection.cursor() as cursor:
                cursor.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))
    finally:
        connection.close()


def _seen(dsn: str) -> Server:
    connection = connect(dsn)
    try:
        return look(connection)
    finally:
        connection.close()


def _kept(moves: list[Move], rasters: Path) -> Path | None:
    return next((target for source, target in moves if source == rasters), None)


def _execute(connection: Connection, statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
