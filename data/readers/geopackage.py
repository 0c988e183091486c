"""GeoPackages by the standard library's SQLite, row by row.

GDAL 3.12 turns a text in an integer column into 0, ``12,5`` into 12, an integer of 17 digits beside a null into a float
and a broken geometry into none, all in silence; a report that names row, field and value needs what is stored.
"""

from __future__ import annotations

import sqlite3
import struct
from pathlib import Path
from typing import Any
from urllib.parse import quote

from data.readers.encodings import decode_fault
from data.readers.raw import RawTable, ReadRequest, shown
from data.report import FileFault, RowFault

__all__ = ["read_geopackage"]

# Bytes of the envelope by its indicator (GeoPackage 1.4 §2.1.3, table 5).
ENVELOPES = {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}
UNDEFINED = (-1, 0)


def read_geopackage(path: Path, request: ReadRequest) -> RawTable:
    """Reads one feature layer: the only one, or the one named.

    Raises:
        FileFault: not a GeoPackage, no such layer, or several and none named.
    """
    try:
        with sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")  # views of a foreign file may call no functions of ours
            connection.text_factory = _text
            return _read(connection, request)
    except sqlite3.Error as error:
        raise FileFault("geopackage", "GeoPackage 已损坏，无法读取", "the GeoPackage is broken", value=shown(str(error))) from None


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _read(connection: sqlite3.Connection, request: ReadRequest) -> RawTable:
    name, column, srs = _layer(connection, request.source_layer)
    cursor = connection.execute(f"SELECT * FROM {_quoted(name)}")  # noqa: S608 - the name comes from the file's own list
    names = [item[0] for item in cursor.description]
    rows = cursor.fetchall()
    if not rows:
        raise FileFault("empty", f"图层“{name}”没有要素", f"layer {name!r} holds no features", value=name)
    truth = {title for title, kind in _kinds(connection, name).items() if kind == "BOOLEAN"}
    table = RawTable({}, [None] * len(rows), crs=_crs(connection, srs))
    for position, title in enumerate(names):
        if title == column:
            continue
        values = [row[position] for row in rows]
        table.columns[title] = [_value(table, number, title, value, title in truth) for number, value in enumerate(values, 1)]
    at = names.index(column)
    for position, row in enumerate(rows):
        try:
            table.geometry[position] = _binary(row[at])
        except ValueError:
            value = shown(row[at].hex(" ") if isinstance(row[at], bytes) else row[at])
            table.faults.append(
                RowFault(
                    position + 1,
                    "geometry",
                    value,
                    "geometry_unreadable",
                    "几何无法解析",
                    "the geometry cannot be read",
                )
            )
    return table


def _layer(connection: sqlite3.Connection, wanted: str | None) -> tuple[str, str, int]:
    """Returns (table, geometry column, id of its coordinate system)."""
    found = connection.execute("""
        SELECT c.table_name, g.column_name, g.srs_id
        FROM gpkg_contents c JOIN gpkg_geometry_columns g ON g.table_name = c.table_name
        WHERE c.data_type = 'features' ORDER BY c.table_name
    """).fetchall()
    names = "、".join(row[0] for row in found) or "（无）"
    if wanted is not None:
        found = [row for row in found if row[0] == wanted]
    if len(found) != 1:
        zh = f"GeoPackage 中没有图层“{wanted}”；有：{names}" if wanted else f"GeoPackage 中有几个图层，请用 --source-layer 指明：{names}"
        en = f"there is no layer {wanted!r}; there are: {names}" if wanted else f"name one layer with --source-layer: {names}"
        raise FileFault("source_layer", zh, en, field="source_layer", value=wanted or names)
    name, column, srs = found[0]
    return str(name), str(column), int(srs)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _kinds(connection: sqlite3.Connection, name: str) -> dict[str, str]:
    return {row[1]: str(row[2]).upper() for row in connection.execute(f"PRAGMA table_info({_quoted(name)})")}


def _crs(connection: sqlite3.Connection, srs: int) -> str | None:
    if srs in UNDEFINED:
        return None
    found = connection.execute(
        "SELECT organization, organization_coordsys_id, definition FROM gpkg_spatial_ref_sys WHERE srs_id = ?", (srs,)
    ).fetchone()
    if found is None:
        return None
    organization, number, definition = found
    return f"EPSG:{number}" if str(organization).upper() == "EPSG" else str(definition)


def _value(table: RawTable, row: int, name: str, value: Any, truth: bool) -> Any:
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    if isinstance(value, str):
        fault = decode_fault(row, name, value, "utf-8")
        if fault is not None:
            table.faults.append(fault)
            return None
    return bool(value) if truth and value in (0, 1) else value


def _binary(value: Any) -> bytes | None:
    """Takes the header off a geometry (GeoPackage 1.4 §2.1.3).

    Raises:
        ValueError: not a geometry.
    """
    if value is None:
        return None
    if not isinstance(value, bytes) or len(value) < 13 or value[:2] != b"GP":
        raise ValueError("no GeoPackage geometry")
    (flags,) = struct.unpack("B", value[3:4])
    length = ENVELOPES.get(flags >> 1 & 7)
    if length is None or flags & 0x20:
        raise ValueError("unknown envelope or extended geometry")
    return value[8 + length :]
