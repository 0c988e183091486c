"""Towns of the sample city made by child processes while the database loads: each town goes through files ready for COPY.

At most a few towns are on their way at any moment, in memory or as files, however many a city has. Towns come back in their
order, so the same seed gives the same rows in the same order.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from data.bulk import as_array, copy_text, hilbert_order
from data.checks import check_columns
from data.sample.city import town_tables
from data.sample.divisions import CITY_PREFIX
from data.sample.place import Town
from data.sample.sizes import city_size, towns_of
from data.sample.world import World, make_world
from data.table import LayerTable
from grid_coding.errors import BilingualError
from layers.catalogue import Registry
from layers.catalogue import load as load_registry
from layers.model import Layer
from layers.stream import Stream
from spatial.cities import City

__all__ = ["LayerFile", "MakingFailed", "Order", "make_town", "towns_made"]

CHUNK = 20_000
Bounds = tuple[float, float, float, float]


class MakingFailed(BilingualError):
    """A child process could not make its town."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be made: size and seed, and the city's row it belongs to."""

    size: str
    seed: int
    city: City


@dataclass(frozen=True, slots=True)
class LayerFile:
    """The rows of one layer (or stream) of one town in COPY's text format.

    ``span`` are the first and last moments of a stream, ``bounds`` the extent in degrees, None where nothing has a place.
    """

    layer: str
    rows: int
    columns: tuple[str, ...]
    path: Path
    span: tuple[datetime, datetime] | None = None
    bounds: Bounds | None = None


def make_town(order: Order, town: Town, folder: Path) -> list[LayerFile]:
    """Makes one town and writes its rows, layer after layer.

    Raises:
        MakingFailed: a row breaks a rule of its layer (then the generator is wrong).
    """
    registry = load_registry()
    world = make_world(city_size(order.size), order.city.profile, town)
    files: list[LayerFile] = []
    for name, group in groupby(town_tables(world), key=lambda table: table.layer):
        path = folder / f"{town.number:02d}-{len(files):03d}-{name}.copy"
        files.append(_write(path, order.city, world, registry, name, list(group)))
    return files


def _write(path: Path, city: City, world: World, registry: Registry, name: str, tables: Sequence[LayerTable]) -> LayerFile:
    """Writes the tables of one layer in Hilbert order with area and grid codes."""
    layer = registry.layers.get(name) or registry.streams[name]
    table = _joined([_located(world, layer, table) for table in tables])
    _check(layer, city, table)
    placed = isinstance(layer, Layer) or layer.geometry is not None
    order = np.arange(len(table)) if isinstance(layer, Stream) else hilbert_order(table.geometry)
    columns = {key: as_array(values)[order] for key, values in table.columns.items()}
    table = LayerTable(name, columns, table.geometry[order], None, as_array(_known(table.area))[order])
    keys = [key for key in layer.fields if key in table.columns]
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for start in range(0, len(table), CHUNK):
            rows = slice(start, min(start + CHUNK, len(table)))
            leading = [[str(city.id)] * (rows.stop - rows.start), as_array(_known(table.area))[rows].tolist()]
            file.write(copy_text(layer.fields, table, leading, keys, rows, placed))
    span = _span(table.columns[layer.time]) if isinstance(layer, Stream) else None
    names = ("city", "area", *(("geom",) if placed else ()), *keys)
    west, south, east, north = shapely.total_bounds(table.geometry).tolist()
    return LayerFile(name, len(table), names, path, span, None if np.isnan(west) else (west, south, east, north))


def _span(moments: Any) -> tuple[datetime, datetime]:
    """Returns the first and the last of some moments in UTC."""
    ends = np.array([np.min(moments), np.max(moments)], dtype="datetime64[s]").tolist()
    first, last = (datetime.fromisoformat(f"{moment.isoformat()}+00:00") for moment in ends)
    return first, last


def _known(area: NDArray[np.object_] | None) -> NDArray[np.object_]:
    """Returns the area codes of a located table."""
    if area is None:
        raise ValueError("a table without area codes")
    return area


def _joined(tables: Sequence[LayerTable]) -> LayerTable:
    """Joins tables of one layer; a column that only some have is null in the others."""
    if len(tables) == 1:
        return tables[0]
    keys = list(dict.fromkeys(key for table in tables for key in table.columns))

    def column(table: LayerTable, key: str) -> NDArray[Any]:
        return as_array(table.columns[key]) if key in table.columns else np.full(len(table), None, dtype=object)

    return LayerTable(
        tables[0].layer,
        {key: np.concatenate([column(table, key) for table in tables]) for key in keys},
        np.concatenate([table.geometry for table in tables]),
        None,
        np.concatenate([as_array(_known(table.area)) for table in tables]),
    )


def _located(world: World, layer: Layer | Stream, table: LayerTable) -> LayerTable:
    """Gives rows the code of the community they lie in (else of the city), and empty grid codes theirs."""
    own_code = isinstance(layer, Layer) and layer.area == "own_code"
    coded = {key: field.code.kind for key, field in layer.fields.items() if field.code is not None and key not in table.columns}
    open_grids = [key for key, kind in coded.items() if kind == "grid"]
    area = as_array(table.columns[str(layer.code)]) if isinstance(layer, Layer) and own_code else table.area
    if area is not None and not open_grids:
        return replace(table, area=area)
    cell = world.cell_at(_places(table.geometry))
    d = world.divisions
    if area is None:
        codes = np.array([*d.community_code, CITY_PREFIX], dtype=object)
        area = codes[np.where(cell >= 0, d.cell_community[cell], len(d.community_code))]
        if table.area_names is not None:
            area = _told_area(world, table.area_names, cell, area)
    known = np.array([*d.cell_code.tolist(), None], dtype=object)
    columns = {**table.columns, **dict.fromkeys(open_grids, known[cell])}
    return replace(table, columns=columns, area=area)


