"""Vector tiles by one statement a layer and zoom; only z, x, y and the city are bound.

Two kinds: features one by one, and, for points below the layer's ``detail_zoom``, cells of 16 × 16 a tile with counts.
Search is widened by the buffer (no seams), order is fixed (stable ETag). A feature counts 1 in the tile that holds its
anchor and 0 where the buffer repeats it, so the sum of ``count`` over the tiles of any zoom is the number of features.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from psycopg import AsyncConnection, sql
from psycopg.rows import TupleRow

from layers.model import Layer
from spatial.features import overlaps, view_of
from tiles.grids import Tile

__all__ = ["EXTENT", "TileBytes", "statement", "vector_tile"]

EXTENT = 4096
BUFFER = 64
CELLS = 16  # a side: 32 pixels a cell on the screen, so that counts stay legible (64 would be 8 pixels)


@dataclass(frozen=True, slots=True)
class TileBytes:
    """A tile as it is sent: Mapbox vector tile bytes and their strong ETag; empty bytes mean 204."""

    body: bytes
    etag: str


async def vector_tile(connection: AsyncConnection[TupleRow], layer: Layer, tile: Tile, city: str | None, gated: bool) -> TileBytes:
    """Makes one tile of a layer on WebMercatorQuad; ``gated`` as in ``spatial.features.overlaps``."""
    if not layer.minzoom <= tile.z:
        return TileBytes(b"", '"empty"')
    query = statement(layer, tile.z, city is not None, gated)
    params = {"z": tile.z, "x": tile.x, "y": tile.y, "city": city}
    row = await (await connection.execute(query, params, prepare=True, binary=True)).fetchone()
    body = bytes(row[0]) if row and row[0] else b""
    return TileBytes(body, f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"' if body else '"empty"')


def statement(layer: Layer, zoom: int, by_city: bool, gated: bool = False) -> sql.Composed:
    """Returns the tile statement of a layer at a zoom; bound: z, x, y and, when asked for, the city's key."""
    # the key is resolved inside the statement: one round trip a tile
    city = sql.SQL("city = (SELECT c.id FROM seen.city c WHERE c.key = %(city)s) AND ") if by_city else sql.SQL("")
    return _cells(layer, city, gated) if layer.points and zoom < layer.detail_zoom else _features(layer, zoom, city, gated)


def _features(layer: Layer, zoom: int, city: sql.SQL, gated: bool) -> sql.Composed:
    fields = [key for key, smallest in layer.tile_fields.items() if zoom >= smallest]
    envelope = sql.SQL("ST_TileEnvelope(%(z)s, %(x)s, %(y)s, margin => {})").format(sql.Literal(BUFFER / EXTENT))
    columns = sql.SQL("").join(sql.SQL(", {}").format(sql.Identifier(key)) for key in fields)
    return sql.SQL("""
        SELECT ST_AsMVT(t, {name}, {extent}, 'mvt_geom', 'id') FROM (
          SELECT ST_AsMVTGeom(f.geom3857, b.tile, {extent}, {buffer}, true) AS mvt_geom, f.id,
                 (ST_X(f.{anchor}) >= ST_XMin(b.tile) AND ST_X(f.{anchor}) < ST_XMax(b.tile)
                  AND ST_Y(f.{anchor}) > ST_YMin(b.tile) AND ST_Y(f.{anchor}) <= ST_YMax(b.tile))::int AS count{columns}
          FROM (SELECT ST_TileEnvelope(%(z)s, %(x)s, %(y)s) AS tile) b,
               {table} f
          WHERE {city}{within}
          ORDER BY f.id
        ) t WHERE mvt_geom IS NOT NULL
    """).format(
        name=sql.Literal(layer.id),
        extent=sql.Literal(EXTENT),
        buffer=sql.Literal(BUFFER),
        within=overlaps(layer, sql.SQL("f.geom3857"), envelope, gated),
        columns=columns,
        table=view_of(layer),
        city=city,
        anchor=sql.SQL("geom3857" if layer.points else "anchor"),
    )


def _cells(layer: Layer, city: sql.SQL, gated: bool) -> sql.Composed:
    """Cells anchored to the grid of the world; each is owned by one tile. Integer sums keep the ETag stable."""
    counts: list[sql.Composable] = []
    domain = layer.domain_of(layer.aggregate_by) if layer.aggregate_by is not None else None
    if domain is not None and layer.aggregate_by is not None:
        counts = [
            sql.SQL(", nullif(count(*) FILTER (WHERE {} = {}), 0)::int AS {}").format(
                sql.Identifier(layer.aggregate_by), sql.Literal(value.value), sql.Identifier(f"count_{value.value}")
            )
            for value in domain.values
        ]
    kept = sql.SQL(", {}").format(sql.Identifier(layer.aggregate_by)) if counts and layer.aggregate_by else sql.SQL("")
    return sql.SQL("""
        SELECT ST_AsMVT(t, {name}, {extent}, 'mvt_geom', 'id') FROM (
          SELECT ST_MakePoint(round(avg(px)), round(avg(py))) AS mvt_geom, (py / {cell}) * {side} + px / {cell} + 1 AS id,
                 count(*)::int AS count{counts}
          FROM (
            SELECT least(floor((ST_X(geom3857) - ST_XMin(b.tile)) / b.unit), {last})::int AS px,
                   least(floor((ST_YMax(b.tile) - ST_Y(geom3857)) / b.unit), {last})::int AS py{kept}
            FROM {table}, (SELECT ST_TileEnvelope(%(z)s, %(x)s, %(y)s) AS tile,
                                  (ST_XMax(ST_TileEnvelope(%(z)s, %(x)s, %(y)s)) - ST_XMin(ST_TileEnvelope(%(z)s, %(x)s, %(y)s)))
                                  / {extent} AS unit) b
            WHERE {city}{within}
              AND ST_X(geom3857) >= ST_XMin(b.tile) AND ST_X(geom3857) < ST_XMax(b.tile)
              AND ST_Y(geom3857) > ST_YMin(b.tile) AND ST_Y(geom3857) <= ST_YMax(b.tile)
          ) p GROUP BY px / {cell}, py / {cell} ORDER BY 2
        ) t
    """).format(
        name=sql.Literal(layer.id),
        extent=sql.Literal(EXTENT),
        last=sql.Literal(EXTENT - 1),
        cell=sql.Literal(EXTENT // CELLS),
        side=sql.Literal(CELLS),
        counts=sql.SQL("").join(counts),
        kept=kept,
        within=overlaps(layer, sql.SQL("geom3857"), sql.SQL("ST_TileEnvelope(%(z)s, %(x)s, %(y)s)"), gated),
        table=view_of(layer),
        city=city,
    )
