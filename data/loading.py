"""From a table in memory to rows of a layer: staging, the geometry gate, duplicates, area codes, one ordered INSERT.

Everything of one load happens in the caller's transaction: all or nothing. COPY fills a temporary table (row-wise inserts are
two orders slower, performance.md §6); rules that need the database run there as sets.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from psycopg2 import sql
from sqlalchemy import Connection

from data.report import RowFault
from data.table import LayerTable
from layers.catalogue import Registry
from layers.model import Attribute, Layer
from spatial.cities import City
from spatial.gate import fault_from_gate, gate_types
from spatial.tables import LAYER_SCHEMA, STORAGE_SRID

__all__ = ["Progress", "insert_staged", "stage", "staged_faults"]

Progress = Callable[[str, int, int], None]
STAGING = "wanmi_staging"
FOUND = "wanmi_found"
SQL_TYPES = {
    "text": "text", "integer": "bigint", "number": "double precision", "boolean": "boolean", "date": "date", "datetime": "timestamptz",
}  # fmt: skip
AREA_ROLES = ("community", "street", "district")
CHUNK = 50_000


def stage(connection: Connection, layer: Layer, table: LayerTable, progress: Progress) -> None:
    """Copies a table into the (emptied) staging table; ``row`` counts from 1.

    Args:
        table: geometry in EPSG:4490, None where unplaced; columns hold Python or numpy values, None = null.
    """
    cursor = _cursor(connection)
    fields = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(key), sql.SQL(SQL_TYPES[field.type])) for key, field in layer.fields.items()
    )
    cursor.execute(sql.SQL("DROP TABLE IF EXISTS pg_temp.{}").format(sql.Identifier(STAGING)))
    cursor.execute(
        sql.SQL("CREATE TEMP TABLE {} (row integer, area text, geom geometry(Geometry, {}), {}) ON COMMIT DROP").format(
            sql.Identifier(STAGING), sql.Literal(STORAGE_SRID), fields
        )
    )
    keys = [key for key in layer.fields if key in table.columns]
    names = sql.SQL(", ").join(map(sql.Identifier, ["row", "geom", *keys]))
    copy = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(STAGING), names)
    total = len(table.geometry)
    for start in range(0, total, CHUNK):
        stop = min(start + CHUNK, total)
        cursor.copy_expert(copy, _copy_text(layer, table, keys, start, stop))
        progress("copy", stop, total)
    cursor.execute(sql.SQL("CREATE INDEX ON {} (row)").format(sql.Identifier(STAGING)))
    cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(STAGING)))


def _cursor(connection: Connection) -> Any:
    return connection.connection.cursor()


def _copy_text(layer: Layer, table: LayerTable, keys: Sequence[str], start: int, stop: int) -> io.StringIO:
    """Returns rows in COPY's text format; tabs, line breaks and backslashes in values are escaped."""
    geometry = shapely.set_srid(table.geometry[start:stop], STORAGE_SRID)
    columns: list[Sequence[str]] = [
        [str(row + 1) for row in range(start, stop)],
        [r"\N" if shape is None else shape for shape in shapely.to_wkb(geometry, hex=True, include_srid=True)],
    ]
    columns += [_texts(layer.fields[key], table.columns[key][start:stop]) for key in keys]
    return io.StringIO("\n".join(map("\t".join, zip(*columns, strict=True))) + "\n")


def _texts(field: Attribute, values: Sequence[Any] | NDArray[Any]) -> list[str]:
    series = pd.Series(values) if isinstance(values, np.ndarray) else pd.Series(values, dtype=object)
    missing = series.isna()
    if field.type == "text":
        texts = series.astype(str)
        for plain, escaped in (("\\", r"\\"), ("\t", r"\t"), ("\n", r"\n"), ("\r", r"\r")):
            texts = texts.str.replace(plain, escaped, regex=False)
    elif field.type == "datetime" and np.issubdtype(np.asarray(series).dtype, np.datetime64):
        texts = pd.Series(np.datetime_as_string(np.asarray(series, dtype="datetime64[s]"), timezone="UTC"))
    elif field.type == "integer":
        texts = series.map(lambda value: "" if value is None or value != value else str(int(value)))
    else:
        texts = series.astype(str)
    return list(texts.mask(missing.to_numpy(), r"\N"))


def staged_faults(connection: Connection, layer: Layer, city: City) -> list[RowFault]:
    """Returns what the gate refuses and which unique values stand twice, in the file or already in the city."""
    cursor = _cursor(connection)
    west, south, east, north = city.bbox
    cursor.execute(
        sql.SQL("""
            SELECT row, fault, left(ST_AsText(geom, 7), 80) FROM (
              SELECT row, geom, wanmi.geometry_fault(geom, %s, ST_MakeEnvelope(%s, %s, %s, %s, 4490)) AS fault FROM {}
            ) t WHERE fault IS NOT NULL ORDER BY row
        """).format(sql.Identifier(STAGING)),
        (gate_types(layer), west, south, east, north),
    )
    faults = []
    for row, answer, shown in cursor.fetchall():
        fault = fault_from_gate(layer, answer)
        faults.append(RowFault(row, "geometry", shown or "", fault.rule, fault.zh, fault.en))
    if not layer.geometry_optional:
        cursor.execute(sql.SQL("SELECT row FROM {} WHERE geom IS NULL ORDER BY row").format(sql.Identifier(STAGING)))
        missing = fault_from_gate(layer, "geometry_missing")
        faults += [RowFault(row, "geometry", "", missing.rule, missing.zh, missing.en) for (row,) in cursor.fetchall()]
    for key, field in layer.fields.items():
        if field.unique:
            faults += _duplicates(cursor, layer, city, key)
    return faults


