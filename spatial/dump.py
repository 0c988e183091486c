"""``wanmi db dump``: database and raster files in one folder, as one moment shows them, verified before it gets its name."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg2
from psycopg2.extensions import connection as Connection

from spatial.archiver import Archiver, find_archiver
from spatial.contents import count_rows, scalar, schemas, tables_cut_by_right
from spatial.manifest import (
    DATABASE_FOLDER,
    PRODUCT,
    RASTER_FOLDER,
    DumpFault,
    Manifest,
    StoredFile,
    sha256_of,
    write_manifest,
)
from spatial.passwords import write_private
from spatial.postgres import DiskShort
from spatial.prepare import connect, look
from spatial.tuning import MB

__all__ = ["LAST_DUMP_FILE", "LastDump", "check_space", "dump", "last_dump", "sync_tree"]

LAST_DUMP_FILE = "last-dump.json"
RESERVE_MB = 64  # left free for everybody else


@dataclass(frozen=True, slots=True)
class LastDump:
    """The last dump that was made from here: when, where and how many rows."""

    at: datetime
    folder: Path
    rows: int


def dump(
    dsn: str, target: Path, rasters: Path, state: Path, report: Callable[[str], None], *, archiver: Archiver | None = None
) -> Manifest:
    """Writes a dump into a new folder; the folder appears under its name only when it is whole, read to its end and on the disk.

    Args:
        dsn: a role that sees every row: the private cluster's superuser, else the owner.
        target: must not exist yet; the folder it lies in must.
        rasters: the raster folder. ``state``: the state folder, where the last dump is remembered.
        archiver: the programs of the server's version; searched unless given.

    Raises:
        BilingualError: the target exists, the disk is too small, a row or a raster could not be read; nothing is left behind.
    """
    target = target.absolute()
    _check_target(target)
    connection = connect(dsn)
    try:
        with tempfile.TemporaryDirectory(prefix=f"{target.name}.part-", dir=target.parent, ignore_cleanup_errors=True) as name:
            part = Path(name) / "dump"
            part.mkdir(mode=0o700)
            manifest = _write(connection, dsn, part, rasters, report, archiver)
            report("写入磁盘 syncing to the disk")
            sync_tree(part)
            _check_target(target)
            part.rename(target)
        _sync_folder(target.parent)
    except psycopg2.Error as error:
        reason = (error.diag.message_primary or str(error)).strip()
        raise DumpFault(f"备份中断：{reason}；没有留下备份", f"the dump was interrupted: {reason}; no dump was left") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise DumpFault(f"备份无法写入：{reason}；没有留下备份", f"the dump cannot be written: {reason}; no dump was left") from None
    finally:
        connection.close()
    kept = {"at": manifest.made_at, "folder": str(target), "rows": manifest.total_rows}
    state.mkdir(parents=True, exist_ok=True)
    write_private(state / LAST_DUMP_FILE, json.dumps(kept, ensure_ascii=False) + "\n")
    return manifest


def _write(
    connection: Connection, dsn: str, part: Path, rasters: Path, report: Callable[[str], None], archiver: Archiver | None
) -> Manifest:
    """Fills the folder; everything is read under one exported snapshot, so counts, rows and rasters agree."""
    server = look(connection)
    programs = archiver or find_archiver(server.postgres)
    connection.set_session(isolation_level="REPEATABLE READ", readonly=True, autocommit=False)
    snapshot = str(scalar(connection, "SELECT pg_export_snapshot()"))
    moment = scalar(connection, "SELECT now()").astimezone(UTC)
    names, migration = _known(connection)
    paths = [str(row) for row in scalar(connection, "SELECT array_agg(path) FROM wanmi.dataset WHERE path IS NOT NULL") or []]
    sources = _raster_sources(rasters, paths)
    check_space(part, _table_bytes(connection, names) + sum(source.stat().st_size for _path, source in sources))
    report(f"复制 {len(sources)} 个栅格文件 copying raster files")
    for path, source in sources:
        copy = part / RASTER_FOLDER / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
    report("计数 counting")
    rows = count_rows(connection, names)
    report(f"转储 {sum(rows.values())} 行 dumping rows")
    programs.dump(dsn, part / DATABASE_FOLDER, snapshot=snapshot, schemas=names)
    size = int(scalar(connection, "SELECT pg_database_size(current_database())"))
    database = str(scalar(connection, "SELECT current_database()"))
    connection.rollback()
    report("从头到尾读一遍 reading it to the end")
    programs.read(part / DATABASE_FOLDER)
    files = {
        path.relative_to(part).as_posix(): StoredFile(path.stat().st_size, sha256_of(path))
        for path in sorted(part.rglob("*"))
        if path.is_file()
    }
    manifest = Manifest(
        product=PRODUCT, migration=migration, postgres=server.version, archive=programs.major, postgis=server.postgis or "",
        made_at=moment.isoformat(), database=database, schemas=tuple(names), rows=rows, database_bytes=size, files=files,
    )  # fmt: skip
    write_manifest(part, manifest)
    return manifest


def _known(connection: Connection) -> tuple[list[str], str]:
    """Returns the schemas to dump and the newest migration."""
    if scalar(connection, "SELECT to_regclass('wanmi.alembic_version')") is None:
        raise DumpFault("数据库尚未升级，没有可备份的数据", "the database is not upgraded: there is nothing to dump")
    names = schemas(connection)
    cut = tables_cut_by_right(connection, names)
    if cut:
        raise DumpFault(
            f"该连接受行级权限限制，看不到 {cut[0]} 等 {len(cut)} 个表的全部行；请用带 BYPASSRLS 的角色备份",
            f"row-level security hides rows of {cut[0]} ({len(cut)} tables in all) from this connection; use a role with BYPASSRLS",
        )
    return names, str(scalar(connection, "SELECT version_num FROM wanmi.alembic_version"))


def _raster_sources(rasters: Path, paths: Iterable[str]) -> list[tuple[str, Path]]:
    """Returns (path in the raster folder, file) of every raster that a dataset names."""
    root = rasters.resolve()
    found = []
    for path in sorted(set(paths)):
        source = (root / path).resolve()
        if not source.is_relative_to(root) or not source.is_file():
            raise DumpFault(
                f"数据集的栅格文件 {path} 不在 {rasters} 中；没有留下备份",
                f"the raster file {path} of a dataset is not in {rasters}; no dump was left",
            )
        found.append((path, source))
    return found


def _table_bytes(connection: Connection, names: list[str]) -> int:
    """Size of the tables without their indexes; the archive is smaller (sample city S: 11 of 71 MB)."""
    statement = "SELECT coalesce(sum(pg_table_size(c.oid)), 0) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
    return int(scalar(connection, f"{statement} WHERE nspname = ANY (%s) AND relkind = 'r'", names))


def check_space(folder: Path, needed: int) -> None:
    """Refuses work that needs more bytes than the disk of a folder has free.

    Raises:
        DiskShort: with both figures.
    """
    free = shutil.disk_usage(folder).free // MB
    wanted = needed // MB + RESERVE_MB
    if free < wanted:
        raise DiskShort(
            f"磁盘空间不足：{folder} 只剩 {free} MB，需要 {wanted} MB；什么都没有改动",
            f"too little disk space: {free} MB left at {folder}, {wanted} MB needed; nothing was changed",
        )


def _check_target(target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise DumpFault(f"{target} 已存在；备份从不覆盖，请换一个名字", f"{target} exists; a dump never overwrites, take another name")
    if not target.parent.is_dir() or not os.access(target.parent, os.W_OK | os.X_OK):
        raise DumpFault(f"目录 {target.parent} 不存在或不可写", f"the folder {target.parent} does not exist or cannot be written")


def sync_tree(folder: Path) -> None:
    """Brings every file and folder below to the disk, the folder itself last."""
    for path in sorted(folder.rglob("*"), reverse=True):
        _sync_folder(path)
    _sync_folder(folder)


def _sync_folder(path: Path) -> None:
    """fsync of a file or folder: without it a power cut may leave a whole name with half the bytes."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def last_dump(state: Path) -> LastDump | None:
    """Returns what is remembered of the last dump; None when none was made or the memory is torn."""
    try:
        known = json.loads((state / LAST_DUMP_FILE).read_text("utf-8"))
        return LastDump(datetime.fromisoformat(known["at"]), Path(known["folder"]), int(known["rows"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
