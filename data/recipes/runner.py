"""Running a recipe: every source is read and checked first, then all are written in one transaction, or none is.

Checked rows wait in temporary tables, one per source; nothing reaches a layer before the last source has passed, so a refused
recipe uses up no id and no code, and one run names everything that is wrong.
"""

from __future__ import annotations

import dataclasses
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psycopg2
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from data.importing import database_fault
from data.loading import dangling_nodes, drop_staged, insert_staged, stage, staged_extent, staged_faults, staged_strangers
from data.rasters import store_raster
from data.recipes.catalogue import check_recipe
from data.recipes.codes import Counters
from data.recipes.model import Origin, RasterSource, Recipe, Source
from data.recipes.opened import Opened, missing_files
from data.recipes.prepare import Prepared, prepare
from data.report import FileFault, ImportReport, RecipeReport
from data.shapes import wkt_of
from layers.catalogue import Registry
from spatial.cities import City, CityError, add_city, checked_city, city_or_none, remove_city
from spatial.datasets import Dataset, raster_files, record_dataset, remove_raster_files
from spatial.tables import LAYER_SCHEMA

__all__ = ["RecipeRun", "run_recipe"]

STAGING = "wanmi_recipe_{}"
Steps = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class RecipeRun:
    """What to run, on what, where to.

    Attributes:
        folder: the data folder; the recipe's files are relative to it.
        rasters: the folder of raster files (spatial.settings).
        city_key: name the city otherwise than the recipe does.
        replace: take the city that is there away first, in the same transaction.
        dry_run: check everything, write nothing.
    """

    recipe: Recipe
    folder: Path
    rasters: Path
    city_key: str | None = None
    replace: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class _Ready:
    """A checked source in its staging table, waiting for the others."""

    source: Source
    staging: str
    told: ImportReport
    files: tuple[str, ...]


@dataclass
class _State:
    """What one run carries from stage to stage."""

    run: RecipeRun
    registry: Registry
    city: City
    report: RecipeReport
    steps: Steps
    staged: dict[str, list[str]] = field(default_factory=dict)
    counters: dict[tuple[str, str], Counters] = field(default_factory=dict)
    ready: list[_Ready] = field(default_factory=list)
    made: list[str] = field(default_factory=list)


def run_recipe(engine: Engine, registry: Registry, run: RecipeRun, steps: Steps = lambda _: None) -> RecipeReport:
    """Runs a recipe; whatever is wrong stands in the report, ``report.exit_code`` sums it up.

    Args:
        steps: told a line at the beginning of every stage.

    Raises:
        RecipeError: the recipe does not fit the layers.
    """
    started = time.perf_counter()
    check_recipe(run.recipe, registry)
    report = RecipeReport(run.recipe.id, run.city_key or run.recipe.city.key)
    state = _State(run, registry, _city(run), report, steps)
    try:
        state.city = checked_city(state.city)
        for fault in missing_files(run.recipe, run.folder):
            report.fail(fault)
        if not report.failed:
            _run(engine, state)
    except FileFault as fault:
        report.fail(fault)
    except CityError as error:
        report.fail(FileFault("city", error.zh, error.en, field=error.field, value=str(error.value)))
    except (psycopg2.Error, SQLAlchemyError) as error:
        report.fail(database_fault(error))
    if report.failed:
        for source in report.sources.values():
            source.written = 0
    report.seconds = round(time.perf_counter() - started, 3)
    return report


def _city(run: RecipeRun) -> City:
    part = run.recipe.city
    lon, lat, zoom = part.view or (0.0, 0.0, 0.0)
    return City(
        run.city_key or part.key, part.title.zh, part.title.en, part.prefix, part.bbox, profile=part.profile, metric_srid=part.metric_srid,
        view_lon=lon, view_lat=lat, view_zoom=zoom, map_number=part.map_number, notice_zh=part.notice.zh, notice_en=part.notice.en,
    )  # fmt: skip


def _run(engine: Engine, state: _State) -> None:
    run, report = state.run, state.report
    gone: list[str] = []
    try:
        with engine.begin() as connection:
            old = city_or_none(connection, state.city.key)
            if old is not None and not run.replace:
                raise FileFault(
                    "city_exists", f"已有城市“{old.key}”；要重新装入请加 --replace，另起名称请用 --city",
                    f"there is a city {old.key!r}; say --replace to load it anew, or --city for another name", "city", old.key,
                )  # fmt: skip
            opened = Opened(run.recipe, run.folder)
            for number, source in enumerate(run.recipe.source):
                _check(connection, state, source, opened, STAGING.format(number))
            if _stopped(report) or run.dry_run:
                connection.rollback()
                return
            if old is not None:
                state.steps(f"删除原有城市 removing the city {old.key}")
                gone = raster_files(connection, old)
                remove_city(connection, old, state.registry)
            state.city = add_city(connection, state.city)
            for ready in state.ready:
                _insert(connection, state, ready)
            for ready in state.ready:
                layer = state.registry.layers[ready.source.layer]
                ready.told.notes += dangling_nodes(connection, state.registry, layer, state.city, ready.staging)
            for raster in run.recipe.raster:
                _store(connection, state, raster)
            for name in dict.fromkeys(source.layer for source in run.recipe.source):
                connection.execute(text(f'ANALYZE {LAYER_SCHEMA}."{name}"'))
            state.steps("提交 committing")
    except BaseException:
        remove_raster_files(run.rasters, state.made)
        raise
    remove_raster_files(run.rasters, gone)


