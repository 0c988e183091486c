"""MapLibre styles built from the registry (OGC API - Styles addresses)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from api.dependencies import CityQuery, Connect, LayerDep, ReaderDep, RegistryDep, RightDep, one_city, visible_layers
from api.errors import not_found
from api.links import link, url
from api.ogc.tiles import WHOLE_WORLD, tilejson
from layers.catalogue import Registry
from layers.model import Layer
from layers.style import THEMES, map_style

__all__ = ["router"]

router = APIRouter(tags=["OGC API - Styles"])
MAPLIBRE = "application/vnd.mapbox.style+json"


@router.get("/ogc/styles")
async def styles(request: Request, _: ReaderDep) -> dict[str, Any]:
    """Answers the styles of the whole map."""
    return {
        "styles": [
            {"id": theme, "title": theme, "links": [link(url(request, "ogc", "styles", theme), "stylesheet", MAPLIBRE)]} for theme in THEMES
        ]
    }


@router.get("/ogc/styles/{style}")
async def style(
    request: Request, style: str, right: RightDep, registry: RegistryDep, connect: Connect, query: Annotated[CityQuery, Query()]
) -> dict[str, Any]:
    """Answers the style of the whole map in a theme."""
    layers = visible_layers(registry, right)
    return await _style(request, style, Registry(registry.groups, {layer.id: layer for layer in layers}), connect, query.city)


@router.get("/ogc/collections/{layer}/styles/{style}")
async def layer_style(
    request: Request, style: str, layer: LayerDep, registry: RegistryDep, connect: Connect, query: Annotated[CityQuery, Query()]
) -> dict[str, Any]:
    """Answers the style of one layer in a theme."""
    shown = layer.model_copy(update={"visible": True})
    return await _style(request, style, Registry(registry.groups, {layer.id: shown}), connect, query.city)


async def _style(request: Request, name: str, registry: Registry, connect: Connect, key: str | None) -> dict[str, Any]:
    if name not in THEMES:
        raise not_found(f"没有样式“{name[:60]}”", f"there is no style {name[:60]!r}", "style", name)
    async with connect.queries() as connection:
        city = await one_city(connection, key)
    bounds = city.bbox if city is not None else WHOLE_WORLD

    def source(layer: Layer) -> dict[str, Any]:
        described = tilejson(request, layer, key, bounds)
        return {"type": "vector", **{member: described[member] for member in ("tiles", "minzoom", "maxzoom", "bounds", "scheme")}}

    return map_style(registry, name, source)
