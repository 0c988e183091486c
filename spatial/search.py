"""Search by code, name and coordinates over every searchable field of the given layers.

Codes are found by prefix (btree on upper case), names by part (trigram index). Geocoding of spoken places is a later floor.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from psycopg import sql

from layers.model import Layer
from spatial.features import BBox, Query, view_of
from spatial.rights.views import SEEN_SCHEMA

__all__ = ["parse_coordinates", "search", "searchable"]

# Among equal matches the wider thing comes first; roles that are not listed share the middle.
ROLE_WEIGHT = {
    "district": 0.09,
    "street": 0.08,
    "community": 0.07,
    "road": 0.06,
    "park": 0.06,
    "emergency": 0.05,
    "building": 0.03,
    "address": 0.02,
}
PLAIN_WEIGHT = 0.04
# So many of each layer come before any layer's next: thousands of lamps must not hide the one road of that name.
MIX = 3
# Rows looked at for each one shown: the pieces of one road bear one name, and names that repeat come after all others.
POOL = 20
# Candidates for each row looked at: some may match in a field that is masked for who asks, and fall away.
MASKED = 5
NUMBER = r"[-+]?\d{1,3}(?:\.\d+)?"
DECIMAL_PAIR = re.compile(rf"\s*({NUMBER})\s*[°]?\s*([NSEWnsew])?\s*[,，;；\s]\s*({NUMBER})\s*[°]?\s*([NSEWnsew])?\s*")
DMS = re.compile(r"(\d{1,3})\s*[°度]\s*(\d{1,2})\s*[′'分]\s*(\d{1,2}(?:\.\d+)?)\s*[″\"秒]?\s*([NSEWnsew东西南北])?")
AXIS = {"N": "lat", "S": "lat", "E": "lon", "W": "lon", "北": "lat", "南": "lat", "东": "lon", "西": "lon"}


def parse_coordinates(text: str) -> tuple[float, float] | None:
    """Reads a pair of coordinates and answers (lon, lat) in degrees, or None when the text is something else.

    Without letters the larger absolute value is the longitude, which holds all over China whichever way people write.

    >>> parse_coordinates("113.65, 34.76"), parse_coordinates("34.76N 113.65E")
    ((113.65, 34.76), (113.65, 34.76))
    >>> parse_coordinates("113°39′00″E 34°45′36″N")
    (113.65, 34.76)
    >>> parse_coordinates("410106010307") is None
    True
    """
    dms = DMS.findall(text)
    if len(dms) == 2:
        values = [(round(int(d) + int(m) / 60 + float(s) / 3600, 8), letter.upper()) for d, m, s, letter in dms]
    else:
        match = DECIMAL_PAIR.fullmatch(text)
        if match is None:
            return None
        values = [(float(match[1]), (match[2] or "").upper()), (float(match[3]), (match[4] or "").upper())]
    (first, first_letter), (second, second_letter) = ((-v if letter in ("S", "W", "南", "西") else v, letter) for v, letter in values)
    if first_letter or second_letter:
        first_is_lon = AXIS.get(first_letter) == "lon" or AXIS.get(second_letter) == "lat"
    else:
        first_is_lon = abs(first) >= abs(second)
    lon, lat = (first, second) if first_is_lon else (second, first)
    return (lon, lat) if -180 <= lon <= 180 and -90 <= lat <= 90 else None


def searchable(layers: Sequence[Layer]) -> list[Layer]:
    """Returns those of the layers that have a field to search."""
    return [layer for layer in layers if any(field.search for field in layer.fields.values())]


def search(layers: Sequence[Layer], text: str, city: int | None, bbox: BBox | None, limit: int) -> Query:
    """Returns the statement over at least one searchable layer: (layer id, feature id, title, subtitle, score, lon, lat), best first.

    Score: 1 for an equal code or name, 0.8 for a prefix, 0.5 for a part, plus a little by the layer's role.
    """
    parts = [_part(layer, bbox is not None) for layer in layers]
    statement = sql.SQL("""
        SELECT layer, id, title, subtitle, score, lon, lat FROM ({}) t
        ORDER BY copy > 1, place > %(first)s, score DESC, char_length(title), title, id LIMIT %(limit)s
    """).format(sql.SQL(" UNION ALL ").join(parts))
    escaped = re.sub(r"([\\%_])", r"\\\1", text)
    params: dict[str, object] = {
        "q": text, "upper": text.upper(), "prefix": f"{escaped}%", "upper_prefix": f"{escaped.upper()}%", "part": f"%{escaped}%",
        "city": city, "limit": limit, "first": max(MIX, limit // 4), "pool": limit * POOL, "most": limit * POOL * MASKED,
    }  # fmt: skip
    if bbox is not None:
        params |= dict(zip(("west", "south", "east", "north"), bbox, strict=True))
    return Query(statement, params)


def _part(layer: Layer, by_bbox: bool) -> sql.Composed:
    matches: list[sql.Composable] = []
    scores: list[sql.Composable] = []
    for key, field in layer.fields.items():
        if not field.search:
            continue
        column = sql.Identifier(key)
        if field.unique:
            matches.append(sql.SQL("upper({}) LIKE %(upper_prefix)s").format(column))
            scores.append(
                sql.SQL("CASE WHEN upper({0}) = %(upper)s THEN 1 WHEN upper({0}) LIKE %(upper_prefix)s THEN 0.8 ELSE 0 END").format(column)
            )
        else:
            matches.append(sql.SQL("{} LIKE %(part)s").format(column))
            scores.append(
                sql.SQL("CASE WHEN {0} = %(q)s THEN 1 WHEN {0} LIKE %(prefix)s THEN 0.8 WHEN {0} LIKE %(part)s THEN 0.5 ELSE 0 END").format(
                    column
                )
            )
    box = sql.SQL("ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4490)") if by_bbox else sql.SQL("NULL::geometry")
    # the gate finds candidates by index and cuts them by the right; matched again here, so that a masked field tells nothing
    found = sql.SQL("id = ANY (ARRAY(SELECT {find}(%(q)s, %(part)s, %(prefix)s, %(city)s::smallint, {box}, %(most)s)))").format(
        find=sql.Identifier(SEEN_SCHEMA, f"find_{layer.id}"), box=box
    )
    limits = sql.SQL("{} AND ({})").format(found, sql.SQL(" OR ").join(matches))
    weight = ROLE_WEIGHT.get(layer.role or "", PLAIN_WEIGHT)
    return sql.SQL("""(
        SELECT {layer}::text AS layer, id, {name}::text AS title, {code}::text AS subtitle,
               (rank + {weight})::float8 AS score, ST_X(ST_PointOnSurface(geom)) AS lon, ST_Y(ST_PointOnSurface(geom)) AS lat,
               row_number() OVER (ORDER BY copy, rank DESC, char_length({name}), id) AS place, copy
        FROM (SELECT *, row_number() OVER (PARTITION BY {name} ORDER BY rank DESC, id) AS copy
              FROM (SELECT *, greatest({scores}) AS rank FROM {table} WHERE {limits}
                    ORDER BY rank DESC, char_length({name}), id LIMIT %(pool)s) p) m)
    """).format(
        layer=sql.Literal(layer.id),
        name=sql.Identifier(layer.name),
        code=sql.Identifier(layer.code) if layer.code is not None else sql.SQL("NULL"),
        scores=sql.SQL(", ").join(scores),
        weight=sql.Literal(weight),
        table=view_of(layer),
        limits=limits,
    )
