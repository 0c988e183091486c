"""``wanmi sample``: the synthetic city."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from api.cli.house import Steps, log_act, open_house
from data.sample_city import SAMPLE_KEY, make_sample, remove_sample
from spatial.place import raster_folder
from spatial.settings import load_settings
from spatial.upgrade import upgrade

__all__ = ["app"]

app = typer.Typer(help="示范城市 / sample city", no_args_is_help=True)

STAGES = {"towns": (0.0, 0.7), "indexes": (0.7, 1.0)}  # where each stage begins and ends on the bar
Told = tuple[Callable[[str], None], Callable[[str, int, int], None]]


@app.command("make")
def make(
    size: Annotated[str, typer.Option(help="规模：S、M、L / size")] = "S",
    profile: Annotated[str, typer.Option(help="编码规则：2005、2013、2026 / code profile")] = "2005",
    seed: Annotated[int | None, typer.Option(help="随机种子 / random seed")] = None,
) -> None:
    """生成并装入示范城市 / makes and loads the sample city."""
    steps = Steps()
    began = time.monotonic()
    settings = load_settings()
    rasters = raster_folder(settings.raster_dir, settings.state_dir)
    with open_house(settings, steps) as house:
        upgrade(house.engine, house.registry)
        with _told(steps) as (report, progress):
            made = make_sample(
                house.engine, house.registry, size=size, profile=profile, seed=seed, report=report, rasters=rasters, progress=progress
            )
        with house.engine.begin() as connection:
            log_act(connection, "city.add", f"city/{SAMPLE_KEY}", size=size, rows=sum(made.rows.values()))
    for layer, rows in made.rows.items():
        typer.echo(f"{layer}\t{rows}")
    typer.echo(
        f"共 {sum(made.rows.values())} 行，等待生成 {made.making_seconds:.1f} s，装入 {made.loading_seconds:.1f} s，"
        f"建索引 {made.indexing_seconds:.1f} s，总计 {time.monotonic() - began:.1f} s / "
        "rows, waiting for rows, loading, indexing, total"
    )


@app.command("remove")
def remove(size: Annotated[str | None, typer.Option(help="仅当规模相符时删除 / only when it is of this size")] = None) -> None:
    """删除示范城市 / removes the sample city."""
    steps = Steps()
    settings = load_settings()
    with open_house(settings, steps) as house:
        gone = remove_sample(house.engine, house.registry, steps, raster_folder(settings.raster_dir, settings.state_dir), size)
        with house.engine.begin() as connection:
            log_act(connection, "city.remove", f"city/{SAMPLE_KEY}", rows=gone)
    typer.echo(f"已删除示范城市，{gone} 行 / removed, {gone} rows")


@contextmanager
def _told(steps: Steps) -> Iterator[Told]:
    """On a terminal a bar with the step and the share done; elsewhere a line for each step."""
    if not sys.stderr.isatty():
        yield steps, lambda *_: None
        steps.done()
        return
    steps.done()
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0)

        def progress(stage: str, done: int, total: int) -> None:
            low, high = STAGES[stage]
            bar.update(task, completed=low + (high - low) * done / max(total, 1))

        yield lambda sentence: bar.update(task, description=sentence), progress
