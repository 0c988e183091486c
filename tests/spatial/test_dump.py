"""A dump is whole under its name or not there at all; its manifest tells every file, and no password stands in a command."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from grid_coding.errors import BilingualError
from layers.catalogue import Registry
from spatial import archiver
from spatial import dump as dumping
from spatial.archiver import ArchiveError, find_archiver
from spatial.contents import count_rows, schemas
from spatial.dump import dump, last_dump
from spatial.manifest import PRODUCT, DumpFault, check_files, check_product, read_manifest, write_manifest
from spatial.postgres import DiskShort
from spatial.prepare import connect
from spatial.upgrade import head_revision
from tests.conftest import ROOT
from tests.support.cluster import Server
from tests.support.dumps import RASTER, READINGS, Recorder, furnish, killing, run

Steps = list[str]


@pytest.fixture(scope="module")
def rasters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state") / "rasters"


@pytest.fixture(scope="module")
def source(server: Server, database: str, engine: Engine, registry: Registry, rasters: Path) -> str:
    furnish(engine, registry, rasters)
    return server.admin(database)


@pytest.fixture(scope="module")
def made(source: str, rasters: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("dumps") / "night"
    dump(source, target, rasters, rasters.parent, lambda _step: None)
    return target


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "copy")


def silent(_step: str) -> None:
    """Reports nothing."""


def nothing_left(folder: Path) -> bool:
    return list(folder.iterdir()) == []


def test_the_manifest_tells_versions_rows_and_files(made: Path, source: str, rasters: Path) -> None:
    manifest = read_manifest(made)
    connection = connect(source)
    names = schemas(connection)
    assert dict(manifest.rows) == count_rows(connection, names)
    connection.close()
    assert manifest.rows["layer.component"] == 910 and manifest.rows["stream.sensor_value"] == READINGS
    assert (manifest.migration, manifest.product) == (head_revision(), PRODUCT)
    assert manifest.postgres and manifest.postgis and manifest.schemas == tuple(names)
    assert {"access", "account", "audit", "layer", "seen", "stream", "wanmi"} <= set(names)
    found = {path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()}
    assert found == {*manifest.files, "manifest.json"} and f"rasters/{RASTER}" in found
    assert (made / "rasters" / RASTER).read_bytes() == (rasters / RASTER).read_bytes()
    check_files(made, manifest, silent)
    check_product(manifest)


def test_the_product_is_that_of_the_package() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"] == PRODUCT


def test_others_may_not_read_it_and_the_last_one_is_remembered(made: Path, rasters: Path) -> None:
    assert made.stat().st_mode & 0o077 == 0
    last = last_dump(rasters.parent)
    assert last is not None and last.folder == made and last.rows == read_manifest(made).total_rows
    assert last_dump(made) is None


def test_rows_written_while_it_runs_are_not_in_it(source: str, rasters: Path, tmp_path: Path) -> None:
    """Counts, rows and rasters come from one snapshot, taken before the first step is reported."""
    before = run(source, "SELECT count(*) FROM wanmi.city")[0][0]

    def report(_step: str) -> None:
        run(source, "UPDATE wanmi.city SET notice_zh = 'x' WHERE key = 'other'")
        run(source, f"INSERT INTO wanmi.dataset (city, key, kind, title_zh, title_en, path) SELECT id, '{len(done)}', 'raster', 'a', 'a',"
            f" '{len(done)}.tif' FROM wanmi.city WHERE key = 'town'")  # fmt: skip
        done.append(_step)

    done: Steps = []
    try:
        manifest = dump(source, tmp_path / "busy", rasters, tmp_path, report)
    finally:
        run(source, "DELETE FROM wanmi.dataset WHERE path ~ '^[0-9]'")
    assert len(done) >= 4
    assert manifest.rows["wanmi.dataset"] == 1 and manifest.rows["wanmi.city"] == before


def test_it_never_overwrites_and_needs_a_folder_to_lie_in(made: Path, source: str, rasters: Path, tmp_path: Path) -> None:
    for target, word in ((made, "已存在"), (tmp_path / "no" / "where", "不存在")):
        with pytest.raises(DumpFault, match=word):
            dump(source, target, rasters, tmp_path, silent)


@pytest.mark.parametrize("program", ["--format=directory", "--file=/dev/null"])
def test_a_killed_program_leaves_nothing(source: str, rasters: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    monkeypatch.setattr(archiver.subprocess, "Popen", killing(program))
    with pytest.raises(ArchiveError, match="signal 9"):
        dump(source, tmp_path / "dump", rasters, tmp_path, silent)
    assert nothing_left(tmp_path)


def test_a_missing_raster_and_a_full_disk_are_told(source: str, rasters: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DumpFault, match=RASTER):
        dump(source, tmp_path / "dump", tmp_path / "elsewhere", tmp_path, silent)
    monkeypatch.setattr(dumping.shutil, "disk_usage", lambda _folder: shutil._ntuple_diskusage(10, 9, 1))
    with pytest.raises(DiskShort, match="磁盘空间不足"):
        dump(source, tmp_path / "dump", rasters, tmp_path, silent)
    assert nothing_left(tmp_path)


def test_rows_hidden_by_right_are_not_left_out(source: str, server: Server, database: str, rasters: Path, tmp_path: Path) -> None:
    table = "layer.park"
    run(source, f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    run(source, f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    try:
        with pytest.raises(DumpFault, match=table):
            dump(server.owner(database), tmp_path / "dump", rasters, tmp_path, silent)
        assert dump(source, tmp_path / "whole", rasters, tmp_path, silent).rows[table] == 2
    finally:
        run(source, f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        run(source, f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")


def test_no_password_stands_in_a_command(
    server: Server, database: str, source: str, rasters: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Recorder()
    monkeypatch.setattr(archiver.subprocess, "Popen", seen)
    dump(server.owner(database), tmp_path / "dump", rasters, tmp_path, silent)
    assert [Path(command[0]).name for command in seen.commands] == ["pg_dump", "pg_restore"]
    assert not any(server.owner_password in word for command in seen.commands for word in command)
    assert seen.environments[0]["PGPASSWORD"] == server.owner_password and "PGPASSWORD" not in seen.environments[1]


def test_a_cut_file_a_flipped_bit_and_a_missing_file_are_named(copy: Path) -> None:
    manifest = read_manifest(copy)
    for name in manifest.files:
        path = copy / name
        whole = path.read_bytes()
        path.write_bytes(whole[:-1])
        with pytest.raises(DumpFault, match=name):
            check_files(copy, manifest, silent)
        path.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
        with pytest.raises(DumpFault, match=name):
            check_files(copy, manifest, silent)
        path.unlink()
        with pytest.raises(DumpFault, match=name):
            check_files(copy, manifest, silent)
        path.write_bytes(whole)
    check_files(copy, manifest, silent)


def test_a_missing_torn_or_changed_manifest_is_refused(copy: Path, tmp_path: Path) -> None:
    path = copy / "manifest.json"
    whole = path.read_text("utf-8")
    known = json.loads(whole)
    for text, word in (
        (whole[: len(whole) // 2], "有误"),
        ("[]", "有误"),
        (whole.replace("wanmi-dump", "other-dump"), "kind"),
        (whole.replace('"layer.component": 910', '"layer.component": 911'), "digest"),
        (json.dumps(known | {"format": 2}), "更新|升级|新"),
    ):
        assert text != whole
        path.write_text(text, "utf-8")
        with pytest.raises(DumpFault, match=word):
            read_manifest(copy)
    path.unlink()
    with pytest.raises(DumpFault, match=r"没有 manifest\.json"):
        read_manifest(copy)


def test_a_manifest_that_names_files_elsewhere_is_refused(copy: Path) -> None:
    manifest = read_manifest(copy)
    one = next(iter(manifest.files.values()))
    for name in ("../secret", "database/../../secret", "/etc/passwd", "databases/x", "database//x"):
        write_manifest(copy, replace(manifest, files={name: one}))
        with pytest.raises(DumpFault, match="有误"):
            read_manifest(copy)
    write_manifest(copy, replace(manifest, schemas=('x"; DROP TABLE y; --',)))
    with pytest.raises(DumpFault, match="有误"):
        read_manifest(copy)


def test_a_dump_of_a_newer_house_is_refused(made: Path) -> None:
    with pytest.raises(DumpFault, match="9999") as caught:
        check_product(replace(read_manifest(made), migration="9999", product="7.0"))
    assert "7.0" in caught.value.en


def test_programs_of_the_version_or_newer_are_taken(tmp_path: Path) -> None:
    folders = []
    for major in (14, 16, 17):
        folder = tmp_path / str(major)
        folder.mkdir()
        for name in ("pg_dump", "pg_restore"):
            (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {major}.2'\n")
            (folder / name).chmod(0o755)
        folders.append(folder)
    assert [find_archiver(major, folders).major for major in (14, 15, 16, 17)] == [14, 16, 16, 17]
    with pytest.raises(ArchiveError, match="postgresql-client-18"):
        find_archiver(18, folders)
    (folders[2] / "pg_restore").unlink()
    with pytest.raises(ArchiveError, match="postgresql-client-17"):
        find_archiver(17, folders)


def test_an_ending_signal_ends_the_program_too(source: str, rasters: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[str]] = []

    class Interrupted(subprocess.Popen[str]):
        def communicate(self, *arguments: object, **more: object) -> tuple[str, str]:
            started.append(self)
            raise KeyboardInterrupt

    monkeypatch.setattr(archiver.subprocess, "Popen", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        dump(source, tmp_path / "dump", rasters, tmp_path, silent)
    assert [process.returncode for process in started] == [-9]
    assert nothing_left(tmp_path)


def test_an_empty_database_has_nothing_to_dump(server: Server, rasters: Path, tmp_path: Path) -> None:
    name = f"wanmi_nothing_{os.getpid()}"
    server.create(name)
    try:
        with pytest.raises(BilingualError, match="尚未升级"):
            dump(server.admin(name), tmp_path / "dump", rasters, tmp_path, silent)
    finally:
        server.drop(name)
