"""A restore brings back every row and rule, or leaves what was there serving as before."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest
from psycopg2.errors import InsufficientPrivilege
from sqlalchemy import Engine

from grid_coding.errors import BilingualError
from layers.catalogue import Registry
from spatial import archiver, restore
from spatial.dump import dump
from spatial.manifest import DumpFault, StoredFile, read_manifest, sha256_of, write_manifest
from spatial.restore import Held, Restored, RestoreFailed, RestoreRefused, restore_beside, restore_given
from spatial.swap import SwapFailed
from tests.support.cluster import Server
from tests.support.dumps import RASTER, Recorder, contents, furnish, killing, private, run


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def made(server: Server, database: str, engine: Engine, registry: Registry, home: Path) -> Path:
    """A dump of the module's database."""
    furnish(engine, registry, home / "rasters")
    dump(server.admin(database), home / "dump", home / "rasters", home, silent)
    return home / "dump"


@pytest.fixture
def target(server: Server) -> Iterator[str]:
    """Name of a database; it and all that a restore keeps beside it are dropped afterwards."""
    name = f"wanmi_t{uuid.uuid4().hex[:8]}"
    yield name
    for (each,) in run(server.admin(), f"SELECT datname FROM pg_database WHERE datname ~ '^{name}'"):
        server.drop(str(each))


@pytest.fixture
def old(server: Server, template: str, target: str, tmp_path: Path) -> str:
    """The target with data of its own and a raster."""
    server.create(target, template)
    run(server.owner(target), """
        INSERT INTO wanmi.city (key, title_zh, title_en, prefix, profile, envelope, metric_srid, datum, calendar, view_lon, view_lat,
          view_zoom) VALUES ('old', '旧城', 'Old', '99', 'local', ST_MakeEnvelope(0, 0, 1, 1, 4490), 4527, 'cgcs2000', 'cn', 0, 0, 9)
    """)  # fmt: skip
    (tmp_path / "rasters").mkdir()
    (tmp_path / "rasters" / "old.tif").write_bytes(b"old")
    return target


def silent(_step: str) -> None:
    """Reports nothing."""


def databases(server: Server, name: str) -> list[str]:
    return [str(row[0]) for row in run(server.admin(), f"SELECT datname FROM pg_database WHERE datname ~ '^{name}' ORDER BY 1")]


def again(server: Server, source: Path, name: str, folder: Path, registry: Registry, yes: bool = True) -> Restored:
    return restore_beside(private(server, folder), source, name, folder / "rasters", registry, lambda _held: yes, silent)


def serves_as_before(server: Server, name: str, folder: Path) -> bool:
    """Whether the old city and its raster are there, and nothing beside them."""
    cities = run(server.owner(name), "SELECT key FROM wanmi.city")
    files = sorted(path.name for path in folder.rglob("*") if path.is_file() and path.suffix == ".tif")
    folders = [path.name for path in folder.iterdir() if path.name.startswith("rasters")]
    assert run(server.app(name), "SELECT count(*) FROM seen.migration") == [(1,)]
    return cities == [("old",)] and files == ["old.tif"] and folders == ["rasters"] and databases(server, name) == [name]


def test_everything_comes_back(
    server: Server, database: str, made: Path, target: str, tmp_path: Path, registry: Registry, home: Path
) -> None:
    """Rows, generated columns, rules, indexes, functions, triggers and rights are those of before; LEAKPROOF is set anew."""
    done = again(server, made, target, tmp_path, registry)
    before, after = contents(server.admin(database)), contents(server.admin(target))
    assert after.pop("audit.entry") != before.pop("audit.entry"), "the restore is told of"
    assert before.pop("wanmi.log_era") != after.pop("wanmi.log_era"), "transaction ids begin anew: an era of its own"
    assert after == before
    assert run(server.owner(target), "SELECT era, reason FROM wanmi.log_era ORDER BY era") == [(1, "first"), (2, "restore")]
    assert (done.kept, done.kept_rasters, done.upgrades, done.raised) == (None, None, (), ())
    assert done.rows == read_manifest(made).total_rows
    assert done.leakproof
    marks = run(server.owner(target), "SELECT proleakproof FROM pg_proc WHERE proname = 'geometry_overlaps' AND pronargs = 2")
    assert marks == [(True,)]
    assert (tmp_path / "rasters" / RASTER).read_bytes() == (home / "rasters" / RASTER).read_bytes()
    assert databases(server, target) == [target]
    owners = run(server.admin(target), "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relnamespace::regnamespace::text"
                 " IN ('wanmi', 'layer', 'stream')")  # fmt: skip
    assert owners == [("wanmi_owner",)]


