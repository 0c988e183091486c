"""Landing page, conformance and collections (OGC API - Common, OGC API - Features Part 1)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from api.dependencies import CityQuery, Connect, ExactnessDep, LayerDep, OpenDep, RegistryDep, RightDep, one_city, visible_layers
from api.links import GEOJSON, link, url
from layers.model import Layer
from spatial.features import Exactness, summaries

__all__ = ["router"]

router = APIRouter(prefix="/ogc", tags=["OGC API"])
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
STORAGE_CRS = "http://www.opengis.net/def/crs/EPSG/0/4490"
# Only what a test proves.
CONFORMS_TO = [
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-common-2/1.0/conf/collections",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/tileset",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/mvt",
]


@router.get("")
async def landing(request: Request, _: OpenDep) -> dict[str, Any]:
    """Answers the landing page."""
    return {
        "title": "万米 Wanmi",
        "description": "城市管理地理信息服务 / GIS server of city supervision",
        "links": [
            link(url(request, "ogc"), "self", title="landing page"),
            link(url(request, "ogc", "conformance"), "conformance"),
            link(url(request, "ogc", "conformance"), "http://www.opengis.net/def/rel/ogc/1.0/conformance"),
            link(url(request, "ogc", "collections"), "data", title="collections"),
            link(url(request, "ogc", "api"), "service-desc", "application/vnd.oai.openapi+json;version=3.0", "OpenAPI 3.0 document"),
        ],
    }


@router.get("/conformance")
async def conformance(_: OpenDep) -> dict[str, list[str]]:
    """Answers the conformance classes."""
    return {"conformsTo": CONFORMS_TO}


@router.get("/collections")
async def collections(
    request: Request,
    registry: RegistryDep,
    right: RightDep,
    exactness: ExactnessDep,
    connect: Connect,
    query: Annotated[CityQuery, Query()],
) -> dict[str, Any]:
    """Answers the collections with their extents."""
    layers = visible_layers(registry, right)
    found = await _extents(connect, layers, query.city, exactness)
    return {
        "links": [link(url(request, "ogc", "collections"), "self")],
        "collections": [describe(request, layer, found.get(layer.id)) for layer in layers],
    }


@router.get("/collections/{layer}")
async def collection(
    request: Request, layer: LayerDep, exactness: ExactnessDep, connect: Connect, query: Annotated[CityQuery, Query()]
) -> dict[str, Any]:
    """Answers one collection."""
    found = await _extents(connect, [layer], query.city, exactness)
    return describe(request, layer, found.get(layer.id))


async def _extents(connect: Connect, layers: list[Layer], city_key: str | None, exactness: Exactness) -> dict[str, list[float]]:
    async with connect.queries() as connection:
        city = await one_city(connection, city_key)
        found = await summaries(connection, layers, city, exactness)
    return {key: list(summary.bbox) for key, summary in found.items() if summary.bbox is not None}


def describe(request: Request, layer: Layer, bbox: list[float] | None) -> dict[str, Any]:
    """Returns the collection object of a layer."""
    here = ("ogc", "collections", layer.id)
    document: dict[str, Any] = {
        "id": layer.id,
        "title": layer.title.zh,
        "description": layer.description.zh if layer.description else f"{layer.title.zh} / {layer.title.en}",
        "itemType": "feature",
        "crs": [CRS84],
        "storageCrs": STORAGE_CRS,
        "links": [
            link(url(request, *here), "self"),
            link(url(request, *here, "items"), "items", GEOJSON, layer.title.zh),
            link(url(request, *here, "tiles"), "http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector"),
        ],
    }
    if bbox is not None:
        document["extent"] = {"spatial": {"bbox": [bbox], "crs": CRS84}}
    return document
