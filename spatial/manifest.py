"""The manifest of a dump: what made it, what is in it, and the SHA-256 of every file.

A dump is a folder: ``database/`` (pg_dump, format ``directory``), ``rasters/`` (the raster files under their own names) and
``manifest.json``, written last. The manifest carries a digest of itself, so a changed letter in it is seen as well.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from alembic.script import ScriptDirectory
from alembic.util import CommandError

from grid_coding.errors import BilingualError
from spatial.upgrade import scripts

__all__ = [
    "DATABASE_FOLDER", "FORMAT", "MANIFEST_FILE", "PRODUCT", "RASTER_FOLDER", "DumpFault", "Manifest", "StoredFile", "check_files",
    "check_product", "read_manifest", "sha256_of", "write_manifest",
]  # fmt: skip

MANIFEST_FILE = "manifest.json"
DATABASE_FOLDER = "database"
RASTER_FOLDER = "rasters"
ROOTS = (f"{DATABASE_FOLDER}/", f"{RASTER_FOLDER}/")
FORMAT = 1
PRODUCT = "0.1.0"  # as in pyproject.toml (a test compares): a checkout has no package metadata to ask
KIND = "wanmi-dump"
CHUNK = 1 << 20
SCHEMA_NAME = re.compile(r"[a-z_][a-z0-9_]*")


class DumpFault(BilingualError):
    """A dump cannot be used; ``zh`` and ``en`` are one sentence each for people."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file of a dump: its size and its SHA-256 in hexadecimal."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a dump says of itself.

    Attributes:
        product: version of the house that made it. ``migration``: newest migration of the database.
        postgres: PostgreSQL's version. ``archive``: major version of the pg_dump that wrote it.
        made_at: ISO 8601 with offset: the moment that the data show.
        schemas: the schemas that it carries.
        rows: number of rows by table (``schema.table``); partitions are counted in their table.
        database_bytes: size of the database when it was dumped, indexes included.
        files: every file by its path in the dump.
    """

    product: str
    migration: str
    postgres: str
    archive: int
    postgis: str
    made_at: str
    database: str
    schemas: tuple[str, ...]
    rows: Mapping[str, int]
    database_bytes: int
    files: Mapping[str, StoredFile]

    @property
    def raster_bytes(self) -> int:
        """Size of all raster files."""
        return sum(file.bytes for path, file in self.files.items() if path.startswith(f"{RASTER_FOLDER}/"))

    @property
    def total_rows(self) -> int:
        """Number of rows in all tables."""
        return sum(self.rows.values())


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Writes the manifest into the folder of a dump."""
    known = {"kind": KIND, "format": FORMAT, **asdict(manifest)}
    text = json.dumps({**known, "digest": _digest(known)}, ensure_ascii=False, indent=1)
    (folder / MANIFEST_FILE).write_text(text + "\n", "utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Reads and checks the manifest of a dump.

    Raises:
        DumpFault: it is missing, false, of a newer format, or names files outside the dump.
    """
    path = folder / MANIFEST_FILE
    try:
        known = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise DumpFault(
            f"{folder} 不是完整的备份：没有 {MANIFEST_FILE}", f"{folder} is not a whole dump: it has no {MANIFEST_FILE}"
        ) from None
    except (OSError, ValueError) as error:
        raise _false(path, str(error)) from None
    if not isinstance(known, dict) or known.get("kind") != KIND:
        raise _false(path, f"kind != {KIND}")
    number = known.get("format")
    if isinstance(number, int) and number > FORMAT:
        raise DumpFault(
            f"备份格式 {number} 比本程序新（{FORMAT}）；请先升级万米",
            f"the dump's format {number} is newer than this program's ({FORMAT}); bring wanmi up to date first",
        )
    if known.pop("digest", None) != _digest(known):
        raise _false(path, "digest")
    try:
        return _parsed({key: value for key, value in known.items() if key not in ("kind", "format")})
    except (TypeError, ValueError, KeyError) as error:
        raise _false(path, str(error)) from None


def _parsed(known: dict[str, Any]) -> Manifest:
    files = {str(name): StoredFile(int(one["bytes"]), str(one["sha256"])) for name, one in known.pop("files").items()}
    for name in files:
        if name != PurePosixPath(name).as_posix() or ".." in name.split("/") or not name.startswith(ROOTS):
            raise ValueError(f"file {name!r}")
    schemas = tuple(known.pop("schemas"))
    if not schemas or not all(isinstance(name, str) and SCHEMA_NAME.fullmatch(name) for name in schemas):
        raise ValueError(f"schemas {schemas!r}")
    rows = {str(name): int(number) for name, number in known.pop("rows").items()}
    datetime.fromisoformat(known["made_at"])
    return Manifest(schemas=schemas, rows=rows, files=files, **known)


def check_product(manifest: Manifest) -> None:
    """Refuses a dump of a newer house: its migration is not known here.

    Raises:
        DumpFault: with both versions.
    """
    directory: ScriptDirectory = scripts()
    try:
        known = directory.get_revision(manifest.migration) is not None
    except CommandError:
        known = False
    if not known:
        raise DumpFault(
            f"备份由更新的万米 {manifest.product}（迁移 {manifest.migration}）制作，本程序不认识；请先升级万米",
            f"the dump is of a newer wanmi {manifest.product} (migration {manifest.migration}); bring wanmi up to date first",
        )


def check_files(folder: Path, manifest: Manifest, report: Callable[[str], None]) -> None:
    """Reads every file of a dump and compares it with the manifest.

    Raises:
        DumpFault: the first file that is missing, cut off or changed, by its name.
    """
    report(f"核对 {len(manifest.files)} 个文件 checking files")
    for name, wanted in _largest_last(manifest):
        path = folder / name
        try:
            size = path.stat().st_size
            if size == wanted.bytes and sha256_of(path) == wanted.sha256:
                continue
        except OSError as error:
            reason = error.strerror or str(error)
            raise DumpFault(
                f"备份缺少文件 {name}（{reason}）；什么都没有改动",
                f"the dump lacks the file {name} ({reason}); nothing was changed",
            ) from None
        if size != wanted.bytes:
            raise DumpFault(
                f"备份文件 {name} 应有 {wanted.bytes} 字节，现有 {size} 字节；什么都没有改动",
                f"the dump's file {name} should have {wanted.bytes} bytes and has {size}; nothing was changed",
            )
        raise DumpFault(
            f"备份文件 {name} 的校验和与清单不符；什么都没有改动",
            f"the checksum of the dump's file {name} is not that of the manifest; nothing was changed",
        )


def _largest_last(manifest: Manifest) -> Iterator[tuple[str, StoredFile]]:
    """A missing small file is told before a large one has been read."""
    yield from sorted(manifest.files.items(), key=lambda item: item[1].bytes)


def sha256_of(path: Path) -> str:
    """Returns the SHA-256 of a file in hexadecimal, reading it piece by piece."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def _digest(known: Mapping[str, Any]) -> str:
    """The SHA-256 of a manifest without its digest, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(known, ensure_ascii=True, sort_keys=True).encode()).hexdigest()


def _false(path: Path, reason: str) -> DumpFault:
    return DumpFault(f"备份清单 {path} 有误（{reason}）；什么都没有改动", f"the manifest {path} is false ({reason}); nothing was changed")
