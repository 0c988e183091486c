"""One source from its files to a checked table: fields filled, geometry converted and repaired, every broken rule gathered."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from data.checks import check_columns
from data.faults import FaultBook
from data.recipes.codes import Counters
from data.recipes.filling import fill_field, fill_text
from data.recipes.gather import Gathered, Told, gather
from data.recipes.model import Source
from data.recipes.opened import Opened
from data.recipes.repairs import CLEAR_VALUE, EQUAL_ROW, FIRST_OF_DUPLICATES, FIRST_OF_EQUAL_ROWS, equal_rows, repair_shapes
from data.recipes.reshaping import reshape
from data.report import FileFault, RowFault
from data.suspicion import suspicion
from data.table import LayerTable
from layers.model import Layer
from spatial.cities import City

__all__ = ["Prepared", "prepare"]


@dataclass
class Prepared:
    """A source ready for the staging table.

    Attributes:
        book: what is broken and was not repaired; ``doubt`` speaks of the source as a whole.
        repaired: one entry per repair, with the old value.
    """

    source: Source
    layer: Layer
    table: LayerTable
    gathered: Gathered
    book: FaultBook
    repaired: list[RowFault]
    doubt: RowFault | None
    notes: list[str] = field(default_factory=list)

    def judge(self) -> tuple[list[int], bool]:
        """Returns the bad rows and whether they refuse the source: they do unless the recipe sets them aside."""
        bad = self.book.rows
        if self.doubt is not None:
            return bad, True
        soft = {EQUAL_ROW, "duplicate"} if FIRST_OF_DUPLICATES in self.source.repairs else {EQUAL_ROW}
        hard = {fault.row for fault in self.book.faults if fault.rule not in soft}
        return bad, bool(hard) and not self.source.sets_aside

    def told(self) -> list[RowFault]:
        """Returns faults and repairs by file and row; a repaired row that is bad all the same is told as bad only."""
        bad = set(self.book.rows)
        found = [*self.book.faults, *(fault for fault in self.repaired if fault.row not in bad)]
        ordered = [self.gathered.located(fault) for fault in sorted(found, key=lambda fault: fault.row)]
        return ordered + ([self.gathered.located(self.doubt)] if self.doubt else [])

    @property
    def repaired_rows(self) -> int:
        """Rows that came in repaired."""
        return len({fault.row for fault in self.repaired} - set(self.book.rows))


def prepare(
    layer: Layer, city: City, source: Source, opened: Opened, counters: dict[tuple[str, str], Counters], progress: Told
) -> Prepared:
    """Reads, fills and checks a source; what needs the database is checked after staging.

    Args:
        opened: the files of the run.
        counters: running numbers by layer and field, kept from source to source of a recipe.

    Raises:
        FileFault: a file as a whole cannot be taken, or a constant of the recipe does not fit its field.
    """
    gathered = gather(layer, source, opened, progress)
    notes = list(gathered.notes)
    doubt = suspicion(gathered.shapes, gathered.placed, gathered.system, city)
    placed, mended = repair_shapes(source.repairs, layer, city, reshape(source.geometry, gathered.placed))
    repeated = equal_rows(gathered.columns, gathered.shapes) if FIRST_OF_EQUAL_ROWS in source.repairs else []
    book = FaultBook([*gathered.faults, *repeated], _targets(source))
    columns = _columns(layer, source, gathered, counters, book, notes)
    names = None
    if source.area_name is not None:
        names, unknown = fill_text(source.area_name, gathered.columns, len(gathered), notes)
        if unknown:
            number, first = len(unknown), unknown[0].value
            notes.append(f"{number} 行没有写明所属区域，归全市（如“{first}”） / {number} rows name no area and belong to the city")
    table = LayerTable(layer.id, columns, np.asarray(placed, dtype=object), area_names=names)
    book.add(check_columns(layer, city, table))
    repaired = [*gathered.repaired, *mended]
    if CLEAR_VALUE in source.repairs:
        repaired += _clear_values(layer, columns, book)
    doubt = doubt if doubt is not None and not any(fault.repair == "swap_lat_lon" for fault in mended) else None
    return Prepared(source, layer, table, gathered, book, repaired, doubt, notes)


def _targets(source: Source) -> dict[str, list[str]]:
    """Fields by the column that fills them, to tell a cell that could not be read only once."""
    found: dict[str, list[str]] = {}
    for key, filling in source.fields.items():
        if filling.column is not None:
            found.setdefault(filling.column, []).append(key)
    return found


def _columns(
    layer: Layer, source: Source, gathered: Gathered, counters: dict[tuple[str, str], Counters], book: FaultBook, notes: list[str]
) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {}
    for key, filling in source.fields.items():
        counter = counters.setdefault((layer.id, key), {})
        columns[key], faults = fill_field(key, layer.fields[key], filling, gathered.columns, len(gathered), counter, notes)
        if faults and filling.constant is not None:
            raise FileFault(faults[0].rule, f"配方 {key}：{faults[0].zh}", f"recipe {key}: {faults[0].en}", key, faults[0].value)
        book.add(faults)
    return columns


def _clear_values(layer: Layer, columns: dict[str, list[Any]], book: FaultBook) -> list[RowFault]:
    """Empties values that break a rule where the field may be empty."""
    cleared = []
    for fault in book.faults:
        attribute = layer.fields.get(fault.field)
        if attribute is None or attribute.required or attribute.unique or fault.rule == "duplicate":
            continue
        columns[fault.field][fault.row - 1] = None
        zh, en = f"已按 {CLEAR_VALUE} 清空：{fault.zh}", f"emptied by {CLEAR_VALUE}: {fault.en}"
        cleared.append(dataclasses.replace(fault, zh=zh, en=en, repair=CLEAR_VALUE))
    book.forgive(cleared)
    return cleared
