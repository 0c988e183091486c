"""Import of one file into one layer of one city: read, map, convert, check, write.

One transaction: all rows, the good rows by choice, or none. Nothing is repaired: a row that breaks a rule is named with
field, value and rule. A file whose every place lies outside the city is refused when another reading of it would bring the
places in (data.suspicion): then it is the file that says something wrong, not its rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import psycopg2
from psycopg2 import errors as driver_errors
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from data.checks import check_columns
from data.faults import FaultBook
from data.loading import Progress, dangling_nodes, insert_staged, stage, staged_extent, staged_faults, staged_outside
from data.mapping import FieldMap, match_fields
from data.readers.launch import read_file
from data.readers.raw import RawTable
from data.report import FileFault, ImportReport, RowFault
from data.shapes import check_datum, datum_note, shapes_of, storage_shapes, system_of, wkt_of
from data.suspicion import suspicion
from data.table import LayerTable
from data.values import convert_column
from layers.catalogue import Registry
from layers.model import Layer
from spatial.cities import City, CityError, cities, city_by_key
from spatial.datasets import Dataset, record_dataset
from spatial.rights.held import right_of
from spatial.tables import LAYER_SCHEMA

__all__ = ["Also", "ImportSource", "OnBad", "database_fault", "import_file", "layer_of", "silent"]

OnBad = Literal["refuse", "set_aside"]
# What else is to be written in the transaction of an import, e.g. its row of the audit log.
Also = Callable[[Connection, ImportReport], None]


@dataclass(frozen=True, slots=True)
class ImportSource:
    """One file and what the person says about it.

    Attributes:
        mapping: (column of the file, field of the layer).
        constants: (field of the layer, value) for every row.
        datum: ``cgcs2000``, ``gcj02`` or ``bd09``; the last two are converted (spatial.datum).
        on_bad: ``refuse`` the file when a row breaks a rule, or ``set_aside`` such rows and write the others.
        dry_run: check everything, write nothing.
        publisher, licence, title: what the list of datasets says of it.
        file: the name by which people know the file, where it lies under another one.
    """

    path: Path
    layer: str
    mapping: Sequence[tuple[str, str]] = ()
    constants: Sequence[tuple[str, str]] = ()
    x: str | None = None
    y: str | None = None
    crs: str | None = None
    datum: str | None = None
    encoding: str | None = None
    source_layer: str | None = None
    on_bad: OnBad = "refuse"
    dry_run: bool = False
    publisher: str | None = None
    licence: str | None = None
    title: str | None = None
    file: str | None = None

    @property
    def known_as(self) -> str:
        """The name that reports and the list of datasets give the file."""
        return self.file or self.path.name


def nothing_else(connection: Connection, report: ImportReport) -> None:
    """Writes nothing else."""


def silent(stage_name: str, done: int, total: int) -> None:
    """Reports no progress."""


def import_file(
    engine: Engine,
    registry: Registry,
    city_key: str | None,
    source: ImportSource,
    progress: Progress = silent,
    also: Also = nothing_else,
    account: int | None = None,
) -> ImportReport:
    """Imports a file; whatever is wrong stands in the report, ``report.exit_code`` sums it up.

    Args:
        city_key: None = the only city there is.
        progress: told the stage (``read``, ``values``, ``copy``, ``check``, ``insert``), how far, and of how much.
        also: called when rows were written, within their transaction.
        account: who imports and whose right holds; None = the system.
    """
    started = time.perf_counter()
    report = ImportReport(source.known_as, source.layer, city_key or "")
    try:
        _import(engine, registry, city_key, source, progress, also, report, account)
    except FileFault as fault:
        if fault.value in (source.path.name, str(source.path)):
            fault.value = source.known_as
        report.fail(fault)
    except CityError as error:
        report.fail(FileFault("city", error.zh, error.en, field="city", value=str(error.value)))
    except (psycopg2.Error, SQLAlchemyError) as error:
        report.written = 0
        report.fail(database_fault(error))
    report.seconds = round(time.perf_counter() - started, 3)
    return report


def _import(
    engine: Engine,
    registry: Registry,
    city_key: str | None,
    source: ImportSource,
    progress: Progress,
    also: Also,
    report: ImportReport,
    account: int | None,
) -> None:
    layer = layer_of(registry, source.layer)
    with engine.connect() as connection:
        if account is not None:
            _check_right(connection, registry, layer, account)
        city = city_by_key(connection, city_key) if city_key else _only_city(connection)
    report.city = city.key
    datum = check_datum(source.datum)
    progress("read", 0, 1)
    raw = read_file(source.path, encoding=source.encoding, source_layer=source.source_layer, x=source.x, y=source.y)
    progress("read", 1, 1)
    report.notes += raw.notes
    fields = match_fields(layer, list(raw.columns), source.mapping, source.constants, raw.used)
    _note_mapping(report, fields)
    if not raw.placed and not layer.geometry_optional:
        raise FileFault(
            "coordinate_column",
            f"没有找到坐标列；请用 --x、--y 指明。文件有：{'、'.join(raw.columns)}",
            f"no coordinate columns found; name them with --x and --y. The file has: {', '.join(raw.columns)}",
            field="x, y",
        )
    shapes, broken_shapes = shapes_of(layer, raw)
    system = system_of(raw, source.crs, shapes, report.notes)
    placed = storage_shapes(shapes, system, datum)
    if datum != "cgcs2000":
        report.notes.append(datum_note(datum, storage_shapes(shapes, system), placed))
    report.read = len(raw)
    found = FaultBook(raw.faults, _targets(fields))
    found.add(broken_shapes)
    table = LayerTable(layer.id, _columns(layer, city, raw, fields, found, progress), placed)
    found.add(check_columns(layer, city, table))
    doubt = suspicion(shapes, placed, system, city)
    with engine.begin() as connection:
        stage(connection, layer, table, progress)
        progress("check", 0, 1)
        staged = staged_faults(connection, layer, city)
        drawn = wkt_of(shapes, [fault.row for fault in staged if fault.rule.startswith("geometry_")])
        if account is not None:
            staged += staged_outside(connection, registry, layer, city, account)
        found.add(replace(fault, value=drawn.get(fault.row, fault.value)) if fault.field == "geometry" else fault for fault in staged)
        progress("check", 1, 1)
        _write(connection, registry, layer, city, source, found.faults, doubt, report, progress, also, account)


def _write(
    connection: Connection,
    registry: Registry,
    layer: Layer,
    city: City,
    source: ImportSource,
    faults: list[RowFault],
    doubt: RowFault | None,
    report: ImportReport,
    progress: Progress,
    also: Also,
    account: int | None,
) -> None:
    """Writes the staged rows or none; a refused or tried import never reaches the table, so it uses up no id."""
    bad = sorted({fault.row for fault in faults})
    report.add(sorted(faults, key=lambda fault: fault.row) + ([doubt] if doubt else []))
    if bad and (source.on_bad == "refuse" or doubt):
        report.refused = len(bad)
        return
    report.set_aside = len(bad)
    good = report.read - len(bad)
    if source.dry_run:
        report.notes.append(f"试运行：可写入 {good} 行，未写入 / dry run: {good} rows could be written, none was")
        return
    progress("insert", 0, good)
    started = time.perf_counter()
    report.written = insert_staged(connection, registry, layer, city, bad, account=account)
    report.notes += dangling_nodes(connection, registry, layer, city)
    seconds = round(time.perf_counter() - started, 3)
    record_dataset(connection, city, _dataset(layer, source, report, staged_extent(connection), seconds))
    connection.execute(text(f'ANALYZE {LAYER_SCHEMA}."{layer.id}"'))
    also(connection, report)
    progress("insert", good, good)


def _check_right(connection: Connection, registry: Registry, layer: Layer, account: int) -> None:
    """Refuses a layer that the account may edit nowhere; one that it may not even read is as good as not there."""
    right = right_of(connection, account)
    if not right.may("read", layer):
        layer_of(Registry(registry.groups, {item.id: item for item in registry if right.may("read", item)}), layer.id)
    if not right.may("edit", layer):
        raise FileFault(
            "right", f"您没有编辑图层“{layer.title.zh}”的权限", f"you may not edit the layer {layer.id!r}", field="layer", value=layer.id
        )


def _dataset(
    layer: Layer, source: ImportSource, report: ImportReport, extent: tuple[float, float, float, float] | None, seconds: float
) -> Dataset:
    """The row that the list of datasets keeps of a single file; importing the same file again replaces it."""
    title = source.title or f"{layer.title.zh}（{source.known_as}）"
    return Dataset(
        f"{layer.id}-{source.known_as}", "layer", title, source.title or f"{layer.title.en} ({source.known_as})", layer=layer.id,
        source=source.publisher, licence=source.licence, files=(source.known_as,), read=report.read, written=report.written,
        set_aside=report.set_aside, extent=extent, seconds=seconds,
    )  # fmt: skip


def _targets(fields: FieldMap) -> dict[str, list[str]]:
    targets: dict[str, list[str]] = {}
    for target, column in fields.sources.items():
        targets.setdefault(column, []).append(target)
    return targets


def layer_of(registry: Registry, name: str) -> Layer:
    """Returns a layer by its id.

    Raises:
        FileFault: there is none.
    """
    layer = registry.get(name)
    if layer is not None:
        return layer
    listed = "、".join(f"{item.id}（{item.title.zh}）" for item in registry)
    raise FileFault(
        "layer",
        f"没有图层“{name}”；有：{listed}",
        f"there is no layer {name!r}; there are: {', '.join(item.id for item in registry)}",
        field="layer",
        value=name,
    )


def _only_city(connection: Connection) -> City:
    known = cities(connection)
    if len(known) == 1:
        return known[0]
    listed = "、".join(city.key for city in known) or "（无）"
    raise FileFault(
        "city",
        f"请用 --city 指明城市；已有：{listed}",
        f"name the city with --city; known: {listed}",
        field="city",
        value="",
    )


def _note_mapping(report: ImportReport, fields: FieldMap) -> None:
    pairs = "、".join(f"{column} → {field}" for field, column in fields.sources.items()) or "（无）"
    report.notes.append(f"字段对应：{pairs} / fields")
    if fields.unmapped:
        report.notes.append(f"没有导入的列：{'、'.join(fields.unmapped)} / columns not imported")


def _columns(layer: Layer, city: City, raw: RawTable, fields: FieldMap, found: FaultBook, progress: Progress) -> dict[str, list[Any]]:
    """Returns the values of every filled field in its type."""
    columns: dict[str, list[Any]] = {}
    total = len(fields.sources) + len(fields.constants)
    for key, column in fields.sources.items():
        columns[key], faults = convert_column(key, layer.fields[key], raw.columns[column])
        found.add(faults)
        progress("values", len(columns), total)
    for key, value in fields.constants.items():
        converted, faults = convert_column(key, layer.fields[key], [value])
        alone = LayerTable(layer.id, {key: converted}, np.array([None], dtype=object))
        faults += [fault for fault in check_columns(layer, city, alone) if fault.field == key]
        if faults:
            raise FileFault(faults[0].rule, f"--set {key}：{faults[0].zh}", f"--set {key}: {faults[0].en}", field=key, value=value)
        columns[key] = converted * len(raw)
        progress("values", len(columns), total)
    return columns


def database_fault(error: Exception) -> FileFault:
    """Returns a sentence of ours for what the database or its driver says."""
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, driver_errors.UniqueViolation):
        return FileFault(
            "conflict",
            "导入期间有人写入了相同的编码；什么都没有写入，请重试",
            "someone wrote the same codes meanwhile; nothing was written, try again",
        )
    if isinstance(cause, driver_errors.UndefinedTable | driver_errors.UndefinedColumn):
        return FileFault(
            "database",
            "数据库尚未升级；请运行 ./wanmi db upgrade",
            "the database is not upgraded; run ./wanmi db upgrade",
        )
    if isinstance(cause, driver_errors.DiskFull):
        return FileFault("disk", "数据库磁盘已满；什么都没有写入", "the database's disk is full; nothing was written")
    if isinstance(cause, psycopg2.OperationalError):
        return FileFault("database", "数据库连接中断或不可用；什么都没有写入", "the database is away; nothing was written")
    code = getattr(cause, "pgcode", None) or type(cause).__name__
    return FileFault("database", "数据库拒绝了写入；什么都没有写入", "the database refused; nothing was written", value=str(code))
