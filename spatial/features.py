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
from layers.stream import Stream
from spatial.cities import City
from spatial.rights.model import Right
from spatial.rights.views import SEEN_SCHEMA
from spatial.tables import STORAGE_SRID

__all__ = [
    "BBox", "Count", "Exactness", "Query",
    "Selection", "Summary", "count", "counting", "group_counts", "item", "items", "near", "overlaps", "settled", "summaries",
    "summing", "view_of", "where",
]  # fmt: skip

BBox = tuple[float, float, float, float]
Params = dict[str, Any]
EVERY_ROW = 1 << 62


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows of a layer: city, place, time, fields equal to any of some values.

    ``bbox`` is west, south, east, north in degrees. ``gated`` where the spatial index is reached through a gate (``overlaps``).
    """

    city: int | None = None
    bbox: BBox | None = None
    start: datetime | None = None
    end: datetime | None = None
    equals: Mapping[str, Sequence[object]] = field(default_factory=dict)
    gated: bool = False


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
class Exactness:
    """How far rows are counted: up to a limit where the actor may read everything, else to the last one.

    What lies beyond is the planner's estimate over all rows, which would tell those who see a part of what they may not.
    """

    limit: int
    right: Right

    def of(self, source: Layer | Stream, city: City | None) -> int:
        """Returns the number of rows up to which those of a city are counted."""
        return self.limit if self.right.whole(source, city.prefix if city is not None else "") else EVERY_ROW


@dataclass(frozen=True, slots=True)
class Summary:
    """What the layer tree says of a layer: rows, rows without a place, extent in degrees (None when nothing has a place)."""

    rows: Count
    unplaced: int
    bbox: BBox | None


def view_of(source: Layer | Stream) -> sql.Identifier:
    """Returns the quoted name of what the actor may see of a layer or stream."""
    return sql.Identifier(SEEN_SCHEMA, source.id)


def overlaps(layer: Layer, column: sql.Composable, box: sql.Composable, gated: bool) -> sql.Composed:
    """Returns the condition that a geometry's box meets another, in the form that reaches the spatial index under the right.

    ``&&`` does where an administrator has marked it LEAKPROOF; where nobody may, a gate function finds the rows by index and cuts
    them by the right, and the view cuts them again (``spatial.rights.views``).
    """
    if not gated:
        return sql.SQL("{} && {}").format(column, box)
    return sql.SQL("id = ANY (ARRAY(SELECT {}({})))").format(sql.Identifier(SEEN_SCHEMA, f"box_{layer.id}"), box)


def where(layer: Layer, selection: Selection, *, explained: bool = False) -> tuple[sql.Composable, Params]:
    """Returns the condition of a selection.

    The bounding box is asked twice on purpose: one clause uses the index, ``ST_Intersects`` makes it exact. For a condition that is
    only ``explained`` it is asked once, without a gate: the planner would take its share of the rows twice (half of 25 000: 6 322
    instead of 12 968), and of what a gate finds it knows nothing.
    """
    clauses: list[sql.Composable] = []
    params: Params = {}
    if selection.city is not None:
        clauses.append(sql.SQL("city = %(city)s"))
        params["city"] = selection.city
    if selection.bbox is not None:
        box = sql.SQL("ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, {})").format(sql.Literal(STORAGE_SRID))
        clauses.append(overlaps(layer, sql.SQL("geom"), box, selection.gated and not explained))
        if not explained:
            clauses.append(sql.SQL("ST_Intersects(geom, {})").format(box))
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
    ).format(feature=_feature(layer), table=view_of(layer), condition=condition)
    return Query(statement, {**params, "after": after, "limit": limit})


def item(layer: Layer, feature_id: int) -> Query:
    """Returns the statement of one feature: (id, version, feature text)."""
    statement = sql.SQL("SELECT id, version, {feature} FROM {table} t WHERE id = %(id)s")
    return Query(statement.format(feature=_feature(layer), table=view_of(layer)), {"id": feature_id})


def near(layer: Layer, selection: Selection, lon: float, lat: float, radius_m: float, limit: int) -> Query:
    """Returns what of a selection lies within a distance of a point: (id, distance in m, area in m², feature text).

    The box of the radius finds candidates by index; the distance itself is geodesic (geography).
    """
    condition, params = where(layer, selection)
    template = sql.SQL("""
        SELECT id, ST_Distance(geom::geography, p.here::geography) AS metres, ST_Area(geom::geography), {feature}
        FROM {table} t, (SELECT {here} AS here) p
        WHERE {condition} AND {near_it} AND ST_DWithin(geom::geography, p.here::geography, %(radius)s)
        ORDER BY metres, 3, id LIMIT %(limit)s
    """)
    here = sql.SQL("ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), {})").format(sql.Literal(STORAGE_SRID))
    box = sql.SQL("ST_Expand({}, %(dx)s, %(dy)s)").format(here)
    near_it = overlaps(layer, sql.SQL("geom"), box, selection.gated)
    statement = template.format(feature=_feature(layer), table=view_of(layer), here=here, condition=condition, near_it=near_it)
    # one degree of latitude is 110.6 km or more; of longitude at 60° N still half of 111.3 km
    reach = radius_m / 110_000
    place = {"lon": lon, "lat": lat, "dx": reach * 2, "dy": reach, "radius": radius_m, "limit": limit}
    return Query(statement, {**params, **place})


def counting(layer: Layer, selection: Selection, cap: int) -> Query:
    """Returns the statement that counts matching rows up to a number."""
    condition, params = where(layer, selection)
    statement = sql.SQL("SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {condition} LIMIT %(cap)s) t")
    return Query(statement.format(table=view_of(layer), condition=condition), {**params, "cap": cap})


async def count(connection: AsyncConnection[TupleRow], layer: Layer, selection: Selection, exact_limit: int) -> Count:
    """Counts matching rows exactly up to a limit; beyond it answers the planner's estimate and says so."""
    counted = counting(layer, selection, exact_limit + 1)
    row = await (await connection.execute(counted.statement, counted.params)).fetchone()
    rows = int(row[0]) if row else 0
    condition, params = where(layer, selection, explained=True)
    return await settled(connection, layer, condition, params, rows, exact_limit)


