"""``/api/search`` and ``/api/statistics``."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import Field

from api.dependencies import (
    CityParam,
    Connect,
    RegistryDep,
    RightDep,
    StrictQuery,
    Text,
    one_city,
    parse_bbox,
    visible_layer,
    visible_layers,
)
from api.errors import bad_request
from api.ogc.items import field_filters
from spatial.features import Selection, group_counts
from spatial.search import parse_coordinates, search, searchable

__all__ = ["router"]

router = APIRouter(prefix="/api", tags=["search"])
STATISTICS_PARAMETERS = frozenset({"layer", "by", "city", "bbox"})


class SearchQuery(StrictQuery):
    """Parameters of a search."""

    q: Annotated[Text, Field(min_length=1, max_length=200)]
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    bbox: Text | None = None
    city: CityParam = None


@router.get("/search")
async def get_search(registry: RegistryDep, right: RightDep, connect: Connect, query: Annotated[SearchQuery, Query()]) -> dict[str, Any]:
    """Answers features whose code starts with the text or whose name holds it, and the place when it is a coordinate."""
    text = query.q.strip()
    features: list[dict[str, Any]] = []
    place = parse_coordinates(text)
    if place is not None:
        features.append(_hit("coordinate", None, None, f"{place[0]:.6f}, {place[1]:.6f}", None, 2.0, *place))
    if text:
        async with connect.queries() as connection:
            city = await one_city(connection, query.city)
            layers = searchable(visible_layers(registry, right))
            question = search(layers, text, city.id if city else None, parse_bbox(query.bbox), query.limit)
            rows = await (await connection.execute(question.statement, question.params)).fetchall() if layers else []
        features += [_hit("feature", *row) for row in rows]
    return {"type": "FeatureCollection", "features": features[: query.limit], "numberReturned": min(len(features), query.limit)}


def _hit(
    kind: str,
    layer: str | None,
    feature: int | None,
    title: str | None,
    subtitle: str | None,
    score: float,
    lon: float | None,
    lat: float | None,
) -> dict[str, Any]:
    geometry = {"type": "Point", "coordinates": [lon, lat]} if lon is not None else None
    other = subtitle if subtitle != title else None
    properties = {"kind": kind, "layer": layer, "id": feature, "title": title, "subtitle": other, "score": round(score, 3)}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


@router.get("/statistics")
async def get_statistics(
    request: Request,
    registry: RegistryDep,
    right: RightDep,
    connect: Connect,
    layer: Annotated[Text, Query(description="layer id")],
    by: Annotated[Text | None, Query(description="field to count by; without it only the total")] = None,
    city: CityParam = None,
    bbox: Annotated[Text | None, Query(description="west,south,east,north in degrees")] = None,
) -> dict[str, Any]:
    """Answers exact counts by a field; every other field is a parameter for equality."""
    found = visible_layer(registry, right, layer)
    if by is not None and by not in found.fields:
        raise bad_request(
            "unknown-field", f"图层“{found.title.zh}”没有字段“{by[:60]}”", f"layer {layer!r} has no field {by[:60]!r}", "by", by
        )
    equals = field_filters(found, request.query_params, STATISTICS_PARAMETERS)
    async with connect.queries() as connection:
        home = await one_city(connection, city)
        question = group_counts(found, Selection(home.id if home else None, parse_bbox(bbox), equals=equals, gated=connect.gated), by)
        rows = await (await connection.execute(question.statement, question.params)).fetchall()
    items = [{"key": None if row[0] is None else str(row[0]), "count": row[1]} for row in rows] if by is not None else []
    return {"layer": layer, "by": by, "total": sum(row[1] for row in rows), "exact": True, "items": items}
