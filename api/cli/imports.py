"""``wanmi import``: one file into one layer, or a recipe's files into a city; the result on stdout, the report as JSON."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from sqlalchemy import Connection, Engine

from api.cli.house import CliError, log_act, open_house
from api.cli.recipes import run_recipe
from data.importing import ImportSource, OnBad
from data.importing import import_file as run_import
from data.loading import Progress as Told
from data.mapping import split_pairs
from data.report import FileFault, ImportReport
from spatial.accounts.accounts import account_by_name
from spatial.settings import load_settings

__all__ = ["import_file"]

STAGES = {
    "read": "读取文件",
    "values": "转换字段",
    "copy": "送入数据库",
    "check": "检查几何与编码",
    "insert": "写入图层",
}
FAULTS_SHOWN = 10


def import_file(
    file: Annotated[
        Path | None, typer.Argument(help=".shp、.zip、.gpkg、.fgb、.geojson、.csv、.xlsx、.osm / the file", show_default=False)
    ] = None,
    layer: Annotated[str | None, typer.Option(help="写入的图层，如 park / layer", show_default=False)] = None,
    recipe: Annotated[str | None, typer.Option(help="配方名，或 .toml 文件 / recipe (wanmi recipes)", show_default=False)] = None,
    folder: Annotated[Path | None, typer.Option("--from", help="配方的数据目录 / folder of the recipe's files", show_default=False)] = None,
    replace: Annotated[bool, typer.Option("--replace", help="先删除同名城市 / remove the city of that name first")] = False,
    city: Annotated[str | None, typer.Option(help="城市；只有一个城市时可省略 / city")] = None,
    map_: Annotated[list[str] | None, typer.Option("--map", help="文件列=图层字段，可重复 / column=field")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="图层字段=固定值，可重复 / field=value")] = None,
    x: Annotated[str | None, typer.Option("--x", help="CSV、XLSX 的 X（经度）列 / X column")] = None,
    y: Annotated[str | None, typer.Option("--y", help="CSV、XLSX 的 Y（纬度）列 / Y column")] = None,
    crs: Annotated[str | None, typer.Option(help="坐标系，如 EPSG:4490 / coordinate system")] = None,
    datum: Annotated[str | None, typer.Option(help="基准：cgcs2000、gcj02、bd09 / datum")] = None,
    encoding: Annotated[str | None, typer.Option(help="文字编码，如 GB18030、Big5 / text encoding")] = None,
    source_layer: Annotated[str | None, typer.Option(help="文件中的图层，或工作表 / layer or sheet in the file")] = None,
    on_bad: Annotated[OnBad, typer.Option(help="有不合格行：整份拒绝，或放在一边 / what to do with bad rows")] = "refuse",
    source: Annotated[str | None, typer.Option(help="数据提供者 / publisher")] = None,
    licence: Annotated[str | None, typer.Option(help="许可 / licence")] = None,
    title: Annotated[str | None, typer.Option(help="数据集名称 / name of the dataset")] = None,
    report: Annotated[Path | None, typer.Option(help="报告文件（JSON） / report file")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只检查，不写入 / check only")] = False,
    as_: Annotated[str | None, typer.Option("--as", help="以哪个用户的权限导入 / whose right holds")] = None,
) -> None:
    """导入文件到图层，或按配方装入一座城市；退出码 0 全部写入，1 有行被拒绝或放在一边，2 无法执行 / imports a file or a recipe."""
    settings = load_settings()
    if report is not None:
        _check_report(report)
    others = (x, y, crs, datum, encoding, source_layer, source, licence, title, as_)
    if recipe is not None:
        if folder is None or any((file, layer, map_, set_, on_bad != "refuse", *others)):
            raise CliError(
                "--recipe 与 --from 同用，此外只可有 --city、--replace、--dry-run、--report",
                "--recipe goes with --from, and with nothing but --city, --replace, --dry-run, --report",
            )
        raise typer.Exit(run_recipe(settings, recipe, folder, city, replace, dry_run, report))
    if file is None or layer is None or folder is not None or replace:
        raise CliError("写明 文件 与 --layer，或 --recipe 与 --from", "name FILE and --layer, or --recipe and --from")
    mapping, constants = _pairs(map_, "--map"), _pairs(set_, "--set")
    asked = ImportSource(
        file, layer, mapping, constants, x, y, crs, datum, encoding, source_layer, on_bad, dry_run, source, licence, title
    )  # fmt: skip
    with open_house(settings) as house, _progress() as told:
        outcome = run_import(house.engine, house.registry, city, asked, told, _noted, _account(house.engine, as_))
    if report is not None:
        _write(outcome, report)
    _tell(outcome, dry_run)
    raise typer.Exit(outcome.exit_code)


def _noted(connection: Connection, report: ImportReport) -> None:
    log_act(connection, "import", f"layer/{report.layer}", file=report.file, written=report.written, set_aside=report.set_aside)


def _account(engine: Engine, name: str | None) -> int | None:
    """Returns the account of a user; without a name the system imports."""
    if name is None:
        return None
    with engine.connect() as connection:
        return account_by_name(connection, name).id


def _pairs(texts: list[str] | None, option: str) -> list[tuple[str, str]]:
    try:
        return split_pairs(texts or (), option)
    except FileFault as fault:
        raise CliError(fault.zh, fault.en) from None


def _check_report(path: Path) -> None:
    """Makes sure of the report before anything is imported."""
    if path.is_dir() or not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        raise CliError(f"无法写报告 {path}；什么都没有导入", f"cannot write the report {path}; nothing was imported")


def _write(outcome: ImportReport, path: Path) -> None:
    try:
        outcome.write(path)
    except OSError as error:
        raise CliError(
            f"无法写报告 {path}：{error.strerror}（已写入 {outcome.written} 行）",
            f"cannot write the report {path}: {error.strerror} ({outcome.written} rows were written)",
        ) from None


@contextmanager
def _progress() -> Iterator[Told]:
    """A bar on stderr with the stage in Chinese; nothing when stderr is no terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bar:
        tasks = {}

        def told(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(STAGES.get(stage, stage), total=total)
            bar.update(tasks[stage], completed=done, total=total)

        yield told


def _tell(outcome: ImportReport, dry_run: bool) -> None:
    """Notes and the first faults on stderr, one line of result on stdout."""
    for note in outcome.notes:
        typer.echo(f"  · {note}", err=True)
    for fault in outcome.rows[:FAULTS_SHOWN]:
        place = "，".join(([f"第 {fault.row} 行"] if fault.row else []) + ([fault.field] if fault.field else []))
        value = f"“{fault.value}”" if fault.value else ""
        head = "：".join(part for part in (place, value) if part)
        typer.echo(f"  ✗ {head} [{fault.rule}] {fault.zh} / {fault.en}", err=True)
    if outcome.faults > FAULTS_SHOWN:
        more = outcome.faults - FAULTS_SHOWN
        typer.echo(f"  … 另有 {more} 处，见 --report / {more} more, see --report", err=True)
    if outcome.failed:
        typer.echo(f"无法导入 {outcome.file}，什么都没有写入 / could not be imported, nothing was written")
        return
    if outcome.refused:
        verdict = ("整份未写入", "nothing was written")
    else:
        verdict = ("试运行，未写入", "dry run, nothing was written") if dry_run else ("完成", "done")
    typer.echo(
        f"{outcome.file} → {outcome.layer}（{outcome.city}）：读取 {outcome.read}，写入 {outcome.written}，"
        f"拒绝 {outcome.refused}，放在一边 {outcome.set_aside}，{outcome.seconds:.2f} s；{verdict[0]} / read {outcome.read}, "
        f"written {outcome.written}, refused {outcome.refused}, set aside {outcome.set_aside}; {verdict[1]}"
    )