def test_the_restored_database_lives_on(server: Server, made: Path, target: str, tmp_path: Path, registry: Registry) -> None:
    """The serving role reads and cannot write, rules refuse, numbers go on, settings of the database are there."""
    again(server, made, target, tmp_path, registry)
    assert run(server.app(target), "SELECT count(*) FROM seen.component") == [(0,)], "nobody acts"
    for statement in ("SELECT count(*) FROM layer.component", "DELETE FROM layer.component", "DELETE FROM seen.component"):
        with pytest.raises(InsufficientPrivilege):
            run(server.app(target), statement)
    insert = (
        "INSERT INTO layer.district (city, area, geom, code, name) SELECT city, area, {}, '990102', '新区' FROM layer.district RETURNING id"
    )
    with pytest.raises(psycopg2.errors.CheckViolation):
        run(server.owner(target), insert.format("ST_GeomFromText('POLYGON((0 0, 1 1, 1 0, 0 1, 0 0))', 4490)"))
    largest = run(server.owner(target), "SELECT max(id) FROM layer.district")[0][0]
    assert run(server.owner(target), insert.format("geom"))[0][0] > largest  # type: ignore[operator]
    with pytest.raises(psycopg2.errors.RestrictViolation):
        run(server.owner(target), "UPDATE stream.sensor_value SET value = 1")
    assert run(server.app(target), "SHOW jit") == [("off",)] and run(server.app(target), "SHOW timezone") == [("Asia/Shanghai",)]
    assert run(server.owner(target), "SELECT reltuples FROM pg_class WHERE oid = 'layer.component'::regclass") == [(910,)]


def test_the_old_database_is_kept_and_named(server: Server, made: Path, old: str, tmp_path: Path, registry: Registry) -> None:
    """A session in the old database is no obstacle."""
    session = psycopg2.connect(server.app(old))
    done = again(server, made, old, tmp_path, registry)
    with pytest.raises(psycopg2.OperationalError):
        session.cursor().execute("SELECT 1")
    assert done.kept is not None and done.kept.startswith(f"{old}_before_") and done.kept_rasters is not None
    assert run(server.owner(done.kept), "SELECT key FROM wanmi.city") == [("old",)]
    assert (done.kept_rasters / "old.tif").read_bytes() == b"old"
    assert run(server.owner(old), "SELECT key FROM wanmi.city ORDER BY id") == [("town",), ("other",)]
    assert [path.name for path in (tmp_path / "rasters").rglob("*.tif")] == [Path(RASTER).name]
    run(server.owner(old), f"DROP DATABASE {done.kept}")


def test_a_filled_target_asks_first_and_says_what_it_holds(
    server: Server, made: Path, old: str, tmp_path: Path, registry: Registry
) -> None:
    asked: list[Held] = []

    def no(held: Held) -> bool:
        asked.append(held)
        return False

    with pytest.raises(RestoreRefused, match="没有得到同意"):
        restore_beside(private(server, tmp_path), made, old, tmp_path / "rasters", registry, no, silent)
    assert asked == [Held(("旧城 Old",), 1, 1)]
    assert serves_as_before(server, old, tmp_path)


def forge(source: Path, folder: Path, name: str, change: object) -> Path:
    """A copy of a dump with one changed file and a manifest that agrees with it."""
    copy = shutil.copytree(source, folder / "forged")
    manifest = read_manifest(copy)
    path = copy / name
    path.write_bytes(change(path.read_bytes()))  # type: ignore[operator]
    files = dict(manifest.files) | {name: StoredFile(path.stat().st_size, sha256_of(path))}
    write_manifest(copy, replace(manifest, files=files))
    return copy


def largest(source: Path) -> str:
    files = {name: file for name, file in read_manifest(source).files.items() if name.endswith(".dat.gz")}
    return max(files, key=lambda name: files[name].bytes)


