"""From a table in memory to rows of a layer: staging, the geometry gate, duplicates, area codes, one ordered INSERT.

Everything of one load happens in the caller's transaction: all or nothing. COPY fills a temporary table (row-wise inserts are
two orders slower, performance.md §6); rules that need the database run there as sets.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

from psycopg2 import sql
from sqlalchemy import Connection

from data.bulk import copy_text, texts
from data.report import RowFault
from data.table import LayerTable
from layers.catalogue import Registry
from layers.model import Layer
from spatial.cities import City
from spatial.database import acting_as
from spatial.gate import fault_from_gate, gate_types
from spatial.rights.views import ACTOR_ROLE, ACTOR_SETTING, held
from spatial.tables import LAYER_SCHEMA, STORAGE_SRID

__all__ = [
    "Progress", "dangling_nodes", "drop_staged", "insert_staged", "stage", "staged_extent", "staged_faults", "staged_outside",
    "staged_strangers",
]  # fmt: skip

Progress = Callable[[str, int, int], None]
STAGING = "wanmi_staging"
FOUND = "wanmi_found"
PLACES = "wanmi_places"
SQL_TYPES = {
    "text": "text", "integer": "bigint", "number": "double precision", "boolean": "boolean", "date": "date", "datetime": "timestamptz",
}  # fmt: skip
AREA_ROLES = ("community", "street", "district")
# Fields that name a node of a network by its code; a link may begin at an inlet.
NODE_FIELDS = ("from_node", "to_node", "node_code")
NODE_ROLES = ("pipe_node", "inlet")
CHUNK = 50_000


def stage(connection: Connection, layer: Layer, table: LayerTable, progress: Progress, staging: str = STAGING) -> None:
    """Copies a table into the (emptied) staging table; ``row`` counts from 1.

    Args:
        table: geometry in EPSG:4490, None where unplaced; columns hold Python or numpy values, None = null.
        staging: name of the temporary table; a recipe keeps one per source until all are checked.
    """
    cursor = _cursor(connection)
    fields = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(key), sql.SQL(SQL_TYPES[field.type])) for key, field in layer.fields.items()
    )
    cursor.execute(sql.SQL("DROP TABLE IF EXISTS pg_temp.{}").format(sql.Identifier(staging)))
    cursor.execute(
        sql.SQL("CREATE TEMP TABLE {} (row integer, area text, area_name text, geom geometry(Geometry, {}), {}) ON COMMIT DROP").format(
            sql.Identifier(staging), sql.Literal(STORAGE_SRID), fields
        )
    )
    keys = [key for key in layer.fields if key in table.columns]
    named = ["area_name"] if table.area_names is not None else []
    names = sql.SQL(", ").join(map(sql.Identifier, ["row", *named, "geom", *keys]))
    copy = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(staging), names)
    total = len(table.geometry)
    for start in range(0, total, CHUNK):
        stop = min(start + CHUNK, total)
        cursor.copy_expert(copy, _copy_text(layer, table, keys, start, stop))
        progress("copy", stop, total)
    cursor.execute(sql.SQL("CREATE INDEX ON {} (row)").format(sql.Identifier(staging)))
    cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(staging)))


def _cursor(connection: Connection) -> Any:
    return connection.connection.cursor()


def _copy_text(layer: Layer, table: LayerTable, keys: Sequence[str], start: int, stop: int) -> io.StringIO:
    """Returns rows in COPY's text format: row number, name of the area where it is told, geometry, fields."""
    rows = slice(start, stop)
    leading = [[str(row + 1) for row in range(start, stop)]]
    if table.area_names is not None:
        leading.append(texts("text", table.area_names[rows]))
    return io.StringIO(copy_text(layer.fields, table, leading, keys, rows))