def _duplicates(cursor: Any, layer: Layer, city: City, key: str) -> list[RowFault]:
    names = {"staging": sql.Identifier(STAGING), "table": sql.Identifier(LAYER_SCHEMA, layer.id), "key": sql.Identifier(key)}
    cursor.execute(
        sql.SQL("""
            SELECT row, {key}, min(row) OVER (PARTITION BY {key}) AS first FROM {staging}
            WHERE {key} IN (SELECT {key} FROM {staging} GROUP BY {key} HAVING count(*) > 1) ORDER BY row
        """).format(**names)
    )
    faults = [
        RowFault(row, key, value, "duplicate", f"“{value}”与第 {first} 行重复", f"{value!r} stands already in row {first}")
        for row, value, first in cursor.fetchall()
        if row != first
    ]
    cursor.execute(
        sql.SQL("SELECT s.row, s.{key} FROM {staging} s JOIN {table} t ON t.city = %s AND t.{key} = s.{key} ORDER BY s.row").format(
            **names
        ),
        (city.id,),
    )
    return faults + [
        RowFault(row, key, value, "duplicate", f"“{value}”在库中已存在", f"{value!r} is in the database already")
        for row, value in cursor.fetchall()
    ]


def insert_staged(connection: Connection, registry: Registry, layer: Layer, city: City, skip: Sequence[int] = ()) -> int:
    """Gives staged rows their area and grid codes and inserts them in Hilbert order; returns how many.

    Args:
        skip: rows set aside.
    """
    cursor = _cursor(connection)
    staging = sql.Identifier(STAGING)
    if skip:
        cursor.execute(sql.SQL("DELETE FROM {} WHERE row = ANY(%s)").format(staging), (list(skip),))
    _set_area(cursor, registry, layer, city)
    _fill_grid_codes(cursor, registry, layer, city)
    fields = sql.SQL(", ").join(map(sql.Identifier, layer.fields))
    # Ordering by geometry is PostGIS's Hilbert curve: neighbours share pages (x1.3-2.1 at z12-15, performance.md §2).
    cursor.execute(
        sql.SQL("INSERT INTO {} (city, area, geom, {}) SELECT %s, area, geom, {} FROM {} ORDER BY geom, row").format(
            sql.Identifier(LAYER_SCHEMA, layer.id), fields, fields, staging
        ),
        (city.id,),
    )
    return int(cursor.rowcount)


def _place() -> sql.SQL:
    """A point that stands for a geometry: itself, the middle of a line, a point inside an area."""
    return sql.SQL("""CASE ST_Dimension(s.geom) WHEN 0 THEN s.geom
        WHEN 1 THEN ST_LineInterpolatePoint(ST_GeometryN(ST_Multi(s.geom), 1), 0.5) ELSE ST_PointOnSurface(s.geom) END""")


def _set_area(cursor: Any, registry: Registry, layer: Layer, city: City) -> None:
    staging = sql.Identifier(STAGING)
    if layer.area == "own_code":
        cursor.execute(sql.SQL("UPDATE {} SET area = {}").format(staging, sql.Identifier(str(layer.code))))
        return
    for role in AREA_ROLES:
        if registry.has_role(role):
            _copy_code(cursor, registry.by_role(role), city, "area")
    cursor.execute(sql.SQL("UPDATE {} SET area = %s WHERE area IS NULL").format(staging), (city.prefix,))


def _fill_grid_codes(cursor: Any, registry: Registry, layer: Layer, city: City) -> None:
    """Fills empty grid codes from the place; a code that the data brings is kept."""
    if not registry.has_role("grid"):
        return
    grid = registry.by_role("grid")
    for key, field in layer.fields.items():
        if layer is not grid and field.code is not None and field.code.kind == "grid":
            _copy_code(cursor, grid, city, key)


def _copy_code(cursor: Any, source: Layer, city: City, target: str) -> None:
    """Sets an empty staging column to the code of the polygon that holds the place; on a border the smaller code wins.

    Found codes go through a table of their own with statistics: in one statement the planner takes the spatial join for one
    row and loops over the staging table for each (60 000 rows: 176 s against 0.6 s).
    """
    names = {
        "staging": sql.Identifier(STAGING), "found": sql.Identifier(FOUND), "target": sql.Identifier(target), "place": _place(),
        "code": sql.Identifier(str(source.code)), "areas": sql.Identifier(LAYER_SCHEMA, source.id),
    }  # fmt: skip
    cursor.execute(sql.SQL("DROP TABLE IF EXISTS pg_temp.{found}").format(**names))
    cursor.execute(
        sql.SQL("""
            CREATE TEMP TABLE {found} ON COMMIT DROP AS
            SELECT s.row, min(a.{code}) AS code
            FROM (SELECT row, {place} AS place FROM {staging} s WHERE {target} IS NULL AND geom IS NOT NULL) s
            JOIN {areas} a ON a.city = %s AND a.geom && s.place AND ST_Covers(a.geom, s.place) GROUP BY s.row
        """).format(**names),
        (city.id,),
    )
    cursor.execute(sql.SQL("ANALYZE {found}").format(**names))
    cursor.execute(sql.SQL("UPDATE {staging} t SET {target} = f.code FROM {found} f WHERE f.row = t.row").format(**names))