ROWS_KNOWN = """
    SELECT coalesce(sum(greatest(c.reltuples, 0)), 0) FROM pg_class t JOIN pg_namespace n ON n.oid = relnamespace
    LEFT JOIN pg_inherits i ON i.inhparent = t.oid JOIN pg_class c ON c.oid = coalesce(i.inhrelid, t.oid)
    WHERE n.nspname IN ('layer', 'stream') AND t.relname = %(table)s
"""


async def settled(
    connection: AsyncConnection[TupleRow], source: Layer | Stream, condition: sql.Composable, params: Params, rows: int, exact_limit: int
) -> Count:
    """Takes a number of rows as it is up to the limit; beyond it asks the planner, whose statistics are those of the last ANALYZE.

    The planner takes the policy for a filter of unknown effect; asked for all rows too, it tells that effect, which cancels out.

    Args:
        connection: of the serving role.
        view: whose rows were counted, with what ``condition`` and ``params``.
        rows: what was counted, at most one above the limit.
        exact_limit: rows up to which numbers are exact.
    """
    if rows <= exact_limit:
        return Count(rows, exact=True)
    expected = []
    for each in (condition, sql.SQL("true")):
        explained = sql.SQL("EXPLAIN (FORMAT JSON) SELECT 1 FROM {view} WHERE {condition}").format(view=view_of(source), condition=each)
        plan = await (await connection.execute(explained, params)).fetchone()
        expected.append(int(plan[0][0]["Plan"]["Plan Rows"]) if plan else 1)
    known = await (await connection.execute(ROWS_KNOWN, {"table": source.id})).fetchone()
    estimate = round(expected[0] / max(expected[1], 1) * float(known[0])) if known else rows
    return Count(max(estimate, rows), exact=False)


def group_counts(layer: Layer, selection: Selection, by: str | None) -> Query:
    """Returns the statement that counts rows by a field's values: (value, count), largest first."""
    condition, params = where(layer, selection)
    key: sql.Composable = sql.Identifier(by) if by is not None else sql.SQL("NULL::text")
    statement = sql.SQL("SELECT {key} AS key, count(*) FROM {table} WHERE {condition} GROUP BY 1 ORDER BY 2 DESC, 1").format(
        key=key, table=view_of(layer), condition=condition
    )
    return Query(statement, params)


def summing(layers: Sequence[Layer], city: City | None, exactness: Exactness) -> Query:
    """Returns the statement of the layer tree: (layer id, rows, rows without a place, extent) of each layer, up to the limit."""
    clause = sql.SQL("WHERE city = %(city)s") if city is not None else sql.SQL("")
    parts = [
        sql.SQL(
            "SELECT {id}, n, n - placed, ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e) FROM (SELECT count(*) AS n, "
            "count(geom) AS placed, ST_Extent(geom) AS e FROM (SELECT geom FROM {table} {clause} LIMIT {cap}) part) t"
        ).format(id=sql.Literal(layer.id), table=view_of(layer), clause=clause, cap=sql.Literal(exactness.of(layer, city) + 1))
        for layer in layers
    ]
    return Query(sql.SQL(" UNION ALL ").join(parts), {"city": city.id if city is not None else None})


async def summaries(
    connection: AsyncConnection[TupleRow], layers: Sequence[Layer], city: City | None, exactness: Exactness
) -> dict[str, Summary]:
    """Returns rows and extent of each layer, by layer id, for one city or for all.

    Up to the limit rows are counted and their extent is read; beyond it the number is the planner's and the extent the city's
    envelope, so that a city of forty million rows still has its layer tree within a second or two.
    """
    if not layers:
        return {}
    asked = summing(layers, city, exactness)
    rows = await (await connection.execute(asked.statement, asked.params)).fetchall()
    found = {}
    by_id = {layer.id: layer for layer in layers}
    for key, number, unplaced, west, south, east, north in rows:
        if number <= exactness.of(by_id[key], city):
            box = (float(west), float(south), float(east), float(north)) if west is not None else None
            found[key] = Summary(Count(number, exact=True), unplaced, box)
        else:
            found[key] = await _large(connection, by_id[key], city, number, exactness.limit)
    return found


async def _large(connection: AsyncConnection[TupleRow], layer: Layer, city: City | None, counted: int, exact_limit: int) -> Summary:
    """Returns the summary of a layer with more rows than are counted."""
    condition, params = where(layer, Selection(city=city.id if city is not None else None))
    rows = await settled(connection, layer, condition, params, counted, exact_limit)
    if not layer.geometry_optional:
        return Summary(rows, 0, city.bbox if city is not None else None)
    homeless = sql.SQL("SELECT count(*) FROM {table} WHERE {condition} AND geom IS NULL").format(table=view_of(layer), condition=condition)
    row = await (await connection.execute(homeless, params)).fetchone()
    return Summary(rows, int(row[0]) if row else 0, city.bbox if city is not None else None)