def staged_faults(connection: Connection, layer: Layer, city: City, staging: str = STAGING, earlier: Sequence[str] = ()) -> list[RowFault]:
    """Returns what the gate refuses and which unique values stand twice, in the file or already in the city.

    Args:
        earlier: staging tables of the same layer that will be inserted before this one.
    """
    cursor = _cursor(connection)
    west, south, east, north = city.bbox
    cursor.execute(
        sql.SQL("""
            SELECT row, fault, left(ST_AsText(geom, 7), 80) FROM (
              SELECT row, geom, wanmi.geometry_fault(geom, %s, ST_MakeEnvelope(%s, %s, %s, %s, 4490)) AS fault FROM {}
            ) t WHERE fault IS NOT NULL ORDER BY row
        """).format(sql.Identifier(staging)),
        (gate_types(layer), west, south, east, north),
    )
    faults = []
    for row, answer, shown in cursor.fetchall():
        fault = fault_from_gate(layer, answer)
        faults.append(RowFault(row, "geometry", shown or "", fault.rule, fault.zh, fault.en))
    if not layer.geometry_optional:
        cursor.execute(sql.SQL("SELECT row FROM {} WHERE geom IS NULL ORDER BY row").format(sql.Identifier(staging)))
        missing = fault_from_gate(layer, "geometry_missing")
        faults += [RowFault(row, "geometry", "", missing.rule, missing.zh, missing.en) for (row,) in cursor.fetchall()]
    for key, field in layer.fields.items():
        if field.unique:
            faults += _duplicates(cursor, layer, city, key, staging)
            for other in earlier:
                faults += _standing_earlier(cursor, key, staging, other)
    return faults


def _standing_earlier(cursor: Any, key: str, staging: str, other: str) -> list[RowFault]:
    """Names values that an earlier source of the same load brings already."""
    cursor.execute(
        sql.SQL("SELECT s.row, s.{key} FROM {staging} s JOIN {other} o ON o.{key} = s.{key} ORDER BY s.row").format(
            key=sql.Identifier(key), staging=sql.Identifier(staging), other=sql.Identifier(other)
        )
    )
    return [
        RowFault(
            row, key, value, "duplicate", f"“{value}”在本配方的前一来源中已有", f"{value!r} stands in an earlier source of this recipe"
        )
        for row, value in cursor.fetchall()
    ]


def _duplicates(cursor: Any, layer: Layer, city: City, key: str, staging: str) -> list[RowFault]:
    names = {"staging": sql.Identifier(staging), "table": sql.Identifier(LAYER_SCHEMA, layer.id), "key": sql.Identifier(key)}
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


def staged_outside(
    connection: Connection, registry: Registry, layer: Layer, city: City, account: int, staging: str = STAGING
) -> list[RowFault]:
    """Returns the rows that lie where an account may not edit; the policies would refuse them without saying which."""
    cursor = _cursor(connection)
    _set_area(cursor, registry, layer, city, staging)
    cursor.execute("SELECT set_config(%s, %s, true)", (ACTOR_SETTING, str(account)))
    condition = sql.SQL(held(layer, "edit"))
    cursor.execute(sql.SQL("SELECT row, area FROM {} WHERE ({}) IS NOT TRUE ORDER BY row").format(sql.Identifier(staging), condition))
    found = cursor.fetchall()
    cursor.execute("SELECT set_config(%s, '', true)", (ACTOR_SETTING,))
    zh, en = "不在您可以编辑的区域或单位之内", "lies outside the areas and organisations where you may edit"
    return [RowFault(row, "area", area, "right", f"区域 {area} {zh}", f"area {area} {en}") for row, area in found]


def drop_staged(connection: Connection, rows: Sequence[int], staging: str = STAGING) -> None:
    """Takes rows out of the staging table: those set aside."""
    if rows:
        statement = sql.SQL("DELETE FROM {} WHERE row = ANY(%s)").format(sql.Identifier(staging))
        _cursor(connection).execute(statement, (list(rows),))


