"""All files of one source as one table: found, read, placed, and cut to the rows that are meant."""

from __future__ import annotations

import dataclasses
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from data.readers.raw import RawTable
from data.recipes.codes import template_columns
from data.recipes.model import Conditions, Filling, Source
from data.recipes.opened import Opened, files_of
from data.recipes.repairs import CLOSE_RINGS
from data.report import FileFault, RowFault
from data.shapes import datum_note, shapes_of, storage_shapes, system_of
from layers.model import Layer
from spatial.crs import Source as System

__all__ = ["Gathered", "gather"]

Told = Callable[[str, int, int], None]


@dataclass
class Gathered:
    """Rows of all files of a source, in the order of the files; rows count from 1.

    Attributes:
        shapes, placed: geometries as the files have them and in EPSG:4490.
        origins: (file, row in the file) by row.
        read, passed_over: rows in the files, and those that the conditions leave out.
    """

    columns: dict[str, list[Any]]
    shapes: NDArray[Any]
    placed: NDArray[Any]
    system: System | None
    faults: list[RowFault]
    repaired: list[RowFault]
    files: list[str]
    starts: list[int]
    read: int
    kept: NDArray[np.int64]
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.kept)

    @property
    def passed_over(self) -> int:
        """Rows that are not meant."""
        return self.read - len(self.kept)

    def located(self, fault: RowFault) -> RowFault:
        """Returns a fault with the file and the row in it."""
        if not fault.row:
            return dataclasses.replace(fault, file=self.files[0] if len(self.files) == 1 else "")
        row = int(self.kept[fault.row - 1])
        number = bisect_right(self.starts, row) - 1
        return dataclasses.replace(fault, row=row - self.starts[number] + 1, file=self.files[number])


def gather(layer: Layer, source: Source, opened: Opened, progress: Told) -> Gathered:
    """Reads all files of a source.

    Raises:
        FileFault: a file cannot be taken as a whole; ``value`` or the sentence names it.
    """
    folder = opened.folder
    paths = files_of(source, folder)
    needed = sorted({column for name in _fillings(source) for column in _columns(name)} | set(source.where) | set(source.unless))
    parts: list[_Part] = []
    for number, path in enumerate(paths):
        progress("read", number, len(paths))
        try:
            parts.append(_read(layer, source, opened.read(source, path), needed))
        except FileFault as fault:
            name = path.relative_to(folder).as_posix()
            raise FileFault(fault.rule, f"{name}：{fault.zh}", f"{name}: {fault.en}", fault.field, fault.value, fault.row) from None
    progress("read", len(paths), len(paths))
    return _joined(source, [path.relative_to(folder).as_posix() for path in paths], parts)


@dataclass
class _Part:
    """One file."""

    raw: RawTable
    shapes: NDArray[Any]
    placed: NDArray[Any]
    system: System | None
    faults: list[RowFault]
    repaired: list[RowFault]
    notes: list[str]


def _fillings(source: Source) -> Iterable[Filling]:
    yield from source.fields.values()
    if source.area_name is not None:
        yield source.area_name


def _columns(filling: Filling) -> list[str]:
    if filling.template is not None:
        return template_columns(filling.template)
    return [filling.column] if filling.column is not None else []


def _read(layer: Layer, source: Source, raw: RawTable, needed: Sequence[str]) -> _Part:
    for column in needed:
        if column not in raw.columns:
            listed = "、".join(raw.columns)
            raise FileFault(
                "map_column", f"文件没有列“{column}”；有：{listed}", f"the file has no column {column!r}; it has: {listed}", column, column
            )
    if not raw.placed and not layer.geometry_optional:
        listed = "、".join(raw.columns)
        zh, en = f"没有找到坐标列；有：{listed}", f"no coordinate columns found; the file has: {listed}"
        raise FileFault("coordinate_column", zh, en, field="x, y")
    notes = list(raw.notes)
    shapes, faults = shapes_of(layer, raw)
    repaired: list[RowFault] = []
    if CLOSE_RINGS in source.repairs:
        repaired = _close_rings(raw, shapes, faults)
        faults = [fault for fault in faults if fault.rule != "geometry_closed"]
    system = system_of(raw, source.crs, shapes, notes)
    placed = storage_shapes(shapes, system, source.datum)
    if source.datum != "cgcs2000":
        notes.append(datum_note(source.datum, storage_shapes(shapes, system), placed))
    return _Part(raw, shapes, placed, system, faults, repaired, notes)


def _close_rings(raw: RawTable, shapes: NDArray[Any], faults: Sequence[RowFault]) -> list[RowFault]:
    repaired = []
    for fault in faults:
        if fault.rule == "geometry_closed":
            shapes[fault.row - 1] = shapely.from_wkb(raw.geometry[fault.row - 1], on_invalid="fix")
            zh, en = f"已按 {CLOSE_RINGS} 修复：{fault.zh}", f"repaired by {CLOSE_RINGS}: {fault.en}"
            repaired.append(dataclasses.replace(fault, zh=zh, en=en, repair=CLOSE_RINGS))
    return repaired


def _joined(source: Source, files: list[str], parts: list[_Part]) -> Gathered:
    names = list(dict.fromkeys(name for part in parts for name in part.raw.columns))
    starts, total = [], 0
    faults: list[RowFault] = []
    repaired: list[RowFault] = []
    for part in parts:
        starts.append(total)
        faults += [dataclasses.replace(fault, row=fault.row + total) for fault in [*part.raw.faults, *part.faults]]
        repaired += [dataclasses.replace(fault, row=fault.row + total) for fault in part.repaired]
        total += len(part.raw)
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for part in parts:
        for name in names:
            columns[name] += part.raw.columns[name] if name in part.raw.columns else [None] * len(part.raw)
    shapes, placed = (np.concatenate(pieces) for pieces in ([part.shapes for part in parts], [part.placed for part in parts]))
    kept = np.flatnonzero(_meant(source.where, columns, total, True) & _meant(source.unless, columns, total, False))
    found = Gathered(
        columns, shapes, placed, parts[0].system, faults, repaired, files, starts, total, kept,
        list(dict.fromkeys(note for part in parts for note in part.notes)),
    )  # fmt: skip
    if len(kept) < total:
        _cut(found)
        told = f"{total - len(kept)} 行不在配方所要的范围内，未导入 / {total - len(kept)} rows are not asked for"
        found.notes.append(told)
    return found


def _meant(conditions: Conditions, columns: dict[str, list[Any]], count: int, wanted: bool) -> NDArray[np.bool_]:
    """Rows for which every condition holds (``where``) or none does (``unless``)."""
    meant = np.ones(count, dtype=bool)
    for column, values in conditions.items():
        texts = {str(value).strip() for value in values}
        held = np.fromiter(((("" if cell is None else str(cell).strip()) in texts) for cell in columns[column]), bool, count)
        meant &= held if wanted else ~held
    return meant


def _cut(found: Gathered) -> None:
    """Leaves only the rows that are meant; faults of others go with them."""
    positions = found.kept.tolist()
    rows = {old + 1: new for new, old in enumerate(positions, 1)}
    found.columns = {name: [values[position] for position in positions] for name, values in found.columns.items()}
    found.shapes, found.placed = found.shapes[found.kept], found.placed[found.kept]
    found.faults = [dataclasses.replace(fault, row=rows[fault.row]) for fault in found.faults if fault.row in rows]
    found.repaired = [dataclasses.replace(fault, row=rows[fault.row]) for fault in found.repaired if fault.row in rows]