def _stopped(report: RecipeReport) -> bool:
    return any(source.failed or source.refused for source in report.sources.values())


def _check(connection: Connection, state: _State, source: Source, opened: Opened, staging: str) -> None:
    """Reads one source into its staging table and judges its rows; what is wrong with it never hides the next source."""
    started = time.perf_counter()
    told = ImportReport("", source.layer, state.city.key)
    state.report.sources[source.key] = told
    state.steps(f"检查{source.title.zh} checking {source.key}")
    layer = state.registry.layers[source.layer]
    try:
        prepared = prepare(layer, state.city, source, opened, state.counters, lambda *_: None)
    except FileFault as fault:
        told.file = "、".join(source.files)
        told.fail(fault)
        return
    told.file = "、".join(prepared.gathered.files)
    stage(connection, layer, prepared.table, lambda *_: None, staging)
    earlier = state.staged.setdefault(source.layer, [])
    drawn = staged_faults(connection, layer, state.city, staging, earlier)
    texts = wkt_of(prepared.gathered.shapes, [fault.row for fault in drawn if fault.field == "geometry"])
    prepared.book.add(
        dataclasses.replace(fault, value=texts.get(fault.row, fault.value)) if fault.field == "geometry" else fault for fault in drawn
    )
    bad = _tell(prepared, told)
    if not told.refused:
        drop_staged(connection, bad, staging)
    earlier.append(staging)
    told.seconds = round(time.perf_counter() - started, 3)
    state.ready.append(_Ready(source, staging, told, tuple(prepared.gathered.files)))


def _tell(prepared: Prepared, told: ImportReport) -> list[int]:
    """Enters a checked source into its report and returns its bad rows."""
    bad, refused = prepared.judge()
    told.read, told.passed_over = prepared.gathered.read, prepared.gathered.passed_over
    told.repaired = prepared.repaired_rows
    told.notes += prepared.notes
    told.add(prepared.told())
    if refused:
        told.refused = len(bad)
    else:
        told.set_aside = len(bad)
    return bad


def _insert(connection: Connection, state: _State, ready: _Ready) -> None:
    started = time.perf_counter()
    source, told, layer = ready.source, ready.told, state.registry.layers[ready.source.layer]
    state.steps(f"装入{source.title.zh} loading {source.key}（{told.read - told.passed_over - told.set_aside}）")
    told.written = insert_staged(connection, state.registry, layer, state.city, staging=ready.staging)
    strangers = staged_strangers(connection, state.city, ready.staging)
    if strangers:
        listed = "、".join(f"{name}（{number}）" for name, number in strangers[:8])
        told.notes.append(f"没有名为这些的区域，归全市：{listed} / no area bears these names, the rows belong to the city")
    told.seconds = round(told.seconds + time.perf_counter() - started, 3)
    dataset = Dataset(
        source.key, "layer", source.title.zh, source.title.en, layer=layer.id, recipe=state.run.recipe.id, files=ready.files,
        read=told.read, written=told.written, set_aside=told.set_aside, repaired=told.repaired,
        extent=staged_extent(connection, ready.staging), metadata={"passed_over": told.passed_over, "rules": told.rules},
        seconds=told.seconds,
    )  # fmt: skip
    record_dataset(connection, state.city, _from(dataset, source.origin or state.run.recipe.origin))


def _from(dataset: Dataset, origin: Origin) -> Dataset:
    return dataclasses.replace(
        dataset, source=origin.publisher, source_url=origin.url, licence=origin.licence, attribution=origin.attribution
    )


def _store(connection: Connection, state: _State, raster: RasterSource) -> None:
    """Stores a raster under a new name; the city that is replaced keeps its own until the commit."""
    state.steps(f"栅格{raster.title.zh} raster {raster.key}")
    name = f"{state.city.key}/{raster.key}-{uuid.uuid4().hex[:8]}.tif"
    state.made.append(name)
    source = state.run.folder / raster.file
    made = store_raster(source, state.run.rasters / name, crs=raster.crs, envelope=state.city.bbox, variable=raster.variable)
    state.report.notes += [f"{raster.key}：{note}" for note in made.notes]
    metadata = {
        "width": made.width, "height": made.height, "bands": made.bands, "dtype": made.dtype, "crs": made.crs,
        "resolution_m": made.resolution_m, "nodata": made.nodata, "minimum": made.minimum, "maximum": made.maximum,
    }  # fmt: skip
    dataset = Dataset(
        raster.key, "raster", raster.title.zh, raster.title.en, recipe=state.run.recipe.id, files=(raster.file,), extent=made.bbox4490,
        path=name, metadata=metadata, seconds=made.seconds,
    )  # fmt: skip
    record_dataset(connection, state.city, _from(dataset, raster.origin or state.run.recipe.origin))
