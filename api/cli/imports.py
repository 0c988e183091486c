"""``wanmi import``: one file into one layer; progress on stderr, the result on stdout, the report as JSON."""

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

from api.cli.house import CliError, open_house
from data.importing import ImportSource, OnBad
from data.importing import import_file as run_import
from data.loading import Progress as Told
from data.mapping import split_pairs
from data.report import FileFault, ImportReport
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
    file: Annotated[Path, typer.Argument(help=".shp、.gpkg、.geojson、.csv（可 .gz） / the file", show_default=False)],
    layer: Annotated[str, typer.Option(help="写入的图层，如 park / layer", show_default=False)],
    city: Annotated[str | None, typer.Option(help="城市；只有一个城市时可省略 / city")] = None,
    map_: Annotated[list[str] | None, typer.Option("--map", help="文件列=图层字段，可重复 / column=field")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="图层字段=固定值，可重复 / field=value")] = None,
    x: Annotated[str | None, typer.Option("--x", help="CSV 的 X（经度）列 / X column")] = None,
    y: Annotated[str | None, typer.Option("--y", help="CSV 的 Y（纬度）列 / Y column")] = None,
    crs: Annotated[str | None, typer.Option(help="坐标系，如 EPSG:4490 / coordinate system")] = None,
    datum: Annotated[str | None, typer.Option(help="基准：CGCS2000 或 WGS84 / datum")] = None,
    encoding: Annotated[str | None, typer.Option(help="文字编码，如 GB18030、Big5 / text encoding")] = None,
    source_layer: Annotated[str | None, typer.Option(help="GeoPackage 中的图层 / layer in the file")] = None,
    on_bad: Annotated[OnBad, typer.Option(help="有不合格行：整份拒绝，或放在一边 / what to do with bad rows")] = "refuse",
    report: Annotated[Path | None, typer.Option(help="报告文件（JSON） / report file")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只检查，不写入 / check only")] = False,
) -> None:
    """导入文件到图层；退出码 0 全部写入，1 有行被拒绝或放在一边，2 无法执行 / imports a file into a layer."""
    settings = load_settings()
    try:
        mapping, constants = split_pairs(map_ or (), "--map"), split_pairs(set_ or (), "--set")
    except FileFault as fault:
        raise CliError(fault.zh, fault.en) from None
    source = ImportSource(
        path=file,
        layer=layer,
        mapping=mapping,
        constants=constants,
        x=x,
        y=y,
        crs=crs,
        datum=datum,
        encoding=encoding,
        source_layer=source_layer,
        on_bad=on_bad,
        dry_run=dry_run,
    )
    if report is not None:
        _check_report(report)
    with open_house(settings) as house, _progress() as told:
        outcome = run_import(house.engine, house.registry, city, source, told)
    if report is not None:
        _write(outcome, report)
    _tell(outcome, dry_run)
    raise typer.Exit(outcome.exit_code)


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