def insert_staged(
    connection: Connection, registry: Registry, layer: Layer, city: City, skip: Sequence[int] = (), staging: str = STAGING,
    account: int | None = None,
) -> int:  # fmt: skip
    """Gives staged rows their area and grid codes and inserts them in Hilbert order; returns how many.

    Args:
        skip: rows set aside.
        account: who writes; None = the system. Under an account the policies hold.
    """
    cursor = _cursor(connection)
    drop_staged(connection, skip, staging)
    _set_area(cursor, registry, layer, city, staging)
    _fill_grid_codes(cursor, registry, layer, city, staging)
    fields = sql.SQL(", ").join(map(sql.Identifier, layer.fields))
    # Ordering by geometry is PostGIS's Hilbert curve: neighbours share pages (x1.3-2.1 at z12-15, performance.md §2).
    statement = sql.SQL("INSERT INTO {} (city, area, geom, {}) SELECT %s, area, geom, {} FROM {} ORDER BY geom, row").format(
        sql.Identifier(LAYER_SCHEMA, layer.id), fields, fields, sql.Identifier(staging)
    )
    if account is None:
        cursor.execute(statement, (city.id,))
        return int(cursor.rowcount)
    cursor.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(sql.Identifier(staging), sql.Identifier(ACTOR_ROLE)))
    with acting_as(connection, account):
        cursor.execute(statement, (city.id,))
    return int(cursor.rowcount)


def staged_extent(connection: Connection, staging: str = STAGING) -> tuple[float, float, float, float] | None:
    """Returns west, south, east, north of the staged rows in degrees; None when none has a place."""
    cursor = _cursor(connection)
    cursor.execute(
        sql.SQL("SELECT ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e) FROM (SELECT ST_Extent(geom) AS e FROM {}) t").format(
            sql.Identifier(staging)
        )
    )
    west, south, east, north = cursor.fetchone()
    return None if west is None else (west, south, east, north)


def staged_strangers(connection: Connection, city: City, staging: str = STAGING) -> list[tuple[str, int]]:
    """Returns the area names of unplaced rows that no area of the city bears, with their rows, most first; asked after inserting."""
    cursor = _cursor(connection)
    cursor.execute(
        sql.SQL("""
            SELECT area_name, count(*) FROM {} WHERE geom IS NULL AND area_name IS NOT NULL AND area = %s
            GROUP BY area_name ORDER BY count(*) DESC, area_name
        """).format(sql.Identifier(staging)),
        (city.prefix,),
    )
    return [(name, int(count)) for name, count in cursor.fetchall()]


def dangling_nodes(connection: Connection, registry: Registry, layer: Layer, city: City, staging: str = STAGING) -> list[str]:
    """Tells of every field that names nodes how many of its codes no node of the city has; asked after inserting."""
    nodes = [registry.by_role(role) for role in NODE_ROLES if registry.has_role(role)]
    cursor = _cursor(connection)
    notes = []
    for key in (key for key in NODE_FIELDS if nodes and key in layer.fields):
        known = sql.SQL(" OR ").join(
            sql.SQL("EXISTS (SELECT FROM {nodes} n WHERE n.city = %(city)s AND n.{code} = s.{key})").format(
                nodes=sql.Identifier(LAYER_SCHEMA, node.id), code=sql.Identifier(str(node.code)), key=sql.Identifier(key)
            )
            for node in nodes
        )
        cursor.execute(
            sql.SQL("SELECT count({key}), count({key}) FILTER (WHERE NOT ({known})) FROM {staging} s").format(
                key=sql.Identifier(key), known=known, staging=sql.Identifier(staging)
            ),
            {"city": city.id},
        )
        total, missing = cursor.fetchone()
        if missing:
            zh, en = "、".join(node.title.zh for node in nodes), " or ".join(node.id for node in nodes)
            notes.append(f"{key}：{total} 个管点编号中 {missing} 个不在{zh}中 / {missing} of {total} node codes are not in {en}")
    return notes


def _place() -> sql.SQL:
    """A point that stands for a geometry: itself, the middle of a line, a point inside an area."""
    return sql.SQL("""CASE ST_Dimension(s.geom) WHEN 0 THEN s.geom
        WHEN 1 THEN ST_LineInterpolatePoint(ST_GeometryN(ST_Multi(s.geom), 1), 0.5) ELSE ST_PointOnSurface(s.geom) END""")


