"""``wanmi db dump`` and ``wanmi db restore``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from api.cli.house import Steps, log_act, open_house
from layers.catalogue import load as load_registry
from spatial.archiver import Archiver
from spatial.cluster import DATABASE, Cluster
from spatial.database import with_database
from spatial.dump import dump
from spatial.manifest import Manifest
from spatial.place import raster_folder, state_folder
from spatial.processes import ending_signals
from spatial.restore import Held, PrivateServer, Restored, restore_beside, restore_given
from spatial.settings import Settings, load_settings
from spatial.tuning import MB

__all__ = ["dump_database", "restore_database"]


def dump_database(
    target: Annotated[Path, typer.Argument(metavar="FOLDER", help="新目录，不能已存在 / a folder that does not exist yet")],
) -> None:
    """备份数据库与栅格到一个新目录，写完即从头读一遍 / dumps database and rasters into a new folder and reads it to its end."""
    settings, steps = load_settings(), Steps()
    rasters, state = raster_folder(settings.raster_dir, settings.state_dir), state_folder(settings.state_dir)
    with open_house(settings, steps) as house, ending_signals():
        if settings.database_url is not None:
            manifest = dump(house.owner_dsn, target, rasters, state, steps)
        else:
            cluster = Cluster.for_settings(settings)
            programs = Archiver(cluster.programs.folder, cluster.programs.major)
            manifest = dump(cluster.dsn("admin"), target, rasters, state, steps, archiver=programs)
        steps.done()
        with house.engine.begin() as connection:
            log_act(connection, "dump", target.name, rows=manifest.total_rows)
    typer.echo(_dumped(target, manifest))


def _dumped(target: Path, manifest: Manifest) -> str:
    size = sum(file.bytes for file in manifest.files.values()) / MB
    return (
        f"已备份到 {target}：{manifest.total_rows} 行，{len(manifest.files)} 个文件，{size:.1f} MB\n"
        f"dumped: {manifest.total_rows} rows, {len(manifest.files)} files, {size:.1f} MB"
    )


def restore_database(
    source: Annotated[Path, typer.Argument(metavar="FROM", help="备份目录 / folder of a dump")],
    into: Annotated[str | None, typer.Option(help="恢复到这个数据库 / restore into this database")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="替换现有数据，不再询问 / replace what is there, do not ask")] = False,
) -> None:
    """先核对备份，在旧库旁边恢复，再互换名称；旧库保留 / checks a dump, restores it beside the old database, then swaps names."""
    settings, steps, registry = load_settings(), Steps(), load_registry()
    if settings.database_url is not None:
        dsn = settings.database_url.get_secret_value()
        given = with_database(dsn, into) if into else dsn
        with _ended(steps):
            restored = restore_given(given, source, _rasters(settings, into), registry, steps)
    else:
        cluster = Cluster.for_settings(settings)

        def agreed(held: Held) -> bool:
            steps.done()
            typer.echo(_held(into or DATABASE, held))
            return yes or _asked("替换它们？旧数据另行保留 / replace them? The old data are kept aside")

        with _ended(steps), cluster.use(steps):
            server = PrivateServer(
                cluster.dsn("admin"), cluster.dsn("owner"), cluster.password("owner"), cluster.password("app"), cluster.data
            )
            restored = restore_beside(server, source, into or DATABASE, _rasters(settings, into), registry, agreed, steps)
    typer.echo(_restored(restored))


@contextmanager
def _ended(steps: Steps) -> Iterator[None]:
    """Takes ending signals as a reason to undo, and ends the line of the open step."""
    with ending_signals():
        try:
            yield
        finally:
            steps.done()


def _asked(question: str) -> bool:
    """Asks; where nobody can answer (a timer, a pipe) the answer is no."""
    try:
        return typer.confirm(question)
    except typer.Abort:
        return False


def _rasters(settings: Settings, into: str | None) -> Path:
    """The raster folder; a database beside the one that serves gets a folder beside too."""
    rasters = raster_folder(settings.raster_dir, settings.state_dir)
    return rasters if into in (None, DATABASE) else rasters.with_name(f"{rasters.name}_{into}")


def _held(database: str, held: Held) -> str:
    cities = "、".join(held.cities) or "–"
    return (
        f"数据库 {database} 中有：城市 {cities}；{held.rows} 行；{held.rasters} 个栅格文件\n"
        f"database {database} holds: cities {cities}; {held.rows} rows; {held.rasters} raster files"
    )


def _restored(restored: Restored) -> str:
    """Everything that people must know afterwards, a line each."""
    lines = [f"已恢复到数据库 {restored.database}：{restored.rows} 行，栅格在 {restored.rasters} / restored: {restored.rows} rows, rasters"]
    if restored.kept is not None:
        lines.append(
            f"旧数据库保留为 {restored.kept}；确认无误后删除 / the old database is kept; once sure, drop it:\n"
            f"  psql \"$(./wanmi db url)\" -c 'DROP DATABASE {restored.kept}'"
        )
    if restored.kept_rasters is not None:
        lines.append(f"旧栅格保留在 / the old rasters are kept in {restored.kept_rasters}")
    lines += [f"序列已前移 sequence put forward: {name} {coming} → {largest + 1}" for name, coming, largest in restored.raised]
    if restored.upgrades:
        number = len(restored.upgrades)
        lines.append(
            f"还需运行 ./wanmi db upgrade（{number} 处，如 {restored.upgrades[0]}） / run ./wanmi db upgrade next ({number} changes)"
        )
    if not restored.leakproof:
        lines.append(
            "geometry_overlaps 不是 LEAKPROOF：按权限过滤的地图与查询明显变慢；请管理员运行 `wanmi db prepare --print` 给出的 SQL\n"
            "geometry_overlaps is not LEAKPROOF: maps and queries filtered by right are much slower;"
            " have the administrator run `wanmi db prepare --print`"
        )
    return "\n".join(lines)