@pytest.mark.parametrize("kind", ["truncated", "flipped", "missing", "no manifest", "foreign manifest"])
def test_a_broken_dump_is_refused_before_anything_is_touched(
    server: Server, made: Path, old: str, tmp_path: Path, registry: Registry, kind: str
) -> None:
    copy, name = shutil.copytree(made, tmp_path / "copy"), largest(made)
    whole, word = (copy / name).read_bytes(), name
    if kind == "truncated":
        (copy / name).write_bytes(whole[: len(whole) // 2])
    elif kind == "flipped":
        (copy / name).write_bytes(whole[:100] + bytes([whole[100] ^ 4]) + whole[101:])
    elif kind == "missing":
        (copy / name).unlink()
    elif kind == "no manifest":
        (copy / "manifest.json").unlink()
        word = "manifest.json"
    else:
        manifest = read_manifest(copy)
        write_manifest(copy, replace(manifest, files={key: StoredFile(file.bytes, "0" * 64) for key, file in manifest.files.items()}))
        word = "校验和"
    with pytest.raises(DumpFault, match=word):
        again(server, copy, old, tmp_path, registry)
    shutil.rmtree(copy)
    assert serves_as_before(server, old, tmp_path)


def test_an_archive_cut_before_its_manifest_was_made_is_read_to_its_end(
    server: Server, made: Path, old: str, tmp_path: Path, registry: Registry
) -> None:
    """Checksums that agree prove nothing about a dump that was cut before they were taken."""
    forged = forge(made, tmp_path, largest(made), lambda whole: whole[: len(whole) // 2])
    with pytest.raises(archiver.ArchiveError, match="pg_restore"):
        again(server, forged, old, tmp_path, registry)
    shutil.rmtree(forged)
    assert serves_as_before(server, old, tmp_path)


def test_rows_that_are_not_the_manifests_are_refused(server: Server, made: Path, old: str, tmp_path: Path, registry: Registry) -> None:
    copy = shutil.copytree(made, tmp_path / "copy")
    manifest = read_manifest(copy)
    write_manifest(copy, replace(manifest, rows=dict(manifest.rows) | {"layer.park": 3}))
    with pytest.raises(RestoreFailed, match=r"layer\.park 应有 3 行，恢复了 2 行；原数据库照常服务"):
        again(server, copy, old, tmp_path, registry)
    shutil.rmtree(copy)
    assert serves_as_before(server, old, tmp_path)


@pytest.mark.parametrize("section", ["pre-data", "data", "post-data"])
def test_a_killed_restore_leaves_the_old_database_serving(
    server: Server, made: Path, old: str, tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch, section: str
) -> None:
    monkeypatch.setattr(archiver.subprocess, "Popen", killing(f"--section={section}"))
    with pytest.raises(RestoreFailed, match="signal 9；原数据库照常服务"):
        again(server, made, old, tmp_path, registry)
    assert serves_as_before(server, old, tmp_path)


def test_a_failure_while_names_change_puts_all_of_them_back(
    server: Server, made: Path, old: str, tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The raster folder cannot be renamed, as when it is a mount point; the databases have changed names by then."""
    rename = Path.rename

    def refuse(self: Path, name: Path) -> Path:
        if name == tmp_path / "rasters" and "_restore_" in self.name:
            raise OSError(16, "Device or resource busy")
        return rename(self, name)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(RestoreFailed, match="busy；原数据库照常服务"):
        again(server, made, old, tmp_path, registry)
    assert serves_as_before(server, old, tmp_path)


def test_what_a_dead_restore_left_is_swept_away(server: Server, made: Path, old: str, tmp_path: Path, registry: Registry) -> None:
    server.create(f"{old}_restore_0123abcd")
    server.create(f"{old}_restore_mine")
    (tmp_path / "rasters_restore_0123abcd").mkdir()
    done = again(server, made, old, tmp_path, registry)
    assert databases(server, old) == [old, done.kept, f"{old}_restore_mine"]
    assert not (tmp_path / "rasters_restore_0123abcd").exists()


def test_a_second_restore_is_refused(server: Server, made: Path, old: str, tmp_path: Path, registry: Registry) -> None:
    """It would sweep away what the first is making."""

    def agreed(_held: Held) -> bool:
        with pytest.raises(SwapFailed, match="另一个恢复正在进行"):
            again(server, made, old, tmp_path, registry)
        return False

    with pytest.raises(RestoreRefused):
        restore_beside(private(server, tmp_path), made, old, tmp_path / "rasters", registry, agreed, silent)
    assert serves_as_before(server, old, tmp_path)


def test_a_small_disk_a_wrong_name_and_an_older_server_are_refused(
    server: Server, made: Path, old: str, tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("postgres", "Wanmi", "1x", "x" * 32, 'x"; DROP'):
        with pytest.raises(RestoreRefused, match="不可用"):
            again(server, made, name, tmp_path, registry)
    copy = shutil.copytree(made, tmp_path / "copy")
    for change, error in (
        ({"archive": 99, "postgres": "99.1"}, "99.1"),
        ({"database_bytes": 10**15}, "磁盘空间不足"),
        ({"migration": "9999"}, "9999"),
    ):
        write_manifest(copy, replace(read_manifest(made), **change))  # type: ignore[arg-type]
        with pytest.raises(BilingualError, match=error):
            again(server, copy, old, tmp_path, registry)
    shutil.rmtree(copy)
    assert serves_as_before(server, old, tmp_path)


def test_a_sequence_behind_its_numbers_is_put_forward_and_told(
    server: Server, database: str, made: Path, target: str, tmp_path: Path, registry: Registry
) -> None:
    name = str(run(server.owner(database), "SELECT pg_get_serial_sequence('layer.road', 'id')")[0][0])
    run(server.owner(database), f"SELECT setval('{name}', 1, false)")
    dump(server.admin(database), tmp_path / "late", made.parent / "rasters", tmp_path, silent)
    run(server.owner(database), f"SELECT setval('{name}', (SELECT max(id) FROM layer.road))")
    done = again(server, tmp_path / "late", target, tmp_path, registry)
    top = run(server.owner(target), "SELECT max(id) FROM layer.road")[0][0]
    assert done.raised == ((name, 1, top),)
    assert run(server.owner(target), f"SELECT nextval('{name}')") == [(int(str(top)) + 1,)]


def test_an_older_dump_is_told_to_be_upgraded(server: Server, made: Path, target: str, tmp_path: Path, registry: Registry) -> None:
    """Here it is the registry that has gone on: a stream of the dump is declared no more."""
    assert again(server, made, target, tmp_path, replace(registry, streams={})).upgrades


@pytest.fixture
def empty(server: Server, target: str) -> str:
    """A prepared, empty database, as an administrator gives one; its owner is no superuser."""
    server.create(target)
    return target


def test_an_empty_database_of_another_server_is_filled_by_its_owner(
    server: Server, database: str, made: Path, empty: str, tmp_path: Path, registry: Registry
) -> None:
    done = restore_given(server.owner(empty), made, tmp_path / "rasters", registry, silent)
    before, after = contents(server.admin(database)), contents(server.admin(empty))
    assert after.pop("audit.entry") != before.pop("audit.entry"), "the restore is told of"
    assert before.pop("wanmi.log_era") != after.pop("wanmi.log_era")
    assert after == before
    assert done.leakproof and done.database == empty and done.kept is None
    assert (tmp_path / "rasters" / RASTER).is_file()
    with pytest.raises(RestoreRefused, match="不是空的"):
        restore_given(server.owner(empty), made, tmp_path / "rasters", registry, silent)


def test_without_the_mark_the_restore_is_whole_and_says_what_is_slower(
    server: Server, made: Path, empty: str, tmp_path: Path, registry: Registry
) -> None:
    """Where nobody may set LEAKPROOF."""
    run(server.admin(empty), "ALTER FUNCTION geometry_overlaps(geometry, geometry) NOT LEAKPROOF")
    assert not restore_given(server.owner(empty), made, tmp_path / "rasters", registry, silent).leakproof


@pytest.mark.parametrize("role", ["APP_ROLE", "ACTOR_ROLE"])
def test_a_server_prepared_for_an_older_version_is_refused_before_anything_is_made(
    server: Server, made: Path, empty: str, tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    monkeypatch.setattr(restore, role, "wanmi_absent")
    with pytest.raises(RestoreRefused, match="角色 wanmi_absent"):
        restore_given(server.owner(empty), made, tmp_path / "rasters", registry, silent)


@pytest.mark.parametrize("section", ["data", "post-data"])
def test_a_killed_restore_leaves_a_given_database_empty(
    server: Server, made: Path, empty: str, tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch, section: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(archiver.subprocess, "Popen", killing(f"--section={section}"))
        with pytest.raises(RestoreFailed, match="目标数据库仍是空的"):
            restore_given(server.owner(empty), made, tmp_path / "rasters", registry, silent)
    assert list(tmp_path.iterdir()) == []
    restore_given(server.owner(empty), made, tmp_path / "rasters", registry, silent)


def test_no_password_stands_in_a_command_of_a_restore(
    server: Server, made: Path, target: str, tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Recorder()
    monkeypatch.setattr(archiver.subprocess, "Popen", seen)
    again(server, made, target, tmp_path, registry)
    assert len(seen.commands) == 4
    secrets = (server.owner_password, server.app_password, str(psycopg2.extensions.parse_dsn(server.admin())["password"]))
    assert not any(secret in word for command in seen.commands for word in command for secret in secrets)
