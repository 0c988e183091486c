"""Queries on the features of a layer: pages, one feature, counts, groups, what lies under a point.

Builders return composed SQL and its parameters; identifiers come from the registry and are quoted by psycopg, values are
always bound. A feature leaves the database as finished GeoJSON text (x20-29 faster than building objects, performance.md §4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection, sql
from psycopg.rows import TupleRow

from layers.model import Layer
from spatial.cities import City
from spatial.tables import LAYER_SCHEMA, STORAGE_SRID

__all__ = [
    "BBox", "Count", "Query", "Selection", "Summary", "count", "group_counts", "item", "items", "near", "settled", "summaries",
    "table_of", "where",
]  # fmt: skip

BBox = tuple[float, float, float, float]
Params = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows of a layer: city, place, time, fields equal to any of some values.

    ``bbox`` is west, south, east, north in degrees.
    """

    city: int | None = None
    bbox: BBox | None = None
    start: datetime | None = None
    end: datetime | None = None
    equals: Mapping[str, Sequence[object]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Query:
    """A composed statement and its bound values."""

    statement: sql.Composed
    params: Params


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows match; ``exact`` tells whether they were counted or estimated by the planner."""

    rows: int
    exact: bool


@dataclass(frozen=True, slots=True)
class Summary:
    """What the layer tree says of a layer: rows, rows without a place, extent in degrees (None when nothing has a place)."""

    rows: Count
    unplaced: int
    bbox: BBox | None


def table_of(layer: Layer) -> sql.Identifier:
    """Returns the quoted name of a layer's table."""
    return sql.Identifier(LAYER_SCHEMA, layer.id)


def where(layer: Layer, selection: Selection) -> tuple[sql.Composable, Params]:
    """Returns the condition of a selection.

    The bounding box is asked twice on purpose: ``&&`` uses the index, ``ST_Intersects`` makes it exact.
    """
    clauses: list[sql.Composable] = []
    params: Params = {}
    if selection.city is not None:
        clauses.append(sql.SQL("city = %(city)s"))
        params["city"] = selection.city
    if selection.bbox is not None:
        box = sql.SQL("ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, {})").format(sql.Literal(STORAGE_SRID))
        clauses.append(sql.SQL("geom && {box} AND ST_Intersects(geom, {box})").format(box=box))
        params |= dict(zip(("west", "south", "east", "north"), selection.bbox, strict=True))
    if layer.time is not None:
        for key, operator, moment in (("start", ">=", selection.start), ("end", "<=", selection.end)):
            if moment is not None:
                clauses.append(sql.SQL("{} {} {}").format(sql.Identifier(layer.time), sql.SQL(operator), sql.Placeholder(key)))
                params[key] = moment
    for key, values in selection.equals.items():
        clauses.append(sql.SQL("{} = ANY({})").format(sql.Identifier(key), sql.Placeholder(f"f_{key}")))
        params[f"f_{key}"] = list(values)
    return (sql.SQL(" AND ").join(clauses) if clauses else sql.SQL("true")), params


def _feature(layer: Layer) -> sql.Composed:
    """The expression that renders a row as a GeoJSON feature; nine decimals keep shared vertices together."""
    fields = sql.SQL(", ").join(sql.Identifier(key) for key in layer.fields)
    return sql.SQL(
        '\'{{"type":"Feature","id":\' || id || \',"geometry":\' || coalesce(ST_AsGeoJSON(geom, 9, 0), \'null\')'
        " || ',\"properties\":' || (SELECT row_to_json(p) FROM (SELECT {fields}, area, version) p)::text || '}}'"
    ).format(fields=fields)


def items(layer: Layer, selection: Selection, limit: int, after: int = 0) -> Query:
    """Returns the statement of one page: (id, version, feature text) by rising id, keyset paged.

    A page at any depth costs the same (OFFSET 9.5 M: 509 ms, keyset 0.1 ms, performance.md §4).
    """
    condition, params = where(layer, selection)
    statement = sql.SQL(
        "SELECT id, version, {feature} FROM {table} t WHERE {condition} AND id > %(after)s ORDER BY id LIMIT %(limit)s"
    ).format(feature=_feature(layer), table=table_of(layer), condition=condition)
    return Query(statement, {**params, "after": after, "limit": limit})


def item(layer: Layer, feature_id: int) -> Query:
    """Returns the statement of one feature: (id, version, feature text)."""
    statement = sql.SQL("SELECT id, version, {feature} FROM {table} t WHERE id = %(id)s")
    return Query(statement.format(feature=_feature(layer), table=table_of(layer)), {"id": feature_id})


def near(layer: Layer, selection: Selection, lon: float, lat: float, radius_m: float, limit: int) -> Query:
    """Returns what of a selection lies within a distance of a point: (id, distance in m, area in m², feature text).

    The box of the radius finds candidates by index; the distance itself is geodesic (geography).
    """
    condition, params = where(layer, selection)
    statement = sql.SQL("""
        SELECT id, ST_Distance(geom::geography, p.here::geography) AS metres, ST_Area(geom::geography), {feature}
        FROM {table} t, (SELECT ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), {srid}) AS here,
                                ST_Expand(ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), {srid}), %(dx)s, %(dy)s) AS box) p
        WHERE {condition} AND geom && p.box AND ST_DWithin(geom::geography, p.here::geography, %(radius)s)
        ORDER BY metres, 3, id LIMIT %(limit)s
    """).format(feature=_feature(layer), table=table_of(layer), srid=sql.Literal(STORAGE_SRID), condition=condition)
    # one degree of latitude is 110.6 km or more; of longitude at 60° N still half of 111.3 km
    reach = radius_m / 110_000
    place = {"lon": lon, "lat": lat, "dx": reach * 2, "dy": reach, "radius": radius_m, "limit": limit}
    return Query(statement, {**params, **place})


async def count(connection: AsyncConnection[TupleRow], layer: Layer, selection: Selection, exact_limit: int) -> Count:
    """Counts matching rows exactly up to a limit; beyond it answers the planner's estimate and says so."""
    condition, params = where(layer, selection)
    counted = sql.SQL("SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {condition} LIMIT %(cap)s) t").format(
        table=table_of(layer), condition=condition
    )
    row = await (await connection.execute(counted, {**params, "cap": exact_limit + 1})).fetchone()
    rows = int(row[0]) if row else 0
    return await settled(connection, table_of(layer), condition, params, rows, exact_limit)


async def settled(
    connection: AsyncConnection[TupleRow], table: sql.Identifier, condition: sql.Composable, params: Params, rows: int, exact_limit: int
) -> Count:
    """Takes a number of rows as it is up to the limit; beyond it asks the planner, whose statistics are those of the last ANALYZE.

    Args:
        connection: of the serving role.
        table: whose rows were counted, with what ``condition`` and ``params``.
        rows: what was counted, at most one above the limit.
        exact_limit: rows up to which numbers are exact.
    """
    if rows <= exact_limit:
        return Count(rows, exact=True)
    explained = sql.SQL("EXPLAIN (FORMAT JSON) SELECT 1 FROM {table} WHERE {condition}").format(table=table, condition=condition)
    plan = await (await connection.execute(explained, params)).fetchone()
    estimate = int(plan[0][0]["Plan"]["Plan Rows"]) if plan else rows
    return Count(max(estimate, rows), exact=False)


def group_counts(layer: Layer, selection: Selection, by: str | None) -> Query:
    """Returns the statement that counts rows by a field's values: (value, count), largest first."""
    condition, params = where(layer, selection)
    key: sql.Composable = sql.Identifier(by) if by is not None else sql.SQL("NULL::text")
    statement = sql.SQL("SELECT {key} AS key, count(*) FROM {table} WHERE {condition} GROUP BY 1 ORDER BY 2 DESC, 1").format(
        key=key, table=table_of(layer), condition=condition
    )
    return Query(statement, params)


async def summaries(
    connection: AsyncConnection[TupleRow], layers: Sequence[Layer], city: City | None, exact_limit: int
) -> dict[str, Summary]:
    """Returns rows and extent of each layer, by layer id, for one city or for all.

    Up to the limit rows are counted and their extent is read; beyond it the number is the planner's and the extent the city's
    envelope, so that a city of forty million rows still has its layer tree within a second or two.
    """
    clause = sql.SQL("WHERE city = %(city)s") if city is not None else sql.SQL("")
    parts = [
        sql.SQL(
            "SELECT {id}, n, n - placed, ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e) FROM (SELECT count(*) AS n, "
            "count(geom) AS placed, ST_Extent(geom) AS e FROM (SELECT geom FROM {table} {clause} LIMIT %(cap)s) part) t"
        ).format(id=sql.Literal(layer.id), table=table_of(layer), clause=clause)
        for layer in layers
    ]
    if not parts:
        return {}
    params = {"city": city.id if city is not None else None, "cap": exact_limit + 1}
    rows = await (await connection.execute(sql.SQL(" UNION ALL ").join(parts), params)).fetchall()
    found = {}
    by_id = {layer.id: layer for layer in layers}
    for key, number, unplaced, west, south, east, north in rows:
        if number <= exact_limit:
            box = (float(west), float(south), float(east), float(north)) if west is not None else None
            found[key] = Summary(Count(number, exact=True), unplaced, box)
        else:
            found[key] = await _large(connection, by_id[key], city, number, exact_limit)
    return found


async def _large(connection: AsyncConnection[TupleRow], layer: Layer, city: City | None, counted: int, exact_limit: int) -> Summary:
    """Returns the summary of a layer with more rows than are counted."""
    condition, params = where(layer, Selection(city=city.id if city is not None else None))
    rows = await settled(connection, table_of(layer), condition, params, counted, exact_limit)
    if not layer.geometry_optional:
        return Summary(rows, 0, city.bbox if city is not None else None)
    homeless = sql.SQL("SELECT count(*) FROM {table} WHERE {condition} AND geom IS NULL").format(table=table_of(layer), condition=condition)
    row = await (await connection.execute(homeless, params)).fetchone()
    return Summary(rows, int(row[0]) if row else 0, city.bbox if city is not None else None)