def _set_area(cursor: Any, registry: Registry, layer: Layer, city: City, staging: str) -> None:
    """The place decides; a row without one belongs to the area that it names, else to the city (design §5)."""
    table = sql.Identifier(staging)
    if layer.area == "own_code":
        cursor.execute(sql.SQL("UPDATE {} SET area = {}").format(table, sql.Identifier(str(layer.code))))
        return
    for role in AREA_ROLES:
        if registry.has_role(role):
            _copy_code(cursor, registry.by_role(role), city, "area", staging)
    for role in AREA_ROLES:
        if registry.has_role(role):
            _copy_named_area(cursor, registry.by_role(role), city, staging)
    cursor.execute(sql.SQL("UPDATE {} SET area = %s WHERE area IS NULL").format(table), (city.prefix,))


def _copy_named_area(cursor: Any, source: Layer, city: City, staging: str) -> None:
    """Sets the area of unplaced rows to the code of the area with the name they tell; a name that two areas bear decides nothing."""
    cursor.execute(
        sql.SQL("""
            UPDATE {staging} s SET area = a.code
            FROM (SELECT {name} AS name, min({code}) AS code FROM {areas} WHERE city = %s GROUP BY {name} HAVING count(*) = 1) a
            WHERE s.area IS NULL AND s.area_name = a.name
        """).format(
            staging=sql.Identifier(staging), name=sql.Identifier(source.name), code=sql.Identifier(str(source.code)),
            areas=sql.Identifier(LAYER_SCHEMA, source.id),
        ),
        (city.id,),
    )  # fmt: skip


def _fill_grid_codes(cursor: Any, registry: Registry, layer: Layer, city: City, staging: str) -> None:
    """Fills empty grid codes from the place; a code that the data brings is kept."""
    if not registry.has_role("grid"):
        return
    grid = registry.by_role("grid")
    for key, field in layer.fields.items():
        if layer is not grid and field.code is not None and field.code.kind == "grid":
            _copy_code(cursor, grid, city, key, staging)


def _copy_code(cursor: Any, source: Layer, city: City, target: str, staging: str) -> None:
    """Sets an empty staging column to the code of the polygon that holds the place; on a border the smaller code wins.

    Places and found codes go through tables of their own with statistics: in one statement the planner takes the spatial join for
    one row and loops over the staging table for each (60 000 rows: 176 s against 0.6 s). Places have an index, so that the polygons
    may stand outside: PostGIS then prepares each once (91 000 places in 454 villages: 9.8 s without, 0.7 s with).
    """
    names = {
        "staging": sql.Identifier(staging), "found": sql.Identifier(FOUND), "target": sql.Identifier(target), "place": _place(),
        "code": sql.Identifier(str(source.code)), "areas": sql.Identifier(LAYER_SCHEMA, source.id), "places": sql.Identifier(PLACES),
    }  # fmt: skip
    cursor.execute(sql.SQL("DROP TABLE IF EXISTS pg_temp.{found}, pg_temp.{places}").format(**names))
    cursor.execute(
        sql.SQL("""
            CREATE TEMP TABLE {places} ON COMMIT DROP AS
            SELECT row, {place} AS place FROM {staging} s WHERE {target} IS NULL AND geom IS NOT NULL
        """).format(**names)
    )
    if cursor.rowcount == 0:
        return
    cursor.execute(sql.SQL("CREATE INDEX ON {places} USING gist (place)").format(**names))
    cursor.execute(sql.SQL("ANALYZE {places}").format(**names))
    cursor.execute(
        sql.SQL("""
            CREATE TEMP TABLE {found} ON COMMIT DROP AS
            SELECT s.row, min(a.{code}) AS code
            FROM {places} s JOIN {areas} a ON a.city = %s AND a.geom && s.place AND ST_Covers(a.geom, s.place) GROUP BY s.row
        """).format(**names),
        (city.id,),
    )
    cursor.execute(sql.SQL("ANALYZE {found}").format(**names))
    cursor.execute(sql.SQL("UPDATE {staging} t SET {target} = f.code FROM {found} f WHERE f.row = t.row").format(**names))