def _told_area(world: World, names: Sequence[str | None], cell: NDArray[np.int64], area: NDArray[np.object_]) -> NDArray[np.object_]:
    """Gives what has no place the code of the district, street or community that it names."""
    d = world.divisions
    levels = ((d.community_name, d.community_code), (d.street_name, d.street_code), (d.district_name, d.district_code))
    code_of = {name: code for told, codes in levels for name, code in zip(told, codes, strict=True)}
    lost = np.flatnonzero(cell < 0).tolist()
    area[lost] = [code_of.get(names[row] or "", area[row]) for row in lost]
    return area


def _places(geometry: NDArray[np.object_]) -> NDArray[np.object_]:
    """Returns a point for each geometry: itself, the middle of a line, a point inside an area."""
    places = geometry.copy()
    dimension = shapely.get_dimensions(geometry)
    lines, areas = dimension == 1, dimension == 2
    places[lines] = shapely.line_interpolate_point(shapely.get_geometry(geometry[lines], 0), 0.5, normalized=True)
    places[areas] = shapely.point_on_surface(geometry[areas])
    return places


def _check(layer: Layer | Stream, city: City, table: LayerTable) -> None:
    """Refuses what the layer's rules refuse, and places outside the city's envelope; the database checks each row again."""
    if isinstance(layer, Layer):
        for fault in check_columns(layer, city, table)[:1]:
            where = f"{layer.id} {fault.row} {fault.field}={fault.value!r}"
            raise MakingFailed(f"示范城市不合规则：{where}：{fault.zh}", f"the sample city breaks a rule: {where}: {fault.en}")
        wrong = np.flatnonzero(~_fits(layer, table.geometry))
        if len(wrong):
            where = f"{layer.id} {wrong[0] + 1} {table.geometry[wrong[0]].geom_type} {shapely.is_valid_reason(table.geometry[wrong[0]])}"
            raise MakingFailed(f"示范城市的几何不合规则：{where}", f"a geometry of the sample city breaks a rule: {where}")
    bounds = shapely.total_bounds(table.geometry)
    west, south, east, north = city.bbox
    if not np.isnan(bounds[0]) and (bounds[0] < west or bounds[1] < south or bounds[2] > east or bounds[3] > north):
        where = f"{layer.id} {bounds.tolist()}"
        raise MakingFailed(f"示范城市的{where}超出城市范围", f"the sample city reaches beyond its envelope: {where}")


def _fits(layer: Layer, geometry: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Tells which geometries are of the layer's types, not empty and valid, or may be missing."""
    kinds = [shapely.GeometryType[kind.upper()].value for kind in layer.geometry]
    good = np.isin(shapely.get_type_id(geometry), kinds) & ~shapely.is_empty(geometry) & shapely.is_valid(geometry)
    return np.asarray(good | (shapely.is_missing(geometry) & layer.geometry_optional), dtype=bool)


def towns_made(order: Order, workers: int, stopped: threading.Event) -> Generator[tuple[Town, Iterator[LayerFile]]]:
    """Yields every town in order with its files; a file is gone when the next is asked for.

    Args:
        order: what is to be made.
        workers: child processes; each is one town ahead.
        stopped: ends the making when set.

    Raises:
        MakingFailed: a child broke a rule or died.
    """
    with TemporaryDirectory(prefix="wanmi-sample-") as name, _children(workers, Path(name)) as children:
        coming = iter(towns_of(city_size(order.size), order.seed))
        ahead: deque[tuple[Town, Future[_Outcome]]] = deque()

        def ask() -> None:
            for town in coming:
                ahead.append((town, children.submit(_attempt, order, town, Path(name))))
                break

        for _ in range(workers):
            ask()
        while ahead:
            town, made = ahead.popleft()
            files = _result(made, stopped)
            ask()
            yield town, _consumed(files)


_Outcome = list[LayerFile] | tuple[str, str]


def _attempt(order: Order, town: Town, folder: Path) -> _Outcome:
    """Makes a town in a child; a foreseen error goes back as its two sentences (exceptions with such arguments do not pickle)."""
    try:
        return make_town(order, town, folder)
    except BilingualError as error:
        return error.zh, error.en


def _result(made: Future[_Outcome], stopped: threading.Event) -> list[LayerFile]:
    while not stopped.is_set():
        try:
            outcome = made.result(timeout=0.5)
        except TimeoutError:
            continue
        except BrokenProcessPool:
            zh, en = "生成示范城市的子进程意外结束（内存不足？）", "a process that makes the sample city died (out of memory?)"
            raise MakingFailed(zh, en) from None
        if isinstance(outcome, tuple):
            raise MakingFailed(*outcome)
        return outcome
    raise MakingFailed("已中断", "stopped")


def _consumed(files: Iterable[LayerFile]) -> Iterator[LayerFile]:
    for file in files:
        yield file
        file.path.unlink()


@contextmanager
def _children(workers: int, folder: Path) -> Iterator[ProcessPoolExecutor]:
    """Keeps child processes for making; they end at once when the block is left early, or when this process dies."""
    before = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(folder,))
    whole = False
    try:
        yield pool
        whole = True
    finally:
        if not whole:
            for child in set(multiprocessing.active_children()) - before:
                child.terminate()
        pool.shutdown(cancel_futures=True)


def _begin(folder: Path) -> None:
    """Leaves signals to the parent, which ends its children itself; a child whose parent was killed clears up and goes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def watch() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            shutil.rmtree(folder, ignore_errors=True)
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
