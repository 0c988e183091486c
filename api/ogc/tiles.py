"""Vector tiles: tilesets, TileJSON, tiles (OGC API - Tiles Part 1), and the XYZ alias."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api.dependencies import CityQuery, Connect, ExactnessDep, LayerDep, ReaderDep, one_city
from api.errors import not_found
from api.links import link, url
from layers.model import Layer
from spatial.features import Exactness, summaries
from tiles.grids import GRIDS, checked_tile, grid, limits
from tiles.vector import vector_tile

__all__ = ["WHOLE_WORLD", "router", "tilejson"]

router = APIRouter(tags=["OGC API - Tiles"])
MVT = "application/vnd.mapbox-vector-tile"
GRID_URI = "http://www.opengis.net/def/tilematrixset/OGC/1.0/"
WHOLE_WORLD = (-180.0, -85.0511287, 180.0, 85.0511287)


class TilesetQuery(CityQuery):
    """Parameters of a tileset; ``f=tilejson`` asks for TileJSON."""

    f: Annotated[str | None, Query(pattern="^(json|tilejson)$")] = None


def tilejson(request: Request, layer: Layer, city: str | None, bounds: tuple[float, float, float, float]) -> dict[str, Any]:
    """Returns the TileJSON 3.0.0 of a layer."""
    template = url(request, "ogc", "collections", layer.id, "tiles", GRIDS[0], "{z}", "{y}", "{x}", city=city)
    fields = {"count": "number of features", **{key: layer.fields[key].title.zh for key in layer.tile_fields}}
    return {
        "tilejson": "3.0.0",
        "name": layer.title.zh,
        "scheme": "xyz",
        "tiles": [template],
        "minzoom": layer.minzoom,
        "maxzoom": layer.maxzoom,
        "bounds": list(bounds),
        "vector_layers": [{"id": layer.id, "fields": fields, "minzoom": layer.minzoom, "maxzoom": layer.maxzoom}],
    }


async def _bounds(connect: Connect, layer: Layer, key: str | None, exactness: Exactness) -> tuple[float, float, float, float]:
    async with connect.queries() as connection:
        city = await one_city(connection, key)
        found = await summaries(connection, [layer], city, exactness)
    return found[layer.id].bbox or WHOLE_WORLD


@router.get("/ogc/tileMatrixSets")
async def tile_matrix_sets(request: Request, _: ReaderDep) -> dict[str, Any]:
    """Answers the grids that are served."""
    return {
        "tileMatrixSets": [
            {"id": name, "uri": GRID_URI + name, "links": [link(url(request, "ogc", "tileMatrixSets", name), "self")]} for name in GRIDS
        ]
    }


@router.get("/ogc/tileMatrixSets/{name}", response_class=Response)
async def tile_matrix_set(_: ReaderDep, name: str) -> Response:
    """Answers the definition of a grid."""
    if name not in GRIDS:
        raise not_found(f"没有瓦片网格“{name[:60]}”", f"there is no tile matrix set {name[:60]!r}", "tileMatrixSetId", name)
    return Response(grid(name).model_dump_json(exclude_none=True), media_type="application/json")


@router.get("/ogc/collections/{layer}/tiles")
async def tilesets(request: Request, layer: LayerDep, query: Annotated[CityQuery, Query()]) -> dict[str, Any]:
    """Answers the tilesets of a layer."""
    here = url(request, "ogc", "collections", layer.id, "tiles")
    return {"links": [link(here, "self")], "tilesets": [_tileset(request, layer, name, query.city) for name in GRIDS]}


def _tileset(request: Request, layer: Layer, name: str, city: str | None) -> dict[str, Any]:
    here = ("ogc", "collections", layer.id, "tiles", name)
    template = url(request, *here, "{tileMatrix}", "{tileRow}", "{tileCol}", city=city)
    return {
        "title": layer.title.zh,
        "dataType": "vector",
        "crs": "http://www.opengis.net/def/crs/EPSG/0/3857",
        "tileMatrixSetURI": GRID_URI + name,
        "links": [
            link(url(request, *here, city=city), "self"),
            link(template, "item", MVT, templated=True),
            link(url(request, "ogc", "tileMatrixSets", name), "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme"),
        ],
    }


@router.get("/ogc/collections/{layer}/tiles/{grid_name}")
async def tileset(
    request: Request,
    layer: LayerDep,
    grid_name: str,
    exactness: ExactnessDep,
    connect: Connect,
    query: Annotated[TilesetQuery, Query()],
) -> dict[str, Any]:
    """Answers one tileset, or its TileJSON."""
    _served(grid_name)
    bounds = await _bounds(connect, layer, query.city, exactness)
    if query.f == "tilejson":
        return tilejson(request, layer, query.city, bounds)
    document = _tileset(request, layer, grid_name, query.city)
    document["tileMatrixSetLimits"] = limits(grid_name, bounds, layer.minzoom, layer.maxzoom)
    document["layers"] = [{"id": layer.id, "dataType": "vector", "geometryDimension": 0 if layer.points else 1 if layer.lines else 2}]
    return document


@router.get("/ogc/collections/{layer}/tiles/{grid_name}/{z}/{row}/{column}", response_class=Response)
async def tile(
    request: Request, layer: LayerDep, grid_name: str, z: int, row: int, column: int, connect: Connect, query: Annotated[CityQuery, Query()]
) -> Response:
    """Answers a tile by matrix, row and column."""
    _served(grid_name)
    return await _tile(request, layer, z, column, row, connect, query.city)


@router.get("/tiles/{layer}/{z}/{x}/{y}", response_class=Response)
async def xyz_tile(
    request: Request, layer: LayerDep, z: int, x: int, y: str, connect: Connect, query: Annotated[CityQuery, Query()]
) -> Response:
    """Answers a tile by zoom, column and row, with or without an ending such as ``.pbf`` or ``.mvt``."""
    row = y.removesuffix(".pbf").removesuffix(".mvt")
    if not row.isdecimal():
        raise not_found("没有这个瓦片", "there is no such tile", "y", y)
    return await _tile(request, layer, z, x, int(row), connect, query.city)


async def _tile(request: Request, layer: Layer, z: int, x: int, y: int, connect: Connect, key: str | None) -> Response:
    address = checked_tile(z, x, y)
    async with connect.tiles() as connection:
        made = await vector_tile(connection, layer, address, key, connect.gated)
        if not made.body:
            await one_city(connection, key)  # an empty tile of a city that is not there is a 404
    headers = {"ETag": made.etag, "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == made.etag:
        return Response(status_code=304, headers=headers)
    if not made.body:
        return Response(status_code=204, headers=headers)
    return Response(made.body, media_type=MVT, headers=headers)


def _served(grid_name: str) -> None:
    if grid_name not in GRIDS:
        raise not_found(f"没有瓦片网格“{grid_name[:60]}”", f"there is no tile matrix set {grid_name[:60]!r}", "tileMatrixSetId", grid_name)
