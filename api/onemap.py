"""What the one-map asks for beside OGC: cities, the layer tree, what lies under a click."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from api.dependencies import (
    CityParam,
    CityQuery,
    Connect,
    ExactnessDep,
    ReaderDep,
    RegistryDep,
    RightDep,
    StrictQuery,
    Text,
    all_cities,
    one_city,
    visible_layer,
    visible_layers,
)
from api.errors import bad_request
from grid_coding import classes as class_tables
from grid_coding.profiles import profile
from layers.model import Domain, Layer
from layers.style import legend
from spatial.cities import City
from spatial.crs import metric_title
from spatial.features import Selection, Summary, near, summaries
from spatial.rights.model import Right

__all__ = ["describe_city", "router"]

router = APIRouter(prefix="/api", tags=["one-map"])
MAX_HITS = 50


@router.get("/cities")
async def get_cities(connect: Connect, _: ReaderDep) -> dict[str, Any]:
    """Answers the cities for the city switcher."""
    async with connect.queries() as connection:
        found = await all_cities(connection)
    return {"cities": [describe_city(city) for city in found]}


def describe_city(city: City) -> dict[str, Any]:
    """Returns what the switcher and the city page tell of a city."""
    rules = profile(city.profile)
    metric_zh, metric_en = metric_title(city.metric_srid)
    return {
        "key": city.key,
        "title": {"zh": city.title_zh, "en": city.title_en},
        "prefix": city.prefix,
        "profile": city.profile,
        "profile_title": {"zh": rules.zh, "en": rules.en},
        "bbox": list(city.bbox),
        "metric_srid": city.metric_srid,
        "metric_title": {"zh": metric_zh, "en": metric_en},
        "datum": city.datum,
        "calendar": city.calendar,
        "view": {"lon": city.view_lon, "lat": city.view_lat, "zoom": city.view_zoom},
        "notice": {"zh": city.notice_zh, "en": city.notice_en or city.notice_zh} if city.notice_zh else None,
        "map_number": city.map_number,
    }


@router.get("/layers")
async def get_layers(
    registry: RegistryDep, right: RightDep, exactness: ExactnessDep, connect: Connect, query: Annotated[CityQuery, Query()]
) -> dict[str, Any]:
    """Answers the layer tree with fields, domains, legends, counts and extents."""
    layers = visible_layers(registry, right)
    async with connect.queries() as connection:
        city = await one_city(connection, query.city)
        found = await summaries(connection, layers, city, exactness)
    return {
        "groups": [{"id": group.id, "title": group.title.model_dump()} for group in registry.groups],
        "layers": [_describe_layer(layer, city, found[layer.id], right) for layer in layers],
    }


def _describe_layer(layer: Layer, city: City | None, summary: Summary, right: Right) -> dict[str, Any]:
    fields = [
        {
            "key": key, "title": field.title.model_dump(), "type": field.type, "unit": field.unit, "domain": field.domain,
            "list": field.list, "search": field.search, "abbreviation": field.abbreviation, "masked": right.masked(layer, field),
        }
        for key, field in layer.fields.items()
    ]  # fmt: skip
    return {
        "id": layer.id,
        "role": layer.role,
        "title": layer.title.model_dump(),
        "description": layer.description.model_dump() if layer.description else None,
        "group": layer.group,
        "geometry": list(layer.geometry),
        "points": layer.points,
        "standard": layer.standard,
        "name": layer.name,
        "code": layer.code,
        "time": layer.time,
        "visible": layer.visible,
        "basemap": layer.style.basemap,
        "minzoom": layer.minzoom,
        "detail_zoom": layer.detail_zoom,
        "maxzoom": layer.maxzoom,
        "aggregate_by": layer.aggregate_by,
        "style_by": layer.style.by,
        "hidden": list(layer.hidden),
        "fields": fields,
        "domains": {key: _values(domain, city) for key, domain in layer.domains.items()},
        "legend": legend(layer),
        "count": summary.rows.rows,
        "exact": summary.rows.exact,
        "unplaced": summary.unplaced,
        "may": [action for action in ("export", "edit", "propose", "unmask") if right.may(action, layer)],
        "bbox": list(summary.bbox) if summary.bbox is not None else None,
    }


def _values(domain: Domain, city: City | None) -> list[dict[str, Any]]:
    """The values of a domain; a class table is that of the city's code profile."""
    if domain.class_table is None:
        return [value.model_dump() for value in domain.values]
    if city is None:
        return []
    table = class_tables.classes(city.profile, domain.class_table)
    return [{"value": code, "zh": entry.name, "en": entry.name, "colour": None} for code, entry in table.items()]


class NearQuery(StrictQuery):
    """Parameters of a click: place in degrees, reach in metres, layers from top to bottom."""

    lon: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
    lat: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
    radius_m: Annotated[float, Field(ge=0, le=5000, allow_inf_nan=False)] = 10
    layers: Text
    shown: Annotated[list[Text], Field(default_factory=list, max_length=200, description="layer:value; of that layer only such values")]
    city: CityParam = None
    limit: Annotated[int, Field(ge=1, le=MAX_HITS)] = 20


@router.get("/identify")
async def identify(registry: RegistryDep, right: RightDep, connect: Connect, query: Annotated[NearQuery, Query()]) -> dict[str, Any]:
    """Answers what lies within a distance of a point, layer by layer in the order asked, nearest and smallest first."""
    layers = [visible_layer(registry, right, name) for name in query.layers.split(",") if name]
    values = _shown_values(query.shown)
    features: list[dict[str, Any]] = []
    async with connect.queries() as connection:
        city = await one_city(connection, query.city)
        for layer in layers:
            if len(features) >= query.limit:
                break
            equals = {layer.style.by: values[layer.id]} if layer.style.by is not None and layer.id in values else {}
            selection = Selection(city.id if city else None, equals=equals, gated=connect.gated)
            question = near(layer, selection, query.lon, query.lat, query.radius_m, query.limit - len(features))
            rows = await (await connection.execute(question.statement, question.params)).fetchall()
            features += [{**json.loads(row[3]), "layer": layer.id, "distance_m": round(row[1], 2)} for row in rows]
    return {"type": "FeatureCollection", "features": features, "numberReturned": len(features)}


def _shown_values(pairs: list[str]) -> dict[str, list[str]]:
    """Returns the legend values to look for by layer.

    >>> _shown_values(["case:filing", "case:dispatch"])
    {'case': ['filing', 'dispatch']}
    """
    found: dict[str, list[str]] = {}
    for pair in pairs:
        layer, colon, value = pair.partition(":")
        if not colon:
            raise bad_request("invalid-parameter", "shown 应为 图层:值", "shown is layer:value", "shown", pair)
        found.setdefault(layer, []).append(value)
    return found
