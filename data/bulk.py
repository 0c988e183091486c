"""Loading many rows at once: rows as COPY text in Hilbert order, secondary indexes built after the load.

Measured on two cores (``python -m bench.sample``): COPY of components straight into their table with its CHECK constraints
takes 240 000 rows/s without secondary indexes and 37 000 with them; building all of them afterwards takes 5 µs a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection

from data.table import LayerTable
from layers.model import Attribute, AttributeType, Layer
from spatial.tables import LAYER_SCHEMA, STORAGE_SRID

__all__ = ["as_array", "copy_text", "hilbert_order", "indexes_after_load", "texts"]

NULL = r"\N"
ESCAPES = (("\\", r"\\"), ("\t", r"\t"), ("\n", r"\n"), ("\r", r"\r"))
FEWEST_ROWS = 10_000  # fewer rows do not pay for building indexes anew
HILBERT_LEVEL = 16


@dataclass(frozen=True, slots=True)
class _Index:
    """An index or unique constraint: the statement that takes it away, the one that makes the same again."""

    name: str
    drop: str
    create: str


@contextmanager
def indexes_after_load(
    connection: Connection, layer: Layer, coming_rows: int, told: Callable[[str], None] = lambda _: None
) -> Iterator[None]:
    """Takes the secondary indexes and unique constraints of a layer away and builds the same again at the end of the block.

    Only when more rows come than the table holds; otherwise the indexes stay. The primary key stays always. All of it is part
    of the caller's transaction: after an error the indexes are as they were. Readers of the table wait until its end.

    Args:
        connection: with the transaction that loads.
        layer: whose table is loaded.
        coming_rows: how many rows the block brings, or at least brings.
        told: hears the name of each index before it is built.
    """
    cursor = connection.connection.cursor()
    table = f'"{LAYER_SCHEMA}"."{layer.id}"'
    taken: list[_Index] = []
    if coming_rows >= FEWEST_ROWS and _held(cursor, table, coming_rows) < coming_rows:
        taken = _secondary(cursor, table)
        for index in taken:
            cursor.execute(index.drop)
    yield
    if taken:
        _give_memory(cursor)
    for index in taken:
        told(index.name)
        cursor.execute(index.create)


def _held(cursor: Any, table: str, most: int) -> int:
    """Counts the rows of a table as far as a number."""
    cursor.execute(f"SELECT count(*) FROM (SELECT FROM {table} LIMIT %s) held", (most,))  # noqa: S608 (a quoted identifier)
    return int(cursor.fetchone()[0])


def _secondary(cursor: Any, table: str) -> list[_Index]:
    """Returns the indexes of a table that nothing else hangs on, as the database itself writes them."""
    cursor.execute(
        """
        SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid), quote_ident(c.conname), pg_get_constraintdef(c.oid)
        FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.conrelid = i.indrelid AND c.contype IN ('u', 'x')
        WHERE i.indrelid = %s::regclass AND NOT i.indisprimary AND i.indisvalid
          AND NOT EXISTS (SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.conindid = i.indexrelid)
        ORDER BY i.indexrelid
        """,
        (table,),
    )
    found = []
    for index, made, constraint, rule in cursor.fetchall():
        if constraint is None:
            found.append(_Index(index, f"DROP INDEX {index}", made))
        else:
            add = f"ALTER TABLE {table} ADD CONSTRAINT {constraint} {rule}"
            found.append(_Index(index, f"ALTER TABLE {table} DROP CONSTRAINT {constraint}", add))
    return found


def _give_memory(cursor: Any) -> None:
    """Lets this transaction build indexes in up to half of the shared buffers' size, and side by side."""
    cursor.execute("""
        SELECT set_config('maintenance_work_mem', greatest(
            pg_size_bytes(current_setting('maintenance_work_mem')), pg_size_bytes(current_setting('shared_buffers')) / 2
        ) / 1024 || 'kB', true), set_config('max_parallel_maintenance_workers', '2', true)
    """)


def hilbert_order(geometry: NDArray[np.object_]) -> NDArray[np.int64]:
    """Orders places along a Hilbert curve, so that neighbours share pages; what has no place comes last.

    >>> hilbert_order(shapely.points([[0, 0], [1, 1], [0, 0.1], [1, 0.9]]).astype(object)).tolist()
    [0, 2, 1, 3]
    """
    place = np.full(len(geometry), np.iinfo(np.int64).max)
    placed = np.flatnonzero(~(shapely.is_missing(geometry) | shapely.is_empty(geometry)))
    if len(placed):
        place[placed] = gpd.GeoSeries(geometry[placed]).hilbert_distance(level=HILBERT_LEVEL).to_numpy()
    return np.argsort(place, kind="stable")


def copy_text(
    fields: Mapping[str, Attribute],
    table: LayerTable,
    leading: Sequence[Sequence[str]],
    keys: Sequence[str],
    rows: slice,
    placed: bool = True,
) -> str:
    """Returns rows in COPY's text format: leading columns, geometry, fields.

    Args:
        fields: of the layer.
        table: geometry in EPSG:4490.
        leading: texts of the columns that are no fields, each as long as the rows.
        keys: which fields, in order.
        rows: which rows.
        placed: whether the target has a geometry column (streams may have none).
    """
    shapes: list[list[str]] = []
    if placed:
        geometry = shapely.set_srid(table.geometry[rows], STORAGE_SRID)
        drawn = shapely.to_wkb(geometry, hex=True, include_srid=True).tolist()
        shapes.append([NULL if shape is None else shape for shape in drawn])
    columns = [*leading, *shapes, *(texts(fields[key].type, table.columns[key][rows]) for key in keys)]
    return "\n".join(map("\t".join, zip(*columns, strict=True))) + "\n"


def texts(kind: AttributeType, values: Sequence[Any] | NDArray[Any]) -> list[str]:
    r"""Writes the values of a field as COPY's text format has them; tabs, line breaks and backslashes are escaped.

    >>> texts("text", ["巷口\t2", None]), texts("integer", [3.0, None])
    (['巷口\\t2', '\\N'], ['3', '\\N'])
    """
    array = as_array(values)
    missing = pd.isna(array)
    if kind == "datetime" and array.dtype.kind == "M":
        found: list[str] = np.datetime_as_string(array.astype("datetime64[s]"), timezone="UTC").tolist()
    elif kind == "integer":
        found = ["" if lost else str(int(value)) for value, lost in zip(array.tolist(), missing.tolist(), strict=True)]
    else:
        found = [str(value) for value in array.tolist()]
    if kind == "text":
        whole = "".join(found)
        for plain, escaped in ESCAPES:
            if plain in whole:
                found = [value.replace(plain, escaped) for value in found]
    for row in np.flatnonzero(missing).tolist():
        found[row] = NULL
    return found


def as_array(values: Sequence[Any] | NDArray[Any]) -> NDArray[Any]:
    """Returns a column as an array; lists become arrays of objects."""
    if isinstance(values, np.ndarray):
        return values
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
