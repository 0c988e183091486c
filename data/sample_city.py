"""Loading the sample city: child processes make its towns, COPY brings them into their tables, all or nothing.

The rows need no staging: their maker knows the area and the grid of each, a child checks them by the rules of their layer, and
the CHECK constraints of the tables, the geometry gate among them, stay in force.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import psycopg2
from psycopg2 import errors, sql
from sqlalchemy import Connection, Engine, text

from data.bulk import indexes_after_load
from data.making import LayerFile, MakingFailed, Order, towns_made
from data.sample.city import DEFAULT_SEED, KEY, city_row, title_of
from data.sample.place import Town
from data.sample.sizes import city_size
from data.sample_records import Tally, record_layer, store_terrain
from layers.catalogue import Registry
from layers.model import Layer
from spatial.cities import City, CityError, add_city, city_by_key, city_or_none, remove_city
from spatial.datasets import Dataset, raster_files, record_dataset, remove_raster_files
from spatial.streams import STREAM_SCHEMA, add_months
from spatial.tables import LAYER_SCHEMA

__all__ = ["SAMPLE_KEY", "SampleMade", "interruptible", "make_sample", "remove_sample"]

SAMPLE_KEY = KEY
MOST_WORKERS = 4
READ_BYTES = 1 << 18

Progress = Callable[[str, int, int], None]
Result = TypeVar("Result")


@dataclass
class SampleMade:
    """Rows by layer, and where the seconds went; what is made while the database loads counts as loading."""

    rows: dict[str, int] = field(default_factory=dict)
    making_seconds: float = 0.0
    loading_seconds: float = 0.0
    indexing_seconds: float = 0.0


def make_sample(
    engine: Engine,
    registry: Registry,
    *,
    size: str,
    profile: str,
    report: Callable[[str], None],
    rasters: Path,
    seed: int | None = None,
    progress: Progress = lambda *_: None,
) -> SampleMade:
    """Makes the sample city and loads it in one transaction.

    Args:
        engine: of the owner.
        registry: the layers.
        size: S, M or L.
        profile: of the codes.
        report: hears every step.
        rasters: the raster folder, for the terrain.
        seed: another city; the same seed makes the same rows.
        progress: hears stage, done and total.

    Raises:
        CityError: there is a sample city already.
        BilingualError: unknown size or profile, or a row that breaks a rule (then the generator is wrong).
    """
    chosen = DEFAULT_SEED if seed is None else seed
    row = city_row(profile, size, chosen)
    with engine.begin() as connection:
        if city_or_none(connection, SAMPLE_KEY) is not None:
            raise CityError("city", SAMPLE_KEY, "已有示范城市；请先运行 wanmi sample remove", "there is a sample city; remove it first")
        report(f"生成示范城市 {size} making the sample city")
        order = Order(size, chosen, add_city(connection, City(**row)))
        load = _Load(connection, registry, order, report, progress, rasters)
        try:
            made = interruptible(connection, load.run, load.stopped)
        except BaseException:
            remove_raster_files(rasters, load.written)
            raise
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # counts read the index alone only where VACUUM has marked the pages: the city page of L 1 s, else more than 10 s
        report("整理统计信息 vacuuming and analysing")
        for name in made.rows:
            connection.execute(text(f"VACUUM (ANALYZE) {_table(registry, name)}"))
    return made


def _table(registry: Registry, name: str) -> str:
    """Returns the quoted table of a layer or a stream."""
    return f'{LAYER_SCHEMA if name in registry.layers else STREAM_SCHEMA}."{name}"'


def interruptible(connection: Connection, work: Callable[[], Result], stopped: threading.Event) -> Result:
    """Runs work that sits in the database for long, so that a signal ends it at once: the driver does not see signals."""
    driver = connection.connection.driver_connection
    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(work)
        try:
            return done.result()
        except BaseException:
            stopped.set()
            if driver is not None and not done.done():
                driver.cancel()
            raise


class _Load:
    """One load: towns in order, files into tables, then the indexes."""

    def __init__(
        self,
        connection: Connection,
        registry: Registry,
        order: Order,
        report: Callable[[str], None],
        progress: Progress,
        rasters: Path,
    ) -> None:
        self.connection, self.registry, self.order = connection, registry, order
        self.report, self.progress, self.rasters = report, progress, rasters
        self.tallies: dict[str, Tally] = {}
        self.written: list[str] = []
        self.made = SampleMade()
        self.stopped = threading.Event()
        self._open: set[str] = set()
        self._done, self._indexing = 0, ""
        columns, rows = city_size(order.size).lattice
        self._towns = columns * rows

    def run(self) -> SampleMade:
        """Loads everything.

        Raises:
            BilingualError: with the reason; the transaction is lost then.
        """
        try:
            self._load()
        except (psycopg2.IntegrityError, psycopg2.DataError) as error:
            rule = error.diag.constraint_name or error.diag.message_primary or type(error).__name__
            where = f"{error.diag.table_name} {rule}"
            raise MakingFailed(f"示范城市不合规则：{where}", f"the sample city breaks a rule: {where}") from None
        except errors.DiskFull:
            raise MakingFailed("数据库磁盘已满；什么都没有写入", "the database's disk is full; nothing was written") from None
        except psycopg2.OperationalError:
            zh, en = "数据库连接中断或操作被取消；什么都没有写入", "the database is away or was told to stop; nothing was written"
            raise MakingFailed(zh, en) from None
        return self.made

    def _load(self) -> None:
        clock = time.monotonic()
        workers = max(1, min(os.cpu_count() or 1, MOST_WORKERS, self._towns))
        # the terrain is made while the database builds its indexes
        with ThreadPoolExecutor(1) as aside, ExitStack() as indexes:
            with closing(towns_made(self.order, workers, self.stopped)) as towns:
                for town, files in towns:
                    self.made.making_seconds += time.monotonic() - clock
                    clock = time.monotonic()
                    self._town(town, files, indexes)
                    self.made.loading_seconds += time.monotonic() - clock
                    clock = time.monotonic()
                    self.progress("towns", town.number, self._towns)
            self.progress("indexes", 0, len(self._open))
            terrain = aside.submit(self._terrain)
        self._record(terrain.result())
        self.made.indexing_seconds = time.monotonic() - clock

    def _terrain(self) -> Dataset:
        made = store_terrain(self.order, self.rasters)
        self.written.append(str(made.path))
        return made

    def _record(self, terrain: Dataset) -> None:
        for name, tally in self.tallies.items():
            record_layer(self.connection, self.order, self.registry.layers.get(name) or self.registry.streams[name], tally)
        record_dataset(self.connection, self.order.city, terrain)

    def _town(self, town: Town, files: Iterator[LayerFile], indexes: ExitStack) -> None:
        if self._towns > 1:
            self.report(f"装入组团 {town.title} loading town {town.number}/{self._towns}")
        for file in files:
            if self._towns == 1:
                self._tell(file)
            began = time.monotonic()
            self._copy(file, indexes)
            self.tallies.setdefault(file.layer, Tally()).add(file, time.monotonic() - began)
            self.made.rows[file.layer] = self.tallies[file.layer].rows

    def _tell(self, file: LayerFile) -> None:
        known = self.registry.layers.get(file.layer) or self.registry.streams[file.layer]
        self.report(f"装入{known.title.zh} loading {known.title.en.lower()}（{file.rows}）")

    def _copy(self, file: LayerFile, indexes: ExitStack) -> None:
        """Copies a file; the first one of a layer decides whether its indexes stay."""
        cursor = self.connection.connection.cursor()
        if file.span is not None:
            add_months(self.connection, self.registry.streams[file.layer], *file.span)
        elif file.layer not in self._open:
            self._open.add(file.layer)
            layer = self.registry.layers[file.layer]
            indexes.callback(self._indexed)
            indexes.enter_context(indexes_after_load(self.connection, layer, file.rows * self._towns, partial(self._told, layer)))
        schema = STREAM_SCHEMA if file.span is not None else LAYER_SCHEMA
        columns = sql.SQL(", ").join(map(sql.Identifier, file.columns))
        with file.path.open(encoding="utf-8") as rows:
            statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(schema, file.layer), columns)
            cursor.copy_expert(statement, rows, READ_BYTES)

    def _told(self, layer: Layer, _index: str) -> None:
        if self._indexing != layer.id:
            self._indexing = layer.id
            self.report(f"建索引 {layer.title.zh} indexing {layer.title.en.lower()}")

    def _indexed(self) -> None:
        self._done += 1
        self.progress("indexes", self._done, len(self._open))


def remove_sample(engine: Engine, registry: Registry, report: Callable[[str], None], rasters: Path, size: str | None = None) -> int:
    """Deletes the sample city and gives its ground back to the disk; returns how many rows went.

    Rows go by DELETE, which every later log of changes sees (TRUNCATE would pass it by); it touches no index, so a million
    rows take about a second. A table that is empty afterwards is written anew by VACUUM FULL, which takes no time then and
    leaves fresh indexes; others are vacuumed.

    Raises:
        CityError: there is no sample city, or one of another size.
    """
    with engine.begin() as connection:
        city = city_by_key(connection, SAMPLE_KEY)
        if size is not None and city.title_en != title_of(city_size(size))[1]:
            raise CityError("size", size, f"现有的是“{city.title_zh}”", f"the one that is here is {city.title_en!r}")
        report("删除示范城市 removing the sample city")
        terrain = raster_files(connection, city)
        gone = interruptible(connection, lambda: remove_city(connection, city, registry), threading.Event())
    remove_raster_files(rasters, terrain)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        report("归还磁盘空间 giving the disk space back")
        for name in [*registry.layers, *registry.streams]:
            table = _table(registry, name)
            empty = connection.scalar(text(f"SELECT NOT EXISTS (SELECT FROM {table})"))  # noqa: S608 (a registry's name)
            connection.execute(text(f"VACUUM ({'FULL, ' if empty else ''}ANALYZE) {table}"))
    return gone
